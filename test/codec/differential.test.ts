// SPDX-License-Identifier: Apache-2.0
// Generated codecs and protobuf-es can't be told apart: the part of test/codec/differential.ts that fits into every run.

import { expect } from "chai";
import { random } from "../support/rng.js";
import { compareOnce, type Verdicts } from "./support/differential.js";

/** A second or two; the script does a million. */
const MESSAGES = 300;

describe("generated codecs", function () {
  this.timeout(60_000);

  it(
    "write the bytes, read the objects and give the verdicts of protobuf-es",
    random((rng) => {
      const verdicts: Verdicts = { messages: 0, accepted: 0, refused: 0, safer: 0 };
      for (let i = 0; i < MESSAGES; i++) compareOnce(rng, verdicts);
      expect(verdicts.messages).to.equal(MESSAGES);
      expect(verdicts.accepted).to.be.above(MESSAGES / 4);
      expect(verdicts.refused).to.be.above(MESSAGES / 2);
      // Rare, and never the rule.
      expect(verdicts.safer).to.be.below(MESSAGES / 2);
    }),
  );
});
