// SPDX-License-Identifier: Apache-2.0
// Where outgoing frames are written: chunks that joined are the frames, batches of whole frames, slabs used once.

import { expect } from "chai";
import {
  createBatch,
  type FrameBatch,
  forEachFrame,
  REFERENCE_BYTES,
  SLAB_BYTES,
  SlabPool,
  SlabWriter,
} from "../../../runtime/src/bytes/slab.js";
import { bytesOf, cutFrames, hexOf } from "../../support/frames-dsl.js";
import { type Random, random } from "../../support/rng.js";

const ALL = Number.POSITIVE_INFINITY;

// Slabs hold garbage at first: what isn't written must not be sent.
class CountedPool extends SlabPool {
  readonly slabs: Uint8Array[];

  constructor() {
    const slabs: Uint8Array[] = [];
    super((byteLength) => {
      const slab = new Uint8Array(byteLength).fill(0xee);
      slabs.push(slab);
      return slab;
    });
    this.slabs = slabs;
  }
}

// One frame as the encoders write it: prefix and head in one piece, a long rest by reference.
function write(writer: SlabWriter, frame: Uint8Array, referencedBytes = 0): void {
  const copied = frame.length - referencedBytes;
  const at = writer.reserve(3 + copied);
  writer.bytes.set([frame.length >>> 16, (frame.length >>> 8) & 0xff, frame.length & 0xff], at);
  writer.bytes.set(frame.subarray(0, copied), at + 3);
  if (referencedBytes > 0) writer.pushReference(frame.subarray(copied));
}

function take(writer: SlabWriter, maxBytes = ALL): FrameBatch {
  const batch = createBatch();
  writer.takeInto(batch, maxBytes);
  return batch;
}

function joined({ chunks }: FrameBatch): Uint8Array {
  return new Uint8Array(Buffer.concat(chunks));
}

function visited(batch: FrameBatch): string[] {
  const frames: string[] = [];
  forEachFrame(batch, (bytes, start, end) => frames.push(hexOf(bytes.subarray(start, end))));
  return frames;
}

// Around what is copied or referenced, what fills a slab, and what is more than one.
function randomFrame(rng: Random): { frame: Uint8Array; referencedBytes: number } {
  const size = rng.pick([
    () => rng.between(6, 100),
    () => rng.between(REFERENCE_BYTES - 8, REFERENCE_BYTES + 8),
    () => rng.between(SLAB_BYTES - 20, SLAB_BYTES + 20),
    () => rng.between(6, 30_000),
  ])();
  const frame = new Uint8Array(size).fill(rng.below(256));
  frame.set(rng.bytes(Math.min(size, 16)));
  const referencedBytes = rng.oneIn(3) ? rng.below(size - 5) : 0;
  return { frame, referencedBytes };
}

