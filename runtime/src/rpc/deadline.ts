// SPDX-License-Identifier: Apache-2.0
// Deadlines of all calls of a scheduler on one timer: most are cleared long before they are due.

import type { Scheduler, Timer } from "../engine/scheduler.js";

/** Deadlines within the same slot fire together, at its end: a timer per call would cost more than the call. */
const SLOT_MS = 4;

/** A deadline that was set. */
export interface Deadline {
  /** The clock's time at which it is due. */
  readonly dueMs: number;
  /** It doesn't fire any more. */
  clear(): void;
}

class Entry implements Deadline {
  readonly dueMs: number;
  expire: (() => void) | undefined;
  readonly #clock: DeadlineClock;

  constructor(clock: DeadlineClock, dueMs: number, expire: () => void) {
    this.#clock = clock;
    this.dueMs = dueMs;
    this.expire = expire;
  }

  clear(): void {
    if (this.expire === undefined) return;
    this.expire = undefined;
    this.#clock.remove(this);
  }
}

/** Deadlines in slots of 4 ms, one timer for the earliest. It never fires early; late by a slot and a timer's millisecond at most. */
export class DeadlineClock {
  readonly #scheduler: Scheduler;
  readonly #slots = new Map<number, Set<Entry>>();
  #timer: Timer | undefined;
  #timerSlot = Number.POSITIVE_INFINITY;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Deadlines that are set. */
  get size(): number {
    let size = 0;
    for (const slot of this.#slots.values()) size += slot.size;
    return size;
  }

  /** Calls `expire` when `timeoutMs` are over, unless cleared. */
  set(timeoutMs: number, expire: () => void): Deadline {
    const entry = new Entry(this, this.#scheduler.now() + timeoutMs, expire);
    const number = slotOf(entry);
    const slot = this.#slots.get(number);
    if (slot === undefined) this.#slots.set(number, new Set([entry]));
    else slot.add(entry);
    if (number < this.#timerSlot) this.#arm(number);
    return entry;
  }

  /** @internal */
  remove(entry: Entry): void {
    const number = slotOf(entry);
    const slot = this.#slots.get(number);
    if (slot === undefined || !slot.delete(entry) || slot.size > 0) return;
    this.#slots.delete(number);
    // With none left nothing keeps the process or a test waiting.
    if (this.#slots.size === 0) this.#disarm();
  }

  #arm(slot: number): void {
    this.#disarm();
    this.#timerSlot = slot;
    const delayMs = slot * SLOT_MS - this.#scheduler.now();
    this.#timer = this.#scheduler.setTimer(Math.max(0, Math.ceil(delayMs)), () => this.#onTimer());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerSlot = Number.POSITIVE_INFINITY;
  }

  #onTimer(): void {
    this.#disarm();
    const nowMs = this.#scheduler.now();
    const due = [...this.#slots].filter(([number]) => number * SLOT_MS <= nowMs).sort(([a], [b]) => a - b);
    for (const [number] of due) this.#slots.delete(number);
    let earliest = Number.POSITIVE_INFINITY;
    for (const number of this.#slots.keys()) earliest = Math.min(earliest, number);
    if (earliest !== Number.POSITIVE_INFINITY) this.#arm(earliest);
    for (const [, slot] of due) for (const entry of slot) fire(entry);
  }
}

function fire(entry: Entry): void {
  const { expire } = entry;
  entry.expire = undefined;
  expire?.();
}

function slotOf(entry: Entry): number {
  return Math.ceil(entry.dueMs / SLOT_MS);
}

const clocks = new WeakMap<Scheduler, DeadlineClock>();

/** The deadline clock that all calls of `scheduler` share. */
export function deadlineClockOf(scheduler: Scheduler): DeadlineClock {
  let clock = clocks.get(scheduler);
  if (clock === undefined) {
    clock = new DeadlineClock(scheduler);
    clocks.set(scheduler, clock);
  }
  return clock;
}
