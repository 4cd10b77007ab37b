// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/resume-store.ts: positions, what is kept, and what is sent again.

import { expect } from "chai";
import { createBatch, type FrameBatch } from "../../../runtime/src/bytes/slab.js";
import { ResumeLedger, ResumeStore } from "../../../runtime/src/session/resume-store.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";

/** Frames with their prefix: 7, 8 and 6 bytes. */
const A = "000007 00000001 2820 61".replaceAll(" ", "");
const B = "000008 00000001 2820 6262".replaceAll(" ", "");
const C = "000006 00000001 2400".replaceAll(" ", "");

function batchOf(...chunks: readonly string[]): FrameBatch {
  const batch = createBatch();
  for (const chunk of chunks) {
    batch.chunks.push(bytesOf(chunk));
    batch.byteLength += chunk.length / 2;
  }
  return batch;
}

function takeAgain(store: ResumeStore, maxBytes = Number.POSITIVE_INFINITY): string[] {
  const batch = createBatch();
  store.takeUnsent(batch, maxBytes);
  return batch.chunks.map(hexOf);
}

/** Three writes: A and B together, then C, then A. They begin at 0, 15 and 21 and end at 28. */
function filled(maxBytes = 1_000, ledger = new ResumeLedger(1_000)): ResumeStore {
  const store = new ResumeStore(maxBytes, ledger);
  store.append(batchOf(A, B), 0);
  store.append(batchOf(C), 0);
  store.append(batchOf(A), 0);
  return store;
}

