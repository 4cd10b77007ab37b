// SPDX-License-Identifier: Apache-2.0
// A channel over servers that come and go, in virtual time: every call ends once, and nothing is left.

import { expect } from "chai";
import {
  type ChannelOptions,
  type ChannelState,
  type ClientChannel,
  Code,
  type Connection,
  createChannelWith,
  RpcError,
  retry,
  type ServeOptions,
  type Server,
  serveWith,
} from "rsocket-rpc";
import type { FrameLink } from "rsocket-rpc/rsocket";
import { VirtualScheduler } from "rsocket-rpc/testing";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { createInProcessPair } from "../../../runtime/src/transports/in-process.js";

/** An address at which servers stand, one after the other, or none. */
class Place {
  readonly scheduler: VirtualScheduler = new VirtualScheduler();
  server: Server | undefined;
  dials = 0;
  #take: ((link: FrameLink) => void) | undefined;
  readonly #links: FrameLink[] = [];

  async open(options: Partial<ServeOptions> = {}): Promise<void> {
    this.server = await this.scheduler.run(
      serveWith(
        [
          (onLink) => {
            this.#take = onLink;
            return Promise.resolve({ url: "place:", close: () => Promise.resolve() });
          },
        ],
        { services: [TICKER], scheduler: this.scheduler, ...options },
      ),
    );
  }

