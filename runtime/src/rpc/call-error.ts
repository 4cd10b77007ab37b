// SPDX-License-Identifier: Apache-2.0
// What every error of a call is: `RpcError`, but for the headers that a small client carries only if it is told to.

import type { ErrorDetail } from "../metadata/envelope.js";
import type { Metadata } from "../metadata/headers.js";
import { type Code, codeName } from "./code.js";
import { CANCELLED, DEADLINE_EXCEEDED, INTERNAL } from "./code-numbers.js";
import { messageOf } from "./describe.js";
import type { RpcErrorOptions } from "./error.js";

// Shared by all copies of the package that one program may load.
const BRAND = /*@__PURE__*/ Symbol.for("rsocket-rpc.RpcError");

type Said = Omit<RpcErrorOptions, "headers" | "trailers">;
/** What may be said of an error; undefined is nothing. */
export type CallErrorOptions = { readonly [Name in keyof Said]: Said[Name] | undefined } & {
  readonly trailers?: Metadata | undefined;
};

/**
 * A call failed.
 *
 * @example
 * if (RpcError.is(error, Code.NotFound, Code.Unavailable)) …
 */
export class CallError extends Error {
  override readonly name: string = "RpcError";
  readonly scope = "call";
  declare readonly code: Code;
  /** The message without the code in front of it. */
  declare readonly rawMessage: string;
  /** Who says so: this side, or the peer. */
  declare readonly initiator: "local" | "remote";
  /** The call was certainly not processed: it is safe to repeat it. */
  declare readonly retryable: boolean;
  /** Key-value pairs that came with the error; undefined on a connection that reads none. */
  declare readonly trailers: Metadata | undefined;
  /** Typed details, as `google.protobuf.Any` holds them. Read them with `findDetails(error, schema)`. */
  declare readonly details: readonly ErrorDetail[];
  /** The RSocket error code that came over the wire, if one did (RSocket 1.0 §Error Codes). */
  declare readonly wireCode: number | undefined;

  constructor(code: Code, message: string, options: CallErrorOptions = {}) {
    super(`[${codeName(code)}] ${message}`, options.cause === undefined ? undefined : options);
    this.code = code;
    this.rawMessage = message;
    this.initiator = options.initiator ?? "local";
    this.retryable = options.retryable ?? false;
    this.trailers = options.trailers;
    this.details = options.details ?? [];
    this.wireCode = options.wireCode;
  }

  static {
    Object.defineProperty(CallError.prototype, BRAND, { value: true });
  }

  /** `error` itself if it is one; an abort as `cancelled`, a timeout as `deadline_exceeded`, all else as `internal`. */
  static from(error: unknown): CallError {
    return callErrorOf(error);
  }

  /** True for an RpcError of any copy of this package, with one of `codes` if any are given. */
  static is<C extends Code>(error: unknown, ...codes: C[]): error is CallError & { readonly code: C } {
    return isCallError(error, codes);
  }
}

/** The same for those who have another type for it. */
export function isCallError(error: unknown, codes: readonly Code[]): boolean {
  if (typeof error !== "object" || error === null) return false;
  try {
    if ((error as Record<symbol, unknown>)[BRAND] !== true) return false;
    return codes.length === 0 || codes.includes((error as CallError).code);
  } catch {
    return false; // user code may throw anything, such as a proxy that tells nothing
  }
}

/** What was thrown as an error of a call; one that is neither an abort nor a timeout as `otherwise`. */
export function callErrorOf(error: unknown, otherwise?: Code): CallError {
  if (CallError.is(error)) return error;
  return new CallError(codeOfThrown(error, otherwise), messageOf(error), { cause: error });
}

/** The code of what was thrown and is no error of ours; `otherwise` unless it is an abort or a timeout. */
export function codeOfThrown(error: unknown, otherwise: Code = INTERNAL): Code {
  try {
    // Some platforms' DOMException is no Error.
    const { name } = error as { readonly name?: unknown };
    return name === "AbortError" ? CANCELLED : name === "TimeoutError" ? DEADLINE_EXCEEDED : otherwise;
  } catch {
    return otherwise;
  }
}
