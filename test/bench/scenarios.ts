// SPDX-License-Identifier: Apache-2.0
// What is measured: the scenarios, the contestants and the goals of the benchmark, as data.
import type { Feature, Transport } from "./contestant.js";

/**
 * An operation is a call of `unary`, `paced` (so many calls a second, whatever the answers do) and `fire-and-forget`, an
 * item of `server-stream` and `bidi`, a connection with one call of `connect`. The others are about memory.
 */
export type ScenarioKind =
  | "unary"
  | "paced"
  | "fire-and-forget"
  | "server-stream"
  | "bidi"
  | "connect"
  | "idle-connections"
  | "idle-streams"
  | "message-memory";

/** At least so many times less CPU per operation, shorter p50, or less memory, than the contestant named. */
export interface Goal {
  readonly metric: "cpu" | "p50" | "memory";
  readonly against: string;
  readonly times: number;
  /** Whose goal it is; `ours` unless given. */
  readonly of?: string;
}

/** Something of one contestant that must not be more than so many times something else of its own. */
export type Limit = OwnLimit | GroupLimit;

/** `tail`: p99 is at most so many times p50. `memory`: either side keeps at most so many times the message. */
export interface OwnLimit {
  readonly kind: "tail" | "memory";
  readonly scenario: string;
  readonly atMost: number;
}

/**
 * CPU per operation of several scenarios. `rise`: none takes more than so many times the least of those before it;
 * `spread`: per byte of the payload, the most is at most so many times the least.
 */
export interface GroupLimit {
  readonly kind: "rise" | "spread";
  readonly scenarios: readonly string[];
  readonly atMost: number;
}

/** One kind of load on one connection. */
export interface Scenario {
  /** What `--scenario` takes. */
  readonly name: string;
  readonly title: string;
  readonly kind: ScenarioKind;
  readonly transport: Transport;
  readonly payloadBytes: number;
  /** Calls in flight at any time; idle things that are opened. */
  readonly inFlight: number;
  /** Calls a second, where they don't wait for answers. */
  readonly callsPerSecond: number;
  /** Streams that are open and say nothing meanwhile. */
  readonly openStreams: number;
  /** Idle things that are opened before those that are measured: code is loaded by then, and V8's young generation has grown. */
  readonly heldBefore: number;
  /** Ours with its features, beside ours without, and nobody else. */
  readonly withFeatures: boolean;
  /** Operations before the first measurement: grpc-js gets faster until about 20,000. */
  readonly warmUpOperations: number;
  /** Part of a run that names no scenario. */
  readonly standard: boolean;
  readonly goals: readonly Goal[];
}

/** Connections that are opened at once: fewer than a server's backlog. */
export const OPEN_AT_ONCE = 50;

/** Items of one stream: long enough that opening the call doesn't show. */
export const ITEMS_PER_STREAM = 10_000;

/** `raw` 0.75, `grpc` 15, `rsocket` 1.8: the goals against the bare socket, grpc-js and rsocket-core. */
interface CpuGoals {
  readonly raw?: number;
  readonly grpc?: number;
  readonly rsocket?: number;
}

const PLAIN: Scenario = {
  name: "",
  title: "",
  kind: "unary",
  transport: "tcp",
  payloadBytes: 16,
  inFlight: 1,
  callsPerSecond: 0,
  openStreams: 0,
  heldBefore: 20,
  withFeatures: false,
  warmUpOperations: 20_000,
  standard: true,
  goals: [],
};

function cpuGoals({ raw, grpc, rsocket }: CpuGoals, transport: Transport = "tcp"): readonly Goal[] {
  const pairs: readonly (readonly [string, number | undefined])[] = [
    [`raw-${transport}`, raw],
    ["grpc-js", grpc],
    [transport === "ws" ? "rsocket-core-ws" : "rsocket-core", rsocket],
  ];
  return pairs.flatMap(([against, times]) => (times === undefined ? [] : [{ metric: "cpu", against, times }]));
}

function unary(payloadBytes: number, inFlight: number, more: Partial<Scenario> = {}): Scenario {
  return {
    ...PLAIN,
    name: `unary-${sizeName(payloadBytes)}-x${inFlight}`,
    title: `unary ${sizeTitle(payloadBytes)}, ${inFlight} in flight`,
    payloadBytes,
    inFlight,
    ...more,
  };
}

