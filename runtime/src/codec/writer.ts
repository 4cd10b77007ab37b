// SPDX-License-Identifier: Apache-2.0
// Where a message is written: a buffer that belongs to somebody else, behind what is there already, and grown when it is full.

import type { References } from "./references.js";

/** A `bytes` field of at least this many bytes is passed on by reference: below it a copy costs less than another piece. */
export const REFERENCE_BYTES = 4_096;

/** The first buffer of a writer that was given none. */
const FIRST_BYTES = 1_024;

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/**
 * Writes one message at a time. `begin` says where to; then the codec writes; then what was written is
 * `bytes[start, at)`, with the long `bytes` fields standing between, which `forEachPiece` tells in order.
 *
 * The length of a nested message takes one byte in front of it; when it turns out to need more, what follows is moved.
 * Most nested messages are shorter than 128 bytes, and to measure a message first would cost as much as to write it.
 */
export class MessageWriter {
  /** The buffer. Another one takes its place when it is full: then `start` and all that is written have moved. */
  bytes: Uint8Array = NO_BYTES;
  /** Where the next byte goes. */
  at = 0;
  /** Where the message begins. */
  start = 0;
  /** Long fields that aren't in the buffer, once there was one, and their bytes. */
  references: References | undefined;
  referencedBytes = 0;

  /** Writes the next message from `bytes[at]` on, to the buffer's end if need be, and elsewhere when it outgrows that. */
  begin(bytes: Uint8Array, at: number): void {
    this.bytes = bytes;
    this.at = this.start = at;
    if (this.referencedBytes === 0) return;
    this.referencedBytes = 0;
    this.references?.clear();
  }

  /** Lets go of the buffer and of what the message refers to. */
  release(): void {
    this.begin(NO_BYTES, 0);
  }

  /** The length of the message. */
  get byteLength(): number {
    return this.at - this.start + this.referencedBytes;
  }

  /** Room for `byteLength` bytes from `at` on. */
  reserve(byteLength: number): void {
    if (this.at + byteLength > this.bytes.length) this.#grow(byteLength);
  }

  /** Leaves a byte for a length; returns where it is, counted from the message's start. */
  openLength(): number {
    if (this.at >= this.bytes.length) this.#grow(1);
    return this.at++ - this.start;
  }

  /** Writes the length of all that came since `openLength` returned `offset`. */
  closeLength(offset: number): void {
    const lengthAt = this.start + offset;
    const referenced = this.referencedBytes === 0 ? 0 : this.references?.bytesBehind(lengthAt);
    const byteLength = this.at - lengthAt - 1 + (referenced ?? 0);
    if (byteLength < 0x80) this.bytes[lengthAt] = byteLength;
    else this.#writeLongLength(lengthAt, byteLength);
  }

  /** Calls `visit` for each piece of the message, in order: views of the buffer and references. */
  forEachPiece(visit: (piece: Uint8Array) => void): void {
    const from = this.references?.forEachPiece(this.bytes, this.start, visit) ?? this.start;
    if (this.at > from) visit(this.bytes.subarray(from, this.at));
  }

  #writeLongLength(at: number, byteLength: number): void {
    let lengthAt = at;
    const more = byteLength < 0x4000 ? 1 : byteLength < 0x20_0000 ? 2 : byteLength < 0x1000_0000 ? 3 : 4;
    if (this.at + more > this.bytes.length) lengthAt -= this.#grow(more);
    const { bytes } = this;
    bytes.copyWithin(lengthAt + 1 + more, lengthAt + 1, this.at);
    this.at += more;
    this.references?.move(lengthAt, more);
    let rest = byteLength;
    for (; rest >= 0x80; rest >>>= 7) bytes[lengthAt++] = (rest & 0x7f) | 0x80;
    bytes[lengthAt] = rest;
  }

  // Returns by how much everything moved towards the beginning.
  #grow(byteLength: number): number {
    const from = this.start;
    const used = this.at - from;
    const next = new Uint8Array(Math.max(FIRST_BYTES, used * 2, used + byteLength));
    next.set(this.bytes.subarray(from, this.at));
    this.bytes = next;
    this.start -= from;
    this.at -= from;
    this.references?.move(-1, -from);
    return from;
  }
}
