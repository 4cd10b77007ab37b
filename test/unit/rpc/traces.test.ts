// SPDX-License-Identifier: Apache-2.0
// What calls leave behind: nothing, however many there were and however they ended.

import { getEventListeners } from "node:events";
import { expect } from "chai";
import { type CallOptions, type Connection, RpcError } from "rsocket-rpc";
import type { InProcessServer } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex, uint } from "../../support/frames-dsl.js";
import { collect, expectQuiet, leavesNoTrace, RpcWorld } from "../../support/rpc-world.js";

const CALLS = 10_000;
const AT_ONCE = 500;

const handler: TickerHandler = {
  last: ({ name }, { signal }) => (name === "stuck" ? untilAborted(signal) : {}),
  async *watch({ name }, { signal }) {
    yield {};
    if (name === "stuck") await untilAborted(signal);
  },
  async upload(quotes, { signal }) {
    for await (const { symbol } of quotes) if (symbol === "stuck") await untilAborted(signal);
    return {};
  },
  async *chat(lines, { signal }) {
    for await (const line of lines) {
      yield line;
      if (line.text === "stuck") await untilAborted(signal);
    }
  },
  log: async ({ text }, { signal }) => {
    if (text === "stuck") await untilAborted(signal).catch(() => {});
  },
};

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

const SHAPES: readonly ((ticker: TickerClient, what: string, options: CallOptions) => Promise<unknown>)[] = [
  (ticker, what, options) => ticker.last({ name: what }, options),
  (ticker, what, options) => collect(ticker.watch({ name: what }, options)),
  (ticker, what, options) => ticker.upload([{ symbol: what }, {}], options),
  (ticker, what, options) => collect(ticker.chat([{ text: what }, {}], options)),
  (ticker, what, options) => ticker.log({ text: what }, options),
];

function shapeAt(index: number): (ticker: TickerClient, what: string, options: CallOptions) => Promise<unknown> {
  // The index is within the list.
  return SHAPES[index % SHAPES.length] as (typeof SHAPES)[number];
}

