// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/lease.ts.

import { expect } from "chai";
import { Allowance, checkLease, decodeLease, Leases } from "../../../runtime/src/session/lease.js";
import { bytesOf } from "../../support/frames-dsl.js";

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

  it("takes what may have been sent before its link was lost, once, until the grant after the next", () => {
    const allowance = new Allowance();
    allowance.grant({ requestCount: 3, ttlMs: 100 }, 0);
    allowance.take(0);
    allowance.forget(50);
    expect([allowance.leftAt(50), allowance.take(999)]).to.deep.equal([0, true]);
    allowance.grant({ requestCount: 4, ttlMs: 100 }, 1_000);
    expect(allowance.leftAt(1_000)).to.equal(5);
    allowance.grant({ requestCount: 4, ttlMs: 100 }, 1_000);
    expect(allowance.leftAt(1_000)).to.equal(4);
    allowance.forget(2_000); // its time was over
    expect(allowance.take(2_000)).to.equal(false);
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
    expect(() => checkLease({ requestCount: 1, ttlMs: 2 ** 31 })).to.throw(
      RangeError,
      "ttlMs of a lease is 2147483648",
    );
  });
});
