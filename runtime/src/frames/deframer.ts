// SPDX-License-Identifier: Apache-2.0
// A byte stream into frames by their 24-bit length prefix (RSocket 1.0 §Transport Protocol, FRM-01, FRM-03).

import { readUint24 } from "../bytes/integers.js";
import { Parts } from "../bytes/parts.js";
import { FrameFormatError } from "./errors.js";
import { HEADER_BYTES, LENGTH_PREFIX_BYTES } from "./layout.js";

/**
 * Takes one frame, `bytes[start, end)`, without its prefix. It may keep views but not write.
 * False means: stop, I'll call `resume` when I want more.
 */
export type FrameReceiver = (bytes: Uint8Array, start: number, end: number) => boolean;

/**
 * Takes one frame, without its prefix, in the pieces that it came in. It may keep views but not write, and of lent ones
 * nothing but copies. False as above.
 */
export type PiecesReceiver = (pieces: readonly Uint8Array[], areLent: boolean) => boolean;

const NO_BYTES = new Uint8Array(0);
/** What an incomplete frame gets at least. */
const FIRST_PARTIAL_BYTES = 1_024;
/**
 * What it gets for each byte that has come, up to its length: a declared length alone allocates nothing. With less, most
 * frames of 64 KiB would be allocated and copied twice: reads of that size cut them anywhere.
 */
const PARTIAL_GROWTH = 4;
/** From here on a frame is passed on in pieces: for a shorter one the copy costs no more than their handling. */
const PIECES_BYTES = 16_384;
/** Of what is lent, frames are copied together up to about so many bytes: a view of one keeps no more. */
const COPY_BYTES = 65_536;

/**
 * Cuts a byte stream into frames. A frame that lies within one chunk is passed as a range of it; one that crosses
 * chunks is copied once together, or passed in pieces if it is long and there is a receiver for those. A length above
 * `maxFrameBytes` is refused from its three bytes.
 *
 * When the receiver says stop, the rest is kept and nothing is passed on until `resume`.
 */
export class LengthDeframer {
  /** The largest frame that is accepted. May be changed between frames. */
  maxFrameBytes: number;
  readonly #receive: FrameReceiver;
  readonly #receivePieces: PiecesReceiver | undefined;
  // A long frame that is incomplete, without its prefix, and its length.
  #pieces: Parts | undefined;
  #longBytes = 0;
  // Any other, with its prefix.
  #partial: Uint8Array = NO_BYTES;
  #partialBytes = 0;
  #rest: Uint8Array = NO_BYTES;
  #stopped = false;

  constructor(maxFrameBytes: number, receive: FrameReceiver, receivePieces?: PiecesReceiver) {
    this.maxFrameBytes = maxFrameBytes;
    this.#receive = receive;
    this.#receivePieces = receivePieces;
  }

  /** Bytes that are held: an incomplete frame, and what came after a stop. */
  get heldBytes(): number {
    const longBytes = this.#pieces === undefined ? 0 : LENGTH_PREFIX_BYTES + this.#pieces.byteLength;
    return longBytes + this.#partialBytes + this.#rest.length;
  }

  /**
   * Takes the next bytes; they belong to the deframer and its receiver from now on.
   * @throws FrameFormatError (scope: the connection) when a length is below 6 or above the limit. Where the next frame
   * begins is unknown then: push nothing more.
   */
  push(chunk: Uint8Array): void {
    if (this.#stopped) this.#rest = concat(this.#rest, chunk);
    else this.#cut(chunk, this.#completeKept(chunk, false));
  }

  /**
   * The same for bytes that are lent until it returns. Long frames are passed on as pieces where they stand, if there is a
   * receiver for those; the others, and what is kept, are copied.
   * @throws FrameFormatError like `push`.
   */
  pushLent(chunk: Uint8Array): void {
    let at = this.#stopped ? 0 : this.#completeKept(chunk, true);
    while (!this.#stopped && at < chunk.length) at = this.#cutLent(chunk, at);
    if (at < chunk.length) this.#rest = concat(this.#rest, chunk.slice(at));
  }

  /** Goes on after a stop. @throws FrameFormatError like `push`. */
  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    const rest = this.#rest;
    this.#rest = NO_BYTES;
    this.#cut(rest, this.#completeKept(rest, false));
  }

  // Passes on one long frame, or keeps the beginning of one, or does both for a copy of those that aren't.
  #cutLent(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at - start < COPY_BYTES && at < chunk.length) {
      if (at + LENGTH_PREFIX_BYTES > chunk.length) at = chunk.length;
      else {
        const byteLength = readUint24(chunk, at);
        if (byteLength >= PIECES_BYTES && this.#receivePieces !== undefined) break;
        at = Math.min(at + LENGTH_PREFIX_BYTES + byteLength, chunk.length);
      }
    }
    if (at > start) {
      this.#cut(chunk.slice(start, at), 0);
      return at;
    }
    const end = at + LENGTH_PREFIX_BYTES + this.#checkedLength(readUint24(chunk, at));
    if (end > chunk.length) return this.#keepLong(chunk, at, true);
    this.#stopped = this.#receivePieces?.([chunk.subarray(at + LENGTH_PREFIX_BYTES, end)], true) === false;
    return end;
  }

