// SPDX-License-Identifier: Apache-2.0
// Time under a test's control: nothing happens until it is told to.

import type { Scheduler, Timer } from "../engine/scheduler.js";

/** How often `run` looks again: chains of promises may be longer than one look. */
const PATIENCE = 16;

interface VirtualTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * A scheduler without a clock. `advance` lets time pass, firing timers in order; between any two things all deferred
 * tasks, yields and promises are given their turn.
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
    for (;;) {
      await microtasks();
      const task = this.#deferred.shift() ?? this.#yielded.shift();
      if (task === undefined) return;
      task();
    }
  }

  /** Lets `durationMs` pass. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#nowMs + durationMs;
    await this.settle();
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
      if (next === undefined || next.dueMs > endMs) break;
      this.#timers.shift();
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.task();
      await this.settle();
    }
    this.#nowMs = endMs;
  }

  /** Runs what is due until `promise` is settled, without letting time pass; fails when nothing is left to run before. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = (): void => {
      settled = true;
    };
    promise.then(mark, mark);
    for (let i = 0; i < PATIENCE && !settled; i++) await this.settle();
    if (!settled) throw new Error(`nothing is left to run at ${this.#nowMs} ms and the promise is still pending`);
    return await promise;
  }
}

// Promise chains are a few steps long; each round lets them take more of them than any has.
async function microtasks(): Promise<void> {
  for (let i = 0; i < 32; i++) await Promise.resolve();
}
