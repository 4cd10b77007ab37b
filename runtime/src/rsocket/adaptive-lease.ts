// SPDX-License-Identifier: Apache-2.0
// A strategy for leases: as many requests at once as the service bears, shared by its connections
// (RSocket 1.0 §Lease Semantics).

import { checkOptions, type Kinds } from "../bytes/options.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import { Interaction } from "../session/stream-state.js";
import type { FinishedRequest, LeasedConnection, LeaseGranter, LeaseStrategy } from "./lease.js";
import { VegasLimit } from "./vegas-limit.js";

/** Options of `adaptiveLease`; all may be left out. */
export interface AdaptiveLeaseOptions {
  /** Requests at once, over all connections, to begin with. 20, or as near as the two below let it. */
  readonly initialLimit?: number;
  /** Never less. 1 … */
  readonly minLimit?: number;
  /** Never more. 1,000. */
  readonly maxLimit?: number;
  /** So often the limit is looked at. 100 ms: some answers of most services. */
  readonly windowMs?: number;
  /** So often the latency under little load is measured, at the price of a few windows with a quarter of the limit. 10 s. */
  readonly probeIntervalMs?: number;
  /** How long a lease may be used. 5 s: so long a peer may hold what it got under a higher limit. */
  readonly ttlMs?: number;
}

/** The strategy, with what it has found out. */
export interface AdaptiveLease extends LeaseStrategy {
  /** Requests at once that all connections together may have running or granted. */
  readonly limit: number;
  /** Those that run. */
  readonly runningCount: number;
}

/**
 * Limits concurrency by measured latency, with the algorithm of TCP Vegas (Brakmo, O'Malley and Peterson 1994) applied to
 * requests: the limit grows while answers come about as fast as under little load, and shrinks when they are slower, since
 * then some requests only wait. Connections that ask share the limit in equal parts; idle ones hold at least one request.
 * Latencies of unary calls count, over all methods together: mix calls of a millisecond and of a minute on one server, and
 * the limit follows the mixture.
 *
 * Requests that cross a LEASE are taken when they come within a window; over links with a longer round trip some are
 * refused, and may be repeated.
 *
 * One strategy belongs to one server, whose connections it knows.
 * @throws RangeError for a number out of its range.
 * @example
 * const server = await serve(url, { services, lease: adaptiveLease({ maxLimit: 200 }) });
 */
export function adaptiveLease(options: AdaptiveLeaseOptions = {}): AdaptiveLease {
  checkOptions(options, KNOWN);
  return new AdaptiveStrategy(resolve(options));
}

const KNOWN: Kinds = {
  initialLimit: "number",
  minLimit: "number",
  maxLimit: "number",
  windowMs: "number",
  probeIntervalMs: "number",
  ttlMs: "number",
};

function resolve(options: AdaptiveLeaseOptions): Required<AdaptiveLeaseOptions> {
  const { minLimit = 1, maxLimit = 1_000 } = options;
  const resolved = {
    minLimit,
    maxLimit,
    // Who gives bounds alone needn't know where it begins.
    initialLimit: options.initialLimit ?? Math.max(minLimit, Math.min(20, maxLimit)),
    windowMs: options.windowMs ?? 100,
    probeIntervalMs: options.probeIntervalMs ?? 10_000,
    ttlMs: options.ttlMs ?? 5_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (!(Number.isInteger(value) && value >= 1 && value <= MAX_31_BIT)) {
      throw new RangeError(`${name} is ${value}, expected a whole number 1 … 2^31-1`);
    }
  }
  const { initialLimit, windowMs, ttlMs } = resolved;
  if (minLimit > maxLimit) throw new RangeError(`minLimit is ${minLimit}, expected 1 … maxLimit ${maxLimit}`);
  if (!(minLimit <= initialLimit && initialLimit <= maxLimit)) {
    throw new RangeError(`initialLimit is ${initialLimit}, expected minLimit ${minLimit} … maxLimit ${maxLimit}`);
  }
  // It is renewed two windows before its end.
  if (ttlMs < 4 * windowMs) throw new RangeError(`ttlMs is ${ttlMs}, expected at least four windows of ${windowMs} ms`);
  return resolved;
}

class AdaptiveStrategy implements AdaptiveLease {
  readonly options: Required<AdaptiveLeaseOptions>;
  readonly #vegas: VegasLimit;
  readonly #granters = new Set<AdaptiveGranter>();
  #activeCount = 0;
  #runningCount = 0;
  #timer: Timer | undefined;

  constructor(options: Required<AdaptiveLeaseOptions>) {
    this.options = options;
    this.#vegas = new VegasLimit(options);
  }

