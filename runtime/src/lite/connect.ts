// SPDX-License-Identifier: Apache-2.0
// Opens a connection that only calls, and the connection as its users see it.

import { encodeUtf8 } from "../bytes/utf8.js";
import type { Dialer } from "../engine/link.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import { Flag, FrameType, MAX_31_BIT, MAX_FRAME_BYTES, METADATA_LENGTH_BYTES } from "../frames/layout.js";
import type { MetadataInit } from "../metadata/headers.js";
import { iteratedTwice, wrongAnswerCount } from "../rpc/call-errors.js";
import type { CallOptions } from "../rpc/call-options.js";
import type { Channel, ChannelCore, Source } from "../rpc/channel.js";
import type { Compatibility } from "../rpc/compatibility.js";
import { connectErrorOf } from "../rpc/connect-error.js";
import type { CloseReason } from "../rpc/connection.js";
import { messageOf } from "../rpc/describe.js";
import type { AnyMethod, Method } from "../rpc/method.js";
import { decodeConnectionError } from "../rpc/status-codec.js";
import { ConnectionError } from "../session/errors.js";
import { checkSetting, checkTimeout } from "../session/setting-rules.js";
import { uint } from "./bytes.js";
import { LiteCall, type Requests } from "./call.js";
import { frameOf } from "./frame.js";
import { type LiteLimits, liteLimits } from "./limits.js";
import { readErrorData, setupMetadata, wireHeaders } from "./metadata.js";
import { connectionError, LiteSession } from "./session.js";
import type { LiteLink } from "./websocket.js";

/** Options of `connect`; all may be left out. They mean what they mean in `rsocket-rpc/web`. */
export interface LiteConnectOptions {
  /** Sent with SETUP; a function is asked once for the connection. */
  readonly bearerToken?: string | (() => string | Promise<string>);
  /** Sent with SETUP, for `accept` on the server. */
  readonly headers?: MetadataInit;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** For dialing and the server's acceptance together. 10 s. */
  readonly timeoutMs?: number;
  /** Between two KEEPALIVE frames. 20 s; it goes into SETUP. */
  readonly keepaliveIntervalMs?: number;
  /** Silence that ends the connection. 90 s; it goes into SETUP. */
  readonly maxLifetimeMs?: number;
  /** The largest frame written, with the 3 bytes of its length: longer payloads are fragmented. 64 KiB; 64 … 16,777,215. */
  readonly fragmentBytes?: number;
  /** True: fields that a message's .proto doesn't have here are dropped when it is read. */
  readonly discardUnknownFields?: boolean;
  /** What differs for the driver of the server: a value of `rsocket-rpc/compat`. */
  readonly compatibility?: Omit<Compatibility, "announcePerRequest" | "repeatChannelMetadata">;
  /** What the server can move. */
  readonly limits?: Partial<LiteLimits>;
  /** The world; tests put virtual time here. */
  readonly scheduler?: Scheduler;
}

