// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/stream-ids.ts.
import { expect } from "chai";
import { StreamIds } from "../../../runtime/src/session/stream-ids.js";

function allocate(ids: StreamIds, count: number, inUse: ReadonlySet<number> = new Set()): (number | undefined)[] {
  return Array.from({ length: count }, () => ids.allocate(inUse));
}

describe("session/stream-ids", () => {
  it("are odd for a client and even for a server, without gaps", () => {
    expect(allocate(new StreamIds("client"), 4)).to.deep.equal([1, 3, 5, 7]);
    expect(allocate(new StreamIds("server"), 4)).to.deep.equal([2, 4, 6, 8]);
  });

  it("begin again behind 2^31-1 for a client, 2^31-2 for a server", () => {
    expect(allocate(new StreamIds("client", 0x7ffffffd), 4)).to.deep.equal([0x7ffffffd, 0x7fffffff, 1, 3]);
    expect(allocate(new StreamIds("server", 0x7ffffffe), 3)).to.deep.equal([0x7ffffffe, 2, 4]);
  });

  it("skip those in use, also across the wrap", () => {
    expect(allocate(new StreamIds("client", 0x7fffffff), 3, new Set([0x7fffffff, 1, 5]))).to.deep.equal([3, 7, 9]);
  });

  it("aren't used again before the wrap", () => {
    const ids = new StreamIds("client");
    const inUse = new Set([1]);
    expect(ids.allocate(inUse)).to.equal(3);
    inUse.delete(1);
    expect(ids.allocate(inUse)).to.equal(5);
  });

  it("run out when all are in use, and come back when one is free", () => {
    const ids = new StreamIds("client", 3, 7);
    const inUse = new Set([1, 3, 5, 7]);
    expect(ids.allocate(inUse)).to.equal(undefined);
    inUse.delete(1);
    expect(ids.allocate(inUse)).to.equal(1);
  });

  it("tell their owner", () => {
    const ids = new StreamIds("server");
    expect([ids.owns(2), ids.owns(3), ids.owns(0x7ffffffe)]).to.deep.equal([true, false, true]);
  });

  it("tell the highest that was handed out; after a wrap all were", () => {
    const ids = new StreamIds("client", 0x7ffffffd);
    expect(ids.highest).to.equal(0);
    allocate(ids, 1);
    expect(ids.highest).to.equal(0x7ffffffd);
    allocate(ids, 3);
    expect(ids.highest).to.equal(0x7fffffff);
  });
});
