// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, joined (RSocket 1.0 §Fragmentation And Reassembly, FRAG-01 … FRAG-06).

import { isWorthItsChunk, Parts } from "../bytes/parts.js";

/** What an empty fragment counts: it costs us work and its sender nothing. */
const EMPTY_FRAGMENT_COUNT = 64;
const NO_PIECES: FramePieces = { more: [], areLent: false };

/** A frame that came in pieces: those behind its first, which are data. */
export interface FramePieces {
  readonly more: readonly Uint8Array[];
  /** All of them, and the first, are lent: what is kept is copied. */
  readonly areLent: boolean;
}

/** A joined payload. */
export interface Reassembled {
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** `bytes`, or a copy when they are few or the lesser part of their chunk: for what is held longer than its frame. */
export function compact(bytes: Uint8Array): Uint8Array {
  return isWorthItsChunk(bytes) ? bytes : bytes.slice();
}

/** Collects the fragments of one payload and joins them, each of metadata and data in one allocation. */
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

  /** The data is likely to be of so many bytes. */
  expect(dataBytes: number): void {
    this.#data.expect(dataBytes);
  }

  /** Takes the next fragment's parts; they may be views. Of one that came in pieces `data` is but the first. */
  push(metadata: Uint8Array | undefined, data: Uint8Array, { more, areLent }: FramePieces = NO_PIECES): void {
    const isEmpty = (metadata?.length ?? 0) + data.length + more.length === 0;
    this.fragmentCount += isEmpty ? EMPTY_FRAGMENT_COUNT : 1;
    if (metadata !== undefined) {
      this.#metadata ??= new Parts();
      this.#metadata.push(metadata, areLent);
    }
    this.#data.push(data, areLent);
    for (const piece of more) this.#data.push(piece, areLent);
  }

  /** The whole payload. */
  join(): Reassembled {
    return { metadata: this.#metadata?.join(), data: this.#data.join() };
  }
}
