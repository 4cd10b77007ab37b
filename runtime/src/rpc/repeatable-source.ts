// SPDX-License-Identifier: Apache-2.0
// The requests of a call that may be made again: on a channel that outlives its connections, or because an interceptor
// wants it. A server that drains refuses a call that crosses with its word for it; by then the first request went out, and
// perhaps one was looked at: they are kept for the next attempt.

import { describeMethod } from "./call-record.js";
import type { Source } from "./channel.js";
import type { AnyMethod } from "./method.js";
import type { RpcTransport } from "./transport.js";

/** What a refused attempt can have taken: the request that opened the stream, and one that was fetched ahead. */
const KEPT_ITEMS = 2;

type Step<T> = IteratorResult<T, unknown> | Promise<IteratorResult<T, unknown>>;

interface Inner<T> {
  next(): Step<T>;
  return?(): Step<T>;
}

/** A source that may be read from its beginning again, as long as little was taken. */
export class RepeatableSource<T> {
  readonly #source: Source<T>;
  readonly #isLasting: boolean;
  readonly #isAsync: boolean;
  #inner: Inner<T> | undefined;
  #kept: Step<T>[] = [];
  #takenCount = 0;
  // It threw: another attempt would find it at its end, or broken.
  #hasFailed = false;
  // An attempt was done with it and may be followed by another.
  #closeIsDue = false;
  #isReleased = false;
  #report: (error: unknown) => void = () => {};

  /** `isLasting`: of a channel that outlives its connections. */
  constructor(source: Source<T>, isLasting: boolean) {
    this.#source = source;
    this.#isLasting = isLasting;
    this.#isAsync = Symbol.asyncIterator in Object(source);
  }

  /** Another attempt would read the same. */
  get isRepeatable(): boolean {
    return !this.#hasFailed && this.#takenCount <= KEPT_ITEMS;
  }

  /** What the call on `transport` reads. The attempt before it must have ended. `mayRetry` is known when reading begins. */
  attempt(transport: RpcTransport, method: AnyMethod, mayRetry: () => boolean): Source<T> {
    // What is no source is refused where every call's is.
    if (!this.#isAsync && !(Symbol.iterator in Object(this.#source))) return this.#source;
    this.#report = (error) => transport.observer.onCleanupError?.(error, describeMethod(method));
    let position = 0;
    const iterator = {
      next: (): Step<T> =>
        position < this.#kept.length ? (this.#kept[position++] as Step<T>) : this.#take(++position),
      return: (): Step<T> => {
        const isLast = this.#isReleased || (transport.rsocket.isOpen && !mayRetry());
        if (isLast || !this.isRepeatable) return this.#close();
        this.#closeIsDue = true;
        return { done: true, value: undefined };
      },
    };
    const key = this.#isAsync ? Symbol.asyncIterator : Symbol.iterator;
    const open = (): Inner<T> => {
      this.#closeIsDue = false;
      const inner = this.#open();
      if (this.#isLasting || mayRetry()) return iterator;
      // Nobody reads it again: nothing needs to be kept or counted.
      this.#takenCount = Number.POSITIVE_INFINITY;
      return inner;
    };
    // A source is one of both, which the type of a computed key doesn't tell.
    return { [key]: open } as unknown as Source<T>;
  }

  /** No attempt follows. */
  release(): void {
    this.#isReleased = true;
    if (!this.#closeIsDue) return;
    this.#closeIsDue = false;
    try {
      void Promise.resolve(this.#close()).catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  #take(position: number): Step<T> {
    const step = this.#step();
    this.#takenCount = position;
    if (position <= KEPT_ITEMS) this.#kept.push(step);
    else if (this.#kept.length > 0) this.#kept = [];
    return step;
  }

  #step(): Step<T> {
    const fail = (): void => {
      this.#hasFailed = true;
    };
    try {
      const step = this.#open().next();
      if (step instanceof Promise) step.catch(fail);
      return step;
    } catch (error) {
      fail();
      throw error;
    }
  }

  #close(): Step<T> {
    return this.#inner?.return?.() ?? { done: true, value: undefined };
  }

  #open(): Inner<T> {
    if (this.#inner !== undefined) return this.#inner;
    const source = this.#source as AsyncIterable<T> & Iterable<T>;
    this.#inner = this.#isAsync
      ? (source[Symbol.asyncIterator]() as Inner<T>)
      : (source[Symbol.iterator]() as Inner<T>);
    return this.#inner;
  }
}
