// SPDX-License-Identifier: Apache-2.0
// How long user code may keep the event loop: every loop that pulls from a handler or feeds a consumer asks here.

import type { Scheduler } from "./scheduler.js";

/** Items that one stream may take per turn of the event loop. Enough that giving way costs nothing per item. */
const TURN_ITEMS = 256;
/** Milliseconds that all streams together may take per turn. */
const TURN_MS = 1;

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
    if (share.taken >= TURN_ITEMS || !this.#hasTime()) return false;
    if (!this.#isUsed) {
      this.#isUsed = true;
      this.#endsAtMs = this.#scheduler.now() + TURN_MS;
      this.#requestNext();
    }
    share.taken++;
    return true;
  }

  /** Calls `task` in a turn that has time left. */
  wait(task: () => void): void {
    this.#waiting.push(task);
    this.#requestNext();
  }

  #hasTime(): boolean {
    return !this.#isUsed || this.#scheduler.now() < this.#endsAtMs;
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
