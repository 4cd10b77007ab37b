// SPDX-License-Identifier: Apache-2.0
// The benchmark: CPU per operation of client and server over loopback TCP, this project beside others, in one run.
//
// Per scenario, each contestant gets two fresh processes that live through all its rounds. After a long warm-up of each, the
// rounds are interleaved, so that a slow phase of the machine hits all. CPU is what both processes used (user + system, all
// threads) from before the first call of a window to after its last, when both are idle; read it as ratios within one run.
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, type as systemType, totalmem } from "node:os";
import { join } from "node:path";
import { type BenchArguments, readArguments, usageText } from "./arguments.js";
import { benchFolder, buildProgram, compileChildren, generateStubs, missingTool, repositoryFolder } from "./prepare.js";
import { type IdleMeasurement, type Measurement, Pair } from "./processes.js";
import {
  formatIdle,
  formatReport,
  type GoalResult,
  goalResults,
  type IdleReport,
  idleGoalResults,
  type LimitResult,
  limitResults,
  type ScenarioReport,
  summarize,
  summarizeIdle,
  type Windows,
} from "./report.js";
import { type ContestantEntry, contestantsOf, limits, type Scenario } from "./scenarios.js";

/** No window and no warm-up lasts longer, however slow a contestant is. */
const MAXIMUM_MS = 30_000;

const failures: string[] = [];

async function main(): Promise<void> {
  const options = readOptions();
  if (options === undefined) return;
  if (options.generate) generateStubs();
  const contestants = await compilable(options.contestants);
  const machine = describeMachine(contestants);
  console.log(
    `${machine.summary}\n${options.rounds} interleaved rounds of ${options.windowMs} ms; medians; "vs" = times less CPU per operation (lowest–highest round)\n`,
  );
  const reports: (ScenarioReport | IdleReport)[] = [];
  const loads: ScenarioReport[] = [];
  const memory: IdleReport[] = [];
  const goals: GoalResult[] = [];
  for (const scenario of options.scenarios) {
    const entries = contestantsOf(scenario, contestants);
    if (isMemory(scenario.kind)) {
      const report = summarizeIdle(scenario, await runIdle(scenario, scenario.kind, entries, options));
      reports.push(report);
      memory.push(report);
      goals.push(...idleGoalResults(report));
      console.log(`${formatIdle(report)}\n`);
    } else {
      const report = summarize(scenario, await runScenario(scenario, entries, options));
      reports.push(report);
      loads.push(report);
      goals.push(...goalResults(report));
      console.log(`${formatReport(report)}\n`);
    }
  }
  for (const goal of goals) console.log(describeGoal(goal));
  const limited = limitResults(limits, loads, memory);
  for (const result of limited) console.log(describeLimit(result));
  if (options.jsonFile !== undefined)
    writeFileSync(
      options.jsonFile,
      `${JSON.stringify({ machine, options, goals, limits: limited, reports, failures }, undefined, 2)}\n`,
    );
  if (failures.length > 0 || (options.check && (goals.some(missed) || limited.some(exceeded)))) process.exitCode = 1;
}

/** Undefined when there is nothing to run: help was asked for, or an argument is wrong. */
function readOptions(): BenchArguments | undefined {
  try {
    const options = readArguments(process.argv.slice(2));
    if (options === undefined) console.log(usageText);
    return options;
  } catch (error) {
    console.error(`${(error as Error).message}\n${usageText}`);
    process.exitCode = 2;
    return undefined;
  }
}

/** Leaves out a contestant whose module can't be built, and says why. */
async function compilable(entries: readonly ContestantEntry[]): Promise<readonly ContestantEntry[]> {
  const built: ContestantEntry[] = [];
  for (const entry of entries) {
    const tool = missingTool(entry);
    if (tool !== undefined) {
      console.error(`${entry.name} IS LEFT OUT: ${tool} is not installed here`);
      continue;
    }
    try {
      if (entry.program === undefined) await compileChildren([...built, entry]);
      else buildProgram(entry.program);
      built.push(entry);
    } catch (error) {
      failures.push(`${entry.name} is left out: ${(error as Error).message.split("\n", 3).join(" ")}`);
      console.error(failures.at(-1));
    }
  }
  return built;
}

async function runScenario(
  scenario: Scenario,
  entries: readonly ContestantEntry[],
  options: BenchArguments,
): Promise<readonly Windows[]> {
  const runners: Runner[] = [];
  try {
    for (const entry of entries) {
      const { name } = entry;
      const pair = await startWarm(entry, scenario, options).catch((error: unknown) => leaveOut(name, scenario, error));
      if (pair !== undefined) runners.push({ contestant: name, pair, rounds: [], failed: false });
    }
    for (let round = 0; round < options.rounds; round++) await runRound(runners, round, scenario, options);
  } finally {
    await Promise.all(runners.map(({ pair }) => pair.stop()));
  }
  return runners.filter(({ failed }) => !failed);
}

