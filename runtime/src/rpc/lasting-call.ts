// SPDX-License-Identifier: Apache-2.0
// Calls on a channel that outlives its connections: they wait for one within their time, and a call that the peer certainly
// didn't process, because its connection was ending, is made once more on the next.

import { listenForAbort, stopListening } from "./abort-listeners.js";
import type { ComposedInterceptors } from "./call.js";
import { type CallOptions, checkCallOptions } from "./call-options.js";
import type { ChannelCore, LastingCore, TransportWaiter } from "./channel.js";
import type { Source } from "./channel-output.js";
import { abortError, deadlineExceeded } from "./client-call.js";
import { Code } from "./code.js";
import { type Deadline, deadlineClockOf } from "./deadline.js";
import { messageOf } from "./describe.js";
import { RpcError } from "./error.js";
import { RepeatableSource } from "./repeatable-source.js";
import type { RpcTransport } from "./transport.js";

/** How a call of either kind begins. */
interface Beginning {
  begin(interceptors: ComposedInterceptors | undefined, waitedMs: number): void;
}

interface OneAnswer<O> extends Beginning {
  readonly settled: Promise<void>;
  take(): O;
}

interface ManyAnswers<O> extends Beginning {
  readonly items: AsyncIterable<O, undefined>;
}

/** How calls are made on such a channel. */
export interface LastingCallInit<C> {
  readonly core: ChannelCore;
  readonly lasting: LastingCore;
  readonly options: CallOptions | undefined;
  /** Where a stream of requests comes from. */
  readonly requests: RepeatableSource<unknown> | undefined;
  create(transport: RpcTransport): C;
}

/** The ways to call on such a channel. */
export interface LastingCalls {
  /** Requests that may be read once more. */
  keep(requests: Source<unknown>): RepeatableSource<unknown>;
  /** Makes a call with one answer. @throws RpcError whatever goes wrong. */
  answer<O>(init: LastingCallInit<OneAnswer<O>>): Promise<O>;
  /** A call with a stream of answers, which begins at the first `next`. */
  iterate<O>(init: LastingCallInit<ManyAnswers<O>>): AsyncIterator<O, undefined>;
}

/** What a channel that outlives its connections has as `calls`. */
export const lastingCalls: LastingCalls = {
  keep: (requests) => new RepeatableSource(requests),
  answer: callLasting,
  iterate: (init) => new LastingIterator(init),
};

/** A call with one answer. @throws RpcError whatever goes wrong. */
async function callLasting<O>(init: LastingCallInit<OneAnswer<O>>): Promise<O> {
  const { core, lasting, options, requests } = init;
  const wait = new ConnectionWait(lasting, options);
  try {
    for (let isFirst = true; ; isFirst = false) {
      const transport = lasting.ready ?? (await wait.next());
      const call = init.create(transport);
      call.begin(core.interceptors, wait.passedMs);
      await call.settled;
      try {
        return call.take();
      } catch (error) {
        if (!isFirst || requests?.isRepeatable === false || !mayRepeat(error, transport)) throw error;
      }
    }
  } finally {
    requests?.release();
  }
}

