// SPDX-License-Identifier: Apache-2.0
// Virtual time as users of `rsocket-rpc/testing` meet it.

import { expect } from "chai";
import { inProcessChannel, VirtualScheduler } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { rejectionOf } from "../../support/rpc-world.js";

describe("virtual time", () => {
  let scheduler: VirtualScheduler;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
  });

  const channelTo = (handler: Partial<TickerHandler>) =>
    scheduler.run(
      inProcessChannel([implementTicker({ ...unimplementedTicker, ...handler })], { serve: { scheduler } }),
    );

  it("run comes to its end beside a stream without one, and so does whoever waits for the real event loop", async () => {
    const channel = await channelTo({
      last: () => ({ price: 42 }),
      *watch() {
        for (let price = 0; ; price++) yield { price };
      },
    });
    const ticker = createTickerClient(channel);
    const controller = new AbortController();
    const watching = (async () => {
      for await (const { price } of ticker.watch({}, { signal: controller.signal })) if (price < 0) break;
    })().catch(() => {});
    expect((await scheduler.run(ticker.last({}))).price).to.equal(42);
    let isSettled = false;
    const settling = scheduler.settle().then(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(isSettled).to.equal(false);
    controller.abort();
    await settling;
    await watching;
    await scheduler.run(channel.close());
  });

  it("doesn't pass while promises have something to do, however many there are in a row", async () => {
    const channel = await channelTo({
      async last() {
        for (let i = 0; i < 1_000; i++) await Promise.resolve();
        return { price: 42 };
      },
    });
    const answer = createTickerClient(channel).last({}, { timeoutMs: 1_000 });
    await scheduler.advance(5_000);
    expect((await scheduler.run(answer)).price).to.equal(42);
    await scheduler.run(channel.close());
  });

  it("runs timers that are due now when it settles", async () => {
    const fired: string[] = [];
    scheduler.setTimer(1, () => fired.push("later"));
    scheduler.setTimer(0, () => {
      fired.push("now");
      scheduler.setTimer(0, () => fired.push("then"));
    });
    await scheduler.settle();
    expect(fired).to.deep.equal(["now", "then"]);
    expect([scheduler.now(), scheduler.timerCount]).to.deep.equal([0, 1]);
  });

  it("never runs backwards", async () => {
    await scheduler.advance(1_000);
    for (const durationMs of [-500, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(await rejectionOf(scheduler.advance(durationMs))).to.be.instanceOf(RangeError);
    }
    await Promise.all([scheduler.advance(1_000), scheduler.advance(10)]);
    expect(scheduler.now()).to.equal(2_000);
  });

  it("run says at once that nothing is left", async () => {
    const error = (await rejectionOf(scheduler.run(new Promise(() => {})))) as Error;
    expect(error.message).to.equal("nothing is left to run at 0 ms and the promise is still pending");
  });
});
