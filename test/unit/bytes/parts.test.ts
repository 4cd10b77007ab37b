// SPDX-License-Identifier: Apache-2.0
// The unit tests of bytes/parts.ts.

import { expect } from "chai";
import { isWorthItsChunk, joinParts, lengthOf, Parts } from "../../../runtime/src/bytes/parts.js";
import { bytesOf } from "../../support/frames-dsl.js";

describe("bytes/parts", () => {
  it("holds a part as it is when it is long and at least half of its chunk, and a copy otherwise", () => {
    const chunk = new Uint8Array(65_536);
    const parts = new Parts();
    parts.push(chunk.subarray(0, 32_768));
    parts.push(chunk.subarray(32_768, 65_535));
    parts.push(new Uint8Array(4_095));
    const held = parts.take();
    expect(held.map(({ length }) => length)).to.deep.equal([32_768, 32_767, 4_095]);
    expect(held.map(({ buffer }) => buffer === chunk.buffer)).to.deep.equal([true, false, false]);
    expect(isWorthItsChunk(new Uint8Array(4_096)), "all of its chunk").to.equal(true);
    expect(isWorthItsChunk(new Uint8Array(4_095)), "too short").to.equal(false);
  });

  it("gathers small parts in few arrays, of which at most half is unused", () => {
    const parts = new Parts();
    for (let i = 0; i < 10_000; i++) parts.push(Uint8Array.of(i));
    const held = parts.take();
    expect(held.length).to.be.below(20);
    expect(held.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).to.be.at.most(20_000);
    expect(joinParts(held)).to.deep.equal(Uint8Array.from({ length: 10_000 }, (_, i) => i));
  });

  it("joins all in order, and passes a single one on", () => {
    const parts = new Parts();
    expect(parts.join()).to.deep.equal(bytesOf(""));
    const first = new Uint8Array(5_000).fill(0x61);
    parts.push(first);
    expect(parts.join()).to.equal(first);
    parts.push(bytesOf("62"));
    parts.push(bytesOf(""));
    parts.push(new Uint8Array(5_000).fill(0x63));
    expect(parts.byteLength).to.equal(10_001);
    const joined = parts.join();
    expect(joined.buffer.byteLength).to.equal(10_001);
    expect([joined[4_999], joined[5_000], joined[5_001], joined[10_000]]).to.deep.equal([0x61, 0x62, 0x63, 0x63]);
  });

  describe("of which a length is expected", () => {
    /** 1,000 bytes in lent memory, overwritten behind each. */
    function pushLent(parts: Parts, count: number): void {
      const memory = new Uint8Array(1_000);
      for (let i = 0; i < count; i++) {
        parts.push(memory.fill(i + 1), true);
        memory.fill(0xee);
      }
    }

    const expected = (count: number): Uint8Array => Uint8Array.from({ length: count * 1_000 }, (_, i) => 1 + i / 1_000);

    it("copies lent ones to where they will stand together, once an eighth has come", () => {
      const parts = new Parts();
      parts.expect(8_001);
      pushLent(parts, 1);
      expect(parts.byteLength).to.equal(1_000);
      pushLent(parts, 0);
      const whole = new Parts();
      whole.expect(8_000);
      pushLent(whole, 8);
      const joined = whole.join();
      expect([whole.byteLength, joined.buffer.byteLength]).to.deep.equal([8_000, 8_000]);
      expect(joined).to.deep.equal(expected(8));
      // An announcement alone allocates nothing: a ninth is there, and the rest is gathered.
      expect(parts.join().buffer.byteLength).to.equal(1_000);
    });

    it("is no promise: fewer and more are what they are", () => {
      for (const announced of [0, 500, 1_000, 5_000, 7_999, 8_000, 8_001, 12_000, 60_000, 2 ** 40, Number.MAX_VALUE]) {
        const parts = new Parts();
        parts.expect(announced);
        pushLent(parts, 8);
        expect(parts.byteLength).to.equal(8_000);
        expect(parts.join(), String(announced)).to.deep.equal(expected(8));
      }
    });

    it("takes parts that aren't lent among them", () => {
      const parts = new Parts();
      parts.expect(20_000);
      parts.push(new Uint8Array(6_000).fill(7));
      parts.push(new Uint8Array(1_000).fill(8), true);
      parts.push(new Uint8Array(6_000).fill(9));
      const joined = parts.join();
      expect(joined).to.deep.equal(Uint8Array.from({ length: 13_000 }, (_, i) => (i < 6_000 ? 7 : i < 7_000 ? 8 : 9)));
      expect(joined.buffer.byteLength).to.equal(20_000);
    });
  });

  it("knows the length of several", () => {
    expect(lengthOf([])).to.equal(0);
    expect(lengthOf([bytesOf("6162"), bytesOf(""), bytesOf("63")])).to.equal(3);
  });
});
