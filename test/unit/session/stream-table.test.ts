// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/stream-table.ts.
import { expect } from "chai";
import type { Stream } from "../../../runtime/src/session/stream.js";
import { StreamTable } from "../../../runtime/src/session/stream-table.js";

function stream(id: number, isRequester: boolean, unusedCredit = 0): Stream {
  return { id, isRequester, unusedCredit } as unknown as Stream;
}

function takeAll(table: StreamTable): number {
  let count = 0;
  while (count < 1_000_000 && table.takeLate()) count++;
  return count;
}

describe("session/stream-table", () => {
  it("finds live streams by id and counts those that the peer opened", () => {
    const table = new StreamTable();
    const [mine, theirs] = [stream(1, true), stream(2, false)];
    table.add(mine);
    table.add(theirs);
    expect([table.size, table.inboundCount, table.get(1), table.has(2), table.has(3)]).to.deep.equal([
      2,
      1,
      mine,
      true,
      false,
    ]);
    table.remove(theirs);
    table.remove(theirs);
    expect([table.size, table.inboundCount, table.get(2)]).to.deep.equal([1, 0, undefined]);
  });

  it("tells streams apart whose ids end in the same bits, whichever of them ends first", () => {
    const table = new StreamTable();
    const streams = [1, 0x10001, 0x7fff0001].map((id) => stream(id, true));
    for (const each of streams) table.add(each);
    const found = (): (number | undefined)[] => streams.map(({ id }) => table.get(id)?.id);
    expect(found()).to.deep.equal([1, 0x10001, 0x7fff0001]);
    for (const each of streams) {
      table.remove(each);
      expect([table.has(each.id), table.size]).to.deep.equal([false, streams.length - 1]);
      table.add(each);
    }
    expect([...found(), table.get(0x20001)]).to.deep.equal([1, 0x10001, 0x7fff0001, undefined]);
    // The slot is free for the next, though another with the same bits lives.
    for (const each of streams) table.remove(each);
    expect([table.size, ...found()]).to.deep.equal([0, undefined, undefined, undefined]);
  });

  it("beside many that live long, finds a place for each new one without a map", () => {
    const table = new StreamTable();
    let id = 1;
    for (; id < 16_000; id += 2) table.add(stream(id, true));
    const come = (count: number): void => {
      for (let i = 0; i < count; i++, id += 2) {
        const short = stream(id, true);
        table.add(short);
        table.remove(short);
      }
    };
    come(32_768); // all ids with other low bits
    const { set } = Map.prototype;
    let setCount = 0;
    Map.prototype.set = function (key, value) {
      setCount++;
      return set.call(this, key, value);
    };
    try {
      come(32_768);
    } finally {
      Map.prototype.set = set;
    }
    expect([setCount, table.size, table.get(7)?.id, table.get(15_999)?.id]).to.deep.equal([0, 8_000, 7, 15_999]);
  });

  it("holds as many as there may be, in order of their ids", () => {
    const table = new StreamTable();
    const ids = Array.from({ length: 70_000 }, (_, index) => 2 * index + 1);
    for (const id of ids) table.add(stream(id, true));
    expect(table.size).to.equal(70_000);
    expect(ids.every((id) => table.get(id)?.id === id)).to.equal(true);
    expect(table.snapshot().map(({ id }) => id)).to.deep.equal(ids);
    for (const each of table.snapshot()) table.remove(each);
    expect([table.size, table.snapshot()]).to.deep.equal([0, []]);
  });

  it("goes through the streams of the moment while they end", () => {
    const table = new StreamTable();
    for (let id = 1; id < 10; id += 2) table.add(stream(id, true));
    const seen: number[] = [];
    for (const each of table.snapshot()) {
      seen.push(each.id);
      table.remove(each);
      table.add(stream(each.id + 100, true));
    }
    expect(seen).to.deep.equal([1, 3, 5, 7, 9]);
  });

  it("allows no late frame before a stream ended, then its unused credit and eight", () => {
    const table = new StreamTable();
    expect(table.takeLate()).to.equal(false);
    const ending = stream(1, true, 5);
    table.add(ending);
    expect(table.takeLate()).to.equal(false);
    table.remove(ending);
    expect(takeAll(table)).to.equal(13);
  });

  it("adds the allowances up, to 2^31-1 at most", () => {
    const table = new StreamTable();
    for (let id = 1; id < 10; id += 2) {
      const ending = stream(id, true, 1);
      table.add(ending);
      table.remove(ending);
    }
    expect(takeAll(table)).to.equal(45);
    table.allowLate(Number.POSITIVE_INFINITY);
    const ending = stream(1, true, 0x7fffffff);
    table.add(ending);
    table.remove(ending);
    expect(table.takeLate()).to.equal(true);
  });

  it("allows what was under way for something that ended otherwise", () => {
    const table = new StreamTable();
    table.allowLate(100);
    expect(takeAll(table)).to.equal(108);
  });
});
