// SPDX-License-Identifier: Apache-2.0
// Bytes as hex text and back, for tests, logs and error messages.

/** `bytes` as lower-case hex without separators. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += (byte < 16 ? "0" : "") + byte.toString(16);
  return text;
}

/**
 * The bytes of a hex text. White space is skipped, so that fields can be set apart.
 * @throws RangeError when a character is no hex digit or a digit is left over.
 */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) {
    throw new RangeError(`not hex: "${text}", expected an even number of digits 0-9 a-f`);
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** At most `maxBytes` of `bytes` as hex, with the number of bytes that were left out. */
export function hexDump(bytes: Uint8Array, maxBytes = 32): string {
  if (bytes.length <= maxBytes) return toHex(bytes);
  return `${toHex(bytes.subarray(0, maxBytes))}… (${bytes.length - maxBytes} bytes more)`;
}
