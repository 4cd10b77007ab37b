// SPDX-License-Identifier: Apache-2.0
// UTF-8 in and out of byte ranges, with a fast path for the ASCII that nearly all names and keys are.

/** The longest text that is decoded byte by byte: beyond it the call into the platform's decoder pays for itself. */
const SHORT_TEXT_BYTES = 32;

/** The platform's. */
export const encoder: TextEncoder = new TextEncoder();
const decoder = /*@__PURE__*/ new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** The bytes of `text`, freshly allocated. Lone surrogates become U+FFFD. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** How many bytes `encodeUtf8Into` would write for `text`. */
export function utf8ByteLength(text: string): number {
  let byteLength = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) byteLength += 1;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      byteLength += 2; // two units, four bytes
      i++;
    } else byteLength += 2;
  }
  return byteLength;
}

/** Writes `text` at `offset` and returns the offset behind it. The target must have `utf8ByteLength(text)` bytes left. */
export function encodeUtf8Into(text: string, target: Uint8Array, offset: number): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0x80) return offset + i + encoder.encodeInto(text.slice(i), target.subarray(offset + i)).written;
    target[offset + i] = unit;
  }
  return offset + text.length;
}

/** The text of `bytes[start, end)`. Bytes that are not UTF-8 become U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  return decodeAscii(bytes, start, end) ?? decoder.decode(bytes.subarray(start, end));
}

/** The text of `bytes[start, end)`, or undefined when those bytes are not UTF-8. */
export function decodeUtf8Strict(bytes: Uint8Array, start = 0, end: number = bytes.length): string | undefined {
  try {
    return decodeAscii(bytes, start, end) ?? strictDecoder.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}

// An array for each length, to be filled and handed over whole: a text that is put together is slower by far.
const unitsOfLength: number[][] = [];

// The text of `bytes[start, end)` when it is short and ASCII; undefined otherwise. Where there is no byte there is no
// character; 0x80 ends the attempt.
function decodeAscii(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length > SHORT_TEXT_BYTES) return undefined;
  const units = (unitsOfLength[length] ??= new Array<number>(length).fill(0));
  for (let i = 0; i < length; i++) {
    const byte = bytes[start + i] ?? 0x80;
    if (byte >= 0x80) return undefined;
    units[i] = byte;
  }
  return String.fromCharCode(...units);
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
