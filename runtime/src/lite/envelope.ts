// SPDX-License-Identifier: Apache-2.0
// `rsocket.rpc.v1.Envelope` as a client that only calls writes and reads it: what `metadata/envelope.ts` and
// `metadata/envelope-reader.ts` do, in as little code as these cases take.

import { NO_BYTES } from "../bytes/parts.js";
import { malformed } from "../codec/faults.js";
import { skipUnknown } from "../codec/read-fields.js";
import { readBytesView, readString } from "../codec/read-scalars.js";
import { MessageReader, readTag, readUint32 } from "../codec/reader.js";
import type { ErrorDetail, Status } from "../metadata/envelope.js";
import { type Bytes, concat } from "./bytes.js";
import type { DetailsSupport } from "./details.js";

/** A field of bytes; nothing where there are none. */
export function field(tag: number, value: Uint8Array): Bytes {
  return value.length === 0 ? [] : concat([tag, ...varint(value.length)], value);
}

/** A number. */
export function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** What a server says, beside headers and trailers. */
export interface Told {
  /** It reads Envelopes. */
  hello?: boolean;
  status?: Status;
}

/** Reads a field's value. */
export type ReadValue = (r: MessageReader) => void;

/**
 * The Envelope in `bytes`, but for what only servers read; details are for `support`, headers and trailers, fields 4 and 5,
 * for `readHeader` and `readTrailer`.
 * @throws RangeError for a field that is cut off or of the wrong type, or one detail too many.
 */
export function decodeEnvelope(
  bytes: Uint8Array,
  support?: DetailsSupport,
  readHeader: ReadValue = readBytesView,
  readTrailer: ReadValue = readBytesView,
): Told {
  const details: ErrorDetail[] = [];
  const told: Told = {};
  let code = 0;
  let message = "";
  forEachField(bytes, [1, 4, 5, 6], {
    0x0a: (r) => (told.hello = !!readBytesView(r)),
    0x22: readHeader,
    0x2a: readTrailer,
    0x32: (r) => {
      forEachField(readBytesView(r), [1, 2, 3], {
        0x08: (status) => (code = readUint32(status) | 0),
        0x12: (status) => (message = readString(status)),
        0x1a: support?.into(details) ?? readBytesView,
      });
      told.status = { code, message, details };
    },
  });
  return told;
}

/**
 * Reads a text and bytes, and adds what `create` makes of them to a list of at most so many: each costs more here than it does
 * on the wire. @throws RangeError as `decodeEnvelope`.
 */
export function pairsInto<T>(list: T[], most: number, create: (text: string, bytes: Uint8Array) => T): ReadValue {
  return (r) => {
    let text = "";
    let bytes: Uint8Array = NO_BYTES;
    forEachField(readBytesView(r), [1, 2], {
      0x0a: (pair) => (text = readString(pair)),
      0x12: (pair) => (bytes = readBytesView(pair)),
    });
    if (list.push(create(text, bytes)) > most) throw malformed(`more than ${most}`, 0);
  };
}

/** Calls `read` for the fields whose tags it has, and passes over all whose numbers aren't `known`. */
function forEachField(bytes: Uint8Array, known: readonly number[], read: Readonly<Record<number, ReadValue>>): void {
  const r = new MessageReader();
  r.begin(bytes);
  while (r.at < r.end) {
    const tag = readTag(r);
    (read[tag] ?? ((it) => skipUnknown(it, tag, known)))(r);
  }
}