/** A call with a stream of answers, which begins at the first `next`. */
class LastingIterator<O> implements AsyncIterator<O, undefined> {
  readonly #init: LastingCallInit<ManyAnswers<O>>;
  readonly #wait: ConnectionWait;
  #answers: AsyncIterator<O, undefined> | undefined;
  /** It is known which call gives the answers: none is made any more. */
  #isSettled = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(init: LastingCallInit<ManyAnswers<O>>) {
    this.#init = init;
    this.#wait = new ConnectionWait(init.lasting, init.options);
  }

  next(): Promise<IteratorResult<O, undefined>> {
    if (this.#isSettled) return this.#later();
    // One after the other: which call gives the second answer is known when there is a first.
    const turn = this.#turn.then(() => (this.#isSettled ? this.#later() : this.#first()));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async return(): Promise<IteratorResult<O, undefined>> {
    this.#settle();
    this.#wait.cancel(new RpcError(Code.Cancelled, "the consumer left the stream"));
    return (await this.#answers?.return?.()) ?? { done: true, value: undefined };
  }

  async #later(): Promise<IteratorResult<O, undefined>> {
    return (await this.#answers?.next()) ?? { done: true, value: undefined };
  }

  #settle(): void {
    this.#isSettled = true;
    this.#init.requests?.release();
  }

  async #first(): Promise<IteratorResult<O, undefined>> {
    const { core, lasting, requests, create } = this.#init;
    for (let isFirst = true; ; isFirst = false) {
      let transport: RpcTransport | undefined;
      try {
        transport = lasting.ready ?? (await this.#wait.next());
        if (this.#isSettled) return { done: true, value: undefined };
        const call = create(transport);
        call.begin(core.interceptors, this.#wait.passedMs);
        this.#answers = call.items[Symbol.asyncIterator]();
        const result = await this.#answers.next();
        this.#settle();
        return result;
      } catch (error) {
        const isRepeatable = isFirst && !this.#isSettled && requests?.isRepeatable !== false;
        if (isRepeatable && mayRepeat(error, transport)) continue;
        this.#settle();
        throw error;
      }
    }
  }
}

/** The peer certainly didn't process the call (REJECTED, or never sent), and its connection takes no calls any more. */
function mayRepeat(error: unknown, transport: RpcTransport | undefined): boolean {
  // On a connection that lives REJECTED means "too much": whether to try again, and when, is for the caller to say.
  return transport !== undefined && !transport.rsocket.isOpen && RpcError.is(error) && error.retryable;
}

/** One call's waiting for connections, within its deadline and its caller's signal. */
class ConnectionWait {
  readonly #lasting: LastingCore;
  readonly #options: CallOptions;
  readonly #beganAtMs: number;
  #cancel: ((error: RpcError) => void) | undefined;

  constructor(lasting: LastingCore, options: CallOptions = {}) {
    this.#lasting = lasting;
    this.#options = options;
    this.#beganAtMs = lasting.scheduler.now();
  }

  /** Since the call was made; its deadline counts from there. */
  get passedMs(): number {
    return this.#lasting.scheduler.now() - this.#beganAtMs;
  }

  /** The next connection. @throws RpcError as the call then fails. */
  async next(): Promise<RpcTransport> {
    for (;;) {
      const transport = await this.#once();
      // It may have ended between being ready and being told; a wait on the channel's backoff follows.
      const { ready } = this.#lasting;
      if (transport.rsocket.isOpen) return transport;
      if (ready !== undefined) return ready;
    }
  }

  /** Waits no more. */
  cancel(error: RpcError): void {
    this.#cancel?.(error);
  }

  #once(): Promise<RpcTransport> {
    const { signal, timeoutMs, waitForReady } = this.#options;
    return new Promise((resolve, reject) => {
      let deadline: Deadline | undefined;
      const stop = (): void => {
        this.#cancel = undefined;
        deadline?.clear();
        if (signal !== undefined) stopListening(signal, onAbort);
        this.#lasting.withdraw(waiter);
      };
      const fail = (error: RpcError): void => {
        stop();
        reject(error);
      };
      const onAbort = (): void => fail(abortError(signal?.reason));
      const waiter: TransportWaiter = {
        waitForReady,
        onTransport: (transport) => {
          stop();
          resolve(transport);
        },
        onFailed: fail,
      };
      const wrong = wrongOptions(this.#options);
      if (wrong !== undefined) return reject(wrong);
      if (signal?.aborted === true) return onAbort();
      const leftMs = timeoutMs === undefined ? undefined : timeoutMs - this.passedMs;
      if (timeoutMs !== undefined && leftMs !== undefined) {
        if (leftMs <= 0) return reject(deadlineExceeded(timeoutMs));
        deadline = deadlineClockOf(this.#lasting.scheduler).set(leftMs, () => fail(deadlineExceeded(timeoutMs)));
      }
      if (signal !== undefined) listenForAbort(signal, onAbort);
      this.#cancel = fail;
      this.#lasting.wait(waiter);
    });
  }
}

function wrongOptions(options: CallOptions): RpcError | undefined {
  try {
    checkCallOptions(options);
    return undefined;
  } catch (error) {
    return new RpcError(Code.InvalidArgument, messageOf(error), { cause: error });
  }
}
