// SPDX-License-Identifier: Apache-2.0
// The thread: it serves Ticker to the thread that made it, and calls that one's Alerts over the same port.

// #region worker
import { parentPort } from "node:worker_threads";
import { servePort } from "rsocket-rpc/node";
import { createAlertsClient, implementTicker, unimplementedTicker } from "../hello/gen/ticker_rsocket.js";

if (parentPort === null) throw new Error("start main.ts, which makes this thread");

let made = 0;
await servePort(parentPort, {
  services: [
    implementTicker({
      ...unimplementedTicker,
      last: ({ name }) => ({ symbol: name, price: made }),
      *watch({ name }) {
        for (;;) yield { symbol: name, price: made++ }; // endless: whoever reads decides how fast
      },
      async upload(quotes, { connection }) {
        let count = 0;
        for await (const _ of quotes) count++;
        await createAlertsClient(connection).notify({ text: `${count} quotes have come` }); // calls the other thread
        return { count };
      },
    }),
  ],
});
// #endregion
