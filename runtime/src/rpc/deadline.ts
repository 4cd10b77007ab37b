// SPDX-License-Identifier: Apache-2.0
// Deadlines of all calls of a scheduler on one timer: most are cleared long before they are due.

import type { Scheduler, Timer } from "../engine/scheduler.js";

/** Deadlines within the same slot fire together, at its end: a timer per call would cost more than the call. */
const SLOT_MS = 4;

/** Who has a deadline. */
export interface DeadlineOwner {
  /** Time is up. */
  onDeadline(): void;
}

/** A time at which its owner is called, once `start` was, unless `clear` was. */
export class Deadline {
  /** The clock's time at which it is due. */
  readonly dueMs: number;
  readonly #clock: DeadlineClock;
  readonly #owner: DeadlineOwner;
  /** @internal Where it stands, while it may fire; its neighbours there. */
  slot: Slot | undefined;
  /** @internal */
  previous: Deadline | undefined;
  /** @internal */
  next: Deadline | undefined;

  constructor(clock: DeadlineClock, dueMs: number, owner: DeadlineOwner) {
    this.#clock = clock;
    this.dueMs = dueMs;
    this.#owner = owner;
  }

  /** From now on it may fire. */
  start(): void {
    this.#clock.add(this);
  }

  /** It doesn't fire any more. */
  clear(): void {
    if (this.slot !== undefined) this.#clock.remove(this);
  }

  /** @internal */
  fire(): void {
    this.#owner.onDeadline();
  }
}

/** The deadlines of four milliseconds, in the order in which they were started. */
class Slot {
  readonly number: number;
  first: Deadline | undefined;
  #last: Deadline | undefined;

  constructor(number: number) {
    this.number = number;
  }

  add(deadline: Deadline): void {
    deadline.slot = this;
    deadline.previous = this.#last;
    if (this.#last === undefined) this.first = deadline;
    else this.#last.next = deadline;
    this.#last = deadline;
  }

  remove(deadline: Deadline): void {
    const { previous, next } = deadline;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    deadline.slot = deadline.previous = deadline.next = undefined;
  }
}

/** Deadlines in slots of 4 ms, one timer for the earliest. It never fires early; late by a slot and a timer's millisecond at most. */
export class DeadlineClock {
  readonly #scheduler: Scheduler;
  readonly #slots = new Map<number, Slot>();
  // Calls that are made at the same time mostly have the same time.
  #latest: Slot | undefined;
  #timer: Timer | undefined;
  #timerSlot = Number.POSITIVE_INFINITY;
  #looksLater = false;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Deadlines that may fire. */
  get size(): number {
    let size = 0;
    for (const { first } of this.#slots.values())
      for (let deadline = first; deadline !== undefined; deadline = deadline.next) size++;
    return size;
  }

  /** A deadline for `owner` at `dueMs`; it is to be started. */
  create(dueMs: number, owner: DeadlineOwner): Deadline {
    return new Deadline(this, dueMs, owner);
  }

  /** @internal */
  add(deadline: Deadline): void {
    const number = Math.ceil(deadline.dueMs / SLOT_MS);
    if (this.#latest?.number !== number) this.#latest = this.#slotOf(number);
    this.#latest.add(deadline);
    if (number < this.#timerSlot) this.#arm(number);
  }

  /** @internal */
  remove(deadline: Deadline): void {
    const slot = deadline.slot as Slot;
    slot.remove(deadline);
    if (slot.first !== undefined || this.#slots.get(slot.number) !== slot) return;
    this.#forget(slot);
    if (this.#slots.size === 0) this.#disarmLater();
  }

  #slotOf(number: number): Slot {
    let slot = this.#slots.get(number);
    if (slot === undefined) {
      slot = new Slot(number);
      this.#slots.set(number, slot);
    }
    return slot;
  }

  #forget(slot: Slot): void {
    this.#slots.delete(slot.number);
    if (this.#latest === slot) this.#latest = undefined;
  }

  // With none left nothing keeps the process or a test waiting. But one call after the other would set a timer each.
  #disarmLater(): void {
    if (this.#looksLater) return;
    this.#looksLater = true;
    this.#scheduler.yield(() => {
      this.#looksLater = false;
      if (this.#slots.size === 0) this.#disarm();
    });
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
    const due: Slot[] = [];
    let earliest = Number.POSITIVE_INFINITY;
    // There may be thousands; only those that are due are put in order.
    for (const slot of this.#slots.values()) {
      if (slot.number * SLOT_MS <= nowMs) due.push(slot);
      else earliest = Math.min(earliest, slot.number);
    }
    for (const slot of due) this.#forget(slot);
    if (earliest !== Number.POSITIVE_INFINITY) this.#arm(earliest);
    for (const slot of due.sort((a, b) => a.number - b.number)) fireAll(slot);
  }
}

function fireAll(slot: Slot): void {
  for (let deadline = slot.first; deadline !== undefined; deadline = slot.first) {
    slot.remove(deadline);
    deadline.fire();
  }
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
