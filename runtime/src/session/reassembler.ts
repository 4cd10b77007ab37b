// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, joined (RSocket 1.0 §Fragmentation And Reassembly, FRAG-01 … FRAG-06).

/** Bytes below this are copied: a view would pin the whole read chunk they came in. */
const COPY_BYTES = 4_096;
/** What an empty fragment counts: it costs us work and its sender nothing. */
const EMPTY_FRAGMENT_COUNT = 64;

const NO_BYTES = new Uint8Array(0);

/** A joined payload. */
export interface Reassembled {
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** `bytes`, or a copy when they are few or the lesser part of their chunk: for what is held longer than its frame. */
export function compact(bytes: Uint8Array): Uint8Array {
  return isWorthItsChunk(bytes) ? bytes : bytes.slice();
}

// A view pins the chunk that it was read in: one that is mostly other frames would cost more than it counts.
function isWorthItsChunk(bytes: Uint8Array): boolean {
  return bytes.length >= COPY_BYTES && 2 * bytes.length >= bytes.buffer.byteLength;
}

/** Collects the fragments of one payload and joins them with one exact allocation each for metadata and data. */
export class Reassembler {
  /** Fragments so far; an empty one counts 64. */
  fragmentCount = 0;
  #metadata: Parts | undefined;
  readonly #data = new Parts();

  /** Bytes of metadata so far. */
  get metadataBytes(): number {
    return this.#metadata?.byteLength ?? 0;
  }

  /** Bytes of data so far. */
  get dataBytes(): number {
    return this.#data.byteLength;
  }

  /** Bytes that are held. */
  get byteLength(): number {
    return this.metadataBytes + this.dataBytes;
  }

  /** Takes the next fragment's parts; they may be views. */
  push(metadata: Uint8Array | undefined, data: Uint8Array): void {
    const byteLength = (metadata?.length ?? 0) + data.length;
    this.fragmentCount += byteLength === 0 ? EMPTY_FRAGMENT_COUNT : 1;
    if (metadata !== undefined) {
      this.#metadata ??= new Parts();
      this.#metadata.push(metadata);
    }
    this.#data.push(data);
  }

  /** The whole payload. */
  join(): Reassembled {
    return { metadata: this.#metadata?.join(), data: this.#data.join() };
  }
}

/** Bytes that come in parts. Small parts are gathered: an object each would outweigh a flood of 1-byte fragments. */
class Parts {
  byteLength = 0;
  readonly #parts: Uint8Array[] = [];
  #gathered: Uint8Array = NO_BYTES;
  #gatheredBytes = 0;

  push(part: Uint8Array): void {
    if (part.length === 0) return;
    this.byteLength += part.length;
    if (isWorthItsChunk(part)) {
      this.#closeGathered();
      this.#parts.push(part);
      return;
    }
    if (this.#gatheredBytes + part.length > this.#gathered.length) {
      this.#closeGathered();
      // As much again as there is: at most half of what is held is unused, and there are few parts.
      this.#gathered = new Uint8Array(Math.max(part.length, Math.min(this.byteLength, COPY_BYTES)));
    }
    this.#gathered.set(part, this.#gatheredBytes);
    this.#gatheredBytes += part.length;
  }

  join(): Uint8Array {
    this.#closeGathered();
    const [only] = this.#parts;
    if (only === undefined) return NO_BYTES;
    if (this.#parts.length === 1 && only.length === this.byteLength) return only;
    const joined = new Uint8Array(this.byteLength);
    let at = 0;
    for (const part of this.#parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #closeGathered(): void {
    if (this.#gatheredBytes > 0) this.#parts.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = NO_BYTES;
    this.#gatheredBytes = 0;
  }
}
