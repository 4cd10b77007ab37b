// SPDX-License-Identifier: Apache-2.0
// The errors by which a call ends on its caller's side.

import { codeOfAbort } from "./call-record.js";
import { Code } from "./code.js";
import { messageOf } from "./describe.js";
import { RpcError } from "./error.js";
import type { AnyMethod } from "./method.js";

/** The error of a caller that gave up. */
export function abortError(reason: unknown): RpcError {
  if (RpcError.is(reason)) return reason;
  return new RpcError(codeOfAbort(reason), messageOf(reason), { cause: reason });
}

/** A message to send isn't what its type says. */
export function unencodable({ service, name, input }: AnyMethod, cause: unknown): RpcError {
  const message = `${service}.${name}: the request can't be encoded as ${input.typeName}: ${messageOf(cause)}`;
  return new RpcError(Code.InvalidArgument, message, { cause });
}

/** Bytes that were received are no such message. */
export function undecodable({ service, name, output }: AnyMethod, cause: unknown): RpcError {
  const message = `${service}.${name}: the answer can't be decoded as ${output.typeName}: ${messageOf(cause)}`;
  return new RpcError(Code.Internal, message, { cause });
}

/** Time is up. */
export function deadlineExceeded(timeoutMs: number): RpcError {
  return new RpcError(Code.DeadlineExceeded, exceededAfter(timeoutMs));
}

/** Time is up for a call that waited for a connection: `cause` says why there was none. */
export function notConnectedInTime(timeoutMs: number, cause: RpcError): RpcError {
  const message = `${exceededAfter(timeoutMs)}: ${cause.rawMessage}`;
  return new RpcError(Code.DeadlineExceeded, message, { cause });
}

// What is left of another call's time has a dozen decimals: each text would be one of its own.
function exceededAfter(timeoutMs: number): string {
  return `deadline exceeded after ${Math.round(timeoutMs)} ms`;
}

/** A client stream was answered otherwise than once. */
export function wrongAnswerCount(what: string): RpcError {
  return new RpcError(Code.Internal, `${what} to a client stream, expected exactly one`);
}

/** The answers of a call are iterated again. */
export function iteratedTwice(): RpcError {
  return new RpcError(
    Code.FailedPrecondition,
    "the answers of a call can be iterated once: call the method again for more",
  );
}