function stream(kind: "server-stream" | "bidi", payloadBytes: number, more: Partial<Scenario> = {}): Scenario {
  const word = kind === "bidi" ? "bidi call" : "server stream";
  return {
    ...PLAIN,
    name: `${kind === "bidi" ? "bidi" : "stream"}-${sizeName(payloadBytes)}`,
    title: `${word} of ${sizeTitle(payloadBytes)}, AsyncIterable on both ends`,
    kind,
    payloadBytes,
    warmUpOperations: kind === "bidi" ? 100_000 : 200_000,
    ...more,
  };
}

function messageMemory(payloadBytes: number): Scenario {
  return {
    ...PLAIN,
    name: `memory-${sizeName(payloadBytes)}`,
    title: `one message of ${sizeTitle(payloadBytes)} on its way: the peak`,
    kind: "message-memory",
    payloadBytes,
    standard: false,
  };
}

function sizeName(byteLength: number): string {
  if (byteLength < 1024) return `${byteLength}b`;
  return byteLength < 1024 ** 2 ? `${byteLength / 1024}k` : `${byteLength / 1024 ** 2}m`;
}

function sizeTitle(byteLength: number): string {
  if (byteLength < 1024) return `${byteLength} B`;
  return byteLength < 1024 ** 2 ? `${byteLength / 1024} KiB` : `${byteLength / 1024 ** 2} MiB`;
}

const MORE: Partial<Scenario> = { standard: false };
const LARGE: Partial<Scenario> = { standard: false, warmUpOperations: 100 };

/** The standard scenarios first, then those that run only when named or with `--all`. */
export const scenarios: readonly Scenario[] = [
  unary(16, 1, {
    goals: [
      { metric: "p50", against: "raw-tcp", times: 0.8 },
      { metric: "p50", against: "grpc-js", times: 2.5 },
    ],
  }),
  unary(16, 128, {
    goals: [
      ...cpuGoals({ raw: 0.75, grpc: 15, rsocket: 1.8 }),
      // Judged where their tools are.
      { metric: "cpu", against: "rsocket-java", times: 0.5 },
      { metric: "cpu", against: "rsocket-go", times: 1.5 },
      { metric: "cpu", against: "grpc-go", times: 4 },
    ],
  }),
  unary(1024, 128, { goals: cpuGoals({ raw: 0.75, grpc: 15, rsocket: 2 }) }),
  stream("server-stream", 1024, { goals: cpuGoals({ raw: 0.65, grpc: 3, rsocket: 2 }) }),
  stream("bidi", 16, { goals: cpuGoals({ raw: 0.5, grpc: 5, rsocket: 1.5 }) }),
  unary(16, 128, {
    name: "ws-unary-16b-x128",
    title: "unary 16 B over WebSocket, 128 in flight",
    transport: "ws",
    goals: cpuGoals({ raw: 0.8, rsocket: 1.3 }, "ws"),
  }),
  unary(16 * 1024 ** 2, 1, {
    warmUpOperations: 10,
    goals: cpuGoals({ raw: 0.7, grpc: 2 }),
  }),
  {
    ...PLAIN,
    name: "connect",
    title: "a connection, one call of 16 B on it, and its end; 8 at once",
    kind: "connect",
    inFlight: 8,
    warmUpOperations: 1000,
    goals: cpuGoals({ raw: 0.5, grpc: 2.5 }),
  },
  {
    ...PLAIN,
    name: "features-16b-x128",
    title: "unary 16 B, 128 in flight, with one thing more",
    inFlight: 128,
    withFeatures: true,
    goals: [
      { metric: "cpu", of: "ours+deadline", against: "ours", times: 1 / 1.1 },
      { metric: "cpu", of: "ours+interceptor", against: "ours", times: 1 / 1.1 },
    ],
  },
  {
    ...PLAIN,
    name: "idle-connections",
    title: "500 connections that do nothing",
    kind: "idle-connections",
    inFlight: 500,
    goals: [{ metric: "memory", against: "grpc-js", times: 3 }],
  },
  {
    ...PLAIN,
    name: "idle-connections-more",
    title: "1,000 connections that do nothing, beside 3,000",
    kind: "idle-connections",
    inFlight: 1000,
    heldBefore: 3000,
    standard: false,
    goals: [{ metric: "memory", against: "grpc-js", times: 3 }],
  },
  {
    ...PLAIN,
    name: "idle-streams",
    title: "2,000 streams of one connection on which nothing comes",
    kind: "idle-streams",
    inFlight: 2000,
    goals: [{ metric: "memory", against: "grpc-js", times: 6 }],
  },
  unary(16, 128, {
    name: "tls-unary-16b-x128",
    title: "unary 16 B over TLS, 128 in flight",
    transport: "tls",
    standard: false,
  }),
  stream("server-stream", 1024, {
    name: "tls-stream-1k",
    title: "server stream of 1 KiB over TLS, AsyncIterable on both ends",
    transport: "tls",
    standard: false,
  }),
  unary(16, 16, MORE),
  unary(16, 1024, MORE),
  unary(16, 128, {
    name: "unary-16b-x128-open8000",
    title: "unary 16 B, 128 in flight, beside 8,000 open streams",
    openStreams: 8000,
    standard: false,
  }),
  unary(1024, 16, MORE),
  unary(16 * 1024, 16, MORE),
  unary(32 * 1024, 16, LARGE),
  unary(64 * 1024, 16, LARGE),
  unary(128 * 1024, 16, LARGE),
  unary(1024 * 1024, 4, LARGE),
  unary(1024 * 1024, 16, LARGE),
  unary(8 * 1024 ** 2, 1, { ...LARGE, warmUpOperations: 10 }),
  unary(32 * 1024 ** 2, 1, { ...LARGE, warmUpOperations: 10 }),
  messageMemory(1024 ** 2),
  messageMemory(16 * 1024 ** 2),
  stream("server-stream", 16, MORE),
  stream("bidi", 1024, MORE),
  unary(1024, 128, {
    name: "ws-unary-1k-x128",
    title: "unary 1 KiB over WebSocket, 128 in flight",
    transport: "ws",
    standard: false,
  }),
  {
    ...PLAIN,
    name: "fire-and-forget-16b",
    title: "fire-and-forget 16 B, 128 at once",
    kind: "fire-and-forget",
    inFlight: 128,
    standard: false,
  },
  {
    ...PLAIN,
    name: "paced-16b",
    title: "unary 16 B, 1,000 calls a second: latency under a load that doesn't wait",
    kind: "paced",
    callsPerSecond: 1000,
    warmUpOperations: 2000,
    standard: false,
  },
];