  /** The server is gone without a word. */
  async kill(): Promise<void> {
    this.#take = undefined;
    for (const link of this.#links.splice(0)) link.abort();
    await this.scheduler.settle();
  }

  readonly dialer = {
    dial: (): Promise<FrameLink> => {
      this.dials++;
      if (this.#take === undefined) return Promise.reject(new Error("nobody is there"));
      const [near, far] = createInProcessPair(this.scheduler);
      this.#links.push(near);
      this.#take(far);
      return Promise.resolve(near);
    },
  };
}

/** A link that others can listen to. */
const IN_CLEAR = { transport: "tcp", remoteAddress: "10.1.2.3:7000", localAddress: "10.1.2.1:1", isSecure: false };

const TICKER = implementTicker({
  ...unimplementedTicker,
  last: ({ name }) => ({ symbol: name, price: 1 }),
  async *watch({ name }) {
    yield { symbol: name, price: 1 };
    yield { symbol: name, price: 2 };
  },
  async upload(quotes) {
    let count = 0;
    for await (const _ of quotes) count++;
    return { count };
  },
});

const ECHO = implementTicker({
  ...unimplementedTicker,
  last: ({ name }) => ({ symbol: name }),
  async upload(quotes) {
    let count = 0;
    for await (const _ of quotes) count++;
    return { count };
  },
  async *chat(lines) {
    yield* lines;
  },
});

describe("a channel", () => {
  let place: Place;
  let channel: ClientChannel;
  let ticker: TickerClient;
  let states: ChannelState[];

  beforeEach(() => {
    place = new Place();
    states = [];
  });

  afterEach(async () => {
    await place.scheduler.run(channel.close());
    await place.scheduler.run(channel.closed);
    expect(channel.state).to.equal("closed");
    if (place.server !== undefined) await place.scheduler.run(place.server.close());
    expect(place.scheduler.timerCount, "timers left").to.equal(0);
  });

  function create(options: ChannelOptions = {}): void {
    channel = createChannelWith(place.dialer, { scheduler: place.scheduler, random: () => 0.5, ...options });
    channel.onStateChange((state) => states.push(state));
    ticker = createTickerClient(channel);
  }

  it("refuses options that can't be, where they are given", () => {
    create();
    for (const [options, message] of [
      [{ timeoutMs: -1 }, /timeoutMs is -1/],
      [{ metadataMode: "rcp" as never }, /metadataMode is "rcp"/],
      [{ resume: { backoff: { initialMs: 0 } } }, /initialMs is 0/],
      [{ resume: { lifetimeMs: Number.NaN } }, /resume.lifetimeMs is NaN/],
      [{ services: [TICKER, TICKER] }, /service demo.v1.Ticker is served twice/],
      [{ limits: { maxMessageBytes: 0 } }, /limit maxMessageBytes is 0/],
    ] as const) {
      expect(() => createChannelWith(place.dialer, options)).to.throw(message);
    }
    expect(place.dials).to.equal(0);
  });

  it("maxRunningHandlers: counts those of all its connections", async () => {
    const connections: Connection[] = [];
    await place.open({ accept: (_setup, connection) => void connections.push(connection) });
    let running = 0;
    const done: (() => void)[] = [];
    const notify = () => {
      running++;
      return new Promise<void>((resolve) => done.push(resolve));
    };
    create({ limits: { maxRunningHandlers: 1 }, services: [implementAlerts({ notify })], observer: {} });
    for (let i = 0; i < 3; i++) {
      await place.scheduler.run(ticker.last({}));
      const server = connections.at(-1) as Connection;
      for (const text of "xy") await place.scheduler.run(createAlertsClient(server).notify({ text }));
      await place.scheduler.run(server.close());
      await place.scheduler.advance(2_000);
    }
    expect(connections).to.have.length.at.least(3);
    expect(running).to.equal(1);
    for (const finish of done) finish();
    await place.scheduler.settle();
  });

  it("fails calls that wait for another attempt when it is closed, before close resolves", async () => {
    const busy = implementTicker({
      ...unimplementedTicker,
      last() {
        throw new RpcError(Code.Unavailable, "busy");
      },
    });
    await place.open({ services: [busy] });
    const backoff = { initialMs: 3_000, maxMs: 3_000 };
    create({ interceptors: [retry({ assumeIdempotent: true, backoff, random: () => 1 })] });
    let failure: unknown;
    void ticker.last({}).catch((error: unknown) => {
      failure = error;
    });
    await place.scheduler.advance(200);
    expect(failure).to.equal(undefined);
    await place.scheduler.run(channel.close());
    expect(failure).to.include({ code: Code.Unavailable, rawMessage: "the channel is closed" });
  });

  it("fails calls that an interceptor holds when it is closed, and makes those again whose connection is lost", async () => {
    await place.open();
    let gate = new Promise<void>(() => {});
    const attempts: number[] = [];
    create({
      interceptors: [
        async (call, next) => {
          attempts.push(call.attempt);
          await gate;
          return await next(call);
        },
      ],
    });
    const lost = outcome(ticker.last({ name: "A" }));
    await place.scheduler.settle();
    await place.kill();
    gate = Promise.resolve();
    await place.open();
    await place.scheduler.advance(2_000);
    expect([lost.value, attempts]).to.deep.equal(["ok", [1, 2]]);
    gate = new Promise<void>(() => {});
    const held = [outcome(ticker.last({ name: "A" })), outcome(collect(ticker.watch({ name: "A" })))];
    await place.scheduler.settle();
    await place.scheduler.run(channel.close());
    await place.scheduler.settle();
    for (const call of held) expect(call.value).to.equal("[unavailable] the channel is closed");
  });

  /** How a call ended, in words. */
  function outcome(call: Promise<unknown>): { value: string; ends: number; error: RpcError | undefined } {
    const told = { value: "pending", ends: 0, error: undefined as RpcError | undefined };
    const end = (value: string, error?: RpcError): void => {
      Object.assign(told, { value, ends: told.ends + 1, error });
    };
    call.then(
      () => end("ok"),
      (error) => end(RpcError.from(error).message, RpcError.from(error)),
    );
    return told;
  }

  async function collect(answers: AsyncIterable<{ price: number }>): Promise<number[]> {
    const prices: number[] = [];
    for await (const { price } of answers) prices.push(price);
    return prices;
  }

  it("dials at the first call, not before", async () => {
    await place.open();
    create();
    await place.scheduler.advance(5_000);
    expect([channel.state, place.dials]).to.deep.equal(["idle", 0]);
    expect((await place.scheduler.run(ticker.last({ name: "A" }))).symbol).to.equal("A");
    expect(await place.scheduler.run(collect(ticker.watch({ name: "A" })))).to.deep.equal([1, 2]);
    expect((await place.scheduler.run(ticker.upload([{}, {}]))).count).to.equal(2);
    expect(states).to.deep.equal(["connecting", "ready"]);
    expect(place.dials).to.equal(1);
  });

  it("connects without a call when asked", async () => {
    await place.open();
    create();
    channel.connect();
    channel.connect();
    await place.scheduler.settle();
    expect([channel.state, place.dials]).to.deep.equal(["ready", 1]);
  });

  it("outlives its connection, and lets calls wait for the next", async () => {
    await place.open();
    create();
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.kill();
    const unary = outcome(ticker.last({ name: "B" }));
    const stream = outcome(collect(ticker.watch({ name: "B" })));
    await place.open();
    await place.scheduler.advance(999);
    expect([unary.value, stream.value]).to.deep.equal(["pending", "pending"]);
    await place.scheduler.advance(1);
    expect([unary.value, stream.value]).to.deep.equal(["ok", "ok"]);
    expect(states).to.deep.equal(["connecting", "ready", "waiting", "connecting", "ready"]);
  });

  it("fails a waiting call at its deadline, which counts from the call, and says why it waited", async () => {
    create();
    const call = outcome(ticker.last({ name: "A" }, { timeoutMs: 1_500 }));
    const stream = outcome(collect(ticker.watch({ name: "A" }, { timeoutMs: 1_500 })));
    await place.scheduler.advance(1_496);
    expect(call.value).to.equal("pending");
    await place.scheduler.advance(8);
    for (const { value, error } of [call, stream]) {
      expect(value).to.match(/^\[deadline_exceeded\] deadline exceeded after 1500 ms: no connection: ./);
      expect(error?.cause).to.be.instanceOf(RpcError);
    }
  });

  it("tells its states in order, also when a listener changes them", async () => {
    create();
    channel.onStateChange((state) => {
      if (state === "ready") void channel.close();
    });
    const last: ChannelState[] = [];
    channel.onStateChange((state) => last.push(state));
    await place.open({ services: [] });
    channel.connect();
    await place.scheduler.advance(1_000);
    expect(last).to.deep.equal(["connecting", "closed"]);
  });

  it("tells with waiting why it waits", async () => {
    create();
    const told: string[] = [];
    channel.onStateChange((state, reason) => told.push(`${state} ${reason?.message ?? ""}`.trim()));
    channel.connect();
    await place.scheduler.advance(0);
    await place.open({
      services: [],
      accept() {
        throw new RpcError(Code.Unavailable, "not today");
      },
    });
    await place.scheduler.advance(1_000);
    await place.scheduler.run(place.server?.close() ?? Promise.resolve());
    await place.open({ services: [] });
    await place.scheduler.advance(1_600);
    await place.kill();
    expect(told).to.deep.equal([
      "connecting",
      "waiting [unavailable] nobody is there",
      "connecting",
      "waiting [unavailable] not today",
      "connecting",
      "ready",
      "waiting [unavailable] no connection: connection lost",
    ]);
  });

  it("fails calls for good when the platform won't ever open such a link", async () => {
    create();
    for (const name of ["NotSupportedError", "SecurityError", "SyntaxError"]) {
      const dialer = { dial: () => Promise.reject(new DOMException("not here", name)) };
      const elsewhere = createChannelWith(dialer, { scheduler: place.scheduler });
      const call = outcome(createTickerClient(elsewhere).last({ name: "A" }));
      await place.scheduler.advance(10);
      expect(call.error).to.include({ code: Code.Unavailable, rawMessage: "not here" });
      await place.scheduler.run(elsewhere.close());
    }
  });

  it("dials on where the platform has no DOMException", async () => {
    const { DOMException: own } = globalThis;
    const states: string[] = [];
    const elsewhere = createChannelWith(
      { dial: () => Promise.reject(new Error("nobody is there")) },
      { scheduler: place.scheduler },
    );
    elsewhere.onStateChange((state) => states.push(state));
    Reflect.deleteProperty(globalThis, "DOMException");
    try {
      elsewhere.connect();
      await place.scheduler.advance(1_600);
    } finally {
      Object.defineProperty(globalThis, "DOMException", { value: own, writable: true, configurable: true });
    }
    expect(states.slice(0, 3)).to.deep.equal(["connecting", "waiting", "connecting"]);
    await place.scheduler.run(elsewhere.close());
  });

  it("fails calls for good when a token's provider says that there is none, or headers can't be sent", async () => {
    const refusals: [ChannelOptions, Code][] = [
      [{ headers: { "X Y": "1" } }, Code.InvalidArgument],
      [
        {
          bearerToken: async () => {
            throw new RpcError(Code.Unauthenticated, "logged out");
          },
        },
        Code.Unauthenticated,
      ],
    ];
    await place.open({ services: [] });
    for (const [options, code] of refusals) {
      create(options);
      const call = outcome(ticker.last({ name: "A" }));
      await place.scheduler.advance(10);
      expect(call.error?.code).to.equal(code);
      await place.scheduler.run(channel.close());
    }
  });

  it("leaves the handler only the time that the wait has left", async () => {
    let remainingMs: number | undefined;
    create();
    const call = outcome(ticker.last({ name: "A" }, { timeoutMs: 5_000 }));
    await place.open({
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: (_, context) => {
            remainingMs = context.remainingMs();
            return {};
          },
        }),
      ],
    });
    await place.scheduler.advance(1_000);
    expect(call.value).to.equal("ok");
    expect(remainingMs).to.be.within(1, 5_000);
  });

