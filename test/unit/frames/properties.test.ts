// SPDX-License-Identifier: Apache-2.0
// What holds for any frame and any bytes. fast-check prints the seed and the smallest case of a failure.

import { expect } from "chai";
import fc from "fast-check";
import { encodeUtf8 } from "../../../runtime/src/bytes/utf8.js";
import { LengthDeframer } from "../../../runtime/src/frames/deframer.js";
import type { Frame } from "../../../runtime/src/frames/frame.js";
import { FrameType, MAX_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { LEGAL_FLAGS } from "../../support/legal-flags.js";
import { SPECIMENS } from "./catalogue.js";
import { decodeBetweenCanaries, encodedFrame } from "./support.js";

const uint31 = fc.nat({ max: 0x7fffffff });
const extendedType = fc.integer({ min: 1, max: 0x7fffffff });
const uint16 = fc.nat({ max: 0xffff });
const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const bytes = fc.uint8Array({ maxLength: 40 });
const optionalBytes = fc.option(bytes, { nil: undefined });
const body = { metadata: optionalBytes, data: fc.oneof(bytes, fc.uint8Array({ minLength: 8_190, maxLength: 8_194 })) };
const mimeType = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => encodeUtf8(text).length <= 255);
const boolean = fc.boolean();

function constant<T>(value: T): fc.Arbitrary<T> {
  return fc.constant(value);
}

const FRAMES: readonly fc.Arbitrary<Frame>[] = [
  fc.record({
    type: constant(FrameType.SETUP),
    streamId: constant(0),
    majorVersion: uint16,
    minorVersion: uint16,
    keepaliveIntervalMs: uint31,
    maxLifetimeMs: uint31,
    resumeToken: optionalBytes,
    lease: boolean,
    metadataMimeType: mimeType,
    dataMimeType: mimeType,
    ...body,
  }),
  fc.record({
    type: constant(FrameType.LEASE),
    streamId: constant(0),
    ttlMs: uint31,
    requestCount: uint31,
    metadata: optionalBytes,
  }),
  fc.record({
    type: constant(FrameType.KEEPALIVE),
    streamId: constant(0),
    respond: boolean,
    lastReceivedPosition: position,
    data: bytes,
  }),
  fc.record({
    type: fc.constantFrom(FrameType.REQUEST_RESPONSE, FrameType.REQUEST_FNF),
    streamId: uint31,
    follows: boolean,
    ...body,
  }),
  fc.record({
    type: constant(FrameType.REQUEST_STREAM),
    streamId: uint31,
    follows: boolean,
    complete: constant(false),
    initialRequestN: uint31,
    ...body,
  }),
  fc.record({
    type: constant(FrameType.REQUEST_CHANNEL),
    streamId: uint31,
    follows: boolean,
    complete: boolean,
    initialRequestN: uint31,
    ...body,
  }),
  fc.record({ type: constant(FrameType.REQUEST_N), streamId: uint31, requestN: uint31 }),
  fc.record({ type: constant(FrameType.CANCEL), streamId: uint31 }),
  fc.record({
    type: constant(FrameType.PAYLOAD),
    streamId: uint31,
    follows: boolean,
    complete: boolean,
    next: boolean,
    ...body,
  }),
  fc.record({
    type: constant(FrameType.ERROR),
    streamId: uint31,
    code: fc.nat({ max: 0xffffffff }),
    data: bytes,
  }),
  fc.record({ type: constant(FrameType.METADATA_PUSH), streamId: constant(0), metadata: bytes }),
  fc.record({
    type: constant(FrameType.RESUME),
    streamId: constant(0),
    majorVersion: uint16,
    minorVersion: uint16,
    resumeToken: bytes,
    lastReceivedServerPosition: position,
    firstAvailableClientPosition: position,
  }),
  fc.record({ type: constant(FrameType.RESUME_OK), streamId: constant(0), lastReceivedClientPosition: position }),
  fc.record({ type: constant(FrameType.EXT), streamId: uint31, mayIgnore: boolean, extendedType, ...body }),
];
const anyFrame = fc.oneof(...FRAMES);

