// SPDX-License-Identifier: Apache-2.0
// `rsocket.rpc.v1.Envelope` as a client that only calls writes and reads it: what `metadata/envelope.ts` and
// `metadata/envelope-reader.ts` do, in as little code as these cases take.

import { decodeUtf8Strict, encodeUtf8 } from "../bytes/utf8.js";
import type { Envelope, ErrorDetail, Header } from "../metadata/envelope.js";
import { MAX_HEADERS } from "../metadata/envelope-reader.js";
import { MetadataFormatError } from "../metadata/errors.js";
import { type Bytes, concat } from "./bytes.js";

/** What a client says. */
export interface Said {
  readonly hello?: boolean;
  readonly timeoutMs?: number;
  readonly noMessage?: boolean;
  readonly headers?: readonly Header[];
  /** Why a stream of requests failed. */
  readonly status?: { readonly code: number; readonly message: string };
}

/** Details of a status. */
const MAX_DETAILS = 8_192;
const NO_BYTES = new Uint8Array(0);
const TAG = {
  STATUS: 0x32,
  CODE: 0x08,
  MESSAGE: 0x12,
  HELLO: 0x0a,
  VERSION: 0x08,
  TIMEOUT_MS: 0x10,
  NO_MESSAGE: 0x18,
  HEADERS: 0x22,
  TEXT: 0x0a,
  VALUE: 0x12,
};

/** The bytes of an Envelope. */
export function encodeEnvelope({ hello, timeoutMs, noMessage, headers = [], status }: Said): Uint8Array {
  return concat(
    hello === true ? [TAG.HELLO, 2, TAG.VERSION, 1] : [],
    timeoutMs === undefined ? [] : [TAG.TIMEOUT_MS, ...varint(timeoutMs)],
    noMessage === true ? [TAG.NO_MESSAGE, 1] : [],
    ...headers.map(({ key, value }) =>
      field(TAG.HEADERS, concat(field(TAG.TEXT, encodeUtf8(key)), field(TAG.VALUE, value))),
    ),
    status === undefined
      ? []
      : field(TAG.STATUS, concat([TAG.CODE, ...varint(status.code)], field(TAG.MESSAGE, encodeUtf8(status.message)))),
  );
}

function field(tag: number, value: Uint8Array): Bytes {
  return value.length === 0 ? [] : concat([tag, ...varint(value.length)], value);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/**
 * The Envelope in `bytes`, but for what only servers read; values of headers and details are views.
 * @throws MetadataFormatError for a field that is cut off, is of the wrong type, a group, or one header too many.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const envelope: { -readonly [K in keyof Envelope]: Envelope[K] } = {};
  let version = 0;
  const headers: Header[] = [];
  const trailers: Header[] = [];
  let code = 0;
  let message = "";
  const details: ErrorDetail[] = [];
  forEachField(bytes, {
    1: (hello) => {
      forEachField(bytesOf(hello), { 1: (value) => (version = numberOf(value)) });
      envelope.hello = { version };
    },
    4: (pair) => pushPair(headers, MAX_HEADERS, pair, (key, value) => ({ key, value })),
    5: (pair) => pushPair(trailers, MAX_HEADERS, pair, (key, value) => ({ key, value })),
    6: (status) => {
      forEachField(bytesOf(status), {
        1: (value) => (code = numberOf(value) | 0),
        2: (value) => (message = textOf(value)),
        3: (pair) => pushPair(details, MAX_DETAILS, pair, (typeUrl, value) => ({ typeUrl, value })),
      });
      envelope.status = { code, message, details };
    },
  });
  return { ...envelope, headers, trailers };
}

/** A number, of which the low 32 bits count, or a view of bytes; undefined for types that no field here has. */
type Value = number | Uint8Array | undefined;

function pushPair<T>(list: T[], most: number, pair: Value, create: (text: string, value: Uint8Array) => T): void {
  if (list.length === most) throw new MetadataFormatError("one header or detail too many", `at most ${most}`);
  let text = "";
  let value: Uint8Array = NO_BYTES;
  forEachField(bytesOf(pair), {
    1: (given) => (text = textOf(given)),
    2: (given) => (value = bytesOf(given)),
  });
  list.push(create(text, value));
}

/** Calls `known` for the fields whose numbers it has, and passes over all others. */
function forEachField(bytes: Uint8Array, known: Readonly<Record<number, (value: Value) => void>>): void {
  let at = 0;
  const read = (mostBytes: number): number => {
    let value = 0;
    for (let i = 0; i < mostBytes; i++) {
      const byte = bytes[at++] ?? malformed();
      if (i < 5) value |= (byte & 0x7f) << (7 * i);
      // Tags and lengths have 32 bits.
      if (byte < 0x80) return i === 4 && mostBytes === 5 && byte > 15 ? malformed() : value >>> 0;
    }
    return malformed();
  };
  const view = (byteLength: number): Uint8Array => {
    if (byteLength > bytes.length - at) malformed();
    at += byteLength;
    return bytes.subarray(at - byteLength, at);
  };
  while (at < bytes.length) {
    const tag = read(5);
    const type = tag & 7;
    const value = type === 0 ? read(10) : type === 2 ? view(read(5)) : undefined;
    if (type === 1) view(8);
    else if (type === 5) view(4);
    else if (value === undefined) malformed();
    if (tag < 8) malformed();
    known[tag >>> 3]?.(value);
  }
}

function numberOf(value: Value): number {
  return typeof value === "number" ? value : malformed();
}

function bytesOf(value: Value): Uint8Array {
  return value instanceof Uint8Array ? value : malformed();
}

function textOf(value: Value): string {
  return decodeUtf8Strict(bytesOf(value)) ?? malformed();
}

function malformed(): never {
  throw new MetadataFormatError("an Envelope that is cut off or holds what it can't", "rsocket.rpc.v1.Envelope");
}
