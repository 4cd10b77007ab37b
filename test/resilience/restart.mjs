// SPDX-License-Identifier: Apache-2.0
// Kills and restarts a real server under load: `npx tsx test/resilience/restart.mjs [times]`, 200 unless given.
// Every call must end, within its deadline and a second; none may run twice.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, RpcError } from "rsocket-rpc";
import { createChannel } from "rsocket-rpc/node";
import { createTickerClient } from "../../examples/hello/gen/ticker_rsocket.ts";

const TIMEOUT_MS = 5_000;
const CALLERS = 20;
const times = Number(process.argv[2] ?? 200);

const folder = mkdtempSync(join(tmpdir(), "restart-"));
const journal = join(folder, "journal");
writeFileSync(journal, "");
const url = `tcp://127.0.0.1:${await freePort()}`;
const channel = createChannel(url, { backoff: { initialMs: 20, maxMs: 50 } });
const ticker = createTickerClient(channel);

const ends = new Map();
let made = 0;
let slowestMs = 0;
let isOver = false;

let server = await startServer();
const callers = Array.from({ length: CALLERS }, () => callOn());
for (let i = 0; i < times; i++) {
  // No rhythm that the calls could fall in with; long enough for the channel to come back.
  await sleep(100 + ((i * 37) % 200));
  server.kill("SIGKILL");
  await once(server, "exit");
  server = await startServer();
}
isOver = true;
await Promise.all(callers);
await channel.close();
server.kill("SIGKILL");

const runs = new Map();
for (const name of readFileSync(journal, "utf8").split("\n")) runs.set(name, (runs.get(name) ?? 0) + 1);
runs.delete("");
const twice = [...runs.values()].filter((count) => count > 1).length;
rmSync(folder, { recursive: true });
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

async function startServer() {
  const child = fork(new URL("server.mjs", import.meta.url), [url, journal], { execArgv: ["--import", "tsx"] });
  await once(child, "message");
  return child;
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

function sleep(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