/** Fresh processes in each round: what was given back to the allocator would be there for the next. */
async function runIdle(
  scenario: Scenario,
  kind: MemoryKind,
  entries: readonly ContestantEntry[],
  options: BenchArguments,
): Promise<ReadonlyMap<string, readonly IdleMeasurement[]>> {
  const all = new Map<string, IdleMeasurement[]>();
  for (let round = 0; round < options.rounds; round++) {
    for (const entry of entries) {
      let pair: Pair | undefined;
      try {
        pair = await Pair.start(entry, scenario.transport);
        const measured = await measureMemory(pair, kind, scenario);
        all.set(entry.name, [...(all.get(entry.name) ?? []), measured]);
      } catch (error) {
        leaveOut(entry.name, scenario, error);
      } finally {
        await pair?.stop();
      }
    }
  }
  return all;
}

type MemoryKind = "idle-connections" | "idle-streams" | "message-memory";

function isMemory(kind: Scenario["kind"]): kind is MemoryKind {
  return kind === "idle-connections" || kind === "idle-streams" || kind === "message-memory";
}

async function measureMemory(pair: Pair, kind: MemoryKind, scenario: Scenario): Promise<IdleMeasurement> {
  if (kind === "message-memory") {
    for (let call = 0; call < 3; call++) await pair.measureMessage(16);
    return await pair.measureMessage(scenario.payloadBytes);
  }
  await pair.measureIdle(kind, scenario.heldBefore);
  return await pair.measureIdle(kind, scenario.inFlight);
}

/** A contestant while its scenario runs. */
interface Runner {
  readonly contestant: string;
  readonly pair: Pair;
  readonly rounds: Measurement[];
  failed: boolean;
}

/** Each round begins with another contestant, so that none always follows the same one. */
async function runRound(
  runners: readonly Runner[],
  round: number,
  scenario: Scenario,
  options: BenchArguments,
): Promise<void> {
  for (let turn = 0; turn < runners.length; turn++) {
    const runner = runners[(round + turn) % runners.length];
    if (runner === undefined || runner.failed) continue;
    try {
      await runner.pair.measure(scenario, { operations: 1, elapsedMs: options.leadInMs, maximumMs: MAXIMUM_MS });
      runner.rounds.push(
        await runner.pair.measure(scenario, { operations: 1, elapsedMs: options.windowMs, maximumMs: MAXIMUM_MS }),
      );
    } catch (error) {
      runner.failed = true;
      leaveOut(runner.contestant, scenario, error);
    }
  }
}

function leaveOut(name: string, scenario: Scenario, error: unknown): undefined {
  const text = error instanceof Error ? error.message : String(error);
  failures.push(`${name} is left out of ${scenario.name}: ${text.split("\n", 1)[0] ?? ""}`);
  console.error(failures.at(-1));
}

async function startWarm(entry: ContestantEntry, scenario: Scenario, options: BenchArguments): Promise<Pair> {
  const pair = await Pair.start(entry, scenario.transport);
  try {
    await pair.measure(scenario, {
      operations: scenario.warmUpOperations,
      elapsedMs: options.warmUpMs,
      maximumMs: MAXIMUM_MS,
    });
    return pair;
  } catch (error) {
    await pair.stop();
    throw error;
  }
}

function describeGoal(goal: GoalResult): string {
  const { scenario, metric, of, against, times } = goal;
  const verdict = missed(goal) ? "MISSED " : "reached";
  return `${verdict}  ${scenario}: ${metric} of ${of} ${times.toFixed(2)}× ${against}, goal ${goal.goal.toFixed(2)}×`;
}

function describeLimit(result: LimitResult): string {
  const { limit, times } = result;
  const what = {
    memory: "the peak of ours, on the side where it is higher, beside the message",
    tail: "p99 of ours beside its p50",
    rise: "CPU per call of ours, the most beside the least before it",
    spread: "CPU per byte of ours, the most beside the least",
  }[limit.kind];
  const names = "scenario" in limit ? limit.scenario : limit.scenarios.join(", ");
  return `${exceeded(result) ? "MISSED " : "reached"}  ${names}: ${what} ${times.toFixed(2)}×, at most ${limit.atMost.toFixed(2)}×`;
}

/** Also when it isn't a number. */
function exceeded({ limit, times }: LimitResult): boolean {
  return !(times <= limit.atMost);
}

function missed(goal: GoalResult): boolean {
  return goal.times < goal.goal;
}

function describeMachine(entries: readonly ContestantEntry[]): { summary: string } & Record<string, unknown> {
  const machine = {
    node: process.version,
    system: `${systemType()} ${release()} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown CPU",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    loadAverage: loadavg().map((load) => load.toFixed(2)),
    versions: Object.fromEntries([
      ...["@bufbuild/protobuf", ...entries.flatMap(({ packageName }) => packageName ?? [])].map((name) => [
        name,
        packageVersion(name),
      ]),
      ...entries.flatMap(({ name, program }) => (program === undefined ? [] : [[name, program.version]])),
    ]),
    date: new Date().toISOString(),
  };
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const summary = `Node ${machine.node}, ${machine.system}, ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, load ${machine.loadAverage.join(" ")}\n${versions.join(", ")}`;
  return { summary, ...machine };
}

function packageVersion(name: string): string {
  const path = name.startsWith("more/")
    ? join(benchFolder, "more", "node_modules", name.slice("more/".length))
    : join(repositoryFolder, "node_modules", name);
  const file = readFileSync(join(path, "package.json"), "utf8");
  return (JSON.parse(file) as { version: string }).version;
}

await main();
