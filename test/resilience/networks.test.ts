// SPDX-License-Identifier: Apache-2.0
// The phone that changes networks: a stream that begins over TCP goes on over WebSocket, and back.

import { expect } from "chai";
import { connectWith } from "rsocket-rpc";
import { serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "../../examples/hello/gen/ticker_rsocket.js";
import { type Cuttable, reachByUrl } from "../interop/reach.js";

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
    const ways = await Promise.all(server.urls.map(wayTo));
    let dials = 0;
    const dialer = {
      dial: (signal: AbortSignal) => (ways[dials++ % 2] ?? expect.fail("no way")).dialer.dial(signal),
    };
    await using connection = await connectWith(dialer, { resume: { backoff: { initialMs: 1 } } });
    const prices: number[] = [];
    for await (const { price } of createTickerClient(connection).watch({ name: "A" }, { prefetch: 4 })) {
      prices.push(price);
      if (price % 10 === 5) for (const way of ways) way.cut();
    }
    expect(prices).to.deep.equal(Array.from({ length: 60 }, (_, i) => i));
    expect(transports).to.deep.equal(["ws", "tcp", "ws", "tcp", "ws", "tcp"]);
    await Promise.all(ways.map((way) => way.close()));
  });
});

async function wayTo(url: string): Promise<Cuttable> {
  return (await reachByUrl(url, {}).cuttable?.()) ?? expect.fail(`nothing goes between us and ${url}`);
}
