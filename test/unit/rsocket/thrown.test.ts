// SPDX-License-Identifier: Apache-2.0
// User code that is called behind a guard, whatever its promises are made of.

import { runInNewContext } from "node:vm";
import { expect } from "chai";
import { guard, isThenable } from "../../../runtime/src/rsocket/thrown.js";

/** As test runners have them that give code a realm of its own. */
const foreign = (): unknown => runInNewContext("Promise.reject(new Error('not here'))");

function withThen(then: PropertyDescriptor): object {
  // biome-ignore lint/suspicious/noThenProperty: that is what is tested
  return Object.defineProperty({}, "then", then);
}

describe("what user code throws", () => {
  for (const [name, call] of Object.entries({
    "is thrown": () => {
      throw new Error("not here");
    },
    "rejects a promise": () => Promise.reject(new Error("not here")),
    "rejects a promise of another realm": foreign,
    "rejects what is like a promise": () =>
      withThen({ value: (_: unknown, reject: (error: Error) => void) => reject(new Error("not here")) }),
    "is thrown by a getter": () =>
      withThen({
        get: () => {
          throw new Error("not here");
        },
      }),
  })) {
    it(`${name}: it is told once`, async () => {
      const told: string[] = [];
      guard(call, (error) => told.push((error as Error).message));
      await new Promise((resolve) => setImmediate(resolve));
      expect(told).to.deep.equal(["not here"]);
    });
  }

  it("is nothing when it returns anything else", () => {
    for (const value of [undefined, null, 5, "then", withThen({ value: 5 }), () => {}]) {
      guard(
        () => value,
        (error) => expect.fail(String(error)),
      );
      expect(isThenable(value)).to.equal(false);
    }
  });
});
