// SPDX-License-Identifier: Apache-2.0
// One call of a client: what it sends, what of the answer waits for its consumer, and its one end.

import type { Timer } from "../engine/scheduler.js";
import type { TurnShare } from "../engine/turn-budget.js";
import { ErrorCode } from "../frames/errors.js";
import { Flag, FrameType, MAX_31_BIT, METADATA_LENGTH_BYTES } from "../frames/layout.js";
import { readPayloadStart, viewOf } from "../frames/payload-start.js";
import type { Header } from "../metadata/envelope.js";
import { fromWireHeaders } from "../metadata/headers.js";
import { listenForAbort, stopListening } from "../rpc/abort-listeners.js";
import { abortError, deadlineExceeded, undecodable, unencodable } from "../rpc/call-errors.js";
import { type CallOptions, checkCallOptions } from "../rpc/call-options.js";
import type { Source } from "../rpc/channel.js";
import { Code } from "../rpc/code.js";
import { checkMessage } from "../rpc/codec.js";
import { messageOf, nameOf } from "../rpc/describe.js";
import { RpcError } from "../rpc/error.js";
import type { AnyMethod } from "../rpc/method.js";
import { decodeConnectionError, peerError } from "../rpc/status-codec.js";
import type { ConnectionError } from "../session/errors.js";
import { type Bytes, concat, uint } from "./bytes.js";
import type { Said } from "./envelope.js";
import { Fragments } from "./fragments.js";
import { forEachFragment, frameOf } from "./frame.js";
import { errorData, readEnvelope, readErrorData, requestMetadata, wireHeaders } from "./metadata.js";
import type { LiteSession, LiteStream } from "./session.js";
import { dropped, Waiting } from "./waiting.js";

const NO_BYTES = new Uint8Array(0);
const NO_OPTIONS: CallOptions = {};
/** Items asked for at first, and at most; beyond the first as many as make up the bytes below. */
const FIRST_ITEMS = 32;
const MOST_ITEMS = 256;
const LEAST_ITEMS = 4;
const WINDOW_BYTES = 1_048_576;
const STREAM_FAILED = { code: Code.Cancelled, rawMessage: "the request stream failed" };
/** Of what a source throws the peer hears no more. */
const MAX_ERROR_CHARACTERS = 1_000;

type Failure = () => RpcError;

/** What is sent: one message, or several. */
export type Requests = { readonly message: unknown } | { readonly source: Source<unknown> };

/** A call. Its answers are read with `next`, one by one; `begin` comes first. */
export class LiteCall<O> implements LiteStream, AsyncIterator<O, undefined> {
  readonly #session: LiteSession;
  readonly #method: AnyMethod;
  readonly #options: CallOptions;
  readonly #type: number;
  readonly #share: TurnShare = { turn: -1, taken: 0 };
  #id = 0;
  #isSent = false;
  #isEnded = false;
  // Thrown to the consumer behind the items that came before it.
  #failure: Failure | undefined;
  #timer: Timer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #headersSeen = false;
  // What comes.
  readonly #items: Waiting;
  #readers: (() => void)[] = [];
  #credit: number;
  #surplusBytes = 0;
  #largestBytes = 1;
  #window = FIRST_ITEMS;
  readonly #asksForMore: boolean;
  #fragments: Fragments | undefined;
  // What goes out on a channel.
  #iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  #isSending = false;
  #sendCredit = 0;
  #sender: (() => void) | undefined;
  #headers: readonly Header[] | undefined;
  readonly #onAbort = (): void => this.#giveUp(() => abortError(this.#options.signal?.reason));
  readonly #proceed = (): void => this.#admit();
  #requests: Requests;

  /** `answers`: so many are asked for, and no more; by default as many as the consumer takes. */
  constructor(
    session: LiteSession,
    method: AnyMethod,
    type: number,
    requests: Requests,
    options: CallOptions | undefined,
    answers?: number,
  ) {
    this.#session = session;
    this.#items = new Waiting(session);
    this.#method = method;
    this.#type = type;
    this.#requests = requests;
    this.#options = options ?? NO_OPTIONS;
    this.#asksForMore = type >= FrameType.REQUEST_STREAM && answers === undefined;
    this.#credit = answers ?? this.#options.prefetch ?? FIRST_ITEMS;
  }

