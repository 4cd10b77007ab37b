// SPDX-License-Identifier: Apache-2.0
// Time under a test's control: nothing happens until it is told to.

import { type Scheduler, systemScheduler, type Timer } from "../engine/scheduler.js";

/** How often `run` looks again: somebody else may be letting time pass. */
const PATIENCE = 16;
/** Tasks that `run` still runs when its promise is settled. */
const TASKS_BEHIND = 1_000;

interface VirtualTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * A scheduler without a clock. `advance` lets time pass, firing timers in order; between any two things all deferred
 * tasks, yields and promises are given their turn, however long the chains of promises are. In between the real event loop
 * turns, too: where something goes on for ever, the timeout of the test still fires.
 *
 * @example
 * const scheduler = new VirtualScheduler();
 * const server = await scheduler.run(serveInProcess({ services, scheduler }));
 * await scheduler.advance(20_000); // a KEEPALIVE interval
 */
export class VirtualScheduler implements Scheduler {
  #nowMs = 0;
  #order = 0;
  #deferred: (() => void)[] = [];
  #yielded: (() => void)[] = [];
  #timers: VirtualTimer[] = [];

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
    const timer: VirtualTimer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, task };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Timers that are armed. */
  get timerCount(): number {
    return this.#timers.length;
  }

  /** Runs everything that is due now, until nothing is left. */
  async settle(): Promise<void> {
    await this.#settle(() => false);
  }

  /** Lets `durationMs` pass. @throws RangeError when it is no duration. */
  async advance(durationMs: number): Promise<void> {
    if (!(typeof durationMs === "number" && durationMs >= 0 && durationMs < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`time can't advance by ${String(durationMs)} ms, expected 0 or more`);
    }
    const endMs = this.#nowMs + durationMs;
    await this.settle();
    for (let timer = this.#takeDue(endMs); timer !== undefined; timer = this.#takeDue(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      timer.task();
      await this.settle();
    }
    // Somebody else may have let more pass meanwhile.
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  /** Runs what is due until `promise` is settled, without letting time pass; fails when nothing is left to run before. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    // What follows from it is run, too; something else may go on for ever.
    let left = TASKS_BEHIND;
    const isEnough = (): boolean => settled && left-- <= 0;
    for (let i = 0; i < PATIENCE && !settled; i++) await this.#settle(isEnough);
    if (!settled) throw new Error(`nothing is left to run at ${this.#nowMs} ms and the promise is still pending`);
    return await promise;
  }

  async #settle(isEnough: () => boolean): Promise<void> {
    for (;;) {
      await microtasks();
      if (isEnough()) return;
      const task = this.#deferred.shift() ?? this.#yielded.shift() ?? this.#takeDue(this.#nowMs)?.task;
      if (task === undefined) return;
      task();
    }
  }

  // The next timer that is due at `atMs`.
  #takeDue(atMs: number): VirtualTimer | undefined {
    const [next] = this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    if (next === undefined || next.dueMs > atMs) return undefined;
    this.#timers.shift();
    return next;
  }
}

// Behind them comes the next task of the real event loop.
function microtasks(): Promise<void> {
  return new Promise((resolve) => systemScheduler.yield(resolve));
}
