// SPDX-License-Identifier: Apache-2.0
// Many random schemas: node test/codegen/fuzz.mjs [COUNT=2000] [FIRST_SEED=1] (after npm run build). Stops at the first that
// doesn't generate, compile or answer; the error names the seed: f123/… is of seed 123.
import { tsImport } from "tsx/esm/api";

const BATCH = 200;
const [count = 2000, firstSeed = 1] = process.argv.slice(2).map(Number);
const { fuzz } = await tsImport("./support/fuzz.ts", import.meta.url);

const total = { schemas: 0, services: 0, rpcs: 0 };
for (let seed = firstSeed; seed < firstSeed + count; seed += BATCH) {
  const done = await fuzz(seed, Math.min(BATCH, firstSeed + count - seed));
  for (const key of Object.keys(total)) total[key] += done[key];
  console.log(
    `seeds ${firstSeed} to ${seed + done.schemas - 1}: ${total.schemas} schemas, ${total.services} services, ${total.rpcs} rpcs, each called`,
  );
}
