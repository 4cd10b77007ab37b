// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, put together as they come (RSocket 1.0 §Fragmentation And Reassembly).

/** An unfinished payload. */
export interface Fragments {
  /** Fragments so far; an empty one counts more, as it costs us work and its sender nothing. */
  count: number;
  metadata: Uint8Array;
  data: Uint8Array;
}

/** `bytes`, which this has made or are none, with `part` behind them. What holds them is at most twice as large. */
export function append(bytes: Uint8Array, part: Uint8Array): Uint8Array {
  const { length } = bytes;
  const byteLength = length + part.length;
  let place = new Uint8Array(bytes.buffer);
  if (byteLength > place.length) {
    place = new Uint8Array(Math.max(byteLength, 2 * length));
    place.set(bytes);
  }
  place.set(part, length);
  return place.subarray(0, byteLength);
}
