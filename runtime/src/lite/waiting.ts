// SPDX-License-Identifier: Apache-2.0
// Messages of one call that wait for their consumer, counted where all of a connection's are.

/** Who counts the bytes. */
export interface WaitingCounter {
  unconsumedBytes: number;
}

interface Node {
  readonly message: Uint8Array;
  next: Node | undefined;
}

/** A queue of messages: each knows the next, so that taking one costs the same however many there are. */
export class Waiting {
  /** Messages that wait. */
  length = 0;
  readonly #counter: WaitingCounter;
  #first: Node | undefined;
  #last: Node | undefined;

  constructor(counter: WaitingCounter) {
    this.#counter = counter;
  }

  /** Takes a message. */
  push(message: Uint8Array): void {
    const node = { message, next: undefined };
    if (this.length++ === 0) this.#first = node;
    else if (this.#last !== undefined) this.#last.next = node;
    this.#last = node;
    this.#counter.unconsumedBytes += message.length;
  }

  /** The one that has waited longest. */
  shift(): Uint8Array | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#first = first.next;
    this.length--;
    this.#counter.unconsumedBytes -= first.message.length;
    return first.message;
  }

  /** Drops them all. */
  clear(): void {
    while (this.shift() !== undefined);
  }
}

/** What calls that have ended still hold, if nobody reads it: their iterators were dropped without `return`. */
export const dropped: FinalizationRegistry<Waiting> = /*@__PURE__*/ new FinalizationRegistry((waiting) =>
  waiting.clear(),
);