/** One connection, which lives once. Generated clients call through it. */
export interface LiteConnection extends Channel {
  /** Resolves when it is over, never rejects. Calls in flight have failed `unavailable` by then. */
  readonly closed: Promise<CloseReason>;
  /** Takes no new calls, lets those that run end within `graceMs` (0 unless given), cancels the rest. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** `await using connection = await connect(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;
const VERSION = [0, 1, 0, 0];
/** A client stream's answer is one message; the second credit shows when there are two. */
const ANSWER_CREDIT = 2;
const MIME_TYPE = /*@__PURE__*/ encodeUtf8("\u0012application/binary");

/**
 * Connects through `dialer` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, time is up, or on abort; RangeError for a wrong option.
 */
export function connectWith(dialer: Dialer, options: LiteConnectOptions = {}): Promise<LiteConnection> {
  return connectOver(async (signal) => {
    const link = await dialer.dial(signal);
    // Nobody waits for one that comes too late.
    if (signal.aborted) link.abort();
    return link;
  }, options);
}

/** @internal The same over the link that `dial` resolves with; it tears down one that comes when its signal has aborted. */
export async function connectOver(
  dial: (signal: AbortSignal) => Promise<LiteLink>,
  options: LiteConnectOptions = {},
): Promise<LiteConnection> {
  const { scheduler = systemScheduler, signal, timeoutMs = CONNECT_TIMEOUT_MS, bearerToken: token } = options;
  const { keepaliveIntervalMs = 20_000, maxLifetimeMs = 90_000, fragmentBytes = 65_536 } = options;
  checkTimeout(timeoutMs);
  const limits = liteLimits(options.limits);
  checkSetting("keepaliveIntervalMs", keepaliveIntervalMs, 1, MAX_31_BIT);
  checkSetting("maxLifetimeMs", maxLifetimeMs, 1, MAX_31_BIT);
  checkSetting("fragmentBytes", fragmentBytes, 64, MAX_FRAME_BYTES);
  const controller = new AbortController();
  const gaveUp = new Promise<never>((_resolve, reject) => {
    controller.signal.onabort = () => reject(controller.signal.reason);
  });
  gaveUp.catch(() => {}); // it may come when nothing is waited for
  const onAbort = (): void => controller.abort(signal?.reason);
  const timer = scheduler.setTimer(timeoutMs, () =>
    controller.abort(connectionError(`not connected after ${timeoutMs} ms`, "local")),
  );
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  let link: LiteLink | undefined;
  let session: LiteSession | undefined;
  try {
    const headers = wireHeaders(options.headers ?? []);
    const bearerToken = await Promise.race([typeof token === "function" ? token() : token, gaveUp]);
    link = await Promise.race([dial(controller.signal), gaveUp]);
    session = new LiteSession({
      link,
      scheduler,
      limits,
      setup: setupFrame(keepaliveIntervalMs, maxLifetimeMs, setupMetadata(headers, bearerToken)),
      keepaliveIntervalMs,
      // The largest number is "never".
      maxLifetimeMs: options.compatibility?.peerMayBeSilent === true ? MAX_31_BIT : maxLifetimeMs,
      fragmentBytes,
      discardUnknownFields: options.discardUnknownFields === true,
      followsWins: options.compatibility?.followsWins === true,
    });
    const ended = session.closed.then((): never => {
      throw session?.endError;
    });
    await Promise.race([session.accepted, ended, gaveUp]);
    return liteConnectionOf(session);
  } catch (error) {
    if (session === undefined) link?.abort();
    else session.abort("connecting was given up");
    const reason = error instanceof ConnectionError ? error : connectionError(messageOf(error), "local", error);
    throw connectErrorOf(reason, reason.data === undefined ? undefined : readErrorData(reason.data), signal);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

function setupFrame(keepaliveIntervalMs: number, maxLifetimeMs: number, metadata: Uint8Array): Uint8Array {
  const times = [uint(keepaliveIntervalMs, 4), uint(maxLifetimeMs, 4)];
  const body = [VERSION, ...times, MIME_TYPE, MIME_TYPE, uint(metadata.length, METADATA_LENGTH_BYTES), metadata];
  return frameOf(0, FrameType.SETUP, Flag.METADATA, ...body);
}

/** @internal The connection of a session that has begun. */
export function liteConnectionOf(session: LiteSession): LiteConnection {
  return new CallingConnection(session);
}

class CallingConnection implements LiteConnection, ChannelCore {
  /** @internal */
  readonly session: LiteSession;

  constructor(session: LiteSession) {
    this.session = session;
  }

  get closed(): Promise<CloseReason> {
    return this.session.closed;
  }

  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    this.session.close(graceMs);
    await this.closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ── the five ways to call ───────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  get channelCore(): ChannelCore {
    return this;
  }

  /** @internal */
  async unary<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    message: IInit,
    options?: CallOptions,
  ): Promise<O> {
    const call = this.#begin<O>(method, FrameType.REQUEST_RESPONSE, { message }, options);
    const { done, value } = await call.next();
    // COMPLETE alone is an empty message: rsocket-py and rsocket-go send it (Q-EMPTY-UNARY).
    return done === true ? call.emptyAnswer() : value;
  }

  /** @internal */
  async fireAndForget<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    message: IInit,
    options?: CallOptions,
  ): Promise<void> {
    await this.#begin<O>(method, FrameType.REQUEST_FNF, { message }, options).next();
  }

  /** @internal */
  async clientStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    source: Source<IInit>,
    options?: CallOptions,
  ): Promise<O> {
    const call = this.#begin<O>(method, FrameType.REQUEST_CHANNEL, { source }, options, ANSWER_CREDIT);
    const { done, value } = await call.next();
    if (done === true) throw wrongAnswerCount("no answer");
    if ((await call.next()).done === true) return value;
    const error = wrongAnswerCount("more than one answer");
    call.fail(error);
    throw error;
  }

  /** @internal */
  serverStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    message: IInit,
    options?: CallOptions,
  ): AsyncIterable<O> {
    return this.#iterable(() => this.#begin<O>(method, FrameType.REQUEST_STREAM, { message }, options));
  }

  /** @internal */
  bidi<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    source: Source<IInit>,
    options?: CallOptions,
  ): AsyncIterable<O> {
    return this.#iterable(() => this.#begin<O>(method, FrameType.REQUEST_CHANNEL, { source }, options));
  }

  #begin<O>(
    method: AnyMethod,
    type: number,
    requests: Requests,
    options: CallOptions | undefined,
    answers?: number,
  ): LiteCall<O> {
    const call = new LiteCall<O>(this.session, method, type, requests, options, answers);
    call.begin();
    return call;
  }

  // The call begins with the iteration: one that is never iterated costs nothing and can't leak.
  #iterable<O>(begin: () => LiteCall<O>): AsyncIterable<O> {
    let isIterated = false;
    return {
      [Symbol.asyncIterator]: () => {
        if (isIterated) throw iteratedTwice();
        if (!this.session.isOpen) throw decodeConnectionError(this.session.endError, true);
        isIterated = true;
        return begin();
      },
    };
  }
}