  it("fails a waiting call when its signal is aborted, and one whose signal was", async () => {
    create();
    const controller = new AbortController();
    const call = outcome(ticker.last({ name: "A" }, { signal: controller.signal }));
    await place.scheduler.settle();
    controller.abort();
    await place.scheduler.settle();
    expect(call.error?.code).to.equal(Code.Cancelled);
    const later = outcome(ticker.last({ name: "A" }, { signal: controller.signal }));
    await place.scheduler.settle();
    expect(later.error?.code).to.equal(Code.Cancelled);
  });

  it("fails calls with wrong options without waiting", async () => {
    create();
    const call = outcome(ticker.last({ name: "A" }, { timeoutMs: -1 }));
    await place.scheduler.settle();
    expect(call.error?.code).to.equal(Code.InvalidArgument);
  });

  it("fails calls that don't want to wait as soon as it waits itself, with the reason", async () => {
    create();
    const first = outcome(ticker.last({ name: "A" }, { waitForReady: false }));
    const patient = outcome(ticker.last({ name: "A" }));
    await place.scheduler.settle();
    const second = outcome(collect(ticker.watch({ name: "A" }, { waitForReady: false })));
    await place.scheduler.settle();
    for (const call of [first, second]) {
      expect(call.value).to.equal("[unavailable] no connection: nobody is there");
      expect(call.error?.retryable).to.equal(true);
    }
    expect(patient.value).to.equal("pending");
  });

