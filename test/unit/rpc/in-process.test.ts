// SPDX-License-Identifier: Apache-2.0
// Client and server in one process: joined by frames, so that neither sees what the other changes later.

import { expect } from "chai";
import { Code, type RpcError } from "rsocket-rpc";
import { inProcessChannel } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import {
  createTestServiceClient,
  implementTestService,
  unimplementedTestService,
} from "../../support/gen/interop_rsocket.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../../support/rpc-world.js";

describe("in process", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  it("a request that is changed after the call was made arrives as it was", async () => {
    const seen: unknown[] = [];
    const { connection } = await world.pair({
      services: [
        implementTestService({
          ...unimplementedTestService,
          unaryCall: ({ payload, key }) => {
            seen.push([...payload], key);
            return {};
          },
        }),
      ],
    });
    const request = { payload: Uint8Array.of(1, 2, 3), key: "before" };
    const answer = createTestServiceClient(connection).unaryCall(request);
    request.payload.fill(9);
    request.key = "after";
    await world.run(answer);
    expect(seen).to.deep.equal([[1, 2, 3], "before"]);
  });

  it("an answer that is changed after it was returned arrives as it was; what the caller gets is its own", async () => {
    const kept: Uint8Array[] = [];
    const { connection } = await world.pair({
      services: [
        implementTestService({
          ...unimplementedTestService,
          unaryCall: ({ payload }) => {
            kept.push(payload);
            const response = { payload: Uint8Array.from(payload) };
            void Promise.resolve()
              .then(() => Promise.resolve())
              .then(() => response.payload.fill(9));
            return response;
          },
          *serverStream() {
            const response = { payload: Uint8Array.of(1) };
            for (let i = 0; i < 3; i++) {
              response.payload[0] = i;
              yield response;
            }
          },
        }),
      ],
    });
    const client = createTestServiceClient(connection);
    const mine = Uint8Array.of(1, 2, 3);
    const { payload } = await world.run(client.unaryCall({ payload: mine }));
    expect([...payload]).to.deep.equal([1, 2, 3]);
    payload.fill(7);
    expect([...(kept[0] ?? [])]).to.deep.equal([1, 2, 3]);
    expect([...mine]).to.deep.equal([1, 2, 3]);
    const items = await world.run(collect(client.serverStream({})));
    expect(items.map((item) => [...item.payload])).to.deep.equal([[0], [1], [2]]);
  });

  it("keeps the wire's limits", async () => {
    const { connection } = await world.pair({
      services: [implementTicker({ ...unimplementedTicker, last: () => ({}) })],
      limits: { maxMessageBytes: 1_000 },
    });
    const ticker = createTickerClient(connection);
    const error = (await world.run(rejectionOf(ticker.last({ name: "x".repeat(2_000) })))) as RpcError;
    expect(error).to.include({ code: Code.ResourceExhausted, initiator: "remote" });
    await world.run(ticker.last({ name: "x" }));
  });

  it("a channel for tests takes two lines, and ends its server when it is closed", async () => {
    const channel = await inProcessChannel([implementTicker({ ...unimplementedTicker, last: () => ({ price: 42 }) })]);
    expect((await createTickerClient(channel).last({})).price).to.equal(42);
    await channel.close();
    expect(await rejectionOf(createTickerClient(channel).last({}))).to.include({ code: Code.Unavailable });
  });

  it("a server that is closed can't be connected to", async () => {
    const server = await world.serve({ services: [] });
    expect(server.urls).to.deep.equal(["in-process:"]);
    await world.run(server.close());
    const error = (await world.run(rejectionOf(server.connect()))) as RpcError;
    expect(error).to.include({ name: "ConnectError", rawMessage: "the in-process server is closed" });
  });
});
