// SPDX-License-Identifier: Apache-2.0
// The few pieces of the protobuf wire format that our extension's messages need, written into bytes measured before.
// Field numbers are below 16: every tag is one byte, (number << 3) | wire type.

import { writeBytes } from "../bytes/integers.js";
import { encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";

/** The wire types of protobuf's binary format. */
export const WireType = { VARINT: 0, FIXED64: 1, BYTES: 2, GROUP: 3, GROUP_END: 4, FIXED32: 5 } as const;

/** An int32 below zero is extended to 64 bits. */
const NEGATIVE_INT32_BYTES = 10;

/** The bytes of an unsigned 32-bit number as a varint. */
export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** The bytes of an int32 as a varint. */
export function int32Bytes(value: number): number {
  return value < 0 ? NEGATIVE_INT32_BYTES : varintBytes(value);
}

/** The bytes of a field that holds `byteLength` bytes, with its tag and length. */
export function fieldBytes(byteLength: number): number {
  return 1 + varintBytes(byteLength) + byteLength;
}

/** The bytes of a text field, 0 when it is empty: defaults aren't written. */
export function textFieldBytes(text: string): number {
  return text === "" ? 0 : fieldBytes(utf8ByteLength(text));
}

/** The bytes of a bytes field, 0 when it is empty. */
export function bytesFieldBytes(value: Uint8Array): number {
  return value.length === 0 ? 0 : fieldBytes(value.length);
}

/** Writes an unsigned 32-bit number and returns the offset behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at] = rest;
  return at + 1;
}

/** Writes an int32 and returns the offset behind it. */
export function writeInt32(target: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeVarint(target, at, value);
  for (let shift = 0; shift < 28; shift += 7) target[at++] = (value >>> shift) | 0x80;
  target[at++] = (value >> 28) | 0x80;
  for (let i = 0; i < 4; i++) target[at++] = 0xff;
  target[at] = 0x01;
  return at + 1;
}

/** Writes the tag and the length of a field of `byteLength` bytes; returns the offset where those begin. */
export function writeFieldStart(target: Uint8Array, at: number, fieldNumber: number, byteLength: number): number {
  target[at] = (fieldNumber << 3) | WireType.BYTES;
  return writeVarint(target, at + 1, byteLength);
}

/** Writes a text field unless it is empty; returns the offset behind it. */
export function writeTextField(target: Uint8Array, at: number, fieldNumber: number, text: string): number {
  if (text === "") return at;
  return encodeUtf8Into(text, target, writeFieldStart(target, at, fieldNumber, utf8ByteLength(text)));
}

/** Writes a bytes field unless it is empty; returns the offset behind it. */
export function writeBytesField(target: Uint8Array, at: number, fieldNumber: number, value: Uint8Array): number {
  return value.length === 0 ? at : writeBytes(target, writeFieldStart(target, at, fieldNumber, value.length), value);
}