describe("session/resume-store", () => {
  it("counts positions without prefixes, and bytes with them, for itself and for all", () => {
    const ledger = new ResumeLedger(1_000);
    const store = filled(1_000, ledger);
    expect([store.firstPosition, store.sentPosition, store.byteLength]).to.deep.equal([0, 28, 40]);
    filled(1_000, ledger);
    expect(ledger.bytes).to.equal(80);
  });

  it("keeps only what stands behind the first chunks of a batch, and nothing of none", () => {
    const store = new ResumeStore(1_000, new ResumeLedger(1_000));
    store.append(batchOf(A), 1);
    expect([store.sentPosition, store.byteLength, store.hasUnsent]).to.deep.equal([0, 0, false]);
    store.append(batchOf(A, B), 1);
    expect([store.sentPosition, store.byteLength]).to.deep.equal([8, 11]);
  });

  it("keeps a copy: the bytes that were given away may change", () => {
    const store = new ResumeStore(1_000, new ResumeLedger(1_000));
    const batch = batchOf(A);
    store.append(batch, 0);
    batch.chunks[0]?.fill(0);
    store.rewind(0);
    expect(takeAgain(store)).to.deep.equal([A]);
  });

  it("drops whole writes that the peer has, and none that it has in part", () => {
    const store = filled();
    store.trim(14);
    expect(store.firstPosition).to.equal(0);
    store.trim(15);
    expect([store.firstPosition, store.byteLength]).to.deep.equal([15, 19]);
    store.trim(20);
    expect(store.firstPosition).to.equal(15);
    store.trim(28);
    expect([store.firstPosition, store.sentPosition, store.byteLength]).to.deep.equal([28, 28, 0]);
  });

  it("believes no position beyond what was sent", () => {
    const store = filled();
    store.rewind(15);
    store.trim(1_000_000);
    expect([store.firstPosition, store.hasUnsent]).to.deep.equal([15, true]);
    expect(takeAgain(store)).to.deep.equal([C, A]);
    store.trim(1_000_000);
    expect([store.firstPosition, store.byteLength]).to.deep.equal([28, 0]);
  });

  it("goes back to the beginning of a frame within a write, and sends from there", () => {
    const store = filled();
    expect(store.rewind(7)).to.equal(true);
    expect(store.hasUnsent).to.equal(true);
    expect(takeAgain(store)).to.deep.equal([B, C, A]);
    expect(store.hasUnsent).to.equal(false);
    // And once more, for the link was lost again.
    expect(store.rewind(15)).to.equal(true);
    expect(takeAgain(store)).to.deep.equal([C, A]);
  });

  it("goes back to the end, with nothing to send", () => {
    const store = filled();
    expect(store.rewind(28)).to.equal(true);
    expect([store.hasUnsent, store.byteLength, takeAgain(store)]).to.deep.equal([false, 0, []]);
  });

  it("goes nowhere inside a frame, beyond the end, or before what is kept", () => {
    const store = filled();
    for (const position of [1, 6, 8, 14, 16, 27, 29, -1]) {
      expect([store.holds(position), store.rewind(position)], `${position}`).to.deep.equal([false, false]);
    }
    for (const position of [0, 7, 15, 21, 28]) expect(store.holds(position), `${position}`).to.equal(true);
    store.trim(15);
    expect([store.holds(0), store.holds(7), store.holds(15)]).to.deep.equal([false, false, true]);
    expect(store.hasUnsent, "nothing was moved").to.equal(false);
  });

  it("sends again in writes of a size, whole ones", () => {
    const store = filled();
    store.rewind(0);
    expect(takeAgain(store, 1)).to.deep.equal([A + B]);
    expect(takeAgain(store, 10)).to.deep.equal([C, A]);
    store.append(batchOf(C), 0);
    expect([store.hasUnsent, store.sentPosition]).to.deep.equal([false, 34]);
  });

  it("gives copies away, again and again", () => {
    const store = filled();
    store.rewind(21);
    const batch = createBatch();
    store.takeUnsent(batch, 100);
    expect(batch.byteLength).to.equal(10);
    batch.chunks[0]?.fill(0);
    store.rewind(21);
    expect(takeAgain(store)).to.deep.equal([A]);
  });

  it("is full at its bound, half full at half of it", () => {
    const states = (maxBytes: number): boolean[] => {
      const store = filled(maxBytes);
      return [store.isHalfFull, store.isFull];
    };
    expect([82, 80, 41, 40, 39].map(states)).to.deep.equal([
      [false, false],
      [true, false],
      [true, false],
      [true, true],
      [true, true],
    ]);
  });

  it("is full when all stores together are, from as many bytes on as the peer may be asked about", () => {
    const ledger = new ResumeLedger(100_000);
    const store = new ResumeStore(1_000_000, ledger);
    const states = (ofOthers: number): boolean[] => {
      ledger.bytes += ofOthers;
      const seen = [store.isHalfFull, store.isFull];
      ledger.bytes -= ofOthers;
      return seen;
    };
    expect(states(500_000), "who keeps nothing").to.deep.equal([false, false]);
    store.append(batchOf(`00fff9000000012820${"61".repeat(65_523)}`), 0); // 65,529 bytes without its length
    expect(states(500_000), "who keeps little").to.deep.equal([false, false]);
    store.append(batchOf(A), 0);
    expect(states(500_000)).to.deep.equal([true, true]);
    const room = ledger.maxBytes - ledger.bytes;
    expect([states(room), states(room + 1)]).to.deep.equal([
      [false, false],
      [true, true],
    ]);
    store.trim(65_529);
    expect(states(500_000), "the rest is little").to.deep.equal([false, false]);
  });

  it("without a bound, or with one beyond 32 bits, is never half full of nothing, nor of little", () => {
    for (const maxBytes of [Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 40]) {
      const store = filled(maxBytes);
      expect([store.isHalfFull, store.isFull], `${maxBytes}`).to.deep.equal([false, false]);
      store.clear();
      expect(store.isHalfFull, `${maxBytes}`).to.equal(false);
    }
  });

  it("forgets the oldest until there is room, and no more", () => {
    const store = filled(30);
    store.evict();
    expect([store.firstPosition, store.byteLength]).to.deep.equal([15, 19]);
    store.evict();
    expect(store.byteLength, "there is room").to.equal(19);
  });

  it("forgets for the others' sake, too, but nothing that is to be sent again", () => {
    const ledger = new ResumeLedger(1_000);
    const store = filled(10_000, ledger);
    ledger.bytes += 965;
    store.evict();
    expect([store.firstPosition, ledger.bytes]).to.deep.equal([15, 984]);
    store.rewind(15);
    ledger.bytes += 1_000;
    store.evict();
    expect([store.firstPosition, store.hasUnsent]).to.deep.equal([15, true]);
  });

  it("keeps nothing when it is cleared, and takes it off the ledger", () => {
    const ledger = new ResumeLedger(1_000);
    const store = filled(1_000, ledger);
    store.rewind(7);
    store.clear();
    expect([store.byteLength, ledger.bytes, store.hasUnsent, store.firstPosition]).to.deep.equal([0, 0, false, 28]);
    expect(takeAgain(store)).to.deep.equal([]);
    store.append(batchOf(A), 0);
    expect([store.firstPosition, store.sentPosition, store.hasUnsent]).to.deep.equal([28, 35, false]);
  });
});
