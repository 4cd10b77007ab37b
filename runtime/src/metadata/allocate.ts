// SPDX-License-Identifier: Apache-2.0
// Where short-lived metadata is written: a fresh array above 64 bytes costs ten times what a piece of a shared one does.

/** Up to here V8 keeps an array in its own heap; beyond it each has a buffer of its own (45 ns, then 700 and more). */
const CHEAP_BYTES = 64;
/** Longer pieces are rare, and would waste what is left of a chunk. */
const MAX_PIECE_BYTES = 1_024;
const CHUNK_BYTES = 8_192;

/** Hands out pieces of chunks. Each byte is handed out once and is zero then, so nothing of one call shows in another. */
class Chunks {
  #chunk: Uint8Array = new Uint8Array(0);
  #used = 0;

  take(byteLength: number): Uint8Array {
    if (this.#used + byteLength > this.#chunk.length) {
      this.#chunk = new Uint8Array(CHUNK_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used = start + byteLength;
    return this.#chunk.subarray(start, this.#used);
  }
}

const chunks = /*@__PURE__*/ new Chunks();

/** `byteLength` zero bytes for the caller alone. It may be a view: for bytes that are sent and forgotten, not kept. */
export function allocate(byteLength: number): Uint8Array {
  return byteLength <= CHEAP_BYTES || byteLength > MAX_PIECE_BYTES
    ? new Uint8Array(byteLength)
    : chunks.take(byteLength);
}
