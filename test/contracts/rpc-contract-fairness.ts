// SPDX-License-Identifier: Apache-2.0
// What no handler and no consumer can do on any transport: run ahead of its peer, or keep a connection from being read.

import { expect } from "chai";
import { Code, RpcError } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../examples/hello/gen/ticker_rsocket.js";
import { nextTurn } from "../support/next-turn.js";
import { KEEPALIVE, KEEPALIVE_R, rejectionOf, SETUP_OURS } from "../support/rpc-world.js";
import { type ContractTransport, ContractWorld, deferred, eventually, loseLink } from "./rpc-contract-world.js";

/** REQUEST_STREAM stream 1, without bound, RPC metadata demo.v1.Ticker/Watch, no data. */
const WATCH_ALL =
  "0000000119007fffffff" + "00001b" + "0001" + "000e64656d6f2e76312e5469636b6572" + "00055761746368" + "0000";
const CANCEL = "000000012400";

/** So late a signal may be noticed while user code never waits. */
const SOON_MS = 50;
/** A machine that stands still for longer than that isn't the fault of what is tested. */
const RETRIES = 3;

/** More than a system keeps on the way in its own buffers, together with the queue's mark. */
const BUFFERED_BYTES = 16_777_216;
const ITEM_BYTES = 65_536;

type Source = ReturnType<TickerHandler["watch"]>;

