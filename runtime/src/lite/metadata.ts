// SPDX-License-Identifier: Apache-2.0
// The metadata of a client that only calls, and the data of the ERRORs that it gets: what `metadata/` reads and writes, in
// as little code as these cases take.

import { readUint24 } from "../bytes/integers.js";
import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.js";
import { ENTRY_HEADER_BYTES, ENVELOPE_MIME_TYPE, type ErrorData, MAX_METADATA_BYTES } from "../metadata/entry.js";
import type { Envelope, Header } from "../metadata/envelope.js";
import { MetadataError, MetadataFormatError } from "../metadata/errors.js";
import { Metadata, type MetadataInit } from "../metadata/headers.js";
import type { CallOptions } from "../rpc/call-options.js";
import { concat, shortText, uint, withLength } from "./bytes.js";
import { decodeEnvelope, encodeEnvelope, type Said } from "./envelope.js";

/** One less than the length of the mime type, and the mime type: how an entry of ours begins. */
const MARK = /*@__PURE__*/ encodeUtf8(`\u0017${ENVELOPE_MIME_TYPE}`);
/** The well-known id of authentication entries, 0x7c, and of their type "bearer", 0x01, each marked as an id. */
const AUTHENTICATION = 0xfc;
const BEARER = 0x81;
const VERSION = [0, 1];

/** Headers as they are sent. @throws MetadataError naming the first that is against the rules. */
export function wireHeaders(headers: MetadataInit): Header[] {
  return Array.from(Metadata.from(headers), ([key, value]) => ({
    key,
    value: typeof value === "string" ? encodeUtf8(value) : value,
  }));
}

/** The metadata of SETUP: hello, headers, and a bearer token behind them. @throws MetadataError above 64 KiB. */
export function setupMetadata(headers: readonly Header[], bearerToken: string | undefined): Uint8Array {
  const entry = encodeEntry({ hello: true, headers });
  if (bearerToken === undefined) return entry;
  const token = encodeUtf8(bearerToken);
  return checked(concat(entry, [AUTHENTICATION], uint(1 + token.length, 3), [BEARER], token));
}

/** The metadata of a request, RPC metadata v1. @throws RangeError, MetadataError for a part that is too long. */
export function requestMetadata(
  { service, name }: { readonly service: string; readonly name: string },
  said: Said,
  { rawMetadata, tracing = {} }: CallOptions,
): Uint8Array {
  const isBare = Object.keys(said).length === 0;
  if (!isBare && rawMetadata !== undefined) {
    throw new RangeError("rawMetadata can't be sent with a stream without messages: they share its place");
  }
  const texts = Object.entries(tracing).flatMap(([key, value]) => [
    shortText("the tracing key", key),
    shortText("the tracing value", value),
  ]);
  return concat(
    VERSION,
    shortText("the service's name", service),
    shortText("the method's name", name),
    withLength("the tracing map", concat(...texts)),
    isBare ? (rawMetadata ?? []) : encodeEntry(said),
  );
}

function encodeEntry(said: Said): Uint8Array {
  const envelope = encodeEnvelope(said);
  return checked(concat(MARK, uint(envelope.length, 3), envelope));
}

function checked(metadata: Uint8Array): Uint8Array {
  const { length } = metadata;
  if (length <= MAX_METADATA_BYTES) return metadata;
  throw new MetadataError(`headers and metadata take ${length} bytes, expected at most ${MAX_METADATA_BYTES}`);
}

/**
 * The Envelope of metadata that begins with our entry, undefined for any other; nothing stands behind it in an answer, and
 * nothing there is looked at. @throws MetadataFormatError when it is malformed.
 */
export function readEnvelope(metadata: Uint8Array): Envelope | undefined {
  if (MARK.some((byte, i) => metadata[i] !== byte)) return undefined;
  const end = ENTRY_HEADER_BYTES + readUint24(metadata, MARK.length);
  if (metadata.length >= ENTRY_HEADER_BYTES && end <= metadata.length) {
    return decodeEnvelope(metadata.subarray(ENTRY_HEADER_BYTES, end));
  }
  throw new MetadataFormatError(`an entry that ends at byte ${end}`, `at most ${metadata.length}`);
}

/** The data of an ERROR that says `status`: an Envelope to a peer that reads it, else a text. */
export function errorData(status: { readonly code: number; readonly message: string }, isOurs: boolean): Uint8Array {
  return isOurs ? concat([0], encodeEnvelope({ status })) : encodeUtf8(status.message);
}

/** What the data of an ERROR says. */
export function readErrorData(data: Uint8Array): ErrorData {
  if (data[0] !== 0) return { text: decodeUtf8(data) };
  try {
    return { envelope: decodeEnvelope(data.subarray(1)) };
  } catch (error) {
    return { malformed: error as MetadataFormatError };
  }
}
