// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/4-channels.md.

import { Code, RpcError, serve } from "rsocket-rpc/node";
import { createTickerClient, implementAlerts, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const listen = (url: string) =>
  serve(url, {
    services: [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name, price: 42 }) })],
    accept: ({ bearerToken }) => console.log("server: accepted", bearerToken),
  });
let server = await listen("tcp://127.0.0.1:0");
const url = server.urls[0] ?? "";
let tokens = 0;
const freshToken = () => Promise.resolve(`token ${++tokens}`);

// #region create
import { createChannel } from "rsocket-rpc/node";

const channel = createChannel(url, {
  bearerToken: freshToken, // asked before each connection
  services: [implementAlerts({ notify: ({ text }) => console.log(text) })], // served on each connection
  backoff: { initialMs: 500, maxMs: 30_000 },
});
const ticker = createTickerClient(channel);

console.log(channel.state); // idle
console.log((await ticker.last({ name: "ACME" })).price); // 42
console.log(channel.state); // ready
// #endregion

// #region watch
const stop = channel.onStateChange((state, reason) => console.log("channel:", reason?.message ?? state));
// #endregion

// #region states
for await (const state of channel.states()) if (state === "ready") break;
// #endregion

// #region wait
const gone = new Promise<void>((resolve) => {
  const forget = channel.onStateChange((state) => {
    if (state !== "waiting") return;
    forget();
    resolve();
  });
});
await server.close();
await gone;

try {
  await ticker.last({ name: "ACME" }, { waitForReady: false });
} catch (error) {
  console.log(RpcError.is(error, Code.Unavailable) && error.retryable); // true
}

const answer = ticker.last({ name: "ACME" }, { timeoutMs: 5_000 }); // waits
server = await listen(url);
console.log((await answer).price); // 42
// #endregion

const spare = await listen("tcp://127.0.0.1:0");
const urls = [url, spare.urls[0] ?? ""];

// #region several
import { createChannelWith, urlDialer } from "rsocket-rpc/node";

let turn = 0;
const either = createChannelWith({
  dial: (signal) => urlDialer(urls[turn++ % urls.length] ?? "").dial(signal), // asked for each connection
});
console.log((await createTickerClient(either).last({ name: "ACME" })).price); // 42
// #endregion
await either.close();
await spare.close();

// #region close
stop();
await channel.close({ graceMs: 1_000 });
console.log(channel.state); // closed
// #endregion
await server.close();
