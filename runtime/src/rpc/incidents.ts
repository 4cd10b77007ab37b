// SPDX-License-Identifier: Apache-2.0
// Refusals, limits and closes: counted always, told to an observer at a bounded rate.

import type { LinkRefusal } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { ErrorCode, type Initiator } from "../rsocket/errors.js";
import { type PeerInfo, peerOf } from "./connection.js";
import type { Observer } from "./observer.js";

/**
 * `handshake_refused`: a connection ended before RSocket began, at TLS or at the request for a WebSocket: it showed a wrong
 * certificate, was too slow, was one too many, came from a page of another site, or the two couldn't agree.
 * `connection_refused`: a SETUP or RESUME was turned down, for a limit, by `accept`, or because it was unsound.
 * `connection_closed`: a connection ended, in order or not. `request_refused`: a request, or an item of a stream, was turned
 * down, for a limit or because it was unsound; the connection lives on.
 */
export type IncidentKind = "handshake_refused" | "connection_refused" | "connection_closed" | "request_refused";

/** Something that a peer was refused, or the end of a connection. */
export interface Incident {
  /** What happened. */
  readonly kind: IncidentKind;
  /**
   * The RSocket error code (RSocket 1.0 §Error Codes). Of a handshake, the one that its SETUP would have got: REJECTED_SETUP
   * where there were too many, INVALID_SETUP otherwise.
   */
  readonly code: number;
  /**
   * In words, for a log; the peer may have heard less. What a peer has said may be part of it: it is one line of at most
   * 1,024 characters, with spaces in the place of control characters.
   */
  readonly reason: string;
  /** Whose doing it was: `local` is this side. */
  readonly initiator: Initiator;
  /** The other end. */
  readonly peer: PeerInfo;
  /** How many of this kind and code there were since the last that was told, this one included. */
  readonly count: number;
}

/** Incidents since the server began. */
export interface IncidentTotals {
  readonly handshakesRefused: number;
  readonly connectionsRefused: number;
  readonly connectionsClosed: number;
  readonly requestsRefused: number;
}

/** Of one kind and code so many are told per interval; the others are counted, and told with the next. */
const TOLD_PER_INTERVAL = 10;
const INTERVAL_MS = 1_000;

/** As much as an error's text to a peer. */
const MAX_REASON_LENGTH = 1_024;
/** They would begin lines of a log, colour or turn around what follows. */
const UNPRINTABLE = /[\p{C}\u2028\u2029]/gu;

interface Rate {
  sinceMs: number;
  told: number;
  untold: number;
}

/** Counts incidents of one server, or of one client's connection, and tells them. */
export class Incidents {
  readonly #observer: Observer;
  readonly #scheduler: Scheduler;
  #rates: Map<string, Rate> | undefined;
  readonly #totals: Record<IncidentKind, number> = {
    handshake_refused: 0,
    connection_refused: 0,
    connection_closed: 0,
    request_refused: 0,
  };

  constructor(observer: Observer, scheduler: Scheduler) {
    this.#observer = observer;
    this.#scheduler = scheduler;
  }

  get totals(): IncidentTotals {
    const { handshake_refused, connection_refused, connection_closed, request_refused } = this.#totals;
    return {
      handshakesRefused: handshake_refused,
      connectionsRefused: connection_refused,
      connectionsClosed: connection_closed,
      requestsRefused: request_refused,
    };
  }

  /** A connection ended before it was a link. */
  linkRefused({ reason, isForWantOfRoom, info }: LinkRefusal): void {
    const code = isForWantOfRoom ? ErrorCode.REJECTED_SETUP : ErrorCode.INVALID_SETUP;
    this.tell("handshake_refused", code, reason, "local", () => peerOf(info));
  }

  /** A connection ended. Who was never let in was refused. */
  closed(code: number, reason: string, initiator: Initiator, peer: () => PeerInfo): void {
    const isRefusal = initiator === "local" && code >= ErrorCode.INVALID_SETUP && code <= ErrorCode.REJECTED_RESUME;
    this.tell(isRefusal ? "connection_refused" : "connection_closed", code, reason, initiator, peer);
  }

  /** Counts, and tells unless there were too many of late. `peer` is asked only then. */
  tell(kind: IncidentKind, code: number, reason: string, initiator: Initiator, peer: () => PeerInfo): void {
    this.#totals[kind]++;
    if (this.#observer.onIncident === undefined) return;
    const rate = this.#rateOf(kind, code);
    rate.untold++;
    if (rate.told >= TOLD_PER_INTERVAL) return;
    rate.told++;
    const count = rate.untold;
    rate.untold = 0;
    this.#observer.onIncident({
      kind,
      code,
      reason: reason.slice(0, MAX_REASON_LENGTH).replace(UNPRINTABLE, " "),
      initiator,
      peer: peer(),
      count,
    });
  }

  // Codes of peers are any 32 bits: those that applications make up share one rate, so that there are few.
  #rateOf(kind: IncidentKind, code: number): Rate {
    const key = `${kind} ${code <= ErrorCode.INVALID ? code : "other"}`;
    const nowMs = this.#scheduler.now();
    this.#rates ??= new Map();
    let rate = this.#rates.get(key);
    if (rate === undefined) {
      rate = { sinceMs: nowMs, told: 0, untold: 0 };
      this.#rates.set(key, rate);
    } else if (nowMs - rate.sinceMs >= INTERVAL_MS) {
      rate.sinceMs = nowMs;
      rate.told = 0;
    }
    return rate;
  }
}
