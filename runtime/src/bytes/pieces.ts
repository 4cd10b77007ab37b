// SPDX-License-Identifier: Apache-2.0
// One message in several arrays, so that long fields are sent from where they are.

import type { InPlace } from "./in-place.js";
import { lengthOf } from "./parts.js";

/** A message in one array, or in several that belong together. */
export type EncodedMessage = Uint8Array | Pieces;

/** What is sent: a message, or one that stands where it is sent from, if it is sent at once. */
export type MessageBytes = EncodedMessage | InPlace;

/** Bytes in order, none of them copied: they must not change until they are sent. */
export class Pieces {
  readonly #list: readonly Uint8Array[];
  /** The sum of their lengths. */
  readonly length: number;

  constructor(list: readonly Uint8Array[]) {
    this.#list = list;
    this.length = lengthOf(list);
  }

  /** Calls `visit` with what of each piece lies within `start` and `end`; `isLast` for the one that ends there. */
  forEach(start: number, end: number, visit: (part: Uint8Array, isLast: boolean) => void): void {
    let at = 0;
    for (const piece of this.#list) {
      const from = Math.max(start, at);
      const to = Math.min(end, at + piece.length);
      if (from < to) visit(partOf(piece, from - at, to - at), to === end);
      at += piece.length;
      if (at >= end) return;
    }
  }
}

function partOf(piece: Uint8Array, start: number, end: number): Uint8Array {
  return start === 0 && end === piece.length ? piece : piece.subarray(start, end);
}
