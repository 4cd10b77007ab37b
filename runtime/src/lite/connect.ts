// SPDX-License-Identifier: Apache-2.0
// Opens a connection that only calls, and the connection as its users see it.

import { encodeUtf8 } from "../bytes/utf8.js";
import type { Dialer } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import type { MetadataInit } from "../metadata/headers.js";
import { CallError, callErrorOf } from "../rpc/call-error.js";
import type { CallOptions } from "../rpc/call-options.js";
import type { Channel, ChannelCore } from "../rpc/channel.js";
import { FAILED_PRECONDITION, INTERNAL, INVALID_ARGUMENT } from "../rpc/code-numbers.js";
import type { Compatibility } from "../rpc/compatibility.js";
import type { CloseReason } from "../rpc/connection.js";
import type { AnyMethod } from "../rpc/method.js";
import { uint } from "./bytes.js";
import { beginCall, type LiteCall } from "./call.js";
import { check, checkRange } from "./check.js";
import { ANSWER_CREDIT, MAX_FRAME_BYTES, METADATA_LENGTH_BYTES } from "./constants.js";
import type { DetailsSupport } from "./details.js";
import { connectErrorOf, connectionError, lostError } from "./errors.js";
import * as Flag from "./flags.js";
import { frameOf } from "./frame.js";
import * as FrameType from "./frame-types.js";
import type { MetadataSupport } from "./headers.js";
import { type LimitsSupport, STANDARD } from "./limits.js";
import { beginOver, type LiteDial } from "./link.js";
import { checkSupport, setupMetadata } from "./metadata.js";
import { pageScheduler } from "./scheduler.js";
import { createSession, type LiteSession } from "./session.js";

