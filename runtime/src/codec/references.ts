// SPDX-License-Identifier: Apache-2.0
// Long `bytes` fields of a message that is being written: they stay where they are. Only messages with such fields need it.

import { NO_BYTES } from "../bytes/parts.js";
import type { MessageWriter } from "./writer.js";

/** Long fields, each with the place where it belongs, counted from the message's start, in order. */
export class References {
  readonly #values: Uint8Array[] = [];
  readonly #places: number[] = [];

  /** The next bytes of the message are `value` itself. It must not change until the message is on its way. */
  static add(writer: MessageWriter, value: Uint8Array): void {
    writer.references ??= new References();
    writer.references.#values.push(value);
    writer.references.#places.push(writer.at - writer.start);
  }

  /** How many there are. */
  get length(): number {
    return this.#values.length;
  }

  /** Bytes of those that belong behind `at`, counted from the start as all places. */
  bytesBehind(at: number): number {
    let byteLength = 0;
    for (let i = this.#values.length - 1; i >= 0 && (this.#places[i] ?? 0) > at; i--) {
      byteLength += this.#values[i]?.length ?? 0;
    }
    return byteLength;
  }

  /** What stands behind `at` moves by so many bytes. */
  move(at: number, by: number): void {
    const places = this.#places;
    for (let i = places.length - 1; i >= 0 && (places[i] ?? 0) > at; i--) places[i] = (places[i] ?? 0) + by;
  }

  /** Calls `visit` with each of them and what stands before it, from `start` on; returns where the rest begins. */
  forEachPiece(bytes: Uint8Array, start: number, visit: (piece: Uint8Array) => void): number {
    let from = start;
    for (let i = 0; i < this.#values.length; i++) {
      const at = start + (this.#places[i] ?? 0);
      if (at > from) visit(bytes.subarray(from, at));
      visit(this.#values[i] ?? NO_BYTES);
      from = at;
    }
    return from;
  }

  /** Lets go of all of them. */
  clear(): void {
    this.#values.length = this.#places.length = 0;
  }
}
