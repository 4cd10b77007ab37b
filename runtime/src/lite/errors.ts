// SPDX-License-Identifier: Apache-2.0
// Errors of a client that only calls: what was refused here, what a server's ERROR says, what the end of a connection means.

import { decodeUtf8 } from "../bytes/utf8.js";
import type { Metadata } from "../metadata/headers.js";
import { CallError, codeOfThrown } from "../rpc/call-error.js";
import { Code, codeFromWire } from "../rpc/code.js";
import { messageOf } from "../rpc/describe.js";
import type { RpcErrorOptions } from "../rpc/error.js";
import { ConnectionError, type Initiator } from "../session/errors.js";
import { APPLICATION_ERROR, CANCELED, CONNECTION_ERROR, INVALID, REJECTED, REJECTED_SETUP } from "./constants.js";
import { decodeEnvelope, type Told } from "./envelope.js";
import type { MetadataSupport } from "./headers.js";

/** `connect` failed. `wireCode` is the RSocket code, if the server refused with one. */
export class ConnectError extends CallError {
  override readonly name: string = "ConnectError";
}

/** Texts by which peers of other makes say that there is no such service or method. */
const UNIMPLEMENTED = /^(can not find service|unknown method|nothing found for route|missing srv|No handler for dest)/;
/** How our servers refuse whoever it is, before they know whether our typed errors would be read. */
const PASSING_REFUSAL = /: (server is (full|draining)\b|internal error$)/;

/** The error of a caller who asked for what can't be. */
export function invalid(cause: unknown): CallError {
  return new CallError(Code.InvalidArgument, messageOf(cause), { cause });
}

/** The error of a caller who gave up. */
export function abortError(reason: unknown): CallError {
  return CallError.is(reason)
    ? reason
    : new CallError(codeOfThrown(reason, Code.Cancelled), messageOf(reason), { cause: reason });
}

/** An error of the connection as such: its code is CONNECTION_ERROR. */
export function connectionError(message: string, initiator: Initiator, cause?: unknown): ConnectionError {
  return new ConnectionError(CONNECTION_ERROR, message, initiator, { cause });
}

/** What the end of a connection means to a call, which may be made again if it was never sent. */
export function lostError(cause: ConnectionError, retryable: boolean): CallError {
  return new CallError(Code.Unavailable, cause.message, { ...originOf(cause), retryable });
}

// Only what came over the wire has a code.
function originOf(cause: ConnectionError): RpcErrorOptions {
  const { code, data, initiator } = cause;
  return data === undefined ? { cause, initiator } : { cause, initiator, wireCode: code };
}

/** What the data of an ERROR says: a text, unless it is an Envelope. @throws RangeError for one that is malformed. */
export function readErrorData(data: Uint8Array): Partial<Told> & { readonly text?: string } {
  return data[0] === 0 ? decodeEnvelope(data.subarray(1)) : { text: decodeUtf8(data) };
}

/** What an ERROR on a stream means; `metadata` reads its trailers. */
export function peerError(wireCode: number, data: Uint8Array, metadata: MetadataSupport | undefined): CallError {
  const options: RpcErrorOptions = { initiator: "remote", wireCode };
  let said: ReturnType<typeof readErrorData>;
  try {
    said = readErrorData(data);
  } catch (cause) {
    return new CallError(Code.Unknown, `the error can't be read: ${messageOf(cause)}`, { ...options, cause });
  }
  const { text = "", status } = said;
  let trailers: Metadata | undefined;
  try {
    trailers = metadata?.decode(said.trailers ?? []);
  } catch {
    // Trailers against the rules are no reason to hide the error that they came with.
  }
  const all = {
    ...options,
    retryable: wireCode === REJECTED,
    ...(status && { details: status.details }),
    ...(trailers && { trailers }),
  };
  return status === undefined
    ? new CallError(codeOfText(wireCode, text), text, all)
    : new CallError(codeFromWire(status.code), status.message, all);
}

function codeOfText(wireCode: number, text: string): Code {
  if (wireCode === REJECTED) return Code.Unavailable;
  if (wireCode === CANCELED) return Code.Cancelled;
  if (wireCode === INVALID) return Code.InvalidArgument;
  return wireCode === APPLICATION_ERROR && UNIMPLEMENTED.test(text) ? Code.Unimplemented : Code.Unknown;
}

/** What `connect` fails with after `thrown`; `signal` is the caller's. */
export function connectErrorOf(thrown: unknown, signal: AbortSignal | undefined): ConnectError {
  const error = thrown instanceof ConnectionError ? thrown : connectionError(messageOf(thrown), "local", thrown);
  const { cause, message, data } = error;
  const options = { ...originOf(error), retryable: true };
  if (signal?.aborted === true && cause === signal.reason) {
    return new ConnectError(codeOfThrown(cause, Code.Cancelled), message, options);
  }
  try {
    const { status } = readErrorData(data ?? NO_BYTES);
    if (status !== undefined) {
      return new ConnectError(codeFromWire(status.code), status.message, { ...options, details: status.details });
    }
  } catch {
    // The code alone says enough.
  }
  if (cause === undefined) return new ConnectError(codeOfRefusal(error), message, options);
  const { code, rawMessage } = CallError.from(cause);
  return new ConnectError(
    code === Code.Internal ? Code.Unavailable : code,
    CallError.is(cause) ? rawMessage : message,
    options,
  );
}

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

function codeOfRefusal({ code, message }: ConnectionError): Code {
  if (code === REJECTED_SETUP) {
    return PASSING_REFUSAL.test(message) ? Code.Unavailable : Code.PermissionDenied;
  }
  return code < REJECTED_SETUP ? Code.FailedPrecondition : Code.Unavailable;
}
