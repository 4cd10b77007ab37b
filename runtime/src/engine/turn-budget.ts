// SPDX-License-Identifier: Apache-2.0
// How long user code may keep the event loop: every loop that pulls from a handler or feeds a consumer asks here.

import type { Scheduler } from "./scheduler.js";

/** Items per turn of the event loop. Enough that giving way costs nothing per item. */
const TURN_ITEMS = 256;
/** Milliseconds per turn, for items that are dear. */
const TURN_MS = 1;

/**
 * One budget for all streams of a scheduler: 256 items or 1 ms, whichever is first, then everybody waits until the
 * event loop has read sockets and fired timers. Microtasks alone would never let it.
 */
export class TurnBudget {
  readonly #scheduler: Scheduler;
  #items = 0;
  #endsAtMs = 0;
  #resetRequested = false;
  #waiting: (() => void)[] = [];
  readonly #reset = (): void => this.#resetNow();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Takes one item's worth; false when the turn is used up: then call `wait` and try again from there. */
  take(): boolean {
    if (this.#items === 0) this.#endsAtMs = this.#scheduler.now() + TURN_MS;
    else if (this.#items >= TURN_ITEMS || this.#scheduler.now() >= this.#endsAtMs) return false;
    this.#items++;
    if (!this.#resetRequested) {
      this.#resetRequested = true;
      this.#scheduler.yield(this.#reset);
    }
    return true;
  }

  /** Calls `task` in the next turn. */
  wait(task: () => void): void {
    this.#waiting.push(task);
    if (this.#resetRequested) return;
    this.#resetRequested = true;
    this.#scheduler.yield(this.#reset);
  }

  #resetNow(): void {
    this.#resetRequested = false;
    this.#items = 0;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const task of waiting) task();
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