/** Declares the suite of fairness for one transport and one size of fragments. */
export function rpcFairnessContract(transport: ContractTransport, fragmentBytes: number): void {
  let world: ContractWorld;
  const ticker = (handler: Partial<TickerHandler>) => implementTicker({ ...unimplementedTicker, ...handler });

  beforeEach(() => {
    world = new ContractWorld(transport, fragmentBytes);
  });
  afterEach(async function () {
    await world.end(this.currentTest?.state === "failed");
  });

  it("a peer that reads nothing stops the producer, however much it asked for, and loses nothing", async function () {
    this.timeout(10_000);
    const symbol = "x".repeat(ITEM_BYTES);
    let made = 0;
    let total = Number.POSITIVE_INFINITY;
    const { connectRaw } = await world.serve({
      services: [
        ticker({
          *watch() {
            while (made < total) {
              made++;
              yield { symbol };
            }
          },
        }),
      ],
    });
    const peer = await connectRaw();
    peer.send(SETUP_OURS);
    await peer.until(() => true);
    peer.pause();
    peer.send(WATCH_ALL);
    let before = -1;
    // Until a while passes in which nothing is made.
    while (before !== made || made === 0) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(made * ITEM_BYTES).to.be.lessThan(BUFFERED_BYTES);
    total = made + 10;
    peer.resume();
    await peer.until((frame) => frame === "000000012840");
    let bytes = 0;
    for (const frame of peer.received) if (frame.startsWith("0000000128")) bytes += frame.length / 2 - 6;
    // Each item: 65,536 letters behind tag and length.
    expect(bytes).to.equal(total * (ITEM_BYTES + 4));
  });

  const generators: Readonly<Record<string, (onReturn: () => void) => Source>> = {
    "a generator": function* (onReturn) {
      try {
        for (;;) yield {};
      } finally {
        onReturn();
      }
    },
    "an async generator": async function* (onReturn) {
      try {
        for (;;) yield {};
      } finally {
        onReturn();
      }
    },
  };

  for (const [name, create] of Object.entries(generators)) {
    describe(`${name} that never waits, asked for items without bound`, () => {
      const serveEndless = async () => {
        const stopped = deferred<number>();
        const handler = ticker({ watch: () => create(() => stopped.resolve(performance.now())) });
        return { ...(await world.serve({ services: [handler] })), stopped: stopped.promise };
      };

      it("is stopped by CANCEL, and a KEEPALIVE is answered meanwhile", async function () {
        this.retries(RETRIES);
        const { connectRaw, stopped } = await serveEndless();
        const peer = await connectRaw();
        peer.send(SETUP_OURS);
        await peer.until(() => true);
        peer.send(WATCH_ALL);
        await peer.until((frame) => frame.startsWith("00000001"));
        const askedAt = performance.now();
        peer.send(KEEPALIVE_R);
        await peer.until((frame) => frame === KEEPALIVE);
        expect(performance.now() - askedAt, "KEEPALIVE").to.be.lessThan(SOON_MS);
        const cancelledAt = performance.now();
        peer.send(CANCEL);
        expect((await stopped) - cancelledAt, "CANCEL").to.be.lessThan(SOON_MS);
      });

      it("is stopped by a deadline", async function () {
        this.retries(RETRIES);
        const { connect, stopped } = await serveEndless();
        const client = createTickerClient(await connect({}));
        const startedAt = performance.now();
        const error = await rejectionOf(
          (async () => {
            for await (const _item of client.watch({}, { timeoutMs: 30, prefetch: 0x7fffffff }));
          })(),
        );
        expect(RpcError.is(error, Code.DeadlineExceeded), String(error)).to.equal(true);
        expect((await stopped) - startedAt).to.be.lessThan(30 + 2 * SOON_MS);
      });

      it("is stopped by a lost link", async function () {
        this.retries(RETRIES);
        const { connectRaw, stopped, server } = await serveEndless();
        const peer = await connectRaw();
        peer.send(SETUP_OURS, WATCH_ALL);
        await peer.until((frame) => frame.startsWith("00000001"));
        const lostAt = performance.now();
        peer.destroy();
        expect((await stopped) - lostAt).to.be.lessThan(SOON_MS);
        await eventually(() => expect(server.connectionCount).to.equal(0));
      });
    });
  }

  describe("a consumer that never waits", () => {
    const consume = async (items: AsyncIterable<unknown>): Promise<unknown> => {
      try {
        for await (const _item of items);
      } catch (error) {
        return error;
      }
      throw new Error("the stream ended");
    };

    const connectEndless = async () => {
      const { connect } = await world.serve({
        services: [
          ticker({
            *watch() {
              for (;;) yield {};
            },
          }),
        ],
      });
      const connection = await connect({});
      return { connection, client: createTickerClient(connection) };
    };

    it("lets timers fire", async function () {
      this.retries(RETRIES);
      const { client } = await connectEndless();
      const controller = new AbortController();
      const consumed = consume(client.watch({}, { signal: controller.signal }));
      await nextTurn();
      const startedAt = performance.now();
      for (let i = 0; i < 3; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      expect(performance.now() - startedAt).to.be.lessThan(30 + SOON_MS);
      controller.abort();
      expect(RpcError.is(await consumed, Code.Cancelled)).to.equal(true);
    });

    it("is stopped by abort, by a deadline and by a lost link", async function () {
      this.retries(RETRIES);
      const { client, connection } = await connectEndless();
      const ends: Readonly<Record<string, () => Promise<number>>> = {
        abort: async () => {
          const controller = new AbortController();
          const consumed = consume(client.watch({}, { signal: controller.signal }));
          await new Promise((resolve) => setTimeout(resolve, 10));
          const abortedAt = performance.now();
          controller.abort();
          await consumed;
          return performance.now() - abortedAt;
        },
        deadline: async () => {
          const startedAt = performance.now();
          expect(RpcError.is(await consume(client.watch({}, { timeoutMs: 20 })), Code.DeadlineExceeded)).to.equal(true);
          return performance.now() - startedAt - 20;
        },
        "lost link": async () => {
          const consumed = consume(client.watch({}));
          await new Promise((resolve) => setTimeout(resolve, 10));
          const lostAt = performance.now();
          loseLink(connection);
          expect(RpcError.is(await consumed, Code.Unavailable)).to.equal(true);
          return performance.now() - lostAt;
        },
      };
      for (const [way, end] of Object.entries(ends)) expect(await end(), way).to.be.lessThan(SOON_MS);
    });
  });
}