describe("SlabWriter", () => {
  it("appends frames to one chunk", () => {
    const pool = new CountedPool();
    const writer = new SlabWriter(pool);
    write(writer, bytesOf("0102"));
    write(writer, bytesOf("030405"));
    expect(writer.byteLength).to.equal(11);
    const batch = take(writer);
    expect(batch.chunks.map(hexOf)).to.deep.equal([`000002${"0102"}000003${"030405"}`]);
    expect(batch.byteLength).to.equal(11);
    expect(pool.slabs.map((slab) => slab.length)).to.deep.equal([SLAB_BYTES]);
  });

  it("allocates nothing before the first frame, and has nothing to give", () => {
    const pool = new CountedPool();
    const writer = new SlabWriter(pool);
    expect(take(writer)).to.deep.equal({ chunks: [], byteLength: 0 });
    writer.clear();
    expect(pool.slabs).to.have.length(0);
    expect(writer.byteLength).to.equal(0);
  });

  it("passes a referenced rest on as the very same bytes, as a chunk of its own", () => {
    const writer = new SlabWriter(new CountedPool());
    const frame = new Uint8Array(10_000).fill(0x61);
    write(writer, bytesOf("01"));
    write(writer, frame, 9_990);
    write(writer, bytesOf("02"));
    const { chunks, byteLength } = take(writer);
    expect(chunks.map((chunk) => chunk.length)).to.deep.equal([4 + 13, 9_990, 4]);
    expect(chunks[1]?.buffer, "not a copy").to.equal(frame.buffer);
    expect(byteLength).to.equal(4 + 10_003 + 4);
  });

  it("begins a new slab when the rest is too small, and never splits a reservation", () => {
    const pool = new CountedPool();
    const writer = new SlabWriter(pool);
    writer.reserve(SLAB_BYTES - 10);
    expect(writer.reserve(10), "fits to the last byte").to.equal(SLAB_BYTES - 10);
    expect(pool.slabs).to.have.length(1);
    expect(writer.reserve(1)).to.equal(0);
    expect(writer.bytes).to.equal(pool.slabs[1]);
    expect(take(writer).chunks.map((chunk) => chunk.length)).to.deep.equal([SLAB_BYTES, 1]);
  });

  it("allocates more than a slab for a reservation that needs more", () => {
    const pool = new CountedPool();
    const writer = new SlabWriter(pool);
    expect(writer.reserve(SLAB_BYTES)).to.equal(0);
    expect(writer.reserve(SLAB_BYTES + 1)).to.equal(0);
    expect(pool.slabs.map((slab) => slab.length)).to.deep.equal([SLAB_BYTES, SLAB_BYTES + 1]);
  });

  it("keeps what is over maxBytes for the next batch, in order", () => {
    const writer = new SlabWriter(new CountedPool());
    const rest = new Uint8Array(9_000);
    for (let i = 0; i < 3; i++) write(writer, new Uint8Array([i, ...rest]), 9_000);
    expect(take(writer, 10_000).byteLength, "one frame is below, the second goes above it").to.equal(2 * 9_004);
    expect(writer.byteLength).to.equal(9_004);
    expect(take(writer, 1).chunks.map((chunk) => chunk.length)).to.deep.equal([4, 9_000]);
    expect(writer.byteLength).to.equal(0);
  });

  it("adds nothing to a batch that is full already", () => {
    const writer = new SlabWriter(new CountedPool());
    write(writer, bytesOf("01"));
    const batch: FrameBatch = { chunks: [new Uint8Array(20)], byteLength: 20 };
    writer.takeInto(batch, 20);
    expect(batch.chunks).to.have.length(1);
    expect(writer.byteLength).to.equal(4);
    writer.takeInto(batch, 24);
    expect(batch.chunks.map((chunk) => chunk.length)).to.deep.equal([20, 4]);
    expect(batch.byteLength).to.equal(24);
  });

  it("goes on behind what was taken, in the same slab", () => {
    const pool = new CountedPool();
    const writer = new SlabWriter(pool);
    write(writer, bytesOf("01"));
    const first = take(writer);
    write(writer, bytesOf("02"));
    const second = take(writer);
    expect([hexOf(joined(first)), hexOf(joined(second))]).to.deep.equal(["00000101", "00000102"]);
    expect(second.chunks[0]?.byteOffset).to.equal(4);
    expect(pool.slabs).to.have.length(1);
  });

  it("forgets everything on clear, and is as good as new", () => {
    const writer = new SlabWriter(new CountedPool());
    write(writer, new Uint8Array(SLAB_BYTES - 3));
    write(writer, new Uint8Array(9_000), 8_990);
    writer.reserve(5); // half-way through a frame
    writer.clear();
    expect(writer.byteLength).to.equal(0);
    expect(writer.bytes, "holds no slab").to.have.length(0);
    expect(take(writer)).to.deep.equal({ chunks: [], byteLength: 0 });
    write(writer, bytesOf("0203"));
    write(writer, new Uint8Array(9_000), 8_990);
    const batch = take(writer, 1);
    expect(hexOf(joined(batch).subarray(0, 5))).to.equal("0000020203");
    expect(batch.byteLength, "it also forgot where chunks were ends of frames").to.equal(5 + 9_003);
  });

  it(
    "gives back exactly the frames that were written, however they are taken",
    random((rng) => {
      for (let round = 0; round < 30; round++) {
        const writer = new SlabWriter(new CountedPool());
        const written: string[] = [];
        const got: string[] = [];
        let byteLength = 0;
        for (let step = 0; step < 20; step++) {
          const { frame, referencedBytes } = randomFrame(rng);
          write(writer, frame, referencedBytes);
          written.push(hexOf(frame));
          byteLength += 3 + frame.length;
          if (!rng.oneIn(3) && step < 19) continue;
          const batch = take(writer, step === 19 ? ALL : rng.between(1, 200_000));
          byteLength -= batch.byteLength;
          expect(writer.byteLength, "bytes left").to.equal(byteLength);
          expect(joined(batch)).to.have.length(batch.byteLength);
          const frames = cutFrames(joined(batch)).map(hexOf); // throws when a frame isn't whole
          expect(visited(batch)).to.deep.equal(frames);
          got.push(...frames);
        }
        expect(got.join("\n") === written.join("\n"), "the frames in order").to.equal(true);
      }
    }),
  );
});

