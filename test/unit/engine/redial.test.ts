// SPDX-License-Identifier: Apache-2.0
// The redial machine's table: every event in every state.

import { expect } from "chai";
import { VirtualScheduler } from "rsocket-rpc/testing";
import { Backoff, resolveBackoff } from "../../../runtime/src/engine/backoff.js";
import { type ChannelState, Redial } from "../../../runtime/src/engine/redial.js";

/** A machine whose dials the test settles by hand; a connection is a number. */
class Bench {
  readonly scheduler: VirtualScheduler = new VirtualScheduler();
  readonly states: ChannelState[] = [];
  readonly discarded: number[] = [];
  readonly dials: PromiseWithResolvers[] = [];
  readonly redial: Redial<number> = new Redial<number>(
    {
      dial: (signal) =>
        new Promise((resolve, reject) => {
          this.dials.push({ resolve, reject, signal });
        }),
      discard: (connection) => this.discarded.push(connection),
      onState: () => this.states.push(this.redial.state),
    },
    this.scheduler,
    new Backoff(resolveBackoff(), () => 0.5),
  );

  async accept(connection: number): Promise<void> {
    this.dials.at(-1)?.resolve(connection);
    await this.scheduler.settle();
  }

  async refuse(): Promise<void> {
    this.dials.at(-1)?.reject(new Error("refused"));
    await this.scheduler.settle();
  }

  /** Puts a new machine into `state`; its connection is 1. */
  static async in(state: ChannelState): Promise<Bench> {
    const bench = new Bench();
    if (state !== "idle") bench.redial.connect();
    if (state === "ready") await bench.accept(1);
    if (state === "waiting") await bench.refuse();
    if (state === "closed") bench.redial.close();
    expect(bench.redial.state).to.equal(state);
    bench.states.length = 0;
    return bench;
  }
}

interface PromiseWithResolvers {
  resolve(connection: number): void;
  reject(error: Error): void;
  readonly signal: AbortSignal;
}

type Event = "connect" | "lost" | "lost another" | "drained early" | "drained late" | "1 s passes" | "close";

const EVENTS: Readonly<Record<Event, (bench: Bench) => unknown>> = {
  connect: ({ redial }) => redial.connect(),
  lost: ({ redial }) => redial.lost(1, new Error("lost")),
  "lost another": ({ redial }) => redial.lost(2, new Error("lost")),
  "drained early": ({ redial }) => redial.drained(1, new Error("drained")),
  "drained late": async ({ redial, scheduler }) => {
    if (redial.state === "waiting") return; // its timer would fire first
    await scheduler.advance(1_000);
    redial.drained(1, new Error("drained"));
  },
  "1 s passes": ({ scheduler }) => scheduler.advance(1_000),
  close: ({ redial }) => redial.close(),
};

const TABLE: Readonly<Record<ChannelState, Partial<Record<Event, ChannelState>>>> = {
  idle: { connect: "connecting", close: "closed" },
  connecting: { close: "closed" },
  ready: { lost: "waiting", "drained early": "waiting", "drained late": "connecting", close: "closed" },
  waiting: { "1 s passes": "connecting", close: "closed" },
  closed: {},
};

describe("the redial machine", () => {
  for (const state of Object.keys(TABLE) as ChannelState[]) {
    for (const event of Object.keys(EVENTS) as Event[]) {
      const next = TABLE[state][event];
      it(`${state}, ${event}: ${next ?? "nothing"}`, async () => {
        const bench = await Bench.in(state);
        await EVENTS[event](bench);
        expect(bench.states).to.deep.equal(next === undefined ? [] : [next]);
        expect(bench.redial.connection).to.equal(bench.redial.state === "ready" ? 1 : undefined);
        bench.redial.close();
        expect(bench.scheduler.timerCount).to.equal(0);
      });
    }
  }

  it("waits longer after each failure, and 1 s again after a confirmed connection", async () => {
    const bench = await Bench.in("connecting");
    for (const waitMs of [1_000, 1_600, 2_560]) {
      await bench.refuse();
      await bench.scheduler.advance(waitMs - 1);
      expect(bench.redial.state).to.equal("waiting");
      await bench.scheduler.advance(1.5);
      expect(bench.redial.state).to.equal("connecting");
    }
    await bench.accept(7);
    bench.redial.lost(7, new Error("lost"));
    await bench.scheduler.advance(999);
    expect(bench.redial.state).to.equal("waiting");
    await bench.scheduler.advance(1);
    expect(bench.redial.state).to.equal("connecting");
    bench.redial.close();
  });

  it("gives up the dial when it is closed, and discards what comes of it", async () => {
    const bench = await Bench.in("connecting");
    bench.redial.close();
    expect(bench.dials[0]?.signal.aborted).to.equal(true);
    await bench.accept(5);
    expect(bench.discarded).to.deep.equal([5]);
    expect(bench.redial.state).to.equal("closed");
  });

  it("dials a peer that accepts and closes at once no oftener than once in its first wait", async () => {
    const bench = await Bench.in("ready");
    for (let i = 1; i <= 10; i++) {
      bench.redial.drained(i, new Error("drained"));
      await bench.scheduler.advance(1_000);
      await bench.accept(i + 1);
    }
    expect(bench.dials).to.have.length(11);
    bench.redial.close();
  });
});
