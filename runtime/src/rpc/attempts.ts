// SPDX-License-Identifier: Apache-2.0
// The attempts at one call, within its deadline and its caller's signal: on which connection the next one is made, whether
// there is a next one, and the waiting before it.

import type { Scheduler, Timer } from "../engine/scheduler.js";
import { listenForAbort, stopListening } from "./abort-listeners.js";
import { abortError, notConnectedInTime } from "./call-errors.js";
import { type CallOptions, checkCallOptions } from "./call-options.js";
import type { CallingChannel, LastingCore, TransportWaiter } from "./channel.js";
import { type ClientCall, hearEnd } from "./client-call.js";
import { Code } from "./code.js";
import { type Deadline, deadlineClockOf } from "./deadline.js";
import { messageOf } from "./describe.js";
import { RpcError } from "./error.js";
import type { RepeatableSource } from "./repeatable-source.js";
import type { RpcTransport } from "./transport.js";

/** Starts what is waited for; returns what stops it. */
type Begin<T> = (resolve: (value: T) => void, reject: (error: RpcError) => void) => () => void;

const NO_OPTIONS: CallOptions = {};
/** In a rolling restart the next server may be the next to drain; what several in a row refused is better told. */
const MAX_UNPROCESSED = 4;

/** One call's attempts. */
export class Attempts {
  readonly #core: CallingChannel;
  readonly #options: CallOptions;
  readonly #requests: RepeatableSource<unknown> | undefined;
  readonly #scheduler: Scheduler;
  readonly #beganAtMs: number;
  #cancel: ((error: RpcError) => void) | undefined;

  /** `first`: the first attempt, when it was made already. */
  constructor(
    core: CallingChannel,
    options: CallOptions | undefined,
    requests: RepeatableSource<unknown> | undefined,
    first: ClientCall | undefined,
  ) {
    this.#core = core;
    this.#options = options ?? NO_OPTIONS;
    this.#requests = requests;
    this.#scheduler = core.scheduler;
    this.#beganAtMs = first?.startedAtMs ?? this.#nowMs;
  }

  /** Since the call was made; its deadline counts from there. */
  get passedMs(): number {
    return this.#nowMs - this.#beganAtMs;
  }

  /** The connection for the next attempt. @throws RpcError as the call then fails. */
  connection(): RpcTransport | Promise<RpcTransport> {
    const { lasting } = this.#core;
    return lasting === undefined ? this.#core.pick() : (lasting.ready ?? this.#wait(lasting));
  }

  /**
   * Whether there is another attempt after `call`, which failed with `error`; resolves when it is due.
   * @throws RpcError when the caller gave up meanwhile; whatever the interceptor that decides throws.
   */
  async mayFollow(call: ClientCall, error: unknown): Promise<boolean> {
    if (this.#requests?.isRepeatable === false) return false;
    const { isOpen } = call.transport.rsocket;
    const { lasting } = this.#core;
    if (lasting !== undefined && call.attempt < MAX_UNPROCESSED && !isOpen && isUnprocessed(error)) return true;
    if (!call.mayRetry || this.#options.signal?.aborted === true || this.#leftMs() <= 0) return false;
    if (lasting === undefined && !isOpen) return false;
    const waitMs = call.retryDelayMs(error);
    if (waitMs === undefined || waitMs >= this.#leftMs()) return false;
    if (waitMs > 0) await this.#pause(call, waitMs);
    return true;
  }

  /** Waits no more. */
  cancel(error: RpcError): void {
    this.#cancel?.(error);
  }

  get #nowMs(): number {
    return this.#scheduler.now();
  }

  #leftMs(): number {
    const { timeoutMs } = this.#options;
    return timeoutMs === undefined ? Number.POSITIVE_INFINITY : timeoutMs - this.passedMs;
  }

  async #wait(lasting: LastingCore): Promise<RpcTransport> {
    const wrong = wrongOptions(this.#options);
    if (wrong !== undefined) throw wrong;
    for (;;) {
      const transport = await this.#waitOnce(lasting);
      // It may have ended between being ready and being told; a wait on the channel's backoff follows.
      const { ready } = lasting;
      if (transport.rsocket.isOpen) return transport;
      if (ready !== undefined) return ready;
    }
  }

  #waitOnce(lasting: LastingCore): Promise<RpcTransport> {
    const { timeoutMs, waitForReady } = this.#options;
    return this.#unlessGivenUp((onTransport, onFailed) => {
      let deadline: Deadline | undefined;
      const waiter: TransportWaiter = { waitForReady, onTransport, onFailed };
      const stop = (): void => {
        deadline?.clear();
        lasting.withdraw(waiter);
      };
      if (timeoutMs !== undefined) {
        const onDeadline = (): void => onFailed(notConnectedInTime(timeoutMs, lasting.unavailable()));
        if (this.#leftMs() <= 0) {
          onDeadline();
          return stop;
        }
        deadline = deadlineClockOf(lasting.scheduler).create(this.#beganAtMs + timeoutMs, { onDeadline });
        deadline.start();
      }
      lasting.wait(waiter);
      return stop;
    });
  }

  #pause(call: ClientCall, waitMs: number): Promise<void> {
    return this.#unlessGivenUp<void>((resolve, reject) => {
      const timer: Timer = call.transport.scheduler.setTimer(waitMs, resolve);
      const forget = this.#onNoMore(call.transport, reject);
      return () => {
        timer.cancel();
        forget();
      };
    });
  }

  // Calls `fail` when there is no connection for another attempt, nor will be; returns what ends that.
  #onNoMore(transport: RpcTransport, fail: (error: RpcError) => void): () => void {
    const { lasting } = this.#core;
    if (lasting === undefined) {
      const unopened = hearEnd(transport, (failure) => fail(failure()));
      return () => transport.rsocket.withdrawCall(unopened);
    }
    const onClosing = (): void => fail(lasting.unavailable());
    const forget = lasting.onClosing(onClosing);
    if (lasting.isClosed) onClosing();
    return forget;
  }

  // What `begin` starts is stopped, once, when it is settled, when the signal is aborted, and by `cancel`.
  #unlessGivenUp<T>(begin: Begin<T>): Promise<T> {
    const { signal } = this.#options;
    return new Promise((resolve, reject) => {
      let isOver = false;
      let stop: (() => void) | undefined;
      const over = (): void => {
        isOver = true;
        this.#cancel = undefined;
        if (signal !== undefined) stopListening(signal, onAbort);
        stop?.();
      };
      const fail = (error: RpcError): void => {
        over();
        reject(error);
      };
      const onAbort = (): void => fail(abortError(signal?.reason));
      if (signal?.aborted === true) return onAbort();
      if (signal !== undefined) listenForAbort(signal, onAbort);
      this.#cancel = fail;
      stop = begin((value) => {
        over();
        resolve(value);
      }, fail);
      // Settled before it was known how to stop it.
      if (isOver) stop();
    });
  }
}

// REJECTED, or never sent. On a connection that lives REJECTED means "too much": whether to try again, and when, is for
// interceptors to say.
function isUnprocessed(error: unknown): boolean {
  return RpcError.is(error) && error.retryable;
}

function wrongOptions(options: CallOptions): RpcError | undefined {
  try {
    checkCallOptions(options);
    return undefined;
  } catch (error) {
    return new RpcError(Code.InvalidArgument, messageOf(error), { cause: error });
  }
}
