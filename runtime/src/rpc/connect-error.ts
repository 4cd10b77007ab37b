// SPDX-License-Identifier: Apache-2.0
// What `connect` fails with, whatever came in between.

import { type ErrorData, readErrorData } from "../metadata/entry.js";
import { MetadataError } from "../metadata/errors.js";
import { ConnectionError, ErrorCode } from "../rsocket/errors.js";
import { codeOfAbort } from "./call-record.js";
import { Code, codeFromWire } from "./code.js";
import { RpcError } from "./error.js";
import { wireCodeOf } from "./status-codec.js";

/** `connect` failed. `wireCode` is the RSocket code, if the server refused with one. */
export class ConnectError extends RpcError {
  override readonly name: string = "ConnectError";
}

/** How our servers refuse whoever it is, also when what should say so is broken, before they know whether our typed errors would be read. */
const PASSING_REFUSAL = /^REJECTED_SETUP(?: \(0x003\))?: (?:server is (?:full|draining)\b|internal error$)/;

/** @internal What a connection that was given up means to whoever dialed; all but ConnectionErrors stay as they are. */
export function toConnectError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (!(error instanceof ConnectionError)) return error;
  return connectErrorOf(error, error.data === undefined ? undefined : readErrorData(error.data), signal);
}

/** @internal The same of a ConnectionError, with what its data says. */
export function connectErrorOf(
  error: ConnectionError,
  said: ErrorData | undefined,
  signal: AbortSignal | undefined,
): ConnectError {
  const options = { cause: error, initiator: error.initiator, retryable: true, ...wireCodeOf(error) };
  const status = said?.envelope?.status;
  const gaveUp = signal?.aborted === true && error.cause === signal.reason;
  if (gaveUp) return new ConnectError(codeOfAbort(signal.reason), error.message, options);
  if (status === undefined) {
    const message = error.cause instanceof RpcError ? error.cause.rawMessage : error.message;
    return new ConnectError(codeOf(error), message, options);
  }
  return new ConnectError(codeFromWire(status.code), status.message, { ...options, details: status.details });
}

function codeOf(error: ConnectionError): Code {
  // Headers that can't be sent are the caller's mistake, whenever they are looked at.
  if (error.cause instanceof MetadataError) return Code.InvalidArgument;
  if (error.cause !== undefined) {
    const { code } = RpcError.from(error.cause);
    return code === Code.Internal ? Code.Unavailable : code;
  }
  switch (error.code) {
    case ErrorCode.INVALID_SETUP:
    case ErrorCode.UNSUPPORTED_SETUP:
      return Code.FailedPrecondition;
    case ErrorCode.REJECTED_SETUP:
      return PASSING_REFUSAL.test(error.message) ? Code.Unavailable : Code.PermissionDenied;
    default:
      return Code.Unavailable;
  }
}
