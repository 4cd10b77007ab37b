// SPDX-License-Identifier: Apache-2.0
// Where outgoing frames are written: slabs of 64 KiB, handed on as few chunks as possible.

import { readUint24, writeBytes } from "./integers.js";

/** Gives `byteLength` fresh bytes. They may hold anything: a slab is written before it is read. */
export type AllocateBytes = (byteLength: number) => Uint8Array;

/** Large enough that a tick's frames are nearly always one chunk, small enough to be returned to the allocator soon. */
export const SLAB_BYTES = 65_536;

/** A payload of at least this many bytes is passed on by reference: below it a copy costs less than another chunk. */
export const REFERENCE_BYTES = 8_192;

/** A rest smaller than this is not worth keeping for the next writer. */
const SPARE_BYTES = 1_024;

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/**
 * Lends slabs to the writers of one thread. A writer gives back what it didn't use whenever it is emptied,
 * so an idle connection holds no slab, and many connections fill the same one, one after another.
 */
export class SlabPool {
  readonly #allocate: AllocateBytes;
  #spare: Uint8Array = NO_BYTES;
  #spareStart = 0;
  /** Where the slab that `open` returned last may be written from. */
  start = 0;

  constructor(allocate: AllocateBytes) {
    this.#allocate = allocate;
  }

  /** A slab with room for `byteLength` bytes from `start` on; it belongs to the caller until `giveBack`. */
  open(byteLength: number): Uint8Array {
    if (this.#spare.length - this.#spareStart >= byteLength) {
      const spare = this.#spare;
      this.start = this.#spareStart;
      this.#spare = NO_BYTES;
      this.#spareStart = 0;
      return spare;
    }
    this.start = 0;
    return this.#allocate(Math.max(byteLength, SLAB_BYTES));
  }

  /** Takes back `slab` from `start` on; what lies before it is still in use. */
  giveBack(slab: Uint8Array, start: number): void {
    const left = slab.length - start;
    if (left < SPARE_BYTES || left <= this.#spare.length - this.#spareStart) return;
    this.#spare = slab;
    this.#spareStart = start;
  }
}

/** Bytes on their way out: the chunks of whole frames, each with its 3-byte length prefix. */
export interface FrameBatch {
  /** In order. A frame may cross from one chunk into the next; the last chunk ends with the end of a frame. */
  readonly chunks: Uint8Array[];
  /** The sum of the chunks' lengths. */
  byteLength: number;
}

/**
 * Appends frames. `reserve` gives an offset into `bytes` with that much room in one piece, `pushReference` passes
 * a caller's bytes on without a copy (they must not change until the link has sent them), and `takeInto` moves
 * what was written into a batch.
 */
export class SlabWriter {
  readonly #pool: SlabPool;
  /** The slab being written. Valid from the offset that `reserve` returned. */
  bytes: Uint8Array = NO_BYTES;
  /** Bytes written and not taken yet. */
  byteLength = 0;
  #start = 0;
  #position = 0;
  #chunks: Uint8Array[] = [];
  // Chunk i ends in the middle of a frame, whose rest is chunk i + 1.
  #openEnded: boolean[] = [];
  /** What lies behind `position` is lent. */
  isLent = false;

  constructor(pool: SlabPool) {
    this.#pool = pool;
  }

