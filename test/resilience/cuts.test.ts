// SPDX-License-Identifier: Apache-2.0
// Real sockets that are cut at any byte; `npx tsx test/resilience/cuts.ts` does it 10,000 times.

import { expect } from "chai";
import { chooseSeed } from "../support/rng.js";
import { runCuts } from "./cuts.js";

describe("a resumed connection whose links are cut 300 times, by FIN and RST, at any byte", function () {
  this.timeout(60_000);

  it("brings every message once and in order, in both directions, and runs every call once", async () => {
    const seed = chooseSeed();
    const result = await runCuts(300, seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    expect(result.resumed, `seed ${seed}`).to.be.above(100);
    for (const [kind, count] of Object.entries({ ...result.kinds, ...result.items })) {
      expect(count, `${kind}, seed ${seed}`).to.be.above(20);
    }
  });
});