describe("calls leave no trace", () => {
  let world: RpcWorld;
  let server: InProcessServer;
  let connection: Connection;
  const warnings: string[] = [];
  const onWarning = ({ name }: Error): void => void warnings.push(name);

  before(() => void process.on("warning", onWarning));
  after(() => void process.off("warning", onWarning));

  beforeEach(async () => {
    warnings.length = 0;
    world = new RpcWorld();
    ({ server, connection } = await world.pair({ services: [implementTicker(handler)] }));
  });
  afterEach(leavesNoTrace);

  function expectNothingLeft(signal: AbortSignal): void {
    expect(getEventListeners(signal, "abort"), "listeners").to.have.length(0);
    expect(server.runningHandlers, "running handlers").to.equal(0);
    expectQuiet(connection);
    // One each for the client's KEEPALIVE and both sides' lifetime.
    expect(world.scheduler.timerCount, "timers").to.equal(2);
    expect(warnings, "warnings").to.deep.equal([]);
  }

  it(`after ${CALLS} calls of all shapes with one signal and a deadline`, async function () {
    this.timeout(20_000);
    const { signal } = new AbortController();
    const ticker = createTickerClient(connection);
    for (let made = 0; made < CALLS; made += AT_ONCE) {
      const calls = Array.from({ length: AT_ONCE }, (_, i) => shapeAt(i)(ticker, "", { signal, timeoutMs: 60_000 }));
      await world.run(Promise.all(calls));
    }
    await world.scheduler.settle();
    expectNothingLeft(signal);
  });

  it(`after ${AT_ONCE} calls that one signal ended`, async () => {
    const controller = new AbortController();
    const ticker = createTickerClient(connection);
    const calls = Array.from({ length: AT_ONCE }, (_, i) =>
      shapeAt(i % 4)(ticker, "stuck", { signal: controller.signal, timeoutMs: 60_000 }),
    );
    const ended = Promise.allSettled(calls);
    await world.scheduler.settle();
    expect(getEventListeners(controller.signal, "abort")).to.not.have.length(0);
    expect(server.runningHandlers).to.equal(AT_ONCE);
    controller.abort();
    for (const result of await world.run(ended)) {
      expect(result.status === "rejected" && RpcError.is(result.reason)).to.equal(true);
    }
    await world.scheduler.settle();
    expectNothingLeft(controller.signal);
  });

  it(`after ${AT_ONCE} calls that ran out of time`, async () => {
    const { signal } = new AbortController();
    const ticker = createTickerClient(connection);
    const calls = Array.from({ length: AT_ONCE }, (_, i) =>
      shapeAt(i)(ticker, "stuck", { signal, timeoutMs: 100 + (i % 50) }),
    );
    const ended = Promise.allSettled(calls);
    await world.scheduler.advance(160);
    await world.run(ended);
    expectNothingLeft(signal);
  });

  it("after calls that were left, refused, or made after the end", async () => {
    const { signal } = new AbortController();
    const ticker = createTickerClient(connection);
    for (let i = 0; i < 50; i++) {
      await world.run(
        (async () => {
          for await (const _quote of ticker.watch({ name: "stuck" }, { signal, timeoutMs: 1_000 })) break;
          for await (const _line of ticker.chat([{ text: "stuck" }], { signal, timeoutMs: 1_000 })) break;
        })(),
      );
      await world.run(Promise.allSettled([ticker.last({}, { signal, timeoutMs: 1_000, prefetch: -1 })]));
    }
    await world.scheduler.settle();
    expectNothingLeft(signal);
    await world.run(connection.close());
    await world.run(Promise.allSettled([ticker.last({}, { signal, timeoutMs: 1_000 })]));
    expect(getEventListeners(signal, "abort")).to.have.length(0);
  });

  it("of a lost link: every call on it ends, on both sides", async () => {
    const { signal } = new AbortController();
    const ticker = createTickerClient(connection);
    const calls = Array.from({ length: AT_ONCE }, (_, i) =>
      shapeAt(i % 4)(ticker, "stuck", { signal, timeoutMs: 60_000 }),
    );
    const ended = Promise.allSettled(calls);
    await world.scheduler.settle();
    world.lose(connection);
    await world.run(ended);
    expect(getEventListeners(signal, "abort"), "listeners").to.have.length(0);
    expect(server.runningHandlers).to.equal(0);
    expect(server.connectionCount).to.equal(0);
    expect(world.scheduler.timerCount).to.equal(0);
  });

  it("3,000 channels of one message in an instant are no abuse", async () => {
    const ticker = createTickerClient(connection);
    for (let i = 0; i < 6; i++) await world.run(Promise.all(Array.from({ length: 500 }, () => ticker.upload([{}]))));
    expectNothingLeft(new AbortController().signal);
  });

  it("messages that handlers left unread don't count against the connection's later calls", async () => {
    const large = "x".repeat(60_000);
    const unread = { ...handler, upload: () => ({}), chat: () => [] };
    const limits = { maxUnconsumedBytes: 200_000 };
    const { peer } = await world.serveSetUp({ services: [implementTicker(unread)], limits });
    // REQUEST_CHANNEL demo.v1.Ticker/Upload, initial n 2, a Quote whose symbol has 60,000 letters
    const channel = (id: number): string =>
      `${uint(id, 4)}1d00${"00000002"}${"00001c"}${"0001000e64656d6f2e76312e5469636b65720006"}55706c6f61640000${"0ae0d403"}${textHex(large)}`;
    const asked: (string | undefined)[] = [];
    for (let i = 0; i < 10; i++) {
      peer.send(channel(2 * i + 1));
      await world.scheduler.settle();
      asked.push(
        peer
          .take()
          .find((frame) => frame.slice(8, 12) === "2000")
          ?.slice(12),
      );
    }
    // As many items are asked for at last as at first.
    expect(new Set(asked).size, asked.join()).to.equal(1);
  });

  it("300 connections, one after another", async () => {
    for (let i = 0; i < 300; i++) {
      const short = await world.run(server.connect());
      await world.run(createTickerClient(short).last({}));
      await world.run(short.close());
    }
    expect(server.connectionCount).to.equal(1);
    expect(world.scheduler.timerCount).to.equal(2);
  });
});
