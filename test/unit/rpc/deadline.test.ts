// SPDX-License-Identifier: Apache-2.0
// Deadlines of all calls on one timer: never early, at most a slot late, and what of a millisecond timers leave over.

import { expect } from "chai";
import { type Deadline, DeadlineClock, deadlineClockOf } from "../../../runtime/src/rpc/deadline.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";

const SLOT_MS = 4;

function setOn(clock: DeadlineClock, scheduler: VirtualScheduler, timeoutMs: number, onDeadline: () => void): Deadline {
  const deadline = clock.create(scheduler.now() + timeoutMs, { onDeadline });
  deadline.start();
  return deadline;
}

describe("deadlines", () => {
  let scheduler: VirtualScheduler;
  let clock: DeadlineClock;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
    clock = new DeadlineClock(scheduler);
  });
  afterEach(async () => {
    expect(clock.size).to.equal(0);
    await scheduler.advance(0);
    expect(scheduler.timerCount).to.equal(0);
  });

  const set = (timeoutMs: number, onDeadline: () => void): Deadline => setOn(clock, scheduler, timeoutMs, onDeadline);

  it("fire not before they are due, and less than a slot and a millisecond after", async () => {
    const late: number[] = [];
    for (let timeoutMs = 0; timeoutMs < 60; timeoutMs++) {
      await scheduler.advance(0.7);
      const { dueMs } = set(timeoutMs + 0.3, () => late.push(scheduler.now() - dueMs));
    }
    await scheduler.advance(200);
    expect(late).to.have.length(60);
    for (const byMs of late)
      expect(byMs)
        .to.be.at.least(0)
        .and.lessThan(SLOT_MS + 1);
  });

  it("of whole milliseconds fire at most a slot late", async () => {
    const late: number[] = [];
    for (let timeoutMs = 0; timeoutMs < 60; timeoutMs++) {
      await scheduler.advance(1);
      const { dueMs } = set(timeoutMs, () => late.push(scheduler.now() - dueMs));
    }
    await scheduler.advance(200);
    for (const byMs of late) expect(byMs).to.be.within(0, SLOT_MS);
  });

  it("fire in order of their slots, whatever order they were set in", async () => {
    const order: number[] = [];
    for (const timeoutMs of [50, 10, 90, 30, 70, 10]) set(timeoutMs, () => order.push(timeoutMs));
    await scheduler.advance(100);
    expect(order).to.deep.equal([10, 10, 30, 50, 70, 90]);
  });

  it("need one timer, however many they are, and none in the turn behind that in which all are cleared", async () => {
    const deadlines = Array.from({ length: 1_000 }, (_, i) => set(1_000 + i, () => {}));
    expect(scheduler.timerCount).to.equal(1);
    expect(clock.size).to.equal(1_000);
    for (const deadline of deadlines) deadline.clear();
    await scheduler.advance(0);
    expect(scheduler.timerCount).to.equal(0);
  });

  it("one after the other need one timer", async () => {
    let armed = 0;
    class Counting extends VirtualScheduler {
      override setTimer(delayMs: number, task: () => void): ReturnType<VirtualScheduler["setTimer"]> {
        armed++;
        return super.setTimer(delayMs, task);
      }
    }
    const counting = new Counting();
    const own = new DeadlineClock(counting);
    for (let i = 0; i < 100; i++) setOn(own, counting, 1_000, () => {}).clear();
    expect(armed).to.equal(1);
    await counting.advance(0);
    expect(counting.timerCount).to.equal(0);
  });

  it("that aren't started don't fire", async () => {
    const deadline = clock.create(scheduler.now() + 10, { onDeadline: () => expect.fail("it fired") });
    await scheduler.advance(20);
    deadline.clear();
  });

  it("that are cleared don't fire, and may be cleared again", async () => {
    let fired = 0;
    const first = set(10, () => fired++);
    const second = set(10, () => fired++);
    first.clear();
    first.clear();
    await scheduler.advance(20);
    expect(fired).to.equal(1);
    second.clear();
  });

  it("may be set and cleared by those that fire", async () => {
    const order: string[] = [];
    const other = set(10, () => order.push("cleared by another"));
    set(7, () => {
      order.push("first");
      other.clear();
      set(5, () => order.push("set by the first"));
    });
    await scheduler.advance(12);
    expect(order).to.deep.equal(["first"]);
    await scheduler.advance(10);
    expect(order).to.deep.equal(["first", "set by the first"]);
  });

  it("go on when one that is earlier than the timer comes, and when the earliest is cleared", async () => {
    const order: number[] = [];
    set(100, () => order.push(100));
    const early = set(20, () => order.push(20));
    set(60, () => order.push(60));
    early.clear();
    await scheduler.advance(200);
    expect(order).to.deep.equal([60, 100]);
  });

  it("that are due at once fire in the next turn, not within set", async () => {
    let fired = false;
    set(0, () => {
      fired = true;
    });
    expect(fired).to.equal(false);
    await scheduler.advance(SLOT_MS);
    expect(fired).to.equal(true);
  });

  it("as long as the wire can say are not cut", async () => {
    let fired = false;
    set(0x7fffffff, () => {
      fired = true;
    });
    await scheduler.advance(0x7ffffffe);
    expect(fired).to.equal(false);
    await scheduler.advance(SLOT_MS);
    expect(fired).to.equal(true);
  });

  it("survive a timer that the platform cut or fired early", async () => {
    // A scheduler whose timers fire after 100 ms at most, as Node's do after 2^31-1.
    class Hasty extends VirtualScheduler {
      override setTimer(delayMs: number, task: () => void): ReturnType<VirtualScheduler["setTimer"]> {
        return super.setTimer(Math.min(delayMs, 100), task);
      }
    }
    const hasty = new Hasty();
    let firedAtMs = 0;
    setOn(new DeadlineClock(hasty), hasty, 450, () => {
      firedAtMs = hasty.now();
    });
    await hasty.advance(1_000);
    expect(firedAtMs).to.be.within(450, 454);
    expect(hasty.timerCount).to.equal(0);
  });

  it("of all calls of a scheduler share one clock", () => {
    expect(deadlineClockOf(scheduler)).to.equal(deadlineClockOf(scheduler));
    expect(deadlineClockOf(scheduler)).to.not.equal(deadlineClockOf(new VirtualScheduler()));
  });
});
