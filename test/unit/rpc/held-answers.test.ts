// SPDX-License-Identifier: Apache-2.0
// Answers to a peer that reads too slowly: above `readPauseBytes` they wait unencoded, their handlers count as running, and
// above `maxHeldAnswerBytes` their calls end.

import { expect } from "chai";
import { type BoundService, type FrameLink, type Limits, serveWith } from "rsocket-rpc";
import { implementTicker, unimplementedTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import { type FrameBatch, forEachFrame, type LinkHandler } from "../../../runtime/src/engine/link.js";
import { bytesOf, hexOf, seeFrame, textHex, uint } from "../../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld, SETUP_UNKNOWN } from "../../support/rpc-world.js";

/** REQUEST_RESPONSE for Last on stream `id`. */
const last = (id: number): string =>
  `${uint(id, 4)}1100${"00001a"}${"0001000e"}${textHex("demo.v1.Ticker")}${"0004"}${textHex("Last")}${"0000"}`;

/** REQUEST_STREAM for Watch on stream `id`, of one item. */
const watchOne = (id: number, name: string): string => {
  const route = `0001000e${textHex("demo.v1.Ticker")}0005${textHex("Watch")}0000`;
  return `${uint(id, 4)}1900${"00000001"}00001b${route}${"0a01"}${textHex(name)}`;
};

/** A link that takes what it is given, and wants no more until it is told to. */
class StuckLink implements FrameLink {
  readonly info = { transport: "test", remoteAddress: "", localAddress: "", isSecure: true };
  readonly answered: number[] = [];
  readonly failed: string[] = [];
  isStuck = true;
  #handler: LinkHandler | undefined;

  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
  }

  receive(frame: string): void {
    const bytes = bytesOf(frame);
    this.#handler?.onReadStart();
    this.#handler?.onFrame(bytes, 0, bytes.length);
    this.#handler?.onReadEnd(0);
  }

  send(batch: FrameBatch): boolean {
    forEachFrame(batch, (bytes, start, end) => {
      const frame = bytes.slice(start, end);
      const { streamId, type } = seeFrame(frame);
      if (type === "PAYLOAD") this.answered.push(streamId);
      if (type === "ERROR") this.failed.push(hexOf(frame));
    });
    return !this.isStuck;
  }

  drain(): void {
    this.isStuck = false;
    this.#handler?.onDrain();
  }

  pause(): void {}
  resume(): void {}

  close(): void {
    this.abort();
  }

  abort(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.onClose();
  }
}

