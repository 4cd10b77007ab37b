// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/inbound-budgets.ts: each budget counts for itself and has words of its own.

import { expect } from "chai";
import { Budget } from "../../../runtime/src/session/budget.js";
import { InboundBudgets } from "../../../runtime/src/session/inbound-budgets.js";
import { resolveLimits } from "../../../runtime/src/session/settings.js";

const LIMITS = resolveLimits({
  cancelBurst: 1,
  cancelsPerSecond: 11,
  controlBurst: 2,
  controlsPerSecond: 12,
  meaninglessBurst: 3,
  meaninglessPerSecond: 13,
  requestNBurst: 4,
  requestNsPerSecond: 14,
});
const WORDS = {
  takeCancel: "more than 11 requests a second cancelled before they were answered",
  takeControl: "more than 12 KEEPALIVE or METADATA_PUSH frames a second",
  takeMeaningless: "more than 13 frames a second that mean nothing",
  takeRequestN: "more than 14 REQUEST_N frames a second beyond the items sent",
} as const;

function takenUntilWords(budgets: InboundBudgets, take: keyof typeof WORDS): [count: number, words: string] {
  for (let count = 0; count < 100; count++) {
    const words = budgets[take](0);
    if (words !== undefined) return [count, words];
  }
  throw new Error("no end");
}

describe("session/inbound-budgets", () => {
  for (const [i, take] of (["takeCancel", "takeControl", "takeMeaningless", "takeRequestN"] as const).entries()) {
    it(`${take} allows its burst, then says what was too much`, () => {
      const budgets = new InboundBudgets(LIMITS);
      expect(takenUntilWords(budgets, take)).to.deep.equal([i + 1, WORDS[take]]);
    });
  }

  it("takes from one budget without touching the others", () => {
    const budgets = new InboundBudgets(LIMITS);
    for (const take of ["takeRequestN", "takeMeaningless", "takeControl", "takeCancel"] as const) {
      takenUntilWords(budgets, take);
    }
    expect(new InboundBudgets(LIMITS).takeCancel(0)).to.equal(undefined);
    expect(budgets.takeMeaningless(1_000), "13 a second, 3 at once").to.equal(undefined);
  });

  it("lets a KEEPALIVE more for what was received, a REQUEST_N more for an item", () => {
    const budgets = new InboundBudgets(LIMITS);
    budgets.earnControl();
    budgets.earnRequestN();
    budgets.earnRequestN();
    expect(takenUntilWords(budgets, "takeControl")[0]).to.equal(3);
    expect(takenUntilWords(budgets, "takeRequestN")[0]).to.equal(6);
    expect(takenUntilWords(budgets, "takeCancel")[0]).to.equal(1);
    expect(takenUntilWords(budgets, "takeMeaningless")[0]).to.equal(3);
  });
});

describe("session/inbound-budgets, LEASE", () => {
  it("is free once for each request, and takes of KEEPALIVE's budget beyond; requests give none of that", () => {
    const budgets = new InboundBudgets(LIMITS);
    for (let i = 0; i < 100; i++) {
      budgets.earnLease();
      expect(budgets.takeLease(0)).to.equal(undefined);
    }
    for (let i = 0; i < 5; i++) budgets.earnLease();
    expect(takenUntilWords(budgets, "takeControl")[0]).to.equal(2);
    for (let i = 0; i < 5; i++) expect(budgets.takeLease(0)).to.equal(undefined);
    expect(budgets.takeLease(0)).to.equal(WORDS.takeControl);
  });
});

describe("session/budget, empty or not", () => {
  it("is empty below one, without taking any", () => {
    const budget = new Budget(1, 2);
    expect([budget.isEmpty(0), budget.isEmpty(0)]).to.deep.equal([false, false]);
    budget.take(0);
    expect([budget.isEmpty(0), budget.isEmpty(499), budget.isEmpty(500)]).to.deep.equal([true, true, false]);
    expect(budget.take(500)).to.equal(true);
  });
});
