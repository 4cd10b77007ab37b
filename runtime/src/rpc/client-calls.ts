// SPDX-License-Identifier: Apache-2.0
// The five ways to call, made by connections and by channels that outlive them.

import type { Scheduler } from "../engine/scheduler.js";
import { IncomingItems, type IncomingOwner } from "../rsocket/iterate.js";
import { Interaction } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import { iteratedTwice, undecodable, wrongAnswerCount } from "./call-errors.js";
import type { CallOptions } from "./call-options.js";
import type { CallingChannel, ChannelCore, LastingCore, Source } from "./channel.js";
import { ChannelOutput } from "./channel-output.js";
import { ClientCall, type Failure } from "./client-call.js";
import { Code } from "./code.js";
import { RpcError } from "./error.js";
import type { AnyMethod, Method } from "./method.js";
import { RepeatableSource } from "./repeatable-source.js";
import { callAgain, callRepeatedly, type RepeatedCallInit, RepeatedIterator } from "./repeated-call.js";
import type { RpcTransport } from "./transport.js";

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);
/** A client stream's answer is one message; the second credit shows when there are two. */
const ANSWER_CREDIT = 2;

const NO_SETTLE = (): void => {};

/** A channel that makes calls, as generated clients make them through `channelCore`. */
export abstract class CallingChannelBase implements ChannelCore, CallingChannel {
  abstract readonly interceptors: ComposedInterceptors | undefined;
  abstract readonly lasting: LastingCore | undefined;
  abstract readonly scheduler: Scheduler;
  abstract pick(): RpcTransport;

  /** @internal What generated clients call. */
  get channelCore(): ChannelCore {
    return this;
  }

  /** @internal */
  unary<I, IInit, O, OInit>(method: Method<I, IInit, O, OInit>, request: IInit, options?: CallOptions): Promise<O> {
    return answerOf<O>(UnaryCall, this, method, request, options);
  }

  /** @internal */
  fireAndForget<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    request: IInit,
    options?: CallOptions,
  ): Promise<void> {
    return answerOf<void>(FireAndForgetCall, this, method, request, options);
  }

  /** @internal */
  clientStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    requests: Source<IInit>,
    options?: CallOptions,
  ): Promise<O> {
    return answerOf<O>(ClientStreamCall, this, method, requests, options, repeatable(this, requests));
  }

  /** @internal */
  serverStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    request: IInit,
    options?: CallOptions,
  ): AsyncIterable<O> {
    return iterate(this, options, undefined, (transport) => new ServerStreamCall(transport, method, request, options));
  }

  /** @internal */
  bidi<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    requests: Source<IInit>,
    options?: CallOptions,
  ): AsyncIterable<O> {
    const kept = repeatable(this, requests);
    return iterate(this, options, kept, (transport) => {
      const source = kept?.attempt(transport, method, () => call.mayRetry) ?? requests;
      const call: BidiCall<O> = new BidiCall(transport, method, source, options);
      return call;
    });
  }
}

// Where calls may be made again, what they have read is kept for it.
function repeatable(core: CallingChannel, requests: Source<unknown>): RepeatableSource<unknown> | undefined {
  const { lasting, interceptors } = core;
  if (lasting === undefined && interceptors === undefined) return undefined;
  return new RepeatableSource(requests, lasting !== undefined);
}

// Makes the call. An async function here would cost each call a promise and a wait more, so would another look at it.
function answerOf<O>(
  CallOfKind: PromiseCallConstructor<O>,
  core: CallingChannel,
  method: AnyMethod,
  request: unknown,
  options: CallOptions | undefined,
  requests?: RepeatableSource<unknown>,
): Promise<O> {
  try {
    const transport = core.lasting === undefined ? core.pick() : core.lasting.ready;
    if (transport === undefined || requests !== undefined) {
      return callRepeatedly(repeatedInit(CallOfKind, core, method, request, options, requests));
    }
    const call = new CallOfKind(transport, method, request, options);
    call.core = core;
    call.begin(core.interceptors);
    return call.answer;
  } catch (error) {
    return Promise.reject(error);
  }
}

// A function of its own: without it every call would pay for the closure.
function repeatedInit<O>(
  CallOfKind: PromiseCallConstructor<O>,
  core: CallingChannel,
  method: AnyMethod,
  request: unknown,
  options: CallOptions | undefined,
  requests: RepeatableSource<unknown> | undefined,
): RepeatedCallInit<PromiseCall<O>> {
  const create = (transport: RpcTransport): PromiseCall<O> =>
    requests === undefined
      ? new CallOfKind(transport, method, request, options)
      : callReading(CallOfKind, transport, method, requests, options);
  return { core, options, requests, create };
}

