// SPDX-License-Identifier: Apache-2.0
// Items that wait for their consumer: in order, counted, and without the chunks they were read in.

import { expect } from "chai";
import { type Item, WaitingItems } from "../../../runtime/src/rsocket/waiting-items.js";
import { random } from "../../support/rng.js";

describe("items that wait", () => {
  /** Items of `byteLength` each, in a chunk of `chunkBytes`. */
  function* chunkOf(byteLength: number, count: number, chunkBytes: number): Generator<Item> {
    const chunk = new Uint8Array(chunkBytes).fill(7);
    for (let i = 0; i < count; i++) {
      yield { data: chunk.subarray(i * byteLength, (i + 1) * byteLength), metadata: undefined };
    }
  }

  /** Bytes of all chunks that the items lie in. */
  const heldBy = (items: WaitingItems): number => {
    const chunks = new Set<ArrayBufferLike>();
    for (let item = items.shift(); item !== undefined; item = items.shift()) {
      chunks.add(item.data.buffer);
      if (item.metadata !== undefined) chunks.add(item.metadata.buffer);
    }
    return [...chunks].reduce((sum, { byteLength }) => sum + byteLength, 0);
  };

  it("hold few chunks more than their bytes, when each came in a chunk of its own", () => {
    for (const [count, chunks] of [
      [1, 1],
      [2, 1],
      [4, 1],
      [8, 5], // in the ninth's place the eight are looked at
      [9, 1],
      [100, 4],
      [1_000, 8],
    ] as const) {
      const items = new WaitingItems();
      for (let i = 0; i < count; i++) for (const item of chunkOf(20, 1, 65_536)) items.push(item);
      expect(items.byteLength).to.equal(count * 20);
      expect(heldBy(items), `${count} items`).to.equal((count - chunks) * 20 + chunks * 65_536);
    }
  });

  it("stay where they are when they are most of their chunk", () => {
    const items = new WaitingItems();
    const pushed: Item[] = [];
    for (let i = 0; i < 3; i++) pushed.push(...chunkOf(1_000, 40, 65_536));
    for (const item of pushed) items.push(item);
    for (const item of pushed) expect(items.shift()).to.equal(item);
  });

  it("whose chunk was read for the most part hold no more of it", () => {
    const items = new WaitingItems();
    for (const item of chunkOf(1_000, 60, 65_536)) items.push(item);
    for (let i = 0; i < 50; i++) items.shift();
    for (const item of chunkOf(1_000, 60, 65_536)) items.push(item);
    expect(heldBy(items)).to.equal(10 * 1_000 + 65_536);
  });

  it("take their metadata along", () => {
    const items = new WaitingItems();
    const chunk = new Uint8Array(65_536);
    items.push({ data: chunk.subarray(0, 10), metadata: chunk.subarray(10, 30) });
    items.push({ data: new Uint8Array(5), metadata: undefined });
    expect(items.byteLength).to.equal(35);
    expect(heldBy(items)).to.equal(10 + 20 + 5);
    expect([items.byteLength, items.length]).to.deep.equal([0, 0]);
  });

  it(
    "come in order, with their bytes, whatever is pushed and taken",
    random((rng) => {
      for (let round = 0; round < 200; round++) {
        const items = new WaitingItems();
        const expected: number[] = [];
        let chunk = new Uint8Array(1);
        let at = 0;
        for (let step = 0; step < 200; step++) {
          if (rng.below(20) < 11) {
            if (rng.oneIn(5)) {
              chunk = new Uint8Array(rng.between(1, 2_000));
              at = 0;
            }
            const length = Math.min(rng.below(41), chunk.length - at);
            const value = step & 0xff;
            const data = chunk.subarray(at, at + length).fill(value);
            at += length;
            items.push({ data, metadata: undefined });
            expected.push(length === 0 ? -1 : value);
          } else {
            const wanted = expected.shift();
            const item = items.shift();
            expect(item === undefined ? undefined : (item.data[0] ?? -1)).to.equal(wanted);
          }
          expect(items.length).to.equal(expected.length);
        }
      }
    }),
  );
});
