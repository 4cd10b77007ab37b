// SPDX-License-Identifier: Apache-2.0
// Messages of one call that wait for their consumer, counted where all of a connection's are.

import { Fifo } from "../bytes/fifo.js";
import { lengthOf } from "../bytes/parts.js";

/** Who counts the bytes. */
export interface WaitingCounter {
  unconsumedBytes: number;
}

/** A queue of messages. */
export class Waiting {
  readonly #counter: WaitingCounter;
  readonly #messages = new Fifo<Uint8Array>();

  constructor(counter: WaitingCounter) {
    this.#counter = counter;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#messages.length;
  }

  /** Takes a message. */
  push(message: Uint8Array): void {
    this.#messages.push(message);
    this.#counter.unconsumedBytes += message.length;
  }

  /** The one that has waited longest. */
  shift(): Uint8Array | undefined {
    const message = this.#messages.shift();
    this.#counter.unconsumedBytes -= message?.length ?? 0;
    return message;
  }

  /** Drops them all. */
  clear(): void {
    this.#counter.unconsumedBytes -= lengthOf(this.#messages.takeAll());
  }
}

/** What calls that have ended still hold, if nobody reads it: their iterators were dropped without `return`. */
export const dropped: FinalizationRegistry<Waiting> = /*@__PURE__*/ new FinalizationRegistry((waiting) =>
  waiting.clear(),
);
