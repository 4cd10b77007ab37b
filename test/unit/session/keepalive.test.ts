// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/keepalive.ts.
import { expect } from "chai";
import { Keepalive } from "../../../runtime/src/session/keepalive.js";

const NEVER = 0x7fffffff;

describe("session/keepalive", () => {
  it("is due once per interval", () => {
    const keepalive = new Keepalive(100, 1_000, 0);
    expect([keepalive.takeSendDue(99), keepalive.takeSendDue(100), keepalive.takeSendDue(100)]).to.deep.equal([
      false,
      true,
      false,
    ]);
    expect([keepalive.takeSendDue(199), keepalive.takeSendDue(200)]).to.deep.equal([false, true]);
  });

  it("doesn't make up for intervals that were missed", () => {
    const keepalive = new Keepalive(100, 10_000, 0);
    expect([keepalive.takeSendDue(1_000), keepalive.takeSendDue(1_050), keepalive.takeSendDue(1_100)]).to.deep.equal([
      true,
      false,
      true,
    ]);
  });

  it("is overdue when nothing was received for the lifetime, and tells for how long", () => {
    const keepalive = new Keepalive(0, 1_000, 0);
    expect(keepalive.overdueMs(999)).to.equal(undefined);
    expect(keepalive.overdueMs(1_234)).to.equal(1_234);
    keepalive.received(1_234);
    expect(keepalive.overdueMs(2_233)).to.equal(undefined);
    expect(keepalive.overdueMs(2_234)).to.equal(1_000);
  });

  it("names the earlier of both as the next time to look", () => {
    const keepalive = new Keepalive(100, 150, 0);
    expect(keepalive.nextTimeoutMs).to.equal(100);
    keepalive.takeSendDue(100);
    expect(keepalive.nextTimeoutMs).to.equal(150);
    keepalive.received(140);
    expect(keepalive.nextTimeoutMs).to.equal(200);
  });

  it("never sends with an interval of 0 or 2^31-1, never judges a lifetime of 2^31-1", () => {
    for (const intervalMs of [0, NEVER]) {
      const keepalive = new Keepalive(intervalMs, NEVER, 0);
      expect(keepalive.nextTimeoutMs).to.equal(Number.POSITIVE_INFINITY);
      expect(keepalive.takeSendDue(1e12)).to.equal(false);
      expect(keepalive.overdueMs(1e12)).to.equal(undefined);
    }
  });
});
