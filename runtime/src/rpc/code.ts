// SPDX-License-Identifier: Apache-2.0
// The status codes of calls: gRPC's sixteen, since users know them and bridges need them.

import { UNKNOWN } from "./code-numbers.js";

/** Why a call failed. The numbers are gRPC's. */
export const Code = {
  /** The caller gave up. */
  Cancelled: 1,
  /** The other side's error says nothing that fits another code. */
  Unknown: 2,
  /** The request is wrong whatever the state of the system. */
  InvalidArgument: 3,
  /** Time was up. */
  DeadlineExceeded: 4,
  /** What was asked for isn't there. */
  NotFound: 5,
  /** What should be made exists. */
  AlreadyExists: 6,
  /** The caller is known and may not do this. */
  PermissionDenied: 7,
  /** A quota or a limit is used up. */
  ResourceExhausted: 8,
  /** The system isn't in the state that the call needs. */
  FailedPrecondition: 9,
  /** A conflict with another call: repeat from further up. */
  Aborted: 10,
  /** Behind the end of something that may grow. */
  OutOfRange: 11,
  /** There is no such service or method. */
  Unimplemented: 12,
  /** Something is broken. */
  Internal: 13,
  /** The service can't be reached now: try again. */
  Unavailable: 14,
  /** Data is lost for good. */
  DataLoss: 15,
  /** The caller hasn't shown who it is. */
  Unauthenticated: 16,
} as const;
/** One of the sixteen status codes. */
export type Code = (typeof Code)[keyof typeof Code];

// In the order of their numbers, which have no gap.
const NAMES: readonly string[] = Object.keys(Code).map((name) => name.replace(/\B[A-Z]/g, "_$&").toLowerCase());

/** The name of a code as gRPC writes it in lower case, e.g. `not_found`. */
export function codeName(code: Code): string {
  return NAMES[code - 1] ?? String(code);
}

/** A number from the wire as a code: outside 1 … 16 it is `unknown`. */
export function codeFromWire(value: number): Code {
  return value - 1 in NAMES ? (value as Code) : UNKNOWN;
}
