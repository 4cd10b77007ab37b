// SPDX-License-Identifier: Apache-2.0
// How long user code may keep the event loop: every loop that pulls from a handler or feeds a consumer asks here.

import type { Scheduler } from "./scheduler.js";

/** Items that one stream may take per turn of the event loop. Enough that giving way costs nothing per item. */
const TURN_ITEMS = 256;
/** Milliseconds that all streams together may take per turn. */
const TURN_MS = 1;
/** The clock costs as much as a small item's way through the runtime. Where items are quick it is looked at once in so many … */
const MAX_STRIDE = 4;
/** … which is as long as all of those together took less than this. */
const QUICK_MS = 0.05;

/** One stream's part in the turns of a budget; who takes part may keep it itself. */
export interface TurnShare {
  /** The turn that `taken` counts, -1 before the first. */
  turn: number;
  /** Items of that turn. */
  taken: number;
}

/**
 * The turns of a scheduler: in each, a stream may take 256 items, and all of them together 1 ms. Who has had that waits
 * until the event loop has read sockets and fired timers. Microtasks alone would never let it.
 */
export class TurnBudget {
  readonly #scheduler: Scheduler;
  #turn = 0;
  #isUsed = false;
  #endsAtMs = 0;
  // Of how many items one looks at the clock, how many of them are left, and when the last did.
  #stride = 1;
  #unlooked = 1;
  #lookedAtMs = 0;
  #nextRequested = false;
  // First come, first served; who isn't in a turn keeps the place in front for the next.
  #waiting: (() => void)[] = [];
  readonly #next = (): void => this.#beginTurn();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Takes one item's worth for `share`; false when the turn is used up: then call `wait` and try again from there. */
  take(share: TurnShare): boolean {
    if (share.turn !== this.#turn) {
      share.turn = this.#turn;
      share.taken = 0;
    }
    if (share.taken >= TURN_ITEMS) return false;
    if (!this.#isUsed) this.#begin();
    else if (--this.#unlooked <= 0 && !this.#hasTime()) return false;
    share.taken++;
    return true;
  }

  #begin(): void {
    this.#isUsed = true;
    this.#lookedAtMs = this.#scheduler.now();
    this.#endsAtMs = this.#lookedAtMs + TURN_MS;
    this.#unlooked = this.#stride = 1;
    this.#requestNext();
  }

  /** Calls `task` in a turn that has time left. */
  wait(task: () => void): void {
    this.#waiting.push(task);
    this.#requestNext();
  }

  #hasTime(): boolean {
    if (!this.#isUsed) return true;
    const nowMs = this.#scheduler.now();
    const isQuick = nowMs - this.#lookedAtMs < QUICK_MS;
    this.#stride = isQuick ? Math.min(2 * this.#stride, MAX_STRIDE) : 1;
    this.#lookedAtMs = nowMs;
    const hasTime = nowMs < this.#endsAtMs;
    this.#unlooked = hasTime ? this.#stride : 0;
    return hasTime;
  }

  #requestNext(): void {
    if (this.#nextRequested) return;
    this.#nextRequested = true;
    this.#scheduler.yield(this.#next);
  }

  #beginTurn(): void {
    this.#nextRequested = false;
    this.#isUsed = false;
    this.#turn++;
    const waiting = this.#waiting;
    this.#waiting = [];
    let served = 0;
    while (served < waiting.length && this.#hasTime()) waiting[served++]?.();
    if (served < waiting.length) this.#waiting = [...waiting.slice(served), ...this.#waiting];
    if (this.#waiting.length > 0) this.#requestNext();
  }
}

const budgets = new WeakMap<Scheduler, TurnBudget>();

/** The budget that all streams of `scheduler` share. */
export function turnBudgetOf(scheduler: Scheduler): TurnBudget {
  let budget = budgets.get(scheduler);
  if (budget === undefined) {
    budget = new TurnBudget(scheduler);
    budgets.set(scheduler, budget);
  }
  return budget;
}
