// SPDX-License-Identifier: Apache-2.0
// Between Single and Flowable of rsocket-flowable and what JavaScript has: promises, iterables, signals.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Flowable, Single } = require("rsocket-flowable");

/** A Single of what `run` resolves with; its signal is aborted when nobody waits any more. */
export function singleOf(run) {
  return new Single((subscriber) => {
    const controller = new AbortController();
    subscriber.onSubscribe(() => controller.abort());
    run(controller.signal).then(
      (value) => controller.signal.aborted || subscriber.onComplete(value),
      (error) => controller.signal.aborted || subscriber.onError(error),
    );
  });
}

/** A Flowable of what the iterable of `make` yields, pulled as it is asked for. */
export function flowableOf(make) {
  return new Flowable((subscriber) => {
    const controller = new AbortController();
    const { signal } = controller;
    let iterator;
    let wanted = 0;
    let isPulling = false;
    const pull = async () => {
      if (isPulling) return;
      isPulling = true;
      iterator ??= make(signal)[Symbol.asyncIterator]();
      try {
        while (wanted > 0 && !signal.aborted) {
          const { done, value } = await iterator.next();
          if (signal.aborted) return;
          if (done) return subscriber.onComplete();
          wanted--;
          subscriber.onNext(value);
        }
        // The end needs no demand, but an iterable tells it only when it is asked.
      } catch (error) {
        if (!signal.aborted) subscriber.onError(error);
        return;
      }
      isPulling = false;
    };
    subscriber.onSubscribe({
      cancel: () => {
        controller.abort();
        void iterator?.return?.();
      },
      request: (n) => {
        wanted += n;
        void pull();
      },
    });
  });
}

/** What a Flowable gives, one after the other, asked for `ahead` at a time. Leaving the loop cancels it. */
export async function* itemsOf(flowable, ahead = 1, onSubscription = () => {}) {
  const items = [];
  let subscription;
  let end;
  let wake = () => {};
  flowable.subscribe({
    onSubscribe: (given) => {
      subscription = given;
      onSubscription(given);
      given.request(ahead);
    },
    onNext: (item) => {
      items.push(item);
      wake();
    },
    onComplete: () => {
      end = {};
      wake();
    },
    onError: (error) => {
      end = { error };
      wake();
    },
  });
  let taken = 0;
  try {
    for (;;) {
      while (items.length > 0) {
        const item = items.shift();
        if (++taken >= Math.ceil(ahead / 2) && end === undefined) {
          subscription.request(taken);
          taken = 0;
        }
        yield item;
      }
      if (end?.error !== undefined) throw end.error;
      if (end !== undefined) return;
      await new Promise((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    if (end === undefined) subscription.cancel();
  }
}

/** Settles as a Single does; `signal` cancels it. */
export function promiseOf(single, signal) {
  return new Promise((resolve, reject) => {
    single.subscribe({
      onSubscribe: (cancel) => {
        signal?.addEventListener("abort", () => {
          cancel?.();
          reject(new Error("cancelled"));
        });
      },
      onComplete: resolve,
      onError: reject,
    });
  });
}
