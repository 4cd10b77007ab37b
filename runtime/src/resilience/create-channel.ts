// SPDX-License-Identifier: Apache-2.0
// A channel that outlives its connections: calls that wait for one, and the redial machine that brings it.

import { Backoff, type BackoffOptions, resolveBackoff } from "../engine/backoff.js";
import type { Dialer } from "../engine/link.js";
import { type ChannelState, Redial, type RedialHost } from "../engine/redial.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import type { ComposedInterceptors } from "../rpc/call.js";
import type { Channel, LastingCore, TransportWaiter } from "../rpc/channel.js";
import { CallingChannelBase } from "../rpc/client-calls.js";
import { Code } from "../rpc/code.js";
import {
  CLIENT_OPTIONS,
  type ConnectOptions,
  checkDialer,
  connectPrepared,
  type Prepared,
  prepareConnect,
} from "../rpc/connect.js";
import { ConnectError } from "../rpc/connect-error.js";
import type { RpcConnection } from "../rpc/connection.js";
import { kindOfObject } from "../rpc/describe.js";
import { RpcError } from "../rpc/error.js";
import type { RpcTransport } from "../rpc/transport.js";
import { ErrorCode } from "../rsocket/errors.js";
import { checkClosing, checkOptions, type Kinds, readOptions } from "../rsocket/settings.js";
import { guard } from "../rsocket/thrown.js";

/** Options of `createChannel`: those of `connect`, for each connection anew, and how it comes to the next one. */
export interface ChannelOptions extends Omit<ConnectOptions, "signal" | "confirm"> {
  /** The waits between attempts to connect: 1 s, each 1.6 times the one before, ± 20 %, at most 120 s. */
  readonly backoff?: Partial<BackoffOptions>;
  /** False: calls fail at once while the channel waits to dial again, unless their options say otherwise. True. */
  readonly waitForReady?: boolean;
  /** Numbers from 0 up to 1 for the jitter of the waits; `Math.random` unless given. */
  readonly random?: () => number;
}

/**
 * Takes calls and has connections for them. It dials at the first call, and again whenever a connection ends, until it is
 * closed. Generated clients call through it.
 */
