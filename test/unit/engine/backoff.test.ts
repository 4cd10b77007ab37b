// SPDX-License-Identifier: Apache-2.0
// The waits between attempts to connect: their bounds, their spread, their reset.

import { expect } from "chai";
import { Backoff, resolveBackoff } from "../../../runtime/src/engine/backoff.js";

describe("the backoff", () => {
  it("begins with 1 s and grows by 1.6", () => {
    const backoff = new Backoff(resolveBackoff(), () => 0.5);
    const waits = [1, 2, 3, 4].map(() => Math.round(backoff.next()));
    expect(waits).to.deep.equal([1_000, 1_600, 2_560, 4_096]);
  });

  it("spreads by 20 % to both sides", () => {
    expect(new Backoff(resolveBackoff(), () => 0).next()).to.equal(800);
    expect(new Backoff(resolveBackoff(), () => 0.75).next()).to.equal(1_100);
  });

  it("never waits longer than 120 s, and goes on spreading there", () => {
    for (const [random, longest] of [
      [0, 80_000],
      [0.5, 100_000],
      [1, 120_000],
    ] as const) {
      const backoff = new Backoff(resolveBackoff(), () => random);
      const waits = Array.from({ length: 1_000 }, () => backoff.next());
      expect(Math.max(...waits)).to.be.closeTo(longest, 1e-6);
      expect(waits.at(-1)).to.be.closeTo(longest, 1e-6);
    }
  });

  it("begins anew after a confirmed connection", () => {
    const backoff = new Backoff(resolveBackoff(), () => 0.5);
    for (let i = 0; i < 50; i++) backoff.next();
    backoff.reset();
    expect(backoff.next()).to.equal(1_000);
  });

  it("refuses options that mean nothing, by name, value and range", () => {
    expect(() => resolveBackoff({ initialMs: 0 })).to.throw(RangeError, "backoff.initialMs is 0, expected 1 …");
    expect(() => resolveBackoff({ factor: 0.5 })).to.throw(RangeError, "backoff.factor is 0.5, expected 1 … 100");
    expect(() => resolveBackoff({ jitter: Number.NaN })).to.throw(RangeError, "backoff.jitter is NaN, expected 0 … 1");
    expect(() => resolveBackoff({ maxMs: -1 })).to.throw(RangeError, "backoff.maxMs is -1");
  });
});
