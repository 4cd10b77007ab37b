// SPDX-License-Identifier: Apache-2.0
// Answers to a peer that reads too slowly: above `readPauseBytes` they wait unencoded, and their handlers count as running.

import { expect } from "chai";
import { type FrameLink, serveWith } from "rsocket-rpc";
import { implementTicker, unimplementedTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import { type FrameBatch, forEachFrame, type LinkHandler } from "../../../runtime/src/engine/link.js";
import { bytesOf, seeFrame, textHex, uint } from "../../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld, SETUP_UNKNOWN } from "../../support/rpc-world.js";

/** REQUEST_RESPONSE for Last on stream `id`. */
const last = (id: number): string =>
  `${uint(id, 4)}1100${"00001a"}${"0001000e"}${textHex("demo.v1.Ticker")}${"0004"}${textHex("Last")}${"0000"}`;

/** A link that takes what it is given, and wants no more until it is told to. */
class StuckLink implements FrameLink {
  readonly info = { transport: "test", remoteAddress: "", localAddress: "", isSecure: true };
  readonly answered: number[] = [];
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
      const { streamId, type } = seeFrame(bytes.slice(start, end));
      if (type === "PAYLOAD") this.answered.push(streamId);
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

  /** Ten calls whose answers are of 600 bytes; 4 of them reach the limit of 2,000 together. */
  async function answerTen() {
    const encoded: number[] = [];
    const service = implementTicker({
      ...unimplementedTicker,
      last: async () => ({
        get symbol() {
          encoded.push(encoded.length);
          return "x".repeat(600);
        },
      }),
    });
    const link = new StuckLink();
    let take: (link: FrameLink) => void = () => {};
    const server = await serveWith(
      [
        async (onLink) => {
          take = onLink;
          return { url: "test:", close: async () => {} };
        },
      ],
      { services: [service], limits: { readPauseBytes: 2_000 }, scheduler: world.scheduler },
    );
    take(link);
    link.receive(SETUP_UNKNOWN);
    await world.scheduler.settle();
    for (let i = 0; i < 10; i++) link.receive(last(2 * i + 1));
    await world.scheduler.settle();
    return { link, server, encodedCount: () => encoded.length };
  }

  it("aren't encoded, and their handlers count as running, until the peer has read", async () => {
    const { link, server, encodedCount } = await answerTen();
    // Four went to the link, and four wait behind it.
    expect(link.answered).to.have.length(4);
    expect(encodedCount()).to.equal(8);
    expect(server.runningHandlers).to.equal(2);
    await world.scheduler.advance(20_000);
    expect(encodedCount()).to.equal(8);
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
    expect(encodedCount()).to.equal(8);
    await server.close();
    const another = await answerTen();
    another.link.abort();
    expect(another.server.runningHandlers).to.equal(0);
    await another.server.close();
  });

  it("are given up when the peer reads nothing for stallTimeoutMs", async () => {
    const { server } = await answerTen();
    await world.scheduler.advance(31_000);
    expect(server.connectionCount).to.equal(0);
    expect(server.runningHandlers).to.equal(0);
    await server.close();
  });
});