  #cut(chunk: Uint8Array, start: number): void {
    let at = start;
    while (!this.#stopped && at + LENGTH_PREFIX_BYTES <= chunk.length) {
      const end = at + LENGTH_PREFIX_BYTES + this.#checkedLength(readUint24(chunk, at));
      if (end > chunk.length) break;
      this.#stopped = !this.#receive(chunk, at + LENGTH_PREFIX_BYTES, end);
      at = end;
    }
    if (at >= chunk.length) return;
    if (this.#stopped) this.#rest = at === 0 ? chunk : chunk.subarray(at);
    else this.#keepRest(chunk, at);
  }

  #keepRest(chunk: Uint8Array, at: number): void {
    const isLengthKnown = at + LENGTH_PREFIX_BYTES <= chunk.length;
    const byteLength = isLengthKnown ? readUint24(chunk, at) : 0;
    if (byteLength >= PIECES_BYTES && this.#receivePieces !== undefined) {
      this.#keepLong(chunk, at, false);
      return;
    }
    const need = isLengthKnown ? LENGTH_PREFIX_BYTES + byteLength : FIRST_PARTIAL_BYTES;
    this.#keepPartial(chunk, at, chunk.length, need);
  }

  #keepLong(chunk: Uint8Array, at: number, isLent: boolean): number {
    const byteLength = readUint24(chunk, at);
    const pieces = new Parts();
    if (byteLength > COPY_BYTES) pieces.expect(byteLength);
    pieces.push(chunk.subarray(at + LENGTH_PREFIX_BYTES), isLent);
    this.#pieces = pieces;
    this.#longBytes = byteLength;
    return chunk.length;
  }

  // Fills an incomplete frame up from the chunk; returns how much of the chunk it took.
  #completeKept(chunk: Uint8Array, isLent: boolean): number {
    if (this.#pieces !== undefined) return this.#completePieces(this.#pieces, chunk, isLent);
    return this.#partialBytes === 0 ? 0 : this.#completePartial(chunk);
  }

  #completePieces(pieces: Parts, chunk: Uint8Array, isLent: boolean): number {
    const left = this.#checkedLength(this.#longBytes) - pieces.byteLength;
    if (chunk.length < left) {
      pieces.push(chunk, isLent);
      return chunk.length;
    }
    const last = chunk.subarray(0, left);
    // One that spans reads is whole then, where it was expected.
    const isCopied = isLent && this.#longBytes > COPY_BYTES;
    if (isCopied) pieces.push(last, true);
    this.#pieces = undefined;
    const all = isCopied ? pieces.take() : [...pieces.take(), last];
    this.#stopped = this.#receivePieces?.(all, isLent && !isCopied) === false;
    return left;
  }

  #completePartial(chunk: Uint8Array): number {
    let at = 0;
    if (this.#partialBytes < LENGTH_PREFIX_BYTES) {
      at = Math.min(LENGTH_PREFIX_BYTES - this.#partialBytes, chunk.length);
      this.#keepPartial(chunk, 0, at, FIRST_PARTIAL_BYTES);
      if (this.#partialBytes < LENGTH_PREFIX_BYTES) return at;
    }
    const need = LENGTH_PREFIX_BYTES + this.#checkedLength(readUint24(this.#partial, 0));
    const taken = Math.min(need - this.#partialBytes, chunk.length - at);
    this.#keepPartial(chunk, at, at + taken, need);
    if (this.#partialBytes < need) return chunk.length;
    const frame = this.#partial;
    this.#partial = NO_BYTES;
    this.#partialBytes = 0;
    this.#stopped = !this.#receive(frame, LENGTH_PREFIX_BYTES, need);
    return at + taken;
  }

  #keepPartial(chunk: Uint8Array, start: number, end: number, need: number): void {
    const byteLength = this.#partialBytes + end - start;
    if (byteLength > this.#partial.length) {
      const room = Math.max(FIRST_PARTIAL_BYTES, PARTIAL_GROWTH * byteLength);
      const grown = new Uint8Array(Math.max(byteLength, Math.min(room, need)));
      grown.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(start, end), this.#partialBytes);
    this.#partialBytes = byteLength;
  }

  #checkedLength(byteLength: number): number {
    if (byteLength < HEADER_BYTES || byteLength > this.maxFrameBytes) {
      throw new FrameFormatError(
        `frame length ${byteLength}, expected ${HEADER_BYTES} … ${this.maxFrameBytes} (RSocket 1.0 §Framing)`,
      );
    }
    return byteLength;
  }
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
