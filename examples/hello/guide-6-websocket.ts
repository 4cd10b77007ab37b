// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/6-websocket.md.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createContextKey } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const userKey = createContextKey("user", "nobody");
const services = [
  implementTicker({
    ...unimplementedTicker,
    last: ({ name }, context) => {
      console.log(`${context.values.get(userKey)} asks for ${name}`);
      return { symbol: name, price: 42 };
    },
  }),
];
const sessions = new Map([["4711", "ann"]]);

// #region attach
import { createServer } from "node:http";
import { attachWebSocket, Code, RpcError, serve } from "rsocket-rpc/node";

const http = createServer((_request, response) => response.end("a page")).listen(0, "127.0.0.1");

const server = await serve([attachWebSocket(http, { path: "/rpc", allowedOrigins: ["https://app.example.com"] })], {
  services,
  accept: ({ values }, { peer }) => {
    const user = sessions.get(peer.upgrade?.cookies["session"] ?? "");
    if (user === undefined) throw new RpcError(Code.Unauthenticated, "no session");
    values.set(userKey, user);
  },
});
// #endregion
if (!http.listening) await once(http, "listening");
const { port } = http.address() as AddressInfo;
const url = `ws://127.0.0.1:${port}/rpc`;

const headers = { Origin: "https://app.example.com", Cookie: "session=4711" };
const connection = await connect(url, { webSocketHeaders: headers });
console.log((await createTickerClient(connection).last({ name: "ACME" })).price);
await connect(url).catch((error: RpcError) => console.log(error.rawMessage));
await connect(url, { webSocketHeaders: { Origin: "https://evil.example.com" } }).catch(() => console.log("refused"));
console.log(await (await fetch(`http://127.0.0.1:${port}/`)).text());
await connection.close();

// #region close
await server.close({ graceMs: 10_000 }); // the calls first, then the server under them
http.closeAllConnections();
http.close();
// #endregion
