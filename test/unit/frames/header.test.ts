// SPDX-License-Identifier: Apache-2.0
// Numbers and the six bytes in front of every frame (RSocket 1.0 §Framing Format), judged by DataView.

import { expect } from "chai";
import {
  readUint16,
  readUint24,
  readUint31,
  readUint32,
  readUint63,
  writeUint16,
  writeUint24,
  writeUint32,
  writeUint63,
} from "../../../runtime/src/bytes/integers.js";
import { readFlags, readFrameType, readStreamId, writeHeader } from "../../../runtime/src/frames/header.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { random } from "../../support/rng.js";

describe("numbers", () => {
  it(
    "are big endian, unsigned, and without the reserved top bit (FRM-05, HDR-05)",
    random((rng) => {
      for (let round = 0; round < 500; round++) {
        const bytes = rng.bytes(20);
        const at = rng.below(12);
        const view = new DataView(bytes.buffer);
        expect(readUint16(bytes, at)).to.equal(view.getUint16(at));
        expect(readUint24(bytes, at)).to.equal(view.getUint32(at) >>> 8);
        expect(readUint32(bytes, at)).to.equal(view.getUint32(at));
        expect(readUint31(bytes, at)).to.equal(view.getUint32(at) % 2 ** 31);
        const exact = BigInt.asUintN(63, view.getBigUint64(at));
        const largest = BigInt(Number.MAX_SAFE_INTEGER);
        expect(readUint63(bytes, at)).to.equal(Number(exact < largest ? exact : largest));
      }
    }),
  );

  it(
    "are written where they belong and nowhere else",
    random((rng) => {
      for (let round = 0; round < 500; round++) {
        const at = rng.below(12);
        const value = rng.uint32();
        const position = (value % 2 ** 21) * 2 ** 32 + rng.uint32();
        const write = (byteLength: number, action: (bytes: Uint8Array) => void): string => {
          const bytes = new Uint8Array(20).fill(0xee);
          action(bytes);
          expect(hexOf(bytes.subarray(0, at)) + hexOf(bytes.subarray(at + byteLength))).to.match(/^(ee)*$/);
          return hexOf(bytes.subarray(at, at + byteLength));
        };
        expect(write(2, (bytes) => writeUint16(bytes, at, value % 2 ** 16))).to.equal(digits(value % 2 ** 16, 2));
        expect(write(3, (bytes) => writeUint24(bytes, at, value % 2 ** 24))).to.equal(digits(value % 2 ** 24, 3));
        expect(write(4, (bytes) => writeUint32(bytes, at, value))).to.equal(digits(value, 4));
        expect(write(8, (bytes) => writeUint63(bytes, at, position))).to.equal(digits(position, 8));
      }
    }),
  );

  it("of 63 bits are exact below 2^53; more reads as 2^53-1", () => {
    const POSITIONS: readonly (readonly [hex: string, value: number])[] = [
      ["0000000000000000", 0],
      ["00000000ffffffff", 2 ** 32 - 1],
      ["0000000100000000", 2 ** 32],
      ["001ffffffffffffe", 2 ** 53 - 2],
      ["001fffffffffffff", 2 ** 53 - 1],
      ["8000000000000007", 7],
    ];
    for (const [hex, value] of POSITIONS) expect(readUint63(bytesOf(hex), 0), hex).to.equal(value);
    for (const hex of ["0020000000000000", "0020000000000001", "7fffffffffffffff", "ffffffffffffffff"]) {
      expect(readUint63(bytesOf(hex), 0), hex).to.equal(Number.MAX_SAFE_INTEGER);
    }
  });

  it("of 32 bits are unsigned: the largest code stays what it is", () => {
    expect(readUint32(bytesOf("fffffffe"), 0)).to.equal(4_294_967_294);
  });
});

describe("the header", () => {
  it("is stream id, 6 bits of type and 10 of flags, behind the length prefix", () => {
    const bytes = new Uint8Array(11).fill(0xee);
    writeHeader(bytes, 1, 0x010203, 0x7fffffff, 0x3f, 0x3ff);
    expect(hexOf(bytes)).to.equal("ee" + "010203" + "7fffffff" + "ffff" + "ee");
    writeHeader(bytes, 1, 6, 1, 0x0a, 0x120);
    expect(hexOf(bytes)).to.equal("ee" + "000006" + "00000001" + "2920" + "ee");
    expect(readStreamId(bytes, 4)).to.equal(1);
    expect(readFrameType(bytes, 4)).to.equal(0x0a);
    expect(readFlags(bytes, 4)).to.equal(0x120);
  });

  it("keeps every type and every flag apart", () => {
    const bytes = new Uint8Array(9);
    for (let type = 0; type < 0x40; type++) {
      for (const flags of [0, 0x3ff, 0x200, 0x100, 0x080, 0x001]) {
        writeHeader(bytes, 0, 6, 5, type, flags);
        expect([readFrameType(bytes, 3), readFlags(bytes, 3), readStreamId(bytes, 3)]).to.deep.equal([type, flags, 5]);
      }
    }
  });

  it("has a stream id of 31 bits: the reserved bit is no part of it", () => {
    expect(readStreamId(bytesOf("80000001"), 0)).to.equal(1);
    expect(readStreamId(bytesOf("ffffffff"), 0)).to.equal(0x7fffffff);
  });
});

function digits(value: number, byteLength: number): string {
  return value.toString(16).padStart(2 * byteLength, "0");
}
