// SPDX-License-Identifier: Apache-2.0
// The payload of a stream's frame, found in place (RSocket 1.0 §Metadata Optional Header).

import { readUint24 } from "../bytes/integers.js";
import { Flag, METADATA_LENGTH_BYTES } from "./layout.js";

/**
 * Where the data of a REQUEST_* or PAYLOAD frame begins: `at` is where its metadata length would stand, `end` the
 * frame's end. With M the metadata is `[at + 3, result)`. Returns -1 when the metadata doesn't fit the frame (META-02).
 */
export function readPayloadStart(bytes: Uint8Array, at: number, end: number, flags: number): number {
  if ((flags & Flag.METADATA) === 0) return at;
  if (at + METADATA_LENGTH_BYTES > end) return -1;
  const dataStart = at + METADATA_LENGTH_BYTES + readUint24(bytes, at);
  return dataStart > end ? -1 : dataStart;
}

/** `bytes[start, end)` as a plain Uint8Array, also when `bytes` is a subclass whose `subarray` isn't plain. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}
