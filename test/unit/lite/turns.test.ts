// SPDX-License-Identifier: Apache-2.0
// How long a page's own code may keep it: 256 items and 1 ms for all calls together, then it is the others' turn.

import { expect } from "chai";
import { createTurns, type Turns } from "../../../runtime/src/lite/turns.js";
import { TurnScheduler } from "../../support/turn-scheduler.js";

describe("the turns of rsocket-rpc/lite", () => {
  let scheduler: TurnScheduler;
  let turns: Turns;
  beforeEach(() => {
    scheduler = new TurnScheduler();
    turns = createTurns(scheduler);
  });

  /** Takes until it is refused. */
  function takeAll(): number {
    let count = 0;
    while (turns.takeOne()) count++;
    return count;
  }

  it("give 256 items a turn", async () => {
    expect(takeAll()).to.equal(256);
    expect(takeAll()).to.equal(0);
    await scheduler.turn();
    expect(takeAll()).to.equal(256);
  });

  it("give 1 ms a turn, from its first item on", async () => {
    scheduler.work(10);
    expect(turns.takeOne()).to.equal(true);
    scheduler.work(0.9);
    expect(turns.takeOne()).to.equal(true);
    scheduler.work(0.2);
    expect(turns.takeOne()).to.equal(false);
    await scheduler.turn();
    expect(turns.takeOne()).to.equal(true);
  });

  it("let those who wait on in their order, in the next turn", async () => {
    const order: number[] = [];
    for (let i = 0; i < 5; i++) turns.enqueue(() => order.push(i));
    expect(order).to.deep.equal([]);
    await scheduler.turn();
    expect(order).to.deep.equal([0, 1, 2, 3, 4]);
  });

  it("starve no call: each of 100 that always have more gets its turn", async () => {
    const counts = new Array<number>(100).fill(0);
    const run = async (index: number): Promise<never> => {
      for (;;) {
        while (!turns.takeOne()) await new Promise<void>((resolve) => turns.enqueue(resolve));
        counts[index] = (counts[index] ?? 0) + 1;
        scheduler.work(0.1);
        await Promise.resolve(); // as whoever consumes or produces does
      }
    };
    for (let i = 0; i < counts.length; i++) void run(i);
    for (let i = 0; i < 100; i++) await scheduler.turn();
    expect(Math.min(...counts)).to.be.at.least(9);
    expect(Math.max(...counts)).to.be.at.most(20);
  });

  it("ask for one turn at a time", () => {
    for (let i = 0; i < 10; i++) {
      turns.takeOne();
      turns.enqueue(() => {});
    }
    expect(scheduler.yieldedCount).to.equal(1);
  });
});
