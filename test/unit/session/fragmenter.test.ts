// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/fragmenter.ts.
import { expect } from "chai";
import { createBatch, SlabPool, SlabWriter } from "../../../runtime/src/bytes/slab.js";
import { FrameType } from "../../../runtime/src/frames/layout.js";
import { Fragmenter } from "../../../runtime/src/session/fragmenter.js";
import { cutFrames, hex, hexOf, type SeenFrame, seeFrame } from "../../support/frames-dsl.js";

const MTU = 64;

function pattern(byteLength: number, first: number): Uint8Array {
  return Uint8Array.from({ length: byteLength }, (_, i) => (first + i) & 0xff);
}

function fragment(
  type: number,
  n: number,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
  complete = false,
  mtu = MTU,
): Uint8Array[] {
  const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
  const fragmenter = new Fragmenter(1, type, n, metadata, data, complete);
  let last = false;
  for (let i = 0; !last; i++) {
    if (i > 10_000) throw new Error("it doesn't end");
    last = fragmenter.writeNext(writer, mtu);
  }
  expect(fragmenter.bytesLeft).to.equal(0);
  const batch = createBatch();
  writer.takeInto(batch, Number.POSITIVE_INFINITY);
  return cutFrames(Uint8Array.from(batch.chunks.flatMap((chunk) => [...chunk])));
}

function joined(parts: readonly (Uint8Array | undefined)[]): string {
  return parts.map((part) => (part === undefined ? "" : hexOf(part))).join("");
}

const KINDS: readonly (readonly [string, number, number])[] = [
  ["REQUEST_RESPONSE", FrameType.REQUEST_RESPONSE, -1],
  ["REQUEST_FNF", FrameType.REQUEST_FNF, -1],
  ["REQUEST_STREAM", FrameType.REQUEST_STREAM, 7],
  ["REQUEST_CHANNEL", FrameType.REQUEST_CHANNEL, 7],
  ["PAYLOAD", FrameType.PAYLOAD, -1],
];

describe("session/fragmenter", () => {
  for (const [name, type, n] of KINDS) {
    it(`cuts ${name} of every size so that all but the last are exactly full and none is empty`, () => {
      for (const metadataBytes of [-1, 0, 1, 40, 47, 48, 51, 52, 53, 103, 104, 105, 200]) {
        for (let dataBytes = 0; dataBytes < 130; dataBytes += dataBytes % 55 < 45 && dataBytes > 3 ? 5 : 1) {
          const metadata = metadataBytes < 0 ? undefined : pattern(metadataBytes, 100);
          const data = pattern(dataBytes, 0);
          const frames = fragment(type, n, metadata, data);
          const what = `${metadataBytes} bytes of metadata, ${dataBytes} of data`;
          const seen = frames.map(seeFrame);
          check(seen, name, what);
          expect(joined(seen.map((frame) => frame.metadata)), what).to.equal(
            metadata === undefined ? "" : hexOf(metadata),
          );
          expect(joined(seen.map((frame) => frame.data)), what).to.equal(hexOf(data));
          expect(seen[0]?.metadata === undefined, what).to.equal(metadata === undefined);
        }
      }
    });
  }

  function check(seen: readonly SeenFrame[], name: string, what: string): void {
    let dataHasBegun = false;
    for (const [i, frame] of seen.entries()) {
      const isLast = i === seen.length - 1;
      expect(frame.type, what).to.equal(i === 0 ? name : "PAYLOAD");
      expect(frame.follows, what).to.equal(!isLast);
      expect(frame.next, what).to.equal(frame.type === "PAYLOAD");
      expect(frame.complete, what).to.equal(false);
      if (!isLast) expect(frame.byteLength + 3, what).to.equal(MTU);
      if (i > 0) expect((frame.metadata?.length ?? 0) + frame.data.length, what).to.be.above(0);
      // All metadata goes before any data (FRAG-02), and no M without metadata but for an empty one at the beginning.
      if (dataHasBegun) expect(frame.metadata, what).to.equal(undefined);
      if (i > 0 && frame.metadata !== undefined) expect(frame.metadata.length, what).to.be.above(0);
      if (frame.data.length > 0) dataHasBegun = true;
    }
  }

  it("sets C on the last fragment only, when the payload is the last", () => {
    const flags = fragment(FrameType.PAYLOAD, -1, undefined, pattern(130, 0), true).map((frame) =>
      hexOf(frame.subarray(4, 6)),
    );
    expect(flags).to.deep.equal([hex`28a0`, hex`28a0`, hex`2860`]);
  });

  it("keeps metadata that is present and empty", () => {
    const [first, second] = fragment(FrameType.REQUEST_RESPONSE, -1, new Uint8Array(0), pattern(60, 0)).map(hexOf);
    expect(first?.slice(0, 18)).to.equal(hex`00000001 1180 000000`);
    expect(second?.slice(0, 12)).to.equal(hex`00000001 2820`);
  });

  it("takes any mtu from 64 on", () => {
    for (const mtu of [64, 65, 66, 100, 1_000, 65_536]) {
      const data = pattern(3_000, 1);
      const frames = fragment(FrameType.PAYLOAD, -1, pattern(500, 9), data, false, mtu);
      for (const frame of frames.slice(0, -1)) expect(frame.length + 3).to.equal(mtu);
      expect(joined(frames.map(seeFrame).map((frame) => frame.data))).to.equal(hexOf(data));
    }
  });

  it("passes large parts on without copying them", () => {
    const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
    const data = new Uint8Array(100_000);
    const fragmenter = new Fragmenter(1, FrameType.PAYLOAD, -1, undefined, data, false);
    fragmenter.writeNext(writer, 65_536);
    const batch = createBatch();
    writer.takeInto(batch, Number.POSITIVE_INFINITY);
    expect(batch.chunks.some((chunk) => chunk.buffer === data.buffer)).to.equal(true);
  });
});
