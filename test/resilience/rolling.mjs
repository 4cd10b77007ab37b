// SPDX-License-Identifier: Apache-2.0
// Restarts two servers behind one address in turn, under 200 calls a second of all shapes:
// `npx tsx test/resilience/rolling.mjs [rounds]`, 10 unless given. No call may fail, and none may run twice.

import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createChannel } from "rsocket-rpc/node";
import { createTickerClient } from "../../examples/hello/gen/ticker_rsocket.ts";
import { countTwice, freePort, Journal, sleep, startServer } from "./servers.mjs";

const CALL_INTERVAL_MS = 5;
const CHANNELS = 8;
const rounds = Number(process.argv[2] ?? 10);

const journal = new Journal();

const ports = [await freePort(), await freePort()];
const balancer = await listenBalancer(ports);
const servers = await Promise.all(ports.map((port) => startServer(port, journal)));
const channels = Array.from({ length: CHANNELS }, () => createChannel(`tcp://127.0.0.1:${balancer.address().port}`));
const tickers = channels.map((channel) => createTickerClient(channel));

const SHAPES = [
  async (ticker, name) => void (await ticker.last({ name })),
  async (ticker, name) => {
    let count = 0;
    for await (const _ of ticker.watch({ name })) count++;
    if (count !== 5) throw new Error(`${count} items`);
  },
  async (ticker, name) => {
    const { count } = await ticker.upload([{ symbol: name }, { symbol: name }, { symbol: name }]);
    if (count !== 3) throw new Error(`${count} counted`);
  },
  async (ticker, name) => {
    let count = 0;
    for await (const { text } of ticker.chat([{ text: name }, { text: name }])) if (text === name) count++;
    if (count !== 2) throw new Error(`${count} echoed`);
  },
  async (ticker, name) => await ticker.log({ text: name }),
];

const failures = [];
const exits = [];
const running = new Set();
let made = 0;
let slowestMs = 0;
const load = setInterval(() => {
  const name = `${made++}`;
  const beganAtMs = performance.now();
  const call = SHAPES[made % SHAPES.length](tickers[made % CHANNELS], name)
    .catch((error) => failures.push(`${name}: ${error.message}`))
    .finally(() => {
      slowestMs = Math.max(slowestMs, performance.now() - beganAtMs);
      running.delete(call);
    });
  running.add(call);
}, CALL_INTERVAL_MS);

for (let round = 0; round < rounds; round++) {
  for (const [i, port] of ports.entries()) {
    await sleep(1_300 + round * 17);
    servers[i].kill("SIGTERM");
    exits.push((await once(servers[i], "exit"))[0]);
    servers[i] = await startServer(port, journal);
  }
}
await sleep(500);
clearInterval(load);
await Promise.all(running);
await Promise.all(channels.map((channel) => channel.close({ graceMs: 1_000 })));
for (const server of servers) {
  server.kill("SIGTERM");
  exits.push((await once(server, "exit"))[0]);
}
balancer.close();

const runs = journal.end();
const twice = countTwice(runs);
const lost = Array.from({ length: made }, (_, i) => `${i}`).filter((name) => !runs.has(name)).length;
const result = { rounds, made, failed: failures.length, lost, twice, slowestMs: Math.round(slowestMs), exits };
console.log(JSON.stringify(result));
for (const failure of failures.slice(0, 20)) console.log(failure);
process.exitCode = failures.length === 0 && lost === 0 && twice === 0 && exits.every((code) => code === 0) ? 0 : 1;

// Takes turns, and goes on to the next where nobody listens.
async function listenBalancer(targets) {
  let turn = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const dial = (attemptsLeft) => {
      const upstream = connect({ port: targets[turn++ % targets.length], host: "127.0.0.1", allowHalfOpen: true });
      upstream.once("error", () => (attemptsLeft > 0 ? dial(attemptsLeft - 1) : client.destroy()));
      upstream.once("connect", () => {
        client.pipe(upstream).pipe(client);
        client.on("error", () => upstream.destroy());
        upstream.on("error", () => client.destroy());
      });
    };
    dial(targets.length);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}
