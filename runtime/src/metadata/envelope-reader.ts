// SPDX-License-Identifier: Apache-2.0
// Reads `rsocket.rpc.v1.Envelope`: any order of fields, unknown ones skipped, the last scalar wins, messages merge.

import {
  type Envelope,
  EnvelopeField,
  type ErrorDetail,
  type Header,
  type Hello,
  HelloField,
  PairField,
  type Status,
  StatusField,
} from "./envelope.js";
import { MetadataFormatError } from "./errors.js";
import { FieldReader } from "./protobuf-reader.js";

/** Headers and trailers of one Envelope, each. Enough for any request; a list of 16,000 empty ones isn't read. */
export const MAX_HEADERS = 128;
/** No sender that keeps its details within 16 KiB can have more: the shortest takes two bytes. */
const MAX_DETAILS = 8_192;
const NO_BYTES = new Uint8Array(0);

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

// What a field adds to: a message that comes twice is merged in place, so that no repetition costs more than its bytes.
interface StatusDraft extends Mutable<Status> {
  readonly details: ErrorDetail[];
}

interface EnvelopeDraft extends Mutable<Envelope> {
  hello?: Mutable<Hello>;
  headers?: Header[];
  trailers?: Header[];
  status?: StatusDraft;
}

/**
 * The Envelope in `bytes[start, end)`; absent fields are absent, values of headers and details are views of `bytes`.
 * Keys and values of headers are not judged here: `fromWireHeaders` does.
 * @throws MetadataFormatError for a field that is cut off, has the wrong wire type, or is one header too many.
 */
export function decodeEnvelope(bytes: Uint8Array, start = 0, end: number = bytes.length): Envelope {
  const reader = new FieldReader("Envelope", bytes, start, end);
  const envelope: EnvelopeDraft = {};
  while (reader.next()) readEnvelopeField(reader, envelope);
  return envelope;
}

function readEnvelopeField(reader: FieldReader, envelope: EnvelopeDraft): void {
  switch (reader.fieldNumber) {
    case EnvelopeField.HELLO:
      readHello(reader.message("Hello"), (envelope.hello ??= { version: 0 }));
      return;
    case EnvelopeField.TIMEOUT_MS:
      envelope.timeoutMs = reader.uint32();
      return;
    case EnvelopeField.NO_MESSAGE:
      envelope.noMessage = reader.bool();
      return;
    case EnvelopeField.HEADERS:
      addHeader((envelope.headers ??= []), reader);
      return;
    case EnvelopeField.TRAILERS:
      addHeader((envelope.trailers ??= []), reader);
      return;
    case EnvelopeField.STATUS:
      readStatus(reader.message("Status"), (envelope.status ??= { code: 0, message: "", details: [] }));
      return;
    default:
      reader.skip();
  }
}

function readHello(reader: FieldReader, hello: Mutable<Hello>): void {
  while (reader.next()) {
    if (reader.fieldNumber === HelloField.VERSION) hello.version = reader.uint32();
    else if (reader.fieldNumber === HelloField.FEATURES) hello.features = reader.uint32();
    else if (reader.fieldNumber === HelloField.AGENT) hello.agent = reader.text();
    else reader.skip();
  }
}

function readStatus(reader: FieldReader, status: StatusDraft): void {
  while (reader.next()) {
    if (reader.fieldNumber === StatusField.CODE) status.code = reader.int32();
    else if (reader.fieldNumber === StatusField.MESSAGE) status.message = reader.text();
    else if (reader.fieldNumber === StatusField.DETAILS) status.details.push(readDetail(reader, status.details.length));
    else reader.skip();
  }
}

function addHeader(headers: Header[], reader: FieldReader): void {
  if (headers.length === MAX_HEADERS) throw new MetadataFormatError("one header too many", `at most ${MAX_HEADERS}`);
  const { text: key, value } = readPair(reader.message("Header"));
  headers.push({ key, value });
}

function readDetail(reader: FieldReader, count: number): ErrorDetail {
  if (count === MAX_DETAILS) throw new MetadataFormatError("one detail too many", `at most ${MAX_DETAILS}`);
  const { text: typeUrl, value } = readPair(reader.message("Any"));
  return { typeUrl, value };
}

function readPair(reader: FieldReader): { text: string; value: Uint8Array } {
  let text = "";
  let value: Uint8Array = NO_BYTES;
  while (reader.next()) {
    if (reader.fieldNumber === PairField.TEXT) text = reader.text();
    else if (reader.fieldNumber === PairField.VALUE) value = reader.bytes();
    else reader.skip();
  }
  return { text, value };
}
