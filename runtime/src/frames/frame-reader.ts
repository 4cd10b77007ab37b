// SPDX-License-Identifier: Apache-2.0
// The fields of one frame, one after another (RSocket 1.0 §Frame Types).

import { readUint16, readUint24, readUint31, readUint32, readUint63 } from "../bytes/integers.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import { FrameFormatError } from "./errors.js";
import { Flag, frameTypeName, METADATA_LENGTH_BYTES } from "./layout.js";
import { viewOf } from "./payload-start.js";

/** The parts of a frame that has metadata and data. */
interface Body {
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** Reads fields one after another and knows the frame's end. */
export class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #type: number;
  readonly #flags: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number, type: number, flags: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#type = type;
    this.#flags = flags;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint8(field: string): number {
    return this.#bytes[this.#advance(1, field)] ?? 0;
  }

  uint16(field: string): number {
    return readUint16(this.#bytes, this.#advance(2, field));
  }

  uint31(field: string): number {
    return readUint31(this.#bytes, this.#advance(4, field));
  }

  uint32(field: string): number {
    return readUint32(this.#bytes, this.#advance(4, field));
  }

  uint63(field: string): number {
    return readUint63(this.#bytes, this.#advance(8, field));
  }

  take(byteLength: number, field: string): Uint8Array {
    const at = this.#advance(byteLength, field);
    return viewOf(this.#bytes, at, at + byteLength);
  }

  text(byteLength: number, field: string): string {
    const at = this.#advance(byteLength, field);
    return decodeUtf8(this.#bytes, at, at + byteLength);
  }

  rest(): Uint8Array {
    return this.take(this.left, "data");
  }

  body(): Body {
    if ((this.#flags & Flag.METADATA) === 0) return { metadata: undefined, data: this.rest() };
    const byteLength = readUint24(this.#bytes, this.#advance(METADATA_LENGTH_BYTES, "metadata length"));
    return { metadata: this.take(byteLength, "metadata"), data: this.rest() };
  }

  #advance(byteLength: number, field: string): number {
    if (byteLength > this.left) {
      throw new FrameFormatError(
        `${frameTypeName(this.#type)} is cut short: ${field} needs ${byteLength} bytes, ${this.left} are left ` +
          "(RSocket 1.0 §Frame Types)",
        (this.#flags & Flag.IGNORE) !== 0,
      );
    }
    const at = this.#at;
    this.#at += byteLength;
    return at;
  }
}
