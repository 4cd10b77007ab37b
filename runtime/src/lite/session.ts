// SPDX-License-Identifier: Apache-2.0
// One connection of a client that only calls: SETUP, liveness, the streams it opens, and its one end (RSocket 1.0).
// It serves nothing, asks for no leases and resumes nothing; whatever else a server may send is answered as the whole
// runtime answers it.

import { readUint16, readUint31, readUint32 } from "../bytes/integers.js";
import { NO_BYTES } from "../bytes/parts.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import type { Compatibility } from "../rpc/compatibility.js";
import type { CloseReason } from "../rpc/connection.js";
import { ConnectionError } from "../session/errors.js";
import { type Budget, createBudget } from "./budget.js";
import { uint } from "./bytes.js";
import { check, tooMuch } from "./check.js";
import {
  APPLICATION_ERROR,
  CLOSED,
  CONNECTION_CLOSE,
  CONNECTION_ERROR,
  HEADER_BYTES,
  LATE_FRAMES,
  OPEN,
  OPENING,
  POSITION_BYTES,
} from "./constants.js";
import { decodeEnvelope } from "./envelope.js";
import { connectionError, lostError, type Support, textOf } from "./errors.js";
import * as Flag from "./flags.js";
import { errorFrame, frameOf } from "./frame.js";
import * as FrameType from "./frame-types.js";
import * as Limit from "./limit-places.js";
import type { LimitsSupport } from "./limits.js";
import type { LiteHandler, LiteLink } from "./link.js";
import { readEntry } from "./metadata.js";
import { createTurns, type Turns } from "./turns.js";

/** A stream of this client, as its connection sees it. */
export interface LiteStream {
  /** Its request was handed to the link. */
  onSent(): void;
  /** A PAYLOAD, REQUEST_N, CANCEL or ERROR; `body` is a view of what stands behind its header. */
  onStreamFrame(type: number, flags: number, body: Uint8Array): void;
  /** Of its caller. */
  readonly signal: AbortSignal | undefined;
  /** It has aborted. */
  onAbort(): void;
  /** This side gives it up: it is cancelled. */
  onGivenUp(): void;
  /** The connection is over, or, if it `isDraining`, for those that have no id yet. */
  onLost(error: ConnectionError, isDraining?: boolean): void;
}

/** What a session is made of. */
export interface LiteSessionInit extends Support {
  readonly link: LiteLink;
  readonly scheduler: Scheduler;
  readonly limits: LimitsSupport;
  /** The frame that says the rest of it to the server. */
  readonly setup: Uint8Array;
  readonly keepaliveIntervalMs: number;
  readonly maxLifetimeMs: number;
  readonly fragmentBytes: number;
  readonly discardUnknownFields?: boolean;
  readonly compatibility?: Pick<Compatibility, "followsWins">;
}

/** A connection, as its calls and its users see it. */
export interface LiteSession extends LiteHandler {
  readonly init: LiteSessionInit;
  readonly turns: Turns;
  /** Resolves when the server has accepted, or it is over. */
  readonly accepted: Promise<void>;
  readonly closed: Promise<CloseReason>;
  /** All calls that haven't ended. Those that wait, or whose sources have given no message, have no id yet. */
  readonly calls: ReadonlySet<LiteStream>;
  /** Tasks that wait for room. */
  readonly waiting: Set<() => void>;
  /** Bytes of messages that wait for their consumers, over all streams. */
  unconsumedBytes: number;
  /** Bytes of unfinished messages, over all streams. */
  reassemblyBytes: number;
  /** Bytes that wait to be written. */
  readonly queuedBytes: number;
  /** Items and requests may be encoded; otherwise `enqueue`. */
  readonly hasRoom: boolean;
  /** Why no stream can be opened any more, once that is so. */
  readonly endReason: ConnectionError | undefined;
  /** Whether the server reads our extension: known when it has accepted. */
  isOurs: boolean;
  /** Calls `task` when there is room, or the connection is over; false when too many wait. */
  enqueue(task: () => void): boolean;
  /**
   * The id of a new stream; its request must follow. One that isn't `answered` hears only that it was sent, or is lost.
   * @throws RpcError when the connection isn't open.
   */
  open(stream: LiteStream, isAnswered: boolean): number;
  /** A call begins: it hears of its signal, and of the end. */
  join(stream: LiteStream): void;
  /** The call is over; `credit` items more may be under way. */
  forget(stream: LiteStream, id: number, credit: number): void;
  /** Queues a frame; all of one callback's leave together. */
  send(frame: Uint8Array): void;
  /** An item was sent: one REQUEST_N more is no demand without delivery. */
  earn(): void;
  /** Ends the connection: no new streams; those that live have `graceMs`, then they are cancelled. */
  close(graceMs: number): void;
}

