// SPDX-License-Identifier: Apache-2.0
// Counts what a contestant writes and allocates per call: figures that don't depend on the load of the machine, so that tests
// can assert them.
import { Session } from "node:inspector/promises";
import { Socket } from "node:net";
import type { BenchClient, BenchServer, Contestant, Setting } from "./contestant.js";
import { OPEN_AT_ONCE } from "./scenarios.js";

/** What one end wrote, per call. */
export interface EndCounts {
  /** Calls of `socket.write`. */
  readonly writeCalls: number;
  /** Writes that reached the kernel: a corked run of `socket.write` is one. */
  readonly writes: number;
  readonly bytes: number;
}

/** Both ends per call, and their sum. */
export interface WireCounts {
  readonly calls: number;
  readonly client: EndCounts;
  readonly server: EndCounts;
  readonly both: EndCounts;
}

/** What to count. */
export interface CountOptions {
  /** Calls counted, 3,200 unless given; more only make the average finer. */
  readonly calls?: number;
  readonly inFlight?: number;
  readonly payloadBytes?: number;
  readonly feature?: Setting["feature"];
}

/**
 * Runs unary calls over loopback TCP, client and server in this process, and counts their writes.
 *
 * One process on purpose: each end then sees what the other wrote in one tick, so that the batches are the same in each run.
 * The first round of calls (connection set-up, first flush) isn't counted. Contestants that hand their socket to native code
 * (HTTP/2) can't be counted.
 *
 * @param contestant as exported by a module in `contestants/`.
 * @throws the error of the first call that fails.
 */
export async function countWire(contestant: Contestant, options: CountOptions = {}): Promise<WireCounts> {
  const { calls = 3_200 } = options;
  return await withCalls(contestant, options, (run, server) => whileCounting(server, calls, () => run(calls)));
}

/** Calls before bytes of the heap are counted: by then the engine has compiled the path, which allocates less. */
const WARM_UP_CALLS = 6_400;
/** Counted so often; the least counts, since the engine compiles on the side, and late where the machine is busy. */
const HEAP_ROUNDS = 3;
/** One allocation in about so many bytes is looked at. */
const SAMPLE_BYTES = 512;

/**
 * Bytes of the heap that a unary call takes on both ends together, the one who makes it included: by V8's sampling, over
 * `calls` calls, the least of three times. What is outside the heap (slabs, what was read) isn't counted.
 *
 * @param contestant as exported by a module in `contestants/`.
 */
export async function countHeap(contestant: Contestant, options: CountOptions = {}): Promise<number> {
  const { calls = 3_200 } = options;
  return await withCalls(contestant, options, async (run) => {
    await run(WARM_UP_CALLS);
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < HEAP_ROUNDS; round++)
      least = Math.min(least, (await sampled(() => run(calls))) / calls);
    return least;
  });
}

/** Connections held, and so many opened before them. */
const HELD = 1_000;
const OPENED_BEFORE = 200;

/**
 * Bytes of the heap that a connection takes until a call on it is answered, or keeps behind it, both ends together: by V8's
 * sampling of all that is allocated, or of what a collection leaves.
 *
 * @param contestant as exported by a module in `contestants/`.
 */
export async function countConnectionHeap(contestant: Contestant, which: "all" | "kept"): Promise<number> {
  const setting: Setting = { transport: "tcp", feature: undefined, identity: undefined };
  const server = await contestant.serve(setting);
  const held: BenchClient[] = [];
  const open = async (): Promise<void> => {
    const client = await contestant.connect(server.port, setting);
    held.push(client);
    await client.echo({ payload: new Uint8Array(16) });
  };
  try {
    await runCalls(open, OPENED_BEFORE, OPEN_AT_ONCE);
    return (await sampled(() => runCalls(open, HELD, OPEN_AT_ONCE), which)) / HELD;
  } finally {
    await Promise.all(held.map((client) => client.close()));
    await server.close();
  }
}

/** Bytes that `work` allocates, or those of them that a collection leaves, by V8's sampling. */
async function sampled(work: () => Promise<void>, which: "all" | "kept" = "all"): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.enable");
    await session.post("HeapProfiler.startSampling", {
      samplingInterval: SAMPLE_BYTES,
      includeObjectsCollectedByMajorGC: which === "all",
      includeObjectsCollectedByMinorGC: which === "all",
    });
    await work();
    for (let i = 0; which === "kept" && i < 3; i++) await session.post("HeapProfiler.collectGarbage");
    const { profile } = await session.post("HeapProfiler.stopSampling");
    return sumOf(profile.head);
  } finally {
    session.disconnect();
  }
}

