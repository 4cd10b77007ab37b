// SPDX-License-Identifier: Apache-2.0
// One connection of a client that only calls: SETUP, liveness, the streams it opens, and its one end (RSocket 1.0).
// It serves nothing, asks for no leases and resumes nothing; whatever else a server may send is answered as the whole
// runtime answers it.

import { readUint31, readUint32 } from "../bytes/integers.js";
import { lengthOf } from "../bytes/parts.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import type { LinkHandler } from "../engine/link.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { type TurnBudget, turnBudgetOf } from "../engine/turn-budget.js";
import { ErrorCode, errorCodeName } from "../frames/errors.js";
import { readFlags, readFrameType, readStreamId } from "../frames/header.js";
import { Flag, FrameType, HEADER_BYTES, MAX_31_BIT } from "../frames/layout.js";
import type { CloseReason } from "../rpc/connection.js";
import { Budget } from "../session/budget.js";
import { ConnectionError, type Initiator } from "../session/errors.js";
import { Keepalive } from "../session/keepalive.js";
import { Peer } from "../session/peer.js";
import { checkGrace } from "../session/setting-rules.js";
import { errorFrame, frameOf } from "./frame.js";
import type { LiteLimits } from "./limits.js";
import { readEnvelope } from "./metadata.js";
import type { LiteLink } from "./websocket.js";

/** A stream of this client, as its connection sees it. */
export interface LiteStream {
  /** Its request was handed to the link. */
  onSent(): void;
  /** A PAYLOAD frame; its payload begins at `at`. */
  onPayload(bytes: Uint8Array, at: number, end: number, flags: number): void;
  onRequestN(n: number): void;
  onCancel(): void;
  onError(code: number, data: Uint8Array): void;
  /** This side gives it up: it is cancelled. */
  giveUp(message: string): void;
  /** The connection is over. */
  onLost(error: ConnectionError): void;
}

/** What a session is made of. */
export interface LiteSessionInit {
  readonly link: LiteLink;
  readonly scheduler: Scheduler;
  readonly limits: LiteLimits;
  /** The frame that says the rest of it to the server. */
  readonly setup: Uint8Array;
  readonly keepaliveIntervalMs: number;
  readonly maxLifetimeMs: number;
  readonly fragmentBytes: number;
  readonly discardUnknownFields: boolean;
  readonly followsWins: boolean;
}

/** What a peer's frames of an ended stream may still be, beside those it has credit for. */
const LATE_FRAMES = 8;
const NO_SERVICES = "can not find service: this client serves none";
/** In KEEPALIVE, the last received position: of nobody who resumes. */
const POSITION = [0, 0, 0, 0, 0, 0, 0, 0];

//   opening ──any frame but ERROR on stream 0──▶ open ──close, CONNECTION_CLOSE──▶ draining ──no stream left──▶ closed
//   every state ──broken rule, limit, lost link, CONNECTION_ERROR──▶ closed
type State = "opening" | "open" | "draining" | "closed";

/** The connection. Frames queued in one callback leave as one write. */
export class LiteSession implements LinkHandler {
  readonly scheduler: Scheduler;
  readonly limits: LiteLimits;
  readonly fragmentBytes: number;
  readonly discardUnknownFields: boolean;
  readonly followsWins: boolean;
  readonly turns: TurnBudget;
  readonly peer: Peer = new Peer();
  /** Resolves when the server has accepted. */
  readonly accepted: Promise<void>;
  readonly closed: Promise<CloseReason>;
  readonly maxFrameBytes: number;
  /** Bytes of messages that wait for their consumers, over all streams. */
  unconsumedBytes = 0;
  /** Bytes of unfinished messages, over all streams. */
  reassemblyBytes = 0;
  readonly #link: LiteLink;
  readonly #keepalive: Keepalive;
  readonly #controls: Budget;
  readonly #requestNs: Budget;
  readonly #meaningless: Budget;
  readonly #streams = new Map<number, LiteStream>();
  // Opened since the last write.
  #unsent: LiteStream[] = [];
  readonly #waiting = new Set<() => void>();
  // They have no id yet: their sources have given no message.
  readonly #unopened = new Set<LiteStream>();
  #nextId = 1;
  // Frames of ended streams that cost nothing: the rest of a message that was under way, and all others.
  #lateFragments = 0;
  #lateFrames = 0;
  #state: State = "opening";
  #accept: () => void = () => {};
  #tellClosed: (reason: CloseReason) => void = () => {};
  #reason: ConnectionError | undefined;
  #frames: Uint8Array[] = [];
  #queuedBytes = 0;
  // Of those, what answers frames of the peer.
  #peerCausedBytes = 0;
  #flushIsDue = false;
  #blockedSinceMs: number | undefined;
  #timer: Timer | undefined;
  #graceTimer: Timer | undefined;

