// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/2-streaming.md.

import { connect, serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

let made = 0;
// #region server
const server = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      async *watch({ name }) {
        try {
          for (let price = 1; ; price++) {
            made++;
            yield { symbol: name, price };
          }
        } finally {
          console.log("the watcher left");
        }
      },
      async upload(quotes) {
        let count = 0;
        for await (const _ of quotes) count++;
        return { count };
      },
      async *chat(lines) {
        for await (const { text } of lines) yield { text: text.toUpperCase() };
      },
    }),
  ],
});
// #endregion
const connection = await connect(server.urls[0] ?? "");
const ticker = createTickerClient(connection);

// #region consume
for await (const { price } of ticker.watch({ name: "ACME" })) {
  if (price === 3) break;
}
// #endregion
console.log("made", made);

// #region prefetch
for await (const { price } of ticker.watch({ name: "ACME" }, { prefetch: 1 })) {
  if (price === 3) break;
}
// #endregion

// #region upload
async function* quotes() {
  for (let price = 0; price < 1_000; price++) yield { symbol: "ACME", price };
}
const { count } = await ticker.upload(quotes());
console.log(count); // 1000
// #endregion

// #region chat
for await (const { text } of ticker.chat([{ text: "hello" }, { text: "again" }])) console.log(text); // HELLO, AGAIN
// #endregion

await connection.close();
await server.close();