export interface ClientChannel extends Channel {
  /** What it is doing about a connection. */
  readonly state: ChannelState;
  /** Dials without waiting for a call. Does nothing unless the channel is idle. */
  connect(): void;
  /**
   * Calls `listener` with each new state; returns what ends that. In `waiting` it hears why, too: how the server refused, why
   * it couldn't be reached, or how the connection ended.
   */
  onStateChange(listener: (state: ChannelState, reason?: RpcError) => void): () => void;
  /**
   * The state now, and each new one, until the channel is closed. A consumer that is slow sees the latest state only.
   * @example
   * for await (const state of channel.states()) if (state === "ready") break;
   */
  states(): AsyncIterable<ChannelState, undefined>;
  /** Resolves when it was closed and its connections are over; never rejects. */
  readonly closed: Promise<void>;
  /** Takes no new calls, fails those that wait, lets those that run end within `graceMs` (0 unless given). */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** `await using channel = createChannel(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** @internal What a channel may be told. */
export const CHANNEL_OPTIONS: Kinds = {
  ...CLIENT_OPTIONS,
  backoff: "object",
  waitForReady: "boolean",
  random: "function",
};

/**
 * A channel through `dialer`, which is asked for each connection; nothing is dialed yet.
 * @throws RangeError for a wrong option.
 * @example
 * const channel = createChannelWith({ dial: (signal) => portDialer(new Worker(url)).dial(signal) });
 */
export function createChannelWith(dialer: Dialer, options: ChannelOptions = {}): ClientChannel {
  checkDialer(dialer);
  checkOptions(options, CHANNEL_OPTIONS);
  return createChannelChecked(dialer, readOptions(options, CHANNEL_OPTIONS));
}

/** @internal `createChannelWith` for options that were looked at, and read. */
export function createChannelChecked(dialer: Dialer, options: ChannelOptions): ClientChannel {
  return new LastingChannel(dialer, options);
}

/** Refusals that the next attempt won't change unless somebody does something: calls don't wait for that. */
const PASSING_CODES: readonly Code[] = [Code.Unavailable, Code.ResourceExhausted, Code.DeadlineExceeded, Code.Aborted];
/** Wrong options, a runtime without what is needed, or a token's provider that says that there is none. */
const OWN_REFUSALS: readonly Code[] = [
  Code.InvalidArgument,
  Code.FailedPrecondition,
  Code.PermissionDenied,
  Code.Unauthenticated,
];
/** By which platforms say that they won't open such a link: there is no WebSocket, or a page came over https and asks for less. */
const NEVER: readonly string[] = ["NotSupportedError", "SecurityError", "SyntaxError"];
const SETUP_REFUSALS: readonly (number | undefined)[] = [
  ErrorCode.INVALID_SETUP,
  ErrorCode.UNSUPPORTED_SETUP,
  ErrorCode.REJECTED_SETUP,
];

type StateListener = (state: ChannelState, reason?: RpcError) => void;

class LastingChannel extends CallingChannelBase implements ClientChannel, LastingCore, RedialHost<RpcConnection> {
  readonly scheduler: Scheduler;
  readonly interceptors: ComposedInterceptors | undefined;
  readonly closed: Promise<void>;
  readonly #dialer: Dialer;
  readonly #options: ChannelOptions;
  readonly #prepared: Prepared;
  readonly #redial: Redial<RpcConnection>;
  readonly #maxWaiters: number;
  readonly #waiters = new Set<TransportWaiter>();
  readonly #listeners = new Set<StateListener>();
  /** Open ones, and those whose last calls are ending. */
  readonly #connections = new Set<RpcConnection>();
  #resolveClosed: () => void = () => {};

  constructor(dialer: Dialer, options: ChannelOptions) {
    super();
    this.scheduler = options.scheduler ?? systemScheduler;
    this.#dialer = dialer;
    this.#options = options;
    // A wrong option is told here, where it was given, and not at each attempt.
    this.#prepared = prepareConnect(options);
    this.interceptors = this.#prepared.calls.interceptors;
    this.#maxWaiters = this.#prepared.settings.limits.maxQueuedCalls;
    const backoff = new Backoff(resolveBackoff(options.backoff), options.random ?? Math.random);
    this.#redial = new Redial<RpcConnection>(this, this.scheduler, backoff);
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get state(): ChannelState {
    this.#noticeEnd();
    return this.#redial.state;
  }

  connect(): void {
    this.#redial.connect();
  }

  get isClosed(): boolean {
    return this.#redial.state === "closed";
  }

  onClosing(listener: () => void): () => void {
    return this.onStateChange((state) => {
      if (state === "closed") listener();
    });
  }

  onStateChange(listener: StateListener): () => void {
    const own: StateListener = (state, reason) => listener(state, reason);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  async *states(): AsyncGenerator<ChannelState, undefined> {
    let wake = (): void => {};
    const stop = this.onStateChange(() => wake());
    try {
      for (let seen: ChannelState | undefined; seen !== "closed"; ) {
        if (this.state === seen) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        seen = this.state;
        yield seen;
      }
    } finally {
      stop();
    }
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkClosing(options);
    this.#redial.close();
    await Promise.all([...this.#connections].map((connection) => connection.close(options)));
    this.#resolveClosed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ── for calls ───────────────────────────────────────────────────────────────────────────────────────────────────

  get lasting(): LastingCore {
    return this;
  }

  get ready(): RpcTransport | undefined {
    this.#noticeEnd();
    return this.#redial.connection;
  }

  pick(): RpcTransport {
    const { ready } = this;
    if (ready === undefined) throw this.unavailable();
    return ready;
  }

  wait(waiter: TransportWaiter): void {
    const { state } = this;
    if (state === "closed" || (state === "waiting" && !this.#isPatient(waiter)))
      return waiter.onFailed(this.unavailable());
    if (this.#waiters.size >= this.#maxWaiters) return waiter.onFailed(tooManyWait(this.#maxWaiters));
    this.#waiters.add(waiter);
    this.connect();
  }

  withdraw(waiter: TransportWaiter): void {
    this.#waiters.delete(waiter);
  }

  // ── for the redial machine ──────────────────────────────────────────────────────────────────────────────────────

  async dial(signal: AbortSignal): Promise<RpcConnection> {
    // It makes no other connections.
    const connection = (await connectPrepared(
      this.#dialer,
      { ...this.#options, signal },
      this.#prepared,
    )) as RpcConnection;
    this.#connections.add(connection);
    // So that the next one is under way before a call needs it.
    connection.onDraining = () => this.#noticeEnd();
    void connection.closed.then(() => this.#connections.delete(connection));
    return connection;
  }

  discard(connection: RpcConnection): void {
    void connection.close();
  }

  onState(): void {
    const { state, connection } = this.#redial;
    // Its server may have begun to drain before we heard that it had accepted.
    if (connection !== undefined && !connection.rsocket.isOpen) return this.#noticeEnd();
    if (connection !== undefined) {
      void connection.closed.then(() => this.#noticeEnd());
      for (const waiter of this.#takeWaiters(() => true)) waiter.onTransport(connection);
    }
    if (state === "waiting") this.#failWaiters();
    if (state === "closed") for (const waiter of this.#takeWaiters(() => true)) waiter.onFailed(this.unavailable());
    const { reason: given } = this.#redial;
    const reason = state !== "waiting" || RpcError.is(given) ? given : this.unavailable();
    for (const listener of [...this.#listeners]) {
      // Somebody who was told may have changed it, and then all have heard of that.
      if (this.#redial.state !== state) return;
      this.#tell(listener, state, reason as RpcError | undefined);
    }
  }

  #failWaiters(): void {
    const { reason } = this.#redial;
    const isFinal = isPermanent(reason);
    for (const waiter of this.#takeWaiters((waiting) => isFinal || !this.#isPatient(waiting))) {
      waiter.onFailed(isFinal ? refused(reason) : this.unavailable());
    }
  }

  #takeWaiters(choose: (waiter: TransportWaiter) => boolean): TransportWaiter[] {
    const chosen = [...this.#waiters].filter(choose);
    for (const waiter of chosen) this.#waiters.delete(waiter);
    return chosen;
  }

  #isPatient(waiter: TransportWaiter): boolean {
    return waiter.waitForReady ?? this.#options.waitForReady ?? true;
  }

  // A connection whose server drains takes no calls, and lives until the last one has ended.
  #noticeEnd(): void {
    const { connection } = this.#redial;
    if (connection === undefined || connection.rsocket.isOpen) return;
    const error = connection.rsocket.endError;
    if (error === undefined || error.code === ErrorCode.CONNECTION_CLOSE) this.#redial.drained(connection, error);
    else this.#redial.lost(connection, error);
  }

  unavailable(): RpcError {
    const { state, reason } = this.#redial;
    if (state === "closed") return new RpcError(Code.Unavailable, "the channel is closed", { retryable: true });
    const why = RpcError.is(reason) ? reason.rawMessage : reason instanceof Error ? reason.message : "it is dialing";
    return new RpcError(Code.Unavailable, `no connection: ${why}`, { retryable: true, cause: reason });
  }

  #tell(listener: StateListener, state: ChannelState, reason: RpcError | undefined): void {
    if (!this.#listeners.has(listener)) return;
    guard(
      () => listener(state, reason),
      (error) => this.#prepared.calls.observer.onListenerError?.(error),
    );
  }
}

function isPermanent(reason: unknown): reason is ConnectError {
  if (!(reason instanceof ConnectError)) return false;
  const { cause } = (reason.cause ?? {}) as { readonly cause?: unknown };
  // Not by `instanceof`: not every platform has the class.
  if (kindOfObject(cause) === "DOMException" && NEVER.includes((cause as DOMException).name)) return true;
  if (reason.initiator !== "remote") return OWN_REFUSALS.includes(reason.code);
  return SETUP_REFUSALS.includes(reason.wireCode) && !PASSING_CODES.includes(reason.code);
}

// One for each call: errors are the caller's to decorate.
function refused(reason: ConnectError): ConnectError {
  const { code, rawMessage, details, trailers, initiator, retryable, wireCode } = reason;
  const options = { cause: reason, details, trailers, initiator, retryable };
  return new ConnectError(code, rawMessage, wireCode === undefined ? options : { ...options, wireCode });
}

function tooManyWait(maxWaiters: number): RpcError {
  return new RpcError(Code.ResourceExhausted, `more than ${maxWaiters} calls wait for a connection`, {
    retryable: true,
  });
}
