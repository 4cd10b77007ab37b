// SPDX-License-Identifier: Apache-2.0
// Calls that may take more than one attempt. On a channel that outlives its connections they wait for one, and a call that
// the peer certainly didn't process, because its connection was ending, is made again on the next, three times at most. On
// any channel a call is made again when an interceptor wants it.

import { Attempts } from "./attempts.js";
import type { CallOptions } from "./call-options.js";
import type { CallingChannel } from "./channel.js";
import type { ClientCall } from "./client-call.js";
import { Code } from "./code.js";
import { RpcError } from "./error.js";
import type { RepeatableSource } from "./repeatable-source.js";
import type { RpcTransport } from "./transport.js";

interface OneAnswer<O> extends ClientCall {
  readonly answer: Promise<O>;
}

interface ManyAnswers<O> extends ClientCall {
  readonly items: AsyncIterable<O, undefined>;
}

/** How such a call is made. */
export interface RepeatedCallInit<C> {
  readonly core: CallingChannel;
  readonly options: CallOptions | undefined;
  /** Where a stream of requests comes from. */
  readonly requests: RepeatableSource<unknown> | undefined;
  create(transport: RpcTransport): C;
}

const DONE = { done: true, value: undefined } as const;

/** A call with one answer. @throws RpcError whatever goes wrong. */
export async function callRepeatedly<O>(init: RepeatedCallInit<OneAnswer<O>>): Promise<O> {
  return await callFrom(1, init, new Attempts(init.core, init.options, init.requests, undefined));
}

/** Goes on where `first` failed with `error`. @throws RpcError whatever goes wrong. */
export async function callAgain<O>(
  init: RepeatedCallInit<OneAnswer<O>>,
  first: ClientCall,
  error: RpcError,
): Promise<O> {
  const attempts = new Attempts(init.core, init.options, init.requests, first);
  if (!(await mayFollow(attempts, first, error))) throw error;
  return await callFrom(2, init, attempts);
}

async function callFrom<O>(firstAttempt: number, init: RepeatedCallInit<OneAnswer<O>>, attempts: Attempts): Promise<O> {
  try {
    for (let attempt = firstAttempt; ; attempt++) {
      // A promise only where there is something to wait for: calls on a connection that is ready begin at once.
      const transport = attempts.connection();
      const call = begin(init, attempts, attempt, transport instanceof Promise ? await transport : transport);
      try {
        return await call.answer;
      } catch (error) {
        if (!(await mayFollow(attempts, call, error))) throw error;
      }
    }
  } finally {
    init.requests?.release();
  }
}

function begin<C extends ClientCall>(
  init: RepeatedCallInit<C>,
  attempts: Attempts,
  attempt: number,
  transport: RpcTransport,
): C {
  const call = init.create(transport);
  call.attempt = attempt;
  call.begin(init.core.interceptors, attempts.passedMs);
  return call;
}

async function mayFollow(attempts: Attempts, call: ClientCall, error: unknown): Promise<boolean> {
  try {
    return await attempts.mayFollow(call, error);
  } catch (thrown) {
    throw RpcError.from(thrown);
  }
}

/** A call with a stream of answers, which begins at the first `next` unless it was begun already. */
export class RepeatedIterator<O> implements AsyncIterator<O, undefined> {
  readonly #init: RepeatedCallInit<ManyAnswers<O>>;
  readonly #attempts: Attempts;
  #call: ManyAnswers<O> | undefined;
  #answers: AsyncIterator<O, undefined> | undefined;
  /** It is known which call gives the answers: none is made any more. */
  #isSettled = false;
  #turn: Promise<unknown> = Promise.resolve();
  #waitingTurns = 0;

  constructor(init: RepeatedCallInit<ManyAnswers<O>>, first?: ManyAnswers<O>) {
    this.#init = init;
    this.#attempts = new Attempts(init.core, init.options, init.requests, first);
    this.#call = first;
    this.#answers = first?.items[Symbol.asyncIterator]();
  }

  next(): Promise<IteratorResult<O, undefined>> {
    // None overtakes those that wait for the first answer.
    if (this.#isSettled && this.#waitingTurns === 0) return this.#later();
    this.#waitingTurns++;
    // One after the other: which call gives the second answer is known when there is a first.
    const turn = this.#turn.then(() => (this.#isSettled ? this.#later() : this.#first()));
    const end = (): void => void this.#waitingTurns--;
    this.#turn = turn.then(end, end);
    return turn;
  }

  async return(): Promise<IteratorResult<O, undefined>> {
    this.#settle();
    this.#attempts.cancel(new RpcError(Code.Cancelled, "the consumer left the stream"));
    return (await this.#answers?.return?.()) ?? DONE;
  }

  #later(): Promise<IteratorResult<O, undefined>> {
    return this.#answers?.next() ?? Promise.resolve(DONE);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#init.requests?.release();
  }

  async #first(): Promise<IteratorResult<O, undefined>> {
    try {
      for (let attempt = 1; ; attempt++) {
        const call = this.#call ?? (await this.#begin(attempt));
        this.#call = undefined;
        if (call === undefined) return DONE;
        try {
          this.#answers ??= call.items[Symbol.asyncIterator]();
          return await this.#answers.next();
        } catch (error) {
          if (this.#isSettled || !(await mayFollow(this.#attempts, call, error))) throw error;
          this.#answers = undefined;
        }
      }
    } finally {
      this.#settle();
    }
  }

  // Undefined when the consumer left meanwhile.
  async #begin(attempt: number): Promise<ManyAnswers<O> | undefined> {
    const transport = await this.#attempts.connection();
    return this.#isSettled ? undefined : begin(this.#init, this.#attempts, attempt, transport);
  }
}
