// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/13-coming-from-elsewhere.md: a stream and its reader with rsocket-js 0.0.27, and the same here.

import { once } from "node:events";
import { createServer } from "node:net";
import tcpClient from "rsocket-tcp-client";
import tcpServer from "rsocket-tcp-server";

const RSocketTCPClient = tcpClient.default;
const RSocketTCPServer = tcpServer.default;

const port = await freePort();
const setup = {
  dataMimeType: "application/json",
  metadataMimeType: "text/plain",
  keepAlive: 20_000,
  lifetime: 90_000,
};

// #region old-serve
import { IdentitySerializer, JsonSerializer, RSocketClient, RSocketServer } from "rsocket-core";
import { Flowable } from "rsocket-flowable";

const serializers = { data: JsonSerializer, metadata: IdentitySerializer };
const oldServer = new RSocketServer({
  serializers,
  getRequestHandler: () => ({
    requestStream: ({ data: { name } }) =>
      new Flowable((subscriber) => {
        let price = 1;
        let isOver = false;
        subscriber.onSubscribe({
          request(n) {
            for (; n > 0 && !isOver; n--) subscriber.onNext({ data: { symbol: name, price: price++ } });
          },
          cancel() {
            isOver = true;
            console.log("rsocket-js: cancelled");
          },
        });
      }),
  }),
  transport: new RSocketTCPServer({ host: "127.0.0.1", port }),
});
oldServer.start();
// #endregion

let done = () => {};
const finished = new Promise((resolve) => {
  done = resolve;
});

// #region old-call
const transport = new RSocketTCPClient({ host: "127.0.0.1", port });
const oldClient = new RSocketClient({ serializers, setup, transport });
oldClient.connect().then((rsocket) => {
  let subscription;
  let wanted = 0;
  rsocket.requestStream({ data: { name: "ACME" } }).subscribe({
    onSubscribe(given) {
      subscription = given;
      subscription.request((wanted = 10));
    },
    onNext({ data: { price } }) {
      if (price === 30) {
        subscription.cancel();
        done();
      } else if (--wanted === 0) subscription.request((wanted = 10));
    },
    onError: console.error,
  });
});
// #endregion
await finished;
oldClient.close();
oldServer.stop();

// #region serve
import { connect, serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const server = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      async *watch({ name }) {
        try {
          for (let price = 1; ; price++) yield { symbol: name, price };
        } finally {
          console.log("cancelled");
        }
      },
    }),
  ],
});
// #endregion

// #region call
const connection = await connect(server.urls[0]);
const ticker = createTickerClient(connection);
for await (const { price } of ticker.watch({ name: "ACME" }, { prefetch: 10 })) if (price === 30) break;
// #endregion
await connection.close();
await server.close();

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
