// SPDX-License-Identifier: Apache-2.0
// Frames whose data stands in pieces: the same bytes as if it stood in one, long parts as they are, fragments too.

import { expect } from "chai";
import { type MessageBytes, Pieces } from "../../../runtime/src/bytes/pieces.js";
import {
  createBatch,
  type FrameBatch,
  REFERENCE_BYTES,
  SLAB_BYTES,
  SlabPool,
  SlabWriter,
} from "../../../runtime/src/bytes/slab.js";
import { Flag, FrameType } from "../../../runtime/src/frames/layout.js";
import { Fragmenter } from "../../../runtime/src/session/fragmenter.js";
import { writePayloadFrame } from "../../../runtime/src/session/payload-frame.js";
import { hexOf } from "../../support/frames-dsl.js";

const METADATA = Uint8Array.of(0x6d, 0x64);
/** One byte, short and long ones, around the length from which on pieces go by reference, more than a slab. */
const LENGTHS = [1, 7, 4_096, REFERENCE_BYTES - 1, REFERENCE_BYTES, REFERENCE_BYTES + 1, SLAB_BYTES + 5];

function pattern(byteLength: number, first: number): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, i) => (first + 7 * i) & 0xff);
}

/** All ways to have one to three pieces. */
function* combinations(): Generator<readonly Uint8Array[]> {
  for (const [i, a] of LENGTHS.entries()) {
    yield [pattern(a, i)];
    for (const [j, b] of LENGTHS.entries()) {
      yield [pattern(a, i), pattern(b, j)];
      for (const c of LENGTHS) yield [pattern(a, i), pattern(b, j), pattern(c, 3)];
    }
  }
}

function joined(list: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(list));
}

function written(write: (writer: SlabWriter) => void, maxBytes = Number.POSITIVE_INFINITY): FrameBatch {
  const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
  write(writer);
  const batch = createBatch();
  writer.takeInto(batch, maxBytes);
  return batch;
}

function framesOf(data: MessageBytes): FrameBatch {
  return written((writer) => {
    writePayloadFrame(writer, 5, FrameType.REQUEST_STREAM, 0, 3, METADATA, data);
    writePayloadFrame(writer, 5, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, data);
    writePayloadFrame(writer, 7, FrameType.PAYLOAD, Flag.COMPLETE, -1, undefined, new Uint8Array(0));
  });
}

function fragmentsOf(data: MessageBytes, fragmentBytes: number): FrameBatch {
  return written((writer) => {
    const fragments = new Fragmenter(9, FrameType.REQUEST_RESPONSE, -1, METADATA, data, false);
    while (!fragments.writeNext(writer, fragmentBytes));
  });
}

describe("session/payload-frame", () => {
  it("writes the same bytes, however the data is cut", () => {
    for (const list of combinations()) {
      const what = list.map(({ length }) => length).join("+");
      const batch = framesOf(new Pieces(list));
      const bytes = joined(batch.chunks);
      expect(batch.byteLength, what).to.equal(bytes.length);
      expect(Buffer.compare(bytes, joined(framesOf(joined(list)).chunks)), what).to.equal(0);
    }
  });

  it("writes the same fragments", () => {
    for (const fragmentBytes of [64, 16_384, 65_536]) {
      for (const list of combinations()) {
        const what = `${list.map(({ length }) => length).join("+")} in frames of ${fragmentBytes}`;
        const bytes = joined(fragmentsOf(new Pieces(list), fragmentBytes).chunks);
        expect(Buffer.compare(bytes, joined(fragmentsOf(joined(list), fragmentBytes).chunks)), what).to.equal(0);
      }
    }
  });

  it("passes long pieces on as they are, and copies short ones", () => {
    const long = pattern(REFERENCE_BYTES, 1);
    const short = pattern(3, 2);
    const { chunks } = framesOf(new Pieces([short, long, short]));
    expect(chunks[1], "the very same").to.equal(long);
    expect(hexOf(chunks[0] ?? long)).to.equal(`002015${"000000051900"}${"00000003"}${"0000026d64"}${hexOf(short)}`);
    expect(chunks.some(({ buffer }) => buffer === short.buffer)).to.equal(false);
  });

  it("lets frames go whole, never a beginning without its end", () => {
    const list = [pattern(3, 0), pattern(REFERENCE_BYTES, 1), pattern(5, 2), pattern(SLAB_BYTES, 3)];
    const one = framesOf(new Pieces(list));
    for (const maxBytes of [1, 100, REFERENCE_BYTES + 20, SLAB_BYTES]) {
      const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
      for (let i = 0; i < 3; i++) writePayloadFrame(writer, 5, FrameType.PAYLOAD, 0, -1, undefined, new Pieces(list));
      const frameBytes = 3 + 6 + joined(list).length;
      const batch = createBatch();
      writer.takeInto(batch, maxBytes);
      expect(batch.byteLength % frameBytes, `${maxBytes}`).to.equal(0);
      expect(batch.byteLength, `${maxBytes}`).to.be.greaterThan(0);
    }
    expect(one.byteLength).to.be.greaterThan(0);
  });
});