describe("SlabPool", () => {
  it("lends what a writer left over to the next, so that idle writers hold no slab", () => {
    const pool = new CountedPool();
    const writers = Array.from({ length: 100 }, () => new SlabWriter(pool));
    const batches = writers.map((writer, i) => {
      write(writer, Uint8Array.of(i));
      return take(writer);
    });
    expect(pool.slabs, "one slab for a hundred writers, one after another").to.have.length(1);
    for (const writer of writers) expect(writer.bytes).to.have.length(0);
    for (const [i, batch] of batches.entries()) expect([...joined(batch)]).to.deep.equal([0, 0, 1, i]);
  });

  it("lends a slab to one writer at a time", () => {
    const pool = new CountedPool();
    const one = new SlabWriter(pool);
    const other = new SlabWriter(pool);
    write(one, bytesOf("01"));
    write(other, bytesOf("02"));
    expect(one.bytes).not.to.equal(other.bytes);
    write(one, bytesOf("03"));
    expect([hexOf(joined(take(one))), hexOf(joined(take(other)))]).to.deep.equal(["0000010100000103", "00000102"]);
  });

  it("keeps the larger of two rests, and lets go of a rest below 1 KiB", () => {
    const pool = new SlabPool((byteLength) => new Uint8Array(byteLength));
    const large = new Uint8Array(SLAB_BYTES);
    const small = new Uint8Array(SLAB_BYTES);
    pool.giveBack(small, SLAB_BYTES - 1_023);
    expect(pool.open(1), "too little to keep").not.to.equal(small);
    pool.giveBack(large, 1_000);
    pool.giveBack(small, 2_000);
    expect(pool.open(100)).to.equal(large);
    expect(pool.start).to.equal(1_000);
    expect(pool.open(100), "lent once").not.to.equal(large);
    expect(pool.start, "a fresh slab begins at its beginning").to.equal(0);
  });

  it("keeps its rest when it is too small for one request, for the next that it suits", () => {
    const pool = new SlabPool((byteLength) => new Uint8Array(byteLength));
    const rest = new Uint8Array(SLAB_BYTES);
    pool.giveBack(rest, SLAB_BYTES - 2_000);
    expect(pool.open(2_001)).not.to.equal(rest);
    expect(pool.open(2_000)).to.equal(rest);
    expect(pool.start).to.equal(SLAB_BYTES - 2_000);
  });

  it(
    "never lends bytes twice: what a link holds stays as it was",
    random((rng) => {
      const pool = new CountedPool();
      const writers = Array.from({ length: 4 }, () => new SlabWriter(pool));
      const held: { readonly batch: FrameBatch; readonly sent: string }[] = [];
      for (let step = 0; step < 600; step++) {
        const writer = rng.pick(writers);
        if (rng.oneIn(50)) writer.clear();
        else if (rng.oneIn(3)) {
          const batch = take(writer, rng.oneIn(2) ? ALL : rng.between(1, 100_000));
          held.push({ batch, sent: hexOf(joined(batch)) });
        } else {
          const { frame, referencedBytes } = randomFrame(rng);
          write(writer, frame, referencedBytes);
        }
      }
      for (const { batch, sent } of held) expect(hexOf(joined(batch)) === sent, "unchanged").to.equal(true);
      const chunks = held
        .flatMap(({ batch }) => batch.chunks)
        .filter((chunk) => pool.slabs.some((slab) => slab.buffer === chunk.buffer));
      const ends = new Map<ArrayBufferLike, number>();
      chunks.sort((a, b) => a.byteOffset - b.byteOffset);
      for (const chunk of chunks) {
        expect(chunk.byteOffset, "no two chunks overlap").to.be.at.least(ends.get(chunk.buffer) ?? 0);
        ends.set(chunk.buffer, chunk.byteOffset + chunk.length);
      }
    }),
  );
});

describe("forEachFrame", () => {
  // 3 bytes of length, then so many.
  const A = "000002a1a2";
  const B = "000003b1b2b3";

  it("visits frames in place, as ranges of their chunk", () => {
    const chunk = bytesOf(A + B);
    const ranges: [Uint8Array, number, number][] = [];
    forEachFrame({ chunks: [chunk], byteLength: chunk.length }, (...range) => ranges.push(range));
    expect(ranges.map(([bytes]) => bytes === chunk)).to.deep.equal([true, true]);
    expect(ranges.map(([, start, end]) => [start, end])).to.deep.equal([
      [3, 5],
      [8, 11],
    ]);
  });

  it("joins a frame that crosses chunks, however many", () => {
    for (const cuts of [
      [A + B],
      [A, B],
      [`${A}000003`, "b1b2b3"],
      [`${A}000003b1`, "b2", "b3"],
      [A, "000003b1", "", "b2b3"],
    ]) {
      const chunks = cuts.map(bytesOf);
      expect(visited({ chunks, byteLength: 11 }), cuts.join("|")).to.deep.equal(["a1a2", "b1b2b3"]);
    }
    const chunks = [`000003b1`, `b2b3${A}`].map(bytesOf);
    expect(visited({ chunks, byteLength: 11 }), "the next begins behind it").to.deep.equal(["b1b2b3", "a1a2"]);
  });

  it("visits nothing of an empty batch and ends", () => {
    expect(visited(createBatch())).to.deep.equal([]);
    expect(visited({ chunks: [new Uint8Array(0)], byteLength: 0 })).to.deep.equal([]);
  });

  it("refuses a batch that ends inside a frame, instead of looking for the rest forever", () => {
    const chunks = [bytesOf("000005a1a2")];
    expect(() => visited({ chunks, byteLength: 5 })).to.throw(RangeError, "batch ends 2 bytes into a frame of 5");
  });
});