interface HeapNode {
  readonly callFrame: { readonly url: string };
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

/** The loader of TypeScript goes through its cache on disk meanwhile. */
const BACKGROUND = /^node:internal\/fs\/|\/node_modules\/tsx\//;

function sumOf({ callFrame, selfSize, children }: HeapNode): number {
  if (BACKGROUND.test(callFrame.url)) return 0;
  return children.reduce((sum, child) => sum + sumOf(child), selfSize);
}

/** Starts both ends, makes the calls that aren't counted, and passes what makes more. */
async function withCalls<T>(
  contestant: Contestant,
  options: CountOptions,
  use: (run: (calls: number) => Promise<void>, server: BenchServer) => Promise<T>,
): Promise<T> {
  const { inFlight = 128, payloadBytes = 16, feature } = options;
  const setting: Setting = { transport: "tcp", feature, identity: undefined };
  const server = await contestant.serve(setting);
  try {
    const client = await contestant.connect(server.port, setting);
    try {
      const payload = new Uint8Array(payloadBytes);
      const run = (total: number): Promise<void> => runCalls(() => client.echo({ payload }), total, inFlight);
      await run(inFlight);
      return await use(run, server);
    } finally {
      await client.close();
    }
  } finally {
    await server.close();
  }
}

async function runCalls(call: () => Promise<unknown>, total: number, inFlight: number): Promise<void> {
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < total) {
      started++;
      await call();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
}

class Counter {
  writeCalls = 0;
  writes = 0;
  bytes = 0;

  perCall(calls: number): EndCounts {
    return { writeCalls: this.writeCalls / calls, writes: this.writes / calls, bytes: this.bytes / calls };
  }
}

/** The methods of a socket that this file replaces while it counts. `_write` and `_writev` are what the stream hands on to. */
type WriteMethods = {
  write(...args: unknown[]): boolean;
  _write(chunk: Uint8Array | string, ...rest: unknown[]): void;
  _writev(chunks: readonly { chunk: Uint8Array | string }[], ...rest: unknown[]): void;
};

async function whileCounting(server: BenchServer, calls: number, work: () => Promise<void>): Promise<WireCounts> {
  const client = new Counter();
  const peer = new Counter();
  const counterOf = (socket: unknown): Counter | undefined => {
    const { localPort, remotePort } = socket as Socket;
    if (localPort === server.port) return peer;
    return remotePort === server.port ? client : undefined;
  };
  const restore = replaceWriteMethods(counterOf);
  try {
    await work();
  } finally {
    restore();
  }
  const [clientCounts, serverCounts] = [client.perCall(calls), peer.perCall(calls)];
  return { calls, client: clientCounts, server: serverCounts, both: sum(clientCounts, serverCounts) };
}

function sum(one: EndCounts, other: EndCounts): EndCounts {
  return {
    writeCalls: one.writeCalls + other.writeCalls,
    writes: one.writes + other.writes,
    bytes: one.bytes + other.bytes,
  };
}

/** Replaces the methods on the prototype, since sockets exist already. Returns what puts them back. */
function replaceWriteMethods(counterOf: (socket: unknown) => Counter | undefined): () => void {
  const prototype = Socket.prototype as unknown as WriteMethods;
  const original = { write: prototype.write, _write: prototype._write, _writev: prototype._writev };
  const inherited = !Object.hasOwn(prototype, "write"); // `write` comes from the stream classes
  prototype.write = function (...args) {
    const counter = counterOf(this);
    if (counter !== undefined) counter.writeCalls++;
    return original.write.apply(this, args);
  };
  prototype._write = function (chunk, ...rest) {
    const counter = counterOf(this);
    if (counter !== undefined) {
      counter.writes++;
      counter.bytes += Buffer.byteLength(chunk);
    }
    original._write.call(this, chunk, ...rest);
  };
  prototype._writev = function (chunks, ...rest) {
    const counter = counterOf(this);
    if (counter !== undefined) {
      counter.writes++;
      for (const { chunk } of chunks) counter.bytes += Buffer.byteLength(chunk);
    }
    original._writev.call(this, chunks, ...rest);
  };
  return () => {
    if (inherited) delete (prototype as Partial<WriteMethods>).write;
    else prototype.write = original.write;
    prototype._write = original._write;
    prototype._writev = original._writev;
  };
}
