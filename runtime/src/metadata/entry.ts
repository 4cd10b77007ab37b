// SPDX-License-Identifier: Apache-2.0
// Where Envelopes stand: in metadata as a composite entry of their own mime type, in ERROR data behind a zero byte.
// Both are marks, recognised by exactly these bytes and by nothing else.

import { readUint24, writeBytes, writeUint24 } from "../bytes/integers.js";
import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.js";
import { allocate } from "./allocate.js";
import { type CompositeEntry, CompositeReader, MAX_ENTRIES, mimeTypeOf } from "./composite.js";
import { type Envelope, envelopeBytes, writeEnvelope } from "./envelope.js";
import { decodeEnvelope } from "./envelope-reader.js";
import { MetadataError, MetadataFormatError } from "./errors.js";
import { truncateUtf8 } from "./text.js";

/** The mime type of the entry. */
export const ENVELOPE_MIME_TYPE = "message/x.rsocket-rpc.v1";
/** Length byte, mime type and u24 length in front of the Envelope. */
export const ENTRY_HEADER_BYTES = 28;
/** The largest metadata that is sent with an Envelope, as the peer's limit is by default. */
export const MAX_METADATA_BYTES = 65_536;
/** The longest text of an ERROR. */
export const MAX_ERROR_TEXT_BYTES = 1_024;

/** The first 25 bytes: 0x17, one less than the length of the mime type, and the mime type. */
const MARK = /*@__PURE__*/ encodeUtf8(`\u0017${ENVELOPE_MIME_TYPE}`);
const ERROR_MARK = 0x00;
const NO_ENTRIES: readonly CompositeEntry[] = [];

/** What metadata that may hold the entry holds. */
export interface EnvelopeEntries {
  /** Undefined when there is no entry of ours. */
  readonly envelope: Envelope | undefined;
  /** All other entries, in order. */
  readonly rest: readonly CompositeEntry[];
}

/** The data of an ERROR: an Envelope, a text, or an Envelope that can't be read, which is to count as no more than an unknown error. */
export type ErrorData =
  | { readonly envelope: Envelope; readonly text?: undefined; readonly malformed?: undefined }
  | { readonly envelope?: undefined; readonly text: string; readonly malformed?: undefined }
  | { readonly envelope?: undefined; readonly text?: undefined; readonly malformed: MetadataFormatError };

/** The entry around `envelope`, to be sent and not kept. @throws MetadataError above 64 KiB; RangeError for a number out of range. */
export function encodeEnvelopeEntry(envelope: Envelope): Uint8Array {
  const byteLength = envelopeBytes(envelope);
  const entry = allocate(checkMetadataBytes(ENTRY_HEADER_BYTES + byteLength));
  writeEnvelopeEntry(envelope, byteLength, entry, 0);
  return entry;
}

/** The entry of a call that has a deadline and no headers: 30 to 34 bytes, about twice the cost of allocating them. */
export function encodeTimeoutEntry(timeoutMs: number): Uint8Array {
  return encodeEnvelopeEntry({ timeoutMs });
}

/** Writes the entry around an Envelope of `byteLength` bytes at `at`; returns the offset behind it. */
export function writeEnvelopeEntry(envelope: Envelope, byteLength: number, target: Uint8Array, at: number): number {
  const lengthAt = writeBytes(target, at, MARK);
  return writeEnvelope(envelope, target, writeUint24(target, lengthAt, byteLength));
}

/** True when `bytes[start, end)` begins with the entry's 25 bytes: then they are ours, else the application's. */
export function startsWithEnvelopeEntry(bytes: Uint8Array, start = 0, end: number = bytes.length): boolean {
  if (end - start < MARK.length) return false;
  for (let i = 0; i < MARK.length; i++) if (bytes[start + i] !== MARK[i]) return false;
  return true;
}

