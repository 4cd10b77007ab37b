// SPDX-License-Identifier: Apache-2.0
// What encoders do beside the bytes of test/unit/frames/codec.test.ts: pass on by reference, announce sizes, refuse.

import { expect } from "chai";
import { createBatch, REFERENCE_BYTES, SLAB_BYTES, type SlabWriter } from "../../../runtime/src/bytes/slab.js";
import {
  encodeError,
  encodeExt,
  encodeFrame,
  encodeKeepalive,
  encodeLease,
  encodeMetadataPush,
  encodePayloadFrame,
  encodeResume,
  encodeSetup,
  payloadFrameBytes,
} from "../../../runtime/src/frames/encode.js";
import { Flag, FrameType, MAX_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { SPECIMENS } from "./catalogue.js";
import { createWriter, encoded, takeAll } from "./support.js";

const NOTHING = new Uint8Array(0);
const SETUP = {
  majorVersion: 1,
  minorVersion: 0,
  keepaliveIntervalMs: 20_000,
  maxLifetimeMs: 90_000,
  resumeToken: undefined,
  lease: false,
  metadataMimeType: "a/b",
  dataMimeType: "c/d",
  metadata: undefined,
  data: NOTHING,
};

describe("encodePayloadFrame", () => {
  function payload(writer: SlabWriter, data: Uint8Array, metadata?: Uint8Array): void {
    encodePayloadFrame(writer, 1, FrameType.PAYLOAD, Flag.NEXT, -1, metadata, data);
  }

  it("passes data of 8 KiB on as it is, and copies less", () => {
    const writer = createWriter();
    const long = new Uint8Array(REFERENCE_BYTES).fill(0x61);
    const short = new Uint8Array(REFERENCE_BYTES - 1).fill(0x62);
    payload(writer, long, bytesOf("6d64"));
    payload(writer, short);
    const batch = createBatch();
    writer.takeInto(batch, Number.POSITIVE_INFINITY);
    const [head, reference, rest, ...more] = batch.chunks;
    // length 6 + 3 + 2 + 8192, stream 1, PAYLOAD M N, metadata of 2 bytes
    expect(hexOf(head ?? NOTHING)).to.equal("00200b" + "000000012920" + "0000026d64");
    expect(reference, "the very same").to.equal(long);
    expect(rest).to.have.length(3 + 6 + REFERENCE_BYTES - 1);
    expect(more).to.have.length(0);
    expect(rest?.buffer).not.to.equal(short.buffer);
  });

  it("copies metadata of any length, so that its owner may change it", () => {
    const metadata = new Uint8Array(REFERENCE_BYTES).fill(0x6d);
    const frame = encoded((writer) => {
      payload(writer, NOTHING, metadata);
      metadata.fill(0);
    });
    expect(hexOf(frame.subarray(0, 10))).to.equal("000000012920" + "002000" + "6d");
    expect(frame.at(-1)).to.equal(0x6d);
  });

  it("copies short and middling payloads exactly, around the lengths where it copies another way", () => {
    for (let length = 0; length < 80; length++) {
      const data = Uint8Array.from({ length }, (_, i) => i + 1);
      const metadata = Uint8Array.from({ length }, (_, i) => 0xff - i);
      const frame = encoded((writer) => payload(writer, data, metadata));
      const size = length.toString(16).padStart(6, "0");
      expect(hexOf(frame)).to.equal(`000000012920${size}${hexOf(metadata)}${hexOf(data)}`);
    }
  });

  it("needs as many bytes as payloadFrameBytes says", () => {
    for (const initialRequestN of [-1, 0, 7]) {
      for (const metadata of [undefined, NOTHING, bytesOf("6d64")]) {
        for (const data of [NOTHING, bytesOf("68"), new Uint8Array(REFERENCE_BYTES)]) {
          const type = initialRequestN < 0 ? FrameType.REQUEST_RESPONSE : FrameType.REQUEST_STREAM;
          const frame = encoded((writer) => encodePayloadFrame(writer, 1, type, 0, initialRequestN, metadata, data));
          expect(payloadFrameBytes(initialRequestN, metadata, data)).to.equal(frame.length);
        }
      }
    }
  });
});

describe("a frame that can't be said", () => {
  // Never read or copied: its length alone decides.
  const bytesOfLength = (length: number): Uint8Array => ({ length }) as Uint8Array;

  it("is refused when three bytes of length can't say it, and nothing of it is written (FRM-04)", () => {
    const CASES: readonly (readonly [
      what: string,
      leastBytes: number,
      encode: (w: SlabWriter, more: number) => void,
    ])[] = [
      ["PAYLOAD", 6, (w, more) => encodePayloadFrame(w, 1, FrameType.PAYLOAD, 0, -1, undefined, bytesOfLength(more))],
      [
        "PAYLOAD by its metadata",
        9,
        (w, more) => encodePayloadFrame(w, 1, FrameType.PAYLOAD, 0, -1, bytesOfLength(more), NOTHING),
      ],
      ["SETUP", 26, (w, more) => encodeSetup(w, { ...SETUP, data: bytesOfLength(more) })],
      ["LEASE", 14, (w, more) => encodeLease(w, 1, 1, bytesOfLength(more))],
      ["KEEPALIVE", 14, (w, more) => encodeKeepalive(w, true, 0, bytesOfLength(more))],
      ["ERROR", 10, (w, more) => encodeError(w, 1, 0x201, bytesOfLength(more))],
      ["METADATA_PUSH", 6, (w, more) => encodeMetadataPush(w, bytesOfLength(more))],
      ["EXT", 10, (w, more) => encodeExt(w, 1, true, 1, undefined, bytesOfLength(more))],
    ];
    for (const [what, leastBytes, encode] of CASES) {
      const writer = createWriter();
      expect(() => encode(writer, MAX_FRAME_BYTES - leastBytes + 1), what).to.throw(
        RangeError,
        "frame of 16777216 bytes, expected at most 16777215 (RSocket 1.0 §Framing)",
      );
      expect(writer.byteLength, what).to.equal(0);
    }
  });

  it("is written when it is just short enough", () => {
    const writer = createWriter();
    encodePayloadFrame(writer, 1, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, new Uint8Array(MAX_FRAME_BYTES - 6));
    const batch = createBatch();
    writer.takeInto(batch, Number.POSITIVE_INFINITY);
    expect(batch.byteLength).to.equal(3 + MAX_FRAME_BYTES);
    expect(hexOf(batch.chunks[0] ?? NOTHING)).to.equal("ffffff" + "000000012820");
  });

  it("is refused for a mime type that one byte of length can't say, in bytes, not in letters", () => {
    const writer = createWriter();
    for (const field of ["metadataMimeType", "dataMimeType"]) {
      expect(() => encodeSetup(writer, { ...SETUP, [field]: "a".repeat(256) })).to.throw(
        RangeError,
        `mime type of 256 bytes, expected at most 255 (RSocket 1.0 §SETUP): ${"a".repeat(64)}…`,
      );
      expect(() => encodeSetup(writer, { ...SETUP, [field]: "é".repeat(128) })).to.throw(RangeError, "of 256 bytes");
    }
    expect(writer.byteLength).to.equal(0);
    encodeSetup(writer, { ...SETUP, dataMimeType: `a${"é".repeat(127)}` });
    expect(writer.byteLength).to.be.above(0);
  });

  it("is refused for a token that two bytes of length can't say", () => {
    const writer = createWriter();
    const token = new Uint8Array(65_536);
    const message = "resume token of 65536 bytes, expected at most 65535 (RSocket 1.0 §RESUME)";
    expect(() => encodeSetup(writer, { ...SETUP, resumeToken: token })).to.throw(RangeError, message);
    expect(() => encodeResume(writer, token, 0, 0)).to.throw(RangeError, message);
    expect(writer.byteLength).to.equal(0);
    const longest = encoded((w) => encodeSetup(w, { ...SETUP, resumeToken: token.subarray(1) }));
    // SETUP R, version 1.0, keepalive, lifetime, token length
    expect(hexOf(longest.subarray(0, 20))).to.equal("000000000480" + "00010000" + "00004e20" + "00015f90" + "ffff");
    expect(longest).to.have.length(6 + 12 + 2 + 65_535 + 8);
  });
});

describe("encodeResume", () => {
  it("says version 1.0 unless told otherwise", () => {
    const frame = encoded((writer) => encodeResume(writer, bytesOf("74"), 1, 2));
    expect(hexOf(frame)).to.equal("000000003400" + "00010000" + "000174" + "0000000000000001" + "0000000000000002");
  });
});

describe("frames one after another", () => {
  it("stand each behind its length, and none writes into another", () => {
    const writer = createWriter();
    const rounds = 200;
    for (let round = 0; round < rounds; round++) for (const { frame } of SPECIMENS) encodeFrame(writer, frame);
    const oneRound = SPECIMENS.map(({ hex }) => (hex.length / 2).toString(16).padStart(6, "0") + hex).join("");
    expect((oneRound.length / 2) * rounds, "more than a slab").to.be.above(2 * SLAB_BYTES);
    expect(hexOf(takeAll(writer)) === oneRound.repeat(rounds)).to.equal(true);
  });
});
