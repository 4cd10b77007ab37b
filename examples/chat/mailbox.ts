// SPDX-License-Identifier: Apache-2.0
// Values that somebody puts in at any time, and somebody else takes by `for await`.

/** A queue that is read as an iterable; a reader who is too slow loses it. */
export class Mailbox<T> {
  readonly #maxWaiting: number;
  readonly #waiting: T[] = [];
  #wake: () => void = () => {};
  #isClosed = false;
  #reason: unknown;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  /** False when it is closed or full: the reader doesn't keep up. */
  put(value: T): boolean {
    if (this.#isClosed || this.#waiting.length >= this.#maxWaiting) return false;
    this.#waiting.push(value);
    this.#wake();
    return true;
  }

  /** The reader gets what is in it, then the end, or `reason` as an error. */
  close(reason?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reason = reason;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      for (let value = this.#waiting.shift(); value !== undefined; value = this.#waiting.shift()) yield value;
      if (this.#isClosed) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#reason !== undefined) throw this.#reason;
  }
}
