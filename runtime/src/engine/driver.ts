// SPDX-License-Identifier: Apache-2.0
// Joins one connection with one link: reads into it, writes out of it once per tick, keeps its one timer.

import { createBatch } from "../bytes/slab.js";
import { Connection, type ConnectionEvents, type ConnectionInit } from "../session/connection.js";
import type { ConnectionError } from "../session/errors.js";
import type { FrameLink, LinkHandler } from "./link.js";
import type { Scheduler, Timer } from "./scheduler.js";

/** The clock is looked at once in so many frames. */
const FRAMES_PER_LOOK = 8;
/** Handlers of one read may take so long together; then everybody else has a turn. */
const READ_TURN_MS = 5;
/** So much is written before the event loop has a turn: a link that takes everything at once would never let it read. */
const WRITE_TURN_BYTES = 1_048_576;
/** So much is at the other end at once, read or not: TCP's first window. More may still be here, in the system. */
const ARRIVED_BYTES = 16_384;

/** What a connection is told; it knows who drives the connection now, for that may have several links, one after the other. */
export interface DriverSeat extends ConnectionEvents {
  driver: Driver | undefined;
}

/** What a connection that begins with the driver is told. */
export type DriverInit = Omit<ConnectionInit, "events" | "nowMs">;

/** One connection at work on one link. */
export class Driver implements LinkHandler {
  readonly connection: Connection;
  readonly #seat: DriverSeat;
  readonly link: FrameLink;
  readonly #scheduler: Scheduler;
  readonly #batch = createBatch();
  #nowMs: number;
  #flushRequested = false;
  #linkBlocked = false;
  #linkPaused = false;
  // It stopped by itself, because onFrame told it to.
  #linkStopped = false;
  #frameCount = 0;
  #isGivingWay = false;
  // Written since the event loop had its last turn for it, and whether it is to have the next now.
  #turnBytes = 0;
  #writesLater = false;
  // What the link still had to send when it was looked at last.
  #unsentBytes = 0;
  // Written since the peer was last heard.
  #unheardBytes = 0;
  #linkClosed = false;
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  readonly #flush = (): void => this.#flushNow();

  constructor(link: FrameLink, scheduler: Scheduler, seat: DriverSeat, init: DriverInit | Connection) {
    this.link = link;
    this.#scheduler = scheduler;
    this.#nowMs = scheduler.now();
    this.#seat = seat;
    seat.driver = this;
    this.connection = init instanceof Connection ? init : this.#connect(init);
  }

