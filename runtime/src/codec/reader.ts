// SPDX-License-Identifier: Apache-2.0
// A cursor over the bytes of a message, and the varints that everything in it begins with.

import { NO_BYTES } from "../bytes/parts.js";
import { MAX_TAG_BYTES, MAX_UNKNOWN_FIELDS, MAX_VARINT_BYTES } from "./constants.js";
import { malformed } from "./faults.js";

export { NO_BYTES } from "../bytes/parts.js";

/** The bytes being read. `end` is that of the message whose fields are read now: nothing reads past it. */
export class MessageReader {
  declare bytes: Uint8Array;
  declare at: number;
  declare end: number;
  /** How many messages the one being read stands in. */
  declare depth: number;
  /** The tag that ends the group being read; 0 in other messages. */
  declare groupEnd: number;
  declare keepUnknownFields: boolean;
  /** How many more may be kept. */
  declare unknownFieldsLeft: number;

  constructor() {
    this.begin(NO_BYTES);
  }

  /** Reads `bytes` from the beginning. */
  begin(bytes: Uint8Array, discardUnknownFields?: boolean): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
    this.depth = this.groupEnd = 0;
    this.keepUnknownFields = !discardUnknownFields;
    this.unknownFieldsLeft = MAX_UNKNOWN_FIELDS;
  }
}

/** The next field's tag, (number << 3) | wire type. @throws RangeError when no field can begin so. */
export function readTag(r: MessageReader): number {
  const { at } = r;
  const first = at < r.end ? (r.bytes[at] as number) : 0x80;
  if (first >= 8 && first < 0x80) {
    r.at = at + 1;
    // A wire type of 6 or 7 finds no case, and is refused as unknown.
    return first;
  }
  const tag = readUint32(r);
  const byteLength = r.at - at;
  if (byteLength > MAX_TAG_BYTES || (byteLength === MAX_TAG_BYTES && (r.bytes[r.at - 1] as number) > 0x0f))
    throw malformed("a tag of more than 32 bits", at);
  if (tag < 8) throw malformed("a field with the number 0", at);
  return tag;
}

/** A varint's low 32 bits, unsigned. */
export function readUint32(r: MessageReader): number {
  const { at } = r;
  if (at < r.end) {
    const byte = r.bytes[at] as number;
    if (byte < 0x80) {
      r.at = at + 1;
      return byte;
    }
  }
  return readLongVarint(r);
}

/** Where the value that begins with its length ends, with the cursor set to where its bytes begin. */
export function readEnd(r: MessageReader): number {
  const byteLength = readUint32(r);
  const end = r.at + byteLength;
  if (end > r.end) throw malformed(`${byteLength} bytes announced and ${r.end - r.at} left`, r.at);
  return end;
}

/** Passes over a varint of any length there is. */
export function skipVarint(r: MessageReader): void {
  const from = r.at;
  for (let at = from; at < r.end && at < from + MAX_VARINT_BYTES; at++) {
    if ((r.bytes[at] as number) < 0x80) {
      r.at = at + 1;
      return;
    }
  }
  throw endless(r);
}

/** Passes over `byteLength` bytes, and returns where they began. */
export function advance(r: MessageReader, byteLength: number): number {
  const { at } = r;
  if (byteLength > r.end - at) throw malformed("a value that is cut off", at);
  r.at = at + byteLength;
  return at;
}

/** The error for a varint that doesn't end. */
export function endless(r: MessageReader): RangeError {
  return malformed(
    r.end - r.at < MAX_VARINT_BYTES ? "a value that is cut off" : "a number of more than 10 bytes",
    r.at,
  );
}

function readLongVarint(r: MessageReader): number {
  const from = r.at;
  skipVarint(r);
  const { bytes } = r;
  const end = Math.min(r.at, from + MAX_TAG_BYTES);
  let value = 0;
  for (let at = from, shift = 0; at < end; at++, shift += 7) value |= ((bytes[at] as number) & 0x7f) << shift;
  return value >>> 0;
}