  it("takes waitForReady for all its calls, each of which may say otherwise", async () => {
    create({ waitForReady: false });
    const impatient = outcome(ticker.last({ name: "A" }));
    const patient = outcome(ticker.last({ name: "A" }, { waitForReady: true }));
    await place.scheduler.settle();
    expect([impatient.error?.code, patient.value]).to.deep.equal([Code.Unavailable, "pending"]);
  });

  it("lets no more calls wait than maxQueuedCalls", async () => {
    create({ limits: { maxQueuedCalls: 2 } });
    const calls = [1, 2, 3].map(() => outcome(ticker.last({ name: "A" })));
    await place.scheduler.settle();
    expect(calls.map(({ error }) => error?.code)).to.deep.equal([undefined, undefined, Code.ResourceExhausted]);
  });

  it("fails waiting calls when it is refused for good, and dials on", async () => {
    let isKnown = false;
    await place.open({
      accept: () => {
        if (!isKnown) throw new RpcError(Code.Unauthenticated, "who are you?");
      },
    });
    create();
    const call = outcome(ticker.last({ name: "A" }));
    await place.scheduler.settle();
    expect(call.value).to.equal("[unauthenticated] who are you?");
    expect(channel.state).to.equal("waiting");
    isKnown = true;
    const next = outcome(ticker.last({ name: "A" }));
    await place.scheduler.advance(1_000);
    expect(next.value).to.equal("ok");
  });

