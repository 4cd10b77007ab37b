// SPDX-License-Identifier: Apache-2.0
// The only place where credits meet AsyncIterable: items that come become an iterable, an iterable becomes items that go.

import type { MessageBytes } from "../bytes/pieces.js";
import type { TurnBudget, TurnShare } from "../engine/turn-budget.js";
import { type EncodedMessage, InPlace, type StreamHandle } from "./payload.js";
import { byteLengthOf, WaitingItems } from "./waiting-items.js";

/** Items asked for at first when the user doesn't say: a peer that sends 4 MiB items fills 128 MiB with them at most. */
const FIRST_WINDOW_ITEMS = 32;
/** What the window grows to, doubling: from here on asking costs nothing per item. */
const MAX_WINDOW_ITEMS = 256;
/** Bytes that wait for the consumer before no more are asked for, and what items as large as the largest may be under way. */
const WINDOW_BYTES = 1_048_576;
/** Of large items so many are asked for in any case. */
const LEAST_WINDOW_ITEMS = 4;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
  /** Who asked next. */
  next: Waiter<T> | undefined;
}

/** What an incoming stream's owner provides. */
export interface IncomingOwner<T> {
  /** Turns an item into a value, when it is consumed. What it throws fails the stream. */
  decode(data: Uint8Array, metadata: Uint8Array | undefined): T;
  /** The consumer left before the end: cancel. Not called when the stream had ended. */
  abandon(): void;
  /** An item couldn't be decoded: the stream must be ended; returns what the consumer is told. */
  undecodable(error: unknown): unknown;
  /** An item came for which there is no room (`ConsumerLedger`): the stream must be ended; returns what the consumer is told. */
  overflow?(message: string): unknown;
}

/** An item was received but not consumed yet. */
export interface IncomingOptions {
  /** Items asked for ahead of the consumer, fixed; undefined: 32 at first, doubling to 256, as many as fit 1 MiB, but 4. */
  readonly prefetch?: number | undefined;
  /** Items asked for at first, when `prefetch` doesn't fix them. 32 unless given. */
  readonly firstWindow?: number | undefined;
  /** Shared by all streams of the process. */
  readonly budget: TurnBudget;
  /** Shared by all streams of a connection; unless given, nothing but this stream's own window bounds what waits. */
  readonly ledger?: ConsumerLedger | undefined;
}

/** Bytes that were received on all streams of a connection and wait for their consumers. */
export class ConsumerLedger {
  bytes = 0;
  readonly #maxBytes: number;
  /** With an item that would take them above this, its stream ends, and what waits on it is dropped. */
  readonly maxWaitingBytes: number;

  /** `maxBytes`: above this no stream asks for more than the one item that its consumer waits for. */
  constructor(maxBytes: number, maxWaitingBytes: number = Number.POSITIVE_INFINITY) {
    this.#maxBytes = maxBytes;
    this.maxWaitingBytes = Math.max(maxBytes, maxWaitingBytes);
  }

  /** No more should be asked for. */
  get isFull(): boolean {
    return this.bytes > this.#maxBytes;
  }
}

/** What streams that have ended still hold, if nobody reads it: their iterators were dropped without `return`. */
const dropped = /*@__PURE__*/ new FinalizationRegistry<{ ledger: ConsumerLedger; waiting: WaitingItems }>(
  ({ ledger, waiting }) => {
    ledger.bytes -= waiting.byteLength;
  },
);
/** Less isn't worth the watch. */
const WATCHED_BYTES = 4_096;

/**
 * Items of a stream as an AsyncIterable: a pull is a credit. Can be iterated once. Leaving the loop cancels the stream.
 *
 * Feed it with `receive`, `end` and `fail`. It asks for items through the attached stream: the window at first
 * (`initialN`), then half of it whenever half was consumed.
 */
export class IncomingItems<T> implements AsyncIterable<T>, AsyncIterator<T, undefined> {
  readonly #owner: IncomingOwner<T>;
  readonly #budget: TurnBudget;
  #share: TurnShare | undefined;
  readonly #ledger: ConsumerLedger;
  readonly #leastWindow: number;
  readonly #maxWindow: number;
  #window: number;
  // Items asked for and not received yet.
  #expected = 0;
  // What an item may take, from those of late.
  #largestBytes = 1;
  // Most streams have nothing waiting.
  #waiting: WaitingItems | undefined;
  // Consumers nearly always ask for one item at a time: an array for them would be most of an idle stream.
  #firstWaiter: Waiter<T> | undefined;
  #lastWaiter: Waiter<T> | undefined;
  #stream: StreamHandle | undefined;
  #iterated = false;
  #ended = false;
  #error: { readonly reason: unknown } | undefined;
  #left = false;

