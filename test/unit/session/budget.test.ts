// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/budget.ts.
import { expect } from "chai";
import { Budget } from "../../../runtime/src/session/budget.js";

function takeAll(budget: Budget, nowMs: number, most = 1_000_000): number {
  let count = 0;
  while (count < most && budget.take(nowMs)) count++;
  return count;
}

describe("session/budget", () => {
  it("allows the burst at once and no more", () => {
    expect(takeAll(new Budget(10, 5), 0)).to.equal(10);
  });

  it("fills up with time, to the burst at most", () => {
    const budget = new Budget(10, 5);
    takeAll(budget, 0);
    expect(takeAll(budget, 1_000)).to.equal(5);
    expect(takeAll(budget, 1_199)).to.equal(0);
    expect(takeAll(budget, 1_200)).to.equal(1);
    expect(takeAll(budget, 3_600_000)).to.equal(10);
  });

  it("never allows more than the burst at once, however long it was hardly used", () => {
    const budget = new Budget(10, 5);
    budget.take(0);
    expect(takeAll(budget, 100_000)).to.equal(10);
  });

  it("keeps what was earned beyond the burst", () => {
    const budget = new Budget(10, 5);
    budget.earn(7);
    expect(takeAll(budget, 0)).to.equal(17);
    budget.earn(20);
    expect(takeAll(budget, 10_000)).to.equal(20);
    expect(takeAll(budget, 11_000)).to.equal(5);
  });

  it("doesn't mind a clock that stands, nor one that begins anywhere", () => {
    const budget = new Budget(2, 1_000);
    expect([budget.take(5e9), budget.take(5e9), budget.take(5e9)]).to.deep.equal([true, true, false]);
    expect(budget.take(5e9 + 1)).to.equal(true);
  });

  it("can be without bound", () => {
    expect(takeAll(new Budget(Number.POSITIVE_INFINITY, 1), 0, 1_000)).to.equal(1_000);
    expect(takeAll(new Budget(1, Number.POSITIVE_INFINITY), 0, 1_000)).to.equal(1_000);
  });
});