//   OPENING ──any frame but ERROR on stream 0──▶ OPEN ──close, CONNECTION_CLOSE: drains until no stream is left──▶ CLOSED
//   every state ──broken rule, limit, lost link, CONNECTION_ERROR──▶ CLOSED

/** Begins a connection on its link. Frames queued in one callback leave as one write. */
export function createSession(init: LiteSessionInit): LiteSession {
  const { link, scheduler, limits, keepaliveIntervalMs, maxLifetimeMs } = init;
  const controls = createBudget(limits[Limit.CONTROL_BURST], limits[Limit.CONTROLS_PER_SECOND]);
  const requestNs = createBudget(limits[Limit.REQUEST_N_BURST], limits[Limit.REQUEST_NS_PER_SECOND]);
  const meaningless = createBudget(limits[Limit.MEANINGLESS_BURST], limits[Limit.MEANINGLESS_PER_SECOND]);
  const streams = new Map<number, LiteStream>();
  const calls = new Set<LiteStream>();
  const waiting = new Set<() => void>();
  // Opened since the last write.
  let unsent: LiteStream[] = [];
  let nextId = 1;
  // Frames of ended streams that cost nothing: the rest of a message that was under way, and all others.
  let lateFragments = 0;
  let lateFrames = 0;
  let state = OPENING;
  let endReason: ConnectionError | undefined;
  let frames: Uint8Array[] = [];
  let queuedBytes = 0;
  // Of those, what answers frames of the peer.
  let peerCausedBytes = 0;
  let blockedSinceMs: number | undefined;
  let timer: Timer | undefined;
  let graceTimer: Timer | undefined;
  let receivedAtMs = scheduler.now();
  let keepaliveDueMs = receivedAtMs + keepaliveIntervalMs;
  const [accepted, accept] = later<void>();
  const [closed, tellClosed] = later<CloseReason>();

  const session: LiteSession = {
    init,
    turns: createTurns(scheduler),
    accepted,
    closed,
    calls,
    waiting,
    unconsumedBytes: 0,
    reassemblyBytes: 0,
    isOurs: false,
    get queuedBytes() {
      return queuedBytes;
    },
    get hasRoom() {
      return blockedSinceMs === undefined && queuedBytes < limits[Limit.PRODUCER_PAUSE_BYTES];
    },
    get endReason() {
      return endReason;
    },
    enqueue(task) {
      return waiting.size < limits[Limit.MAX_QUEUED_CALLS] && Boolean(waiting.add(task));
    },
    open(stream, isAnswered) {
      if (nextId > MAX_31_BIT) drain(connectionError("no stream ids are left", "local"));
      if (endReason) throw lostError(endReason, true);
      const id = nextId;
      nextId += 2;
      if (isAnswered) streams.set(id, stream);
      unsent.push(stream);
      return id;
    },
    join(stream) {
      calls.add(stream);
      // However many calls add it, a signal has it once: Node takes eleven listeners for a leak.
      stream.signal?.addEventListener("abort", onSignal);
    },
    forget(stream, id, credit) {
      const { signal } = stream;
      calls.delete(stream);
      if (signal && !isListenedTo(signal)) signal.removeEventListener("abort", onSignal);
      streams.delete(id);
      if (id > 0) {
        lateFrames += credit + LATE_FRAMES;
        if (credit > 0) lateFragments += limits[Limit.MAX_FRAGMENTS];
      }
      closeIfDrained();
    },
    send,
    earn: requestNs.earn,
    malformed,
    close(graceMs) {
      check(Number(graceMs) === graceMs, "graceMs", graceMs, "a number");
      drain(new ConnectionError(CONNECTION_CLOSE, "closed", "local"));
      if (state === CLOSED) return;
      graceTimer?.cancel();
      if (graceMs <= 0) giveUpAll();
      else graceTimer = scheduler.setTimer(graceMs, giveUpAll);
    },

    mostFrameBytes: limits[Limit.MAX_MESSAGE_BYTES] + limits[Limit.MAX_METADATA_BYTES] + 64, // header, lengths, initial n
    onWholeFrame(frame) {
      receivedAtMs = scheduler.now();
      if (state === CLOSED || !frame) return;
      const streamId = readUint31(frame, 0);
      // The type stands above them.
      const flags = readUint16(frame, 4);
      const type = flags >>> 10;
      const body = frame.subarray(HEADER_BYTES);
      const isKeepalive = type === FrameType.KEEPALIVE && streamId === 0;
      const hasNumber = type === FrameType.ERROR || type === FrameType.REQUEST_N;
      if (body.length < (isKeepalive ? POSITION_BYTES : hasNumber ? 4 : 0))
        malformed(`frame type ${type} is cut short`, (flags & Flag.IGNORE) !== 0);
      else receive(streamId, type, flags, body);
    },
    onRoom() {
      blockedSinceMs = undefined;
      flush();
      wake();
    },
    onLinkEnd: (error) => lose(error === undefined ? "connection lost" : `connection lost: ${error.message}`, error),
  };

  // ── what the link brings ────────────────────────────────────────────────────────────────────────────────────────

  function malformed(message: string, mayIgnore?: boolean): void {
    if (mayIgnore) passOver();
    else fail(message);
  }

  function passOver(): void {
    take(meaningless, "frames that mean nothing");
  }

  function receive(streamId: number, type: number, flags: number, body: Uint8Array): void {
    if (streamId !== 0) return receiveOnStream(streamId, type, flags, body);
    if (type === FrameType.ERROR) return receiveError(readUint32(body, 0), body.slice(4));
    if (type === FrameType.KEEPALIVE || type === FrameType.METADATA_PUSH) {
      if (take(controls, "KEEPALIVE or METADATA_PUSH")) {
        if (type === FrameType.METADATA_PUSH) receivePush(body);
        else if (flags & Flag.RESPOND)
          answer(frameOf(0, FrameType.KEEPALIVE, 0, uint(0, POSITION_BYTES), body.subarray(POSITION_BYTES)));
      }
    } else receiveUnexpected(type, flags);
    decide(false);
  }

  function receivePush(metadata: Uint8Array): void {
    if (metadata.length > limits[Limit.MAX_METADATA_BYTES])
      return fail(tooMuch("bytes of METADATA_PUSH", limits[Limit.MAX_METADATA_BYTES]));
    try {
      if (decodeEnvelope(readEntry(metadata) ?? NO_BYTES).hello) decide(true);
    } catch {
      // Nothing could be answered, and nothing depends on it.
    }
  }

  function receiveError(code: number, data: Uint8Array): void {
    const error = new ConnectionError(code, `ERROR 0x${code.toString(16)}: ${textOf(data)}`, "remote", { data });
    if (state === OPENING || code === CONNECTION_ERROR) finish(error);
    else if (code === CONNECTION_CLOSE) drain(error);
    else passOver();
  }

  function receiveOnStream(streamId: number, type: number, flags: number, body: Uint8Array): void {
    decide(false);
    if (type >= FrameType.REQUEST_RESPONSE && type <= FrameType.REQUEST_CHANNEL) return refuse(streamId, type);
    if (type < FrameType.REQUEST_N || type > FrameType.ERROR) return receiveUnexpected(type, flags);
    if (type === FrameType.REQUEST_N && !take(requestNs, "REQUEST_N")) return;
    const stream = streams.get(streamId);
    if (stream) stream.onStreamFrame(type, flags, body);
    else receiveLate(streamId, flags);
  }

  // Nothing is served here; a fire-and-forget request gets no frame back (FNF-01).
  function refuse(streamId: number, type: number): void {
    passOver();
    if (type !== FrameType.REQUEST_FNF && (streamId & 1) === 0)
      answer(errorFrame(streamId, APPLICATION_ERROR, "can not find service"));
  }

  // Under way when its stream ended; of those that never were, or that are too many, not many are taken.
  function receiveLate(streamId: number, flags: number): void {
    const isFragment = (flags & Flag.FOLLOWS) !== 0;
    if ((streamId & 1) === 0 || streamId >= nextId || (isFragment ? lateFragments : lateFrames) <= 0) passOver();
    else if (isFragment) lateFragments--;
    else lateFrames--;
  }

  function receiveUnexpected(type: number, flags: number): void {
    const isKnown = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;
    malformed(`frame type ${type} is not understood`, isKnown || (flags & Flag.IGNORE) !== 0);
  }

  // Servers of ours say hello before anything else. It counts also when it comes late, from a peer that was taken for unknown.
  function decide(ours: boolean): void {
    state ||= OPEN;
    session.isOurs ||= ours;
    accept();
  }

  // ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────────

  function send(frame: Uint8Array, isUrgent?: boolean): void {
    if (state === CLOSED) return;
    queuedBytes += frame.length;
    // One that is urgent goes ahead of all that waits.
    const count = isUrgent ? frames.unshift(frame) : frames.push(frame);
    if (count === 1) scheduler.defer(flush);
  }

  function answer(frame: Uint8Array): void {
    peerCausedBytes += frame.length;
    if (peerCausedBytes > limits[Limit.MAX_PEER_CAUSED_BYTES])
      lose(tooMuch("bytes of answers that wait", limits[Limit.MAX_PEER_CAUSED_BYTES]));
    else send(frame);
  }

  function sendKeepalive(): void {
    // Its position is of nobody who resumes.
    send(frameOf(0, FrameType.KEEPALIVE, Flag.RESPOND, uint(0, POSITION_BYTES)), true);
  }

  function flush(): void {
    if (blockedSinceMs !== undefined || frames.length === 0 || state === CLOSED) return;
    const chunks = frames;
    const wasFull = !session.hasRoom;
    frames = [];
    queuedBytes = peerCausedBytes = 0;
    write(chunks);
    if (wasFull && session.hasRoom) wake();
  }

  // The requests among them are sent.
  function write(chunks: Uint8Array[]): void {
    const requested = unsent;
    unsent = [];
    if (!link.send(chunks)) blockedSinceMs = scheduler.now();
    for (const stream of requested) stream.onSent();
  }

  // In the order in which they came, while there is room; all of them when there will be none any more.
  function wake(): void {
    for (const task of waiting) {
      if (!endReason && !session.hasRoom) return;
      waiting.delete(task);
      task();
    }
  }

  // ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

  function armTimer(): void {
    const nowMs = scheduler.now();
    const stalledMs = (blockedSinceMs ?? nowMs) + limits[Limit.STALL_TIMEOUT_MS];
    // A page that was asleep reads what has come meanwhile before it judges.
    timer = scheduler.setTimer(Math.min(keepaliveDueMs, receivedAtMs + maxLifetimeMs, stalledMs) - nowMs, () =>
      scheduler.yield(judge),
    );
  }

  function judge(): void {
    if (state === CLOSED) return;
    const nowMs = scheduler.now();
    const silentMs = nowMs - receivedAtMs;
    if (silentMs >= maxLifetimeMs) return lose(`nothing received for ${Math.round(silentMs)} ms`);
    if (nowMs - (blockedSinceMs ?? nowMs) >= limits[Limit.STALL_TIMEOUT_MS]) {
      return lose(`the peer has read nothing for ${limits[Limit.STALL_TIMEOUT_MS]} ms`);
    }
    if (nowMs >= keepaliveDueMs) {
      keepaliveDueMs = nowMs + keepaliveIntervalMs;
      sendKeepalive();
    }
    armTimer();
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  function onSignal(): void {
    for (const stream of calls) if (stream.signal?.aborted) stream.onAbort();
  }

  // Mostly by the first that is asked: calls that have one share it.
  function isListenedTo(signal: AbortSignal): boolean {
    for (const stream of calls) if (stream.signal === signal) return true;
    return false;
  }

  function take(budget: Budget, what: string): boolean {
    const isLeft = budget.takeOne(scheduler.now());
    if (!isLeft) fail(`too many ${what} a second`);
    return isLeft;
  }

  // The peer broke a rule: it hears why.
  function fail(message: string): void {
    finish(connectionError(message, "local"));
  }

  // Nobody would hear it.
  function lose(message: string, cause?: Error): void {
    finish(connectionError(message, "remote", cause), true);
  }

  function drain(reason: ConnectionError): void {
    endReason ??= reason;
    for (const stream of calls) stream.onLost(endReason, true);
    wake();
    closeIfDrained();
  }

  function giveUpAll(): void {
    // What can be sent is: a fire-and-forget call is done with that.
    flush();
    for (const stream of calls) stream.onGivenUp();
  }

  function closeIfDrained(): void {
    if (endReason && calls.size === 0) finish(endReason);
  }

  // With a farewell, unless nobody would hear it. The first reason counts.
  function finish(error: ConnectionError, isLost?: boolean): void {
    if (state === CLOSED) return;
    state = CLOSED;
    const reason = (endReason ??= error);
    const { code, initiator, message } = reason;
    timer?.cancel();
    graceTimer?.cancel();
    const chunks = frames;
    frames = [];
    queuedBytes = 0;
    if (!isLost && initiator === "local" && blockedSinceMs === undefined) {
      chunks.push(errorFrame(0, code, message));
      write(chunks);
    }
    for (const stream of calls) stream.onLost(reason);
    wake();
    decide(false);
    link.close(isLost);
    const isOrderly = code === CONNECTION_CLOSE;
    tellClosed({ initiator, code, reason: message, error: isOrderly ? undefined : reason });
  }

  // SETUP goes alone, and a KEEPALIVE behind it: its answer proves that SETUP was accepted.
  write([init.setup]);
  sendKeepalive();
  armTimer();
  return session;
}

/** A promise, and what resolves it. */
function later<T>(): [Promise<T>, (value: T) => void] {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((given) => {
    resolve = given;
  });
  return [promise, resolve];
}
