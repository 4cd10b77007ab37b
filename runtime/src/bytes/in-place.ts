// SPDX-License-Identifier: Apache-2.0
// A message that is written where its frame will be: behind room for the frame's header, in the slab of its connection.

import type { SlabWriter } from "./slab.js";

/** A place has at least so much room for the message; a longer one may outgrow it. */
const ROOM_BYTES = 512;

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/**
 * The place of one message after another, `bytes[start, start + length)`. It is taken from `begin` on, until the message's
 * frame is written around it. When anything else is written to the connection before, the message still stands there, but
 * its frame will be elsewhere: it is copied. So does who can't send it at once; who won't send it calls `giveBack`.
 */
export class InPlace {
  readonly #writer: SlabWriter;
  /** Where to write, from `start` to the end. */
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  /** The message's length; who writes it says it. */
  length = 0;

  constructor(writer: SlabWriter) {
    this.#writer = writer;
  }

  /** A message is being written, or waits for its frame. */
  get isTaken(): boolean {
    return this.bytes !== NO_BYTES;
  }

  /** Takes a place `headBytes` behind what was written. */
  begin(headBytes: number): void {
    this.start = this.#writer.lend(headBytes, ROOM_BYTES);
    this.bytes = this.#writer.bytes;
    this.length = 0;
  }

  /**
   * True when the frame that `writer` writes now, with `headBytes` in front of its data, has its data here. Then the head is
   * to be written, and the data's length reserved behind it, before anything else.
   */
  settle(writer: SlabWriter, headBytes: number): boolean {
    const isHere = writer === this.#writer && writer.isLent && writer.position + headBytes === this.start;
    if (!isHere) return false;
    this.bytes = NO_BYTES;
    writer.isLent = false;
    return true;
  }

  /** The message in memory of its own; the place is given back. */
  copy(): Uint8Array {
    // Not with `slice`: a slab may be a Buffer, whose `slice` is a view.
    const message = new Uint8Array(this.bytes.subarray(this.start, this.start + this.length));
    this.giveBack();
    return message;
  }

  /** No frame will be written here. */
  giveBack(): void {
    if (!this.isTaken) return;
    this.bytes = NO_BYTES;
    this.#writer.takeBack();
  }
}
