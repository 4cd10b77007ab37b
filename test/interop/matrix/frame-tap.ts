// SPDX-License-Identifier: Apache-2.0
// Reads the frames of a connection out of its bytes as they pass: TCP by 24-bit lengths, WebSocket by messages (RFC 6455 §5).

/** Told of each frame, without its length. The bytes are the listener's. */
export type OnFrame = (frame: Uint8Array) => void;

/** Takes the bytes of one direction in order. */
export interface Tap {
  take(chunk: Uint8Array): void;
}

const LENGTH_BYTES = 3;
const HTTP_END = Buffer.from("\r\n\r\n");
/** Opcodes of WebSocket frames with data: the rest of a message, text, binary. */
const CONTINUATION = 0x0;
const LAST_DATA_OPCODE = 0x2;

/** The frames of a byte stream. */
export function lengthTap(onFrame: OnFrame): Tap {
  return new Pieces((bytes) => {
    if (bytes.length < LENGTH_BYTES) return undefined;
    const end = LENGTH_BYTES + bytes.readUIntBE(0, LENGTH_BYTES);
    return { end, use: () => onFrame(bytes.subarray(LENGTH_BYTES, end)) };
  });
}

/** The messages of a WebSocket, behind the HTTP request or response that opens it. */
export function webSocketTap(onFrame: OnFrame): Tap {
  let isOpen = false;
  let parts: Uint8Array[] = [];
  const part = (opcode: number, isLast: boolean, payload: Uint8Array): void => {
    if (opcode > LAST_DATA_OPCODE) return;
    if (opcode !== CONTINUATION) parts = [];
    parts.push(payload);
    if (isLast) onFrame(parts.length === 1 ? payload : Buffer.concat(parts));
  };
  return new Pieces((bytes) => {
    if (!isOpen) {
      const at = bytes.indexOf(HTTP_END);
      if (at < 0) return undefined;
      isOpen = true;
      return { end: at + HTTP_END.length, use: () => {} };
    }
    const head = readHead(bytes);
    if (head === undefined) return undefined;
    const { opcode, isLast, start, end, mask } = head;
    return { end, use: () => part(opcode, isLast, unmasked(bytes.subarray(start, end), mask)) };
  });
}

/** What is found at the beginning of the bytes at hand: where it ends, which may be behind them. */
interface Found {
  readonly end: number;
  use(): void;
}

/** Keeps what isn't whole yet, without copying it again for every chunk. */
class Pieces implements Tap {
  readonly #find: (bytes: Buffer) => Found | undefined;
  #chunks: Uint8Array[] = [];
  #byteLength = 0;
  #wanted = 1;

  constructor(find: (bytes: Buffer) => Found | undefined) {
    this.#find = find;
  }

  take(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#byteLength += chunk.length;
    if (this.#byteLength < this.#wanted) return;
    let bytes = Buffer.concat(this.#chunks);
    for (;;) {
      const found = bytes.length === 0 ? undefined : this.#find(bytes);
      this.#wanted = found?.end ?? bytes.length + 1;
      if (found === undefined || found.end > bytes.length) break;
      found.use();
      bytes = bytes.subarray(found.end);
    }
    this.#chunks = [bytes];
    this.#byteLength = bytes.length;
  }
}

interface Head {
  readonly opcode: number;
  readonly isLast: boolean;
  readonly start: number;
  readonly end: number;
  readonly mask: Uint8Array | undefined;
}

function readHead(bytes: Buffer): Head | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  let at = 2;
  let length = second & 0x7f;
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    length = bytes.readUInt16BE(2);
    at = 4;
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    length = Number(bytes.readBigUInt64BE(2));
    at = 10;
  }
  const isMasked = (second & 0x80) !== 0;
  if (isMasked && bytes.length < at + 4) return undefined;
  const mask = isMasked ? bytes.subarray(at, at + 4) : undefined;
  const start = isMasked ? at + 4 : at;
  return { opcode: first & 0x0f, isLast: (first & 0x80) !== 0, start, end: start + length, mask };
}

function unmasked(payload: Uint8Array, mask: Uint8Array | undefined): Uint8Array {
  if (mask === undefined) return payload;
  return payload.map((byte, index) => byte ^ (mask[index & 3] ?? 0));
}