// Bytes that get far: a frame with a few bytes changed, cut or appended; or any bytes behind a type that exists.
const mutatedFrame = fc
  .tuple(
    fc.constantFrom(...SPECIMENS),
    fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 0xff })), { maxLength: 3 }),
    fc.nat({ max: 600 }),
    fc.uint8Array({ maxLength: 8 }),
  )
  .map(([{ hex }, changes, end, tail]) => {
    const frame = new Uint8Array([...bytesOf(hex).subarray(0, end), ...tail]);
    for (const [at, byte] of changes) if (frame.length > 0) frame[at % frame.length] = byte;
    return frame;
  });
const typedBytes = fc
  .tuple(fc.constantFrom(...LEGAL_FLAGS.keys()), fc.nat({ max: 0x3ff }), fc.uint8Array({ maxLength: 60 }))
  .map(([type, flags, rest]) => Uint8Array.of(0, 0, 0, 1, (type << 2) | (flags >>> 8), flags & 0xff, ...rest));
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), mutatedFrame, typedBytes);

describe("any frame", () => {
  it("has a property for its type", () => {
    const seen = new Set(fc.sample(anyFrame, { numRuns: 1_000, seed: 1 }).map(({ type }) => type));
    expect([...LEGAL_FLAGS.keys()].filter((type) => !seen.has(type as Frame["type"]))).to.deep.equal([]);
  });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(anyFrame, (frame) => {
        expect(decodeBetweenCanaries(encodedFrame(frame))).to.deep.equal(frame);
      }),
      { numRuns: 600 },
    );
  });

  it("is found by the deframer in a stream of others, wherever that is cut", () => {
    const frames = fc.array(
      anyFrame.map((frame) => hexOf(encodedFrame(frame))),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(frames, fc.array(fc.nat({ max: 10_000 }), { maxLength: 12 }), (written, cuts) => {
        const stream = bytesOf(written.map((hex) => (hex.length / 2).toString(16).padStart(6, "0") + hex).join(""));
        const got: string[] = [];
        const deframer = new LengthDeframer(MAX_FRAME_BYTES, (chunk, start, end) => {
          got.push(hexOf(chunk.subarray(start, end)));
          return true;
        });
        const ends = [...cuts.map((cut) => cut % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        for (const [i, end] of ends.entries()) deframer.push(stream.slice(ends[i - 1] ?? 0, end));
        expect(got).to.deep.equal(written);
        expect(deframer.heldBytes).to.equal(0);
      }),
      { numRuns: 200 },
    );
  });
});

describe("any bytes", () => {
  it("are a frame or a FrameFormatError, by themselves alone", () => {
    fc.assert(
      fc.property(anyBytes, (input) => {
        decodeBetweenCanaries(input);
      }),
      { numRuns: 3_000 },
    );
  });

  it("that are a frame mean the same when we write them", () => {
    fc.assert(
      fc.property(anyBytes, (input) => {
        const frame = decodeBetweenCanaries(input);
        if (frame === undefined || hasGrownMimeType(frame) || isReserved(frame)) return;
        // What has no place in the frame is gone (undefined flags, reserved bits, trailing bytes); the rest is as it was.
        expect(decodeBetweenCanaries(encodedFrame(frame))).to.deep.equal(onItsStream(frame));
      }),
      { numRuns: 2_000 },
    );
  });
});

const ON_STREAM_0: ReadonlySet<number> = new Set([
  FrameType.SETUP,
  FrameType.LEASE,
  FrameType.KEEPALIVE,
  FrameType.METADATA_PUSH,
  FrameType.RESUME,
  FrameType.RESUME_OK,
]);

// Frames of the connection are written on stream 0, wherever they were received.
function onItsStream(frame: Frame): Frame {
  return ON_STREAM_0.has(frame.type) ? { ...frame, streamId: 0 } : frame;
}

// Nobody sends extended type 0 (EXT-01).
function isReserved(frame: Frame): boolean {
  return frame.type === FrameType.EXT && frame.extendedType === 0;
}

// A byte that is no UTF-8 is read as U+FFFD, which has three: then 255 bytes may not suffice any more.
function hasGrownMimeType(frame: Frame): boolean {
  if (frame.type !== FrameType.SETUP) return false;
  return [frame.metadataMimeType, frame.dataMimeType].some((text) => encodeUtf8(text).length > 255);
}
