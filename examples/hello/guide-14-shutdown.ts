// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/14-shutdown.md.

import { createChannel } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const slow = implementTicker({
  ...unimplementedTicker,
  last: async ({ name }) => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { symbol: name, price: 42 };
  },
});

// #region drain
import { serve } from "rsocket-rpc/node";

const server = await serve("tcp://127.0.0.1:0", {
  services: [slow],
  drain: { onSignals: ["SIGTERM", "SIGINT"], graceMs: 10_000, exit: false },
});
void server.closed.then(() => console.log("closed, now the database may go"));
// #endregion

const channel = createChannel(server.urls[0] ?? "");
const running = createTickerClient(channel).last({ name: "ACME" });
for await (const state of channel.states()) if (state === "ready") break;
await new Promise((resolve) => setTimeout(resolve, 20));

// #region close
const closing = server.close({ graceMs: 10_000 });
console.log((await running).price); // 42: it ran, so it ends
await closing;
console.log(server.connectionCount, server.runningHandlers); // 0 0
// #endregion
await channel.close();
