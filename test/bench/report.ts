// SPDX-License-Identifier: Apache-2.0
// Medians and ratios of the measurements, as a table for people and as an object for files.
import type { IdleMeasurement, Measurement } from "./processes.js";
import type { Goal, Limit, OwnLimit, Scenario } from "./scenarios.js";

/** The windows of one contestant in one scenario, in the order of the rounds. */
export interface Windows {
  readonly contestant: string;
  readonly rounds: readonly Measurement[];
}

/** One contestant divided by another: how many times less CPU it takes per operation. */
export interface Ratio {
  readonly against: string;
  /** Median of the ratios of each round, which a slow phase of the machine hits on both sides. */
  readonly times: number;
  readonly lowest: number;
  readonly highest: number;
}

/** One line of the table. */
export interface Line {
  readonly contestant: string;
  readonly median: Measurement;
  readonly ratios: readonly Ratio[];
  readonly rounds: readonly Measurement[];
}

/** One table. */
export interface ScenarioReport {
  readonly scenario: Scenario;
  readonly lines: readonly Line[];
}

/** A goal of a scenario and what was measured. */
export interface GoalResult {
  readonly scenario: string;
  readonly metric: Goal["metric"];
  readonly of: string;
  readonly against: string;
  readonly goal: number;
  readonly times: number;
}

export function summarize(scenario: Scenario, all: readonly Windows[]): ScenarioReport {
  const lines = all.map(({ contestant, rounds }) => ({
    contestant,
    median: medianMeasurement(rounds),
    ratios: all.map((other) => ratio(other, rounds)),
    rounds,
  }));
  return { scenario, lines };
}

/** The goals of this scenario, as far as both sides were measured. */
export function goalResults({ scenario, lines }: ScenarioReport): readonly GoalResult[] {
  return scenario.goals.flatMap(({ metric, of = "ours", against, times: goal }) => {
    const mine = lines.find(({ contestant }) => contestant === of);
    const theirs = lines.find(({ contestant }) => contestant === against);
    if (mine === undefined || theirs === undefined) return [];
    const times =
      metric === "p50"
        ? median(perRound(mine.rounds, theirs.rounds, ({ p50Micros }) => p50Micros ?? Number.NaN))
        : mine.ratios.find((one) => one.against === against)?.times;
    return times === undefined ? [] : [{ scenario: scenario.name, metric, of, against, goal, times }];
  });
}

/** A limit and what was measured. */
export interface LimitResult {
  readonly limit: Limit;
  readonly times: number;
}

/** The limits of ours, as far as all that they compare was measured. */
export function limitResults(
  limits: readonly Limit[],
  reports: readonly ScenarioReport[],
  memory: readonly IdleReport[] = [],
  contestant = "ours",
): readonly LimitResult[] {
  return limits.flatMap((limit) => {
    if (limit.kind === "memory") return memoryResults(limit, memory, contestant);
    const names = "scenario" in limit ? [limit.scenario] : limit.scenarios;
    const found = names.flatMap((name) => {
      const report = reports.find(({ scenario }) => scenario.name === name);
      const line = report?.lines.find((one) => one.contestant === contestant);
      return report === undefined || line === undefined ? [] : [{ scenario: report.scenario, line }];
    });
    if (found.length < names.length) return [];
    return [{ limit, times: measuredTimes(limit.kind, found) }];
  });
}

function memoryResults(limit: OwnLimit, memory: readonly IdleReport[], contestant: string): readonly LimitResult[] {
  const report = memory.find(({ scenario }) => scenario.name === limit.scenario);
  const line = report?.lines.find((one) => one.contestant === contestant);
  if (report === undefined || line === undefined) return [];
  const { clientBytes, serverBytes } = line.median;
  return [{ limit, times: Math.max(clientBytes, serverBytes) / report.scenario.payloadBytes }];
}

function measuredTimes(
  kind: Limit["kind"],
  found: readonly { readonly scenario: Scenario; readonly line: Line }[],
): number {
  if (kind === "tail") {
    const rounds = found.flatMap(({ line }) => line.rounds);
    return median(rounds.map(({ p50Micros = Number.NaN, p99Micros = Number.NaN }) => p99Micros / p50Micros));
  }
  const cpu = found.map(({ scenario, line }) =>
    kind === "spread" ? line.median.cpuMicrosPerOperation / scenario.payloadBytes : line.median.cpuMicrosPerOperation,
  );
  if (kind === "spread") return Math.max(...cpu) / Math.min(...cpu);
  return Math.max(...cpu.slice(1).map((later, index) => later / Math.min(...cpu.slice(0, index + 1))));
}

/** What idle things cost one contestant. */
export interface IdleLine {
  readonly contestant: string;
  readonly median: IdleMeasurement;
  readonly rounds: readonly IdleMeasurement[];
}

/** A table of memory. */
export interface IdleReport {
  readonly scenario: Scenario;
  readonly lines: readonly IdleLine[];
}