  // Field by field: of an object that is spread each connection would get a shape of its own.
  #connect(init: DriverInit): Connection {
    return new Connection({
      settings: init.settings,
      events: this.#seat,
      pool: init.pool,
      nowMs: this.#nowMs,
      setup: init.setup,
      lease: init.lease,
      resumption: init.resumption,
      opening: init.opening,
      firstStreamId: init.firstStreamId,
      lastStreamId: init.lastStreamId,
    });
  }

  /** Begins to read, and for a client to write. */
  start(): void {
    this.link.setHandler(this);
    this.requestFlush();
  }

  /** Goes on with the connection of `predecessor`, whose link is gone, over another link. */
  static succeed(predecessor: Driver, link: FrameLink, scheduler: Scheduler): Driver {
    const driver = new Driver(link, scheduler, predecessor.#seat, predecessor.connection);
    driver.connection.linkOpened(driver.#nowMs);
    // Whatever the link was told before, it reads on at the first flush.
    driver.#linkStopped = true;
    return driver;
  }

  /** Tears the link down and has nothing to do with the connection any more. */
  retire(): void {
    if (this.#linkClosed) return;
    this.release().abort();
  }

  /** Server: the SETUP is accepted. What came behind it may be a thousand requests: they are handled in turns, too. */
  accept(): void {
    this.connection.accept(this.#untilTurnEnds());
    if (this.connection.isHolding) this.#releaseLater();
  }

  #releaseLater(): void {
    this.#giveWay(() => {
      this.connection.releaseHeld(this.#untilTurnEnds(), this.#scheduler.now());
      if (this.connection.isHolding) this.#releaseLater();
      else this.#balanceReading();
    });
    this.#balanceReading();
  }

  #untilTurnEnds(): () => boolean {
    const endsAtMs = this.#scheduler.now() + READ_TURN_MS;
    let count = 0;
    return () => ++count % FRAMES_PER_LOOK !== 0 || this.#scheduler.now() < endsAtMs;
  }

  /** Gives the link away. */
  release(): FrameLink {
    this.#linkClosed = true;
    this.#cancelTimer();
    return this.link;
  }

  /** Writes at the end of this tick. */
  requestFlush(): void {
    if (this.#flushRequested) return;
    this.#flushRequested = true;
    this.#scheduler.defer(this.#flush);
  }

  /** Tears everything down at once. */
  abort(error: ConnectionError): void {
    this.connection.abort(error);
    this.#flushNow();
    this.link.abort();
  }

  // ── LinkHandler ─────────────────────────────────────────────────────────────────────────────────────────────────

  get maxFrameBytes(): number {
    return this.connection.maxFrameBytes;
  }

  onReadStart(): void {
    this.#nowMs = this.#scheduler.now();
    this.#frameCount = 0;
    this.#unheardBytes = 0;
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#linkClosed) return false;
    this.connection.receiveFrame(bytes, start, end, this.#nowMs);
    return this.#goesOn();
  }

  onPieces(pieces: readonly Uint8Array[], areLent: boolean): boolean | undefined {
    if (this.#linkClosed) return false;
    return this.connection.receivePieces(pieces, areLent, this.#nowMs) ? this.#goesOn() : undefined;
  }

  #goesOn(): boolean {
    // What was read at once may be a thousand requests, and their handlers anything but quick.
    if (++this.#frameCount % FRAMES_PER_LOOK === 0 && this.#scheduler.now() - this.#nowMs > READ_TURN_MS)
      this.#giveWay();
    const goOn = this.connection.wantsRead && !this.#isGivingWay && !this.#linkClosed;
    // The link stops by itself then; onReadEnd looks again, and may find that it should go on.
    if (!goOn) this.#linkStopped = true;
    return goOn;
  }

  onReadEnd(partialBytes: number): void {
    if (this.#linkClosed) return;
    this.connection.receivePart(partialBytes, this.#nowMs);
    this.#balanceReading();
  }

  onMalformed(message: string): void {
    if (this.#linkClosed) return;
    this.connection.receiveMalformed(message, false);
  }

  onDrain(): void {
    if (this.#linkClosed) return;
    this.#linkBlocked = false;
    this.connection.linkDrained();
    this.requestFlush();
  }

  onPeerEnd(): void {
    if (this.#linkClosed) return;
    this.connection.peerEnded();
    this.requestFlush();
  }

  onClose(error?: Error): void {
    if (this.#linkClosed) return;
    this.#linkClosed = true;
    this.#cancelTimer();
    this.connection.linkLost(error);
  }

  // ── writing and time ────────────────────────────────────────────────────────────────────────────────────────────

  #flushNow(): void {
    this.#flushRequested = false;
    if (this.#linkClosed) return;
    this.connection.handleFlush(this.#scheduler.now());
    this.#transmit();
    if (this.connection.state === "draining") this.#noteHeld();
    this.connection.afterTransmit();
    if (this.#linkClosed) return;
    if (this.connection.state === "closed") return this.#finish();
    this.#balanceReading();
    this.#armTimer();
  }

  #transmit(): void {
    const batch = this.#batch;
    while (!this.#linkBlocked && !this.#writesLater && this.connection.pollTransmit(batch)) {
      this.#turnBytes += batch.byteLength;
      this.#unheardBytes += batch.byteLength;
      const goOn = this.link.send(batch);
      batch.chunks.length = 0;
      batch.byteLength = 0;
      if (this.#turnBytes >= WRITE_TURN_BYTES) this.#writeLater();
      if (goOn) continue;
      this.#linkBlocked = true;
      this.#unsentBytes = this.link.unsentBytes ?? 0;
      this.connection.linkBlocked(this.#scheduler.now());
    }
  }

  // Room makes calls go out, which make room: without a turn in between no answer would be read until all are written.
  #writeLater(): void {
    this.#writesLater = true;
    this.#scheduler.yield(() => {
      this.#writesLater = false;
      this.#turnBytes = 0;
      this.requestFlush();
    });
  }

  // The last frames are with the link (or it takes none, and the reason is lost with it).
  #finish(): void {
    if (this.#linkClosed) return;
    this.#linkClosed = true;
    this.#cancelTimer();
    // A farewell that the link has no room for goes out behind what it holds.
    const batch = this.#batch;
    while (!this.connection.mustAbort && this.connection.pollTransmit(batch)) {
      this.link.send(batch);
      batch.chunks.length = 0;
      batch.byteLength = 0;
    }
    if (this.connection.mustAbort) this.link.abort();
    else this.link.close();
  }

  // Reads on, or does something else, when the event loop has had a turn.
  #giveWay(goOn: () => void = () => this.#balanceReading()): void {
    this.#isGivingWay = true;
    this.#scheduler.yield(() => {
      this.#isGivingWay = false;
      if (!this.#linkClosed) goOn();
    });
  }

  #balanceReading(): void {
    const pause = (this.#isGivingWay || !this.connection.wantsRead) && this.connection.state !== "closed";
    if (pause === this.#linkPaused && !(this.#linkStopped && !pause)) return;
    this.#linkPaused = pause;
    if (pause) return this.link.pause();
    this.#linkStopped = false;
    this.connection.notReading(this.#scheduler.now());
    this.link.resume();
  }

  #armTimer(): void {
    const dueMs = this.connection.nextTimeoutMs;
    // A timer that fires too early looks again; only an earlier need re-arms it.
    if (dueMs === undefined || dueMs >= this.#timerDueMs) return;
    this.#cancelTimer();
    this.#timerDueMs = dueMs;
    this.#timer = this.#scheduler.setTimer(Math.max(0, dueMs - this.#scheduler.now()), () => this.#onTimer());
  }

  // After a pause of the process the backlog must be read before anybody is judged silent: hence the turn in between.
  #onTimer(): void {
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    this.#scheduler.yield(() => {
      if (this.#linkClosed) return;
      this.#noteProgress();
      this.#noteHeld();
      if (this.#isGivingWay) this.connection.notReading(this.#scheduler.now());
      this.connection.handleTimeout(this.#scheduler.now());
      this.#flushNow();
    });
  }

  // A slow reader is not a dead one: 'drain' comes only when all is gone.
  #noteProgress(): void {
    const { unsentBytes } = this.link;
    if (!this.#linkBlocked || unsentBytes === undefined) return;
    if (unsentBytes < this.#unsentBytes) this.connection.linkMoved(this.#scheduler.now());
    this.#unsentBytes = unsentBytes;
  }

  // Closed now, a socket of TCP would be reset by whatever the peer says next, and with it goes what it hasn't read.
  #noteHeld(): void {
    const heldBytes = this.link.unsentBytes ?? 0;
    if (heldBytes > 0 || this.#unheardBytes > ARRIVED_BYTES) this.connection.linkHolds(this.#scheduler.now());
  }

  #cancelTimer(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
  }
}
