// SPDX-License-Identifier: Apache-2.0
// Frames to bytes and back (RSocket 1.0 §Frame Types), each byte by hand: the codec is never compared with itself.

import { expect } from "chai";
import { decodeFrame } from "../../../runtime/src/frames/decode.js";
import type { Frame } from "../../../runtime/src/frames/frame.js";
import { Flag, FrameType } from "../../../runtime/src/frames/layout.js";
import { bytesOf, hex, hexOf, repeat } from "../../support/frames-dsl.js";
import { LEGAL_FLAGS } from "../../support/legal-flags.js";
import { SPECIMENS } from "./catalogue.js";
import { decodeBetweenCanaries, encodedFrame } from "./support.js";

const FLAG_BITS = 0x3ff;

// The frame with more bits in its type-and-flags field.
function withBits(frame: string, bits: number): Uint8Array {
  const bytes = bytesOf(frame);
  bytes[4] = (bytes[4] ?? 0) | (bits >>> 8);
  bytes[5] = (bytes[5] ?? 0) | (bits & 0xff);
  return bytes;
}

describe("every frame", () => {
  for (const { what, hex: digits, frame } of SPECIMENS) {
    it(`reads and writes ${what}`, () => {
      expect(decodeFrame(bytesOf(digits))).to.deep.equal(frame);
      expect(hexOf(encodedFrame(frame))).to.equal(digits);
      expect(decodeBetweenCanaries(bytesOf(digits))).to.deep.equal(frame);
    });
  }

  it("is in the catalogue, with and without each of its flags", () => {
    for (const [type, legal] of LEGAL_FLAGS) {
      const heads = SPECIMENS.filter(({ frame }) => frame.type === type).map((one) =>
        Number(`0x${one.hex.slice(8, 12)}`),
      );
      expect(heads, `frames of type ${type}`).not.to.have.length(0);
      // I is read by EXT alone; METADATA_PUSH is never without M.
      const flags = legal & (type === FrameType.EXT ? FLAG_BITS : ~Flag.IGNORE);
      const always = type === FrameType.METADATA_PUSH ? Flag.METADATA : 0;
      expect(heads.reduce((all, head) => all | head, 0) & FLAG_BITS, `set on type ${type}`).to.equal(flags);
      expect(
        heads.reduce((all, head) => all & head, flags),
        `always set on type ${type}`,
      ).to.equal(always);
    }
  });

  it("is read the same with all flags set that its type doesn't define (HDR-02)", () => {
    for (const { what, hex: digits, frame } of SPECIMENS) {
      const undefinedBits = FLAG_BITS & ~(LEGAL_FLAGS.get(frame.type) ?? 0);
      expect(decodeFrame(withBits(digits, undefinedBits)), what).to.deep.equal(frame);
      for (let bit = 0x001; bit <= 0x200; bit <<= 1) {
        if ((undefinedBits & bit) === 0) continue;
        expect(decodeFrame(withBits(digits, bit)), `${what}, flag 0x${bit.toString(16)}`).to.deep.equal(frame);
      }
    }
  });

  it("is read the same with the ignore flag, which only EXT shows", () => {
    for (const { what, hex: digits, frame } of SPECIMENS) {
      const expected = frame.type === FrameType.EXT ? { ...frame, mayIgnore: true } : frame;
      expect(decodeFrame(withBits(digits, Flag.IGNORE)), what).to.deep.equal(expected);
    }
  });

  it("is read the same with the reserved top bit of its stream id set (HDR-05)", () => {
    for (const { what, hex: digits, frame } of SPECIMENS) {
      const bytes = bytesOf(digits);
      bytes[0] = (bytes[0] ?? 0) | 0x80;
      expect(decodeFrame(bytes), what).to.deep.equal(frame);
    }
  });

  it("is written with those flags only that its type defines (HDR-01)", () => {
    const frame = { streamId: 1, follows: true, complete: true, metadata: undefined, data: new Uint8Array(0) };
    const stream = { ...frame, type: FrameType.REQUEST_STREAM, initialRequestN: 1 } as const;
    // REQUEST_STREAM, F; n 1
    expect(hexOf(encodedFrame(stream))).to.equal("000000011880" + "00000001");
  });

  it("lies anywhere: start and end are kept to", () => {
    const bytes = bytesOf(hex`
      eeee
      00000001 2820 68  // PAYLOAD on stream 1, N, "h"
      ee
    `);
    const frame = decodeFrame(bytes, 2, 9) as Extract<Frame, { type: typeof FrameType.PAYLOAD }>;
    expect(hexOf(frame.data)).to.equal("68");
    expect(frame.data.buffer, "a view, not a copy").to.equal(bytes.buffer);
    expect(frame.data.byteOffset).to.equal(8);
  });

  it("gives plain views of a Buffer, not Buffers", () => {
    const frame = decodeFrame(Buffer.from("0000000129200000016d68", "hex"));
    if (frame.type !== FrameType.PAYLOAD) throw new Error("expected a PAYLOAD");
    for (const part of [frame.metadata, frame.data]) expect(part?.constructor).to.equal(Uint8Array);
    expect(hexOf(frame.data.slice(0, 1))).to.equal("68");
  });
});

