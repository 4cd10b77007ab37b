// SPDX-License-Identifier: Apache-2.0
// When to send the next KEEPALIVE and when the peer counts as dead (RSocket 1.0 §KEEPALIVE, KA-02, KA-07).

import { MAX_31_BIT } from "../frames/layout.js";

/** Due times only; frames are written by the connection. Any received byte is life. */
export class Keepalive {
  /** 0: never sends by itself. */
  readonly #intervalMs: number;
  /** Infinity: silence is never judged. */
  #lifetimeMs: number;
  #sendDueMs: number;
  #lastReceivedMs: number;

  constructor(intervalMs: number, lifetimeMs: number, nowMs: number) {
    this.#intervalMs = intervalMs === MAX_31_BIT ? 0 : intervalMs;
    this.#lifetimeMs = lifetimeMs === MAX_31_BIT ? Number.POSITIVE_INFINITY : lifetimeMs;
    this.#sendDueMs = this.#intervalMs === 0 ? Number.POSITIVE_INFINITY : nowMs + this.#intervalMs;
    this.#lastReceivedMs = nowMs;
  }

  /** Something was received. */
  received(nowMs: number): void {
    this.#lastReceivedMs = nowMs;
  }

  /** When that was last. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** From now on silence is judged, after so long at most. */
  judgeWithin(lifetimeMs: number): void {
    this.#lifetimeMs = Math.min(this.#lifetimeMs, lifetimeMs);
  }

  /** A new link: its silence counts from now. */
  restart(nowMs: number): void {
    this.#lastReceivedMs = nowMs;
    if (this.#intervalMs > 0) this.#sendDueMs = nowMs + this.#intervalMs;
  }

  /** True once per interval: a KEEPALIVE should be sent now. Missed intervals aren't made up for. */
  takeSendDue(nowMs: number): boolean {
    if (nowMs < this.#sendDueMs) return false;
    this.#sendDueMs = nowMs + this.#intervalMs;
    return true;
  }

  /** How long the peer has been silent, when that is too long. */
  overdueMs(nowMs: number): number | undefined {
    const silenceMs = nowMs - this.#lastReceivedMs;
    return silenceMs >= this.#lifetimeMs ? silenceMs : undefined;
  }

  /** When to look again. */
  get nextTimeoutMs(): number {
    return Math.min(this.#sendDueMs, this.#lastReceivedMs + this.#lifetimeMs);
  }
}
