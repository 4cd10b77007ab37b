// SPDX-License-Identifier: Apache-2.0
// Random operations over links that are cut; resume-model.ts does a million of them by itself.

import { expect } from "chai";
import { chooseSeed } from "../support/rng.js";
import { runResumeModel } from "./resume-model.js";

describe("two connections whose links are cut anywhere, against a model", function () {
  this.timeout(60_000);

  it("lose nothing, repeat nothing, ask, wait and serve by leases alone, and end every stream once", () => {
    const seed = chooseSeed();
    const { tally } = runResumeModel(60_000, seed);
    for (const [group, counts] of Object.entries(tally.shares)) {
      for (const [name, { share }] of Object.entries(counts)) {
        expect(share, `${group}: ${name}, seed ${seed}`).to.be.above(0.005);
      }
    }
  });
});
