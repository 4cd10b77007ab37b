// SPDX-License-Identifier: Apache-2.0
// Virtual time without promises: everything that is due has happened when `settle` returns.

import type { Scheduler, Timer } from "../../runtime/src/engine/scheduler.js";

/** More tasks than this without time passing is a connection that never comes to rest. */
const MAX_TASKS = 20_000;

interface ArmedTimer {
  readonly dueMs: number;
  readonly task: () => void;
}

export class FuzzScheduler implements Scheduler {
  #nowMs = 1_000;
  readonly #deferred: (() => void)[] = [];
  readonly #yielded: (() => void)[] = [];
  readonly #timers = new Set<ArmedTimer>();

  now(): number {
    return this.#nowMs;
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
  }

  yield(task: () => void): void {
    this.#yielded.push(task);
  }

  setTimer(delayMs: number, task: () => void): Timer {
    if (!(delayMs >= 0)) throw new Error(`a timer of ${delayMs} ms`);
    const timer: ArmedTimer = { dueMs: this.#nowMs + delayMs, task };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  /** Timers that are armed. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Runs everything that is due now. */
  settle(): void {
    for (let count = 0; ; count++) {
      const task = this.#deferred.shift() ?? this.#yielded.shift();
      if (task === undefined) return;
      if (count > MAX_TASKS) throw new Error("it doesn't come to rest");
      task();
    }
  }

  /** Lets time pass. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    this.settle();
    for (let count = 0; ; count++) {
      const next = this.#next();
      if (next === undefined || next.dueMs > endMs) break;
      if (count > MAX_TASKS) throw new Error("timers don't come to rest");
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.task();
      this.settle();
    }
    this.#nowMs = endMs;
  }

  #next(): ArmedTimer | undefined {
    let next: ArmedTimer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.dueMs < next.dueMs) next = timer;
    return next;
  }
}