  /** Room for `byteLength` bytes in one piece of `this.bytes`; returns where it begins. `goesOn`: amid a frame. */
  reserve(byteLength: number, goesOn = false): number {
    if (this.isLent || this.#position + byteLength > this.bytes.length) this.#nextSlab(byteLength, goesOn);
    const at = this.#position;
    this.#position = at + byteLength;
    this.byteLength += byteLength;
    return at;
  }

  /**
   * Lends what lies `headBytes` behind `position`, at least `roomBytes`; returns where that is. The loan ends when
   * the borrower clears `isLent`, with `takeBack`, or when anything else is written or taken: then this slab isn't used any more.
   */
  lend(headBytes: number, roomBytes: number): number {
    const byteLength = headBytes + roomBytes;
    if (this.#position + byteLength > this.bytes.length) this.#nextSlab(byteLength, false);
    this.isLent = true;
    return this.#position + headBytes;
  }

  /** Nothing was written to the loan that is wanted. */
  takeBack(): void {
    this.isLent = false;
    // An idle connection holds no slab.
    if (this.byteLength === 0) this.#releaseSlab();
  }

  /** Appends `chunk` itself to the frame whose beginning was just written; `isLast`: the frame ends with it. */
  pushReference(chunk: Uint8Array, isLast = true): void {
    this.#closeChunk(true);
    this.#chunks.push(chunk);
    this.#openEnded.push(!isLast);
    this.byteLength += chunk.length;
  }

  /** The offset into `bytes` behind what was written. */
  get position(): number {
    return this.#position;
  }

  /**
   * Appends a piece to the frame whose beginning was just written; what is long `pushReference` would take, all else is
   * copied. `isLast`: the frame ends with it.
   */
  append(piece: Uint8Array, isLast: boolean): void {
    if (piece.length >= REFERENCE_BYTES) return this.pushReference(piece, isLast);
    const at = this.reserve(piece.length, true);
    this.bytes.set(piece, at);
  }

  /** Moves whole frames into `batch` until it holds `maxBytes` or nothing is left. */
  takeInto(batch: FrameBatch, maxBytes: number): void {
    if (this.byteLength === 0) return;
    if (batch.byteLength + this.byteLength <= maxBytes) this.#takeAll(batch);
    else {
      this.#closeChunk(false);
      this.#takeSome(batch, maxBytes);
    }
    if (this.byteLength === 0) this.#releaseSlab();
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks.length = 0;
    this.#openEnded.length = 0;
    this.byteLength = 0;
    this.#releaseSlab();
  }

  // Mostly there is but the slab that is being written: then neither list gets memory of its own.
  #takeAll(batch: FrameBatch): void {
    if (this.#chunks.length > 0) {
      for (const chunk of this.#chunks) batch.chunks.push(chunk);
      this.#chunks.length = 0;
      this.#openEnded.length = 0;
    }
    if (this.#position > this.#start) batch.chunks.push(this.bytes.subarray(this.#start, this.#position));
    this.#start = this.#position;
    batch.byteLength += this.byteLength;
    this.byteLength = 0;
  }

  #takeSome(batch: FrameBatch, maxBytes: number): void {
    let count = 0;
    let wholeFrames = true;
    while (count < this.#chunks.length && (batch.byteLength < maxBytes || !wholeFrames)) {
      const chunk = this.#chunks[count] ?? NO_BYTES;
      wholeFrames = this.#openEnded[count] !== true;
      batch.chunks.push(chunk);
      batch.byteLength += chunk.length;
      this.byteLength -= chunk.length;
      count++;
    }
    this.#chunks.splice(0, count);
    this.#openEnded.splice(0, count);
  }

  #closeChunk(openEnded: boolean): void {
    if (this.#position === this.#start) return;
    this.#chunks.push(this.bytes.subarray(this.#start, this.#position));
    this.#openEnded.push(openEnded);
    this.#start = this.#position;
  }

  #nextSlab(byteLength: number, openEnded: boolean): void {
    this.#closeChunk(openEnded);
    this.isLent = false;
    this.bytes = this.#pool.open(byteLength);
    this.#start = this.#position = this.#pool.start;
  }

  #releaseSlab(): void {
    if (this.bytes.length === 0) return;
    if (!this.isLent) this.#pool.giveBack(this.bytes, this.#position);
    this.isLent = false;
    this.bytes = NO_BYTES;
    this.#start = this.#position = 0;
  }
}

/** The bytes of `batch` from chunk `firstChunk` on, in one piece of memory of their own. */
export function copyBatch({ chunks }: FrameBatch, firstChunk = 0): Uint8Array<ArrayBuffer> {
  let byteLength = 0;
  for (let i = firstChunk; i < chunks.length; i++) byteLength += chunks[i]?.length ?? 0;
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (let i = firstChunk; i < chunks.length; i++) at = writeBytes(bytes, at, chunks[i] ?? NO_BYTES);
  return bytes;
}

/** An empty batch. */
export function createBatch(): FrameBatch {
  return { chunks: [], byteLength: 0 };
}

/**
 * Calls `visit(bytes, start, end)` for each frame of `batch`, without its length prefix; copies only those that cross
 * chunks. @throws RangeError when the batch ends inside a frame.
 */
export function forEachFrame(batch: FrameBatch, visit: (bytes: Uint8Array, start: number, end: number) => void): void {
  const { chunks } = batch;
  let index = 0;
  let at = 0;
  while (index < chunks.length) {
    const chunk = chunks[index] ?? NO_BYTES;
    if (at >= chunk.length) {
      index++;
      at = 0;
      continue;
    }
    // A prefix never crosses chunks: it was reserved in one piece with the header behind it.
    const byteLength = readUint24(chunk, at);
    at += 3;
    if (at + byteLength <= chunk.length) {
      visit(chunk, at, at + byteLength);
      at += byteLength;
      continue;
    }
    const frame = new Uint8Array(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      const part = chunks[index];
      if (part === undefined) throw new RangeError(`batch ends ${filled} bytes into a frame of ${byteLength}`);
      const count = Math.min(part.length - at, byteLength - filled);
      frame.set(part.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (at >= part.length) {
        index++;
        at = 0;
      }
    }
    visit(frame, 0, byteLength);
  }
}
