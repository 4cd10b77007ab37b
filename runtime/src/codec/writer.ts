// SPDX-License-Identifier: Apache-2.0
// Where a message is written: a buffer that belongs to somebody else, behind what is there already, and grown when it is full.
// What only some messages need are functions, not methods: bundlers leave those out that nobody calls.

import { NO_BYTES } from "../bytes/parts.js";
import { FIRST_BUFFER_BYTES } from "./constants.js";
import type { References } from "./references.js";

/**
 * Writes one message at a time. `beginMessage` says where to; then the codec writes; then what was written is
 * `bytes[start, at)`, with the long `bytes` fields standing between, which `forEachPiece` tells in order.
 */
export class MessageWriter {
  /** The buffer. Another one takes its place when it is full: then `start` and all that is written have moved. */
  bytes: Uint8Array = NO_BYTES;
  /** Where the next byte goes. */
  at = 0;
  /** Where the message begins. */
  start = 0;
  /** Long fields that aren't in the buffer, once there was one. */
  references: References | undefined;

  /** Room for `byteLength` bytes from `at` on. */
  reserve(byteLength: number): void {
    const { bytes, start, at } = this;
    if (at + byteLength <= bytes.length) return;
    const used = at - start;
    this.bytes = new Uint8Array(Math.max(FIRST_BUFFER_BYTES, used * 2, used + byteLength));
    this.bytes.set(bytes.subarray(start, at));
    this.start = 0;
    this.at = used;
  }
}

/** Writes the next message from `bytes[at]` on, to the buffer's end if need be, and elsewhere when it outgrows that. */
export function beginMessage(w: MessageWriter, bytes: Uint8Array, at: number): void {
  w.bytes = bytes;
  w.at = w.start = at;
  w.references?.clear();
}

/** Lets go of the buffer and of what the message refers to. */
export function release(w: MessageWriter): void {
  beginMessage(w, NO_BYTES, 0);
}

/**
 * Leaves a byte for the length of what follows; returns where it is, counted from the message's start. When it turns out
 * to need more, what follows is moved: most nested messages are shorter than 128 bytes, and to measure a message first
 * would cost as much as to write it.
 */
export function openLength(w: MessageWriter): number {
  if (w.at >= w.bytes.length) w.reserve(1);
  return w.at++ - w.start;
}

/** Writes the length of all that came since `openLength` returned `offset`. */
export function closeLength(w: MessageWriter, offset: number): void {
  const lengthAt = w.start + offset;
  const byteLength = w.at - lengthAt - 1 + (w.references?.bytesBehind(offset) ?? 0);
  if (byteLength < 0x80) w.bytes[lengthAt] = byteLength;
  else writeLongLength(w, offset, byteLength);
}

function writeLongLength(w: MessageWriter, offset: number, byteLength: number): void {
  const more = byteLength < 0x4000 ? 1 : byteLength < 0x20_0000 ? 2 : byteLength < 0x1000_0000 ? 3 : 4;
  w.reserve(more);
  const { bytes } = w;
  let lengthAt = w.start + offset;
  bytes.copyWithin(lengthAt + 1 + more, lengthAt + 1, w.at);
  w.at += more;
  w.references?.move(offset, more);
  let rest = byteLength;
  for (; rest >= 0x80; rest >>>= 7) bytes[lengthAt++] = (rest & 0x7f) | 0x80;
  bytes[lengthAt] = rest;
}

/** Calls `visit` for each piece of the message, in order: views of the buffer and references. */
export function forEachPiece(w: MessageWriter, visit: (piece: Uint8Array) => void): void {
  const from = w.references?.forEachPiece(w.bytes, w.start, visit) ?? w.start;
  if (w.at > from) visit(w.bytes.subarray(from, w.at));
}
