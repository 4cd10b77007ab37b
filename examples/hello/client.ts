// SPDX-License-Identifier: Apache-2.0
import { Code, createChannel, RpcError } from "rsocket-rpc/node";
import { createTickerClient, implementAlerts } from "./gen/ticker_rsocket.js";

const channel = createChannel("tcp://127.0.0.1:7000", {
  bearerToken: "secret",
  services: [implementAlerts({ notify: ({ text }) => console.log("server says", text) })],
});
const ticker = createTickerClient(channel);

const { price } = await ticker.last({ name: "ACME" }, { timeoutMs: 500 });

for await (const quote of ticker.watch({ name: "ACME" })) if (quote.price > 100) break; // cancels on the server

const { count } = await ticker.upload([{ symbol: "A", price: 1 }, { symbol: "B" }]);

async function* lines() { yield { text: "hello" }; yield { text: "again" }; }
for await (const { text } of ticker.chat(lines(), { signal: AbortSignal.timeout(5_000) })) console.log(text);

await ticker.log({ text: `${count} quotes, ${price}` });

try {
  await ticker.last({ name: "NONE" });
} catch (error) {
  if (!RpcError.is(error, Code.NotFound)) throw error;
  console.log(error.code, error.message);
}
await channel.close();
