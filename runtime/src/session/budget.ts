// SPDX-License-Identifier: Apache-2.0
// A token bucket over an injected clock: how often a peer may do something that costs us.

/** Allows `burst` at once and `perSecond` after that. */
export class Budget {
  readonly #burst: number;
  #perMs: number;
  #tokens: number;
  #refilledAt: number | undefined;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1_000;
    this.#tokens = perSecond === Number.POSITIVE_INFINITY ? perSecond : burst;
  }

  /** Takes one; false when none is left. `nowMs` must not go backwards. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Refills with at least `perSecond` from now on. */
  allow(perSecond: number): void {
    this.#perMs = Math.max(this.#perMs, perSecond / 1_000);
  }

  /** None is left. */
  isEmpty(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens < 1;
  }

  /** Gives `count` more than time alone would. */
  earn(count: number): void {
    this.#tokens += count;
  }

  #refill(nowMs: number): void {
    const elapsedMs = nowMs - (this.#refilledAt ?? nowMs);
    this.#refilledAt = nowMs;
    // What was earned may lie above the burst; time alone never leads there.
    if (this.#tokens < this.#burst) this.#tokens = Math.min(this.#burst, this.#tokens + elapsedMs * this.#perMs);
  }
}
