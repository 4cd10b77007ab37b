// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/reassembler.ts.
import { expect } from "chai";
import { compact, Reassembler } from "../../../runtime/src/session/reassembler.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";

describe("session/reassembler", () => {
  it("joins metadata and data on their own", () => {
    const reassembler = new Reassembler();
    reassembler.push(bytesOf("0102"), bytesOf(""));
    reassembler.push(bytesOf("03"), bytesOf("aa"));
    reassembler.push(undefined, bytesOf("bbcc"));
    const { metadata, data } = reassembler.join();
    expect([metadata === undefined ? undefined : hexOf(metadata), hexOf(data)]).to.deep.equal(["010203", "aabbcc"]);
    expect([reassembler.metadataBytes, reassembler.dataBytes, reassembler.byteLength]).to.deep.equal([3, 3, 6]);
  });

  it("tells metadata that is empty from metadata that is absent", () => {
    const absent = new Reassembler();
    absent.push(undefined, bytesOf("aa"));
    expect(absent.join().metadata).to.equal(undefined);
    const empty = new Reassembler();
    empty.push(bytesOf(""), bytesOf("aa"));
    empty.push(undefined, bytesOf("bb"));
    expect(empty.join().metadata).to.deep.equal(bytesOf(""));
  });

  it("counts fragments, an empty one 64 times", () => {
    const reassembler = new Reassembler();
    reassembler.push(undefined, bytesOf("aa"));
    reassembler.push(bytesOf("aa"), bytesOf(""));
    expect(reassembler.fragmentCount).to.equal(2);
    reassembler.push(undefined, bytesOf(""));
    expect(reassembler.fragmentCount).to.equal(66);
    reassembler.push(bytesOf(""), bytesOf(""));
    expect(reassembler.fragmentCount).to.equal(130);
    reassembler.push(bytesOf("aa"), bytesOf("bb"));
    expect(reassembler.fragmentCount, "as much metadata as data").to.equal(131);
  });

  it("joins parts of every size in order, in an allocation of exactly their size", () => {
    const sizes = [1, 2, 1, 5_000, 0, 3, 4_095, 4_096, 1, 100, 9_000, 1, 1, 1];
    const reassembler = new Reassembler();
    const all: number[] = [];
    for (const [i, size] of sizes.entries()) {
      const part = Uint8Array.from({ length: size }, (_, at) => (at * 7 + i) & 0xff);
      reassembler.push(undefined, part);
      all.push(...part);
    }
    const { data } = reassembler.join();
    expect(data).to.deep.equal(Uint8Array.from(all));
    expect(data.buffer.byteLength).to.equal(all.length);
  });

  it("isn't hurt when a small part's bytes change behind it", () => {
    const part = bytesOf("aabb");
    const reassembler = new Reassembler();
    reassembler.push(part, part);
    part.fill(0);
    const { metadata, data } = reassembler.join();
    expect(metadata).to.deep.equal(bytesOf("aabb"));
    expect(data).to.deep.equal(bytesOf("aabb"));
  });

  it("holds few objects for many small parts: none pins the chunk that it was read in", () => {
    const chunk = new Uint8Array(65_536);
    const reassembler = new Reassembler();
    for (let i = 0; i < 100; i++) reassembler.push(undefined, chunk.subarray(i, i + 1));
    expect(reassembler.join().data.buffer).to.not.equal(chunk.buffer);
  });

  it("passes a single large part on without a copy", () => {
    const part = new Uint8Array(10_000);
    const reassembler = new Reassembler();
    reassembler.push(undefined, part);
    expect(reassembler.join().data).to.equal(part);
  });

  it("compacts what is held longer than its frame: what is little, or little of its chunk, is copied", () => {
    const chunk = new Uint8Array(65_536);
    expect(compact(chunk.subarray(10, 20)).buffer.byteLength).to.equal(10);
    expect(compact(chunk.subarray(0, 4_096)).buffer.byteLength).to.equal(4_096);
    expect(compact(chunk.subarray(0, 32_768)).buffer).to.equal(chunk.buffer);
    const small = new Uint8Array(4_095);
    expect(compact(small).buffer).not.to.equal(small.buffer);
  });
});
