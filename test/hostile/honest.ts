// SPDX-License-Identifier: Apache-2.0
// An honest client, in a process of its own: makes a call every 50 ms over each transport, and tells how long they took.

import { monitorEventLoopDelay } from "node:perf_hooks";
import { connect, RpcError } from "rsocket-rpc/node";
import { createTestServiceClient } from "../support/gen/interop_rsocket.js";
import type { Probes, Question } from "./world.js";

const INTERVAL_MS = 50;
const [ca = "", ...urls] = process.argv.slice(2);
const payload = new Uint8Array(100);

const clients = await Promise.all(
  urls.map(async (url) => createTestServiceClient(await connect(url, url.startsWith("tls:") ? { tls: { ca } } : {}))),
);
let slowestMs = 0;
let count = 0;
let failures: string[] = [];
const running = new Set<number>();
// What this process itself lost counts against nobody else.
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

const timer = setInterval(() => {
  for (const client of clients) void probe(client);
}, INTERVAL_MS);

async function probe(client: (typeof clients)[number]): Promise<void> {
  const begunMs = performance.now();
  running.add(begunMs);
  try {
    const answer = await client.unaryCall({ payload });
    if (answer.payload.length !== payload.length) failures.push(`${answer.payload.length} bytes came back`);
  } catch (error) {
    failures.push(String(RpcError.from(error)));
  }
  running.delete(begunMs);
  count++;
  slowestMs = Math.max(slowestMs, performance.now() - begunMs);
}

process.on("message", ({ id }: Question) => {
  // One that still waits has taken so long at least.
  const nowMs = performance.now();
  for (const begunMs of running) slowestMs = Math.max(slowestMs, nowMs - begunMs);
  const ownDelayMs = Math.max(0, delay.max / 1e6 - 10);
  const probes: Probes = { count, slowestMs, failures, ownDelayMs };
  process.send?.({ id, ...probes });
  slowestMs = 0;
  count = 0;
  failures = [];
  delay.reset();
});
process.on("disconnect", () => {
  clearInterval(timer);
  process.exit();
});
process.send?.("ready");