  /** Checks what the caller said, and sends the request as soon as there is room. */
  begin(): void {
    const { signal, timeoutMs, headers } = this.#options;
    try {
      checkCallOptions(this.#options);
      if (headers !== undefined) this.#headers = wireHeaders(headers);
    } catch (error) {
      return this.#giveUp(() => new RpcError(Code.InvalidArgument, messageOf(error), { cause: error }));
    }
    if (signal?.aborted === true) return this.#onAbort();
    if (signal !== undefined) listenForAbort(signal, this.#onAbort);
    if (timeoutMs !== undefined) {
      const expire = (): void => this.#giveUp(() => deadlineExceeded(timeoutMs));
      if (timeoutMs === 0) return expire();
      this.#dueMs = this.#session.scheduler.now() + timeoutMs;
      this.#timer = this.#session.scheduler.setTimer(timeoutMs, expire);
    }
    this.#admit();
  }

  // ── for its consumer ────────────────────────────────────────────────────────────────────────────────────────────

  async next(): Promise<IteratorResult<O, undefined>> {
    const { turns } = this.#session;
    for (;;) {
      if (this.#items.length > 0 && !turns.take(this.#share)) {
        await new Promise<void>((resolve) => turns.wait(resolve));
        continue;
      }
      const data = this.#items.shift();
      if (data !== undefined) {
        this.#askForMore();
        return { done: false, value: this.#decode(data) };
      }
      if (this.#isEnded) {
        const failure = this.#failure;
        this.#failure = undefined;
        if (failure !== undefined) throw failure();
        return { done: true, value: undefined };
      }
      this.#askForMore();
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  /** The consumer leaves: the call is cancelled. */
  return(): Promise<IteratorResult<O, undefined>> {
    this.#leave(() => new RpcError(Code.Cancelled, "the consumer left the stream"));
    this.#failure = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The same, as `yield*` has it. */
  async throw(reason: unknown): Promise<never> {
    await this.return();
    throw reason;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Ends the call from this side, with `error`. */
  fail(error: RpcError): void {
    this.#giveUp(() => error);
  }

  /** The message that `data` holds. @throws RpcError; then the call has failed by it. */
  #decode(data: Uint8Array): O {
    try {
      return this.#method.output.decode(data, this.#session.discardUnknownFields) as O;
    } catch (cause) {
      const error = undecodable(this.#method, cause);
      this.#leave(() => error);
      this.#failure = undefined;
      throw error;
    }
  }

  /** The answer of a call that has one, when COMPLETE alone was all that came. @throws RpcError as `next`. */
  emptyAnswer(): O {
    return this.#decode(NO_BYTES);
  }

  // Whenever half of the window is used up; a consumer that waits gets one in any case. Who keeps up gets a larger one.
  #askForMore(): void {
    if (this.#isEnded || this.#id === 0 || !this.#asksForMore) return;
    const waiting = this.#items.length;
    const fitting = Math.max(LEAST_ITEMS, Math.floor(WINDOW_BYTES / this.#largestBytes));
    const window = this.#options.prefetch ?? Math.min(this.#window, fitting);
    const missing = window - waiting - Math.max(0, this.#credit);
    if (missing < window / 2) return;
    // With too many bytes waiting only a consumer that has nothing left may ask, and only for one.
    const isFull = this.#session.unconsumedBytes > this.#session.limits.maxUnconsumedBytes;
    if (isFull && waiting + Math.max(0, this.#credit) > 0) return;
    const granted = isFull ? 1 : missing;
    this.#window = Math.min(MOST_ITEMS, 2 * this.#window);
    // An item that was once large isn't held against a stream for ever.
    this.#largestBytes -= this.#largestBytes >> 2;
    this.#credit += granted;
    this.#session.send(frameOf(this.#id, FrameType.REQUEST_N, 0, uint(granted, 4)));
  }

  #wakeReaders(): void {
    const readers = this.#readers;
    this.#readers = [];
    for (const wake of readers) wake();
  }

  // ── the request ─────────────────────────────────────────────────────────────────────────────────────────────────

  #admit(): void {
    const session = this.#session;
    if (this.#isEnded) return;
    if (!session.isOpen) return this.#lose(session.endError, true);
    if (!session.hasRoom) {
      const { maxQueuedCalls } = session.limits;
      if (session.whenRoom(this.#proceed)) return;
      const message = `${maxQueuedCalls} calls wait to be sent, expected at most that`;
      return this.#giveUp(() => new RpcError(Code.ResourceExhausted, message, { retryable: true }));
    }
    if ("source" in this.#requests) return void this.#sendAll(this.#requests.source);
    try {
      this.#open(this.#encode(this.#requests.message), false);
    } catch (error) {
      this.fail(RpcError.from(error));
    }
  }

  #encode(message: unknown): Uint8Array {
    const { input } = this.#method;
    const pieces: Uint8Array[] = [];
    try {
      input.encode(checkMessage(message, input.typeName), { reserve() {}, bytes: (piece) => pieces.push(piece) });
    } catch (cause) {
      throw unencodable(this.#method, cause);
    }
    return concat(...pieces);
  }

  #open(data: Uint8Array, noMessage: boolean): void {
    const session = this.#session;
    // A getter of the message may have ended the call.
    if (this.#isEnded) return;
    if (!session.isOpen) return this.#lose(session.endError, true);
    let metadata: Uint8Array;
    try {
      metadata = this.#metadata(noMessage);
    } catch (error) {
      return this.#giveUp(() => new RpcError(Code.InvalidArgument, messageOf(error), { cause: error }));
    }
    session.forgetUnopened(this);
    this.#id = session.open(this, this.#type !== FrameType.REQUEST_FNF);
    const initialN = this.#type >= FrameType.REQUEST_STREAM ? uint(Math.min(this.#credit, MAX_31_BIT), 4) : [];
    this.#sendPayload(this.#type, initialN, metadata, data);
  }

  #metadata(noMessage: boolean): Uint8Array {
    const leftMs = Math.ceil(this.#dueMs - this.#session.scheduler.now());
    const said: Said = {
      ...(this.#dueMs === Number.POSITIVE_INFINITY ? {} : { timeoutMs: Math.max(0, leftMs) }),
      ...(noMessage ? { noMessage } : {}),
      ...(this.#headers === undefined ? {} : { headers: this.#headers }),
    };
    return requestMetadata(this.#method, said, this.#options);
  }

  // ── a stream of requests ────────────────────────────────────────────────────────────────────────────────────────

  async #sendAll(source: Source<unknown>): Promise<void> {
    this.#isSending = true;
    this.#session.addUnopened(this);
    try {
      this.#iterator = iteratorOf(source);
      while (await this.#mayProduce()) {
        const { done, value } = await this.#pull(this.#iterator);
        if (!this.#isSending) return;
        if (done === true) return this.#complete();
        const data = this.#encode(value);
        while (this.#isSending && this.#lacksCredit) await this.#creditOrEnd();
        if (!this.#isSending) return;
        this.#sendItem(data);
      }
    } catch (error) {
      this.#failSending(error);
    }
  }

  // A source that has ended, in whatever way, isn't closed any more.
  async #pull(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    let isOver = true;
    try {
      const result: unknown = await iterator.next();
      if (typeof result !== "object" || result === null) {
        throw new TypeError(`the iterator gave ${String(result)}, expected an object with done and value`);
      }
      isOver = (result as IteratorResult<unknown>).done === true;
      return result as IteratorResult<unknown>;
    } finally {
      if (isOver) this.#iterator = undefined;
    }
  }

  get #lacksCredit(): boolean {
    return this.#id !== 0 && this.#sendCredit <= 0;
  }

  #creditOrEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#sender = resolve;
    });
  }

  // Waits for credit, room and a turn; false when nothing is to be sent any more. A peer of another make may have asked for
  // exactly as many as there are, and waits for their end: for it one is fetched ahead.
  async #mayProduce(): Promise<boolean> {
    const session = this.#session;
    while (this.#isSending) {
      if (this.#lacksCredit && session.peer.isOurs) await this.#creditOrEnd();
      else if (!session.hasRoom) {
        await new Promise<void>((resolve) => {
          if (!session.whenRoom(resolve)) session.turns.wait(resolve);
        });
      } else if (session.turns.take(this.#share)) return true;
      else await new Promise<void>((resolve) => session.turns.wait(resolve));
    }
    return false;
  }

  #sendItem(data: Uint8Array): void {
    if (this.#id === 0) return this.#open(data, false);
    if (this.#sendCredit !== MAX_31_BIT) this.#sendCredit--;
    this.#sendPayload(FrameType.PAYLOAD, [], undefined, data);
  }

  #sendPayload(type: number, head: Bytes, metadata: Uint8Array | undefined, data: Uint8Array): void {
    const session = this.#session;
    forEachFragment(this.#id, type, head, metadata, data, session.fragmentBytes, (frame) => session.send(frame));
    session.countItemSent();
  }

  #complete(): void {
    if (this.#id !== 0) return this.#sendComplete();
    // Whether a stream without messages can be said depends on the peer: it waits until that is known.
    this.#session.peer.onceDecided(() => {
      if (this.#isEnded) return;
      if (!this.#session.peer.isOurs) {
        const message = "this peer can't receive a stream without messages";
        return this.#giveUp(() => new RpcError(Code.FailedPrecondition, message));
      }
      this.#open(NO_BYTES, true);
      this.#sendComplete();
    });
  }

  #sendComplete(): void {
    this.#isSending = false;
    if (this.#id !== 0) this.#session.send(frameOf(this.#id, FrameType.PAYLOAD, Flag.COMPLETE));
  }

  // The source failed, or one of its messages: the peer hears a status if one was thrown, else only that the call is off.
  #failSending(thrown: unknown): void {
    this.#stopSending();
    if (this.#isEnded) return;
    if (this.#id !== 0) {
      const { code, rawMessage } = RpcError.is(thrown) ? thrown : STREAM_FAILED;
      const status = { code, message: rawMessage.slice(0, MAX_ERROR_CHARACTERS) };
      const data = errorData(status, this.#session.peer.isOurs);
      this.#session.send(frameOf(this.#id, FrameType.ERROR, 0, uint(ErrorCode.APPLICATION_ERROR, 4), data));
    }
    this.#end(() => RpcError.from(thrown));
  }

  // The source is closed once, whatever happens.
  #stopSending(): void {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    this.#sender?.();
    if (!this.#isSending) return;
    this.#isSending = false;
    void closeSource(iterator);
  }

  // ── what the peer says ──────────────────────────────────────────────────────────────────────────────────────────

  onSent(): void {
    this.#isSent = true;
    if (this.#type === FrameType.REQUEST_FNF) this.#end(undefined);
  }

  onRequestN(n: number): void {
    this.#sendCredit = Math.min(this.#sendCredit + n, MAX_31_BIT);
    this.#sender?.();
  }

  onCancel(): void {
    this.#stopSending();
  }

  onError(code: number, data: Uint8Array): void {
    this.#end(() => peerError(code, readErrorData(data)));
  }

  onLost(error: ConnectionError): void {
    this.#lose(error, !this.#isSent);
  }

  giveUp(message: string): void {
    this.#giveUp(() => new RpcError(Code.Cancelled, message));
  }

  onPayload(bytes: Uint8Array, at: number, end: number, flags: number): void {
    const dataStart = readPayloadStart(bytes, at, end, flags);
    if (dataStart < 0) {
      const message = `metadata of a frame on stream ${this.#id} is longer than the frame`;
      if (this.#fragments !== undefined) return this.#refuse(message);
      return this.#session.malformed(message, (flags & Flag.IGNORE) !== 0);
    }
    const metadata = (flags & Flag.METADATA) === 0 ? undefined : viewOf(bytes, at + METADATA_LENGTH_BYTES, dataStart);
    const data = viewOf(bytes, dataStart, end);
    const isLast = (flags & Flag.COMPLETE) !== 0 || this.#type === FrameType.REQUEST_RESPONSE;
    const mayFollow = (flags & Flag.COMPLETE) === 0 || this.#session.followsWins;
    if ((flags & Flag.FOLLOWS) !== 0 && mayFollow) return this.#assemble(metadata, data);
    const isBare = isLast && data.length === 0 && metadata === undefined && (flags & Flag.NEXT) === 0;
    if (this.#fragments === undefined || isBare) return this.#receive(metadata, data, flags, isLast);
    this.#assemble(metadata, data);
    const whole = this.#fragments;
    if (whole === undefined) return; // too much
    this.#dropFragments();
    this.#receive(whole.metadata?.bytes, whole.data.bytes, flags | Flag.NEXT, isLast);
  }

  #assemble(metadata: Uint8Array | undefined, data: Uint8Array): void {
    this.#fragments ??= new Fragments();
    const fragments = this.#fragments;
    const session = this.#session;
    const { maxMessageBytes, maxMetadataBytes, maxFragments, maxReassemblyBytes } = session.limits;
    session.reassemblyBytes += fragments.push(metadata, data);
    if (fragments.data.byteLength > maxMessageBytes) this.#refuse(tooMuch("message", maxMessageBytes));
    else if ((fragments.metadata?.byteLength ?? 0) > maxMetadataBytes) {
      this.#refuse(tooMuch("metadata", maxMetadataBytes));
    } else if (fragments.count > maxFragments) {
      this.#refuse(`message in more than ${maxFragments} fragments is above the limit`);
    } else if (session.reassemblyBytes > maxReassemblyBytes) {
      this.#refuse("too many unfinished messages", Code.Cancelled);
    }
  }

  #receive(metadata: Uint8Array | undefined, data: Uint8Array, flags: number, isLast: boolean): void {
    const { limits } = this.#session;
    if (data.length > limits.maxMessageBytes) return this.#refuse(tooMuch("message", limits.maxMessageBytes));
    if (!this.#takeMetadata(metadata)) return;
    const isItem = (flags & Flag.NEXT) !== 0 || (flags & Flag.COMPLETE) === 0;
    if (isItem && !this.#keep(data)) return;
    if (isLast) this.#end(undefined);
    this.#wakeReaders();
  }

  // False when that was too much beyond what was asked for.
  #keep(data: Uint8Array): boolean {
    const session = this.#session;
    const { maxSurplusItems, maxSurplusBytes, maxWaitingBytes } = session.limits;
    if (this.#type >= FrameType.REQUEST_STREAM) {
      if (this.#credit !== MAX_31_BIT) this.#credit--;
      if (this.#credit < 0) this.#surplusBytes += data.length;
      else this.#surplusBytes = 0;
      if (-this.#credit > maxSurplusItems || this.#surplusBytes > maxSurplusBytes) {
        this.#refuse(`items exceed the credit by ${-this.#credit} (RSocket 1.0 §Reactive Streams Semantics)`);
        return false;
      }
    }
    if (session.unconsumedBytes + data.length > maxWaitingBytes) {
      const message = tooMuch("backlog of messages", maxWaitingBytes);
      this.#leave(() => new RpcError(Code.ResourceExhausted, message));
      return false;
    }
    this.#items.push(data.slice()); // a view would pin what it was read in
    this.#largestBytes = Math.max(this.#largestBytes, data.length);
    return true;
  }

  // Headers and trailers of ours, or whatever else came. False when the call has ended by it.
  #takeMetadata(metadata: Uint8Array | undefined): boolean {
    if (metadata === undefined || metadata.length === 0) return true;
    const { onHeaders, onTrailers, onRawMetadata } = this.#options;
    try {
      if (metadata.length > this.#session.limits.maxMetadataBytes) {
        throw new RangeError(tooMuch("metadata", this.#session.limits.maxMetadataBytes));
      }
      const envelope = readEnvelope(metadata);
      if (envelope === undefined) {
        this.#call(onRawMetadata, metadata);
        return !this.#isEnded;
      }
      const headers = fromWireHeaders(envelope.headers ?? []);
      const trailers = fromWireHeaders(envelope.trailers ?? []);
      if (!headers.isEmpty && !this.#headersSeen) {
        this.#headersSeen = true;
        this.#call(onHeaders, headers);
      }
      if (!trailers.isEmpty) this.#call(onTrailers, trailers);
    } catch (error) {
      const message = `the answer's metadata is malformed: ${messageOf(error)}`;
      this.#giveUp(() => new RpcError(Code.Internal, message, { cause: error }));
    }
    // A listener may have ended the call, too, by aborting its signal.
    return !this.#isEnded;
  }

  #call<T>(listener: ((value: T) => void) | undefined, value: T): void {
    try {
      listener?.(value);
    } catch (error) {
      this.fail(RpcError.from(error));
    }
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  // The peer broke a rule, or a limit.
  #refuse(message: string, code: Code = Code.Internal): void {
    this.#giveUp(() => new RpcError(code, message));
  }

  #lose(error: ConnectionError, neverSent: boolean): void {
    this.#end(() => decodeConnectionError(error, neverSent));
  }

  // What waits for the consumer is dropped, too.
  #leave(failure: Failure): void {
    this.#items.clear();
    this.#giveUp(failure);
  }

  // From this side: the peer hears of it. What has come is still passed on before.
  #giveUp(failure: Failure): void {
    if (this.#isEnded) return;
    if (this.#id !== 0 && this.#type !== FrameType.REQUEST_FNF) {
      this.#session.send(frameOf(this.#id, FrameType.CANCEL, 0));
    }
    this.#end(failure);
  }

  #end(failure: Failure | undefined): void {
    if (this.#isEnded) return;
    // The answers are complete: whatever the source still has is of no use, and the peer needn't wait for it.
    if (failure === undefined && this.#isSending)
      this.#session.send(frameOf(this.#id, FrameType.PAYLOAD, Flag.COMPLETE));
    this.#isEnded = true;
    this.#failure = failure;
    this.#timer?.cancel();
    if (this.#options.signal !== undefined) stopListening(this.#options.signal, this.#onAbort);
    this.#session.withdraw(this.#proceed);
    this.#session.forgetUnopened(this);
    this.#dropFragments();
    this.#stopSending();
    if (this.#items.length > 0) dropped.register(this, this.#items);
    if (this.#id !== 0) this.#session.forget(this.#id, Math.max(0, this.#credit));
    this.#wakeReaders();
  }

  #dropFragments(): void {
    this.#session.reassemblyBytes -= this.#fragments?.byteLength ?? 0;
    this.#fragments = undefined;
  }
}

function iteratorOf(source: Source<unknown>): Iterator<unknown> | AsyncIterator<unknown> {
  if (typeof source === "object" && source !== null) {
    const { [Symbol.asyncIterator]: many, [Symbol.iterator]: one } = source as AsyncIterable<unknown> &
      Iterable<unknown>;
    const create = many ?? one;
    if (typeof create === "function") return create.call(source);
  }
  const message = `requests are ${nameOf(source)}, expected an iterable or an async iterable`;
  throw new RpcError(Code.InvalidArgument, message);
}

async function closeSource(iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    await iterator?.return?.();
  } catch (error) {
    console.error("rsocket-rpc: a source of requests failed when it was closed", error);
  }
}

function tooMuch(what: string, most: number): string {
  return `${what} of more than ${most} bytes is above the limit`;
}
