// SPDX-License-Identifier: Apache-2.0
// The command line of the benchmark.
import { parseArgs } from "node:util";
import { type ContestantEntry, contestants, type Scenario, scenarios } from "./scenarios.js";

/** What to run, and for how long. */
export interface BenchArguments {
  readonly scenarios: readonly Scenario[];
  readonly contestants: readonly ContestantEntry[];
  /** Measured windows per contestant, interleaved. */
  readonly rounds: number;
  /** Length of a measured window. */
  readonly windowMs: number;
  /** Shortest warm-up, beside the scenario's number of operations. */
  readonly warmUpMs: number;
  /** Load right before each window, unmeasured: after the idle time of the others' turns a process first costs more. */
  readonly leadInMs: number;
  /** Where the figures go as JSON. */
  readonly jsonFile: string | undefined;
  /** Whether a goal that isn't reached makes the exit code 1. */
  readonly check: boolean;
  /** Whether to run `buf generate` first. */
  readonly generate: boolean;
}

/** Printed by `--help`. */
export const usageText: string = `usage: npm run bench -- [options]
  --quick              3 rounds of 500 ms instead of 5 of 2,000 ms; figures only for a first look
  --only NAME,…        contestants: ${contestants.map(({ name }) => name).join(", ")}
  --scenario NAME,…    scenarios: ${scenarios.map(({ name }) => name).join(", ")}
  --all                every scenario, not only the ${scenarios.filter(({ standard }) => standard).length} standard ones
  --rounds N           measured windows per contestant
  --window-ms N        length of a measured window
  --json FILE          write all figures to FILE
  --check              exit with 1 when a goal isn't reached
  --no-generate        use the stubs in test/bench/gen as they are`;

/** @throws Error naming the wrong option or value. `undefined` when help was asked for. */
export function readArguments(args: readonly string[]): BenchArguments | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      quick: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      "no-generate": { type: "boolean", default: false },
      only: { type: "string" },
      scenario: { type: "string" },
      rounds: { type: "string" },
      "window-ms": { type: "string" },
      json: { type: "string" },
    },
  });
  if (values.help) return undefined;
  return {
    scenarios:
      values.scenario === undefined
        ? scenarios.filter(({ standard }) => standard || values.all)
        : named("--scenario", values.scenario, scenarios),
    contestants: values.only === undefined ? contestants : named("--only", values.only, contestants),
    rounds: count("--rounds", values.rounds) ?? (values.quick ? 3 : 5),
    windowMs: count("--window-ms", values["window-ms"]) ?? (values.quick ? 500 : 2000),
    warmUpMs: values.quick ? 1000 : 3000,
    leadInMs: values.quick ? 200 : 400,
    jsonFile: values.json,
    check: values.check,
    generate: !values["no-generate"],
  };
}

/** The entries named, in the order of the table. */
function named<T extends { readonly name: string }>(option: string, list: string, entries: readonly T[]): readonly T[] {
  const names = list.split(",");
  for (const name of names) {
    if (entries.some((entry) => entry.name === name)) continue;
    throw new Error(
      `${option}: ${JSON.stringify(name)} is unknown, expected some of ${entries.map((entry) => entry.name).join(", ")}`,
    );
  }
  return entries.filter(({ name }) => names.includes(name));
}

function count(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (Number.isInteger(parsed) && parsed > 0) return parsed;
  throw new Error(`${option}: ${JSON.stringify(value)} is no positive whole number`);
}
