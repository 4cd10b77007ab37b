// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/lease.ts.

import { expect } from "chai";
import { Allowance, checkLease, decodeLease, Leases } from "../../../runtime/src/session/lease.js";
import { bytesOf } from "../../support/frames-dsl.js";
import { Random } from "../../support/rng.js";

describe("session/lease: an allowance", () => {
  it("is nothing before the first grant, and after it was forgotten", () => {
    const allowance = new Allowance();
    expect([allowance.isGranted, allowance.leftAt(0), allowance.take(0)]).to.deep.equal([false, 0, false]);
    allowance.grant({ requestCount: 3, ttlMs: 100 }, 1_000);
    expect([allowance.isGranted, allowance.leftAt(1_000), allowance.untilMs]).to.deep.equal([true, 3, 1_100]);
    allowance.forget();
    expect([allowance.isGranted, allowance.leftAt(1_000), allowance.untilMs]).to.deep.equal([false, 0, 0]);
  });

  it("ends with its count or its time, whichever comes first", () => {
    const allowance = new Allowance();
    allowance.grant({ requestCount: 2, ttlMs: 100 }, 0);
    expect([allowance.take(0), allowance.take(99), allowance.take(99)]).to.deep.equal([true, true, false]);
    allowance.grant({ requestCount: 2, ttlMs: 100 }, 200);
    expect([allowance.take(299), allowance.take(300)]).to.deep.equal([true, false]);
  });

  /** How many it takes at this time. */
  function takeAll(allowance: Allowance, nowMs: number): number {
    let count = 0;
    while (allowance.take(nowMs)) count++;
    return count;
  }

  it("takes what may have been sent before its link was lost, once, until the next link's first lease is over", () => {
    const lost = (): Allowance => {
      const allowance = new Allowance();
      allowance.grant({ requestCount: 4, ttlMs: 100 }, 0);
      allowance.take(0);
      allowance.forget(50);
      return allowance;
    };
    const before = lost();
    expect([before.leftAt(50), takeAll(before, 999)]).to.deep.equal([0, 3]);
    const within = lost();
    within.grant({ requestCount: 4, ttlMs: 100 }, 1_000);
    expect(within.leftAt(1_000), "what the peer knows of").to.equal(4);
    within.grant({ requestCount: 2, ttlMs: 200 }, 1_050);
    expect([within.leftAt(1_099), takeAll(within, 1_099)]).to.deep.equal([2, 5]);
    const behind = lost();
    behind.grant({ requestCount: 4, ttlMs: 100 }, 1_000);
    behind.grant({ requestCount: 2, ttlMs: 200 }, 1_050);
    expect(takeAll(behind, 1_100)).to.equal(2);
    const again = lost();
    again.grant({ requestCount: 4, ttlMs: 100 }, 1_000);
    again.forget(1_100); // all of it is over
    expect(takeAll(again, 1_100)).to.equal(0);
  });

  it("takes all that was lost with several links, one after another: an honest peer may have as much to send again", () => {
    const ledger = new Allowance();
    const gate = new Allowance();
    let made = 0;
    for (let i = 0; i < 5; i++) {
      ledger.grant({ requestCount: 20, ttlMs: 1_000 }, i);
      gate.grant({ requestCount: 20, ttlMs: 1_000 }, i);
      made += takeAll(gate, i);
      ledger.forget(i); // with all that came to it
      gate.forget();
    }
    expect([made, takeAll(ledger, 5)]).to.deep.equal([100, 100]);
  });

  const { seed } = new Random();
  it(`granted anew when it is used up, refuses nothing and lets nobody wait, wherever links are cut (seed ${seed})`, () => {
    const random = new Random(seed);
    const ledger = new Allowance();
    const gate = new Allowance();
    // What was asked and didn't arrive; a LEASE under way.
    let asked = 0;
    let granted: number | undefined;
    const grant = (): void => {
      granted = 10;
      ledger.grant({ requestCount: granted, ttlMs: 1_000 }, 0);
    };
    const arrive = (): void => {
      if (asked === 0) return;
      asked--;
      expect(ledger.take(0), "taken").to.equal(true);
      if (ledger.leftAt(0) === 0) grant();
    };
    const hear = (): void => {
      if (granted !== undefined) gate.grant({ requestCount: granted, ttlMs: 1_000 }, 0);
      granted = undefined;
    };
    const cut = (): void => {
      ledger.forget(0);
      gate.forget();
      grant();
    };
    grant();
    for (let i = 0; i < 20_000; i++) {
      for (let n = random.below(8); n > 0 && gate.take(0); n--) asked++;
      for (let n = random.below(8); n > 0; n--) arrive();
      if (random.oneIn(2)) hear();
      if (random.oneIn(10)) cut();
      const held = granted ?? gate.leftAt(0);
      expect(ledger.leftAt(0), "left, of what the peer may still send").to.be.at.most(held + asked);
    }
  });

  it("is replaced by the next grant, which may carry some of it on", () => {
    const allowance = new Allowance();
    allowance.grant({ requestCount: 5, ttlMs: 100 }, 0);
    allowance.grant({ requestCount: 1, ttlMs: 100 }, 0);
    expect(allowance.leftAt(0)).to.equal(1);
    allowance.grant({ requestCount: 3, ttlMs: 100 }, 0, 1);
    expect(allowance.leftAt(0)).to.equal(4);
  });
});

