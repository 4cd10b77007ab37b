// SPDX-License-Identifier: Apache-2.0
// What is measured: the scenarios, the contestants and the goals of the benchmark, as data.

/** One kind of load on one connection. */
export interface Scenario {
  /** What `--scenario` takes. */
  readonly name: string;
  readonly title: string;
  /** `unary`: an operation is a call. `server-stream`: an operation is an item. */
  readonly kind: "unary" | "server-stream";
  readonly payloadBytes: number;
  /** Calls in flight at any time. */
  readonly inFlight: number;
  /** Operations before the first measurement: grpc-js gets faster until about 20,000. */
  readonly warmUpOperations: number;
  /** Part of a run that names no scenario. */
  readonly standard: boolean;
  /** At least so many times less CPU per operation than the contestant named. */
  readonly goals: Readonly<Record<string, number>>;
}

/** Items of one server-streaming call: long enough that opening the call doesn't show. */
export const ITEMS_PER_STREAM = 10_000;

const unary = (
  payloadBytes: number,
  inFlight: number,
  warmUpOperations: number,
  goals?: Scenario["goals"],
): Scenario => ({
  name: `unary-${sizeName(payloadBytes)}-x${inFlight}`,
  title: `unary ${sizeTitle(payloadBytes)}, ${inFlight} in flight`,
  kind: "unary",
  payloadBytes,
  inFlight,
  warmUpOperations,
  standard: goals !== undefined,
  goals: goals ?? {},
});

const serverStream = (payloadBytes: number, goals?: Scenario["goals"]): Scenario => ({
  name: `stream-${sizeName(payloadBytes)}`,
  title: `server stream of ${sizeTitle(payloadBytes)}, AsyncIterable on both ends`,
  kind: "server-stream",
  payloadBytes,
  inFlight: 1,
  warmUpOperations: 200_000,
  standard: goals !== undefined,
  goals: goals ?? {},
});

function sizeName(byteLength: number): string {
  if (byteLength < 1024) return `${byteLength}b`;
  return byteLength < 1024 ** 2 ? `${byteLength / 1024}k` : `${byteLength / 1024 ** 2}m`;
}

function sizeTitle(byteLength: number): string {
  if (byteLength < 1024) return `${byteLength} B`;
  return byteLength < 1024 ** 2 ? `${byteLength / 1024} KiB` : `${byteLength / 1024 ** 2} MiB`;
}

/** The standard scenarios first, then those that run only when named or with `--all`. */
export const scenarios: readonly Scenario[] = [
  unary(16, 1, 20_000, {}),
  unary(16, 128, 20_000, { "grpc-js": 10, "rsocket-core": 1.5 }),
  unary(1024, 128, 20_000, {}),
  serverStream(1024, {}),
  unary(16, 16, 20_000),
  unary(16, 1024, 20_000),
  unary(16 * 1024, 16, 20_000),
  unary(1024 * 1024, 4, 300),
  serverStream(16),
];

/** A contestant by the name of its module and the npm package whose version is printed. */
export interface ContestantEntry {
  readonly name: string;
  readonly packageName: string | undefined;
}

/** In the order of the table's lines; ours is divided by each of the others. */
export const contestants: readonly ContestantEntry[] = [
  { name: "ours", packageName: "rsocket-rpc" },
  { name: "grpc-js", packageName: "@grpc/grpc-js" },
  { name: "rsocket-core", packageName: "rsocket-core" },
  { name: "raw-tcp", packageName: undefined },
];
