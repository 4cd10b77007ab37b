// SPDX-License-Identifier: Apache-2.0
// Bytes that are no frame: each is refused with its reason, none leads beyond its end (FRM-07, META-02).

import { expect } from "chai";
import { decodeFrame } from "../../../runtime/src/frames/decode.js";
import { FrameFormatError } from "../../../runtime/src/frames/errors.js";
import { Flag, FrameType } from "../../../runtime/src/frames/layout.js";
import { readPayloadStart, viewOf } from "../../../runtime/src/frames/payload-start.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";
import { SPECIMENS } from "./catalogue.js";
import { decodeBetweenCanaries } from "./support.js";

/** The fixed fields of each type, header included: with less it is no frame. */
const LEAST_BYTES: ReadonlyMap<number, number> = new Map([
  [FrameType.SETUP, 6 + 12 + 2],
  [FrameType.LEASE, 6 + 8],
  [FrameType.KEEPALIVE, 6 + 8],
  [FrameType.REQUEST_RESPONSE, 6],
  [FrameType.REQUEST_FNF, 6],
  [FrameType.REQUEST_STREAM, 6 + 4],
  [FrameType.REQUEST_CHANNEL, 6 + 4],
  [FrameType.REQUEST_N, 6 + 4],
  [FrameType.CANCEL, 6],
  [FrameType.PAYLOAD, 6],
  [FrameType.ERROR, 6 + 4],
  [FrameType.METADATA_PUSH, 6],
  [FrameType.RESUME, 6 + 6 + 16],
  [FrameType.RESUME_OK, 6 + 8],
  [FrameType.EXT, 6 + 4],
]);

function refusal(digits: string): FrameFormatError {
  try {
    decodeFrame(bytesOf(digits));
  } catch (error) {
    expect(error).to.be.instanceOf(FrameFormatError);
    return error as FrameFormatError;
  }
  throw new Error(`${digits} was read`);
}

describe("decodeFrame", () => {
  it("needs exactly the fixed fields of each type", () => {
    for (const [type, leastBytes] of LEAST_BYTES) {
      const zeros = new Uint8Array(leastBytes);
      zeros[4] = type << 2;
      expect(decodeBetweenCanaries(zeros)?.type, `type ${type}, ${leastBytes} bytes`).to.equal(type);
      expect(decodeBetweenCanaries(zeros, leastBytes - 1), `type ${type}, one byte less`).to.equal(undefined);
    }
  });

  it("reads or refuses every beginning of every frame by that beginning alone", () => {
    for (const { what, hex: digits, frame } of SPECIMENS) {
      const bytes = bytesOf(digits);
      const least = LEAST_BYTES.get(frame.type) ?? 0;
      for (let end = 0; end < bytes.length; end++) {
        const read = decodeBetweenCanaries(bytes, end);
        if (end < least) expect(read, `${what}, ${end} bytes`).to.equal(undefined);
        // What is read is the same frame with less in it, never another one.
        else if (read !== undefined) expect(read.type, what).to.equal(frame.type);
      }
    }
  });

  it("refuses fewer bytes than a header", () => {
    expect(refusal("").message).to.equal("frame of 0 bytes, expected at least 6 (RSocket 1.0 §Framing)");
    expect(refusal("0000000110").message).to.equal("frame of 5 bytes, expected at least 6 (RSocket 1.0 §Framing)");
    expect(refusal("0000000130").mayIgnore, "its flags aren't there").to.equal(false);
  });

  it("refuses every type that isn't defined, and tells whether it may be ignored (HDR-03)", () => {
    for (let type = 0; type < 0x40; type++) {
      if (LEAST_BYTES.has(type)) continue;
      const bytes = new Uint8Array(6);
      bytes[3] = 9;
      bytes[4] = type << 2;
      const name = type === 0 ? "RESERVED" : `0x${type.toString(16).padStart(2, "0")}`;
      const error = refusal(hexOf(bytes));
      expect(error.message).to.equal(`frame type ${name} on stream 9 is not defined (RSocket 1.0 §Frame Types)`);
      expect(error.mayIgnore).to.equal(false);
      bytes[4] = (type << 2) | (Flag.IGNORE >>> 8);
      expect(refusal(hexOf(bytes)).mayIgnore).to.equal(true);
    }
  });

  const CUT: readonly (readonly [what: string, hex: string, reason: string])[] = [
    [
      "metadata that is longer than its frame",
      hex`
        00000001     // stream 1
        2920         // PAYLOAD, M N
        000003 6d64  // metadata of 3 bytes, 2 are there
      `,
      "PAYLOAD is cut short: metadata needs 3 bytes, 2 are left",
    ],
    [
      "the longest metadata that can be declared",
      hex`
        00000001   // stream 1
        1100       // REQUEST_RESPONSE, M
        ffffff 6d  // metadata of 2^24-1 bytes
      `,
      "REQUEST_RESPONSE is cut short: metadata needs 16777215 bytes, 1 are left",
    ],
    [
      "M without room for a length",
      hex`
        00000001  // stream 1
        1d00      // REQUEST_CHANNEL, M
        00000001  // initial n 1
        0000      // two bytes of a length
      `,
      "REQUEST_CHANNEL is cut short: metadata length needs 3 bytes, 2 are left",
    ],
    [
      "a token that is longer than its frame",
      hex`
        00000000   // stream 0
        0480       // SETUP, R
        0001 0000  // version 1.0
        00004e20   // keepalive
        00015f90   // lifetime
        ffff 74    // token of 65,535 bytes
      `,
      "SETUP is cut short: resume token needs 65535 bytes, 1 are left",
    ],
    [
      "a mime type that is longer than its frame",
      hex`
        00000000   // stream 0
        0400       // SETUP, no flags
        0001 0000  // version 1.0
        00004e20   // keepalive
        00015f90   // lifetime
        02 61      // metadata mime type of 2 bytes, 1 is there
      `,
      "SETUP is cut short: metadata mime type needs 2 bytes, 1 are left",
    ],
    [
      "a second mime type that is missing",
      hex`
        00000000   // stream 0
        0400       // SETUP, no flags
        0001 0000  // version 1.0
        00004e20   // keepalive
        00015f90   // lifetime
        01 61      // metadata mime type
      `,
      "SETUP is cut short: mime length needs 1 bytes, 0 are left",
    ],
    [
      "RESUME whose token takes the room of a position",
      hex`
        00000000                           // stream 0
        3400                               // RESUME, no flags
        0001 0000                          // version 1.0
        0009 0000000000000000 00000000     // token of 9 bytes
        00000000                           // 7 bytes for two positions
      `,
      "RESUME is cut short: server position needs 8 bytes, 7 are left",
    ],
    [
      "half a code",
      hex`
        00000001  // stream 1
        2c00      // ERROR, no flags
        0002      // half a code
      `,
      "ERROR is cut short: error code needs 4 bytes, 2 are left",
    ],
  ];
  for (const [what, digits, reason] of CUT) {
    it(`refuses ${what}, and says what was missing`, () => {
      expect(refusal(digits).message).to.equal(`${reason} (RSocket 1.0 §Frame Types)`);
      expect(refusal(digits).mayIgnore).to.equal(false);
      const ignorable = bytesOf(digits);
      ignorable[4] = (ignorable[4] ?? 0) | (Flag.IGNORE >>> 8);
      expect(refusal(hexOf(ignorable)).mayIgnore, "with I it may be dropped (META-02)").to.equal(true);
    });
  }
});