  it("fails calls that its own options forbid, instead of letting them wait", async () => {
    await place.open();
    const dialer = {
      dial: async () => Object.assign(await place.dialer.dial(), { info: { ...IN_CLEAR } }),
    };
    channel = createChannelWith(dialer, {
      scheduler: place.scheduler,
      credentials: { username: "ann", password: "pw" },
    });
    const call = outcome(createTickerClient(channel).last({ name: "A" }));
    await place.scheduler.settle();
    expect(call.value).to.match(/^\[invalid_argument\] credentials would go to 10\.1\.2\.3:7000 in clear/);
  });

  it("builds SETUP anew, asking for the token each time, and binds its services to each connection", async () => {
    const tokens: (string | undefined)[] = [];
    const told: string[] = [];
    const accepted: Connection[] = [];
    const serve: Partial<ServeOptions> = {
      accept: ({ bearerToken }, connection) => {
        tokens.push(bearerToken);
        accepted.push(connection);
      },
    };
    let count = 0;
    await place.open(serve);
    create({
      bearerToken: () => `token ${++count}`,
      services: [implementAlerts({ notify: ({ text }) => void told.push(text) })],
    });
    for (const text of ["one", "two"]) {
      channel.connect();
      await place.scheduler.advance(1_000);
      const client = createAlertsClient(accepted.at(-1) as Connection);
      await place.scheduler.run(client.notify({ text }));
      await place.scheduler.settle();
      await place.kill();
      await place.open(serve);
    }
    expect(tokens).to.deep.equal(["token 1", "token 2"]);
    expect(told).to.deep.equal(["one", "two"]);
  });

