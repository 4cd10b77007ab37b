// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/16-resumption.md: a stream that goes on through 20 cuts of its network.

import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const ticker = implementTicker({
  ...unimplementedTicker,
  async *watch({ name }) {
    for (let price = 1; price <= 2_050; price++) yield { symbol: name, price };
  },
});

// #region serve
import { serve } from "rsocket-rpc/node";

const server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], {
  services: [ticker],
  resume: { onSession: (event) => void events.push(event) },
});
// #endregion
const events: string[] = [];

// Between client and server: what a bad network does.
const sockets = new Set<Socket>();
const network = createServer((near) => {
  const far = connectSocket(Number(new URL(server.urls[0] ?? "").port), "127.0.0.1");
  near.pipe(far).pipe(near);
  for (const socket of [near, far]) {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  }
}).listen(0, "127.0.0.1");
await once(network, "listening");
const cutNetwork = (): void => {
  for (const socket of sockets) socket.resetAndDestroy();
};
const url = `tcp://127.0.0.1:${(network.address() as AddressInfo).port}`;

// #region connect
import { createChannel } from "rsocket-rpc/node";

const channel = createChannel(url, { resume: { backoff: { initialMs: 20 } } });

let expected = 0;
for await (const { price } of createTickerClient(channel).watch({ name: "ACME" }, { prefetch: 16 })) {
  if (price !== ++expected) throw new Error(`got ${price}, expected ${expected}`);
  if (price % 100 === 0) cutNetwork();
}
console.log(expected, "prices, each once and in order"); // 2050 prices, each once and in order
console.log(events.filter((event) => event === "resumed").length, "times resumed"); // 20 times resumed
// #endregion

// #region sessions
for (const session of server.sessions) {
  console.log(session.isConnected, session.resumedCount, session.streamCount); // true 20 0
}
// #endregion
await channel.close({ graceMs: 1_000 });
await server.close({ graceMs: 1_000 });
network.close();
