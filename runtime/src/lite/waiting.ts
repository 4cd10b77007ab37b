// SPDX-License-Identifier: Apache-2.0
// Messages of one call that wait for their consumer, counted where all of a connection's are.

/** Who counts the bytes. */
export interface WaitingCounter {
  unconsumedBytes: number;
}

/** A queue of messages. Taking and adding cost the same however many wait. */
export class Waiting {
  readonly #counter: WaitingCounter;
  #messages: Uint8Array[] = [];
  #head = 0;
  #byteLength = 0;

  constructor(counter: WaitingCounter) {
    this.#counter = counter;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** Takes a message. */
  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#count(message.length);
  }

  /** The one that has waited longest. */
  shift(): Uint8Array | undefined {
    const message = this.#messages[this.#head];
    if (message === undefined) return undefined;
    if (2 * ++this.#head >= this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    this.#count(-message.length);
    return message;
  }

  /** Drops them all. */
  clear(): void {
    this.#messages = [];
    this.#head = 0;
    this.#count(-this.#byteLength);
  }

  #count(byteLength: number): void {
    this.#byteLength += byteLength;
    this.#counter.unconsumedBytes += byteLength;
  }
}

/** What calls that have ended still hold, if nobody reads it: their iterators were dropped without `return`. */
export const dropped: FinalizationRegistry<Waiting> = /*@__PURE__*/ new FinalizationRegistry((waiting) =>
  waiting.clear(),
);