/** Options of `connect`; all may be left out. They mean what they mean in `rsocket-rpc/web`. */
export interface LiteConnectOptions {
  /** Sent with SETUP; a function is asked once for the connection. */
  readonly bearerToken?: string | (() => string | Promise<string>);
  /**
   * `metadata` of this package: with it headers are sent, and headers and trailers that come are read. Without it calls with
   * `headers`, `onHeaders`, `onTrailers`, `tracing`, `rawMetadata` or `onRawMetadata` fail, and a page doesn't carry it.
   */
  readonly metadata?: MetadataSupport;
  /** `details` of this package: with it details of errors are read. Without it `error.details` is empty. */
  readonly details?: DetailsSupport;
  /** Sent with SETUP, for `accept` on the server; `metadata` must be given, too. */
  readonly headers?: MetadataInit;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** For dialing and the server's acceptance together. 10 s. */
  readonly timeoutMs?: number;
  /** Between two KEEPALIVE frames. 20 s, or a third of the lifetime where that is less; it goes into SETUP. */
  readonly keepaliveIntervalMs?: number;
  /** Silence that ends the connection, longer than the interval. 90 s; it goes into SETUP. */
  readonly maxLifetimeMs?: number;
  /** The largest frame written, with the 3 bytes of its length: longer payloads are fragmented. 64 KiB; 64 … 16,777,215. */
  readonly fragmentBytes?: number;
  /** True: fields that a message's .proto doesn't have here are dropped when it is read. */
  readonly discardUnknownFields?: boolean;
  /** What differs for the driver of the server: a value of `rsocket-rpc/compat`. */
  readonly compatibility?: Omit<Compatibility, "announcePerRequest" | "repeatChannelMetadata">;
  /** What the server can move: `limits({ … })` of this package. */
  readonly limits?: LimitsSupport;
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

const VERSION = [0, 1, 0, 0];
const MIME_TYPE = /*@__PURE__*/ encodeUtf8("\u0012application/binary");

/**
 * Connects through `dialer` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, time is up, or on abort; RangeError for a wrong option.
 */
export function connectWith(dialer: Dialer, options: LiteConnectOptions = {}): Promise<LiteConnection> {
  return connectOver(async (signal, begin) => {
    // The token may have come too late.
    signal.throwIfAborted();
    const link = await dialer.dial(signal);
    // Nobody waits for one that comes too late.
    if (signal.aborted) link.abort();
    else beginOver(link, begin);
  }, options);
}

/** @internal The same over the link that `dial` opens. */
export async function connectOver(dial: LiteDial, options: LiteConnectOptions = {}): Promise<LiteConnection> {
  const {
    scheduler = pageScheduler,
    signal,
    timeoutMs = 10_000,
    bearerToken: token,
    maxLifetimeMs = 90_000,
    keepaliveIntervalMs = Math.min(20_000, Math.ceil(maxLifetimeMs / 3)),
    fragmentBytes = 65_536,
    compatibility,
    limits = STANDARD,
  } = options;
  check(Array.isArray(limits), "limits", limits, "limits({ … }) of rsocket-rpc/lite");
  checkRange("timeoutMs", timeoutMs, 0);
  checkRange("maxLifetimeMs", maxLifetimeMs, 1);
  // Otherwise each silence would end the connection. The longest lifetime is none.
  const isJudged = maxLifetimeMs < MAX_31_BIT;
  checkRange("keepaliveIntervalMs", keepaliveIntervalMs, 1, isJudged ? maxLifetimeMs - 1 : MAX_31_BIT);
  checkRange("fragmentBytes", fragmentBytes, 64, MAX_FRAME_BYTES);
  const controller = new AbortController();
  const gaveUp = new Promise<never>((_resolve, reject) => {
    controller.signal.onabort = () => reject(controller.signal.reason);
  });
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  const timer = scheduler.setTimer(timeoutMs, () =>
    controller.abort(connectionError(`not connected after ${timeoutMs} ms`, "local")),
  );
  if (signal?.aborted) onAbort();
  let session = undefined as LiteSession | undefined;
  const begin = async (): Promise<LiteConnection> => {
    const bearerToken = typeof token === "function" ? await token() : token;
    const setup = setupFrame(keepaliveIntervalMs, maxLifetimeMs, options, bearerToken);
    await dial(controller.signal, (link) => {
      session = createSession({
        ...options,
        link,
        scheduler,
        limits,
        setup,
        keepaliveIntervalMs,
        maxLifetimeMs: isJudged && !compatibility?.peerMayBeSilent ? maxLifetimeMs : Infinity,
        fragmentBytes,
      });
      return session;
    });
    await session?.accepted;
    if (!session || session.endReason) throw session?.endReason;
    return liteConnectionOf(session);
  };
  try {
    return await Promise.race([begin(), gaveUp]);
  } catch (error) {
    session?.onLinkEnd();
    throw connectErrorOf(error, signal, options.details);
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}

function setupFrame(
  keepaliveIntervalMs: number,
  maxLifetimeMs: number,
  { metadata, headers }: LiteConnectOptions,
  bearerToken: string | undefined,
): Uint8Array {
  let bytes: Uint8Array;
  try {
    checkSupport(metadata, { headers });
    bytes = setupMetadata(metadata?.encode(headers), bearerToken);
  } catch (error) {
    throw callErrorOf(error, INVALID_ARGUMENT);
  }
  return frameOf(
    0,
    FrameType.SETUP,
    Flag.METADATA,
    VERSION,
    uint(keepaliveIntervalMs, 4),
    uint(maxLifetimeMs, 4),
    MIME_TYPE,
    MIME_TYPE,
    uint(bytes.length, METADATA_LENGTH_BYTES),
    bytes,
  );
}

/** @internal The connection of a session that has begun. */
export function liteConnectionOf(session: LiteSession): LiteConnection {
  const { closed } = session;
  // The call begins with the iteration: one that is never iterated costs nothing and can't leak.
  const iterable = <O>(method: AnyMethod, type: number, request: unknown, options?: CallOptions): AsyncIterable<O> => {
    let isIterated = false;
    return {
      [Symbol.asyncIterator](): LiteCall<O> {
        if (isIterated) {
          throw new CallError(FAILED_PRECONDITION, "answers can be iterated once");
        }
        if (session.endReason) throw lostError(session.endReason, true);
        isIterated = true;
        return beginCall(session, method, type, request, options);
      },
    };
  };

  const channelCore: ChannelCore & { readonly session: LiteSession } = {
    session,
    async unary(method, request, options) {
      const { value } = await beginCall<never>(session, method, FrameType.REQUEST_RESPONSE, request, options).next();
      return value as never; // there is one, or an error
    },
    async fireAndForget(method, request, options) {
      await beginCall(session, method, FrameType.REQUEST_FNF, request, options).next();
    },
    async clientStream(method, source, options) {
      const call = beginCall<never>(session, method, FrameType.REQUEST_CHANNEL, source, options, ANSWER_CREDIT);
      const { done, value } = await call.next();
      if (!done && (await call.next()).done) return value;
      const what = done ? "no answer" : "more than one answer";
      return (await call.throw(new CallError(INTERNAL, `${what} to a client stream, expected exactly one`))) as never;
    },
    serverStream: (method, request, options) => iterable(method, FrameType.REQUEST_STREAM, request, options),
    bidi: (method, source, options) => iterable(method, FrameType.REQUEST_CHANNEL, source, options),
  };

  async function close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    session.close(graceMs);
    await closed;
  }

  return { channelCore, closed, close, [Symbol.asyncDispose]: close };
}