export function summarizeIdle(scenario: Scenario, all: ReadonlyMap<string, readonly IdleMeasurement[]>): IdleReport {
  const lines = [...all].map(([contestant, rounds]) => ({
    contestant,
    median: {
      clientBytes: median(rounds.map(({ clientBytes }) => clientBytes)),
      serverBytes: median(rounds.map(({ serverBytes }) => serverBytes)),
    },
    rounds,
  }));
  return { scenario, lines };
}

/** The goals of memory. */
export function idleGoalResults({ scenario, lines }: IdleReport): readonly GoalResult[] {
  return scenario.goals.flatMap(({ metric, of = "ours", against, times: goal }) => {
    const mine = lines.find(({ contestant }) => contestant === of);
    const theirs = lines.find(({ contestant }) => contestant === against);
    if (mine === undefined || theirs === undefined) return [];
    const times = bothSides(theirs.median) / bothSides(mine.median);
    return [{ scenario: scenario.name, metric, of, against, goal, times }];
  });
}

/** The table of memory as lines of text. */
export function formatIdle({ scenario, lines }: IdleReport): string {
  const kibibytes = (byteLength: number): string => (byteLength / 1024).toFixed(1);
  const rows = lines.map(({ contestant, median: middle }) => [
    contestant,
    kibibytes(bothSides(middle)),
    kibibytes(middle.clientBytes),
    kibibytes(middle.serverBytes),
  ]);
  return `${scenario.title}  [${scenario.name}]\n${alignColumns([["", "RSS KiB each", "client", "server"], ...rows])}`;
}

function bothSides({ clientBytes, serverBytes }: IdleMeasurement): number {
  return clientBytes + serverBytes;
}

function perRound(
  mine: readonly Measurement[],
  theirs: readonly Measurement[],
  of: (round: Measurement) => number,
): readonly number[] {
  return mine.flatMap((round, index) => {
    const other = theirs[index];
    return other === undefined ? [] : [of(other) / of(round)];
  });
}

function ratio(other: Windows, rounds: readonly Measurement[]): Ratio {
  const ratios = perRound(rounds, other.rounds, ({ cpuMicrosPerOperation }) => cpuMicrosPerOperation);
  return {
    against: other.contestant,
    times: median(ratios),
    lowest: Math.min(...ratios),
    highest: Math.max(...ratios),
  };
}

function medianMeasurement(rounds: readonly Measurement[]): Measurement {
  const of = (field: (round: Measurement) => number): number => median(rounds.map(field));
  const known = (values: readonly (number | undefined)[]): number | undefined => {
    const numbers = values.filter((value) => value !== undefined);
    return numbers.length === 0 ? undefined : median(numbers);
  };
  return {
    operations: of((round) => round.operations),
    elapsedMs: of((round) => round.elapsedMs),
    operationsPerSecond: of((round) => round.operationsPerSecond),
    clientMicrosPerOperation: of((round) => round.clientMicrosPerOperation),
    serverMicrosPerOperation: of((round) => round.serverMicrosPerOperation),
    cpuMicrosPerOperation: of((round) => round.cpuMicrosPerOperation),
    p50Micros: known(rounds.map((round) => round.p50Micros)),
    p99Micros: known(rounds.map((round) => round.p99Micros)),
    clientResidentBytes: of((round) => round.clientResidentBytes),
    serverResidentBytes: of((round) => round.serverResidentBytes),
  };
}

/** The middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined)
    throw new Error("a median of no values was asked for, expected at least one");
  return (lower + upper) / 2;
}

const UNITS: Partial<Record<Scenario["kind"], string>> = {
  "server-stream": "item",
  bidi: "item",
  connect: "connection",
};

/** The report as lines of text: one contestant a line, and how many times less CPU it takes than each of the others. */
export function formatReport({ scenario, lines }: ScenarioReport): string {
  const unit = UNITS[scenario.kind] ?? "call";
  const names = lines.map(({ contestant }) => contestant);
  const header = [
    "",
    `CPU µs/${unit}`,
    "client",
    "server",
    `${unit}s/s`,
    "p50 µs",
    "p99 µs",
    "RSS MiB",
    ...names.map((name) => `vs ${name}`),
  ];
  const rows = lines.map(({ contestant, median: middle, ratios }) => [
    contestant,
    micros(middle.cpuMicrosPerOperation),
    micros(middle.clientMicrosPerOperation),
    micros(middle.serverMicrosPerOperation),
    Math.round(middle.operationsPerSecond).toLocaleString("en"),
    micros(middle.p50Micros),
    micros(middle.p99Micros),
    `${mebibytes(middle.clientResidentBytes)}+${mebibytes(middle.serverResidentBytes)}`,
    ...ratios.map(({ against, times, lowest, highest }) =>
      against === contestant ? "" : `${times.toFixed(2)}× (${lowest.toFixed(2)}–${highest.toFixed(2)})`,
    ),
  ]);
  return `${scenario.title}  [${scenario.name}]\n${alignColumns([header, ...rows])}`;
}

/** First column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => `  ${row.map(pad).join("  ")}`.trimEnd()).join("\n");
}

function micros(value: number | undefined): string {
  if (value === undefined) return "–";
  return value.toFixed(value < 100 ? 2 : 0);
}

function mebibytes(byteLength: number): string {
  return String(Math.round(byteLength / 1024 ** 2));
}