  constructor(init: LiteSessionInit) {
    const { link, scheduler, limits } = init;
    this.#link = link;
    this.scheduler = scheduler;
    this.limits = limits;
    this.fragmentBytes = init.fragmentBytes;
    this.discardUnknownFields = init.discardUnknownFields;
    this.followsWins = init.followsWins;
    this.turns = turnBudgetOf(scheduler);
    this.maxFrameBytes = limits.maxMessageBytes + limits.maxMetadataBytes + 64; // header, lengths, initial n
    this.#keepalive = new Keepalive(init.keepaliveIntervalMs, init.maxLifetimeMs, scheduler.now());
    this.#controls = new Budget(limits.controlBurst, limits.controlsPerSecond);
    this.#requestNs = new Budget(limits.requestNBurst, limits.requestNsPerSecond);
    this.#meaningless = new Budget(limits.meaninglessBurst, limits.meaninglessPerSecond);
    this.closed = new Promise((resolve) => {
      this.#tellClosed = resolve;
    });
    this.accepted = new Promise((resolve) => {
      this.#accept = resolve;
    });
    link.setHandler(this);
    // SETUP goes alone, and a KEEPALIVE behind it: its answer proves that SETUP was accepted.
    this.#write([init.setup]);
    this.#sendKeepalive();
    this.#armTimer();
  }

  /** New streams may be opened. */
  get isOpen(): boolean {
    return this.#state === "opening" || this.#state === "open";
  }

  /** Live streams. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Bytes that wait to be written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Why no stream can be opened any more. */
  get endError(): ConnectionError {
    return this.#reason ?? connectionError("connection is closed", "local");
  }

  /** Items and requests may be encoded; otherwise `whenRoom`. */
  get hasRoom(): boolean {
    return this.#blockedSinceMs === undefined && this.#queuedBytes < this.limits.producerPauseBytes;
  }

