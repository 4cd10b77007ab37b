// SPDX-License-Identifier: Apache-2.0
// The metadata of a client that only calls, in as little code as its cases take.

import { readUint24 } from "../bytes/integers.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import type { CallOptions } from "../rpc/call-options.js";
import { type Bytes, concat, uint } from "./bytes.js";
import { check } from "./check.js";
import { AUTHENTICATION, BEARER, MAX_METADATA_BYTES, MAX_PART_BYTES } from "./constants.js";
import { field, varint } from "./envelope.js";
import type { MetadataSupport } from "./headers.js";

/** One less than the length of the mime type, and the mime type: how an entry of ours begins. */
const MARK = /*@__PURE__*/ encodeUtf8("\u0017message/x.rsocket-rpc.v1");

/** @throws RangeError when `options` have what only `support` understands, and there is none. */
export function checkSupport(
  support: MetadataSupport | undefined,
  { headers, onHeaders, onTrailers, rawMetadata, tracing, onRawMetadata }: CallOptions,
): void {
  const wanted = headers ?? onHeaders ?? onTrailers ?? rawMetadata ?? tracing ?? onRawMetadata;
  check(
    support !== undefined || wanted === undefined,
    "connect's option metadata",
    support,
    "metadata of rsocket-rpc/lite",
  );
}

/** The metadata of SETUP: hello, headers, and a bearer token behind them. @throws RangeError above 64 KiB. */
export function setupMetadata(headers: Bytes | undefined, bearerToken: string | undefined): Uint8Array {
  // The field by which we say that we read Envelopes, in version 1.
  const envelope = concat([0x0a, 2, 0x08, 1], headers ?? []);
  if (bearerToken === undefined) return encodeEntry(envelope);
  const token = encodeUtf8(bearerToken);
  return encodeEntry(envelope, [AUTHENTICATION], uint(1 + token.length, 3), [BEARER], token);
}

/** The metadata of a request, RPC metadata v1; `say` has what else is to be said. @throws RangeError for a part that is too long. */
export function requestMetadata(
  { service, name }: { readonly service: string; readonly name: string },
  leftMs: number,
  noMessage: boolean,
  say: (fields: Uint8Array) => readonly Bytes[] = (fields) => [[0, 0], ownEntry(fields)],
): Uint8Array {
  const fields = concat(leftMs === Infinity ? [] : [0x10, ...varint(leftMs)], noMessage ? [0x18, 1] : []);
  return concat(
    [0, 1], // the version
    shortPart("service", encodeUtf8(service)),
    shortPart("method", encodeUtf8(name)),
    ...say(fields),
  );
}

/** Bytes behind their length in two. @throws RangeError above 32,767 of them. */
export function shortPart(what: string, bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  check(length <= MAX_PART_BYTES, `length of ${what}`, length, `at most ${MAX_PART_BYTES}`);
  return concat(uint(length, 2), bytes);
}

/** An Envelope as metadata; none where it says nothing. */
export function ownEntry(envelope: Uint8Array): Bytes {
  return envelope.length === 0 ? [] : encodeEntry(envelope);
}

function encodeEntry(envelope: Uint8Array, ...more: readonly Bytes[]): Uint8Array {
  const metadata = concat(MARK, uint(envelope.length, 3), envelope, ...more);
  const { length } = metadata;
  check(length <= MAX_METADATA_BYTES, "length of metadata", length, `at most ${MAX_METADATA_BYTES}`);
  return metadata;
}

/**
 * The Envelope of metadata that begins with our entry, undefined for any other; nothing stands behind it in an answer, and
 * nothing there is looked at. @throws RangeError when it is cut off.
 */
export function readEntry(metadata: Uint8Array): Uint8Array | undefined {
  const { length } = MARK;
  if (MARK.some((byte, i) => byte !== metadata[i])) return undefined;
  const start = length + 3;
  const end = start + readUint24(metadata, length);
  check(end <= metadata.length, "end of the Envelope", end, `at most ${metadata.length}`);
  return metadata.subarray(start, end);
}

/** The data of an ERROR that says `status`: an Envelope to a peer that reads it, else a text. */
export function errorData(code: number, message: string, isOurs: boolean): Uint8Array {
  return isOurs
    ? concat([0], field(0x32, concat([0x08, ...varint(code)], field(0x12, encodeUtf8(message)))))
    : encodeUtf8(message);
}
