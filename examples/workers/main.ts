// SPDX-License-Identifier: Apache-2.0
// Two threads of Node that call each other: npm start -w example-workers, after npm run generate.

import { setTimeout as sleep } from "node:timers/promises";
// #region main
import { Worker } from "node:worker_threads";
import { connectPort } from "rsocket-rpc/node";
import { createTickerClient, implementAlerts } from "../hello/gen/ticker_rsocket.js";

const worker = new Worker(new URL("./tsx-worker.mjs", import.meta.url)); // compiled: "./worker.js"
const connection = await connectPort(worker, {
  services: [implementAlerts({ notify: ({ text }) => console.log("the worker says:", text) })],
});
const ticker = createTickerClient(connection);

const { count } = await ticker.upload(Array.from({ length: 10_000 }, (_, price) => ({ symbol: "ACME", price })));
console.log("the worker counted", count);
// #endregion

// #region watch
let taken = 0;
for await (const { price } of ticker.watch({ name: "ACME" })) {
  if (price !== taken++) throw new Error(`${price} came out of turn`);
  if (taken < 10) await sleep(1); // busy with something else
  if (taken === 10) break;
}
const made = (await ticker.last({ name: "ACME" })).price;
console.log("taken", taken, "of", made < 100 ? "fewer than 100" : made, "that the endless source made");

// #endregion

// #region restart
import { createChannelWith, portDialer } from "rsocket-rpc/node";

let threads = 0;
let current = worker;
const channel = createChannelWith(
  {
    dial(signal) {
      const thread = new Worker(new URL("./tsx-worker.mjs", import.meta.url));
      signal.addEventListener("abort", () => void thread.terminate()); // it took too long
      current = thread;
      threads++;
      return portDialer(thread).dial(signal);
    },
  },
  { backoff: { initialMs: 10 } },
);
const lasting = createTickerClient(channel);
await lasting.last({ name: "ACME" });
await current.terminate(); // as when it crashes
await lasting.last({ name: "ACME" });
console.log("the channel is on its thread number", threads);
// #endregion

// #region close
await channel.close();
await connection.close(); // the thread ends by itself: nothing is left that it waits for
// #endregion
