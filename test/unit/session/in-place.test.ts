// SPDX-License-Identifier: Apache-2.0
// Messages that are written where their frames will be: whatever happens in between, each frame is what it would be anyway.

import { expect } from "chai";
import { InPlace } from "../../../runtime/src/bytes/in-place.js";
import { createBatch, SLAB_BYTES, SlabPool, SlabWriter } from "../../../runtime/src/bytes/slab.js";
import { encodePayloadFrame, payloadFrameBytes } from "../../../runtime/src/frames/encode.js";
import { Flag, FrameType, LENGTH_PREFIX_BYTES } from "../../../runtime/src/frames/layout.js";
import { writePayloadFrame } from "../../../runtime/src/session/payload-frame.js";
import { hexOf } from "../../support/frames-dsl.js";
import { type Random, random } from "../../support/rng.js";

const NONE = new Uint8Array(0);

/** A frame with its prefix, from a slab of its own. */
function frameOf(initialN: number, metadata: Uint8Array | undefined, data: Uint8Array): string {
  const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
  encodePayloadFrame(writer, 1, FrameType.PAYLOAD, Flag.NEXT, initialN, metadata, data);
  const batch = createBatch();
  writer.takeInto(batch, Number.POSITIVE_INFINITY);
  return hexOf(new Uint8Array(Buffer.concat(batch.chunks)));
}

/** One connection's slabs, and what should have been sent. */
class World {
  readonly slabs: Uint8Array[] = [];
  readonly pool = new SlabPool((byteLength) => {
    // As Node gives them: Buffers, which hold anything, and whose `slice` is no copy.
    const slab = Buffer.alloc(byteLength, 0xee);
    this.slabs.push(slab);
    return slab;
  });
  readonly writer = new SlabWriter(this.pool);
  readonly place = new InPlace(this.writer);
  readonly other = new SlabWriter(this.pool);
  expected = "";
  sent = "";

  /** A frame as any other; of long ones the data goes by reference. */
  write(data: Uint8Array): void {
    writePayloadFrame(this.writer, 1, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, data);
    this.expected += frameOf(-1, undefined, data);
  }

  /** A message in its place, with `meanwhile` before its frame is written. */
  writeInPlace(message: Uint8Array, initialN: number, metadata: Uint8Array | undefined, meanwhile: () => void): void {
    this.place.begin(LENGTH_PREFIX_BYTES + payloadFrameBytes(initialN, metadata, NONE));
    this.place.bytes.set(message, this.place.start);
    this.place.length = message.length;
    meanwhile();
    writePayloadFrame(this.writer, 1, FrameType.PAYLOAD, Flag.NEXT, initialN, metadata, this.place);
    this.expected += frameOf(initialN, metadata, message);
    expect(this.place.isTaken).to.equal(false);
  }

  take(maxBytes = Number.POSITIVE_INFINITY): void {
    const batch = createBatch();
    this.writer.takeInto(batch, maxBytes);
    expect(batch.chunks.reduce((sum, { length }) => sum + length, 0)).to.equal(batch.byteLength);
    this.sent += hexOf(new Uint8Array(Buffer.concat(batch.chunks)));
  }

  /** Another connection writes, and is emptied. */
  writeOther(): void {
    writePayloadFrame(this.other, 3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, new Uint8Array(300).fill(0xdd));
    this.other.takeInto(createBatch(), Number.POSITIVE_INFINITY);
  }
}

describe("a message in its place", () => {
  it("isn't copied: its frame is written around it", () => {
    const world = new World();
    world.write(Uint8Array.of(1));
    const at = world.writer.position;
    world.writeInPlace(Uint8Array.of(7, 8, 9), -1, undefined, () => {
      world.place.bytes[world.place.start] = 5; // nobody has read it yet
    });
    world.take();
    expect(world.sent).to.equal(
      `${frameOf(-1, undefined, Uint8Array.of(1))}${frameOf(-1, undefined, Uint8Array.of(5, 8, 9))}`,
    );
    expect(world.slabs).to.have.length(1);
    expect(world.slabs[0]?.[at + 9]).to.equal(5);
  });

  it("that is given back leaves no slab with an idle connection, and nothing on the wire", () => {
    const world = new World();
    for (let i = 0; i < 3; i++) {
      world.place.begin(9);
      world.place.bytes.fill(0xaa, world.place.start);
      world.place.giveBack();
      world.place.giveBack();
    }
    expect(world.writer.bytes).to.have.length(0);
    world.write(Uint8Array.of(1));
    world.take();
    expect(world.sent).to.equal(world.expected);
    expect(world.slabs).to.have.length(1);
  });

  it("that is copied, for later, is the caller's own", () => {
    const world = new World();
    world.place.begin(9);
    world.place.bytes.set([1, 2, 3], world.place.start);
    world.place.length = 3;
    const copy = world.place.copy();
    world.write(new Uint8Array(100).fill(0xcc));
    expect(hexOf(copy)).to.equal("010203");
    expect(copy.buffer.byteLength).to.equal(3);
    expect(world.place.isTaken).to.equal(false);
  });

  it(
    "is sent whole and in order, whatever is written, taken and given back around it",
    random((rng: Random) => {
      const world = new World();
      const size = (): number => rng.pick([0, 1, 16, 500, 512, 513, 3_000, SLAB_BYTES - 40, SLAB_BYTES + 9]);
      const step = (depth: number): void => {
        switch (rng.below(6)) {
          case 0:
            return world.write(rng.bytes(size()));
          case 1:
            return world.take(rng.pick([1, 1_000, 100_000, Number.POSITIVE_INFINITY]));
          case 2:
            return world.writeOther();
          case 3:
            if (world.place.isTaken) return;
            world.place.begin(rng.between(9, 300));
            world.place.bytes.fill(0xaa, world.place.start);
            return world.place.giveBack();
          case 4:
            // Everything is forgotten, as when a connection ends.
            if (rng.below(8) > 0) return;
            world.take();
            return world.writer.clear();
          default: {
            if (world.place.isTaken) return;
            const metadata = rng.oneIn(2) ? undefined : rng.bytes(rng.below(80));
            world.writeInPlace(rng.bytes(rng.below(512)), rng.oneIn(2) ? -1 : 7, metadata, () => {
              while (depth < 2 && rng.oneIn(3)) step(depth + 1);
            });
          }
        }
      };
      for (let i = 0; i < 400; i++) step(0);
      world.take();
      expect(world.sent).to.equal(world.expected);
      expect(world.writer.byteLength).to.equal(0);
      expect(world.writer.bytes).to.have.length(0);
    }),
  );
});
