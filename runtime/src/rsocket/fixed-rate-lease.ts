// SPDX-License-Identifier: Apache-2.0
// A strategy for leases: the same number of requests in each interval (RSocket 1.0 §Lease Semantics).

import { checkOptions } from "../bytes/options.js";
import type { Timer } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import type { LeasedConnection, LeaseGranter, LeaseStrategy } from "./lease.js";

/** Options of `fixedRateLease`. */
export interface FixedRateLeaseOptions {
  /** Of each connection, above 0; fractions are made up for by later intervals. */
  readonly requestsPerSecond: number;
  /** Between two leases. 1 s: a client that has used its lease up waits no longer. */
  readonly intervalMs?: number;
  /** How long a lease may be used, when no later one comes. Twice the interval: a late LEASE stops nobody. */
  readonly ttlMs?: number;
  /** Sent with each LEASE; opaque to the protocol. */
  readonly metadata?: Uint8Array;
}

/**
 * Grants each connection the same number of requests in each interval; what isn't used is lost. A peer that asked for
 * nothing meanwhile gets a new lease only when the old one is about to expire.
 *
 * A LEASE replaces the one before, so requests that cross a renewal count against the new lease; those above it are
 * refused, and may be repeated. On another link, where leases begin anew, the peer gets what was left of its lease once
 * again; if that link is lost, too, it waits for the next interval: whoever comes back often has twice the rate at most.
 * @throws RangeError for a number out of its range.
 * @example
 * const server = await serve(url, { services, lease: fixedRateLease({ requestsPerSecond: 100 }) });
 */
export function fixedRateLease(options: FixedRateLeaseOptions): LeaseStrategy {
  checkOptions(options, { requestsPerSecond: "number", intervalMs: "number", ttlMs: "number", metadata: "bytes" });
  const { requestsPerSecond, intervalMs = 1_000, ttlMs = 2 * intervalMs, metadata } = options;
  check("requestsPerSecond", requestsPerSecond, Number.MIN_VALUE, MAX_31_BIT);
  check("intervalMs", intervalMs, 1, MAX_31_BIT);
  check("ttlMs", ttlMs, 1, MAX_31_BIT);
  const rate = { perInterval: (requestsPerSecond * intervalMs) / 1_000, intervalMs, ttlMs, metadata };
  return { attach: (connection) => new FixedRateGranter(connection, rate) };
}

interface Rate {
  readonly perInterval: number;
  readonly intervalMs: number;
  readonly ttlMs: number;
  readonly metadata: Uint8Array | undefined;
}

class FixedRateGranter implements LeaseGranter {
  readonly #connection: LeasedConnection;
  readonly #rate: Rate;
  // What whole requests couldn't express so far.
  #fraction = 0;
  #granted = 0;
  #usedCount = 0;
  // What was left of it was granted again, on another link.
  #isRepeated = false;
  #timer: Timer | undefined;

  constructor(connection: LeasedConnection, rate: Rate) {
    this.#connection = connection;
    this.#rate = rate;
  }

  start(): void {
    if (this.#timer !== undefined) return this.#repeat();
    // Whoever gets less than one each interval has the first at once.
    this.#fraction = Math.max(0, 1 - this.#rate.perInterval);
    this.#grant();
    this.#wait();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  onRequest(): void {
    this.#usedCount++;
  }

  // The interval goes on.
  #repeat(): void {
    const requestCount = this.#granted - this.#usedCount;
    if (this.#isRepeated || requestCount <= 0) return;
    this.#isRepeated = true;
    const { ttlMs, metadata } = this.#rate;
    this.#connection.grant({ requestCount, ttlMs, metadata });
  }

  #wait(): void {
    const { scheduler } = this.#connection;
    this.#timer = scheduler.setTimer(this.#rate.intervalMs, () => {
      this.#wait();
      // An idle peer isn't woken as long as what it has outlasts the next interval.
      const isUnused = this.#connection.allowance === this.#granted;
      if (isUnused && this.#connection.untilMs - scheduler.now() >= this.#rate.intervalMs) return;
      this.#grant();
    });
  }

  #grant(): void {
    const { perInterval, ttlMs, metadata } = this.#rate;
    const due = this.#fraction + perInterval;
    const requestCount = Math.min(Math.floor(due), MAX_31_BIT);
    this.#fraction = due - Math.floor(due);
    if (requestCount === 0) return;
    this.#granted = requestCount;
    this.#usedCount = 0;
    this.#isRepeated = false;
    this.#connection.grant({ requestCount, ttlMs, metadata });
  }
}

function check(name: string, value: number, least: number, most: number): void {
  const isWhole = name === "requestsPerSecond" || Number.isInteger(value);
  if (isWhole && value >= least && value <= most) return;
  throw new RangeError(`${name} is ${value}, expected a number ${least < 1 ? "above 0" : `${least} … ${most}`}`);
}
