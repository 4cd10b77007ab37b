// SPDX-License-Identifier: Apache-2.0
// One function for each kind of value that a field may have. What they give is what protobuf-es gives.

import { decodeUtf8, decodeUtf8Strict } from "../bytes/utf8.js";
import { SHORT_BYTES, VIEW_BYTES, VIEW_SHARE } from "./constants.js";
import { malformed } from "./faults.js";
import { advance, endless, type MessageReader, readEnd, readUint32 } from "./reader.js";
import { double, float, HIGH, LOW, signed, unsigned, words } from "./scratch.js";

export { readUint32 } from "./reader.js";

/** int32, and enums. */
export function readInt32(r: MessageReader): number {
  return readUint32(r) | 0;
}

/** sint32. */
export function readSint32(r: MessageReader): number {
  const zigzag = readUint32(r);
  return (zigzag >>> 1) ^ -(zigzag & 1);
}

/** fixed32. */
export function readFixed32(r: MessageReader): number {
  return readSfixed32(r) >>> 0;
}

/** sfixed32. */
export function readSfixed32(r: MessageReader): number {
  return wordAt(r.bytes, advance(r, 4));
}

/** int64. */
export function readInt64(r: MessageReader): bigint {
  readVarint64(r);
  return signed[0] as bigint;
}

/** uint64. */
export function readUint64(r: MessageReader): bigint {
  readVarint64(r);
  return unsigned[0] as bigint;
}

/** sint64. */
export function readSint64(r: MessageReader): bigint {
  readVarint64(r);
  const low = words[LOW] as number;
  const high = words[HIGH] as number;
  const sign = -(low & 1);
  words[LOW] = ((low >>> 1) | (high << 31)) ^ sign;
  words[HIGH] = (high >>> 1) ^ sign;
  return signed[0] as bigint;
}

/** fixed64. */
export function readFixed64(r: MessageReader): bigint {
  readWords(r);
  return unsigned[0] as bigint;
}

/** sfixed64. */
export function readSfixed64(r: MessageReader): bigint {
  readWords(r);
  return signed[0] as bigint;
}

/** float. */
export function readFloat(r: MessageReader): number {
  words[0] = wordAt(r.bytes, advance(r, 4));
  return float[0] as number;
}

/** double. */
export function readDouble(r: MessageReader): number {
  readWords(r);
  return double[0] as number;
}

/** bool: any bit of the 64 counts. */
export function readBool(r: MessageReader): boolean {
  const { at } = r;
  const byte = at < r.end ? (r.bytes[at] as number) : 0x80;
  if (byte < 0x80) {
    r.at = at + 1;
    return byte !== 0;
  }
  return readUint64(r) !== 0n;
}

/** string. @throws RangeError when it isn't UTF-8. */
export function readString(r: MessageReader): string {
  const end = readEnd(r);
  const from = r.at;
  r.at = end;
  const text = decodeUtf8Strict(r.bytes, from, end);
  if (text === undefined) throw malformed("a text that isn't UTF-8", from);
  return text;
}

/** string of a schema that promises no UTF-8 (proto2): what isn't becomes U+FFFD. */
export function readLooseString(r: MessageReader): string {
  const end = readEnd(r);
  const from = r.at;
  r.at = end;
  return decodeUtf8(r.bytes, from, end);
}

/** bytes, in memory of their own: a copy, or a view where nearly all of the memory that it keeps is its own. */
export function readBytes(r: MessageReader): Uint8Array {
  const end = readEnd(r);
  const from = r.at;
  r.at = end;
  const { bytes } = r;
  const byteLength = end - from;
  if (byteLength >= VIEW_BYTES && byteLength >= VIEW_SHARE * bytes.buffer.byteLength) return bytes.subarray(from, end);
  return copyOf(bytes, from, end);
}

/** bytes, as a view of what is read: whoever keeps it keeps all that was read with it. */
export function readBytesView(r: MessageReader): Uint8Array {
  const end = readEnd(r);
  const from = r.at;
  r.at = end;
  return r.bytes.subarray(from, end);
}

/** `source[from, end)` in memory of its own. */
export function copyOf(source: Uint8Array, from: number, end: number): Uint8Array {
  const length = end - from;
  const copy = new Uint8Array(length);
  if (length > SHORT_BYTES) copy.set(source.subarray(from, end));
  else for (let i = 0; i < length; i++) copy[i] = source[from + i] as number;
  return copy;
}

// Leaves the number's halves in `words`. Bits beyond the 64 are dropped.
function readVarint64(r: MessageReader): void {
  const { bytes, end } = r;
  let { at } = r;
  let low = 0;
  let high = 0;
  for (let shift = 0; at < end; shift += 7) {
    const byte = bytes[at++] as number;
    const bits = byte & 0x7f;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high = bits >> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) {
      r.at = at;
      words[LOW] = low;
      words[HIGH] = high;
      return;
    }
    if (shift === 63) break;
  }
  throw endless(r);
}

function readWords(r: MessageReader): void {
  const at = advance(r, 8);
  words[LOW] = wordAt(r.bytes, at);
  words[HIGH] = wordAt(r.bytes, at + 4);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}
