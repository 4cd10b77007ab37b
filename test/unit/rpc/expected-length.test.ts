// SPDX-License-Identifier: Apache-2.0
// How long a message is going to be, by its beginning (codec/expected-length.ts).

import { expect } from "chai";
import { expectedMessageBytes } from "../../../runtime/src/codec/expected-length.js";
import { bytesOf } from "../../support/frames-dsl.js";
import { random } from "../../support/rng.js";

/** For short fields behind a long one. */
const SPARE = 1_024;

describe("the expected length of a message", () => {
  it("is where its field ends that reaches beyond the beginning, and a bit", () => {
    expect(expectedMessageBytes(bytesOf("0a8080046161"))).to.equal(4 + 65_536 + SPARE);
    // int32 1, fixed64 2, fixed32 3, string "ab", field 16 of 300 bytes
    expect(expectedMessageBytes(bytesOf("080111ffffffffffffffff1dffffffff220261628201ac0261"))).to.equal(
      24 + 300 + SPARE,
    );
    expect(expectedMessageBytes(bytesOf("0aff7f"))).to.equal(3 + 16_383 + SPARE);
  });

  it("is unknown where none does, and of what is no message", () => {
    for (const bytes of [
      "",
      "0a",
      "0a0161",
      "08",
      "0880",
      "0d00",
      "0b",
      "0c",
      "07",
      "ff",
      "ffffffffffffffffffffffff",
    ]) {
      expect(expectedMessageBytes(bytesOf(bytes)), bytes).to.equal(0);
    }
  });

  it(
    "is never less than what there is, whatever the bytes are",
    random((rng) => {
      for (let round = 0; round < 5_000; round++) {
        const bytes = rng.bytes(rng.below(40));
        const expected = expectedMessageBytes(bytes);
        if (expected !== 0) expect(expected).to.be.above(bytes.length);
      }
    }),
  );
});