describe("answers that there is no room for", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  interface Quote {
    readonly symbol: string;
  }

  /** A server behind a link that takes nothing more, once something was written. */
  async function serveStuck(service: BoundService, limits: Partial<Limits>) {
    const link = new StuckLink();
    let take: (link: FrameLink) => void = () => {};
    const server = await serveWith(
      [
        async (onLink) => {
          take = onLink;
          return { url: "test:", close: async () => {} };
        },
      ],
      { services: [service], limits, scheduler: world.scheduler },
    );
    take(link);
    link.receive(SETUP_UNKNOWN);
    await world.scheduler.settle();
    return { link, server };
  }

  /** Ten calls whose answers are of 603 bytes; 4 of them reach the limit of 2,000 together. */
  async function answerTen(limits: Partial<Limits> = {}, answer?: () => Quote) {
    const encoded: number[] = [];
    const large = (): Quote => ({
      get symbol() {
        encoded.push(encoded.length);
        return "x".repeat(600);
      },
    });
    const service = implementTicker({ ...unimplementedTicker, last: async () => (answer ?? large)() });
    const { link, server } = await serveStuck(service, { readPauseBytes: 2_000, ...limits });
    for (let i = 0; i < 10; i++) link.receive(last(2 * i + 1));
    await world.scheduler.settle();
    return { link, server, encodedCount: () => encoded.length };
  }

  it("wait unencoded, and their handlers count as running, until the peer has read", async () => {
    const { link, server, encodedCount } = await answerTen();
    // Four went to the link; six were measured, of which four wait behind those now.
    expect(link.answered).to.have.length(4);
    expect(encodedCount()).to.equal(14);
    expect(server.runningHandlers).to.equal(2);
    await world.scheduler.advance(20_000);
    expect(encodedCount()).to.equal(14);
    link.drain();
    await world.scheduler.settle();
    expect(link.answered).to.have.members([1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    expect(server.runningHandlers).to.equal(0);
    await server.close();
  });

  it("are dropped with their calls: those that are cancelled, and all when the connection is lost", async () => {
    const { link, server, encodedCount } = await answerTen();
    const isHeld = (id: number): boolean => !link.answered.includes(id);
    const waiting = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19].filter(isHeld);
    for (const id of waiting) link.receive(`${uint(id, 4)}2400`);
    expect(server.runningHandlers).to.equal(0);
    link.abort();
    await world.scheduler.settle();
    expect(encodedCount()).to.equal(14);
    await server.close();
    const another = await answerTen();
    another.link.abort();
    expect(another.server.runningHandlers).to.equal(0);
    await another.server.close();
  });

  it("end their calls above maxHeldAnswerBytes, and those below it are sent", async () => {
    const { link, server } = await answerTen({ maxHeldAnswerBytes: 3_100 });
    expect(server.runningHandlers).to.equal(1);
    link.drain();
    await world.scheduler.settle();
    expect(link.answered).to.have.members([1, 3, 5, 7, 9, 11, 13, 15, 17]);
    // APPLICATION_ERROR, to a peer that isn't ours in words.
    const text = "answers of 3618 bytes wait for the caller to take them, expected at most 3100";
    expect(link.failed).to.deep.equal([`${uint(19, 4)}2c00${"00000201"}${textHex(text)}`]);
    expect(server.runningHandlers).to.equal(0);
    await server.close();
  });

  it("count once when one object answers several calls, and no more when they have been sent or cancelled", async () => {
    const one = { symbol: "x".repeat(600) };
    const { link, server } = await answerTen({ maxHeldAnswerBytes: 1_000 }, () => one);
    expect(server.runningHandlers).to.equal(2);
    expect(link.failed).to.deep.equal([]);
    link.receive(`${uint(19, 4)}2400`);
    for (const id of [21, 23, 25]) link.receive(last(id));
    await world.scheduler.settle();
    expect(server.runningHandlers).to.equal(4);
    link.drain();
    await world.scheduler.settle();
    expect(link.answered).to.have.length(12);
    // Nothing of them is counted now: as many wait again.
    link.isStuck = true;
    for (let id = 27; id < 47; id += 2) link.receive(last(id));
    await world.scheduler.settle();
    expect(server.runningHandlers).to.equal(2);
    expect(link.failed).to.deep.equal([]);
    link.drain();
    await world.scheduler.settle();
    await server.close();
  });

  it("count until their own calls end, whatever a method without an answer has returned", async () => {
    const one = { symbol: "x".repeat(600) };
    let count = 0;
    const service = implementTicker({
      ...unimplementedTicker,
      last: async () => (++count > 10 ? { symbol: "y".repeat(600) } : one),
      log: async () => one as never,
    });
    const { link, server } = await serveStuck(service, { readPauseBytes: 2_000, maxHeldAnswerBytes: 1_000 });
    for (let i = 0; i < 10; i++) link.receive(last(2 * i + 1));
    await world.scheduler.settle();
    expect(server.runningHandlers).to.equal(2);
    // By REQUEST_RESPONSE, as some peers call it, and cancelled.
    for (const id of [21, 23]) {
      link.receive(
        `${uint(id, 4)}1100${"000019"}${"0001000e"}${textHex("demo.v1.Ticker")}${"0003"}${textHex("Log")}${"0000"}`,
      );
      await world.scheduler.settle();
      link.receive(`${uint(id, 4)}2400`);
    }
    link.receive(last(25));
    await world.scheduler.settle();
    expect(server.runningHandlers).to.equal(2);
    link.drain();
    await world.scheduler.settle();
    expect(link.failed).to.have.length(1);
    await server.close();
  });

  it("that can't be encoded end their calls at once", async () => {
    let count = 0;
    const { link, server } = await answerTen({}, () => (++count > 8 ? (7 as never) : { symbol: "x".repeat(600) }));
    link.drain();
    await world.scheduler.settle();
    expect(server.runningHandlers).to.equal(0);
    expect(link.answered).to.have.length(8);
    expect(link.failed).to.have.length(2);
    await server.close();
  });

  it("are given up when the peer reads nothing for stallTimeoutMs", async () => {
    const { server } = await answerTen();
    await world.scheduler.advance(31_000);
    expect(server.connectionCount).to.equal(0);
    expect(server.runningHandlers).to.equal(0);
    await server.close();
  });

  it("of streams: none is fetched ahead while half of maxHeldAnswerBytes waits", async () => {
    const pulled: string[] = [];
    async function* watch({ name: symbol }: { readonly name: string }) {
      for (;;) {
        pulled.push(symbol);
        yield { symbol: symbol.repeat(600) };
      }
    }
    const { peer, server } = await world.serveSetUp(
      {
        services: [implementTicker({ ...unimplementedTicker, watch })],
        limits: { maxHeldAnswerBytes: 1_000 },
      },
      SETUP_UNKNOWN,
    );
    peer.send(watchOne(1, "a"));
    await world.scheduler.settle();
    peer.send(watchOne(3, "b"));
    await world.scheduler.settle();
    expect(pulled).to.deep.equal(["a", "a", "b"]);
    // What waited is sent, or dropped: then another is fetched.
    peer.send(`${uint(1, 4)}2400`);
    peer.send(`${uint(3, 4)}2000${"00000001"}`);
    await world.scheduler.settle();
    expect(pulled).to.deep.equal(["a", "a", "b", "b", "b"]);
    expect(peer.take()).to.have.length(3);
    await world.run(server.close());
  });

  it("of streams: one is fetched ahead when there is room again, so that a stream that was asked for all it has ends", async () => {
    async function* watch({ name }: { readonly name: string }) {
      yield { symbol: name.repeat(600) };
      if (name === "a") yield { symbol: name };
    }
    const { peer, server } = await world.serveSetUp(
      {
        services: [implementTicker({ ...unimplementedTicker, watch })],
        limits: { maxHeldAnswerBytes: 4 },
      },
      SETUP_UNKNOWN,
    );
    peer.send(watchOne(1, "a"));
    await world.scheduler.settle();
    peer.send(watchOne(3, "b"));
    peer.send(watchOne(5, "c"));
    await world.scheduler.settle();
    expect(peer.take()).to.have.length(3);
    // One that is cancelled meanwhile is not asked any more.
    peer.send(`${uint(5, 4)}2400`);
    peer.send(`${uint(1, 4)}2400`);
    await world.scheduler.settle();
    // PAYLOAD with C.
    expect(peer.take()).to.deep.equal([`${uint(3, 4)}2840`]);
    await world.run(server.close());
  });

  it("of streams: nothing is counted of one that was ended while it was measured", async () => {
    let cancel = (): void => {};
    const pulled: string[] = [];
    async function* watch({ name }: { readonly name: string }) {
      pulled.push(name);
      yield { symbol: name };
      pulled.push(name);
      yield {
        get symbol() {
          if (name === "a") cancel();
          return name.repeat(600);
        },
      };
    }
    const { link, server } = await serveStuck(implementTicker({ ...unimplementedTicker, watch }), {
      maxHeldAnswerBytes: 1_000,
    });
    link.isStuck = false;
    cancel = () => link.receive(`${uint(1, 4)}2400`);
    link.receive(watchOne(1, "a"));
    await world.scheduler.settle();
    link.receive(watchOne(3, "b"));
    await world.scheduler.settle();
    expect(pulled).to.deep.equal(["a", "a", "b", "b"]);
    expect(link.answered).to.deep.equal([1, 3]);
    link.abort();
    await world.scheduler.settle();
    await server.close();
  });
});
