// SPDX-License-Identifier: Apache-2.0
// How long a page's own code may keep it: every loop that pulls from a source or feeds a consumer asks here. What
// `engine/turn-budget.ts` is to the whole runtime, without a part of its own for each stream.

import type { Scheduler } from "../engine/scheduler.js";
import { TURN_ITEMS, TURN_MS } from "./constants.js";

/** The turns of a connection: in each, all its calls together may take so many items, for so long. */
export interface Turns {
  /** Takes one item; false when the turn is used up: then call `enqueue` and try again from there. */
  takeOne(): boolean;
  /** Calls `task` in the next turn: first come, first served. */
  enqueue(task: () => void): void;
}

/** The turns that all calls of a connection share. A page has one connection, or few. */
export function createTurns(scheduler: Scheduler): Turns {
  let left = 0;
  // Of the turn of which something is used; 0 of one that nobody needs yet.
  let endsAtMs = 0;
  let waiting: (() => void)[] = [];

  // Whoever came later has read sockets and fired timers before it.
  function next(): void {
    endsAtMs = 0;
    const tasks = waiting;
    waiting = [];
    for (const task of tasks) task();
  }

  function use(): void {
    if (endsAtMs > 0) return;
    left = TURN_ITEMS;
    endsAtMs = scheduler.now() + TURN_MS;
    scheduler.yield(next);
  }

  return {
    takeOne() {
      use();
      return left-- > 0 && scheduler.now() < endsAtMs;
    },
    enqueue(task) {
      use();
      waiting.push(task);
    },
  };
}
