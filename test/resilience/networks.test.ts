// SPDX-License-Identifier: Apache-2.0
// The phone that changes networks: a stream that begins over TCP goes on over WebSocket, and back.

import { once } from "node:events";
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from "node:net";
import { expect } from "chai";
import { connectWith } from "rsocket-rpc";
import { serve, urlDialer } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "../../examples/hello/gen/ticker_rsocket.js";

describe("a session over several networks", () => {
  it("goes on over WebSocket when TCP is cut, and the other way round, every item once and in order", async () => {
    const transports: string[] = [];
    await using server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], {
      resume: { onSession: (event, { info }) => void (event === "resumed" && transports.push(info.transport)) },
      services: [
        implementTicker({
          ...unimplementedTicker,
          async *watch() {
            for (let price = 0; price < 60; price++) yield { price };
          },
        }),
      ],
    });
    const relays = await Promise.all(server.urls.map((url) => listenRelay(Number(new URL(url).port))));
    const dialers = server.urls.map((text, i) => {
      const url = new URL(text);
      url.port = String(relays[i]?.port);
      return urlDialer(url);
    });
    let dials = 0;
    const dialer = {
      dial: (signal: AbortSignal) => (dialers[dials++ % 2] ?? expect.fail("no dialer")).dial(signal),
    };
    await using connection = await connectWith(dialer, { resume: { backoff: { initialMs: 1 } } });
    const prices: number[] = [];
    for await (const { price } of createTickerClient(connection).watch({ name: "A" }, { prefetch: 4 })) {
      prices.push(price);
      if (price % 10 === 5) for (const relay of relays) relay.cut();
    }
    expect(prices).to.deep.equal(Array.from({ length: 60 }, (_, i) => i));
    expect(transports).to.deep.equal(["ws", "tcp", "ws", "tcp", "ws", "tcp"]);
    for (const relay of relays) relay.close();
  });
});

async function listenRelay(target: number): Promise<{ port: number; cut(): void; close(): void }> {
  const sockets = new Set<Socket>();
  const relay = createServer((client) => {
    const upstream = connectSocket({ host: "127.0.0.1", port: target });
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return { port: (relay.address() as AddressInfo).port, cut, close: () => relay.close() };
}
