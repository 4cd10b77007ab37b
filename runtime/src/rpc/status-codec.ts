// SPDX-License-Identifier: Apache-2.0
// RpcErrors into ERROR frames and back: our Envelope for peers that read it, text for all others.

import { type ErrorData, encodeErrorEnvelope, encodeErrorText, readErrorData } from "../metadata/entry.js";
import type { ErrorDetail, Header } from "../metadata/envelope.js";
import { MAX_HEADERS } from "../metadata/envelope-reader.js";
import { fromWireHeaders, Metadata, toWireHeaders } from "../metadata/headers.js";
import { truncateUtf8 } from "../metadata/text.js";
import { ConnectionError, ErrorCode, type StreamError } from "../rsocket/errors.js";
import { checkOption } from "../rsocket/settings.js";
import { Code, codeFromWire } from "./code.js";
import { RpcError } from "./error.js";

/** The limits on what errors say to a peer. */
export interface ErrorLimits {
  readonly maxErrorTextBytes: number;
  readonly maxErrorDetailsBytes: number;
}

/** Texts by which peers of other makes say that there is no such service or method. */
const UNIMPLEMENTED_TEXTS = [
  "can not find service",
  "unknown method",
  "nothing found for route",
  "missing srv",
  "No handler for destination",
];

/**
 * The data of an ERROR frame for `error`, with `moreTrailers` behind its own, and the answer's `headers` if none were sent.
 * Headers, trailers and details above the limit are left out; so is what can't be sent, of which `onFault` hears.
 */
export function encodeErrorData(
  error: RpcError,
  peerReadsEnvelopes: boolean,
  limits: ErrorLimits,
  moreTrailers?: Metadata,
  headers?: Metadata,
  onFault?: (fault: unknown) => void,
): Uint8Array {
  let code: Code = Code.Internal;
  let message = "internal error";
  let trailers: readonly Header[] = [];
  let details: readonly ErrorDetail[] = [];
  // The error may come from another copy of the package, or be made up: whatever it is, something is answered.
  try {
    code = codeFromWire(error.code);
    message = String(error.rawMessage ?? error.message);
    trailers = fittingHeaders(limits, Metadata.from(error.trailers ?? []), moreTrailers);
    details = fittingDetails(error.details, limits.maxErrorDetailsBytes);
  } catch (fault) {
    onFault?.(fault);
  }
  if (!peerReadsEnvelopes) return encodeErrorText(message, limits.maxErrorTextBytes);
  return encodeErrorEnvelope({
    headers: fittingHeaders(limits, headers),
    trailers,
    status: { code, message: truncateUtf8(message, limits.maxErrorTextBytes), details },
  });
}

// All of them, or none.
function fittingHeaders({ maxErrorDetailsBytes }: ErrorLimits, ...parts: (Metadata | undefined)[]): Header[] {
  const headers = parts.flatMap((part) => (part === undefined ? [] : toWireHeaders(part)));
  const byteLength = headers.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return headers.length <= MAX_HEADERS && byteLength <= maxErrorDetailsBytes ? headers : [];
}

// Those that fit, one after the other.
function fittingDetails(details: readonly ErrorDetail[], maxBytes: number): ErrorDetail[] {
  checkOption("details", details, "list", true);
  let byteLength = 0;
  return details.filter(({ typeUrl, value }, i) => {
    checkOption(`details[${i}].typeUrl`, typeUrl, "string", true);
    checkOption(`details[${i}].value`, value, "bytes", true);
    const withIt = byteLength + typeUrl.length + value.length;
    if (withIt > maxBytes) return false;
    byteLength = withIt;
    return true;
  });
}

/** What a peer's ERROR on a stream means to the caller. */
export function decodeStreamError(error: StreamError): RpcError {
  if (error.initiator === "local") return new RpcError(localCode(error), error.message, { cause: error });
  return peerError(error.code, readErrorData(error.data));
}

/** @internal The same for what has been read of an ERROR frame with `wireCode`. */
export function peerError(wireCode: number, { envelope, text = "", malformed }: ErrorData): RpcError {
  const options = { initiator: "remote", wireCode, retryable: wireCode === ErrorCode.REJECTED } as const;
  if (malformed !== undefined) {
    const message = `the error can't be read: ${malformed.message}`;
    return new RpcError(Code.Unknown, message, { ...options, retryable: false, cause: malformed });
  }
  const { status, headers, trailers } = envelope ?? {};
  const all = {
    ...options,
    details: status?.details ?? [],
    headers: readableOf(headers),
    trailers: readableOf(trailers),
  };
  if (status === undefined) return new RpcError(codeOfText(wireCode, text), text, all);
  return new RpcError(codeFromWire(status.code), status.message, all);
}

/** What the end of a connection means to a call that was in flight. */
export function decodeConnectionError(error: ConnectionError, neverSent: boolean): RpcError {
  return new RpcError(Code.Unavailable, error.message, {
    initiator: error.initiator,
    retryable: neverSent,
    cause: error,
    ...wireCodeOf(error),
  });
}

/** The code of an ERROR frame on stream 0, if one came: a lost link, or an end of this side's own, has none. */
export function wireCodeOf({ code, data }: ConnectionError): { readonly wireCode?: number } {
  return data === undefined ? {} : { wireCode: code };
}

/** Either. */
export function decodeSessionError(error: StreamError | ConnectionError, neverSent: boolean): RpcError {
  return error instanceof ConnectionError ? decodeConnectionError(error, neverSent) : decodeStreamError(error);
}

function codeOfText(wireCode: number, text: string): Code {
  if (wireCode === ErrorCode.REJECTED) return Code.Unavailable;
  if (wireCode === ErrorCode.CANCELED) return Code.Cancelled;
  if (wireCode === ErrorCode.INVALID) return Code.InvalidArgument;
  const unimplemented =
    wireCode === ErrorCode.APPLICATION_ERROR && UNIMPLEMENTED_TEXTS.some((start) => text.startsWith(start));
  return unimplemented ? Code.Unimplemented : Code.Unknown;
}

/** The status of an ERROR that a session itself sends: too much, refused, given up, or against the rules. */
export function codeOfSessionError(wireCode: number, isAboveLimit?: boolean): Code {
  if (isAboveLimit) return Code.ResourceExhausted;
  if (wireCode === ErrorCode.REJECTED || wireCode === ErrorCode.CANCELED) return Code.Unavailable;
  return Code.InvalidArgument;
}

// Given up by this side's session: the peer broke a rule or a limit of ours was reached.
function localCode({ code, isAboveLimit }: StreamError): Code {
  if (isAboveLimit || code === ErrorCode.REJECTED) return Code.ResourceExhausted;
  return code === ErrorCode.CANCELED ? Code.Cancelled : Code.Internal;
}

// Such as are against the rules are no reason to hide the error that they came with.
function readableOf(headers: readonly Header[] = []): Metadata {
  try {
    return fromWireHeaders(headers);
  } catch {
    return new Metadata();
  }
}
