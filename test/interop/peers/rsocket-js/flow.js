// SPDX-License-Identifier: Apache-2.0
// The driver's callbacks as async iterables, with credit in both directions.

/** Payloads that come: asks for `window` of them, and for more when half are read. */
export class Inbox {
  received = 0;
  granted;
  #window;
  #request = () => {};
  #items = [];
  #end;
  #wake = () => {};

  constructor(window) {
    this.#window = window;
    this.granted = window;
  }

  /** `request` sends REQUEST_N. */
  grantBy(request) {
    this.#request = request;
  }

  onNext(payload, isComplete) {
    this.received++;
    this.#items.push(payload);
    if (isComplete) this.onComplete();
    this.#wake();
  }

  onComplete() {
    this.#end ??= {};
    this.#wake();
  }

  onError(error) {
    this.#end ??= { error };
    this.#wake();
  }

  onExtension() {}

  async *[Symbol.asyncIterator]() {
    const half = Math.ceil(this.#window / 2);
    for (let read = 1; ; read++) {
      while (this.#items.length === 0) {
        if (this.#end?.error) throw this.#end.error;
        if (this.#end) return;
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
      }
      yield this.#items.shift();
      if (read % half === 0 && !this.#end) {
        this.granted += half;
        this.#request(half);
      }
    }
  }
}

/** Sends `payloads` to `sink`, never more than it has asked for. Gives what the driver calls: `request` and `cancel`. */
export function pump(payloads, credit, sink) {
  const iterator = payloads[Symbol.asyncIterator]();
  let left = credit;
  let isCancelled = false;
  let wake = () => {};
  const run = async () => {
    for (;;) {
      const { value, done } = await iterator.next();
      if (isCancelled) return;
      if (done) return sink.onComplete();
      while (left === 0 && !isCancelled) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      if (isCancelled) return;
      left--;
      sink.onNext(value, false);
    }
  };
  run().catch((error) => {
    if (!isCancelled) sink.onError(error);
  });
  return {
    request(n) {
      left += n;
      wake();
    },
    cancel() {
      isCancelled = true;
      wake();
    },
  };
}
