// SPDX-License-Identifier: Apache-2.0
// Bytes put together from parts, where few bytes of code count more than a copy.

import { lengthOf } from "../bytes/parts.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import { MAX_RPC_PART_BYTES } from "../metadata/rpc-metadata.js";

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

/** `value` in `byteLength` bytes, at most 4, the highest first. */
export function uint(value: number, byteLength: number): Bytes {
  return Array.from({ length: byteLength }, (_byte, i) => value >>> (8 * (byteLength - 1 - i)));
}

/** A text of at most 32,767 bytes behind its length, as RPC metadata has it. @throws RangeError */
export function shortText(what: string, text: string): Uint8Array {
  return withLength(what, encodeUtf8(text));
}

/** Bytes behind their length in two bytes. @throws RangeError above 32,767, which old peers can't read. */
export function withLength(what: string, bytes: Uint8Array): Uint8Array {
  if (bytes.length <= MAX_RPC_PART_BYTES) return concat(uint(bytes.length, 2), bytes);
  throw new RangeError(`${what} has ${bytes.length} bytes, expected at most ${MAX_RPC_PART_BYTES}`);
}
