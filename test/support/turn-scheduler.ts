// SPDX-License-Identifier: Apache-2.0
// Virtual time whose turns of the event loop a test takes one by one.

import { VirtualScheduler } from "../../runtime/src/testing/virtual-scheduler.js";

/** What is yielded waits for `turn`. */
export class TurnScheduler extends VirtualScheduler {
  #yielded: (() => void)[] = [];
  #busyMs = 0;

  /** Tasks that wait for `turn`. */
  get yieldedCount(): number {
    return this.#yielded.length;
  }

  override yield(task: () => void): void {
    this.#yielded.push(task);
  }

  override now(): number {
    return super.now() + this.#busyMs;
  }

  /** Time passes while code runs, without a turn. */
  work(durationMs: number): void {
    this.#busyMs += durationMs;
  }

  /** One turn: what was yielded before it runs, then all microtasks that follow. */
  async turn(): Promise<void> {
    for (const task of this.#yielded.splice(0)) task();
    // As many as user code that never waits would take.
    for (let i = 0; i < 4_000; i++) await Promise.resolve();
  }
}
