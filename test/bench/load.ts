// SPDX-License-Identifier: Apache-2.0
// The load generator: keeps a number of calls in flight on one client and takes latencies, the same for every contestant.
import type { BenchClient } from "./contestant.js";
import { ITEMS_PER_STREAM, type Scenario } from "./scenarios.js";

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

/** Runs `scenario` on `client` until `until`, then waits for the calls in flight. Rejects with the first failed call. */
export async function runLoad(client: BenchClient, scenario: Scenario, until: Until): Promise<LoadResult> {
  const progress = new Progress(until);
  const worker = scenario.kind === "unary" ? unaryWorker : streamWorker;
  const cpuBefore = process.cpuUsage();
  const workers: Promise<void>[] = [];
  for (let started = 0; started < scenario.inFlight; started++)
    workers.push(worker(client, scenario.payloadBytes, progress));
  await Promise.all(workers);
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

async function unaryWorker(client: BenchClient, payloadBytes: number, progress: Progress): Promise<void> {
  const payload = new Uint8Array(payloadBytes).fill(0x5a);
  while (!progress.done) {
    const before = performance.now();
    const reply = await client.echo({ payload });
    const after = performance.now();
    if (reply.payload.byteLength !== payloadBytes) {
      throw new Error(
        `an answer carries ${reply.payload.byteLength} bytes, expected the ${payloadBytes} that were sent`,
      );
    }
    latencies[progress.samples++ & (LATENCY_SLOTS - 1)] = after - before;
    progress.add(1, after);
  }
}

async function streamWorker(client: BenchClient, payloadBytes: number, progress: Progress): Promise<void> {
  while (!progress.done) {
    let items = 0;
    for await (const item of client.download({ count: ITEMS_PER_STREAM, payloadBytes })) {
      items++;
      if (item.payload.byteLength !== payloadBytes) {
        throw new Error(
          `an item carries ${item.payload.byteLength} bytes, expected the ${payloadBytes} that were asked for`,
        );
      }
    }
    if (items !== ITEMS_PER_STREAM)
      throw new Error(`a stream ended after ${items} items, expected ${ITEMS_PER_STREAM}`);
    progress.add(items, performance.now());
  }
}

function percentile(sortedMs: Float64Array, share: number): number | undefined {
  const value = sortedMs[Math.min(sortedMs.length - 1, Math.floor(sortedMs.length * share))];
  return value === undefined ? undefined : value * 1000;
}
