// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, put together as they come (RSocket 1.0 §Fragmentation And Reassembly).

import { EMPTY_FRAGMENT_COUNT } from "./constants.js";

/** Bytes that come in parts. What holds them is at most twice as large. */
class Gathered {
  #byteLength = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  push(part: Uint8Array): void {
    const { bytes } = this;
    const byteLength = bytes.length + part.length;
    if (byteLength > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(byteLength, 2 * bytes.length));
      this.#bytes.set(bytes);
    }
    this.#bytes.set(part, bytes.length);
    this.#byteLength = byteLength;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#byteLength);
  }
}

/** An unfinished payload. */
export class Fragments {
  /** Fragments so far; an empty one counts 64. */
  count = 0;
  /** Bytes that were pushed. */
  byteLength = 0;
  readonly data: Gathered = new Gathered();
  readonly metadata: Gathered = new Gathered();

  /** Takes the next fragment's parts; they may be views. */
  push(metadata: Uint8Array | undefined, data: Uint8Array): void {
    const byteLength = data.length + (metadata?.length ?? 0);
    this.count += byteLength === 0 ? EMPTY_FRAGMENT_COUNT : 1;
    this.byteLength += byteLength;
    this.data.push(data);
    if (metadata !== undefined) this.metadata.push(metadata);
  }
}