describe("frames that we read but don't write", () => {
  const CASES: readonly (readonly [what: string, received: string, writtenAs: string])[] = [
    [
      "METADATA_PUSH with flags 0: the rest is metadata all the same (Q-JAVA-LENIENT)",
      hex`
        00000000  // stream 0
        3000      // METADATA_PUSH, no flags
        6d64      // metadata
      `,
      "000000003100" + "6d64",
    ],
    [
      "METADATA_PUSH on a stream, which the session ignores (MP-03)",
      hex`
        00000005  // stream 5
        3100      // METADATA_PUSH, M
        6d64      // metadata
      `,
      "000000003100" + "6d64",
    ],
    [
      "LEASE with metadata and without M",
      hex`
        00000000  // stream 0
        0800      // LEASE, no flags
        000003e8  // for 1,000 ms
        00000005  // 5 requests
        6d64      // metadata
      `,
      "000000000900" + "000003e8" + "00000005" + "6d64",
    ],
    [
      "LEASE with the reserved bits of both numbers",
      hex`
        00000000  // stream 0
        0800      // LEASE, no flags
        800003e8  // for 1,000 ms
        80000005  // 5 requests
      `,
      "000000000800" + "000003e8" + "00000005",
    ],
    [
      "KEEPALIVE with the reserved bit of its position",
      hex`
        00000000          // stream 0
        0c80              // KEEPALIVE, R
        8000000000000001  // position 1
      `,
      "000000000c80" + "0000000000000001",
    ],
    [
      "KEEPALIVE with a position of 2^53, which no connection reaches: 2^53-1",
      hex`
        00000000          // stream 0
        0c00              // KEEPALIVE, no flags
        0020000000000000  // position 2^53
      `,
      "000000000c00" + "001fffffffffffff",
    ],
    [
      "KEEPALIVE with the largest position: 2^53-1, and the reserved bit stays 0 (KA-06)",
      hex`
        00000000          // stream 0
        0c00              // KEEPALIVE, no flags
        ffffffffffffffff  // position 2^63-1 and the reserved bit
      `,
      "000000000c00" + "001fffffffffffff",
    ],
    [
      "REQUEST_STREAM with the reserved bit of its initial n",
      hex`
        00000001  // stream 1
        1800      // REQUEST_STREAM, no flags
        80000002  // initial n 2
      `,
      "000000011800" + "00000002",
    ],
    [
      "REQUEST_N with the reserved bit and bytes behind its field",
      hex`
        00000001  // stream 1
        2000      // REQUEST_N, no flags
        ffffffff  // n 2^31-1
        6869      // nothing we know
      `,
      "000000012000" + "7fffffff",
    ],
    [
      "CANCEL with a body",
      hex`
        00000001  // stream 1
        2400      // CANCEL, no flags
        6869      // nothing we know
      `,
      "000000012400",
    ],
    [
      "REQUEST_CHANNEL with N, as rsocket-go and rsocket-rust send it",
      hex`
        00000001  // stream 1
        1c20      // REQUEST_CHANNEL, N
        00000002  // initial n 2
        68        // data
      `,
      "000000011c00" + "00000002" + "68",
    ],
    [
      "SETUP with the reserved bits of its times",
      hex`
        00000000   // stream 0
        0400       // SETUP, no flags
        0001 0000  // version 1.0
        80004e20   // keepalive every 20,000 ms
        ffffffff   // lifetime 2^31-1 ms
        00 00      // no mime types
      `,
      `000000000400${"00010000"}${"00004e20"}${"7fffffff"}0000`,
    ],
    [
      "SETUP with a mime type that is no UTF-8",
      hex`
        00000000   // stream 0
        0400       // SETUP, no flags
        0001 0000  // version 1.0
        00004e20   // keepalive every 20,000 ms
        00015f90   // lifetime 90,000 ms
        02 61ff    // metadata mime type "a" and no character
        00         // data mime type ""
      `,
      `000000000400${"00010000"}${"00004e20"}${"00015f90"}${"0461efbfbd"}00`,
    ],
    [
      "RESUME with the reserved bits of its positions and bytes behind them",
      hex`
        00000000          // stream 0
        3400              // RESUME, no flags
        0001 0000         // version 1.0
        0001 74           // token of 1 byte
        8000000000000002  // last received server position 2
        8000000000000003  // first available client position 3
        6869              // nothing we know
      `,
      `000000003400${"00010000"}${"000174"}${"0000000000000002"}${"0000000000000003"}`,
    ],
    [
      "EXT with the reserved bit of its extended type",
      hex`
        00000000  // stream 0
        fe00      // EXT, I
        80000009  // extended type 9
      `,
      "00000000fe00" + "00000009",
    ],
  ];
  for (const [what, received, written] of CASES) {
    it(what, () => {
      const frame = decodeBetweenCanaries(bytesOf(received));
      if (frame === undefined) throw new Error("expected a frame");
      expect(hexOf(encodedFrame(frame))).to.equal(written);
    });
  }

  it("has metadata that takes the whole frame", () => {
    const all = hex`
      00000001                     // stream 1
      2920                         // PAYLOAD, M N
      0000ff ${repeat("6d", 255)}  // metadata of 255 bytes, and no data
    `;
    const frame = decodeFrame(bytesOf(all));
    expect(frame).to.deep.include({ metadata: new Uint8Array(255).fill(0x6d), data: new Uint8Array(0) });
  });
});
