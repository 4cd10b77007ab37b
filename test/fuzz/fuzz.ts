// SPDX-License-Identifier: Apache-2.0
// Feeds a target for a while, first with its corpus, and keeps what broke it.

import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { changed } from "./inputs.js";
import type { FuzzTarget } from "./targets.js";

const CORPUS = new URL("./corpus/", import.meta.url);
const CRASHES = new URL("./crashes/", import.meta.url);
/** fast-check makes larger things the further a run is; it begins anew so often. */
const RUNS_AT_ONCE = 1_000;
/** One input takes well below a millisecond; one that takes so long has found a loop. */
const MAX_INPUT_MS = 10_000;

/** An input that breaks a promise, as small as it could be made. */
export interface Crash {
  readonly input: Uint8Array;
  readonly error: Error;
}

/** What came of it. */
export interface FuzzResult {
  readonly executions: number;
  readonly seconds: number;
  /** One for each kind of error. */
  readonly crashes: readonly Crash[];
}

/** The committed inputs of a target, in order of their names. */
export function corpusOf(name: string): Uint8Array[] {
  const folder = new URL(`${name}/`, CORPUS);
  const files = readdirSync(folder).filter((file) => file.endsWith(".hex"));
  return files.sort().map((file) => bytesOf(readFileSync(new URL(file, folder), "utf8").replace(/\s/g, "")));
}

/** Runs one input. Throws what the target throws, and when it takes too long. */
export async function runInput(target: FuzzTarget, input: Uint8Array): Promise<void> {
  const startedMs = performance.now();
  await target.run(input);
  const tookMs = performance.now() - startedMs;
  if (tookMs > MAX_INPUT_MS) throw new Error(`it took ${Math.round(tookMs)} ms`);
}

/** Feeds `target` for so long; `seed` gives the same inputs again. */
export async function fuzz(target: FuzzTarget, seconds: number, seed: number): Promise<FuzzResult> {
  const startedMs = performance.now();
  const leftMs = (): number => startedMs + 1_000 * seconds - performance.now();
  const crashes = new Map<string, Crash>();
  const corpus = corpusOf(target.corpus ?? target.name);
  let executions = 0;
  const note = (crash: Crash): void => {
    // Numbers differ from input to input, the fault is the same.
    const kind = crash.error.message.replace(/[0-9a-f]{4,}|\d+/g, "#").slice(0, 100);
    if (!crashes.has(kind)) crashes.set(kind, crash);
  };
  for (const input of corpus) {
    executions++;
    await runInput(target, input).catch((error: unknown) => note({ input, error: asError(error) }));
  }
  const inputs =
    corpus.length === 0
      ? target.inputs
      : fc.oneof({ weight: 3, arbitrary: target.inputs }, { weight: 1, arbitrary: changed(corpus) });
  const property = fc.asyncProperty(inputs, (input) => {
    executions++;
    return runInput(target, input);
  });
  for (let round = 0; leftMs() > 0; round++) {
    const details = await fc.check(property, {
      seed: (seed + round) | 0,
      numRuns: RUNS_AT_ONCE,
      interruptAfterTimeLimit: leftMs(),
      markInterruptAsFailure: false,
    });
    const [input] = details.counterexample ?? [];
    if (input !== undefined) note({ input, error: asError(details.errorInstance) });
  }
  return { executions, seconds: (performance.now() - startedMs) / 1_000, crashes: [...crashes.values()] };
}

/** Writes `crash` down; returns where. */
export function saveCrash(target: FuzzTarget, { input }: Crash): string {
  mkdirSync(CRASHES, { recursive: true });
  const name = `${target.name}-${createHash("sha256").update(input).digest("hex").slice(0, 12)}.hex`;
  writeFileSync(new URL(name, CRASHES), `${hexOf(input)}\n`);
  return `test/fuzz/crashes/${name}`;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
