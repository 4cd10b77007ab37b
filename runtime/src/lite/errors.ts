// SPDX-License-Identifier: Apache-2.0
// Errors of a client that only calls: what was refused here, what a server's ERROR says, what the end of a connection means.

import type { ErrorDetail } from "../metadata/envelope.js";
import { CallError, type CallErrorOptions, codeOfThrown } from "../rpc/call-error.js";
import { type Code, codeFromWire } from "../rpc/code.js";
import {
  CANCELLED,
  FAILED_PRECONDITION,
  INVALID_ARGUMENT,
  PERMISSION_DENIED,
  UNAVAILABLE,
  UNIMPLEMENTED,
  UNKNOWN,
} from "../rpc/code-numbers.js";
import { messageOf } from "../rpc/describe.js";
import { ConnectionError, type Initiator } from "../session/errors.js";
import { APPLICATION_ERROR, CANCELED, CONNECTION_ERROR, INVALID, REJECTED, REJECTED_SETUP } from "./constants.js";
import type { DetailsSupport } from "./details.js";
import { decodeEnvelope, type Told } from "./envelope.js";
import type { MetadataSupport } from "./headers.js";

/** What reads the parts of an ERROR that not every page wants. */
export interface Support {
  /** Its trailers. */
  readonly metadata?: MetadataSupport;
  readonly details?: DetailsSupport;
}

/** `connect` failed. `wireCode` is the RSocket code, if the server refused with one. */
export class ConnectError extends CallError {
  override readonly name: string = "ConnectError";
}

/** Texts by which peers of other makes say that there is no such service or method. */
const NO_SUCH_METHOD = /^(can not find service|unknown method|nothing found for route|missing srv|No handler for dest)/;
/** How our servers refuse whoever it is, before they know whether our typed errors would be read. */
const PASSING_REFUSAL = /^ERROR 0x3: (server is (full|draining)\b|internal error$)/;

/** An error of the connection as such: its code is CONNECTION_ERROR. */
export function connectionError(message: string, initiator: Initiator, cause?: unknown): ConnectionError {
  return new ConnectionError(CONNECTION_ERROR, message, initiator, { cause });
}

/** What the end of a connection means to a call, which may be made again if it was never sent. */
export function lostError(cause: ConnectionError, retryable: boolean): CallError {
  return new CallError(UNAVAILABLE, cause.message, { ...originOf(cause), retryable });
}

// Only what came over the wire has a code.
function originOf(cause: ConnectionError): CallErrorOptions {
  const { code, data, initiator } = cause;
  return { cause, initiator, wireCode: data && code };
}

/** The text in `data`, whatever it is. */
export function textOf(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

/** What the data of an ERROR says: a text, unless it is an Envelope. @throws RangeError for one that is malformed. */
export function readErrorData(data: Uint8Array, details?: DetailsSupport): Told & { readonly text?: string } {
  return data[0] === 0 ? decodeEnvelope(data.subarray(1), details) : { text: textOf(data) };
}

/** What an ERROR on a stream means. */
export function peerError(wireCode: number, data: Uint8Array, support: Support): CallError {
  const initiator = "remote";
  let said: ReturnType<typeof readErrorData>;
  try {
    said = readErrorData(data, support.details);
  } catch (cause) {
    return new CallError(UNKNOWN, `the error can't be read: ${messageOf(cause)}`, { initiator, wireCode, cause });
  }
  const { text = "", status } = said;
  const { code, message, details } = status ?? { code: codeOfText(wireCode, text), message: text };
  return new CallError(codeFromWire(code), message, {
    initiator,
    wireCode,
    retryable: wireCode === REJECTED,
    details,
    trailers: support.metadata?.trailersOf(data),
  });
}

function codeOfText(wireCode: number, text: string): Code {
  if (wireCode === REJECTED) return UNAVAILABLE;
  if (wireCode === CANCELED) return CANCELLED;
  if (wireCode === INVALID) return INVALID_ARGUMENT;
  return wireCode === APPLICATION_ERROR && NO_SUCH_METHOD.test(text) ? UNIMPLEMENTED : UNKNOWN;
}

/** What `connect` fails with after `thrown`; `signal` is the caller's. */
export function connectErrorOf(
  thrown: unknown,
  signal: AbortSignal | undefined,
  support: DetailsSupport | undefined,
): ConnectError {
  const error = thrown instanceof ConnectionError ? thrown : connectionError(messageOf(thrown), "local", thrown);
  const { cause, data } = error;
  let { code, message } = error;
  // From here on it is a status code.
  if (code < REJECTED_SETUP) code = FAILED_PRECONDITION;
  else code = code > REJECTED_SETUP || PASSING_REFUSAL.test(message) ? UNAVAILABLE : PERMISSION_DENIED;
  let details: readonly ErrorDetail[] | undefined;
  if (CallError.is(cause)) {
    ({ code, rawMessage: message } = cause);
  } else if (cause !== undefined) {
    code = codeOfThrown(cause, signal?.aborted && cause === signal.reason ? CANCELLED : UNAVAILABLE);
  } else if (data !== undefined) {
    try {
      ({ code, message, details } = readErrorData(data, support).status ?? { code, message, details });
    } catch {
      // The code alone says enough.
    }
  }
  return new ConnectError(codeFromWire(code), message, { ...originOf(error), retryable: true, details });
}
