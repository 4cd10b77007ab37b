// SPDX-License-Identifier: Apache-2.0
// What a peer may cost us per second without sending anything useful, and the words that end a connection over it.

import { Budget } from "./budget.js";
import type { Limits } from "./settings.js";

/** The budgets of one connection. Each `take…` returns undefined, or why the connection must end. */
export class InboundBudgets {
  readonly #limits: Limits;
  readonly #controls: Budget;
  readonly #requestNs: Budget;
  // Made when they are needed: most peers never do such things.
  #cancels: Budget | undefined;
  #meaningless: Budget | undefined;
  #freeLeases = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#controls = new Budget(limits.controlBurst, limits.controlsPerSecond);
    this.#requestNs = new Budget(limits.requestNBurst, limits.requestNsPerSecond);
  }

  /** A request was cancelled before its answer was complete. */
  takeCancel(nowMs: number): string | undefined {
    const { cancelBurst, cancelsPerSecond } = this.#limits;
    this.#cancels ??= new Budget(cancelBurst, cancelsPerSecond);
    if (this.#cancels.take(nowMs)) return undefined;
    return `more than ${cancelsPerSecond} requests a second cancelled before they were answered`;
  }

  /** A KEEPALIVE, METADATA_PUSH or EXT. */
  takeControl(nowMs: number): string | undefined {
    if (this.#controls.take(nowMs)) return undefined;
    return `more than ${this.#limits.controlsPerSecond} KEEPALIVE or METADATA_PUSH frames a second`;
  }

  /** SETUP has announced a KEEPALIVE each `intervalMs`, and was taken: as many are free, and as many again for what jitters. */
  allowKeepalives(intervalMs: number): void {
    this.#controls.allow(2_000 / intervalMs);
  }

  /** So much was received that the peer may ask what we have: one KEEPALIVE more is free. */
  earnControl(): void {
    this.#controls.earn(1);
  }

  /** A LEASE: whoever grants in the midst of traffic sends one for every few requests, however many those are. */
  takeLease(nowMs: number): string | undefined {
    if (this.#freeLeases === 0) return this.takeControl(nowMs);
    this.#freeLeases--;
    return undefined;
  }

  /** A request was made that takes a lease: one LEASE more is free. */
  earnLease(): void {
    this.#freeLeases++;
  }

  /** A frame that means nothing. */
  takeMeaningless(nowMs: number): string | undefined {
    const { meaninglessBurst, meaninglessPerSecond } = this.#limits;
    this.#meaningless ??= new Budget(meaninglessBurst, meaninglessPerSecond);
    if (this.#meaningless.take(nowMs)) return undefined;
    return `more than ${meaninglessPerSecond} frames a second that mean nothing`;
  }

  /** A REQUEST_N. */
  takeRequestN(nowMs: number): string | undefined {
    if (this.#requestNs.take(nowMs)) return undefined;
    return `more than ${this.#limits.requestNsPerSecond} REQUEST_N frames a second beyond the items sent`;
  }

  /** An item was sent: one REQUEST_N more is free. */
  earnRequestN(): void {
    this.#requestNs.earn(1);
  }
}
