// SPDX-License-Identifier: Apache-2.0
// Leases as users name them: what an application grants, on what grounds, and what it hears (RSocket 1.0 §Lease Semantics).

import type { Scheduler } from "../engine/scheduler.js";
import type { Lease, RequestEnding } from "../session/lease.js";
import type { Interaction } from "../session/stream-state.js";

export type { Lease, RequestEnding } from "../session/lease.js";

/** What a strategy decides: so many requests within so much time, and what of the lease before still counts. */
export interface LeaseGrant extends Lease {
  /**
   * A LEASE replaces the one before, so requests that cross it count against the new one and may exceed it. So many more
   * are taken for their sake, at most as many as were left. 0 unless given: what exceeds the new lease is refused. The peer
   * doesn't hear of them: `allowance` may then be more than it has, and isn't used up when its lease is.
   */
  readonly carriedCount?: number;
}

/** A connection to whose peer a strategy grants requests. */
export interface LeasedConnection {
  readonly scheduler: Scheduler;
  /** Where the peer is, e.g. `127.0.0.1:52114`. */
  readonly remoteAddress: string;
  /** Requests that the peer may still make. Such as were lost with a link and come again are taken beyond. */
  readonly allowance: number;
  /** When they expire, by the scheduler's clock. */
  readonly untilMs: number;
  /** Requests of the peer that are being handled. */
  readonly runningCount: number;
  /** Sends a LEASE. @throws RangeError for a count or ttl, `carriedCount` too, that isn't a whole number 0 … 2^31-1. */
  grant(grant: LeaseGrant): void;
}

/** A request that is over. */
export interface FinishedRequest {
  readonly interaction: Interaction;
  /** From the whole request to the last frame of its answer. */
  readonly durationMs: number;
  readonly ending: RequestEnding;
}

/** Decides for one connection. Nothing that it throws reaches the peer. */
export interface LeaseGranter {
  /**
   * The peer is there and has no lease: grant one, now or later; its requests wait, or are refused, until then. Called once
   * the connection is accepted, and again each time it goes on over another link, since leases don't survive that.
   */
  start(): void;
  /** The connection is over: cancel timers. */
  stop(): void;
  /** A request was taken, and is handled now. */
  onRequest?(): void;
  /** It is over. For fire-and-forget requests, whose end nobody sees, at once and with duration 0. */
  onRequestEnd?(request: FinishedRequest): void;
  /** The peer asked without a lease and was refused; nothing answers fire-and-forget. */
  onRefused?(isFireAndForget: boolean): void;
}

/**
 * Decides how many requests peers may make. One strategy may serve all connections of a server, and know of them all.
 *
 * @example
 * // Ten requests at a time, and the next ten when those have been used.
 * const tens: LeaseStrategy = {
 *   attach: (connection) => {
 *     const grant = () => connection.grant({ requestCount: 10, ttlMs: 60_000 });
 *     return { start: grant, stop() {}, onRequest: () => connection.allowance === 0 && grant() };
 *   },
 * };
 */
export interface LeaseStrategy {
  /** A peer agreed on leases. */
  attach(connection: LeasedConnection): LeaseGranter;
}

/** What both sides may say about leases that they get. */
export interface LeaseWaiting {
  /**
   * What becomes of requests for which there is no lease. True: they wait for one, in order, at most 1,000
   * (`maxCallsWithoutLease`), within their deadlines. False: they fail at once, `unavailable` and `retryable`. A call's own
   * `waitForReady` comes first. True.
   */
  readonly waitForLease?: boolean;
  /** A LEASE came. */
  readonly onLease?: (lease: Lease) => void;
}

/** Leases on a client's connection. */
export interface ClientLeaseOptions extends LeaseWaiting {
  /**
   * What the server may ask of this client. Without bound unless given. False: no LEASE is sent, for servers that have no
   * ear for it; such as honour leases make no requests then.
   */
  readonly strategy?: LeaseStrategy | false;
}

/** Leases on a server's connections. */
export interface ServerLeaseOptions extends LeaseWaiting {
  /** What clients may ask that honour leases. */
  readonly strategy: LeaseStrategy;
  /** True: clients that don't are refused with REJECTED_SETUP. By default they are served without a limit. */
  readonly required?: boolean;
}

/** What limits requests on a connection, at this moment. */
export interface LeaseStatus {
  /** Requests that may still be made. */
  readonly allowance: number;
  /** They expire in so long; 0 when nothing was granted or it has expired. */
  readonly expiresInMs: number;
}

/** The other direction: what this side granted. */
export interface GrantedLeaseStatus extends LeaseStatus {
  /** Requests that were refused because there was no lease for them. */
  readonly refusedCount: number;
}
