// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz -- [--target NAME] [--seconds 60] [--seed N] [--input FILE]`: each target for so long.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { chooseSeed } from "../support/rng.js";
import { fuzz, runInput, saveCrash } from "./fuzz.js";
import { TARGETS } from "./targets.js";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    input: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? chooseSeed() : Number(values.seed);
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
  console.error(
    `expected --target ${TARGETS.map(({ name }) => name).join("|")}, --seconds above 0, --seed a whole number`,
  );
  process.exit(2);
}

if (values.input === undefined) await fuzzAll();
else for (const target of targets) await runInput(target, bytesOf(readFileSync(values.input, "utf8").trim()));

async function fuzzAll(): Promise<void> {
  console.log(`seed ${seed}, ${seconds} s for each of ${targets.length} targets`);
  for (const target of targets) {
    const { executions, seconds: tookSeconds, crashes } = await fuzz(target, seconds, seed);
    const perSecond = Math.round(executions / tookSeconds);
    console.log(`${target.name}: ${executions} executions, ${perSecond} per second, ${crashes.length} crashes`);
    for (const crash of crashes) {
      console.log(`  ${crash.error.stack ?? crash.error.message}`);
      console.log(`  ${saveCrash(target, crash)}: ${hexOf(crash.input)}`);
      process.exitCode = 1;
    }
  }
}
