// SPDX-License-Identifier: Apache-2.0
// Whoever tells a channel where servers are, by the dialer that it is given: addresses without end, such as lead nowhere, and
// such as make no sense. Calls end, dials stay few, nothing is kept.

import { expect } from "chai";
import { type ClientChannel, Code, createChannelWith, RpcError, type Server, serveWith } from "rsocket-rpc";
import type { Dialer, FrameLink } from "rsocket-rpc/rsocket";
import { VirtualScheduler } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { createInProcessPair } from "../../../runtime/src/transports/in-process.js";

const TEN_MINUTES_MS = 600_000;

describe("a channel whose addresses are somebody else's", () => {
  let scheduler: VirtualScheduler;
  let channel: ClientChannel;
  let ticker: TickerClient;
  let server: Server | undefined;
  let take: (link: FrameLink) => void;

  beforeEach(async () => {
    scheduler = new VirtualScheduler();
    const listener = { url: "place:", close: () => Promise.resolve() };
    const services = [implementTicker({ ...unimplementedTicker, last: () => ({ price: 1 }) })];
    const factory = (onLink: (link: FrameLink) => void) => {
      take = onLink;
      return Promise.resolve(listener);
    };
    server = await scheduler.run(serveWith([factory], { services, scheduler }));
  });

  afterEach(async () => {
    await scheduler.run(channel.close());
    if (server !== undefined) await scheduler.run(server.close());
    expect(scheduler.timerCount, "timers left").to.equal(0);
  });

  function create(dialer: Dialer): void {
    channel = createChannelWith(dialer, { scheduler, random: () => 0.5 });
    ticker = createTickerClient(channel);
  }

  function dialServer(): FrameLink {
    const [near, far] = createInProcessPair(scheduler);
    take(far);
    return near;
  }

  // How the call ended within half a minute.
  async function codeOf(call: Promise<unknown>): Promise<Code | "ok" | undefined> {
    let outcome: Code | "ok" | undefined;
    call.then(
      () => {
        outcome = "ok";
      },
      (error) => {
        outcome = RpcError.from(error).code;
      },
    );
    await scheduler.advance(30_000);
    return outcome;
  }

  it("dials few of the addresses without end that all refuse, and fails calls that can't wait", async () => {
    const dialed: string[] = [];
    create({
      dial: async () => {
        dialed.push(`10.0.${dialed.length >> 8}.${dialed.length & 255}`);
        throw new Error(`${dialed.at(-1)} refused`);
      },
    });
    expect(await codeOf(ticker.last({}, { timeoutMs: 5_000 }))).to.be.oneOf([Code.Unavailable, Code.DeadlineExceeded]);
    await scheduler.advance(TEN_MINUTES_MS);
    // 1 s, 1.6 s, … up to 120 s between them.
    expect(dialed.length).to.be.within(5, 20);
  });

  it("dials those that open and close at once no oftener than those that refuse", async () => {
    let dials = 0;
    create({
      dial: async () => {
        dials++;
        const [near, far] = createInProcessPair(scheduler);
        far.setHandler({
          maxFrameBytes: 65_536,
          onReadStart: () => {},
          onFrame: () => true,
          onReadEnd: () => {},
          onMalformed: () => {},
          onDrain: () => {},
          onClose: () => {},
        });
        far.abort();
        return near;
      },
    });
    await codeOf(ticker.last({}, { timeoutMs: 5_000 }));
    await scheduler.advance(TEN_MINUTES_MS);
    expect(dials).to.be.within(5, 20);
  });

  it("dials those that are served and lost again once a second at most", async () => {
    let dials = 0;
    create({
      dial: async () => {
        dials++;
        const link = dialServer();
        scheduler.setTimer(10, () => link.abort());
        return link;
      },
    });
    expect(await codeOf(ticker.last({}))).to.equal("ok");
    await scheduler.advance(60_000);
    // In 90 s.
    expect(dials).to.be.within(10, 91);
    expect(server?.connectionCount).to.be.at.most(1);
  });

  it("goes on when its dialer throws, rejects with nothing, or says what is no link, until there is one", async () => {
    const answers: (() => unknown)[] = [
      () => {
        throw new Error("no idea");
      },
      () => Promise.reject(undefined),
      () => Promise.resolve(undefined),
      () => Promise.resolve({ info: null }),
    ];
    // A dialer written in JavaScript.
    create({ dial: () => (answers.shift()?.() ?? Promise.resolve(dialServer())) as Promise<FrameLink> });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 6 && outcomes.at(-1) !== "ok"; i++) {
      outcomes.push(await codeOf(ticker.last({}, { timeoutMs: 25_000 })));
    }
    expect(outcomes.at(-1), outcomes.join()).to.equal("ok");
    expect(answers).to.deep.equal([]);
  });
});