describe("session/lease: both directions", () => {
  it("limit nothing before a LEASE came or SETUP said L", () => {
    const leases = new Leases({ isOffered: false });
    expect([leases.gate, leases.ledger, leases.isNegotiated]).to.deep.equal([undefined, undefined, false]);
    expect([leases.admit(false, 0), leases.refusedCount]).to.deep.equal([true, 0]);
    leases.receive({ requestCount: 1, ttlMs: 1 }, 0);
    expect([leases.gate?.leftAt(0), leases.ledger]).to.deep.equal([1, undefined]);
    leases.forget(0);
    expect(leases.gate).to.equal(undefined);
  });

  it("tell of the ends of requests only where leases were agreed on", () => {
    const told: string[] = [];
    const leases = new Leases({ isOffered: true, onRequestEnd: (id, ending) => told.push(`${id} ${ending}`) });
    leases.ended(1, "completed");
    leases.negotiate();
    leases.ended(3, "failed");
    expect(told).to.deep.equal(["3 failed"]);
  });
});

describe("session/lease: the frame", () => {
  it("is read from behind its header, metadata only with M, the top bits left out", () => {
    const bytes = bytesOf("00000000080080000064800000056d64");
    expect(decodeLease(bytes, 6, bytes.length, 0)).to.deep.equal({ ttlMs: 100, requestCount: 5, metadata: undefined });
    const { metadata } = decodeLease(bytes, 6, bytes.length, 0x100) ?? {};
    expect(metadata).to.deep.equal(bytesOf("6d64"));
    expect(metadata?.buffer).to.not.equal(bytes.buffer);
    expect(decodeLease(bytes, 6, 13, 0)).to.equal(undefined);
  });

  it("can't say numbers out of its range", () => {
    expect(() => checkLease({ requestCount: 0, ttlMs: 0x7fffffff })).to.not.throw();
    expect(() => checkLease({ requestCount: -1, ttlMs: 0 })).to.throw(RangeError, "requestCount of a lease is -1");
    for (const carriedCount of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY]) {
      const words = `carriedCount of a lease is ${carriedCount}`;
      expect(() => checkLease({ requestCount: 1, ttlMs: 1 }, carriedCount)).to.throw(RangeError, words);
    }
    expect(() => checkLease({ requestCount: 1, ttlMs: 2 ** 31 })).to.throw(
      RangeError,
      "ttlMs of a lease is 2147483648",
    );
  });
});
