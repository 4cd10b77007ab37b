// SPDX-License-Identifier: Apache-2.0
// A byte stream into frames, wherever it is cut (RSocket 1.0 §Transport Protocol, FRM-01, FRM-03, FRM-04, FRM-07).

import { createHash } from "node:crypto";
import { expect } from "chai";
import { LengthDeframer } from "../../../runtime/src/frames/deframer.js";
import { FrameFormatError } from "../../../runtime/src/frames/errors.js";
import { MAX_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";
import { random } from "../../support/rng.js";

const CANCEL = hex`00000001 2400 // stream 1, CANCEL`;
const REQUEST_N = hex`00000001 2000 00000100 // stream 1, REQUEST_N, n 256`;
const PAYLOAD = hex`00000003 2820 6869 // stream 3, PAYLOAD N, data`;
const KEEPALIVE = hex`00000000 0c80 0000000000000000 // stream 0, KEEPALIVE R, position 0`;
// A length of two bytes, 0x0106.
const LONG = hex`00000005 2820 ${"61".repeat(256)} // stream 5, PAYLOAD N, data of 256 bytes`;

const SHORT_STREAM = [CANCEL, REQUEST_N, PAYLOAD, CANCEL, KEEPALIVE];
const STREAM = [...SHORT_STREAM, LONG, CANCEL, CANCEL, KEEPALIVE, PAYLOAD, LONG, REQUEST_N];

function withLengths(frames: readonly string[]): Uint8Array {
  return bytesOf(frames.map((frame) => (frame.length / 2).toString(16).padStart(6, "0") + frame).join(""));
}

// Each piece in memory of its own, as a socket gives it.
function piecesOf(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = [...cuts, bytes.length];
  return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
}

class Reader {
  readonly frames: string[] = [];
  readonly deframer: LengthDeframer;
  /** Asked after each frame. */
  goesOn = (): boolean => true;

  constructor(maxFrameBytes = MAX_FRAME_BYTES) {
    this.deframer = new LengthDeframer(maxFrameBytes, (bytes, start, end) => {
      if (start < 0 || start > end || end > bytes.length)
        throw new Error(`[${start}, ${end}) of ${bytes.length} bytes`);
      this.frames.push(hexOf(bytes.subarray(start, end)));
      return this.goesOn();
    });
  }

  push(pieces: readonly Uint8Array[]): this {
    for (const piece of pieces) this.deframer.push(piece);
    return this;
  }
}

function thrownBy(action: () => unknown): FrameFormatError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    expect(error).to.be.instanceOf(FrameFormatError);
    return error as FrameFormatError;
  }
}

/** The lengths of arrays that `work` allocates, in order; views aren't counted. */
function whileCountingArrays(work: () => void): number[] {
  const sizes: number[] = [];
  const original = Uint8Array;
  globalThis.Uint8Array = new Proxy(original, {
    construct(target, args: unknown[]) {
      if (typeof args[0] === "number") sizes.push(args[0]);
      return Reflect.construct(target, args) as Uint8Array;
    },
  });
  try {
    work();
  } finally {
    globalThis.Uint8Array = original;
  }
  return sizes;
}

