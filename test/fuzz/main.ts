// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz -- [--target NAME] [--seconds 60] [--seed N] [--jobs N] [--input FILE]`: each target for so long, as many
// at once as the machine has cores.

import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { chooseSeed } from "../support/rng.js";
import { fuzz, runInput, saveCrash } from "./fuzz.js";
import { type FuzzTarget, TARGETS } from "./targets.js";

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    seconds: { type: "string", default: "60" },
    seed: { type: "string" },
    jobs: { type: "string", default: String(availableParallelism()) },
    input: { type: "string" },
  },
});
const seconds = Number(values.seconds);
const jobs = Number(values.jobs);
const seed = values.seed === undefined ? chooseSeed() : Number(values.seed);
const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
if (targets.length === 0 || !(seconds > 0) || !Number.isInteger(seed) || !Number.isInteger(jobs) || jobs < 1) {
  const names = TARGETS.map(({ name }) => name).join("|");
  console.error(`expected --target ${names}, --seconds above 0, --seed a whole number, --jobs one above 0`);
  process.exit(2);
}

const [only, another] = targets;
if (values.input !== undefined) {
  const input = bytesOf(readFileSync(values.input, "utf8").trim());
  for (const target of targets) await runInput(target, input);
} else if (only !== undefined && another === undefined) await fuzzOne(only);
else await fuzzAll();

async function fuzzOne(target: FuzzTarget): Promise<void> {
  const { executions, seconds: tookSeconds, crashes } = await fuzz(target, seconds, seed);
  const perSecond = Math.round(executions / tookSeconds);
  console.log(`${target.name}: ${executions} executions, ${perSecond} per second, ${crashes.length} crashes`);
  for (const crash of crashes) {
    console.log(`  ${crash.error.stack ?? crash.error.message}`);
    console.log(`  ${saveCrash(target, crash)}: ${hexOf(crash.input)}`);
    process.exitCode = 1;
  }
}

// A process for each: they would share one core else.
async function fuzzAll(): Promise<void> {
  console.log(`seed ${seed}, ${seconds} s for each of ${targets.length} targets, ${jobs} at once`);
  const waiting = [...targets];
  const work = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) await fuzzApart(target);
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

async function fuzzApart({ name }: FuzzTarget): Promise<void> {
  const args = ["--target", name, "--seconds", String(seconds), "--seed", String(seed)];
  const child = fork(fileURLToPath(import.meta.url), args);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  if (code === 0) return;
  if (code !== 1) console.log(`${name}: the process ended with ${code ?? signal}`);
  process.exitCode = 1;
}
