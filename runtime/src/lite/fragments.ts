// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, put together as they come (RSocket 1.0 §Fragmentation And Reassembly).

/** What an empty fragment counts: it costs us work and its sender nothing. */
const EMPTY_FRAGMENT_COUNT = 64;

/** Bytes that come in parts. What holds them is at most twice as large. */
class Gathered {
  byteLength = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  push(part: Uint8Array): void {
    const byteLength = this.byteLength + part.length;
    if (byteLength > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(byteLength, 2 * this.byteLength));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.byteLength);
    this.byteLength = byteLength;
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.byteLength);
  }
}

/** An unfinished payload. */
export class Fragments {
  /** Fragments so far; an empty one counts 64. */
  count = 0;
  readonly data: Gathered = new Gathered();
  metadata: Gathered | undefined;

  /** Takes the next fragment's parts; they may be views. Returns by how many bytes it grew. */
  push(metadata: Uint8Array | undefined, data: Uint8Array): number {
    const byteLength = data.length + (metadata?.length ?? 0);
    this.count += byteLength === 0 ? EMPTY_FRAGMENT_COUNT : 1;
    this.data.push(data);
    if (metadata !== undefined) {
      this.metadata ??= new Gathered();
      this.metadata.push(metadata);
    }
    return byteLength;
  }

  /** Bytes that were pushed. */
  get byteLength(): number {
    return this.data.byteLength + (this.metadata?.byteLength ?? 0);
  }
}
