// SPDX-License-Identifier: Apache-2.0
// The load generator: keeps a number of calls in flight on one client and takes latencies, the same for every contestant.
import type { BenchClient } from "./contestant.js";
import { ITEMS_PER_STREAM, OPEN_AT_ONCE, type Scenario, type ScenarioKind } from "./scenarios.js";

/** When a load ends: not before both are reached, and not after `maximumMs`. */
export interface Until {
  readonly operations: number;
  readonly elapsedMs: number;
  readonly maximumMs: number;
}

/** What a load did. All its calls have ended. */
export interface LoadResult {
  readonly operations: number;
  readonly elapsedMs: number;
  /** Time from calling to the answer, in microseconds; undefined for streams, whose items have no such time. */
  readonly p50Micros: number | undefined;
  readonly p99Micros: number | undefined;
  /** CPU of this process while the load ran, user + system, in microseconds. */
  readonly cpuMicros: number;
}

/** Room for the latencies of one window; the oldest give way. 8 MiB, allocated once, so that recording costs two stores. */
const LATENCY_SLOTS = 1 << 20;
const latencies = new Float64Array(LATENCY_SLOTS);

/** Opens another connection. */
type Open = () => Promise<BenchClient>;

type Worker = (client: BenchClient, scenario: Scenario, progress: Progress, open: Open) => Promise<void>;

const held: unknown[] = [];

/** Opens `count` connections, or streams of one, and keeps them. */
export async function holdOpen(client: BenchClient, open: Open, kind: ScenarioKind, count: number): Promise<undefined> {
  const openOne = kind === "idle-connections" ? () => holdConnection(open) : () => holdStream(client);
  for (let opened = 0; opened < count; opened += OPEN_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(OPEN_AT_ONCE, count - opened) }, openOne));
  }
}

async function holdConnection(open: Open): Promise<void> {
  const connection = await open();
  await connection.echo({ payload: new Uint8Array(16) });
  held.push(connection);
}

async function holdStream(client: BenchClient): Promise<void> {
  const iterator = needed(client.watch, "watch").call(client)[Symbol.asyncIterator]();
  await iterator.next();
  held.push({ iterator, next: iterator.next() });
}

/** One message of the server's. */
export async function carryOne(client: BenchClient, payloadBytes: number): Promise<undefined> {
  const items = needed(client.download, "download").call(client, { count: 1, payloadBytes });
  for await (const { payload } of items) checkLength(payload, payloadBytes);
}

/** Runs `scenario` on `client` until `until`, then waits for the calls in flight. Rejects with the first failed call. */
export async function runLoad(client: BenchClient, open: Open, scenario: Scenario, until: Until): Promise<LoadResult> {
  if (held.length < scenario.openStreams) await holdOpen(client, open, "idle-streams", scenario.openStreams);
  const progress = new Progress(until);
  const worker = workers[scenario.kind];
  if (worker === undefined) throw new Error(`${scenario.kind} is no load, expected one of ${Object.keys(workers)}`);
  const cpuBefore = process.cpuUsage();
  const running: Promise<void>[] = [];
  for (let started = 0; started < scenario.inFlight; started++) running.push(worker(client, scenario, progress, open));
  await Promise.all(running);
  const elapsedMs = performance.now() - progress.startedMs;
  const { user, system } = process.cpuUsage(cpuBefore);
  const taken = latencies.slice(0, Math.min(progress.samples, LATENCY_SLOTS)).sort();
  return {
    operations: progress.operations,
    elapsedMs,
    p50Micros: percentile(taken, 0.5),
    p99Micros: percentile(taken, 0.99),
    cpuMicros: user + system,
  };
}

/** What the workers of one load share. */
class Progress {
  readonly startedMs: number = performance.now();
  readonly #until: Until;
  operations = 0;
  samples = 0;
  done = false;

  constructor(until: Until) {
    this.#until = until;
  }