  constructor(owner: IncomingOwner<T>, { prefetch, firstWindow, budget, ledger }: IncomingOptions) {
    this.#owner = owner;
    this.#budget = budget;
    this.#ledger = ledger ?? new ConsumerLedger(Number.POSITIVE_INFINITY);
    this.#window = prefetch ?? firstWindow ?? FIRST_WINDOW_ITEMS;
    this.#leastWindow = prefetch ?? LEAST_WINDOW_ITEMS;
    this.#maxWindow = prefetch ?? MAX_WINDOW_ITEMS;
  }

  /** The credit to open the stream with, for a requester. */
  get initialN(): number {
    return this.#window;
  }

  /** The stream that items come on. `granted`: credit that it was opened with. */
  attach(stream: StreamHandle, granted: number): void {
    this.#stream = stream;
    this.#expected += granted;
  }

  /** Asks for the first window, less what is at hand; for a responder, whose peer waits for credit. */
  requestWindow(): void {
    this.#refill();
  }

  // ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** An item. */
  receive(data: Uint8Array, metadata: Uint8Array | undefined): void {
    if (this.#expected > 0) this.#expected--;
    if (this.#ended || this.#left) return;
    if (data.length > this.#largestBytes) this.#largestBytes = data.length;
    const waiter = this.#firstWaiter;
    if (waiter === undefined) return this.#keep(data, metadata);
    this.#firstWaiter = waiter.next;
    if (waiter.next === undefined) this.#lastWaiter = undefined;
    this.#refillBehind();
    this.#pass(waiter, data, metadata);
  }

  #keep(data: Uint8Array, metadata: Uint8Array | undefined): void {
    const item = { data, metadata };
    const byteLength = byteLengthOf(item);
    const { bytes, maxWaitingBytes } = this.#ledger;
    if (bytes + byteLength > maxWaitingBytes) return this.#overflow(bytes + byteLength);
    this.#waiting ??= new WaitingItems();
    this.#waiting.push(item);
    this.#ledger.bytes += byteLength;
  }

  #watchRest(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.byteLength < WATCHED_BYTES) return;
    dropped.register(this, { ledger: this.#ledger, waiting });
  }

  #overflow(bytes: number): void {
    const most = this.#ledger.maxWaitingBytes;
    const message = `messages of ${bytes} bytes wait for their consumers on this connection, expected at most ${most}`;
    const reason = this.#owner.overflow?.(message) ?? new RangeError(message);
    this.#leave();
    this.#error = { reason };
  }

  /** No item follows. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchRest();
    this.#dismiss(this.#firstWaiter);
  }

  /** The stream failed; items at hand are still passed on before. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watchRest();
    const first = this.#firstWaiter;
    if (first === undefined) this.#error = { reason };
    else first.reject(reason);
    this.#dismiss(first?.next);
  }

  /** The consumer has come to its end without reading all, and reads no more. The stream isn't cancelled by it. */
  discard(): void {
    this.end();
    this.#leave();
  }

  // ── what the consumer calls ─────────────────────────────────────────────────────────────────────────────────────

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    if (this.#iterated) throw new TypeError("a stream can be iterated once: call the method again for a new one");
    this.#iterated = true;
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#atHand > 0) return this.#nextAtHand();
    if (this.#error !== undefined) {
      const { reason } = this.#error;
      this.#error = undefined;
      return Promise.reject(reason);
    }
    if (this.#ended || this.#left) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => this.#wait({ resolve, reject, next: undefined }));
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    return Promise.resolve(DONE);
  }

  throw(reason: unknown): Promise<never> {
    this.#leave();
    return Promise.reject(reason);
  }

  #wait(waiter: Waiter<T>): void {
    if (this.#lastWaiter === undefined) this.#firstWaiter = waiter;
    else this.#lastWaiter.next = waiter;
    this.#lastWaiter = waiter;
  }

  // Nothing comes for them, from `waiter` on.
  #dismiss(waiter: Waiter<T> | undefined): void {
    this.#firstWaiter = this.#lastWaiter = undefined;
    for (let left = waiter; left !== undefined; left = left.next) left.resolve(DONE);
  }

  #nextAtHand(): Promise<IteratorResult<T, undefined>> {
    this.#share ??= { turn: -1, taken: 0 };
    if (!this.#budget.take(this.#share)) {
      return new Promise((resolve) => this.#budget.wait(() => resolve(this.next())));
    }
    const item = this.#waiting?.shift();
    if (item === undefined) return Promise.resolve(DONE);
    this.#ledger.bytes -= byteLengthOf(item);
    this.#refillBehind();
    try {
      return Promise.resolve({ done: false, value: this.#owner.decode(item.data, item.metadata) });
    } catch (error) {
      return Promise.reject(this.#failDecoding(error));
    }
  }

  #pass(waiter: Waiter<T>, data: Uint8Array, metadata: Uint8Array | undefined): void {
    let value: T;
    try {
      value = this.#owner.decode(data, metadata);
    } catch (error) {
      waiter.reject(this.#failDecoding(error));
      return;
    }
    waiter.resolve({ done: false, value });
  }

  #failDecoding(error: unknown): unknown {
    const reason = this.#owner.undecodable(error);
    this.#leave();
    return reason;
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#ledger.bytes -= this.#waitingBytes;
    this.#waiting?.clear();
    this.#waiting = undefined;
    this.#error = undefined;
    const wasOpen = !this.#ended;
    this.#dismiss(this.#firstWaiter);
    this.#ended = true;
    if (wasOpen) this.#owner.abandon();
  }

  // ── credit ──────────────────────────────────────────────────────────────────────────────────────────────────────

  get #atHand(): number {
    return this.#waiting?.length ?? 0;
  }

  get #waitingBytes(): number {
    return this.#waiting?.byteLength ?? 0;
  }

  // Half of the window is used: fewer REQUEST_N frames than one by one, and the peer never runs dry.
  #refillBehind(): void {
    const ahead = this.#expected + this.#atHand;
    if (ahead > this.#window >> 1 || this.#ended) return;
    const largestBytes = this.#largestBytes;
    let window = Math.max(this.#leastWindow, Math.min(this.#window, Math.floor(WINDOW_BYTES / largestBytes)));
    if (ahead > window >> 1) return;
    const mayGrow = 2 * window * largestBytes <= WINDOW_BYTES && this.#waitingBytes <= WINDOW_BYTES >> 2;
    if (mayGrow && 2 * window <= this.#maxWindow) window *= 2;
    this.#window = window;
    // An item that was once large isn't held against a stream for ever.
    this.#largestBytes -= largestBytes >> 2;
    this.#refill();
  }

  #refill(): void {
    if (this.#stream === undefined || this.#ended) return;
    const atHand = this.#atHand;
    const n = this.#window - this.#expected - atHand;
    if (n <= 0) return;
    // With too many bytes waiting only a consumer that has nothing left may ask, and when it is the connection's
    // other streams that they wait on, only for one.
    const isFull = this.#waitingBytes > WINDOW_BYTES || this.#ledger.isFull;
    if (isFull && atHand + this.#expected > 0) return;
    const granted = isFull ? 1 : n;
    this.#expected += granted;
    this.#stream.request(granted);
  }
}

/** What an outgoing stream's owner provides. */
export interface OutgoingOwner<T> {
  /** Turns a value into an item's data. What it throws fails the stream through `fail`. */
  encode(value: T): MessageBytes;
  /** Sends one item; true: go on. */
  send(data: MessageBytes): boolean;
  /** The source is exhausted. */
  complete(): void;
  /** The source threw, or gave something that can't be encoded. */
  fail(error: unknown): void;
  /** `return()` of the source threw. */
  onCleanupError(error: unknown): void;
  /** The source does nothing any more: it ended, failed, or its `return()` has settled. Called once. */
  onFinished?(): void;
  /** At the end of the credit one item is to be fetched ahead. */
  looksAhead?(): boolean;
  /** One was, of so many bytes, or (negative) waits no more. Throws when it is too much, and isn't counted: the stream fails. */
  onAhead?(byteLength: number): void;
}

/**
 * Pulls from an iterable while the peer wants items and the queue has room, and gives way to the event loop after its
 * share. At the end of the credit one item is fetched ahead when its owner says so: only that tells a peer that asked
 * for exactly as many as there are that none follows.
 */
export class OutgoingItems<T> implements TurnShare {
  readonly #owner: OutgoingOwner<T>;
  readonly #stream: Pick<StreamHandle, "mayProduce" | "credit">;
  readonly #budget: TurnBudget;
  /** @internal */
  turn = -1;
  /** @internal */
  taken = 0;
  readonly #iterator: AsyncIterator<T> | Iterator<T>;
  readonly #isAsync: boolean;
  #ahead: { readonly data: EncodedMessage } | undefined;
  #hasSent = false;
  #pulling = false;
  #running = false;
  #stopped = false;
  #exhausted = false;
  // A generator is running that doesn't wait: it can't be told anything meanwhile.
  #isBusy = false;
  readonly #onResult = (result: IteratorResult<T>): void => this.#receive(result);
  readonly #onError = (error: unknown): void => this.#fail(error);

  /** @throws TypeError when `source` is not iterable. */
  constructor(
    owner: OutgoingOwner<T>,
    source: AsyncIterable<T> | Iterable<T>,
    stream: Pick<StreamHandle, "mayProduce" | "credit">,
    budget: TurnBudget,
  ) {
    this.#owner = owner;
    this.#stream = stream;
    this.#budget = budget;
    this.#isAsync = Symbol.asyncIterator in source;
    this.#iterator = iteratorOf(source);
  }

  /** Goes on if it can: call it at the start, and whenever there is credit or room again. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    while (!this.#pulling && !this.#stopped && this.#mayPull()) {
      if (this.#ahead !== undefined) {
        const { data } = this.#ahead;
        this.#dropAhead();
        this.#send(data);
      } else if (this.#budget.take(this)) this.#pull();
      else this.#waitForTurn();
    }
    this.#running = false;
  }

  /** The peer wants no more, or the call is over: the source is told by `return()`, once. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#dropAhead();
    if (!this.#isBusy) this.#close();
  }

  #close(): void {
    if (this.#exhausted) return;
    this.#exhausted = true;
    closeIterator(this.#iterator, this.#owner);
  }

  #mayPull(): boolean {
    if (this.#stream.mayProduce) return true;
    if (this.#ahead !== undefined || this.#stream.credit > 0) return false;
    // Who has asked for nothing yet gets nothing ready.
    return this.#hasSent && this.#owner.looksAhead?.() === true;
  }

  #waitForTurn(): void {
    this.#pulling = true;
    this.#budget.wait(() => {
      this.#pulling = false;
      this.run();
    });
  }

  #pull(): void {
    if (this.#isAsync) {
      this.#pulling = true;
      let next: Promise<IteratorResult<T>>;
      try {
        next = Promise.resolve((this.#iterator as AsyncIterator<T>).next());
      } catch (error) {
        return this.#fail(error);
      }
      next.then(this.#onResult, this.#onError);
      return;
    }
    let result: IteratorResult<T> | undefined;
    this.#isBusy = true;
    try {
      result = (this.#iterator as Iterator<T>).next();
    } catch (error) {
      this.#fail(error);
    }
    this.#isBusy = false;
    // It failed, or ended its own call.
    if (this.#stopped) this.#close();
    else this.#take(result as IteratorResult<T>);
  }

  #receive(result: IteratorResult<T>): void {
    this.#pulling = false;
    this.#take(result);
    this.run();
  }

  #take(result: IteratorResult<T>): void {
    if (this.#stopped) return;
    let data: MessageBytes | undefined;
    try {
      data = this.#encode(result);
      // A getter of the message may have ended the stream.
      if (this.#stopped) return data instanceof InPlace ? data.giveBack() : undefined;
      if (data !== undefined && this.#stream.credit <= 0) return this.#keepAhead(data);
    } catch (error) {
      this.stop();
      return this.#owner.fail(error);
    }
    if (data === undefined) return this.#finish();
    this.#send(data);
  }

  #keepAhead(message: MessageBytes): void {
    const data = message instanceof InPlace ? message.copy() : message;
    this.#owner.onAhead?.(data.length);
    this.#ahead = { data };
  }

  #dropAhead(): void {
    if (this.#ahead === undefined) return;
    this.#owner.onAhead?.(-this.#ahead.data.length);
    this.#ahead = undefined;
  }

  #send(data: MessageBytes): void {
    this.#hasSent = true;
    this.#owner.send(data);
  }

  // An item's data, undefined at the end. Iterators written by hand give anything.
  #encode(result: IteratorResult<T>): MessageBytes | undefined {
    if (typeof result !== "object" || result === null) {
      throw new TypeError(`the iterator gave ${String(result)}, expected an object with done and value`);
    }
    return result.done === true ? undefined : this.#owner.encode(result.value);
  }

  #finish(): void {
    this.#exhausted = true;
    this.#stopped = true;
    this.#owner.complete();
    this.#owner.onFinished?.();
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#exhausted = true;
    this.#stopped = true;
    this.#owner.fail(error);
    this.#owner.onFinished?.();
  }
}

function iteratorOf<T>(source: AsyncIterable<T> | Iterable<T>): AsyncIterator<T> | Iterator<T> {
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  return source[Symbol.iterator]();
}

/** Ends an iterator that isn't exhausted; what its `return` throws or rejects with goes to `onCleanupError`. */
export function closeIterator(
  iterator: AsyncIterator<unknown> | Iterator<unknown>,
  owner: { onCleanupError(error: unknown): void; onFinished?(): void },
): void {
  const finish = (): void => owner.onFinished?.();
  try {
    const returned: unknown = iterator.return?.();
    Promise.resolve(returned)
      .catch((error: unknown) => owner.onCleanupError(error))
      .then(finish, finish);
  } catch (error) {
    owner.onCleanupError(error);
    finish();
  }
}