  get limit(): number {
    return this.#vegas.limit;
  }

  get runningCount(): number {
    return this.#runningCount;
  }

  attach(connection: LeasedConnection): LeaseGranter {
    return new AdaptiveGranter(this, connection);
  }

  add(granter: AdaptiveGranter): void {
    this.#granters.add(granter);
    if (this.#timer === undefined) this.#wait(granter.connection.scheduler);
  }

  remove(granter: AdaptiveGranter): void {
    if (!this.#granters.delete(granter)) return;
    if (granter.isActive) this.#activeCount--;
    this.#runningCount -= granter.runningCount;
    if (this.#granters.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Requests at once that are due to one connection. */
  shareOf({ isActive }: AdaptiveGranter): number {
    const sharers = isActive ? this.#activeCount : this.#granters.size;
    return Math.max(1, Math.floor(this.limit / Math.max(1, sharers)));
  }

  activate(granter: AdaptiveGranter, isActive: boolean): void {
    if (granter.isActive === isActive) return;
    granter.isActive = isActive;
    this.#activeCount += isActive ? 1 : -1;
  }

  countRunning(by: number): void {
    this.#runningCount += by;
  }

  addSample(durationMs: number): void {
    // The one that ended isn't among them any more.
    this.#vegas.addSample(durationMs, this.#runningCount + 1);
  }

  #wait(scheduler: Scheduler): void {
    this.#timer = scheduler.setTimer(this.options.windowMs, () => {
      this.#wait(scheduler);
      this.#vegas.endWindow();
      for (const granter of this.#granters) granter.endWindow();
      for (const granter of this.#granters) granter.renew();
    });
  }
}

class AdaptiveGranter implements LeaseGranter {
  readonly connection: LeasedConnection;
  /** It asks: something runs, or was asked in the last window. */
  isActive = false;
  runningCount = 0;
  readonly #strategy: AdaptiveStrategy;
  #hasAsked = false;
  // Requests that the peer holds or has under way, as far as is known; what is taken of it may be more.
  #expectedCount = 0;
  // What it was told last, less what came since.
  #toldCount = 0;
  #toldAtMs = 0;

  constructor(strategy: AdaptiveStrategy, connection: LeasedConnection) {
    this.#strategy = strategy;
    this.connection = connection;
  }

  start(): void {
    this.#strategy.add(this);
    this.renew();
  }

  stop(): void {
    this.#strategy.remove(this);
  }

  onRequest(): void {
    this.#hasAsked = true;
    if (this.#expectedCount > 0) this.#expectedCount--;
    if (this.#toldCount > 0) this.#toldCount--;
    this.#count(1);
    this.#strategy.activate(this, true);
    this.renew();
  }

  onRequestEnd({ interaction, durationMs, ending }: FinishedRequest): void {
    this.#count(-1);
    // An error may be quick, a stream as long as somebody listens: neither tells how busy the service is.
    if (interaction === Interaction.REQUEST_RESPONSE && ending === "completed") this.#strategy.addSample(durationMs);
    this.renew();
  }

  #count(by: number): void {
    this.runningCount += by;
    this.#strategy.countRunning(by);
  }

  endWindow(): void {
    this.#strategy.activate(this, this.#hasAsked || this.runningCount > 0);
    this.#hasAsked = false;
  }

  /** Grants what there is room for, once half of the share is used up or the lease is about to expire. */
  renew(): void {
    const { connection } = this;
    const { windowMs, ttlMs } = this.#strategy.options;
    const share = this.#strategy.shareOf(this);
    const room = share - this.runningCount;
    const nowMs = connection.scheduler.now();
    // What crossed the last LEASE has come by now. The peer lost the rest with the one before, and waits for another.
    if (nowMs - this.#toldAtMs >= windowMs) this.#expectedCount = Math.min(this.#expectedCount, this.#toldCount);
    const left = Math.min(this.#expectedCount, connection.allowance);
    const isExpiring = connection.untilMs - nowMs <= 2 * windowMs;
    if (room <= 0 || (!isExpiring && left > room / 2)) return;
    // What is left may be under way, and counts as used. An idle peer has nothing under way.
    const requestCount = this.isActive ? room - Math.min(left, room) : room;
    // Not a LEASE for each request that ends: an eighth of the share at a time, which what still runs will make room for.
    const least = isExpiring ? 1 : Math.ceil(share / 8);
    if (requestCount < least) return;
    this.#expectedCount = room;
    this.#toldCount = requestCount;
    this.#toldAtMs = nowMs;
    // Whatever is under way after all is honoured: a share at most.
    connection.grant({ requestCount, ttlMs, carriedCount: share });
  }
}