/** What "no more" means beside the noise of one run. */
const NOISE = 1.1;

/** Limits of ours by itself, judged when all scenarios of one were run. */
export const limits: readonly Limit[] = [
  { kind: "tail", scenario: "unary-16b-x128", atMost: 8 },
  { kind: "memory", scenario: "memory-1m", atMost: 2 },
  { kind: "memory", scenario: "memory-16m", atMost: 2 },
  { kind: "rise", scenarios: ["unary-16b-x1", "unary-16b-x16", "unary-16b-x128", "unary-16b-x1024"], atMost: NOISE },
  { kind: "rise", scenarios: ["unary-16b-x128", "unary-16b-x128-open8000"], atMost: NOISE },
  // Half, once and twice the lengths at which messages begin to travel in another way.
  { kind: "spread", scenarios: ["unary-32k-x16", "unary-64k-x16", "unary-128k-x16"], atMost: 1.3 },
  { kind: "spread", scenarios: ["unary-8m-x1", "unary-16m-x1", "unary-32m-x1"], atMost: 1.3 },
];

/** A contestant: the module that it is, how that is set up, and the npm package whose version is printed. */
export interface ContestantEntry {
  readonly name: string;
  readonly module: string;
  readonly packageName: string | undefined;
  readonly transport: Transport;
  readonly feature: Feature | undefined;
  /** What it can do. */
  readonly kinds: readonly ScenarioKind[];
  /** `more`: a folder with packages of its own, installed when it first runs. */
  readonly folder: "." | "more";
  /** In another language: a program instead of a module. */
  readonly program: Program | undefined;
  /** Longer messages than it can carry are left to the others. */
  readonly maxPayloadBytes: number;
}

/** A contestant in `more/<folder>`, built into its `dist/`, that answers the commands of child.ts as lines of JSON. */
export interface Program {
  readonly folder: string;
  /** Without them the contestant is left out. */
  readonly tools: readonly string[];
  /** Shell commands, run in its folder when a source has changed. */
  readonly install: readonly string[];
  /** Folders beside it whose sources it uses. */
  readonly uses: readonly string[];
  readonly command: readonly string[];
  readonly version: string;
}

