// SPDX-License-Identifier: Apache-2.0
// Callbacks on one end, AsyncIterable on the other, for contestants whose own interface for streams is callbacks.

/** A hand-written iterator, since an async generator in this place costs several times as much per item. */
export class PushQueue<T> implements AsyncIterableIterator<T> {
  readonly #onTaken: () => void;
  #items: T[] = [];
  #head = 0;
  #state: { ended: false } | { ended: true; error: Error | undefined } = { ended: false };
  #waiting: { resolve(result: IteratorResult<T>): void; reject(error: Error): void } | undefined;

  /** @param onTaken called for each item that the consumer takes: the place to give credit or to resume reading. */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Items that came and were not taken yet. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#items.push(item);
      return;
    }
    this.#waiting = undefined;
    this.#onTaken();
    waiting.resolve({ done: false, value: item });
  }

  end(error?: Error): void {
    this.#state = { ended: true, error };
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    if (error === undefined) waiting.resolve({ done: true, value: undefined });
    else waiting.reject(error);
  }

  next(): Promise<IteratorResult<T>> {
    if (this.length > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (!this.#state.ended) return new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
    if (this.#state.error !== undefined) return Promise.reject(this.#state.error);
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): T {
    const item = this.#items[this.#head++] as T; // the caller saw that there is one
    if (this.#head === this.#items.length) {
      this.#items = [];
      this.#head = 0;
    }
    this.#onTaken();
    return item;
  }
}
