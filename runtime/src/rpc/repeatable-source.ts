// SPDX-License-Identifier: Apache-2.0
// The requests of a call on a channel that outlives its connections. A server that drains refuses a call that crosses with
// its word for it; by then the first request went out, and perhaps one was looked at: they are kept for a second attempt.

import { describeMethod } from "./call-record.js";
import type { Source } from "./channel-output.js";
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
  readonly #isAsync: boolean;
  #inner: Inner<T> | undefined;
  #kept: Step<T>[] = [];
  #takenCount = 0;
  // An attempt was done with it while its connection was ending; whether another follows isn't known yet.
  #closeIsDue = false;
  #report: (error: unknown) => void = () => {};

  constructor(source: Source<T>) {
    this.#source = source;
    this.#isAsync = Symbol.asyncIterator in Object(source);
  }

  /** Another attempt would read the same. */
  get isRepeatable(): boolean {
    return this.#takenCount <= KEPT_ITEMS;
  }

  /** What the call on `transport` reads. The attempt before it must have ended. */
  attempt(transport: RpcTransport, method: AnyMethod): Source<T> {
    // What is no source is refused where every call's is.
    if (!this.#isAsync && !(Symbol.iterator in Object(this.#source))) return this.#source;
    this.#closeIsDue = false;
    this.#report = (error) => transport.observer.onCleanupError?.(error, describeMethod(method));
    let position = 0;
    const iterator = {
      next: (): Step<T> =>
        position < this.#kept.length ? (this.#kept[position++] as Step<T>) : this.#take(++position),
      return: (): Step<T> => {
        if (transport.rsocket.isOpen || !this.isRepeatable) return this.#close();
        this.#closeIsDue = true;
        return { done: true, value: undefined };
      },
    };
    const key = this.#isAsync ? Symbol.asyncIterator : Symbol.iterator;
    const open = (): typeof iterator => {
      this.#open();
      return iterator;
    };
    // A source is one of both, which the type of a computed key doesn't tell.
    return { [key]: open } as unknown as Source<T>;
  }

  /** No attempt follows. */
  release(): void {
    if (!this.#closeIsDue) return;
    this.#closeIsDue = false;
    try {
      void Promise.resolve(this.#close()).catch(this.#report);
    } catch (error) {
      this.#report(error);
    }
  }

  #take(position: number): Step<T> {
    const step = this.#open().next();
    this.#takenCount = position;
    if (position <= KEPT_ITEMS) this.#kept.push(step);
    else if (this.#kept.length > 0) this.#kept = [];
    return step;
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