/**
 * Reads `bytes[start, end)` as entries, one of which may be ours, anywhere. In `rpc` mode call it only for bytes that
 * `startsWithEnvelopeEntry` has recognised.
 * @throws MetadataFormatError when an entry or the Envelope is malformed or there are two Envelopes.
 */
export function readEnvelopeEntries(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  maxEntries: number = MAX_ENTRIES,
): EnvelopeEntries {
  if (isSingleEntry(bytes, start, end)) {
    return { envelope: decodeEnvelope(bytes, start + ENTRY_HEADER_BYTES, end), rest: NO_ENTRIES };
  }
  const reader = new CompositeReader(bytes, start, end, maxEntries);
  const rest: CompositeEntry[] = [];
  let envelope: Envelope | undefined;
  while (reader.next()) {
    const mimeType = mimeTypeOf(reader);
    if (mimeType === ENVELOPE_MIME_TYPE) envelope = decodeOnlyEnvelope(reader, bytes, envelope);
    else rest.push({ mimeType, payload: reader.payload });
  }
  return { envelope, rest };
}

/** The Envelope among the entries of `bytes[start, end)`, which are all looked at. @throws MetadataFormatError as `readEnvelopeEntries`. */
export function readEnvelope(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  maxEntries: number = MAX_ENTRIES,
): Envelope | undefined {
  if (isSingleEntry(bytes, start, end)) return decodeEnvelope(bytes, start + ENTRY_HEADER_BYTES, end);
  const reader = new CompositeReader(bytes, start, end, maxEntries);
  let envelope: Envelope | undefined;
  while (reader.next()) {
    if (reader.idOrName === ENVELOPE_MIME_TYPE) envelope = decodeOnlyEnvelope(reader, bytes, envelope);
  }
  return envelope;
}

/** The Envelope of the reader's current entry. @throws MetadataFormatError when it is malformed or there was one before. */
export function decodeOnlyEnvelope(
  reader: CompositeReader,
  bytes: Uint8Array,
  earlier: Envelope | undefined,
): Envelope {
  if (earlier === undefined) return decodeEnvelope(bytes, reader.payloadStart, reader.payloadEnd);
  throw new MetadataFormatError("a second Envelope", "one in a frame", reader.payloadStart);
}

/** The data of an ERROR to a peer that reads Envelopes: a zero byte and the Envelope. @throws RangeError for a number out of range. */
export function encodeErrorEnvelope(envelope: Envelope): Uint8Array {
  const data = new Uint8Array(1 + envelopeBytes(envelope));
  data[0] = ERROR_MARK;
  writeEnvelope(envelope, data, 1);
  return data;
}

/** The data of an ERROR to any other peer: a text without leading NULs, cut between characters. */
export function encodeErrorText(text: string, maxBytes: number = MAX_ERROR_TEXT_BYTES): Uint8Array {
  let start = 0;
  while (text.charCodeAt(start) === ERROR_MARK) start++;
  return encodeUtf8(truncateUtf8(text.slice(start), maxBytes));
}

/** What the data of an ERROR says. Never throws: an ERROR ends its stream however it reads. */
export function readErrorData(data: Uint8Array): ErrorData {
  if (data.length === 0 || data[0] !== ERROR_MARK) return { text: decodeUtf8(data, 0, data.length) };
  try {
    return { envelope: decodeEnvelope(data, 1) };
  } catch (error) {
    if (error instanceof MetadataFormatError) return { malformed: error };
    throw error;
  }
}

/** `byteLength`, if a frame may carry so much metadata of ours. @throws MetadataError */
export function checkMetadataBytes(byteLength: number): number {
  if (byteLength <= MAX_METADATA_BYTES) return byteLength;
  throw new MetadataError(`headers and metadata take ${byteLength} bytes, expected at most ${MAX_METADATA_BYTES}`);
}

function isSingleEntry(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < ENTRY_HEADER_BYTES || !startsWithEnvelopeEntry(bytes, start, end)) return false;
  return start + ENTRY_HEADER_BYTES + readUint24(bytes, start + MARK.length) === end;
}
