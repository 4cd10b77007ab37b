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