describe("readPayloadStart", () => {
  const bytes = bytesOf(hex`
    eeee         // something else
    000002 6d64  // metadata of 2 bytes
    6869         // data
    eeee         // something else
  `);

  it("is where the data begins: behind the metadata, or at once without M", () => {
    expect(readPayloadStart(bytes, 2, 9, Flag.METADATA)).to.equal(7);
    expect(readPayloadStart(bytes, 2, 9, Flag.METADATA | Flag.NEXT | Flag.IGNORE)).to.equal(7);
    expect(readPayloadStart(bytes, 2, 9, Flag.NEXT)).to.equal(2);
    expect(readPayloadStart(bytes, 9, 9, 0), "of an empty payload").to.equal(9);
  });

  it("is the frame's end when the metadata takes all of it", () => {
    expect(readPayloadStart(bytes, 2, 7, Flag.METADATA)).to.equal(7);
  });

  it("is -1 when the metadata, or its length, doesn't fit the frame, whatever stands behind it (META-02)", () => {
    for (let end = 2; end < 7; end++) expect(readPayloadStart(bytes, 2, end, Flag.METADATA), `${end}`).to.equal(-1);
    expect(readPayloadStart(bytesOf("ffffff"), 0, 3, Flag.METADATA)).to.equal(-1);
  });

  it("agrees with decodeFrame on every frame that it is for", () => {
    for (const { what, hex: digits, frame } of SPECIMENS) {
      if (!("metadata" in frame && "data" in frame) || frame.type === FrameType.SETUP) continue;
      const hasNumber = "initialRequestN" in frame || frame.type === FrameType.EXT;
      const whole = bytesOf(digits);
      const flags = Number(`0x${digits.slice(8, 12)}`) & 0x3ff;
      const dataStart = readPayloadStart(whole, hasNumber ? 10 : 6, whole.length, flags);
      expect(whole.length - dataStart, what).to.equal(frame.data.length);
    }
  });
});

describe("viewOf", () => {
  it("is a plain view of the same bytes, also of a view and of a Buffer", () => {
    const whole = bytesOf("000102030405");
    for (const bytes of [whole.subarray(1), Buffer.from(whole.buffer).subarray(1)]) {
      const view = viewOf(bytes, 1, 3);
      expect(view.constructor).to.equal(Uint8Array);
      expect(hexOf(view)).to.equal("0203");
      expect(view.buffer).to.equal(bytes.buffer);
    }
    expect(viewOf(whole, 6, 6)).to.have.length(0);
  });
});
