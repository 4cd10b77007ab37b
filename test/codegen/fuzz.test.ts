// SPDX-License-Identifier: Apache-2.0
// The first of the random schemas; fuzz.mjs takes thousands.
import { expect } from "chai";
import { fuzz } from "./support/fuzz.js";
import { generateGoldens } from "./support/goldens.js";

const FIRST_SEED = 1;
const COUNT = 40;

describe("random schemas", function () {
  this.timeout(60_000);
  before(() => void generateGoldens()); // which begins by removing all that was generated

  it(`of the seeds ${FIRST_SEED} to ${FIRST_SEED + COUNT - 1} generate, compile under strict options and serve every rpc`, async () => {
    const { services, rpcs } = await fuzz(FIRST_SEED, COUNT);
    expect(services).to.be.above(COUNT);
    expect(rpcs).to.be.above(2 * COUNT);
  });
});
