// SPDX-License-Identifier: Apache-2.0
// The long comparison: npx tsx test/codec/differential.ts --count 1000000 [--seed 7]

import { parseArgs } from "node:util";
import { chooseSeed, Random } from "../support/rng.js";
import { compareOnce, type Verdicts } from "./support/differential.js";

const { values } = parseArgs({ options: { count: { type: "string" }, seed: { type: "string" } } });
const count = Number(values.count ?? 100_000);
const random = new Random(values.seed === undefined ? chooseSeed() : Number(values.seed));
const verdicts: Verdicts = { messages: 0, accepted: 0, refused: 0, safer: 0 };
console.log(`seed ${random.seed}, ${count} messages`);
for (let i = 1; i <= count; i++) {
  try {
    compareOnce(random, verdicts);
  } catch (error) {
    console.error(`message ${i} of seed ${random.seed}: ${(error as Error).message}`);
    process.exit(1);
  }
  if (i % 100_000 === 0) console.log(`${i}: ${JSON.stringify(verdicts)}`);
}
console.log(`identical: ${JSON.stringify(verdicts)}`);
