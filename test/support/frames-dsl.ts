// SPDX-License-Identifier: Apache-2.0
// Frames as hex with a comment per field, and a reader of their own: no test compares the codec with itself.

/**
 * Hex digits of a template; spaces, line breaks and `// comments` are left out.
 *
 *     hex`
 *       00000001   // stream 1
 *       2860       // PAYLOAD, N C
 *       6869       // data
 *     `
 */
export function hex(strings: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  let text = strings[0] ?? "";
  values.forEach((value, i) => {
    text += String(value) + (strings[i + 1] ?? "");
  });
  const digits = text
    .replace(/\/\/[^\n]*/g, "")
    .replace(/\s+/g, "")
    .toLowerCase();
  if (digits.length % 2 !== 0 || /[^0-9a-f]/.test(digits)) throw new RangeError(`not hex: ${digits}`);
  return digits;
}

/** The bytes of hex digits. */
export function bytesOf(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

/** Bytes as hex digits. */
export function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** A text's UTF-8 as hex digits. */
export function textHex(text: string): string {
  return hexOf(new TextEncoder().encode(text));
}

/** A number as `byteLength` big-endian bytes in hex. */
export function uint(value: number, byteLength: number): string {
  return value.toString(16).padStart(2 * byteLength, "0");
}

/** `count` bytes in hex that are all `byte`. */
export function repeat(byte: string, count: number): string {
  return byte.repeat(count);
}

/** Cuts bytes into frames at their 24-bit lengths; throws when a frame isn't whole. */
export function cutFrames(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + 3 > bytes.length) throw new RangeError(`${bytes.length - at} bytes left, no room for a length`);
    const byteLength = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    const end = at + 3 + byteLength;
    if (end > bytes.length)
      throw new RangeError(`frame of ${byteLength} bytes, only ${bytes.length - at - 3} are there`);
    frames.push(bytes.subarray(at + 3, end));
    at = end;
  }
  return frames;
}

const TYPE_NAMES: Readonly<Record<number, string>> = {
  0x01: "SETUP",
  0x02: "LEASE",
  0x03: "KEEPALIVE",
  0x04: "REQUEST_RESPONSE",
  0x05: "REQUEST_FNF",
  0x06: "REQUEST_STREAM",
  0x07: "REQUEST_CHANNEL",
  0x08: "REQUEST_N",
  0x09: "CANCEL",
  0x0a: "PAYLOAD",
  0x0b: "ERROR",
  0x0c: "METADATA_PUSH",
  0x0d: "RESUME",
  0x0e: "RESUME_OK",
  0x3f: "EXT",
};

/** What a test sees in a frame. */
export interface SeenFrame {
  readonly streamId: number;
  /** `PAYLOAD`, …; `0x2a` when it isn't defined. */
  readonly type: string;
  readonly next: boolean;
  readonly complete: boolean;
  readonly follows: boolean;
  /** R of a KEEPALIVE. */
  readonly respond: boolean;
  /** Of REQUEST_STREAM, REQUEST_CHANNEL and REQUEST_N; else 0. */
  readonly n: number;
  /** Of ERROR; else 0. */
  readonly code: number;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly byteLength: number;
}

/** Reads one frame, without its length prefix, by the layouts of RSocket 1.0 alone. */
export function seeFrame(bytes: Uint8Array): SeenFrame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const head = view.getUint16(4);
  const type = TYPE_NAMES[head >>> 10] ?? `0x${(head >>> 10).toString(16)}`;
  const has = (bit: number): boolean => (head & bit) !== 0;
  let at = 6;
  const readNumber = (when: boolean): number => {
    if (!when) return 0;
    at += 4;
    return view.getUint32(at - 4);
  };
  const n = readNumber(type === "REQUEST_STREAM" || type === "REQUEST_CHANNEL" || type === "REQUEST_N");
  const code = readNumber(type === "ERROR");
  let metadata: Uint8Array | undefined;
  if (type === "METADATA_PUSH") {
    metadata = bytes.subarray(at);
    at = bytes.length;
  } else if (has(0x100) && (type.startsWith("REQUEST_") || type === "PAYLOAD")) {
    const end = at + 3 + (view.getUint8(at) << 16) + view.getUint16(at + 1);
    if (end > bytes.length) throw new RangeError(`metadata ends at ${end}, the frame at ${bytes.length}`);
    metadata = bytes.subarray(at + 3, end);
    at = end;
  }
  return {
    streamId: view.getUint32(0),
    type,
    next: has(0x20),
    complete: has(0x40),
    follows: has(0x80),
    respond: has(0x80),
    n,
    code,
    metadata,
    data: bytes.subarray(at),
    byteLength: bytes.length,
  };
}

/** A frame's hex; an ERROR's without its text, whose words are ours to change. */
export function withoutText(frame: string): string {
  return frame.slice(8, 10) === "2c" ? frame.slice(0, 20) : frame;
}
