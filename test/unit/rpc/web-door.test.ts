// SPDX-License-Identifier: Apache-2.0
// `connect` and `createChannel` of the web's door, over the WebSocket that they find where they run.

import { expect } from "chai";
import { Code, RpcError } from "rsocket-rpc";
import { connect as connectLite } from "rsocket-rpc/lite";
import { type Server, serve } from "rsocket-rpc/node";
import { connect, createChannel } from "rsocket-rpc/web";
import { WebSocket as NodeWebSocket } from "ws";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { rejectionOf } from "../../support/rpc-world.js";

const services = [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name }) })];

describe("the web's doors", () => {
  const platform = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  let server: Server;
  let url: string;

  before(async () => {
    // Of the two, Node before 22 has none, and later ones' is much the same.
    Object.defineProperty(globalThis, "WebSocket", { value: NodeWebSocket, configurable: true, writable: true });
    server = await serve("ws://127.0.0.1:0/rpc", { services });
    [url = ""] = server.urls;
  });

  after(async () => {
    await server.close();
    if (platform === undefined) Reflect.deleteProperty(globalThis, "WebSocket");
    else Object.defineProperty(globalThis, "WebSocket", platform);
  });

  it("connects to a WebSocket's URL, as text or not", async () => {
    for (const open of [connect, connectLite]) {
      for (const address of [url, new URL(url)]) {
        await using connection = await open(address);
        expect((await createTickerClient(connection).last({ name: "acme" })).symbol).to.equal("acme");
      }
    }
  });

  it("makes channels that dial at the first call", async () => {
    await using channel = createChannel(url);
    expect(channel.state).to.equal("idle");
    expect((await createTickerClient(channel).last({ name: "acme" })).symbol).to.equal("acme");
  });

  it("refuses URLs of other transports before it dials, naming what it takes", async () => {
    for (const open of [connect, connectLite]) {
      const rejected = await rejectionOf(open("tcp://127.0.0.1:7878"));
      expect(RpcError.is(rejected, Code.InvalidArgument), String(rejected)).to.equal(true);
      expect(String(rejected)).to.contain("ws");
    }
    expect(() => createChannel("tcp://127.0.0.1:7878")).to.throw(RpcError, "ws");
  });
});