  /** Calls `task` when there is room, or the connection is over; false when too many wait. */
  whenRoom(task: () => void): boolean {
    if (this.#waiting.size >= this.limits.maxQueuedCalls) return false;
    this.#waiting.add(task);
    return true;
  }

  /** `task` waits no more. */
  withdraw(task: () => void): void {
    this.#waiting.delete(task);
  }

  /** `stream` hears when there is no connection any more to be opened on. */
  addUnopened(stream: LiteStream): void {
    this.#unopened.add(stream);
  }

  /** `stream` is open, or over. */
  forgetUnopened(stream: LiteStream): void {
    this.#unopened.delete(stream);
  }

  /**
   * The id of a new stream; its request must follow. One that isn't `answered` hears only that it was sent, or is lost.
   * @throws ConnectionError when the connection isn't open.
   */
  open(stream: LiteStream, isAnswered: boolean): number {
    if (!this.isOpen || this.#nextId > MAX_31_BIT) throw this.endError;
    const id = this.#nextId;
    this.#nextId += 2;
    if (isAnswered) this.#streams.set(id, stream);
    this.#unsent.push(stream);
    return id;
  }

  /** The stream is over; `credit` items more may be under way. */
  forget(id: number, credit: number): void {
    if (!this.#streams.delete(id)) return;
    this.#lateFrames += credit + LATE_FRAMES;
    if (credit > 0) this.#lateFragments += this.limits.maxFragments;
    this.#closeIfDrained();
  }

  /** Queues a frame; all of one callback's leave together. */
  send(frame: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#frames.push(frame);
    this.#queuedBytes += frame.length;
    this.#requestFlush();
  }

  /** An item was sent: one REQUEST_N more is no demand without delivery. */
  countItemSent(): void {
    this.#requestNs.earn(1);
  }

  /** Ends the connection: no new streams; those that live have `graceMs`, then they are cancelled. */
  close(graceMs: number): void {
    checkGrace(graceMs);
    this.#drain(new ConnectionError(ErrorCode.CONNECTION_CLOSE, "closed", "local"));
    if (this.#state === "closed") return;
    this.#graceTimer?.cancel();
    if (graceMs <= 0) return this.#giveUpAll();
    this.#graceTimer = this.scheduler.setTimer(graceMs, () => this.#giveUpAll());
  }

  /** Ends the connection now, as if the link was lost. */
  abort(message: string): void {
    this.#end(connectionError(message, "local"), true);
  }

  // ── what the link brings ────────────────────────────────────────────────────────────────────────────────────────

  onReadStart(): void {}

  onReadEnd(): void {
    this.#keepalive.received(this.scheduler.now());
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    this.#keepalive.received(this.scheduler.now());
    if (this.#state === "closed") return true;
    const streamId = readStreamId(bytes, start);
    const type = readFrameType(bytes, start);
    const flags = readFlags(bytes, start);
    const body = start + HEADER_BYTES;
    if (end - body < leastBodyBytes(type, streamId)) {
      this.malformed(`frame type ${type} is cut short`, (flags & Flag.IGNORE) !== 0);
    } else if (streamId === 0) this.#receive(type, flags, bytes, body, end);
    else this.#receiveOnStream(streamId, type, flags, bytes, body, end);
    return true;
  }

  onMalformed(message: string): void {
    this.malformed(message, false);
  }

  onDrain(): void {
    this.#blockedSinceMs = undefined;
    this.#flush();
    this.#wake();
  }

  onPeerEnd(): void {
    this.#end(connectionError("connection lost: the peer sends nothing more", "remote"), true);
  }

  onClose(error?: Error): void {
    const detail = error === undefined ? "" : `: ${error.message}`;
    this.#end(connectionError(`connection lost${detail}`, "remote", error), true);
  }

  /** A frame that can't be understood ends the connection, unless it may be ignored. */
  malformed(message: string, mayIgnore: boolean): void {
    if (mayIgnore) this.#countMeaningless();
    else this.#fail(message);
  }

  #receive(type: number, flags: number, bytes: Uint8Array, body: number, end: number): void {
    if (type === FrameType.ERROR) return this.#receiveError(readUint32(bytes, body), bytes.slice(body + 4, end));
    if (type === FrameType.KEEPALIVE) this.#receiveKeepalive(flags, bytes.subarray(body, end));
    else if (type === FrameType.METADATA_PUSH) this.#receivePush(bytes.slice(body, end));
    else this.#receiveUnexpected(type, flags);
    this.#confirm();
  }

  #receiveKeepalive(flags: number, body: Uint8Array): void {
    if (!this.#take(this.#controls, "KEEPALIVE or METADATA_PUSH frames")) return;
    if ((flags & Flag.RESPOND) === 0) return this.peer.settleUnknown();
    this.#answer(frameOf(0, FrameType.KEEPALIVE, 0, POSITION, body.subarray(8)));
  }

  #receivePush(metadata: Uint8Array): void {
    if (!this.#take(this.#controls, "KEEPALIVE or METADATA_PUSH frames")) return;
    if (metadata.length > this.limits.maxMetadataBytes) {
      return this.#fail(`METADATA_PUSH of ${metadata.length} bytes is above the limit`);
    }
    try {
      const { hello } = readEnvelope(metadata) ?? {};
      if (hello !== undefined) this.peer.receiveHello(hello.version);
    } catch {
      // Nothing could be answered, and nothing depends on it.
    }
  }

  #receiveError(code: number, data: Uint8Array): void {
    const error = new ConnectionError(code, `${errorCodeName(code)}: ${decodeUtf8(data)}`, "remote", { data });
    if (this.#state === "opening" || code === ErrorCode.CONNECTION_ERROR) return this.#end(error);
    if (code !== ErrorCode.CONNECTION_CLOSE) return this.#countMeaningless();
    this.#drain(error);
  }

  #receiveOnStream(streamId: number, type: number, flags: number, bytes: Uint8Array, body: number, end: number): void {
    this.peer.settleUnknown();
    this.#confirm();
    const stream = this.#streams.get(streamId);
    if (type >= FrameType.REQUEST_RESPONSE && type <= FrameType.REQUEST_CHANNEL) return this.#refuse(streamId, type);
    if (type < FrameType.REQUEST_N || type > FrameType.ERROR) return this.#receiveUnexpected(type, flags);
    if (type === FrameType.REQUEST_N && !this.#take(this.#requestNs, "REQUEST_N frames beyond the items sent")) return;
    if (stream === undefined) return this.#receiveLate(streamId, flags);
    if (type === FrameType.PAYLOAD) stream.onPayload(bytes, body, end, flags);
    else if (type === FrameType.REQUEST_N) stream.onRequestN(readUint31(bytes, body));
    else if (type === FrameType.CANCEL) stream.onCancel();
    else stream.onError(readUint32(bytes, body), bytes.slice(body + 4, end));
  }

  // Nothing is served here; a fire-and-forget request gets no frame back (FNF-01).
  #refuse(streamId: number, type: number): void {
    this.#countMeaningless();
    if (type === FrameType.REQUEST_FNF || (streamId & 1) === 1) return;
    this.#answer(errorFrame(streamId, ErrorCode.APPLICATION_ERROR, NO_SERVICES));
  }

  // Under way when its stream ended; of those that never were, or that are too many, not many are taken.
  #receiveLate(streamId: number, flags: number): void {
    const wasOpened = (streamId & 1) === 1 && streamId < this.#nextId;
    const isFragment = (flags & Flag.FOLLOWS) !== 0;
    if (wasOpened && isFragment && this.#lateFragments > 0) this.#lateFragments--;
    else if (wasOpened && !isFragment && this.#lateFrames > 0) this.#lateFrames--;
    else this.#countMeaningless();
  }

  #receiveUnexpected(type: number, flags: number): void {
    const isKnown = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;
    this.malformed(
      `frame type ${type} is not understood and has no ignore flag`,
      isKnown || (flags & Flag.IGNORE) !== 0,
    );
  }

  #confirm(): void {
    if (this.#state === "opening") this.#state = "open";
    this.#accept();
  }

  // ── what goes out ───────────────────────────────────────────────────────────────────────────────────────────────

  #answer(frame: Uint8Array): void {
    this.#peerCausedBytes += frame.length;
    if (this.#peerCausedBytes <= this.limits.maxPeerCausedBytes) return this.send(frame);
    const message = `more than ${this.limits.maxPeerCausedBytes} bytes of answers wait to be read`;
    this.#end(connectionError(message, "remote"), true);
  }

  #sendKeepalive(): void {
    const frame = frameOf(0, FrameType.KEEPALIVE, Flag.RESPOND, POSITION);
    this.#frames.unshift(frame); // ahead of all that waits
    this.#queuedBytes += frame.length;
    this.#requestFlush();
  }

  #requestFlush(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    this.scheduler.defer(() => {
      this.#flushIsDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#blockedSinceMs !== undefined || this.#frames.length === 0 || this.#state === "closed") return;
    const frames = this.#frames;
    const unsent = this.#unsent;
    const wasFull = !this.hasRoom;
    this.#frames = [];
    this.#unsent = [];
    this.#queuedBytes = this.#peerCausedBytes = 0;
    this.#write(frames);
    for (const stream of unsent) stream.onSent();
    if (wasFull && this.hasRoom) this.#wake();
    this.#closeIfDrained();
  }

  #write(chunks: Uint8Array[]): void {
    if (!this.#link.send({ chunks, byteLength: lengthOf(chunks) })) this.#blockedSinceMs = this.scheduler.now();
  }

  // In the order in which they came, while there is room; all of them when there will be none any more.
  #wake(): void {
    for (const task of this.#waiting) {
      if (this.isOpen && !this.hasRoom) return;
      this.#waiting.delete(task);
      task();
    }
    if (!this.isOpen) for (const stream of this.#unopened) stream.onLost(this.endError);
  }

  // ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #armTimer(): void {
    const nowMs = this.scheduler.now();
    const stallMs = (this.#blockedSinceMs ?? Number.POSITIVE_INFINITY) + this.limits.stallTimeoutMs;
    const nextMs = Math.min(this.#keepalive.nextTimeoutMs, stallMs, nowMs + this.limits.stallTimeoutMs);
    // A page that was asleep reads what has come meanwhile before it judges.
    const judge = (): void => this.#judge();
    this.#timer = this.scheduler.setTimer(Math.max(0, nextMs - nowMs), () => this.scheduler.yield(judge));
  }

  #judge(): void {
    if (this.#state === "closed") return;
    const nowMs = this.scheduler.now();
    const silenceMs = this.#keepalive.overdueMs(nowMs);
    const { stallTimeoutMs } = this.limits;
    if (silenceMs !== undefined) return this.#give(`nothing received for ${Math.round(silenceMs)} ms`);
    if (this.#blockedSinceMs !== undefined && nowMs - this.#blockedSinceMs >= stallTimeoutMs) {
      return this.#give(`the peer has read nothing for ${stallTimeoutMs} ms`);
    }
    if (this.#keepalive.takeSendDue(nowMs)) this.#sendKeepalive();
    this.#armTimer();
  }

  #give(message: string): void {
    this.#end(connectionError(message, "remote"), true);
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #countMeaningless(): void {
    this.#take(this.#meaningless, "frames that mean nothing");
  }

  #take(budget: Budget, what: string): boolean {
    if (budget.take(this.scheduler.now())) return true;
    this.#fail(`too many ${what} a second`);
    return false;
  }

  // The peer broke a rule: it hears why.
  #fail(message: string): void {
    this.#end(connectionError(message, "local"));
  }

