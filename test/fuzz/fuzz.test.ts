// SPDX-License-Identifier: Apache-2.0
// Each target with its corpus and, for a second, with whatever comes. `npm run fuzz` goes on for longer.

import { expect } from "chai";
import { hexOf } from "../support/frames-dsl.js";
import { chooseSeed } from "../support/rng.js";
import { corpusOf, fuzz } from "./fuzz.js";
import { TARGETS } from "./targets.js";

const SECONDS = 1;

describe("any bytes", () => {
  const seed = chooseSeed();
  for (const target of TARGETS) {
    it(`${target.name}: no promise is broken by its corpus or by chance`, async () => {
      expect(corpusOf(target.corpus ?? target.name), "corpus").not.to.have.length(0);
      const { executions, crashes } = await fuzz(target, SECONDS, seed);
      const messages = crashes.map(({ error, input }) => `${error.message}: ${hexOf(input)}`);
      expect(messages, `SEED=${seed}, ${executions} executions`).to.deep.equal([]);
    }).timeout(60_000);
  }
});
