// SPDX-License-Identifier: Apache-2.0
// Where the CPU goes: profiles client and server of one contestant under one scenario and prints the functions that take most
// of it, by self time. The profiles are kept in profiles/ for any viewer of .cpuprofile files.
import { mkdirSync, writeFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { benchFolder, compileChildren, generateStubs, repositoryFolder } from "./prepare.js";
import { Pair } from "./processes.js";
import { alignColumns } from "./report.js";
import { type ContestantEntry, contestants, type Scenario, scenarios } from "./scenarios.js";

const help = `usage: node --import tsx test/bench/cpu-profile.ts [options]
  --contestant NAME  one of ${contestants.map(({ name }) => name).join(", ")}; ours when absent
  --scenario NAME    one of ${scenarios.map(({ name }) => name).join(", ")}; unary-16b-x128 when absent
  --window-ms N      length of the profiled load; 3,000 when absent
  --top N            functions to print per process; 25 when absent
  --no-generate      use the stubs in test/bench/gen as they are`;

/** Self time of one function or of one file. */
interface Entry {
  readonly name: string;
  micros: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      help: { type: "boolean", default: false },
      contestant: { type: "string", default: "ours" },
      scenario: { type: "string", default: "unary-16b-x128" },
      "window-ms": { type: "string", default: "3000" },
      top: { type: "string", default: "25" },
      "no-generate": { type: "boolean", default: false },
    },
  });
  const scenario = scenarios.find(({ name }) => name === values.scenario);
  if (values.help || scenario === undefined) {
    console.log(help);
    if (!values.help) throw new Error(`--scenario: ${JSON.stringify(values.scenario)} is unknown`);
    return;
  }
  if (!values["no-generate"]) generateStubs();
  const contestant = contestants.find(({ name }) => name === values.contestant);
  if (contestant === undefined) throw new Error(`--contestant: ${JSON.stringify(values.contestant)} is unknown`);
  await compileChildren([contestant]);
  await profile(contestant, scenario, Number(values["window-ms"]), Number(values.top));
}

async function profile(contestant: ContestantEntry, scenario: Scenario, windowMs: number, top: number): Promise<void> {
  const pair = await Pair.start(contestant, scenario.transport);
  try {
    await pair.measure(scenario, { operations: scenario.warmUpOperations, elapsedMs: 2000, maximumMs: 30_000 });
    const until = { operations: 1, elapsedMs: windowMs, maximumMs: 60_000 };
    const { result, client, server } = await pair.profile(() => pair.measure(scenario, until));
    console.log(
      `${contestant.name}, ${scenario.title}: ${Math.round(result.operationsPerSecond).toLocaleString("en")}/s, ${result.cpuMicrosPerOperation.toFixed(2)} µs CPU per operation (the profiler's own included)`,
    );
    for (const [role, taken] of [
      ["client", client],
      ["server", server],
    ] as const) {
      const file = save(`${contestant.name}-${scenario.name}-${role}`, taken);
      console.log(`\n${role}: ${file}\n${format(taken, result.operations, top)}`);
    }
  } finally {
    await pair.stop();
  }
}

function save(name: string, profile: Profiler.Profile): string {
  const folder = join(benchFolder, "profiles");
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${name}.cpuprofile`);
  writeFileSync(file, JSON.stringify(profile));
  return file.replace(repositoryFolder, "");
}

function format(profile: Profiler.Profile, operations: number, top: number): string {
  const { functions, files } = selfTimes(profile);
  const busyMicros = functions.reduce((sum, { micros }) => sum + micros, 0);
  const row = ({ name, micros }: Entry): string[] => [
    name,
    `${((micros / busyMicros) * 100).toFixed(1)} %`,
    `${((micros * 1000) / operations).toFixed(0)} ns`,
  ];
  const byFile = alignColumns([["by file", "self", "per operation"], ...files.slice(0, 12).map(row)]);
  const byFunction = alignColumns([["by function", "self", "per operation"], ...functions.slice(0, top).map(row)]);
  return `${byFile}\n\n${byFunction}`;
}

/** Sums the samples per function and per file, the largest first. Idle time is left out. */
function selfTimes(profile: Profiler.Profile): { functions: Entry[]; files: Entry[] } {
  const functions = new Map<string, Entry>();
  const files = new Map<string, Entry>();
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const deltas = profile.timeDeltas ?? [];
  (profile.samples ?? []).forEach((id, index) => {
    const frame = frames.get(id);
    const micros = deltas[index] ?? 0;
    if (frame === undefined || frame.functionName === "(idle)") return;
    const file = shortUrl(frame.url);
    add(files, file === "" ? "native and VM" : file, micros);
    add(
      functions,
      `${frame.functionName || "(anonymous)"}  ${file === "" ? "" : `${file}:${frame.lineNumber + 1}`}`,
      micros,
    );
  });
  const sorted = (entries: Map<string, Entry>): Entry[] => [...entries.values()].sort((a, b) => b.micros - a.micros);
  return { functions: sorted(functions), files: sorted(files) };
}

function add(entries: Map<string, Entry>, name: string, micros: number): void {
  const entry = entries.get(name);
  if (entry === undefined) entries.set(name, { name, micros });
  else entry.micros += micros;
}

function shortUrl(url: string): string {
  const afterPackages = url.split("node_modules/").at(-1) ?? url;
  return afterPackages.replace(/^file:\/\//, "").replace(repositoryFolder, "");
}

await main();