  it("lets the calls of a draining server end, and makes new ones elsewhere", async () => {
    let answer: (() => void) | undefined;
    await place.open({
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: () =>
            new Promise((resolve) => {
              answer = () => resolve({ price: 1 });
            }),
        }),
      ],
    });
    create();
    const running = outcome(ticker.last({ name: "A" }));
    await place.scheduler.advance(2_000);
    const old = place.server;
    await place.open();
    const draining = old?.close({ graceMs: 10_000 });
    await place.scheduler.settle();
    expect(states, "it dials before a call needs it").to.deep.equal(["connecting", "ready", "connecting", "ready"]);
    const next = outcome(ticker.last({ name: "B" }));
    await place.scheduler.settle();
    expect([next.value, running.value]).to.deep.equal(["ok", "pending"]);
    answer?.();
    await place.scheduler.settle();
    expect(running.value).to.equal("ok");
    await place.scheduler.run(draining ?? Promise.resolve());
  });

  it("loses no call that crosses with the word of a server that drains and has nothing to do", async () => {
    await place.open();
    create();
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.scheduler.advance(2_000);
    const old = place.server;
    await place.open();
    const draining = old?.close({ graceMs: 10_000 });
    // What these send crosses with CONNECTION_CLOSE.
    const unary = outcome(ticker.last({ name: "B" }));
    const stream = outcome(collect(ticker.watch({ name: "B" })));
    await place.scheduler.settle();
    expect([unary.value, stream.value]).to.deep.equal(["ok", "ok"]);
    await place.scheduler.run(draining ?? Promise.resolve());
    expect(old?.connectionCount).to.equal(0);
  });

  it("makes calls that send a stream once more, too: nothing but their first request was taken", async () => {
    await place.open({ services: [ECHO] });
    create();
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.scheduler.advance(2_000);
    const old = place.server;
    await place.open({ services: [ECHO] });
    const draining = old?.close({ graceMs: 10_000 });
    const closes: string[] = [];
    const taken: string[] = [];
    // Sources that can be read only once, one of each kind.
    async function* prices(): AsyncGenerator<{ price: number }> {
      try {
        for (let price = 1; price <= 3; price++) {
          taken.push(`price ${price}`);
          yield { price };
        }
      } finally {
        closes.push("prices");
      }
    }
    function* lines(): Generator<{ text: string }> {
      try {
        for (const text of ["a", "b", "c"]) {
          taken.push(text);
          yield { text };
        }
      } finally {
        closes.push("lines");
      }
    }
    const upload = outcome(ticker.upload(prices()).then(({ count }) => expect(count).to.equal(3)));
    const texts: string[] = [];
    const chat = outcome(
      (async () => {
        for await (const { text } of ticker.chat(lines())) texts.push(text);
      })(),
    );
    const empty = outcome(ticker.upload([]).then(({ count }) => expect(count).to.equal(0)));
    await place.scheduler.settle();
    expect([upload.value, chat.value, empty.value]).to.deep.equal(["ok", "ok", "ok"]);
    expect(texts).to.deep.equal(["a", "b", "c"]);
    expect(taken.sort()).to.deep.equal(["a", "b", "c", "price 1", "price 2", "price 3"]);
    expect(closes.sort()).to.deep.equal(["lines", "prices"]);
    await place.scheduler.run(draining ?? Promise.resolve());
  });

  it("closes the source of a call that isn't made once more, once", async () => {
    await place.open({ services: [ECHO] });
    create();
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.scheduler.advance(500); // the next dial waits
    const draining = place.server?.close({ graceMs: 10_000 });
    let closes = 0;
    async function* prices(): AsyncGenerator<{ price: number }> {
      try {
        for (let price = 1; ; price++) yield { price };
      } finally {
        closes++;
      }
    }
    const late = outcome(ticker.upload(prices(), { timeoutMs: 200 }));
    const left = ticker
      .chat(
        (async function* () {
          try {
            for (;;) yield { text: "" };
          } finally {
            closes++;
          }
        })(),
      )
      [Symbol.asyncIterator]();
    const first = left.next();
    await place.scheduler.settle();
    expect(closes, "they may still be needed").to.equal(0);
    await left.return?.();
    await first.catch(() => {});
    await place.scheduler.advance(200);
    expect([late.error?.code, closes]).to.deep.equal([Code.DeadlineExceeded, 2]);
    await place.scheduler.run(draining ?? Promise.resolve());
  });

  it("closes the source of a call that had answers and then lost its connection", async () => {
    await place.open({ services: [ECHO] });
    create();
    let closes = 0;
    const steps = [Promise.resolve({ done: false, value: { text: "only" } }), new Promise<never>(() => {})];
    const lines = {
      [Symbol.asyncIterator]: () => ({
        next: () => steps.shift() ?? Promise.reject(new Error("asked for more than twice")),
        return: () => {
          closes++;
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    };
    const texts: string[] = [];
    const chat = outcome(
      (async () => {
        for await (const { text } of ticker.chat(lines)) texts.push(text);
      })(),
    );
    await place.scheduler.settle();
    expect(texts).to.deep.equal(["only"]);
    await place.kill();
    await place.scheduler.settle();
    expect([chat.error?.code, closes]).to.deep.equal([Code.Unavailable, 1]);
  });

  it("waits, with its calls, for a server that is full", async () => {
    await place.open({ limits: { maxConnections: 1 } });
    const guest = createChannelWith(place.dialer, { scheduler: place.scheduler });
    await place.scheduler.run(createTickerClient(guest).last({ name: "A" }));
    create();
    const call = outcome(ticker.last({ name: "B" }));
    const impatient = outcome(ticker.last({ name: "B" }, { waitForReady: false }));
    await place.scheduler.settle();
    expect([call.value, impatient.error?.code]).to.deep.equal(["pending", Code.Unavailable]);
    expect(impatient.value).to.match(/server is full: more than 1 connections/);
    await place.scheduler.run(guest.close());
    await place.scheduler.advance(1_000);
    expect(call.value).to.equal("ok");
  });

  it("has its states as an iterable, from the one now to closed", async () => {
    await place.open();
    create();
    const seen: ChannelState[] = [];
    const watching = (async () => {
      for await (const state of channel.states()) seen.push(state);
    })();
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.kill();
    await place.scheduler.settle();
    await place.scheduler.run(channel.close());
    await watching;
    expect(seen.at(0)).to.equal("idle");
    expect(seen.slice(-3)).to.deep.equal(["ready", "waiting", "closed"]);
    for await (const state of channel.states()) expect(state).to.equal("closed");
  });

  it("makes a call that a draining server rejected once more on the next connection", async () => {
    const hangs = new Promise<{ count: number }>(() => {});
    await place.open({ services: [implementTicker({ ...unimplementedTicker, upload: () => hangs })] });
    create();
    // A running call keeps the old connection.
    const running = outcome(ticker.upload([]));
    await place.scheduler.advance(2_000);
    // What is sent now crosses with the server's CONNECTION_CLOSE: its answer would be `unimplemented`.
    const draining = place.server?.close({ graceMs: 60_000 });
    const unary = outcome(ticker.last({ name: "B" }));
    const stream = outcome(collect(ticker.watch({ name: "B" })));
    const { dials } = place;
    await place.open();
    await place.scheduler.advance(2_000);
    expect(place.dials - dials).to.equal(1);
    expect(running.value).to.equal("pending");
    expect([unary.value, stream.value]).to.deep.equal(["ok", "ok"]);
    await place.scheduler.advance(61_000);
    await draining;
    expect(running.ends).to.equal(1);
  });

  for (const drains of [3, 4]) {
    it(`makes a call again as long as the next server drains, too, but no more than three times: ${drains} drain`, async () => {
      await place.open();
      create();
      await place.scheduler.run(ticker.last({ name: "A" }));
      await place.scheduler.advance(2_000);
      const closing: Promise<void>[] = [];
      // What is sent now crosses with the server's CONNECTION_CLOSE.
      const drain = (): void => {
        if (closing.length < drains) closing.push(place.server?.close({ graceMs: 60_000 }) ?? Promise.resolve());
      };
      channel.onStateChange((state) => {
        if (state === "ready") drain();
      });
      drain();
      const calls = [
        outcome(ticker.last({ name: "B" })),
        outcome(collect(ticker.watch({ name: "B" }))),
        outcome(ticker.upload([{ price: 1 }, { price: 2 }]).then(({ count }) => expect(count).to.equal(2))),
      ];
      // The channel waits whenever another server is there.
      await place.scheduler.settle();
      for (let server = 1; server <= drains; server++) {
        await place.open();
        await place.scheduler.advance(5_000);
      }
      await place.scheduler.run(Promise.all(closing));
      expect(closing).to.have.length(drains);
      const expected = drains === 3 ? ["ok", undefined] : [undefined, true];
      for (const { value, error } of calls)
        expect([error === undefined ? value : undefined, error?.retryable]).to.deep.equal(expected);
    });
  }

  it("never makes a call again that was with a lost connection", async () => {
    let runs = 0;
    const serve: Partial<ServeOptions> = {
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: () => {
            runs++;
            return new Promise(() => {});
          },
        }),
      ],
    };
    await place.open(serve);
    create();
    const call = outcome(ticker.last({ name: "A" }));
    await place.scheduler.settle();
    expect(runs).to.equal(1);
    await place.kill();
    await place.open(serve);
    await place.scheduler.advance(10_000);
    expect(call.error?.code).to.equal(Code.Unavailable);
    expect([call.error?.retryable, call.ends, runs]).to.deep.equal([false, 1, 1]);
  });

  for (const state of ["idle", "connecting", "ready", "waiting"] as const) {
    it(`ends every call once when it is closed while ${state}`, async () => {
      if (state === "ready") {
        const hangs = implementTicker({ ...unimplementedTicker, last: () => new Promise(() => {}) });
        await place.open({ services: [hangs] });
      }
      create();
      if (state !== "idle") channel.connect();
      if (state !== "connecting") await place.scheduler.settle();
      expect(channel.state).to.equal(state);
      const running = outcome(state === "idle" ? Promise.resolve() : ticker.last({ name: "A" }));
      if (state !== "connecting") await place.scheduler.settle();
      await place.scheduler.run(channel.close());
      const calls = [outcome(ticker.last({ name: "A" })), outcome(collect(ticker.watch({ name: "A" })))];
      await place.scheduler.advance(10_000);
      // A running call is cancelled, one that waits was never sent.
      const ends = { idle: undefined, ready: Code.Cancelled, connecting: Code.Unavailable, waiting: Code.Unavailable };
      expect([running.error?.code, running.ends]).to.deep.equal([ends[state], 1]);
      for (const { error, ends } of calls) expect([error?.code, ends]).to.deep.equal([Code.Unavailable, 1]);
      expect(states.at(-1)).to.equal("closed");
    });
  }

  it("lets a consumer leave a stream that waits", async () => {
    create();
    const iterator = ticker.watch({ name: "A" })[Symbol.asyncIterator]();
    const next = outcome(iterator.next());
    await place.scheduler.settle();
    expect(await place.scheduler.run(iterator.return?.() ?? Promise.reject())).to.deep.equal({
      done: true,
      value: undefined,
    });
    expect(next.ends).to.equal(1);
  });

  it("tells states until its listener leaves, whatever listeners throw", async () => {
    const errors: unknown[] = [];
    create({ observer: { onListenerError: (error) => errors.push(error) } });
    const seen: ChannelState[] = [];
    const stop = channel.onStateChange((state) => {
      seen.push(state);
      stop();
      throw new Error("a bug");
    });
    channel.onStateChange((state) => Promise.reject(new Error(`another, ${state}`)) as never);
    channel.connect();
    await place.scheduler.settle();
    expect([seen, states]).to.deep.equal([["connecting"], ["connecting", "waiting"]]);
    expect(errors.map(String)).to.deep.equal(["Error: a bug", "Error: another, connecting", "Error: another, waiting"]);
  });

  it("dials once when what gives the token makes a call itself, and not at all when a listener closes it", async () => {
    await place.open();
    const calls: { value: string }[] = [];
    create({
      bearerToken: () => {
        if (calls.length === 0) calls.push(outcome(ticker.last({ name: "B" })));
        return "token";
      },
    });
    await place.scheduler.run(ticker.last({ name: "A" }));
    await place.scheduler.settle();
    expect([place.dials, calls[0]?.value]).to.deep.equal([1, "ok"]);
    await place.scheduler.run(channel.close());

    create();
    channel.onStateChange(() => void channel.close());
    channel.connect();
    await place.scheduler.settle();
    expect([place.dials, channel.state]).to.deep.equal([1, "closed"]);
  });

  it("refuses wrong options where it is created", () => {
    create();
    const make = (options: ChannelOptions) => () => createChannelWith(place.dialer, options);
    expect(make({ backoff: { factor: 0 } })).to.throw(RangeError, "backoff.factor");
    expect(make({ keepaliveIntervalMs: 0 })).to.throw(RangeError, "keepaliveIntervalMs");
  });
});
