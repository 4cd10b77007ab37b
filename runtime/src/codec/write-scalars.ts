// SPDX-License-Identifier: Apache-2.0
// One function for each kind of value that a field may have. Values are taken as protobuf-es takes them: the right type at
// once, texts that are numbers and the like on a slower path, and what it refuses is refused.

import { encoder } from "../bytes/utf8.js";
import { REFERENCE_BYTES, SHORT_BYTES, SHORT_TEXT_UNITS } from "./constants.js";
import { kindOfObject, refused } from "./faults.js";
import { References } from "./references.js";
import { double, float, HIGH, LOW, signed, unsigned, words } from "./scratch.js";
import type { MessageWriter } from "./writer.js";

/** Writes a field's tag, (number << 3) | wire type. Returns the writer, so that the value's function can take it. */
export function writeTag(w: MessageWriter, tag: number): MessageWriter {
  // Room for most values too, so that theirs is seldom the call that grows.
  if (w.at + 16 > w.bytes.length) w.reserve(16);
  if (tag < 0x80) w.bytes[w.at++] = tag;
  else writeVarint(w, tag);
  return w;
}

/** Writes an unsigned 32-bit number as a varint. */
export function writeVarint(w: MessageWriter, value: number): void {
  if (w.at + 5 > w.bytes.length) w.reserve(5);
  const { bytes } = w;
  let at = w.at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at] = rest;
  w.at = at + 1;
}

/** int32, and enums. */
export function writeInt32(w: MessageWriter, value: unknown): void {
  const number = typeof value === "number" && (value | 0) === value ? value : int32Of(value);
  if (number >= 0) writeVarint(w, number);
  else writeVarint64(w, number, -1);
}

/** uint32. */
export function writeUint32(w: MessageWriter, value: unknown): void {
  writeVarint(w, uint32Of(value));
}

/** sint32: zigzag, so that numbers near zero are short. */
export function writeSint32(w: MessageWriter, value: unknown): void {
  const number = int32Of(value);
  writeVarint(w, ((number << 1) ^ (number >> 31)) >>> 0);
}

/** fixed32. */
export function writeFixed32(w: MessageWriter, value: unknown): void {
  writeWord(w, uint32Of(value));
}

/** sfixed32. */
export function writeSfixed32(w: MessageWriter, value: unknown): void {
  writeWord(w, int32Of(value));
}

/** int64. */
export function writeInt64(w: MessageWriter, value: unknown): void {
  signed[0] = int64Of(value);
  writeVarint64(w, words[LOW] as number, words[HIGH] as number);
}

/** uint64. */
export function writeUint64(w: MessageWriter, value: unknown): void {
  unsigned[0] = uint64Of(value);
  writeVarint64(w, words[LOW] as number, words[HIGH] as number);
}

/** sint64. */
export function writeSint64(w: MessageWriter, value: unknown): void {
  signed[0] = int64Of(value);
  const low = words[LOW] as number;
  const high = words[HIGH] as number;
  const sign = high >> 31;
  writeVarint64(w, (low << 1) ^ sign, ((high << 1) | (low >>> 31)) ^ sign);
}

/** fixed64. */
export function writeFixed64(w: MessageWriter, value: unknown): void {
  unsigned[0] = uint64Of(value);
  writeScratchWords(w);
}

/** sfixed64. */
export function writeSfixed64(w: MessageWriter, value: unknown): void {
  signed[0] = int64Of(value);
  writeScratchWords(w);
}

/** float. */
export function writeFloat(w: MessageWriter, value: unknown): void {
  float[0] = typeof value === "number" && Math.abs(value) < 1e38 ? value : floatOf(value);
  writeWord(w, words[0] as number);
}

/** double. */
export function writeDouble(w: MessageWriter, value: unknown): void {
  double[0] = typeof value === "number" ? value : numberOf(value);
  writeScratchWords(w);
}

/** bool. */
export function writeBool(w: MessageWriter, value: unknown): void {
  if (value === undefined || value === null) throw refused(value, "a boolean");
  if (w.at >= w.bytes.length) w.reserve(1);
  w.bytes[w.at++] = value ? 1 : 0;
}

/** string. Lone surrogates become U+FFFD. */
export function writeString(w: MessageWriter, value: unknown): void {
  const text = typeof value === "string" ? value : textOf(value);
  const { length } = text;
  if (length > SHORT_TEXT_UNITS) return writeMeasuredText(w, text);
  const room = 1 + length * 3;
  if (w.at + room > w.bytes.length) w.reserve(room);
  const { bytes, at } = w;
  const from = at + 1;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return writeMeasuredText(w, text);
    bytes[from + i] = unit;
  }
  bytes[at] = length;
  w.at = from + length;
}

