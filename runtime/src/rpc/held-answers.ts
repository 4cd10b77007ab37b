// SPDX-License-Identifier: Apache-2.0
// What one connection's handlers have answered and its peer hasn't made room for yet, in bytes.

import { Code } from "./code.js";
import { type Codec, encodeChecked } from "./codec.js";
import { RpcError } from "./error.js";

interface Answer {
  readonly byteLength: number;
  callCount: number;
}

/** Answers that wait unencoded, and items fetched ahead. An object that answers several calls counts once. */
export class HeldAnswers {
  readonly #maxBytes: number;
  readonly #answers = new Map<unknown, Answer>();
  #byteLength = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Items may be fetched ahead: half of the room is left to those that are under way, and to answers. */
  get hasRoomAhead(): boolean {
    return this.#byteLength <= this.#maxBytes / 2;
  }

  /** Counts an answer. @throws RpcError `resource_exhausted` when it is too much, and what the codec throws. */
  hold(value: unknown, codec: Codec<unknown>): void {
    const known = this.#answers.get(value);
    if (known !== undefined) {
      known.callCount++;
      return;
    }
    const byteLength = encodeChecked(codec, value).length;
    this.add(byteLength);
    this.#answers.set(value, { byteLength, callCount: 1 });
  }

  /** It waits no more. */
  release(value: unknown): void {
    const answer = this.#answers.get(value);
    if (answer === undefined || --answer.callCount > 0) return;
    this.#answers.delete(value);
    this.#byteLength -= answer.byteLength;
  }

  /** An item was fetched ahead, or (negative) waits no more. @throws RpcError `resource_exhausted` when it is too much. */
  add(byteLength: number): void {
    const sum = this.#byteLength + byteLength;
    if (byteLength > 0 && sum > this.#maxBytes) {
      const message = `answers of ${sum} bytes wait for the caller to take them, expected at most ${this.#maxBytes}`;
      throw new RpcError(Code.ResourceExhausted, message);
    }
    this.#byteLength = sum;
  }
}
