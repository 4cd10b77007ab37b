// SPDX-License-Identifier: Apache-2.0
// A million calls, and a hundred thousand connections one after another, over TCP and over WebSocket: memory is as it was
// when a fifth of them was made, and no listener, timer or handle is left.
//
//   npm run soak [-- CALLS CONNECTIONS]

import { getEventListeners } from "node:events";
import { connect, serve } from "rsocket-rpc/node";
import { createTestServiceClient } from "../support/gen/interop_rsocket.js";
import { attackedService } from "./service.js";

declare const gc: () => void;

const [calls = 1_000_000, connections = 100_000] = process.argv.slice(2).map(Number);
/** Calls under way at once. */
const AT_ONCE = 64;
/** Between the first fifth and the end memory may grow by so much: a tenth, and what collectors move around. */
const MAX_GROWTH = 1.1;

const payload = new Uint8Array(100);
let warnings = 0;
process.on("warning", (warning) => {
  warnings++;
  console.error(warning);
});

let isSound = true;
for (const url of ["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"]) {
  isSound = (await soak(`${calls} calls`, url, calls, callMany)) && isSound;
  isSound = (await soak(`${connections} connections`, url, connections, connectMany)) && isSound;
}
if (warnings > 0) isSound = false;
console.log(isSound ? "ok" : "FAILED");
process.exitCode = isSound ? 0 : 1;

type Load = (url: string, count: number, signal: AbortSignal) => Promise<void>;

async function soak(name: string, at: string, count: number, load: Load): Promise<boolean> {
  const before = openThings();
  const server = await serve(at, { services: [attackedService], observer: {} });
  const [url = ""] = server.urls;
  const { signal } = new AbortController();
  const begunMs = performance.now();
  const sizes: number[] = [];
  for (let part = 0; part < 10; part++) {
    await load(url, count / 10, signal);
    sizes.push(await memoryMiB());
  }
  const seconds = (performance.now() - begunMs) / 1_000;
  await server.close();
  await turn(1_500);
  const left = openThings() - before;
  const listeners = getEventListeners(signal, "abort").length;
  const [, early = 0] = sizes;
  const late = sizes.at(-1) ?? 0;
  const isFlat = late <= early * MAX_GROWTH;
  console.log(
    `${url.slice(0, 3)}: ${name} in ${seconds.toFixed(0)} s, MiB after each tenth: ${sizes.map((size) => size.toFixed(0)).join(" ")}; ` +
      `${left} handles and timers, ${listeners} listeners, ${server.runningHandlers} handlers left${isFlat ? "" : "; NOT FLAT"}`,
  );
  return isFlat && left <= 0 && listeners === 0 && server.runningHandlers === 0;
}

async function callMany(url: string, count: number, signal: AbortSignal): Promise<void> {
  const connection = await connect(url);
  const client = createTestServiceClient(connection);
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      if (left % 100 === 0) for await (const _ of client.serverStream({ sizes: [10], failAfter: 5 }, { signal }));
      else await client.unaryCall({ payload }, { signal, timeoutMs: 60_000 });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await connection.close();
}

async function connectMany(url: string, count: number, signal: AbortSignal): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const connection = await connect(url, { signal });
      await createTestServiceClient(connection).emptyCall({}, { signal });
      await connection.close();
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

// What is left when all that can be freed was: garbage that waits is no leak.
async function memoryMiB(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    gc();
    await turn(50);
  }
  return process.memoryUsage.rss() / 1_048_576;
}

// Pipes are those of this process's own output.
function openThings(): number {
  return process.getActiveResourcesInfo().filter((kind) => !/^(TTY|Pipe|FSReq|Immediate)/.test(kind)).length;
}

function turn(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}
