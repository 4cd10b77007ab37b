// SPDX-License-Identifier: Apache-2.0
// `rsocket.rpc.v1.Envelope` as a client that only calls writes and reads it: what `metadata/envelope.ts` and
// `metadata/envelope-reader.ts` do, in as little code as these cases take.

import { NO_BYTES } from "../bytes/parts.js";
import { decodeUtf8Strict } from "../bytes/utf8.js";
import type { ErrorDetail, Status } from "../metadata/envelope.js";
import { type Bytes, concat } from "./bytes.js";
import { MAX_DETAILS, MAX_HEADERS } from "./constants.js";

/** A field of bytes; nothing where there are none. */
export function field(tag: number, value: Uint8Array): Bytes {
  return value.length === 0 ? [] : concat([tag, ...varint(value.length)], value);
}

/** A number. */
export function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** What a server says. */
export interface Told {
  /** It reads Envelopes. */
  hello?: boolean;
  /** Views of pairs, not yet read. */
  readonly headers: Uint8Array[];
  readonly trailers: Uint8Array[];
  status?: Status;
}

/**
 * The Envelope in `bytes`, but for what only servers read; values of details are views.
 * @throws RangeError for a field that is cut off, is of the wrong type, a group, or one header or detail too many.
 */
export function decodeEnvelope(bytes: Uint8Array): Told {
  const details: ErrorDetail[] = [];
  const told: Told = { headers: [], trailers: [] };
  let code = 0;
  let message = "";
  forEachField(bytes, {
    1: () => (told.hello = true),
    4: (pair) => push(told.headers, MAX_HEADERS, bytesOf(pair)),
    5: (pair) => push(told.trailers, MAX_HEADERS, bytesOf(pair)),
    6: (status) => {
      forEachField(bytesOf(status), {
        1: (value) => (code = typeof value === "number" ? value | 0 : malformed()),
        2: (value) => (message = textOf(value)),
        3: (pair) =>
          push(
            details,
            MAX_DETAILS,
            readPair(bytesOf(pair), (typeUrl, value) => ({ typeUrl, value })),
          ),
      });
      told.status = { code, message, details };
    },
  });
  return told;
}

// Each costs more here than it does on the wire.
function push<T>(list: T[], most: number, item: T): void {
  if (list.push(item) > most) malformed();
}

/** A text and bytes. @throws RangeError as `decodeEnvelope`. */
export function readPair<T>(pair: Uint8Array, create: (text: string, bytes: Uint8Array) => T): T {
  let text = "";
  let bytes: Uint8Array = NO_BYTES;
  forEachField(pair, {
    1: (value) => (text = textOf(value)),
    2: (value) => (bytes = bytesOf(value)),
  });
  return create(text, bytes);
}

/** A number, of which the low 32 bits count, or a view of bytes; undefined for types that no field here has. */
type Value = number | Uint8Array | undefined;

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
    at += byteLength;
    return at > bytes.length ? malformed() : bytes.subarray(at - byteLength, at);
  };
  while (at < bytes.length) {
    const tag = read(5);
    const type = tag & 7;
    let value: Value;
    if (type === 0) value = read(10);
    else if (type === 2) value = view(read(5));
    else if (type === 1) view(8);
    else if (type === 5) view(4);
    else malformed();
    if (tag < 8) malformed();
    known[tag >>> 3]?.(value);
  }
}

function bytesOf(value: Value): Uint8Array {
  return value instanceof Uint8Array ? value : malformed();
}

function textOf(value: Value): string {
  return decodeUtf8Strict(bytesOf(value)) ?? malformed();
}

function malformed(): never {
  throw new RangeError("malformed Envelope");
}
