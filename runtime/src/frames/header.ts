// SPDX-License-Identifier: Apache-2.0
// The six bytes in front of every frame (RSocket 1.0 §Framing Format), read without making an object.

import { readUint16, readUint31 } from "../bytes/integers.js";

/** The stream id of the frame that begins at `at`. */
export function readStreamId(bytes: Uint8Array, at: number): number {
  return readUint31(bytes, at);
}

/** The 6-bit type of the frame that begins at `at`. */
export function readFrameType(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4] ?? 0) >>> 2;
}

/** The 10 flag bits of the frame that begins at `at`. */
export function readFlags(bytes: Uint8Array, at: number): number {
  return readUint16(bytes, at + 4) & 0x3ff;
}

/** Writes the length prefix and the header: nine bytes from `at` on. `frameBytes` doesn't count the prefix. */
export function writeHeader(
  bytes: Uint8Array,
  at: number,
  frameBytes: number,
  streamId: number,
  type: number,
  flags: number,
): void {
  bytes[at] = frameBytes >>> 16;
  bytes[at + 1] = frameBytes >>> 8;
  bytes[at + 2] = frameBytes;
  bytes[at + 3] = streamId >>> 24;
  bytes[at + 4] = streamId >>> 16;
  bytes[at + 5] = streamId >>> 8;
  bytes[at + 6] = streamId;
  bytes[at + 7] = (type << 2) | (flags >>> 8);
  bytes[at + 8] = flags;
}