/** bytes. Long ones are referred to; a list of numbers stands for bytes where create() takes one. */
export function writeBytes(w: MessageWriter, value: unknown, exact: boolean): void {
  const source = value instanceof Uint8Array ? value : bytesOf(value, exact);
  const { length } = source;
  writeVarint(w, length);
  if (length >= REFERENCE_BYTES) return References.add(w, source);
  if (w.at + length > w.bytes.length) w.reserve(length);
  const { bytes, at } = w;
  if (length > SHORT_BYTES) bytes.set(source, at);
  else for (let i = 0; i < length; i++) bytes[at + i] = source[i] as number;
  w.at = at + length;
}

/** Writes a 64-bit varint, given as its two halves. */
function writeVarint64(w: MessageWriter, lowHalf: number, highHalf: number): void {
  if (w.at + 10 > w.bytes.length) w.reserve(10);
  const { bytes } = w;
  let { at } = w;
  let low = lowHalf >>> 0;
  let high = highHalf >>> 0;
  while (high !== 0) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  while (low >= 0x80) {
    bytes[at++] = (low & 0x7f) | 0x80;
    low >>>= 7;
  }
  bytes[at] = low;
  w.at = at + 1;
}

function writeWord(w: MessageWriter, value: number): void {
  if (w.at + 4 > w.bytes.length) w.reserve(4);
  const { bytes, at } = w;
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
  w.at = at + 4;
}

function writeScratchWords(w: MessageWriter): void {
  writeWord(w, words[LOW] as number);
  writeWord(w, words[HIGH] as number);
}

function writeMeasuredText(w: MessageWriter, text: string): void {
  const { length } = text;
  w.reserve(5 + length * 3);
  const { bytes, at } = w;
  // Most texts are ASCII: the length of the length is guessed by it.
  const guessedBytes = varintBytes(length);
  const { written } = encoder.encodeInto(text, bytes.subarray(at + guessedBytes));
  const lengthBytes = varintBytes(written);
  if (lengthBytes !== guessedBytes) {
    bytes.copyWithin(at + lengthBytes, at + guessedBytes, at + guessedBytes + written);
  }
  writeVarint(w, written);
  w.at += written;
}

// Seven bits in each.
function varintBytes(value: number): number {
  return ((38 - Math.clz32(value | 1)) / 7) | 0;
}

// ── what isn't of the right type at once ─────────────────────────────────────────────────────────────────────────────

function int32Of(value: unknown): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && (number | 0) === number) return number;
  throw refused(value, "an integer of 32 bits");
}

function uint32Of(value: unknown): number {
  const number = typeof value === "string" ? Number(value) : value;
  if (typeof number === "number" && number >>> 0 === number) return number;
  throw refused(value, "an unsigned integer of 32 bits");
}

function int64Of(value: unknown): bigint {
  const number = typeof value === "bigint" ? value : bigintOf(value);
  if (BigInt.asIntN(64, number) === number) return number;
  throw refused(value, "an integer of 64 bits");
}

function uint64Of(value: unknown): bigint {
  const number = typeof value === "bigint" ? value : bigintOf(value);
  if (BigInt.asUintN(64, number) === number) return number;
  throw refused(value, "an unsigned integer of 64 bits");
}

function bigintOf(value: unknown): bigint {
  try {
    return BigInt(value as bigint);
  } catch {
    throw refused(value, "an integer of 64 bits");
  }
}

function floatOf(value: unknown): number {
  const number = typeof value === "string" ? Number(value) : value;
  const isNumber =
    typeof number === "number" && !(typeof value === "string" && value !== "NaN" && Number.isNaN(number));
  // What rounds to infinity is out of range; infinity itself isn't.
  if (isNumber && (Number.isFinite(Math.fround(number)) || !Number.isFinite(number))) return number;
  throw refused(value, "a number of 32 bits");
}

function numberOf(value: unknown): number {
  if (value === undefined || value === null || typeof value === "symbol" || typeof value === "bigint")
    throw refused(value, "a number");
  return Number(value);
}

function textOf(value: unknown): string {
  if (value === undefined || value === null || typeof value === "symbol") throw refused(value, "a text");
  return String(value);
}

function bytesOf(value: unknown, exact: boolean): Uint8Array {
  if (!exact && Array.isArray(value)) return new Uint8Array(value as number[]);
  // Those of another realm, a frame or a worker's, aren't instances of this one's class.
  if (kindOfObject(value) === "Uint8Array") return value as Uint8Array;
  throw refused(value, "a Uint8Array");
}
