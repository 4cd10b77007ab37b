// SPDX-License-Identifier: Apache-2.0
// What one connection's handlers have answered and its peer hasn't made room for yet, in bytes.

import { Code } from "./code.js";
import { type Codec, encodeChecked } from "./codec.js";
import { RpcError } from "./error.js";

interface Answer {
  readonly byteLength: number;
  callCount: number;
}

/** Whoever would fetch an item ahead, if there was room. */
export interface AheadWaiter {
  /** There may be room again. */
  onRoomAhead(): void;
}

/** Answers that wait unencoded, and items fetched ahead. An object that answers several calls counts once. */
export class HeldAnswers {
  readonly #maxBytes: number;
  readonly #answers = new Map<unknown, Answer>();
  readonly #yield: (task: () => void) => void;
  readonly #waiters = new Set<AheadWaiter>();
  #isTelling = false;
  #byteLength = 0;

  constructor(maxBytes: number, yields: (task: () => void) => void) {
    this.#maxBytes = maxBytes;
    this.#yield = yields;
  }

  get #hasRoomAhead(): boolean {
    return this.#byteLength <= this.#maxBytes / 2;
  }

  /**
   * Whether an item may be fetched ahead: half of the room is left to those that are under way, and to answers. `waiter`
   * hears when there is room again, unless it is withdrawn: without that item its peer may never hear that none follows.
   */
  hasRoomAhead(waiter: AheadWaiter): boolean {
    if (!this.#hasRoomAhead) this.#waiters.add(waiter);
    return this.#hasRoomAhead;
  }

  /** It fetches nothing ahead any more. */
  withdraw(waiter: AheadWaiter): void {
    this.#waiters.delete(waiter);
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
    this.add(-answer.byteLength);
  }

  /** An item was fetched ahead, or (negative) waits no more. @throws RpcError `resource_exhausted` when it is too much. */
  add(byteLength: number): void {
    const sum = this.#byteLength + byteLength;
    if (byteLength > 0 && sum > this.#maxBytes) {
      const message = `answers of ${sum} bytes wait for the caller to take them, expected at most ${this.#maxBytes}`;
      throw new RpcError(Code.ResourceExhausted, message);
    }
    this.#byteLength = sum;
    this.#tellWaiters();
  }

  // Later, since whatever waits no more is in the middle of something, and one a turn: what it fetches counts for the next.
  #tellWaiters(): void {
    if (this.#isTelling || this.#waiters.size === 0 || !this.#hasRoomAhead) return;
    this.#isTelling = true;
    this.#yield(() => {
      this.#isTelling = false;
      const [waiter] = this.#waiters;
      if (waiter === undefined || !this.#hasRoomAhead) return;
      this.#waiters.delete(waiter);
      waiter.onRoomAhead();
      this.#tellWaiters();
    });
  }
}
