// SPDX-License-Identifier: Apache-2.0
// Reads the fields of one protobuf message as any reader does: in any order, unknown ones skipped, never past the end.

import { decodeUtf8Strict } from "../bytes/utf8.js";
import { MetadataFormatError } from "./errors.js";
import { WireType } from "./protobuf-writer.js";

/** A 64-bit varint. */
const MAX_VARINT_BYTES = 10;
/** Tags and lengths are 32 bits. */
const MAX_SHORT_VARINT_BYTES = 5;
/** Groups within groups: protobuf's own limit. */
const MAX_GROUP_DEPTH = 100;

/** A cursor over a message. `next` goes to a field; then exactly one method must take or skip its value. */
export class FieldReader {
  readonly #message: string;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;
  #fieldStart: number;
  #wireType = 0;
  /** The number of the current field. */
  fieldNumber = 0;

  /** Reads `bytes[start, end)`; `message` is the name that errors give. */
  constructor(message: string, bytes: Uint8Array, start: number, end: number) {
    this.#message = message;
    this.#bytes = bytes;
    this.#at = this.#fieldStart = start;
    this.#end = end;
  }

  /** Goes to the next field; false at the end. @throws MetadataFormatError when no field can begin so. */
  next(): boolean {
    if (this.#at === this.#end) return false;
    this.#fieldStart = this.#at;
    const tag = this.#shortVarint();
    this.fieldNumber = tag >>> 3;
    this.#wireType = tag & 7;
    if (this.fieldNumber === 0 || this.#wireType > WireType.FIXED32) throw this.#fault(`the tag ${tag}`, "a field");
    return true;
  }

  /** The value as uint32; of a longer number the low 32 bits. */
  uint32(): number {
    this.#expect(WireType.VARINT);
    let value = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      if (i < MAX_SHORT_VARINT_BYTES) value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value >>> 0;
    }
    throw this.#fault("a number without end", `at most ${MAX_VARINT_BYTES} bytes`);
  }

  /** The value as int32. */
  int32(): number {
    return this.uint32() | 0;
  }

  /** The value as bool: any bit of the 64 counts. */
  bool(): boolean {
    this.#expect(WireType.VARINT);
    let bits = 0;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      const byte = this.#byte();
      bits |= byte & 0x7f;
      if (byte < 0x80) return bits !== 0;
    }
    throw this.#fault("a number without end", `at most ${MAX_VARINT_BYTES} bytes`);
  }

  /** The value as bytes: a view. */
  bytes(): Uint8Array {
    const end = this.#valueEnd();
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  /** The value as text, which must be UTF-8. */
  text(): string {
    const end = this.#valueEnd();
    const text = decodeUtf8Strict(this.#bytes, this.#at, end);
    if (text === undefined) throw this.#fault("a text that isn't UTF-8", "UTF-8");
    this.#at = end;
    return text;
  }

  /** A reader of the value as a message called `name`. This reader goes on behind it. */
  message(name: string): FieldReader {
    const end = this.#valueEnd();
    const reader = new FieldReader(name, this.#bytes, this.#at, end);
    this.#at = end;
    return reader;
  }

  /** Passes over the value of a field that nobody knows. */
  skip(): void {
    this.#skip(MAX_GROUP_DEPTH);
  }

  #skip(depthLeft: number): void {
    switch (this.#wireType) {
      case WireType.VARINT:
        this.bool();
        return;
      case WireType.FIXED64:
        return this.#advance(8);
      case WireType.BYTES:
        this.#at = this.#valueEnd();
        return;
      case WireType.FIXED32:
        return this.#advance(4);
      case WireType.GROUP:
        return this.#skipGroup(this.fieldNumber, depthLeft);
      default:
        throw this.#fault("an end of a group that didn't begin", "a field");
    }
  }

  #skipGroup(groupNumber: number, depthLeft: number): void {
    if (depthLeft === 0) throw this.#fault("groups within groups", `at most ${MAX_GROUP_DEPTH}`);
    while (this.next()) {
      if (this.#wireType !== WireType.GROUP_END) this.#skip(depthLeft - 1);
      else if (this.fieldNumber === groupNumber) return;
      else throw this.#fault(`the end of group ${this.fieldNumber}`, `that of ${groupNumber}`);
    }
    throw this.#fault(`no end of group ${groupNumber}`, "one");
  }

  #expect(wireType: number): void {
    if (this.#wireType !== wireType) throw this.#fault(`wire type ${this.#wireType}`, `${wireType}`);
  }

  // Where the bytes of the value end, with the cursor set to where they begin.
  #valueEnd(): number {
    this.#expect(WireType.BYTES);
    const byteLength = this.#shortVarint();
    const left = this.#end - this.#at;
    if (byteLength > left) throw this.#fault(`${byteLength} bytes announced, ${left} left`, "no more than are left");
    return this.#at + byteLength;
  }

  #shortVarint(): number {
    let value = 0;
    for (let i = 0; i < MAX_SHORT_VARINT_BYTES; i++) {
      const byte = this.#byte();
      if (i === MAX_SHORT_VARINT_BYTES - 1 && byte > 0x0f) break;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return value >>> 0;
    }
    throw this.#fault("a tag or length that is too long", "at most 32 bits");
  }

  #byte(): number {
    if (this.#at >= this.#end) throw this.#fault("a value that is cut off", "its end");
    return this.#bytes[this.#at++] ?? 0;
  }

  #advance(byteLength: number): void {
    if (byteLength > this.#end - this.#at) throw this.#fault("a value that is cut off", `${byteLength} bytes`);
    this.#at += byteLength;
  }

  #fault(what: string, expected: string): MetadataFormatError {
    return new MetadataFormatError(`${this.#message} field ${this.fieldNumber}: ${what}`, expected, this.#fieldStart);
  }
}
