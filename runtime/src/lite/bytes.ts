// SPDX-License-Identifier: Apache-2.0
// Bytes put together from parts, where few bytes of code count more than a copy.

import { lengthOf } from "../bytes/parts.js";

/** Bytes of a part; of a number the low eight bits. */
export type Bytes = ArrayLike<number>;

/** All of them in one array. */
export function concat(...parts: readonly Bytes[]): Uint8Array {
  const bytes = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** `value` in `byteLength` bytes, the highest first; 0 in as many as one likes, all else in at most 4. */
export function uint(value: number, byteLength: number): Bytes {
  return Array.from({ length: byteLength }, (_byte, i) => value >>> (8 * (byteLength - 1 - i)));
}
