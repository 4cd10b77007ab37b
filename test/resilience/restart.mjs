// SPDX-License-Identifier: Apache-2.0
// Kills and restarts a real server under load: `npx tsx test/resilience/restart.mjs [times]`, 200 unless given.
// Every call must end, within its deadline and a second; none may run twice.

import { once } from "node:events";
import { Code, RpcError } from "rsocket-rpc";
import { createChannel } from "rsocket-rpc/node";
import { createTickerClient } from "../../examples/hello/gen/ticker_rsocket.ts";
import { countTwice, freePort, Journal, sleep, startServer } from "./servers.mjs";

const TIMEOUT_MS = 5_000;
const CALLERS = 20;
const times = Number(process.argv[2] ?? 200);

const journal = new Journal();
const port = await freePort();
const channel = createChannel(`tcp://127.0.0.1:${port}`, { backoff: { initialMs: 20, maxMs: 50 } });
const ticker = createTickerClient(channel);

const ends = new Map();
let made = 0;
let slowestMs = 0;
let isOver = false;

let server = await startServer(port, journal);
const callers = Array.from({ length: CALLERS }, () => callOn());
for (let i = 0; i < times; i++) {
  // No rhythm that the calls could fall in with; long enough for the channel to come back.
  await sleep(100 + ((i * 37) % 200));
  server.kill("SIGKILL");
  await once(server, "exit");
  server = await startServer(port, journal);
}
isOver = true;
await Promise.all(callers);
await channel.close();
server.kill("SIGKILL");

const runs = journal.end();
const twice = countTwice(runs);
console.log(JSON.stringify({ times, made, ends: Object.fromEntries(ends), twice, slowestMs: Math.round(slowestMs) }));
const ended = [...ends.values()].reduce((sum, count) => sum + count, 0);
const strange = [...ends.keys()].filter(
  (end) => !["ok", `${Code.Unavailable}`, `${Code.DeadlineExceeded}`].includes(end),
);
process.exitCode = ended === made && twice === 0 && strange.length === 0 && slowestMs < TIMEOUT_MS + 1_000 ? 0 : 1;

async function callOn() {
  while (!isOver) {
    const name = `${made++}`;
    const beganAtMs = performance.now();
    const end = await call(name).then(
      () => "ok",
      (error) => `${RpcError.from(error).code}`,
    );
    slowestMs = Math.max(slowestMs, performance.now() - beganAtMs);
    ends.set(end, (ends.get(end) ?? 0) + 1);
    await sleep(1);
  }
}

async function call(name) {
  const options = { timeoutMs: TIMEOUT_MS };
  if (Number(name) % 3 !== 0) return await ticker.last({ name }, options);
  for await (const _ of ticker.watch({ name }, options));
}
