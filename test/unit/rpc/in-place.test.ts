// SPDX-License-Identifier: Apache-2.0
// Messages are encoded where they are sent from: what a getter of one does meanwhile spoils neither it nor any other.

import { expect } from "chai";
import { Code } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../../support/rpc-world.js";

/** A symbol whose name is what `name` gives when it is encoded. */
const symbol = (name: () => string): { readonly name: string } => ({
  get name() {
    return name();
  },
});

describe("messages in their places", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  const echoing = async (): Promise<TickerClient> => {
    const services = [
      implementTicker({
        ...unimplementedTicker,
        last: ({ name }) => ({ symbol: name, price: 1 }),
        async *watch({ name }) {
          for (let i = 0; i < 3; i++) yield { symbol: `${name}${i}` };
        },
        async *chat(lines) {
          for await (const { text } of lines) yield { text };
        },
      }),
    ];
    return createTickerClient((await world.pair({ services })).connection);
  };

  it("a call amid the message of another, and amid that a third", async () => {
    const client = await echoing();
    const amid: Promise<string>[] = [];
    const call = async (depth: number): Promise<string> => {
      const name = `${depth}`.repeat(100);
      const { symbol: said } = await client.last(
        symbol(() => {
          if (depth > 0) amid.push(call(depth - 1), call(0));
          return name;
        }),
      );
      expect(said).to.equal(name);
      return said;
    };
    await world.run(call(3));
    await world.run(Promise.all(amid));
    expect(amid).to.have.length(2 + 2 + 2);
    expect((await world.run(client.last({ name: "after" }))).symbol).to.equal("after");
  });

  it("a message that is refused halfway, and one whose getter throws: the next is as if there had been none", async () => {
    const client = await echoing();
    for (let i = 0; i < 3; i++) {
      const refused = rejectionOf(client.last({ name: Symbol("x") as unknown as string }));
      const thrown = rejectionOf(
        client.last(
          symbol(() => {
            throw new Error("not today");
          }),
        ),
      );
      const good = client.last({ name: `good ${i}` });
      expect(await world.run(refused)).to.include({ code: Code.InvalidArgument });
      expect(((await world.run(thrown)) as Error).message).to.match(/not today/);
      expect((await world.run(good)).symbol).to.equal(`good ${i}`);
    }
  });

  it("a getter that aborts its own call: nothing of it is sent", async () => {
    const { connection, peer } = await world.connectScripted();
    const client = createTickerClient(connection);
    const controller = new AbortController();
    const aborting = symbol(() => {
      controller.abort();
      return "x";
    });
    const calls = [
      rejectionOf(client.last(aborting, { signal: controller.signal })),
      rejectionOf(collect(client.watch(aborting, { signal: new AbortController().signal, timeoutMs: 0 }))),
    ];
    expect(await world.run(calls[0] as Promise<unknown>)).to.include({ code: Code.Cancelled });
    expect(await world.run(calls[1] as Promise<unknown>)).to.include({ code: Code.DeadlineExceeded });
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([]);
    expect(world.streamCount(connection)).to.equal(0);
  });

  it("a getter that closes the connection: the call fails, and the farewell is whole", async () => {
    const { connection, peer } = await world.connectScripted();
    const client = createTickerClient(connection);
    let closing: Promise<void> | undefined;
    const call = rejectionOf(
      client.last(
        symbol(() => {
          closing = connection.close();
          return "x".repeat(200);
        }),
      ),
    );
    expect(await world.run(call)).to.include({ code: Code.Unavailable });
    await world.scheduler.settle();
    expect(peer.take().at(-1)).to.match(/^00000000 ?2c00 ?00000102/);
    await world.run(closing ?? Promise.resolve());
  });

  it("messages of every length up to fragments, in requests, answers and items", async () => {
    const client = await echoing();
    for (const length of [0, 1, 127, 400, 511, 512, 600, 1_024, 4_000, 8_192, 65_400, 65_536, 200_000]) {
      const name = "ab".repeat(length / 2);
      expect((await world.run(client.last({ name }))).symbol === name, `${length}`).to.equal(true);
      const items = await world.run(collect(client.watch({ name })));
      expect(items.map(({ symbol: said }) => said === name + said.at(-1))).to.deep.equal([true, true, true]);
      const lines = await world.run(collect(client.chat([{ text: name }, { text: "" }, { text: name }])));
      expect(lines.map(({ text }) => text.length)).to.deep.equal([name.length, 0, name.length]);
    }
  });
});
