// SPDX-License-Identifier: Apache-2.0
// What a call costs in writes, bytes and heap: the same on every machine, so that it is asserted.

import { expect } from "chai";
import ours from "./contestants/ours.js";
import { countConnectionHeap, countHeap, countWire } from "./counts.js";

describe("a unary call of 16 bytes, 128 in flight", function () {
  // On a machine that does much else at the same time.
  this.timeout(60_000);

  // First, before calls of other kinds: what the engine knows less well it keeps on the heap.
  it("takes at most 3.4 KB of the heap, both ends and its caller together", async () => {
    expect(await countHeap(ours)).to.be.within(1_000, 3_400);
  });

  it("takes at most 0.06 writes and 150 bytes on the wire, both ends together", async () => {
    const { both } = await countWire(ours);
    expect(both.writes).to.be.at.most(0.06);
    // Exactly: 3 + 6 header + 3 + 26 route + 18 message there, 3 + 6 + 18 back.
    expect(both.bytes).to.equal(83);
  });

  it("takes at most 185 bytes on the wire with a deadline, and no write more", async () => {
    const { both } = await countWire(ours, { feature: "deadline" });
    expect(both.writes).to.be.at.most(0.06);
    expect(both.bytes).to.be.within(100, 185);
  });

  it("leaves in as few writes when it carries 1 KiB", async () => {
    const { both } = await countWire(ours, { payloadBytes: 1024 });
    expect(both.writes).to.be.at.most(0.06);
  });
});

describe("a connection", function () {
  this.timeout(60_000);

  it("takes at most 59 KB of the heap until its first call is answered, both ends, their sockets and the stub together", async () => {
    expect(await countConnectionHeap(ours, "all")).to.be.within(15_000, 59_000);
  });

  it("keeps at most 19.5 KB of them when nothing happens on it", async () => {
    expect(await countConnectionHeap(ours, "kept")).to.be.within(6_000, 19_500);
  });
});
