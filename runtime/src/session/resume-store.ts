// SPDX-License-Identifier: Apache-2.0
// Frames kept for resumption, oldest first (RSocket 1.0 §Implied Position, RESUME-02, RESUME-09).
//
//   first            acknowledged ▸          unsent          sent
//     ├── dropped when the peer has them ──┼── to be sent again ──┤ ◂ new frames
//
// Positions count bytes of encoded stream frames without their length prefix, after fragmentation.

import { readUint24 } from "../bytes/integers.js";
import { copyBatch, type FrameBatch } from "../bytes/slab.js";
import { LENGTH_PREFIX_BYTES } from "../frames/layout.js";

/** For so many bytes received the peer may ask once what we have. */
export const BYTES_PER_ASK = 65_536;

/** Bytes kept by all stores of one server, or of one client. */
export class ResumeLedger {
  bytes = 0;
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** No store should keep more. */
  get isFull(): boolean {
    return this.bytes > this.maxBytes;
  }
}

/** Whole frames of one write, in a piece of memory of their own. */
interface Kept {
  readonly bytes: Uint8Array;
  readonly startPosition: number;
  readonly endPosition: number;
}

/** What was sent on streams and may have to be sent again. */
export class ResumeStore {
  readonly #maxBytes: number;
  readonly #ledger: ResumeLedger;
  #kept: Kept[] = [];
  #bytes = 0;
  #sentPosition = 0;
  // From where frames are to be sent again: an entry, and how far into it.
  #unsentIndex = 0;
  #unsentOffset = 0;
  #unsentPosition = 0;

  /** Keeps about `maxBytes`, as long as `ledger`, which may be shared, has room. */
  constructor(maxBytes: number, ledger: ResumeLedger) {
    this.#maxBytes = maxBytes;
    this.#ledger = ledger;
  }

  /** Where the oldest frame begins that can be sent again. */
  get firstPosition(): number {
    return this.#kept[0]?.startPosition ?? this.#sentPosition;
  }

  /** Where the newest frame ends. */
  get sentPosition(): number {
    return this.#sentPosition;
  }

  /** Bytes kept, prefixes included. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Nothing more should be sent before the peer has confirmed some of it: there is some. */
  get isFull(): boolean {
    return this.#bytes >= this.#maxBytes || this.#isOneOfTooMany;
  }

  /** It is time to ask the peer what it has. */
  get isHalfFull(): boolean {
    return (this.#bytes > 0 && this.#bytes >= this.#maxBytes / 2) || this.#isOneOfTooMany;
  }

  // Who keeps less than the peer has to be asked for isn't stopped, nor asks, for what others keep.
  get #isOneOfTooMany(): boolean {
    return this.#ledger.isFull && this.#sentPosition - this.firstPosition >= BYTES_PER_ASK;
  }

  /** Frames are to be sent again. */
  get hasUnsent(): boolean {
    return this.#unsentIndex < this.#kept.length;
  }

  /** Keeps a copy of the frames in `batch.chunks` from `firstChunk` on, which are being sent. */
  append(batch: FrameBatch, firstChunk: number): void {
    if (firstChunk === batch.chunks.length) return;
    // Slabs are shared: a view of a few bytes would keep 64 KiB.
    const bytes = copyBatch(batch, firstChunk);
    const startPosition = this.#sentPosition;
    this.#sentPosition += bytes.length - LENGTH_PREFIX_BYTES * countFrames(bytes);
    this.#kept.push({ bytes, startPosition, endPosition: this.#sentPosition });
    this.#count(bytes.length);
    this.#unsentIndex = this.#kept.length;
    this.#unsentPosition = this.#sentPosition;
  }

  /** The peer has everything before `position`: it isn't kept any longer. Numbers that can't be true are ignored. */
  trim(position: number): void {
    const known = Math.min(position, this.#unsentPosition);
    let count = 0;
    while ((this.#kept[count]?.endPosition ?? Number.POSITIVE_INFINITY) <= known) count++;
    this.#drop(count);
  }

  /** Forgets the oldest frames until there is room; a peer that misses them can't resume. */
  evict(): void {
    let count = 0;
    let freed = 0;
    const excess = Math.max(
      this.#bytes - this.#maxBytes,
      Math.min(this.#bytes, this.#ledger.bytes - this.#ledger.maxBytes),
    );
    while (freed < excess && count < this.#unsentIndex) freed += this.#kept[count++]?.bytes.length ?? 0;
    this.#drop(count);
  }

  /** Whether everything from `position` on, the beginning of a frame, can be sent again. */
  holds(position: number): boolean {
    return this.#find(position) !== undefined;
  }

  /** Goes back to `position`, from which frames are sent again; false when that can't be. */
  rewind(position: number): boolean {
    const place = this.#find(position);
    if (place === undefined) return false;
    this.#setUnsent(place.index, place.offset, position);
    this.trim(position);
    return true;
  }

  /** Moves frames that are to be sent again into `batch` until it holds `maxBytes`. */
  takeUnsent(batch: FrameBatch, maxBytes: number): void {
    for (;;) {
      const kept = this.#kept[this.#unsentIndex];
      if (kept === undefined || batch.byteLength >= maxBytes) return;
      // A copy: what a link is given is its own, and it may be needed once more.
      const bytes = kept.bytes.slice(this.#unsentOffset);
      batch.chunks.push(bytes);
      batch.byteLength += bytes.length;
      this.#setUnsent(this.#unsentIndex + 1, 0, kept.endPosition);
    }
  }

  /** Keeps nothing any more. */
  clear(): void {
    this.#drop(this.#kept.length);
    this.#setUnsent(0, 0, this.#sentPosition);
  }

  #find(position: number): { readonly index: number; readonly offset: number } | undefined {
    if (position === this.#sentPosition) return { index: this.#kept.length, offset: 0 };
    const index = this.#kept.findIndex((kept) => kept.startPosition <= position && position < kept.endPosition);
    const kept = this.#kept[index];
    const offset = kept === undefined ? undefined : offsetOf(kept, position);
    return offset === undefined ? undefined : { index, offset };
  }

  #setUnsent(index: number, offset: number, position: number): void {
    this.#unsentIndex = index;
    this.#unsentOffset = offset;
    this.#unsentPosition = position;
  }

  #drop(count: number): void {
    if (count === 0) return;
    for (const { bytes } of this.#kept.splice(0, count)) this.#count(-bytes.length);
    this.#unsentIndex = Math.max(0, this.#unsentIndex - count);
  }

  #count(byteLength: number): void {
    this.#bytes += byteLength;
    this.#ledger.bytes += byteLength;
  }
}

function countFrames(bytes: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < bytes.length; at += LENGTH_PREFIX_BYTES + readUint24(bytes, at)) count++;
  return count;
}

// Where the frame at `position` begins; undefined when that is inside one.
function offsetOf({ bytes, startPosition }: Kept, position: number): number | undefined {
  let offset = 0;
  let at = startPosition;
  while (at < position) {
    const frameBytes = readUint24(bytes, offset);
    offset += LENGTH_PREFIX_BYTES + frameBytes;
    at += frameBytes;
  }
  return at === position ? offset : undefined;
}
