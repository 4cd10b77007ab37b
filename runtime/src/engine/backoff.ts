// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next attempt to connect: longer each time, and never the same for two clients.

import { checkOptions, type Kinds } from "../bytes/options.js";

/** The waits between attempts to connect. */
export interface BackoffOptions {
  /** Before the second attempt, and after a connection was lost. 1,000. */
  readonly initialMs: number;
  /** Each wait is so many times the one before. 1.6. */
  readonly factor: number;
  /** Each wait is spread by this part of it to both sides, so that clients of one server don't come at once. 0.2. */
  readonly jitter: number;
  /** No wait is longer, jitter included. 120,000. */
  readonly maxMs: number;
}

const BACKOFF: Kinds = { initialMs: "number", factor: "number", jitter: "number", maxMs: "number" };

/** Fills in what was left out and checks the rest. @throws RangeError naming the option, its value and its range. */
export function resolveBackoff(init: Partial<BackoffOptions> = {}): BackoffOptions {
  checkOptions(init, BACKOFF, "backoff.");
  const { initialMs = 1_000, factor = 1.6, jitter = 0.2, maxMs = 120_000 } = init;
  check("initialMs", initialMs, 1, 0x7fffffff);
  check("factor", factor, 1, 100);
  check("jitter", jitter, 0, 1);
  check("maxMs", maxMs, 1, 0x7fffffff);
  return { initialMs, factor, jitter, maxMs };
}

/** The waits of one client. */
export class Backoff {
  readonly options: BackoffOptions;
  readonly #random: () => number;
  #attempts = 0;

  /** `random` gives numbers from 0 up to 1. */
  constructor(options: BackoffOptions, random: () => number) {
    this.options = options;
    this.#random = random;
  }

  /** The next wait. */
  next(): number {
    const { initialMs, factor, jitter, maxMs } = this.options;
    // The ceiling leaves room for the jitter: cut off at `maxMs`, half of all clients would come at that very moment.
    const ceilingMs = maxMs / (1 + jitter);
    const baseMs = Math.min(initialMs * factor ** this.#attempts, ceilingMs);
    if (baseMs < ceilingMs) this.#attempts++;
    return this.spread(baseMs);
  }

  /** `baseMs`, spread by the jitter. */
  spread(baseMs: number): number {
    return baseMs * (1 + this.options.jitter * (2 * this.#random() - 1));
  }

  /** A connection was confirmed: the next wait is the first one again. */
  reset(): void {
    this.#attempts = 0;
  }
}

function check(name: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new RangeError(`backoff.${name} is ${value}, expected ${least} … ${most}`);
}
