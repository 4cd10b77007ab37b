// SPDX-License-Identifier: Apache-2.0
// The small parts of `rsocket-rpc/lite`: its token bucket, fragments put together, messages that wait.

import { expect } from "chai";
import { type Budget, createBudget } from "../../../runtime/src/lite/budget.js";
import { append } from "../../../runtime/src/lite/fragments.js";
import { CONTROL_BURST, CONTROLS_PER_SECOND } from "../../../runtime/src/lite/limit-places.js";
import { limits } from "../../../runtime/src/lite/limits.js";
import { createWaiting } from "../../../runtime/src/lite/waiting.js";

function takeAll(budget: Budget, nowMs: number): number {
  let count = 0;
  while (count < 1_000 && budget.takeOne(nowMs)) count++;
  return count;
}

describe("a budget of rsocket-rpc/lite", () => {
  it("allows the burst at once, fills up with time, to the burst at most, and by what is earned above it", () => {
    const budget = createBudget(10, 5);
    expect(takeAll(budget, 50_000)).to.equal(10);
    expect(takeAll(budget, 51_000)).to.equal(5);
    expect(takeAll(budget, 99_000)).to.equal(10);
    for (let i = 0; i < 12; i++) budget.earn();
    expect(takeAll(budget, 99_000)).to.equal(12);
    const endless = limits({ controlBurst: 10, controlsPerSecond: Number.POSITIVE_INFINITY });
    const budgetless = createBudget(endless[CONTROL_BURST], endless[CONTROLS_PER_SECOND]);
    for (const nowMs of [0, 0, 1]) expect(takeAll(budgetless, nowMs)).to.equal(1_000);
  });
});

describe("fragments of rsocket-rpc/lite", () => {
  it("are put together in a place at most twice as large, and never in one that was given", () => {
    const given = Uint8Array.from({ length: 10 }, (_byte, i) => i);
    let whole = new Uint8Array(0) as Uint8Array;
    for (let i = 0; i < 100; i++) whole = append(whole, given.subarray(i % 10, (i % 10) + 1));
    expect([...whole.subarray(0, 20)]).to.deep.equal([...given, ...given]);
    expect(whole).to.have.length(100);
    expect(whole.buffer.byteLength).to.be.at.most(200);
    expect([...given]).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(append(whole, new Uint8Array(0))).to.have.length(100);
  });
});

describe("messages that wait in rsocket-rpc/lite", () => {
  it("come in order, also after there were none, and are counted", () => {
    const counter = { unconsumedBytes: 0 };
    const waiting = createWaiting(counter);
    for (let round = 0; round < 2; round++) {
      for (let i = 1; i <= 3; i++) waiting.push(new Uint8Array(i));
      expect([waiting.length, counter.unconsumedBytes]).to.deep.equal([3, 6]);
      for (let i = 1; i <= 3; i++) expect(waiting.shift()).to.have.length(i);
      expect([waiting.length, counter.unconsumedBytes, waiting.shift()]).to.deep.equal([0, 0, undefined]);
    }
    waiting.push(new Uint8Array(5));
    waiting.clear();
    expect([waiting.length, counter.unconsumedBytes]).to.deep.equal([0, 0]);
  });
});