  add(operations: number, nowMs: number): void {
    this.operations += operations;
    const elapsedMs = nowMs - this.startedMs;
    const reached = elapsedMs >= this.#until.elapsedMs && this.operations >= this.#until.operations;
    if (reached || elapsedMs >= this.#until.maximumMs) this.done = true;
  }
}

async function unaryWorker(client: BenchClient, { payloadBytes }: Scenario, progress: Progress): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  while (!progress.done) await timedCall(client, payload, performance.now(), progress);
}

async function timedCall(client: BenchClient, payload: Uint8Array, beganMs: number, progress: Progress): Promise<void> {
  const reply = await client.echo({ payload });
  const after = performance.now();
  checkLength(reply.payload, payload.byteLength);
  latencies[progress.samples++ & (LATENCY_SLOTS - 1)] = after - beganMs;
  progress.add(1, after);
}

/** Calls at their times: what takes long is waited for by the calls behind it, too. */
async function pacedWorker(client: BenchClient, scenario: Scenario, progress: Progress): Promise<void> {
  const payload = new Uint8Array(scenario.payloadBytes).fill(0x5a);
  const startedMs = performance.now();
  const calls = new Set<Promise<void>>();
  for (let started = 0; !progress.done; ) {
    const dueMs = startedMs + (started * 1000) / scenario.callsPerSecond;
    if (dueMs > performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    }
    started++;
    const call = timedCall(client, payload, dueMs, progress).then(() => void calls.delete(call));
    calls.add(call);
  }
  await Promise.all(calls);
}

async function notifyWorker(client: BenchClient, { payloadBytes }: Scenario, progress: Progress): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  const notify = needed(client.notify, "notify").bind(client);
  while (!progress.done) {
    await notify({ payload });
    progress.add(1, performance.now());
  }
  // What was sent before has been served when this is answered.
  await client.echo({ payload });
}

async function connectWorker(
  _client: BenchClient,
  { payloadBytes }: Scenario,
  progress: Progress,
  open: Open,
): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  while (!progress.done) {
    const connection = await open();
    checkLength((await connection.echo({ payload })).payload, payloadBytes);
    await connection.close();
    progress.add(1, performance.now());
  }
}

async function downloadWorker(client: BenchClient, { payloadBytes }: Scenario, progress: Progress): Promise<void> {
  const download = needed(client.download, "download").bind(client);
  while (!progress.done) await takeAll(download({ count: ITEMS_PER_STREAM, payloadBytes }), payloadBytes, progress);
}

async function chatWorker(client: BenchClient, { payloadBytes }: Scenario, progress: Progress): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  const chat = needed(client.chat, "chat").bind(client);
  async function* requests(): AsyncGenerator<{ payload: Uint8Array }, void> {
    for (let sent = 0; sent < ITEMS_PER_STREAM; sent++) yield { payload };
  }
  while (!progress.done) await takeAll(chat(requests()), payloadBytes, progress);
}

async function takeAll(
  items: AsyncIterable<{ readonly payload: Uint8Array }>,
  payloadBytes: number,
  progress: Progress,
): Promise<void> {
  let count = 0;
  for await (const { payload } of items) {
    count++;
    checkLength(payload, payloadBytes);
  }
  if (count !== ITEMS_PER_STREAM) throw new Error(`a stream ended after ${count} items, expected ${ITEMS_PER_STREAM}`);
  progress.add(count, performance.now());
}

const workers: Partial<Record<ScenarioKind, Worker>> = {
  unary: unaryWorker,
  paced: pacedWorker,
  "fire-and-forget": notifyWorker,
  "server-stream": downloadWorker,
  bidi: chatWorker,
  connect: connectWorker,
};

function checkLength({ byteLength }: Uint8Array, expected: number): void {
  if (byteLength === expected) return;
  throw new Error(`an answer carries ${byteLength} bytes, expected the ${expected} that were asked for`);
}

function needed<T>(method: T | undefined, name: string): T {
  if (method === undefined) throw new Error(`the contestant has no ${name}, expected a scenario that leaves it out`);
  return method;
}

function percentile(sortedMs: Float64Array, share: number): number | undefined {
  const value = sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))];
  return value === undefined ? undefined : value * 1000;
}
