// SPDX-License-Identifier: Apache-2.0
// Shows that the tests of docs/conformance.md notice: changes the runtime in one line for each requirement, in a copy, and
// runs the tests that name it. Fails where all of them stay green.
//
//   npm run conformance:bite                  60 of them, by a seed that is printed
//   npm run conformance:bite -- --seed 7      the same 60 as with that seed
//   npm run conformance:bite -- --all         all
//   npm run conformance:bite -- --id FRM-01   that one; may be given more than once

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Random } from "../support/rng.js";
import { BITES, type Bite, biteFile } from "./bites.js";
import { coveringTests, ROOT } from "./covering.js";
import { ScratchCopy } from "./scratch-copy.js";

const CHOSEN = 60;
const WORKERS = 2;
/** A change may make a loop endless. */
const PATIENCE_MS = 60_000;

interface MochaResults {
  readonly stats: { readonly tests: number };
  readonly failures: readonly { readonly title: string }[];
}

const { values } = parseArgs({
  options: { seed: { type: "string" }, all: { type: "boolean" }, id: { type: "string", multiple: true } },
});
const copies: ScratchCopy[] = [];
const children = new Set<ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const child of children) child.kill("SIGKILL");
    for (const copy of copies) copy.remove();
    process.exit(signal === "SIGINT" ? 130 : 143);
  });
}
try {
  process.exitCode = await main();
} finally {
  for (const copy of copies) copy.remove();
}

async function main(): Promise<number> {
  const startMs = performance.now();
  const bites = chooseBites();
  const files = await filesById();
  const faults: string[] = [];
  const waiting = [...bites];
  await Promise.all(
    Array.from({ length: Math.min(WORKERS, bites.length) }, async () => {
      const copy = await ScratchCopy.create();
      copies.push(copy);
      for (let bite = waiting.shift(); bite !== undefined; bite = waiting.shift()) {
        const outcome = await tryBite(copy, bite, files.get(bite.id) ?? []);
        console.log(`${bite.id}: ${outcome.text}`);
        if (!outcome.isNoticed) faults.push(`${bite.id}: ${outcome.text}`);
      }
    }),
  );
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(0);
  for (const fault of faults) console.error(`not noticed: ${fault}`);
  console.log(`${bites.length - faults.length} of ${bites.length} changes were noticed, in ${seconds} s`);
  return faults.length === 0 ? 0 : 1;
}

function chooseBites(): readonly Bite[] {
  if (values.id !== undefined) return values.id.map(findBite);
  if (values.all === true) return BITES;
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}: npm run conformance:bite -- --seed ${seed}`);
  const rng = new Random(seed);
  const left = [...BITES];
  return Array.from({ length: Math.min(CHOSEN, left.length) }, () => left.splice(rng.below(left.length), 1)).flat();
}

function findBite(id: string): Bite {
  const found = BITES.find((bite) => bite.id === id);
  if (found === undefined) throw new Error(`there is no change for ${id}`);
  return found;
}

async function filesById(): Promise<Map<string, string[]>> {
  const files = new Map<string, string[]>();
  for (const { file, ids } of await coveringTests(true)) {
    for (const id of ids) files.set(id, [...new Set([...(files.get(id) ?? []), file])]);
  }
  return files;
}

interface Outcome {
  readonly isNoticed: boolean;
  readonly text: string;
}

async function tryBite(copy: ScratchCopy, bite: Bite, files: readonly string[]): Promise<Outcome> {
  if (files.length === 0) return { isNoticed: false, text: "no test names it" };
  const path = biteFile(bite);
  const parts = readFileSync(join(ROOT, path), "utf8").split(bite.find);
  if (parts.length !== 2) return { isNoticed: false, text: `${path} has "${bite.find}" ${parts.length - 1} times` };
  const restore = await copy.replace(path, parts.join(bite.replace));
  try {
    return await runTests(copy, bite.id, files);
  } finally {
    restore();
  }
}

async function runTests(copy: ScratchCopy, id: string, files: readonly string[]): Promise<Outcome> {
  const mocha = join(ROOT, "node_modules/mocha/lib/cli/cli.js");
  const paths = files.map((file) => file.replace(/\.ts$/, ".js"));
  const args = [
    mocha,
    "--no-config",
    "--exit", // what failed may have left a socket
    "--timeout",
    "5000",
    "--reporter",
    "json",
    "--grep",
    `\\b${id}\\b`,
    ...paths,
  ];
  const { output, isOver } = await outputOf(args, copy.folder);
  if (!isOver) return { isNoticed: false, text: `the tests have not ended within ${PATIENCE_MS} ms` };
  const results = parseResults(output);
  if (results === undefined) return { isNoticed: false, text: `the tests could not be run: ${output.slice(-2_000)}` };
  // A hook behind a test isn't the test.
  const failed = results.failures.filter(({ title }) => title.includes(id) && !title.includes(" hook for "));
  return { isNoticed: failed.length > 0, text: `${failed.length} of ${results.stats.tests} tests fail` };
}

// Tests may print; the report is the last object.
function parseResults(output: string): MochaResults | undefined {
  const start = output.search(/^\{\n {2}"stats"/m);
  if (start < 0) return undefined;
  try {
    return JSON.parse(output.slice(start, output.lastIndexOf("}") + 1)) as MochaResults;
  } catch {
    return undefined;
  }
}

function outputOf(
  args: readonly string[],
  cwd: string,
): Promise<{ readonly output: string; readonly isOver: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    children.add(child);
    let output = "";
    let errors = "";
    let isOver = true;
    const timer = setTimeout(() => {
      isOver = false;
      child.kill("SIGKILL");
    }, PATIENCE_MS);
    child.stdout.on("data", (data) => {
      output += String(data);
    });
    child.stderr.on("data", (data) => {
      errors += String(data);
    });
    child.once("error", reject);
    child.once("close", () => {
      clearTimeout(timer);
      children.delete(child);
      resolve({ output: output === "" ? errors : output, isOver });
    });
  });
}
