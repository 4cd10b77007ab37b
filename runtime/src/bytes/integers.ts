// SPDX-License-Identifier: Apache-2.0
// The big-endian numbers that frames and metadata are made of, read and written without making an object.
// Bytes beyond the end count as 0: to bit operations undefined is that.

/** The unsigned 16-bit number at `at`. */
export function readUint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
}

/** The unsigned 24-bit number at `at`. */
export function readUint24(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}

/** The 31-bit number at `at`; the top bit is no part of it (HDR-05). */
export function readUint31(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) & 0x7fffffff;
}

/** The unsigned 32-bit number at `at`. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

/**
 * The 63-bit number at `at`; the top bit is no part of it. Numbers of 2^53 and more read as 2^53-1: no connection
 * carries that many bytes, and what is read can be compared, added to and written exactly.
 */
export function readUint63(bytes: Uint8Array, at: number): number {
  return Math.min(readUint31(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4), Number.MAX_SAFE_INTEGER);
}

/** Writes an unsigned 16-bit number and returns the offset behind it. */
export function writeUint16(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
  return at + 2;
}

/** Writes an unsigned 24-bit number and returns the offset behind it. */
export function writeUint24(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 16;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value;
  return at + 3;
}

/** Writes an unsigned 32-bit number. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes a number below 2^53 into eight bytes. */
export function writeUint63(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, at + 4, value % 0x1_0000_0000);
}

/** Copies `source` to `at` and returns the offset behind it. */
export function writeBytes(target: Uint8Array, at: number, source: Uint8Array): number {
  target.set(source, at);
  return at + source.length;
}