describe("LengthDeframer", () => {
  describe("finds the same frames", () => {
    const bytes = withLengths(STREAM);

    function expectFrames(pieces: readonly Uint8Array[], expected: readonly string[], how: string): void {
      const { frames, deframer } = new Reader().push(pieces);
      if (frames.join() !== expected.join()) expect(frames, how).to.deep.equal(expected);
      if (deframer.heldBytes !== 0) expect(deframer.heldBytes, how).to.equal(0);
    }

    it("in one piece", () => {
      expectFrames([bytes], STREAM, "one piece");
    });

    it("cut anywhere in two", () => {
      for (let at = 0; at <= bytes.length; at++) expectFrames(piecesOf(bytes, [at]), STREAM, `cut at ${at}`);
    });

    it("cut anywhere in three", () => {
      const short = withLengths(SHORT_STREAM);
      for (let first = 0; first <= short.length; first++) {
        for (let second = first; second <= short.length; second++) {
          expectFrames(piecesOf(short, [first, second]), SHORT_STREAM, `cut at ${first} and ${second}`);
        }
      }
    });

    it("in pieces of one size, from byte by byte on", () => {
      for (let size = 1; size <= 300; size++) {
        const cuts = Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, i) => (i + 1) * size);
        expectFrames(piecesOf(bytes, cuts), STREAM, `pieces of ${size} bytes`);
      }
    });

    it(
      "cut at random, with empty pieces, around what an incomplete frame is given at first",
      random((rng) => {
        for (let round = 0; round < 200; round++) {
          const frames = Array.from({ length: rng.between(1, 8) }, () => {
            const byteLength = rng.pick([rng.between(6, 40), rng.between(1_000, 1_050), rng.between(6, 5_000)]);
            return hexOf(rng.bytes(byteLength));
          });
          const whole = withLengths(frames);
          const cuts = Array.from({ length: rng.below(12) }, () => rng.below(whole.length + 1)).sort((a, b) => a - b);
          expectFrames(piecesOf(whole, cuts), frames, `cut at ${cuts.join()}`);
        }
      }),
    );
  });

  describe("copies as little as it can", () => {
    it("passes a frame that lies in one piece on as a range of that piece", () => {
      const got: [Uint8Array, number, number][] = [];
      const deframer = new LengthDeframer(100, (...range) => got.push(range) > 0);
      const piece = withLengths([CANCEL, PAYLOAD]);
      deframer.push(piece);
      expect(got.map(([bytes]) => bytes === piece)).to.deep.equal([true, true]);
      expect(got.map(([, start, end]) => [start, end])).to.deep.equal([
        [3, 9],
        [12, 20],
      ]);
    });

    it("copies only the frame that crosses pieces, into memory that is never used again", () => {
      const got: Uint8Array[] = [];
      const deframer = new LengthDeframer(1_000, (bytes, start, end) => got.push(bytes.subarray(start, end)) > 0);
      const stream = [PAYLOAD, LONG, KEEPALIVE, LONG, CANCEL];
      for (const piece of piecesOf(withLengths(stream), [5, 20, 200, 300])) deframer.push(piece);
      expect(got.map(hexOf)).to.deep.equal(stream);
    });

    it("grows with what came, not with the length that is declared", () => {
      const before = process.memoryUsage().arrayBuffers;
      const head = bytesOf("ffffff" + "00000001" + "2820" + "616161"); // 16 MiB declared, 9 bytes there
      const more = new Uint8Array(2_000);
      const readers = Array.from({ length: 500 }, (_, i) => {
        return new Reader().push([...piecesOf(head, [i % head.length]), more, more]);
      });
      const grown = process.memoryUsage().arrayBuffers - before;
      expect(grown, "each holds a few KiB").to.be.below(500 * 16_384);
      for (const { deframer, frames } of readers) {
        expect(deframer.heldBytes).to.equal(head.length + 2 * more.length);
        expect(frames).to.deep.equal([]);
      }
    });

    it("allocates a frame once when a quarter of it came at first, in whatever pieces the rest comes", () => {
      const stream = new Uint8Array(65_536).fill(0x61);
      stream.set(bytesOf("00fffd" + "00000001" + "2820"));
      const frames: Uint8Array[] = [];
      const deframer = new LengthDeframer(
        MAX_FRAME_BYTES,
        (bytes, start, end) => frames.push(bytes.subarray(start, end)) > 0,
      );
      const sizes = whileCountingArrays(() => {
        for (const [start, end] of [
          [0, 16_384],
          [16_384, 30_000],
          [30_000, 65_536],
        ] as const)
          deframer.push(stream.subarray(start, end));
      });
      expect(sizes).to.deep.equal([65_536]);
      expect(frames.map(({ length }) => length)).to.deep.equal([65_533]);
    });

    it("joins 4 MiB that come in pieces of 1 KiB in time that grows with their number, not its square", () => {
      const frame = new Uint8Array(4_194_304 + 3).fill(0x61);
      frame.set(bytesOf("400000" + "00000001" + "2820"));
      let sum = 0;
      const deframer = new LengthDeframer(MAX_FRAME_BYTES, (_, start, end) => {
        sum += end - start;
        return true;
      });
      const before = process.cpuUsage();
      for (let at = 0; at < frame.length; at += 1_024) deframer.push(frame.subarray(at, at + 1_024));
      const { user, system } = process.cpuUsage(before);
      expect(sum).to.equal(4_194_304);
      // A few ms. Copying all that is there for each piece would be 8 GiB: seconds.
      expect((user + system) / 1_000, "ms of CPU").to.be.below(700);
    });
  });

  describe("with a receiver for long frames in pieces", () => {
    const LEAST = 16_384;
    const MOST = 65_536;

    /** A PAYLOAD frame of stream 7 with its length in front. */
    function longFrame(byteLength: number, fill = 0x61): Uint8Array {
      const frame = new Uint8Array(3 + byteLength).fill(fill);
      frame.set([byteLength >>> 16, byteLength >>> 8, byteLength]);
      frame.set(bytesOf("00000007" + "2820"), 3);
      return frame;
    }

    class PieceReader {
      readonly whole: Uint8Array[] = [];
      readonly cut: (readonly Uint8Array[])[] = [];
      readonly inOrder: string[] = [];
      goesOn = (): boolean => true;
      readonly deframer = new LengthDeframer(
        MOST,
        (bytes, start, end) => {
          this.whole.push(bytes.subarray(start, end));
          return this.#took(bytes.subarray(start, end));
        },
        (pieces) => {
          this.cut.push(pieces);
          return this.#took(Uint8Array.from(pieces.flatMap((piece) => [...piece])));
        },
      );

      #took(frame: Uint8Array): boolean {
        this.inOrder.push(`${frame.length} ${hexOf(frame.subarray(0, 7))} ${hexOf(frame.subarray(-1))}`);
        return this.goesOn();
      }
    }

    it("passes the views that it was given, when they are most of their chunks", () => {
      const { deframer, cut, whole } = new PieceReader();
      const frame = longFrame(MOST);
      const pieces = piecesOf(frame, [20_000, 50_000]);
      for (const piece of pieces) deframer.push(piece);
      expect(whole).to.deep.equal([]);
      expect(cut[0]?.map(({ buffer }) => pieces.findIndex((piece) => piece.buffer === buffer))).to.deep.equal([
        0, 1, 2,
      ]);
      expect(
        cut[0]?.map(({ length }) => length),
        "without the length",
      ).to.deep.equal([19_997, 30_000, 15_539]);
      expect(deframer.heldBytes).to.equal(0);
    });

    it("copies a beginning that is the lesser part of its chunk: a view would hold all of it", () => {
      const { deframer, cut } = new PieceReader();
      const chunk = new Uint8Array(65_536);
      const [short, long] = [longFrame(40_000), longFrame(50_000, 0x62)];
      chunk.set(short);
      chunk.set(long.subarray(0, chunk.length - short.length), short.length);
      deframer.push(chunk);
      chunk.fill(0);
      deframer.push(long.slice(chunk.length - short.length));
      expect(cut[0]?.map(({ buffer }) => buffer === chunk.buffer)).to.deep.equal([false, false]);
      expect(cut[0]?.[0]?.buffer.byteLength).to.equal(65_536 - 40_003 - 3);
      expect(hexOf(cut[0]?.[0]?.subarray(0, 8) ?? new Uint8Array(0))).to.equal(hex`00000007 2820 6262`);
    });

    it("holds little more than what came, in pieces of one byte", () => {
      const { deframer, cut } = new PieceReader();
      const everyByte = Array.from({ length: LEAST - 1 }, (_, i) => 4 + i);
      for (const piece of piecesOf(longFrame(LEAST), everyByte)) deframer.push(piece);
      const pieces = cut[0] ?? [];
      expect(pieces.length).to.be.below(20);
      expect(pieces.reduce((sum, { length }) => sum + length, 0)).to.equal(LEAST);
      expect(pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)).to.be.at.most(2 * LEAST);
    });

    it("joins what is shorter, and what began before its length was known", () => {
      const reader = new PieceReader();
      for (const piece of piecesOf(longFrame(LEAST - 1), [9_000])) reader.deframer.push(piece);
      for (const piece of piecesOf(longFrame(LEAST), [2])) reader.deframer.push(piece);
      for (const piece of piecesOf(longFrame(LEAST), [3])) reader.deframer.push(piece);
      expect(reader.whole.map(({ length }) => length)).to.deep.equal([LEAST - 1, LEAST]);
      expect(reader.cut.map((pieces) => pieces.map(({ length }) => length))).to.deep.equal([[LEAST]]);
    });

    it("counts what it holds, with the length in front", () => {
      const { deframer } = new PieceReader();
      const frame = longFrame(20_000);
      deframer.push(frame.slice(0, 10_000));
      expect(deframer.heldBytes).to.equal(10_000);
      deframer.push(frame.slice(10_000, 20_002));
      expect(deframer.heldBytes).to.equal(20_002);
      deframer.push(frame.slice(20_002));
      expect(deframer.heldBytes).to.equal(0);
    });

    it("refuses a length by the limit that holds when the rest comes", () => {
      const { deframer } = new PieceReader();
      const [first = new Uint8Array(0), second = first] = piecesOf(longFrame(20_000), [10_000]);
      deframer.push(first);
      deframer.maxFrameBytes = 19_999;
      expect(thrownBy(() => deframer.push(second))?.message).to.match(/^frame length 20000, expected 6 … 19999 /);
    });

    it(
      "finds the same frames in the same order wherever the stream is cut, with stops",
      random((rng) => {
        for (let round = 0; round < 30; round++) {
          const frames = Array.from({ length: rng.between(1, 6) }, (_, i) =>
            longFrame(rng.pick([6 + rng.below(50), LEAST - 1, LEAST, rng.between(LEAST, MOST)]), i),
          );
          const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
          const reader = new PieceReader();
          reader.goesOn = () => !rng.oneIn(3);
          const cuts = Array.from({ length: rng.below(20) }, () => rng.below(bytes.length + 1)).sort((a, b) => a - b);
          for (const piece of piecesOf(bytes, cuts)) {
            reader.deframer.push(piece);
            if (rng.oneIn(2)) reader.deframer.resume();
          }
          for (let i = 0; i <= frames.length; i++) reader.deframer.resume();
          expect(reader.inOrder, `cut at ${cuts.join()}`).to.deep.equal(
            frames.map((frame) => `${frame.length - 3} ${hexOf(frame.subarray(3, 10))} ${hexOf(frame.subarray(-1))}`),
          );
          expect(reader.deframer.heldBytes).to.equal(0);
        }
      }),
    );
  });

  describe("of bytes that are lent", () => {
    const MOST = 300_000;

    /** Copies what it gets at once, as it must of what is lent, and keeps what it may keep. */
    class Borrower {
      readonly got: string[] = [];
      readonly kept: { readonly bytes: Uint8Array; readonly was: string }[] = [];
      readonly lentCount = { yes: 0, no: 0 };
      goesOn = (): boolean => true;
      readonly deframer: LengthDeframer;

      constructor(takesPieces: boolean) {
        const onPieces = (pieces: readonly Uint8Array[], areLent: boolean): boolean => {
          this.lentCount[areLent ? "yes" : "no"]++;
          if (!areLent) for (const piece of pieces) this.#keep(piece);
          return this.#took(pieces);
        };
        this.deframer = new LengthDeframer(
          MOST,
          (bytes, start, end) => {
            this.#keep(bytes.subarray(start, end));
            return this.#took([bytes.subarray(start, end)]);
          },
          takesPieces ? onPieces : undefined,
        );
      }

      #keep(bytes: Uint8Array): void {
        this.kept.push({ bytes, was: digest([bytes]) });
      }

      #took(pieces: readonly Uint8Array[]): boolean {
        this.got.push(digest(pieces));
        return this.goesOn();
      }
    }

    function digest(pieces: readonly Uint8Array[]): string {
      const hash = createHash("sha1");
      for (const piece of pieces) hash.update(piece);
      return hash.digest("hex");
    }

    it(
      "finds the same frames, whatever becomes of the bytes behind it, wherever the stream is cut, with stops",
      random((rng) => {
        const memory = new Uint8Array(262_144);
        for (let round = 0; round < 60; round++) {
          const lengths = [6 + rng.below(50), 16_383, 16_384, rng.between(16_384, 70_000), rng.between(70_000, MOST)];
          const frames = Array.from({ length: rng.between(1, 12) }, () => rng.bytes(rng.pick(lengths)));
          const stream = Buffer.concat(
            frames.flatMap(({ length }, i) => [
              Uint8Array.of(length >> 16, length >> 8, length),
              frames[i] as Uint8Array,
            ]),
          );
          const reader = new Borrower(!rng.oneIn(4));
          const stops = rng.oneIn(2);
          reader.goesOn = () => !stops || !rng.oneIn(3);
          for (let at = 0; at < stream.length; ) {
            const read = stream.subarray(
              at,
              at + rng.pick([1 + rng.below(40), 1_000, 65_536, rng.between(1, memory.length)]),
            );
            memory.set(read);
            reader.deframer.pushLent(memory.subarray(0, read.length));
            memory.fill(0xee);
            at += read.length;
            if (rng.oneIn(2)) reader.deframer.resume();
          }
          for (let i = 0; i <= frames.length; i++) reader.deframer.resume();
          expect(reader.got).to.deep.equal(frames.map((frame) => digest([frame])));
          expect(reader.deframer.heldBytes).to.equal(0);
          for (const { bytes, was } of reader.kept) expect(digest([bytes])).to.equal(was);
        }
      }),
    );

    it("passes long frames on where they stand, and copies short ones that stand together at once", () => {
      const parts = Buffer.concat([
        ...Array.from({ length: 9 }, () => withLengths([CANCEL, PAYLOAD])),
        bytesOf(`00ea600000000728a0${"61".repeat(59_994)}`),
        withLengths([CANCEL, CANCEL]),
      ]);
      const chunk = new Uint8Array(parts); // a Buffer's slice is a view
      const views: Uint8Array[] = [];
      const whole: Uint8Array[] = [];
      const deframer = new LengthDeframer(
        MAX_FRAME_BYTES,
        (bytes) => whole.push(bytes) > 0,
        (pieces, areLent) => views.push(...pieces) > 0 && areLent,
      );
      deframer.pushLent(chunk);
      expect(views.map(({ buffer, length }) => [buffer === chunk.buffer, length])).to.deep.equal([[true, 60_000]]);
      expect(whole).to.have.length(20);
      expect(new Set(whole.map(({ buffer }) => buffer))).to.have.length(2);
      expect(whole.map(({ buffer }) => buffer === chunk.buffer)).not.to.include(true);
    });

    it("copies a frame that is longer than reads are to where it stands in the end, once an eighth has come", () => {
      const frame = new Uint8Array(3 + 1_000_000).fill(0x61);
      frame.set(bytesOf("0f4240" + "00000007" + "28a0"));
      const got: (readonly Uint8Array[])[] = [];
      const deframer = new LengthDeframer(
        MAX_FRAME_BYTES,
        () => true,
        (pieces, areLent) => got.push(pieces) > 0 && !areLent,
      );
      const sizes = whileCountingArrays(() => {
        for (let at = 0; at < frame.length; at += 50_000) deframer.pushLent(frame.subarray(at, at + 50_000));
      });
      expect(got.map((pieces) => pieces.map(({ length }) => length))).to.deep.equal([[1_000_000]]);
      expect(sizes).to.deep.equal([49_997, 50_000, 1_000_000]);
    });

    it("refuses lengths from their three bytes, as of others", () => {
      for (const bytes of ["000005", "ffffff", "00000600000001240000000500"]) {
        const { deframer } = new Borrower(true);
        expect(thrownBy(() => deframer.pushLent(bytesOf(`${bytes}00000000`)))?.message).to.match(/^frame length /);
      }
    });
  });

  describe("when its receiver says stop", () => {
    it("passes nothing on until resume, after any frame, wherever the stream is cut", () => {
      const bytes = withLengths(SHORT_STREAM);
      for (let stopAt = 1; stopAt <= SHORT_STREAM.length; stopAt++) {
        for (let cut = 0; cut <= bytes.length; cut++) {
          const reader = new Reader();
          reader.goesOn = () => reader.frames.length !== stopAt;
          reader.push(piecesOf(bytes, [cut]));
          const how = `stop after ${stopAt}, cut at ${cut}`;
          expect(reader.frames, how).to.deep.equal(SHORT_STREAM.slice(0, stopAt));
          const kept = withLengths(SHORT_STREAM.slice(stopAt)).length;
          expect(reader.deframer.heldBytes, how).to.equal(kept);
          reader.deframer.resume();
          expect(reader.frames, how).to.deep.equal(SHORT_STREAM);
          expect(reader.deframer.heldBytes, how).to.equal(0);
        }
      }
    });

    it("passes one frame per resume to a receiver that stops each time", () => {
      for (const size of [1, 2, 7, 1_000]) {
        const bytes = withLengths(STREAM);
        const cuts = Array.from({ length: Math.ceil(bytes.length / size) - 1 }, (_, i) => (i + 1) * size);
        const reader = new Reader();
        reader.goesOn = () => false;
        reader.push(piecesOf(bytes, cuts));
        for (let count = 1; count <= STREAM.length; count++) {
          expect(reader.frames).to.deep.equal(STREAM.slice(0, count));
          reader.deframer.resume();
        }
        expect(reader.frames).to.have.length(STREAM.length);
        expect(reader.deframer.heldBytes).to.equal(0);
      }
    });

    it(
      "loses nothing when stops, resumes and pieces come in any order",
      random((rng) => {
        for (let round = 0; round < 200; round++) {
          const frames = Array.from({ length: 12 }, () => rng.pick(STREAM));
          const bytes = withLengths(frames);
          const reader = new Reader();
          reader.goesOn = () => !rng.oneIn(3);
          for (let at = 0; at < bytes.length; ) {
            const end = Math.min(bytes.length, at + rng.below(60));
            reader.deframer.push(bytes.slice(at, end));
            at = end;
            if (rng.oneIn(2)) reader.deframer.resume();
          }
          for (let i = 0; i <= frames.length; i++) reader.deframer.resume();
          expect(reader.frames).to.deep.equal(frames);
          expect(reader.deframer.heldBytes).to.equal(0);
        }
      }),
    );

    it("does nothing on a resume that nobody waits for", () => {
      const reader = new Reader();
      reader.deframer.resume();
      reader.push(piecesOf(withLengths([CANCEL]), [4]).slice(0, 1));
      reader.deframer.resume();
      expect(reader.deframer.heldBytes).to.equal(4);
      reader.push(piecesOf(withLengths([CANCEL]), [4]).slice(1));
      expect(reader.frames).to.deep.equal([CANCEL]);
    });

    it("looks at a bad length behind the stop only after resume", () => {
      const reader = new Reader();
      reader.goesOn = () => false;
      reader.push([withLengths([CANCEL]), bytesOf("000000")]);
      expect(thrownBy(() => reader.deframer.resume())?.message).to.match(/^frame length 0, /);
    });
  });

  describe("refuses a length", () => {
    it("from 0 to 5, from its three bytes (FRM-07)", () => {
      for (let byteLength = 0; byteLength < 6; byteLength++) {
        const error = thrownBy(() => new Reader(1_000).deframer.push(Uint8Array.of(0, 0, byteLength)));
        expect(error?.message).to.equal(`frame length ${byteLength}, expected 6 … 1000 (RSocket 1.0 §Framing)`);
        expect(error?.mayIgnore, "nobody knows where the next frame begins").to.equal(false);
      }
    });

    it("above the limit, from its three bytes, however they are cut (FRM-04)", () => {
      const head = bytesOf("0003e9"); // 1001
      for (const cuts of [[], [1], [2], [1, 2]]) {
        const reader = new Reader(1_000);
        const pieces = piecesOf(head, cuts);
        const last = pieces.pop() ?? head;
        reader.push(pieces);
        expect(thrownBy(() => reader.deframer.push(last))?.message).to.match(/^frame length 1001, expected 6 … 1000 /);
        expect(reader.deframer.heldBytes, "no more than those").to.be.at.most(3);
      }
    });

    it("of the largest frame when the limit is one byte below it, and takes it otherwise", () => {
      const head = bytesOf("ffffff");
      expect(thrownBy(() => new Reader(MAX_FRAME_BYTES - 1).deframer.push(head))).to.be.instanceOf(FrameFormatError);
      const reader = new Reader(MAX_FRAME_BYTES);
      expect(thrownBy(() => reader.deframer.push(head))).to.equal(undefined);
      expect(reader.deframer.heldBytes).to.equal(3);
    });

    it("takes frames of exactly 6 bytes and of exactly the limit", () => {
      const longest = CANCEL + "00".repeat(94);
      expect(new Reader(100).push([withLengths([CANCEL, longest])]).frames).to.deep.equal([CANCEL, longest]);
      expect(new Reader(6).push([withLengths([CANCEL, CANCEL])]).frames).to.deep.equal([CANCEL, CANCEL]);
    });

    it("only after the sound frames in front of it", () => {
      for (let cut = 0; cut < 22; cut++) {
        const reader = new Reader(1_000);
        const bytes = new Uint8Array([...withLengths([CANCEL, PAYLOAD]), ...bytesOf("000005"), 0x61]);
        const error = thrownBy(() => reader.push(piecesOf(bytes, [cut])));
        expect(error, `cut at ${cut}`).to.be.instanceOf(FrameFormatError);
        expect(reader.frames, `cut at ${cut}`).to.deep.equal([CANCEL, PAYLOAD]);
      }
    });

    it("by the limit that holds when the frame comes: it may change between two", () => {
      const reader = new Reader(10);
      reader.goesOn = () => {
        reader.deframer.maxFrameBytes = 262;
        return true;
      };
      expect(reader.push([withLengths([CANCEL, LONG])]).frames).to.deep.equal([CANCEL, LONG]);
      reader.deframer.maxFrameBytes = 261;
      expect(thrownBy(() => reader.push([withLengths([LONG])]))?.message).to.match(
        /^frame length 262, expected 6 … 261 /,
      );
    });

    it("of other protocols at their first bytes", () => {
      const FOREIGN: readonly (readonly [what: string, bytes: Uint8Array])[] = [
        ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n")],
        ["HTTP/2", new TextEncoder().encode("PRI * HTTP/2.0\r\n")],
        ["SSH", new TextEncoder().encode("SSH-2.0-x\r\n")],
        ["TLS", bytesOf("160301020001000001fc0303")],
      ];
      for (const [what, bytes] of FOREIGN) {
        // Read as a length, letters are millions.
        expect(
          thrownBy(() => new Reader(65_536).deframer.push(bytes)),
          what,
        ).to.be.instanceOf(FrameFormatError);
      }
    });
  });

  it("lets what its receiver throws through", () => {
    const deframer = new LengthDeframer(100, () => {
      throw new TypeError("mine");
    });
    expect(() => deframer.push(withLengths([CANCEL]))).to.throw(TypeError, "mine");
  });
});
