// SPDX-License-Identifier: Apache-2.0
// How long user code may keep the event loop: 256 items a stream, 1 ms for all, then it is the others' turn.

import { expect } from "chai";
import { type TurnBudget, type TurnShare, turnBudgetOf } from "../../../runtime/src/engine/turn-budget.js";
import { TurnScheduler } from "../../support/turn-scheduler.js";

const newShare = (): TurnShare => ({ turn: -1, taken: 0 });

describe("the turn budget", () => {
  let scheduler: TurnScheduler;
  let budget: TurnBudget;
  beforeEach(() => {
    scheduler = new TurnScheduler();
    budget = turnBudgetOf(scheduler);
  });

  /** Takes until it is refused. */
  function takeAll(share: TurnShare): number {
    let count = 0;
    while (budget.take(share)) count++;
    return count;
  }

  it("gives a stream 256 items a turn", async () => {
    const share = newShare();
    expect(takeAll(share)).to.equal(256);
    expect(takeAll(share)).to.equal(0);
    await scheduler.turn();
    expect(takeAll(share)).to.equal(256);
  });

  it("gives each stream its own", () => {
    expect(takeAll(newShare())).to.equal(256);
    expect(takeAll(newShare())).to.equal(256);
  });

  it("gives all of them together 1 ms a turn", async () => {
    const [first, second] = [newShare(), newShare()];
    expect(budget.take(first)).to.equal(true);
    scheduler.work(0.9);
    expect(budget.take(second)).to.equal(true);
    scheduler.work(0.2);
    expect(budget.take(first)).to.equal(false);
    expect(budget.take(second)).to.equal(false);
    await scheduler.turn();
    expect(budget.take(second)).to.equal(true);
  });

  it("looks at the clock once in four quick items, and at each slow one", () => {
    let looks = 0;
    const { now } = scheduler;
    scheduler.now = () => {
      looks++;
      return now.call(scheduler);
    };
    const share = newShare();
    for (let i = 0; i < 200; i++) {
      expect(budget.take(share)).to.equal(true);
      scheduler.work(0.001);
    }
    expect(looks).to.be.within(50, 56);
    // One slow item may hide three more; then each is looked at, and none comes behind the end.
    for (let i = 0; i < 4; i++) {
      if (i > 0) budget.take(share);
      scheduler.work(0.06);
    }
    looks = 0;
    let taken = 0;
    while (budget.take(share)) {
      taken++;
      scheduler.work(0.06);
    }
    expect(looks).to.equal(taken + 1);
    for (let i = 0; i < 5; i++) expect(budget.take(share)).to.equal(false);
  });

  it("begins each turn with a look at each item, and ends none with more than four slow ones", async () => {
    const share = newShare();
    for (const quick of [0, 1, 3, 8, 100, 0]) {
      for (let i = 0; i < quick; i++) {
        expect(budget.take(share)).to.equal(true);
        scheduler.work(0.001);
      }
      let slow = 0;
      for (; budget.take(share); slow++) scheduler.work(5);
      expect(slow, `behind ${quick} quick ones`).to.be.within(1, quick === 0 ? 1 : 4);
      await scheduler.turn();
      for (let i = 0; i < 8; i++) budget.take(share);
      await scheduler.turn();
    }
  });

  it("counts the millisecond from the first item, not from the turn's begin", () => {
    scheduler.work(10);
    expect(budget.take(newShare())).to.equal(true);
  });

  it("lets those who wait on in their order, in the next turn", async () => {
    const order: number[] = [];
    for (let i = 0; i < 5; i++) budget.wait(() => order.push(i));
    expect(order).to.deep.equal([]);
    await scheduler.turn();
    expect(order).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it("keeps the place of those whom a turn had no time for, in front of newcomers", async () => {
    const order: string[] = [];
    const share = newShare();
    const slow = (name: string) => () => {
      order.push(name);
      budget.take(share);
      scheduler.work(0.6);
      budget.wait(slow(`${name}'`));
    };
    for (const name of ["a", "b", "c", "d"]) budget.wait(slow(name));
    await scheduler.turn();
    expect(order.splice(0)).to.deep.equal(["a", "b"]);
    await scheduler.turn();
    expect(order.splice(0)).to.deep.equal(["c", "d"]);
    await scheduler.turn();
    expect(order.splice(0)).to.deep.equal(["a'", "b'"]);
  });

  it("starves no stream: each of 1,000 that always have more gets its turn", async () => {
    const counts = new Array<number>(1_000).fill(0);
    const run = (index: number, share: TurnShare): void => {
      while (budget.take(share)) {
        counts[index] = (counts[index] ?? 0) + 1;
        scheduler.work(0.001);
      }
      budget.wait(() => run(index, share));
    };
    for (let i = 0; i < counts.length; i++) run(i, newShare());
    for (let i = 0; i < 600; i++) await scheduler.turn();
    expect(Math.min(...counts)).to.be.greaterThan(0);
    expect(Math.max(...counts)).to.be.at.most(4 * 256);
  });

  it("is shared by all streams of a scheduler, and asks for one turn at a time", () => {
    expect(turnBudgetOf(scheduler)).to.equal(budget);
    expect(turnBudgetOf(new TurnScheduler())).to.not.equal(budget);
    for (let i = 0; i < 10; i++) {
      budget.take(newShare());
      budget.wait(() => {});
    }
    expect(scheduler.yieldedCount).to.equal(1);
  });
});