const UNARY: readonly ScenarioKind[] = ["unary", "paced", "connect", "idle-connections"];
const GRPC: readonly ScenarioKind[] = [...UNARY, "server-stream", "bidi", "idle-streams", "message-memory"];
const ALL: readonly ScenarioKind[] = [...GRPC, "fire-and-forget"];

function contestant(
  name: string,
  kinds: readonly ScenarioKind[],
  more: Partial<ContestantEntry> = {},
): ContestantEntry {
  return {
    name,
    module: name,
    packageName: undefined,
    transport: "tcp",
    feature: undefined,
    kinds,
    folder: ".",
    program: undefined,
    maxPayloadBytes: Number.POSITIVE_INFINITY,
    ...more,
  };
}

/** Without fragments, which both leave out unless told, 16 MiB are the end of a frame. */
const RSOCKET_FRAME: Partial<ContestantEntry> = { maxPayloadBytes: 8 * 1024 ** 2 };

function foreign(name: string, program: Omit<Program, "folder">, more: Partial<ContestantEntry> = {}): ContestantEntry {
  return contestant(name, ["unary", "server-stream"], { program: { folder: name, ...program }, ...more });
}

function go(name: string, version: string, more: Partial<ContestantEntry> = {}): ContestantEntry {
  const install = ["sh ../go-child/generate.sh", "go build -o dist/child ."];
  return foreign(name, { version, tools: ["go"], install, uses: ["go-child"], command: ["dist/child"] }, more);
}

const ours = (feature: Feature): ContestantEntry => contestant(`ours+${feature}`, ALL, { module: "ours", feature });

/** In the order of the table's lines; ours is divided by each of the others. */
export const contestants: readonly ContestantEntry[] = [
  contestant("ours", ALL, { packageName: "rsocket-rpc" }),
  ours("deadline"),
  ours("interceptor"), // the client's
  ours("interceptors"), // one on each side
  ours("resume"),
  ours("lease"),
  contestant("grpc-js", GRPC, { packageName: "@grpc/grpc-js" }),
  contestant("rsocket-core", ["unary", "paced", "connect", "server-stream", "bidi", "fire-and-forget"], {
    packageName: "rsocket-core",
  }),
  contestant("raw-tcp", ["unary", "paced", "connect", "server-stream", "bidi", "message-memory"]),
  contestant("raw-ws", UNARY, { transport: "ws" }),
  contestant("raw-tls", ["unary", "server-stream"], { module: "raw-tcp", transport: "tls" }),
  contestant("grpc-js-tls", ["unary", "server-stream"], { module: "grpc-js", transport: "tls" }),
  contestant("rsocket-core-ws", UNARY, {
    transport: "ws",
    folder: "more",
    packageName: "more/rsocket-websocket-client-0",
  }),
  contestant("rsocket-js-1", ["unary", "paced"], { folder: "more", packageName: "more/rsocket-core" }),
  contestant("connect", ["unary", "paced", "server-stream"], {
    folder: "more",
    packageName: "more/@connectrpc/connect-node",
  }),
  contestant("connect-grpc", ["unary", "paced", "server-stream"], { folder: "more" }),
  foreign(
    "rsocket-java",
    {
      version: "1.1.5",
      tools: ["java", "mvn"],
      install: ["mvn -q -B process-classes"],
      uses: [],
      command: ["java", "-cp", "dist/classes:dist/lib/*", "bench.Main"],
    },
    RSOCKET_FRAME,
  ),
  go("rsocket-go", "0.8.16", RSOCKET_FRAME),
  go("grpc-go", "1.85.0"),
];

/** Who takes part in a scenario, of those that were asked for. */
export function contestantsOf(
  { kind, transport, payloadBytes, withFeatures }: Scenario,
  entries: readonly ContestantEntry[],
): readonly ContestantEntry[] {
  return entries.filter(({ module, feature, kinds, transport: own, maxPayloadBytes }) => {
    if (withFeatures) return module === "ours";
    if (payloadBytes > maxPayloadBytes) return false;
    return feature === undefined && kinds.includes(kind) && (own === transport || module === "ours");
  });
}
