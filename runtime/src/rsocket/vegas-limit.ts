// SPDX-License-Identifier: Apache-2.0
// How many requests at once a service bears, found by their latency: TCP Vegas, with requests in place of packets.

/** Where the limit begins and how far it may go. */
export interface VegasLimitOptions {
  readonly initialLimit: number;
  readonly minLimit: number;
  readonly maxLimit: number;
  /** How often `endWindow` is called. */
  readonly windowMs: number;
  /** Between two looks at the latency under little load. */
  readonly probeIntervalMs: number;
}

/** A window with fewer answers says little: it is joined with the next. */
const MIN_SAMPLES = 5;
/** Latency is measured under little load while the limit is this part of what it was. */
const PROBE_PART = 0.25;

//   doubling ──a queue shows──▶ steady ──probeIntervalMs──▶ draining ──the queue is gone──▶ probing ──a window──▶ steady
type Phase = "doubling" | "steady" | "draining" | "probing";

/**
 * The limit of TCP Vegas (Brakmo, O'Malley and Peterson, "TCP Vegas: New techniques for congestion detection and
 * avoidance", 1994): of `limit` requests at once, `limit × (1 - base / latency)` are waiting in a queue, where `base` is
 * the latency without one. Fewer than alpha of them: the limit grows; more than beta: it shrinks. At first it doubles until
 * a queue shows. As the base may have changed, it is measured anew from time to time, with a quarter of the limit.
 */
export class VegasLimit {
  readonly #options: VegasLimitOptions;
  #phase: Phase = "doubling";
  #limit: number;
  #baseMs = Number.POSITIVE_INFINITY;
  #sumMs = 0;
  #samples = 0;
  #peak = 0;
  #windowsLeft: number;

  constructor(options: VegasLimitOptions) {
    this.#options = options;
    this.#limit = options.initialLimit;
    this.#windowsLeft = this.#probeWindows;
  }

  get #probeWindows(): number {
    return Math.ceil(this.#options.probeIntervalMs / this.#options.windowMs);
  }

  /** Requests at once, a whole number. */
  get limit(): number {
    const part = this.#phase === "draining" || this.#phase === "probing" ? PROBE_PART : 1;
    return Math.max(this.#options.minLimit, Math.floor(this.#limit * part));
  }

  /** The latency of a request under little load, as far as known. */
  get baseMs(): number {
    return this.#baseMs;
  }

  /** A request was answered; `runningCount` ran when it ended, itself among them. */
  addSample(durationMs: number, runningCount: number): void {
    this.#sumMs += durationMs;
    this.#samples++;
    this.#peak = Math.max(this.#peak, runningCount);
  }

  /** A window of time is over. */
  endWindow(): void {
    if (this.#phase === "draining" && --this.#windowsLeft <= 0) {
      this.#phase = "probing";
      this.#forgetSamples();
    }
    if (this.#samples < MIN_SAMPLES) return;
    const latencyMs = this.#sumMs / this.#samples;
    const peak = this.#peak;
    this.#forgetSamples();
    if (this.#phase === "draining") return;
    if (this.#phase === "probing") {
      this.#baseMs = latencyMs;
      this.#phase = "steady";
      this.#windowsLeft = this.#probeWindows;
      return;
    }
    this.#baseMs = Math.min(this.#baseMs, latencyMs);
    this.#adapt(latencyMs, peak);
    if (--this.#windowsLeft > 0) return;
    this.#phase = "draining";
    // What was asked before has waited in the queue, and tells nothing of the service without one.
    this.#windowsLeft = Math.ceil(latencyMs / this.#options.windowMs) + 1;
  }

  #forgetSamples(): void {
    this.#sumMs = 0;
    this.#samples = 0;
    this.#peak = 0;
  }

  #adapt(latencyMs: number, peak: number): void {
    const limit = this.#limit;
    const queued = latencyMs === 0 ? 0 : limit * (1 - this.#baseMs / latencyMs);
    const step = Math.max(1, Math.log10(limit));
    // As many in the queue as keep the service busy, and no more: 3 and 6 times the magnitude of the limit.
    const alpha = 3 * step;
    const beta = 6 * step;
    if (queued > alpha && this.#phase === "doubling") this.#phase = "steady";
    // Who doesn't use half of the limit learns nothing about more.
    if (queued < alpha && peak >= limit / 2) this.#limit = this.#phase === "doubling" ? limit * 2 : limit + step;
    // The further from the goal the faster: a service that has become slow isn't kept waiting.
    else if (queued > beta) this.#limit = limit - Math.max(step, (queued - beta) / 2);
    this.#limit = Math.min(this.#options.maxLimit, Math.max(this.#options.minLimit, this.#limit));
  }
}
