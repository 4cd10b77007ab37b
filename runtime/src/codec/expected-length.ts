// SPDX-License-Identifier: Apache-2.0
// How long a message is, as far as its beginning says.

const WireType = { VARINT: 0, FIXED64: 1, LENGTH_DELIMITED: 2, FIXED32: 5 } as const;

/** For short fields behind a long one. */
const SPARE_BYTES = 1_024;

/**
 * Where the field ends that reaches beyond `start`, the beginning of a message, and a bit: most often the message ends
 * there, too. 0 when none does, or `start` is no beginning of a message.
 */
export function expectedMessageBytes(start: Uint8Array): number {
  let at = 0;
  while (at < start.length) {
    const wireType = (start[at] ?? 0) & 7;
    at = varintEnd(start, at);
    if (wireType === WireType.FIXED64) at += 8;
    else if (wireType === WireType.FIXED32) at += 4;
    else if (wireType === WireType.VARINT) at = varintEnd(start, at);
    else if (wireType === WireType.LENGTH_DELIMITED) {
      const from = varintEnd(start, at);
      const end = from + varint(start, at, from);
      if (from > start.length) return 0;
      if (end > start.length) return end + SPARE_BYTES;
      at = end;
    } else return 0;
  }
  return 0;
}

function varintEnd(bytes: Uint8Array, start: number): number {
  let at = start;
  while ((bytes[at] ?? 0) >= 0x80) at++;
  return at + 1;
}

function varint(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = end - 1; i >= start; i--) value = value * 0x80 + ((bytes[i] ?? 0) & 0x7f);
  return value;
}