// A call that reads what may be read again.
function callReading<O>(
  CallOfKind: PromiseCallConstructor<O>,
  transport: RpcTransport,
  method: AnyMethod,
  requests: RepeatableSource<unknown>,
  options: CallOptions | undefined,
): PromiseCall<O> {
  const source = requests.attempt(transport, method, () => call.mayRetry);
  const call: PromiseCall<O> = new CallOfKind(transport, method, source, options);
  return call;
}

type PromiseCallConstructor<O> = new (
  transport: RpcTransport,
  method: AnyMethod,
  // biome-ignore lint/suspicious/noExplicitAny: one request or a source of them, as the method's kind has it
  request: any,
  options: CallOptions | undefined,
) => PromiseCall<O>;

// ── calls with one answer ─────────────────────────────────────────────────────────────────────────────────────────────

abstract class PromiseCall<O> extends ClientCall {
  /** The answer. Rejects with an RpcError whatever goes wrong, of this attempt or, where `core` is set, of the last. */
  readonly answer: Promise<O>;
  /** The channel that may make the call again; undefined when somebody else sees to that. */
  core: CallingChannel | undefined;
  readonly #request: unknown;
  #settle: (answer: O | Promise<O>) => void = NO_SETTLE;
  #failure: Failure | undefined;

  constructor(transport: RpcTransport, method: AnyMethod, request: unknown, options: CallOptions | undefined) {
    super(transport, method, options);
    this.#request = request;
    this.answer = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  protected get request(): unknown {
    return this.#request;
  }

  protected onFailed(failure: Failure): void {
    this.#failure = failure;
    this.#settle(this.#failLater());
  }

  // The first await lets `answer` join this promise, the second lets go on behind that: made only now, the error's stack
  // names the caller's line.
  async #failLater(): Promise<O> {
    await Promise.resolve();
    await Promise.resolve();
    const error = (this.#failure as Failure)();
    this.abortSignal(error);
    this.tellEnd(error);
    const { core } = this;
    if (core === undefined || (core.lasting === undefined && !this.mayRetry)) throw error;
    const CallOfKind = this.constructor as PromiseCallConstructor<O>;
    const init = repeatedInit(CallOfKind, core, this.definition, this.#request, this.options, undefined);
    return await callAgain(init, this, error);
  }

  protected settle(value: O): void {
    if (!this.succeed()) return;
    this.#settle(value);
    // Told amid the frame of the answer: its time is the end's.
    this.tellEnd(undefined, this.transport.rsocket.nowMs);
  }

  /** The message in `data` goes to `onAnswer`; the call fails when it can't be decoded. */
  protected takeAnswer(data: Uint8Array): void {
    let value: O;
    try {
      value = this.definition.output.decode(data, this.transport.discardUnknownFields) as O;
    } catch (error) {
      return this.fail(() => undecodable(this.definition, error));
    }
    this.receivedCount++;
    this.onAnswer(value);
  }

  protected onAnswer(value: O): void {
    this.settle(value);
  }
}

class UnaryCall<O> extends PromiseCall<O> {
  admit(): void {
    this.send(Interaction.REQUEST_RESPONSE, this.request, 1);
  }

  onNext(data: Uint8Array, metadata: Uint8Array | undefined): void {
    this.stream = undefined;
    if (this.takeAnswerMetadata(metadata)) this.takeAnswer(data);
  }

  // COMPLETE alone is an empty message: rsocket-py and rsocket-go send it (Q-EMPTY-UNARY).
  onComplete(metadata: Uint8Array | undefined): void {
    this.onNext(NO_BYTES, metadata);
  }
}

class FireAndForgetCall extends PromiseCall<void> {
  admit(): void {
    this.send(Interaction.FIRE_AND_FORGET, this.request, 0);
  }

  onNext(): void {}

  onComplete(): void {
    this.stream = undefined;
    this.settle(undefined);
  }
}

class ClientStreamCall<O> extends PromiseCall<O> {
  readonly #output: ChannelOutput;
  #hasAnswer = false;
  #answer: O | undefined;

  constructor(transport: RpcTransport, method: AnyMethod, requests: Source<unknown>, options: CallOptions | undefined) {
    super(transport, method, requests, options);
    this.#output = new ChannelOutput(this, requests, ANSWER_CREDIT);
  }

  admit(): void {
    this.#output.start();
  }

  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void {
    if (this.#hasAnswer) return this.fail(() => wrongAnswerCount("more than one answer"));
    this.#hasAnswer = true;
    if (this.takeAnswerMetadata(metadata)) this.takeAnswer(data);
    if (complete) this.#finish();
  }

  protected override onAnswer(value: O): void {
    this.#answer = value;
  }

  onComplete(metadata: Uint8Array | undefined): void {
    if (!this.takeAnswerMetadata(metadata)) return;
    if (this.#hasAnswer) this.#finish();
    else this.fail(() => wrongAnswerCount("no answer"));
  }

  override onCancel(): void {
    this.#output.stop();
  }

  override onRequestN(): void {
    this.#output.run();
  }

  override onWritable(): void {
    this.#output.run();
  }

  protected override onFailed(failure: Failure): void {
    this.#output.stop();
    super.onFailed(failure);
  }

  // The answer is there: whatever the source still had is of no use.
  #finish(): void {
    if (this.isEnded) return;
    this.#output.finish();
    this.settle(this.#answer as O);
  }
}

// ── calls with a stream of answers ────────────────────────────────────────────────────────────────────────────────────

// The call begins with the iteration: one that is never iterated costs nothing and can't leak.
function iterate<O>(
  core: CallingChannel,
  options: CallOptions | undefined,
  requests: RepeatableSource<unknown> | undefined,
  create: (transport: RpcTransport) => IterableCall<O>,
): AsyncIterable<O> {
  let isIterated = false;
  return {
    [Symbol.asyncIterator]() {
      if (isIterated) throw iteratedTwice();
      if (core.lasting !== undefined) {
        isIterated = true;
        return new RepeatedIterator<O>({ core, options, requests, create });
      }
      const call = create(core.pick());
      isIterated = true;
      call.begin(core.interceptors);
      // Whether an interceptor wants it made again is known when all of them have passed it on.
      const isOnlyAttempt = core.interceptors === undefined || (call.isLaunched && !call.mayRetry);
      if (isOnlyAttempt) return call.items[Symbol.asyncIterator]();
      return new RepeatedIterator<O>({ core, options, requests, create }, call);
    },
  };
}

abstract class IterableCall<O> extends ClientCall implements IncomingOwner<O> {
  readonly items: IncomingItems<O>;

  constructor(transport: RpcTransport, method: AnyMethod, options: CallOptions | undefined) {
    super(transport, method, options);
    const { budget, ledger } = transport;
    this.items = new IncomingItems<O>(this, { prefetch: options?.prefetch, budget, ledger });
  }

  decode(data: Uint8Array): O {
    return this.definition.output.decode(data, this.transport.discardUnknownFields) as O;
  }

  abandon(): void {
    this.fail(() => new RpcError(Code.Cancelled, "the consumer left the stream"));
  }

  undecodable(error: unknown): RpcError {
    const reason = undecodable(this.definition, error);
    this.fail(reason);
    return reason;
  }

  overflow(message: string): RpcError {
    const reason = new RpcError(Code.ResourceExhausted, message);
    this.fail(reason);
    return reason;
  }

  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void {
    if (!this.takeAnswerMetadata(metadata)) return;
    this.receivedCount++;
    this.items.receive(data, undefined);
    if (complete) this.#complete();
  }

  onComplete(metadata: Uint8Array | undefined): void {
    if (this.takeAnswerMetadata(metadata)) this.#complete();
  }

  protected onFailed(failure: Failure): void {
    const error = failure();
    this.abortSignal(error);
    this.items.fail(error);
    this.tellEnd(error);
  }

  /** The answers are complete: a subclass ends what it sends. */
  protected finishSending(): void {}

  #complete(): void {
    this.finishSending();
    this.stream = undefined;
    if (!this.succeed()) return;
    this.items.end();
    this.tellEnd(undefined);
  }
}

class ServerStreamCall<O> extends IterableCall<O> {
  readonly #request: unknown;

  constructor(transport: RpcTransport, method: AnyMethod, request: unknown, options: CallOptions | undefined) {
    super(transport, method, options);
    this.#request = request;
  }

  admit(): void {
    const { initialN } = this.items;
    const stream = this.send(Interaction.REQUEST_STREAM, this.#request, initialN);
    if (stream !== undefined) this.items.attach(stream, initialN);
  }
}

class BidiCall<O> extends IterableCall<O> {
  readonly #output: ChannelOutput;

  constructor(transport: RpcTransport, method: AnyMethod, requests: Source<unknown>, options: CallOptions | undefined) {
    super(transport, method, options);
    const { initialN } = this.items;
    this.#output = new ChannelOutput(this, requests, initialN, (stream) => this.items.attach(stream, initialN));
  }

  admit(): void {
    this.#output.start();
  }

  override onCancel(): void {
    this.#output.stop();
  }

  override onRequestN(): void {
    this.#output.run();
  }

  override onWritable(): void {
    this.#output.run();
  }

  protected override finishSending(): void {
    this.#output.finish();
  }

  protected override onFailed(failure: Failure): void {
    this.#output.stop();
    super.onFailed(failure);
  }
}
