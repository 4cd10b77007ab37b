// SPDX-License-Identifier: Apache-2.0
// Bytes as hex text and back.

import { expect } from "chai";
import { fromHex, hexDump, toHex } from "../../../runtime/src/bytes/hex.js";
import { random } from "../../support/rng.js";

describe("hex", () => {
  it("writes two lower-case digits per byte", () => {
    expect(toHex(Uint8Array.of(0x00, 0x0f, 0x10, 0xab, 0xff))).to.equal("000f10abff");
    expect(toHex(new Uint8Array(0))).to.equal("");
  });

  it("reads digits of both cases and skips white space of every kind", () => {
    expect([...fromHex("00 0F\n10\taB\r\nfF")]).to.deep.equal([0x00, 0x0f, 0x10, 0xab, 0xff]);
    expect([...fromHex("0 1")]).to.deep.equal([0x01]);
    expect(fromHex("")).to.have.length(0);
    expect(fromHex(" \n ")).to.have.length(0);
  });

  it("refuses half a byte and anything that is no digit, and shows it", () => {
    for (const text of ["0", "abc", "0g", "0x10", "-1", "1.", "00,00", "½½", "００"]) {
      expect(() => fromHex(text), text).to.throw(RangeError, `not hex: "${text}", expected an even number of digits`);
    }
  });

  it(
    "reads what it wrote",
    random((rng) => {
      for (let round = 0; round < 200; round++) {
        const bytes = rng.bytes(rng.below(100));
        expect(toHex(bytes)).to.equal(Buffer.from(bytes).toString("hex"));
        expect([...fromHex(toHex(bytes))]).to.deep.equal([...bytes]);
      }
    }),
  );

  it("cuts a dump and says how much is left out", () => {
    expect(hexDump(new Uint8Array(32))).to.equal("00".repeat(32));
    expect(hexDump(new Uint8Array(33))).to.equal(`${"00".repeat(32)}… (1 bytes more)`);
    expect(hexDump(Uint8Array.of(1, 2, 3), 2)).to.equal("0102… (1 bytes more)");
    expect(hexDump(Uint8Array.of(1, 2, 3), 0)).to.equal("… (3 bytes more)");
  });
});