  #drain(reason: ConnectionError): void {
    if (this.#state === "closed") return;
    this.#reason ??= reason;
    this.#state = "draining";
    this.#wake();
    this.#closeIfDrained();
  }

  #giveUpAll(): void {
    // What can be sent is: a fire-and-forget call is done with that.
    this.#flush();
    for (const stream of this.#live()) stream.giveUp("closed");
    this.#unsent = [];
    if (this.#state === "draining") this.#end();
  }

  #closeIfDrained(): void {
    if (this.#state === "draining" && this.#streams.size + this.#unsent.length === 0) this.#end();
  }

  #live(): Set<LiteStream> {
    return new Set([...this.#streams.values(), ...this.#unsent]);
  }

  // With a farewell, unless nobody would hear it. The first reason counts.
  #end(error: ConnectionError = this.endError, isLost = false): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#reason ??= error;
    const reason = this.#reason;
    this.#timer?.cancel();
    this.#graceTimer?.cancel();
    const frames = this.#frames;
    this.#frames = [];
    this.#queuedBytes = 0;
    if (!isLost && reason.initiator === "local" && this.#blockedSinceMs === undefined) {
      frames.push(errorFrame(0, reason.code, reason.message));
      this.#write(frames);
      for (const stream of this.#unsent) stream.onSent();
    }
    for (const stream of this.#live()) stream.onLost(reason);
    this.#wake();
    this.peer.settleUnknown();
    if (isLost) this.#link.abort();
    else this.#link.close();
    const { code, initiator, message } = reason;
    const isOrderly = code === ErrorCode.CONNECTION_CLOSE;
    this.#tellClosed({ initiator, code, reason: message, error: isOrderly ? undefined : reason });
  }
}

/** An error of the connection as such: its code is CONNECTION_ERROR. */
export function connectionError(message: string, initiator: Initiator, cause?: unknown): ConnectionError {
  return new ConnectionError(ErrorCode.CONNECTION_ERROR, message, initiator, cause === undefined ? {} : { cause });
}

function leastBodyBytes(type: number, streamId: number): number {
  if (type === FrameType.KEEPALIVE) return streamId === 0 ? 8 : 0;
  return type === FrameType.ERROR || type === FrameType.REQUEST_N ? 4 : 0;
}
