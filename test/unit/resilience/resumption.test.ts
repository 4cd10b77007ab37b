// SPDX-License-Identifier: Apache-2.0
// Calls over a connection whose links are cut, in virtual time: nothing above notices, nothing is lost or repeated.

import { expect } from "chai";
import {
  Code,
  ConnectError,
  type Connection,
  type ConnectOptions,
  connectWith,
  errorDetail,
  type LeasedConnection,
  RpcError,
  type ServeOptions,
  type Server,
  type Session,
  type SessionEvent,
  type SessionStore,
  serveWith,
} from "rsocket-rpc";
import type { FrameLink, LinkHandler, LinkInfo } from "rsocket-rpc/rsocket";
import { scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
import { LineSchema } from "../../../examples/hello/gen/ticker_pb.js";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { createInProcessPair } from "../../../runtime/src/transports/in-process.js";
import { rsocketOf } from "../../support/rpc-world.js";

/** A network between one client and one server, which a test cuts. */
class Network {
  readonly scheduler: VirtualScheduler = new VirtualScheduler();
  dials = 0;
  /** Nobody answers. */
  isDown = false;
  /** Dialing takes for ever, whatever its signal says; `arrive` brings the links all the same. */
  hangs = false;
  arrive: () => void = () => {};
  /** Sees a link that arrives so. */
  onLink: (near: FrameLink) => void = () => {};
  /** Links open and are cut behind the first thing that the client sends. */
  cutsAtOnce = false;
  /** What the server's end says of the client. */
  info: Partial<LinkInfo> = {};
  #takes: ((link: FrameLink) => void)[] = [];
  #near: FrameLink | undefined;
  #far: FrameLink | undefined;

  /** A server with two listeners; links come to them in turn. */
  serve(options: Partial<ServeOptions> = {}): Promise<Server> {
    const listen = (onLink: (link: FrameLink) => void) => {
      this.#takes.push(onLink);
      return Promise.resolve({ url: "network:", close: () => Promise.resolve() });
    };
    const services = [implementTicker({ ...unimplementedTicker, ...TICKER })];
    return this.scheduler.run(
      serveWith([listen, listen], { services, resume: true, scheduler: this.scheduler, ...options }),
    );
  }

  connect(options: ConnectOptions = {}): Promise<Connection> {
    const resume = { random: () => 0.5 };
    return this.scheduler.run(connectWith(this.dialer, { resume, scheduler: this.scheduler, ...options }));
  }

  readonly dialer = {
    dial: (): Promise<FrameLink> => {
      this.dials++;
      if (this.isDown) return Promise.reject(new Error("no network"));
      const [near, far] = createInProcessPair(this.scheduler);
      if (this.hangs) {
        return new Promise((resolve) => {
          this.arrive = () => {
            this.onLink(near);
            resolve(near);
          };
        });
      }
      Object.assign(far, { info: { ...far.info, ...this.info } });
      [this.#near, this.#far] = [near, far];
      if (this.breaksAtAnswer) this.#breakAtAnswer(near);
      this.#takes[this.dials % 2]?.(far);
      if (this.cutsAtOnce) {
        const { send } = near;
        near.send = (batch) => {
          const goOn = send.call(near, batch);
          near.abort();
          return goOn;
        };
      }
      return Promise.resolve(near);
    },
  };

  /** A link of somebody else. */
  take(link: FrameLink): void {
    this.#takes[0]?.(link);
  }

  /** The network is gone for both ends, with whatever is under way. */
  async cut(): Promise<void> {
    this.#near?.abort();
    this.#far?.abort();
    await this.scheduler.settle();
  }

  /** What the client writes from now on is lost. */
  loseWrites(): void {
    if (this.#near !== undefined) this.#near.send = () => true;
  }

  /** What the client writes is lost, but for the next write. */
  loseWritesBehindNext(): void {
    const near = this.#near;
    if (near === undefined) return;
    const { send } = near;
    near.send = (batch) => {
      this.loseWrites();
      return send.call(near, batch);
    };
  }

  /** The next links break at the client's end with the frame that answers RESUME. */
  breaksAtAnswer = false;

  #breakAtAnswer(near: FrameLink): void {
    const { setHandler } = near;
    near.setHandler = (handler) => {
      const { onFrame } = handler;
      handler.onFrame = (bytes, start, end) => {
        onFrame.call(handler, bytes, start, end);
        near.abort();
        handler.onClose(new Error("broken"));
        return false;
      };
      setHandler.call(near, handler);
    };
  }

  /** The client's end is gone, the server's looks alive. */
  async cutNear(): Promise<void> {
    const far = this.#far;
    if (far !== undefined) far.send = () => true;
    Object.assign(this.#near ?? {}, { abort: () => {} });
    await this.scheduler.settle();
  }
}

const TICKER = {
  last: ({ name }: { name: string }) => ({ symbol: name, price: 42 }),
  async *watch({ name }: { name: string }) {
    for (let price = 1; price <= 200; price++) yield { symbol: name, price };
  },
  async upload(quotes: AsyncIterable<{ price: number }>) {
    let count = 0;
    for await (const { price } of quotes) if (price === ++count || price === 0) continue;
    return { count };
  },
  async *chat(lines: AsyncIterable<{ text: string }>) {
    for await (const { text } of lines) yield { text: `echo ${text}` };
  },
};

describe("a connection that is resumed", () => {
  let network: Network;
  let server: Server;
  let connection: Connection;
  let ticker: TickerClient;
  let events: string[];

  beforeEach(() => {
    network = new Network();
    events = [];
  });

  afterEach(async () => {
    await network.scheduler.run(connection.close());
    await network.scheduler.run(server.close());
    await network.scheduler.settle();
    expect(server.sessions).to.have.length(0);
    expect(server.connectionCount).to.equal(0);
    expect(server.runningHandlers).to.equal(0);
    expect(network.scheduler.timerCount, "timers left").to.equal(0);
  });

  async function begin(serve: Partial<ServeOptions> = {}, connect: ConnectOptions = {}): Promise<void> {
    server = await network.serve({
      resume: { onSession: (event: SessionEvent) => void events.push(event) },
      ...serve,
    });
    connection = await network.connect(connect);
    ticker = createTickerClient(connection);
    await network.scheduler.settle();
  }

  async function fails(promise: Promise<unknown>): Promise<RpcError> {
    return RpcError.from(
      await network.scheduler.run(
        promise.then(
          () => expect.fail("it succeeded"),
          (error: unknown) => error,
        ),
      ),
    );
  }

  it("LEASE-09, RESUME-15: begins without leases on its new link, in both directions, and is granted anew", async () => {
    const granted: LeasedConnection[] = [];
    let starts = 0;
    const strategy = {
      attach: (leased: LeasedConnection) => {
        granted.push(leased);
        return { start: () => void starts++, stop: () => {} };
      },
    };
    let ofServer: Connection | undefined;
    server = await network.serve({ lease: strategy, accept: (_setup, accepted) => void (ofServer = accepted) });
    connection = await network.connect({ lease: true });
    ticker = createTickerClient(connection);
    await network.scheduler.settle();
    granted[0]?.grant({ requestCount: 3, ttlMs: 60_000 });
    await network.scheduler.settle();
    expect(connection.lease?.allowance).to.equal(3);
    network.isDown = true;
    await network.cut();
    expect([connection.lease?.allowance, ofServer?.grantedLease?.allowance]).to.deep.equal([0, 0]);
    expect([connection.grantedLease?.allowance, ofServer?.lease?.allowance]).to.deep.equal([0, 0]);
    const answer = ticker.last({ name: "ACME" });
    // There is nobody to grant to.
    granted[0]?.grant({ requestCount: 3, ttlMs: 60_000 });
    network.isDown = false;
    await network.scheduler.advance(5_000);
    expect([network.dials > 1, starts, granted.length]).to.deep.equal([true, 2, 1]);
    expect(connection.lease?.allowance).to.equal(0);
    expect(ofServer?.lease?.allowance, "what the client grants again").to.equal(0x7fffffff);
    granted[0]?.grant({ requestCount: 2, ttlMs: 60_000 });
    expect((await network.scheduler.run(answer)).symbol).to.equal("ACME");
    expect(connection.lease?.allowance).to.equal(1);
    expect(ofServer?.grantedLease).to.include({ refusedCount: 0 });
  });

  it("a call that had a lease and was lost with its link is taken on the next one, and costs nothing of the new lease", async () => {
    let granted: LeasedConnection | undefined;
    let ofServer: Connection | undefined;
    const strategy = {
      attach: (leased: LeasedConnection) => {
        granted = leased;
        return { start: () => leased.grant({ requestCount: 1, ttlMs: 60_000 }), stop: () => {} };
      },
    };
    server = await network.serve({ lease: strategy, accept: (_setup, accepted) => void (ofServer = accepted) });
    connection = await network.connect({ lease: true });
    ticker = createTickerClient(connection);
    await network.scheduler.settle();
    network.loseWrites();
    const lost = ticker.last({ name: "LOST" });
    await network.scheduler.settle();
    await network.cut();
    await network.scheduler.advance(5_000);
    const next = ticker.last({ name: "NEXT" });
    expect((await network.scheduler.run(lost)).symbol).to.equal("LOST");
    expect((await network.scheduler.run(next)).symbol).to.equal("NEXT");
    expect(ofServer?.grantedLease).to.include({ allowance: 0, refusedCount: 0 });
    expect(granted?.runningCount).to.equal(0);
  });

  it("a strategy that grants anew when all is used goes on granting on each link, whatever was left at its loss", async () => {
    let ofServer: Connection | undefined;
    const tens = {
      attach: (leased: LeasedConnection) => {
        const grant = (): void => leased.grant({ requestCount: 10, ttlMs: 60_000 });
        return { start: grant, stop: () => {}, onRequest: () => leased.allowance === 0 && grant() };
      },
    };
    server = await network.serve({ lease: tens, accept: (_setup, accepted) => void (ofServer = accepted) });
    connection = await network.connect({ lease: true });
    ticker = createTickerClient(connection);
    for (let link = 0; link < 5; link++) {
      for (let i = 0; i < 25; i++) await network.scheduler.run(ticker.last({}, { timeoutMs: 2_000 }));
      // Two are lost with the link, and come again.
      network.loseWrites();
      const lost = [ticker.last({}), ticker.last({})];
      await network.scheduler.settle();
      await network.cut();
      await network.scheduler.advance(1_000);
      await network.scheduler.run(Promise.all(lost));
    }
    expect(ofServer?.grantedLease).to.include({ refusedCount: 0 });
  });

  it("keeps a stream through cuts, every item once and in order", async () => {
    await begin();
    const prices: number[] = [];
    const watching = (async () => {
      for await (const { price } of ticker.watch({ name: "A" }, { prefetch: 8 })) {
        prices.push(price);
        if (price % 20 === 0) await network.cut();
      }
    })();
    for (let i = 0; i < 40; i++) await network.scheduler.advance(1_000);
    await network.scheduler.run(watching);
    expect(prices).to.deep.equal(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(network.dials).to.equal(11);
    expect(events.filter((event) => event === "resumed")).to.have.length(10);
    expect((await network.scheduler.run(ticker.last({ name: "A" }))).price).to.equal(42);
  });

  it("keeps streams of requests and of both, and calls of the server", async () => {
    const told: string[] = [];
    await begin(
      {
        services: [
          implementTicker({
            ...unimplementedTicker,
            ...TICKER,
            async *chat(lines, { connection: client }) {
              for await (const { text } of lines) {
                await createAlertsClient(client).notify({ text });
                yield { text: `echo ${text}` };
              }
            },
          }),
        ],
      },
      { services: [implementAlerts({ notify: ({ text }) => void told.push(text) })] },
    );
    async function* lines() {
      for (let i = 0; i < 30; i++) {
        if (i % 10 === 5) await network.cut();
        yield { text: `${i}` };
      }
    }
    const echoes: string[] = [];
    const chatting = (async () => {
      for await (const { text } of ticker.chat(lines())) echoes.push(text);
    })();
    for (let i = 0; i < 10; i++) await network.scheduler.advance(1_000);
    await network.scheduler.run(chatting);
    const expected = Array.from({ length: 30 }, (_, i) => `${i}`);
    expect(echoes).to.deep.equal(expected.map((text) => `echo ${text}`));
    expect(told).to.deep.equal(expected);
  });

  it("tries at once, then with backoff; calls made meanwhile wait", async () => {
    await begin();
    await network.scheduler.advance(5_000);
    network.isDown = true;
    await network.cut();
    expect(network.dials).to.equal(2);
    const call = ticker.last({ name: "A" });
    await network.scheduler.advance(999);
    expect(network.dials).to.equal(2);
    await network.scheduler.advance(1);
    expect(network.dials).to.equal(3);
    network.isDown = false;
    await network.scheduler.advance(1_600);
    expect((await network.scheduler.run(call)).price).to.equal(42);
    expect(events).to.deep.equal(["begun", "detached", "resumed"]);
  });

  it("lets deadlines run on while it waits; the handler is told when it is back", async () => {
    let reason: unknown;
    await begin({
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: (_, { signal }) =>
            new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => {
                reason = signal.reason;
                reject(signal.reason);
              });
            }),
        }),
      ],
    });
    const call = ticker.last({ name: "A" }, { timeoutMs: 3_000 });
    await network.scheduler.settle();
    network.isDown = true;
    await network.cut();
    const failing = fails(call);
    await network.scheduler.advance(3_000);
    expect((await failing).code).to.equal(Code.DeadlineExceeded);
    network.isDown = false;
    await network.scheduler.advance(20_000);
    expect(RpcError.from(reason).code).to.equal(Code.DeadlineExceeded);
  });

  it("goes on over another listener", async () => {
    await begin();
    const [session] = server.sessions;
    network.isDown = true;
    await network.cut();
    expect(session?.isConnected).to.equal(false);
    network.isDown = false;
    await network.scheduler.advance(1_000);
    expect([session?.isConnected, session?.resumedCount]).to.deep.equal([true, 1]);
    expect(server.connectionCount).to.equal(1);
  });

  it("is taken over by RESUME at once, though its old link looks alive", async () => {
    await begin({}, { keepaliveIntervalMs: 1_000, maxLifetimeMs: 3_000 });
    const watching = ticker.watch({ name: "A" }, { prefetch: 2 })[Symbol.asyncIterator]();
    expect((await network.scheduler.run(watching.next())).value?.price).to.equal(1);
    await network.cutNear();
    await network.scheduler.advance(5_000);
    expect(events).to.include("resumed");
    for (let price = 2; price <= 10; price++) {
      expect((await network.scheduler.run(watching.next())).value?.price).to.equal(price);
    }
    await network.scheduler.run(Promise.resolve(watching.return?.()));
  });

  it("tells its dialer which end it lost, so that one of several servers is found again", async () => {
    const lost: (string | undefined)[] = [];
    const dialer = {
      dial: async (_signal: AbortSignal, before?: LinkInfo): Promise<FrameLink> => {
        lost.push(before?.remoteAddress);
        const link = await network.dialer.dial();
        return Object.assign(link, { info: { ...link.info, remoteAddress: `10.0.0.${lost.length}:7000` } });
      },
    };
    server = await network.serve();
    const options = { resume: { random: () => 0.5 }, scheduler: network.scheduler };
    connection = await network.scheduler.run(connectWith(dialer, options));
    await network.cut();
    network.isDown = true;
    await network.cut();
    await network.scheduler.advance(1_000);
    network.isDown = false;
    await network.scheduler.advance(10_000);
    expect((await network.scheduler.run(createTickerClient(connection).last({ name: "A" }))).symbol).to.equal("A");
    expect(lost).to.deep.equal([undefined, "10.0.0.1:7000", "10.0.0.2:7000", "10.0.0.2:7000"]);
  });

  it("is given up by the client after its lifetime, and its calls fail unavailable, once", async () => {
    await begin({}, { resume: { lifetimeMs: 30_000 } });
    const call = fails(
      (async () => {
        for await (const _ of ticker.watch({ name: "A" }, { prefetch: 1 })) await network.cut();
      })(),
    );
    network.isDown = true;
    await network.scheduler.advance(29_000);
    expect(server.sessions).to.have.length(1);
    await network.scheduler.advance(2_000);
    expect((await call).code).to.equal(Code.Unavailable);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/not resumed within 30000 ms/);
  });

  it("dials again when no link came within dialTimeoutMs; one that comes later is torn down", async () => {
    await begin({}, { resume: { dialTimeoutMs: 2_000, random: () => 0.5 } });
    network.hangs = true;
    await network.cut();
    const { dials } = network;
    await network.scheduler.advance(1_999);
    expect(network.dials).to.equal(dials);
    const late = network.arrive;
    network.hangs = false;
    await network.scheduler.advance(1_001);
    expect(network.dials).to.equal(dials + 1);
    expect(events).to.deep.equal(["begun", "detached", "resumed"]);
    late();
    await network.scheduler.advance(1_000);
    expect((await network.scheduler.run(ticker.last({ name: "A" }))).price).to.be.a("number");
    expect([server.connectionCount, server.sessions.length]).to.deep.equal([1, 1]);
  });

  for (let steps = 0; steps < 6; steps++) {
    it(`leaves no link behind when it is closed ${steps} microtask(s) after one has come`, async () => {
      await begin();
      network.hangs = true;
      await network.cut();
      let ends = 0;
      network.onLink = (near) => {
        const { abort, close } = near;
        near.abort = () => {
          ends++;
          abort.call(near);
        };
        near.close = () => {
          ends++;
          close.call(near);
        };
      };
      network.arrive();
      for (let step = 0; step < steps; step++) await Promise.resolve();
      const closing = connection.close();
      await network.scheduler.settle();
      await closing;
      expect(ends, "links torn down").to.be.at.least(1);
      await network.scheduler.run(server.close());
      expect(network.scheduler.timerCount, "timers left").to.equal(0);
    });
  }

  it("is refused with options that can't be, before anything is dialed", async () => {
    for (const [resume, message] of [
      [{ lifetimeMs: 0 }, "resume.lifetimeMs is 0, expected a number of at least 1"],
      [{ dialTimeoutMs: Number.NaN }, "resume.dialTimeoutMs is NaN, expected a number of at least 1"],
      [{ timeoutMs: -1 }, "resume.timeoutMs is -1, expected a number of at least 1"],
      [{ maxUnanswered: -1 }, "resume.maxUnanswered is -1, expected a number of at least 1"],
      [{ token: new Uint8Array(0) }, "resume.token has 0 bytes, expected 1 … 65535"],
      [{ token: new Uint8Array(65_536) }, "resume.token has 65536 bytes, expected 1 … 65535"],
      [{ backoff: { factor: 0 } }, /factor is 0/],
    ] as const) {
      const error = await network.connect({ resume }).catch((reason: unknown) => reason as Error);
      expect((error as Error).message).to.match(message instanceof RegExp ? message : new RegExp(message));
    }
    expect(network.dials).to.equal(0);
  });

  it("dials again when its link broke with RESUME_OK, and is given up in time all the same", async () => {
    await begin({}, { resume: { lifetimeMs: 10_000, random: () => 0.5 } });
    await network.scheduler.advance(5_000);
    const call = ticker.last({ name: "A" });
    network.breaksAtAnswer = true;
    await network.cut();
    expect([network.dials, events.filter((event) => event === "resumed").length]).to.deep.equal([2, 1]);
    network.breaksAtAnswer = false;
    await network.scheduler.advance(1_000);
    expect(network.dials).to.equal(3);
    expect((await network.scheduler.run(call)).symbol).to.equal("A");
    network.breaksAtAnswer = true;
    await network.cut();
    network.isDown = true;
    await network.scheduler.advance(10_000);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/not resumed within 10000 ms/);
  });

  it("RESUME-19, sessionLifetimeMs: is forgotten by the server, its handlers are told, and the client hears REJECTED_RESUME", async () => {
    await begin({ limits: { sessionLifetimeMs: 10_000 } });
    network.isDown = true;
    const call = fails(
      (async () => {
        for await (const _ of ticker.watch({ name: "A" }, { prefetch: 1 })) await network.cut();
      })(),
    );
    await network.scheduler.advance(9_999);
    expect(server.runningHandlers).to.equal(1);
    await network.scheduler.advance(1);
    expect([server.runningHandlers, server.sessions.length]).to.deep.equal([0, 0]);
    expect(events).to.deep.equal(["begun", "detached", "ended"]);
    network.isDown = false;
    await network.scheduler.advance(20_000);
    expect((await call).message).to.match(/REJECTED_RESUME.*unknown resume token/);
  });

  it("gives up when the server cuts it again and again behind RESUME", async () => {
    await begin();
    network.cutsAtOnce = true;
    await network.cut();
    await network.scheduler.advance(60_000);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/the server doesn't answer RESUME/);
    expect(network.dials).to.equal(7);
  });

  it("is over with an orderly end, at once also without a link", async () => {
    await begin();
    await network.scheduler.run(connection.close());
    await network.scheduler.settle();
    expect(server.sessions).to.have.length(0);
    expect(events).to.deep.equal(["begun", "ended"]);
  });

  it("is over when the server closes it through its list of sessions", async () => {
    await begin();
    const [session] = server.sessions;
    await network.scheduler.run(session?.close() ?? Promise.resolve());
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/the session was closed/);
  });

  it("is resumed only by who began it: by the client's certificate", async () => {
    const certificate = { authorized: true, fingerprint256: "AA" } as LinkInfo["certificate"];
    network.info = { certificate };
    await begin();
    network.info = { certificate: { authorized: true, fingerprint256: "BB" } as LinkInfo["certificate"] };
    await network.cut();
    await network.scheduler.advance(2_000);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/unknown resume token/);
    // Its owner could still come back.
    expect(server.sessions).to.have.length(1);
  });

  it("is resumed only by whom the hook takes for the same; one that throws refuses", async () => {
    let user = "ann";
    const identify = (): string => {
      if (user === "") throw new Error("no session");
      return user;
    };
    await begin({ resume: { identify } });
    user = "";
    await network.cut();
    await network.scheduler.advance(2_000);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/unknown resume token/);
  });

  it("is refused with its SETUP when the hook throws, which the application hears of", async () => {
    const told: unknown[] = [];
    const fault = new Error("no session");
    await begin();
    const other = new Network();
    const strict = await other.serve({
      observer: { onAcceptError: (error) => void told.push(error) },
      resume: {
        identify: () => {
          throw fault;
        },
      },
    });
    const error = RpcError.from(await other.connect().catch((thrown: unknown) => thrown));
    expect(error.message).to.match(/REJECTED_SETUP.*internal error/);
    expect(told).to.deep.equal([fault]);
    expect([strict.sessions.length, strict.connectionCount]).to.deep.equal([0, 0]);
    await other.scheduler.run(strict.close());
  });

  it("tells both ends where the other is now", async () => {
    network.info = { remoteAddress: "192.0.2.1:1" };
    let seen: Connection | undefined;
    await begin({ accept: (_, client) => void (seen = client) });
    expect(seen?.peer.address).to.equal("192.0.2.1:1");
    network.info = { remoteAddress: "198.51.100.7:9" };
    await network.cut();
    await network.scheduler.advance(1_000);
    expect(seen?.peer.address).to.equal("198.51.100.7:9");
  });

  it("RESUME-18: has a token that no other connection may use while it lives", async () => {
    const token = new TextEncoder().encode("0123456789abcdef");
    await begin({}, { resume: { token } });
    const error = await fails(network.connect({ resume: { token } }));
    expect(error.message).to.match(/REJECTED_SETUP.*the resume token is in use/);
    await network.scheduler.run(connection.close());
    await network.scheduler.settle();
    connection = await network.connect({ resume: { token } });
  });

  it("RESUME-18: has a token that no other connection may take while it is being accepted", async () => {
    const token = new TextEncoder().encode("0123456789abcdef");
    let letIn = (): void => {};
    const gate = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    server = await network.serve({ accept: () => gate });
    const { scheduler, dialer } = network;
    const both = [0, 1].map(() => connectWith(dialer, { resume: { token }, scheduler }));
    const outcomes = Promise.allSettled(both);
    await scheduler.settle();
    letIn();
    const [first, second] = await scheduler.run(outcomes);
    expect([first?.status, second?.status]).to.deep.equal(["fulfilled", "rejected"]);
    expect(String((second as PromiseRejectedResult).reason)).to.match(/REJECTED_SETUP.*the resume token is in use/);
    expect(server.sessions).to.have.length(1);
    connection = await (both[0] as Promise<Connection>);
  });

  it("RESUME-18: has a token of 128 random bits unless the application gives one", async () => {
    await begin();
    const others = [await network.connect(), await network.connect()];
    const tokens = new Set(server.sessions.map(({ token }) => new TextDecoder().decode(token)));
    for (const other of others) await network.scheduler.run(other.close());
    expect(tokens.size).to.equal(3);
    for (const token of tokens) expect(token).to.match(/^[0-9a-f]{32}$/);
  });

  it("maxConnections: a session without a link isn't one of them, and comes back to a server that was full", async () => {
    network.info = { remoteAddress: "192.0.2.1:1" };
    await begin({ limits: { maxConnections: 1, maxConnectionsPerAddress: 1 } });
    const first = connection;
    await network.cut();
    await network.scheduler.advance(1_000);
    expect(events).to.deep.equal(["begun", "detached", "resumed"]);
    expect((await network.scheduler.run(ticker.last({ name: "A" }))).symbol).to.equal("A");
    const error = await fails(network.connect());
    expect(error.message).to.match(/server is full: more than 1 connections/);
    await network.scheduler.run(first.close());
    await network.scheduler.settle();
    connection = await network.connect();
  });

  it("maxConnections: who may come back waits for nothing longer than others do, and there are no more than sessions", async () => {
    await begin({ limits: { maxConnections: 1, setupTimeoutMs: 5_000 } });
    const heard: (string | undefined)[] = [];
    const come = () => {
      const [link, peer] = scriptedPeer(network.scheduler);
      network.take(link);
      return peer;
    };
    let peers = [come(), come()];
    const hear = async (): Promise<void> => {
      await network.scheduler.settle();
      heard.push(...peers.map((peer) => Buffer.from(peer.take()[0]?.slice(20) ?? "", "hex").toString()));
    };
    await hear();
    await network.scheduler.advance(5_000);
    await hear();
    expect(heard.splice(0)).to.deep.equal([
      "",
      "server is full: more than 1 connections",
      "no SETUP within 5000 ms",
      "",
    ]);
    // Who came in vain leaves its place.
    peers = [come()];
    await hear();
    expect(heard).to.deep.equal([""]);
  });

  it("maxConnections: comes back to a server that is full of its own old link, again and again", async () => {
    await begin({ limits: { maxConnections: 1 } }, { keepaliveIntervalMs: 1_000, maxLifetimeMs: 3_000 });
    for (let cuts = 1; cuts <= 3; cuts++) {
      await network.cutNear();
      const calling = network.scheduler.run(ticker.last({ name: "A" }));
      await network.scheduler.advance(5_000);
      expect((await calling).symbol).to.equal("A");
      expect(events.filter((event) => event === "resumed")).to.have.length(cuts);
      expect(server.connectionCount).to.equal(1);
    }
    expect((await fails(network.connect())).message).to.match(/server is full: more than 1 connections/);
  });

  it("maxSessions: one without a link that has nothing to go on with makes room, and no other", async () => {
    await begin({ limits: { maxSessions: 1 } });
    const abandoned = connection;
    network.isDown = true;
    await network.cut();
    network.isDown = false;
    connection = await network.connect();
    expect(events).to.deep.equal(["begun", "detached", "ended", "begun"]);
    await network.scheduler.advance(5_000);
    expect((await abandoned.closed).reason).to.match(/can't be resumed: REJECTED_RESUME.*: unknown resume token/);
    // An answer that may not have come, and a stream of which all has.
    for (const [keptBytes, streamCount] of [
      [21, 0],
      [0, 1],
    ]) {
      await network.scheduler.run(connection.close());
      events.length = 0;
      connection = await network.connect();
      const client = createTickerClient(connection);
      if (streamCount === 0) await network.scheduler.run(client.last({ name: "A" }));
      else await network.scheduler.run(client.watch({ name: "A" })[Symbol.asyncIterator]().next());
      if (keptBytes === 0) await network.scheduler.advance(30_000);
      expect(server.sessions[0]).to.include({ keptBytes, streamCount });
      network.isDown = true;
      await network.cut();
      network.isDown = false;
      const error = await fails(network.connect());
      expect(error.message).to.match(/server is full: more than 1 sessions/);
      await network.scheduler.advance(5_000);
      expect(events).to.deep.equal(["begun", "detached", "resumed"]);
    }
  });

  it("maxSessions: one more is refused as unavailable", async () => {
    await begin({ limits: { maxSessions: 1 } });
    const error = await fails(network.connect());
    expect(error.code).to.equal(Code.Unavailable);
    expect(error.message).to.match(/server is full: more than 1 sessions/);
  });

  it("maxConnections: sessions without a link leave their place, and have one again on the next", async () => {
    await begin({ limits: { maxConnections: 1 } });
    for (let cuts = 0; cuts < 3; cuts++) {
      await network.cut();
      await network.scheduler.advance(2_000);
      expect((await network.scheduler.run(ticker.last({ name: "A" }))).symbol).to.equal("A");
    }
    network.isDown = true;
    await network.cut();
    network.isDown = false;
    const other = await network.connect({ resume: false });
    expect(server.sessions).to.have.length(1);
    await network.scheduler.run(other.close());
    await network.scheduler.advance(5_000);
    expect((await network.scheduler.run(ticker.last({ name: "A" }))).symbol).to.equal("A");
    expect((await fails(network.connect())).message).to.match(/server is full: more than 1 connections/);
  });

  it("maxConnections: a session that onSession closes as soon as it is resumed leaves its place", async () => {
    await begin({
      limits: { maxConnections: 1 },
      resume: { onSession: (event: SessionEvent, session: Session) => void (event === "resumed" && session.close()) },
    });
    await network.cut();
    await network.scheduler.advance(10_000);
    await network.scheduler.run(connection.closed);
    const other = await network.connect();
    await network.scheduler.run(other.close());
  });

  it("maxAllSessionsBytes: sessions without a link go, the one that lost it first before others", async () => {
    await begin({ limits: { maxAllSessionsBytes: 20_000 } });
    /** A client asks for items of 500 bytes, confirms nothing of them, and loses its link. */
    async function fill(): Promise<AsyncIterator<unknown>> {
      const items = createTickerClient(connection)
        .watch({ name: "A".repeat(500) })
        [Symbol.asyncIterator]();
      void items.next().catch(() => undefined);
      network.loseWritesBehindNext();
      await network.scheduler.settle();
      network.isDown = true;
      await network.cut();
      network.isDown = false;
      return items;
    }
    const first = connection;
    const lost = await fill();
    connection = await network.connect();
    const [kept, latest] = server.sessions;
    expect(kept?.keptBytes).to.be.within(5_000, 20_000);
    const found = await fill();
    expect(latest?.keptBytes).to.be.within(5_000, 20_000);
    expect(server.sessions, "the two were too much").to.deep.equal([latest]);
    expect(events).to.deep.equal(["begun", "detached", "begun", "detached", "ended"]);
    await network.scheduler.advance(5_000);
    await network.scheduler.run(first.closed);
    for (const items of [lost, found]) await network.scheduler.run(Promise.resolve(items.return?.()));
  });

  it("maxAllSessionsBytes: a session that alone keeps too much goes when it loses its link; the next one is served", async () => {
    await begin({ limits: { maxAllSessionsBytes: 5_000 } });
    const failed = fails(
      (async () => {
        for await (const _ of ticker.watch({ name: "A".repeat(500) }));
      })(),
    );
    network.loseWritesBehindNext();
    await network.scheduler.settle();
    network.isDown = true;
    await network.cut();
    expect(events).to.deep.equal(["begun", "detached", "ended"]);
    expect(server.sessions).to.deep.equal([]);
    network.isDown = false;
    await network.scheduler.advance(5_000);
    expect((await failed).code).to.equal(Code.Unavailable);
    connection = await network.connect();
    expect((await network.scheduler.run(createTickerClient(connection).last({ name: "A" }))).symbol).to.equal("A");
  });

  /** The first client asks for items and confirms nothing, so that its session keeps more than all may; its link lives. */
  async function keepTooMuch(limits: ServeOptions["limits"] = {}): Promise<AsyncIterator<unknown>> {
    await begin({ limits: { maxAllSessionsBytes: 5_000, ...limits } });
    const items = ticker.watch({ name: "A".repeat(500) })[Symbol.asyncIterator]();
    void items.next().catch(() => undefined);
    network.loseWritesBehindNext();
    await network.scheduler.settle();
    expect(server.sessions[0]?.keptBytes).to.be.greaterThan(5_000);
    return items;
  }

  it("maxAllSessionsBytes: a session is resumed while others keep too much, though its old link looks alive", async () => {
    const items = await keepTooMuch();
    const other = await network.connect({ keepaliveIntervalMs: 1_000, maxLifetimeMs: 3_000 });
    events.length = 0;
    await network.scheduler.run(createTickerClient(other).last({ name: "A" }));
    await network.cutNear();
    const call = createTickerClient(other).last({ name: "B" });
    await network.scheduler.advance(5_000);
    expect(events).to.deep.equal(["detached", "resumed"]);
    expect((await network.scheduler.run(call)).symbol).to.equal("B");
    await network.scheduler.run(other.close());
    void items.return?.();
  });

  it("maxAllSessionsBytes: a session that keeps no more than its part may lose its link, whatever others keep", async () => {
    const items = await keepTooMuch({ maxSessions: 10 });
    const other = await network.connect();
    network.loseWritesBehindNext();
    await network.scheduler.run(createTickerClient(other).last({ name: "A" }));
    expect(server.sessions[1]?.keptBytes).to.be.within(1, 500);
    events.length = 0;
    network.isDown = true;
    await network.cut();
    expect([events, server.sessions.length]).to.deep.equal([["detached"], 2]);
    network.isDown = false;
    const call = createTickerClient(other).last({ name: "B" });
    await network.scheduler.advance(5_000);
    expect((await network.scheduler.run(call)).symbol).to.equal("B");
    expect(events).to.deep.equal(["detached", "resumed"]);
    await network.scheduler.run(other.close());
    void items.return?.();
  });

  it("isn't resumed, nor said to be, when onSession closes it while its old link goes", async () => {
    await begin(
      {
        resume: {
          onSession: (event, session) => {
            events.push(event);
            if (event === "detached") void session.close();
          },
        },
      },
      { keepaliveIntervalMs: 1_000, maxLifetimeMs: 3_000 },
    );
    await network.cutNear();
    await network.scheduler.advance(5_000);
    expect(events).to.deep.equal(["begun", "detached", "ended"]);
    expect((await network.scheduler.run(connection.closed)).reason).to.match(/REJECTED_RESUME.*the session is over/);
  });

  it("maxAllSessionsBytes: a session isn't stopped, nor asked without end, for what another keeps that confirms nothing", async () => {
    const items = await keepTooMuch();
    // It takes few KEEPALIVEs.
    const other = await network.connect({ limits: { controlBurst: 3, controlsPerSecond: 1 } });
    for (let i = 0; i < 50; i++) {
      const quote = await network.scheduler.run(createTickerClient(other).last({ name: `${i}` }));
      expect(quote.symbol).to.equal(`${i}`);
    }
    expect(rsocketOf(other).isOpen).to.equal(true);
    await network.scheduler.run(other.close());
    void items.return?.();
  });

  it("refusedResumeBurst, refusedResumesPerSecond: guessing goes no faster, and nobody else is bothered", async () => {
    await begin({ limits: { refusedResumeBurst: 2, refusedResumesPerSecond: 1 } });
    network.info = { remoteAddress: "192.0.2.1:1" };
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("too many resumptions were refused");
    await network.scheduler.advance(1_000);
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("too many resumptions were refused");
    network.info = { remoteAddress: "198.51.100.7:9" };
    expect(await guess()).to.equal("unknown resume token");
  });

  it("refusedResumeBurst: whoever has a /64 of IPv6 addresses guesses no faster with all of them", async () => {
    await begin({ limits: { refusedResumeBurst: 2, refusedResumesPerSecond: 1 } });
    const told: string[] = [];
    for (let i = 1; i <= 3; i++) {
      network.info = { remoteAddress: `[2001:db8::${i}]:1` };
      told.push(await guess());
    }
    expect(told).to.deep.equal(["unknown resume token", "unknown resume token", "too many resumptions were refused"]);
    network.info = { remoteAddress: "[2001:db8:0:1::1]:1" };
    expect(await guess()).to.equal("unknown resume token");
  });

  /** Guesses a token from where `network.info` says; tells why it is refused. */
  async function guess(): Promise<string> {
    const [link, peer] = scriptedPeer(network.scheduler);
    Object.assign(link, { info: { ...link.info, ...network.info } });
    network.take(link);
    peer.send(`000000003400000100000010${"67".repeat(16)}${"00".repeat(16)}`);
    await network.scheduler.settle();
    return Buffer.from(peer.take()[0]?.slice(20) ?? "", "hex").toString();
  }

  it("refusedResumeBurst: guesses keep nobody out who was at the same address before", async () => {
    network.info = { remoteAddress: "192.0.2.1:1" };
    await begin({ limits: { refusedResumeBurst: 2, refusedResumesPerSecond: 0.001 } });
    for (let i = 0; i < 5; i++) await guess();
    network.info = { remoteAddress: "192.0.2.1:2" };
    await network.cut();
    await network.scheduler.advance(2_000);
    expect(events).to.deep.equal(["begun", "detached", "resumed"]);
    expect(await guess()).to.equal("too many resumptions were refused");
    network.info = { remoteAddress: "198.51.100.7:1" };
    for (let i = 0; i < 2; i++) expect(await guess()).to.equal("unknown resume token");
    await network.cut();
    await network.scheduler.advance(2_000);
    const { reason } = await network.scheduler.run(connection.closed);
    expect(reason, "from elsewhere it may be a guess").to.match(/too many resumptions were refused/);
  });

  it("refusedResumeBurst: guesses keep nobody out whose token is of no use to others", async () => {
    await begin({
      limits: { refusedResumeBurst: 2, refusedResumesPerSecond: 0.001 },
      resume: { identify: () => "ann", onSession: (event) => void events.push(event) },
    });
    network.info = { remoteAddress: "192.0.2.1:1" };
    for (let i = 0; i < 5; i++) await guess();
    await network.cut();
    await network.scheduler.advance(2_000);
    expect(events).to.deep.equal(["begun", "detached", "resumed"]);
  });

  it("sessionLifetimeMs: ends a session whose client left while it was being accepted", async () => {
    let accept: () => void = () => {};
    await begin({
      limits: { sessionLifetimeMs: 10_000 },
      accept: (setup) => (setup.data.length === 0 ? undefined : new Promise((resolve) => void (accept = resolve))),
    });
    events.length = 0;
    const [link, peer] = scriptedPeer(network.scheduler);
    const { setHandler } = link;
    let handler: LinkHandler | undefined;
    link.setHandler = (given) => {
      handler = given;
      setHandler.call(link, given);
    };
    network.take(link);
    peer.send(`00000000048000010000 00004e2000015f90 0010${"67".repeat(16)} 016d0164 61`);
    peer.send("00000001100061");
    await network.scheduler.settle();
    handler?.onPeerEnd?.();
    accept();
    await network.scheduler.settle();
    expect([events, server.sessions.length]).to.deep.equal([["begun", "detached"], 2]);
    await network.scheduler.advance(10_000);
    expect([events, server.sessions.length]).to.deep.equal([["begun", "detached", "ended"], 1]);
  });

  describe("with a store of the application's that throws", () => {
    const fault = new Error("the store is away");
    let broken: keyof SessionStore | undefined;
    let told: unknown[];
    let store: SessionStore;
    let sessions: Map<string, Session>;

    beforeEach(() => {
      told = [];
      broken = undefined;
      sessions = new Map();
      const check = (name: keyof SessionStore): void => {
        if (name === broken) throw fault;
      };
      store = {
        get size() {
          check("size");
          return sessions.size;
        },
        get: (token) => {
          check("get");
          return sessions.get(token);
        },
        set: (token, session) => {
          check("set");
          sessions.set(token, session);
        },
        delete: (token) => {
          check("delete");
          sessions.delete(token);
        },
        values: () => {
          check("values");
          return sessions.values();
        },
      };
    });

    const serveBroken = (): Partial<ServeOptions> => ({
      resume: { store, onSession: (event) => void events.push(event) },
      observer: { onAcceptError: (error) => void told.push(error) },
    });

    it("finds nothing for RESUME, and ends the session in time", async () => {
      await begin({ ...serveBroken(), limits: { sessionLifetimeMs: 10_000 } });
      broken = "get";
      await network.cut();
      await network.scheduler.advance(2_000);
      expect((await network.scheduler.run(connection.closed)).reason).to.match(/unknown resume token/);
      expect(told).to.deep.equal([fault]);
      broken = undefined;
      expect([events, server.sessions.length]).to.deep.equal([["begun", "detached"], 1]);
      await network.scheduler.advance(10_000);
      expect([events, server.sessions.length]).to.deep.equal([["begun", "detached", "ended"], 0]);
    });

    for (const name of ["get", "delete"] as const) {
      it(`ends sessions all the same: ${name}`, async () => {
        await begin(serveBroken());
        broken = name;
        await network.scheduler.run(connection.close());
        await network.scheduler.settle();
        expect([told, events]).to.deep.equal([[fault], ["begun", "ended"]]);
        broken = undefined;
        sessions.clear();
      });
    }

    it("lists no sessions", async () => {
      await begin(serveBroken());
      broken = "values";
      expect([server.sessions, server.stats().sessions, told]).to.deep.equal([[], 0, [fault, fault]]);
      await network.cut();
      await network.scheduler.advance(2_000);
      expect(events).to.deep.equal(["begun", "detached", "resumed"]);
      broken = undefined;
    });

    for (const name of ["get", "size", "set"] as const) {
      it(`refuses SETUP: ${name}`, async () => {
        await begin(serveBroken());
        broken = name;
        const error = await fails(network.connect());
        expect(error.message).to.match(/internal error/);
        expect(told).to.deep.equal([fault]);
        broken = undefined;
        expect([server.sessions.length, server.connectionCount]).to.deep.equal([1, 1]);
      });
    }
  });

  describe("with large answers", () => {
    const large = { ...TICKER, last: ({ name }: { name: string }) => ({ symbol: "x".repeat(Number(name)) }) };

    it("gets all of them, though they are more than a session keeps", async () => {
      await begin({
        limits: { maxSessionBytes: 1_048_576 },
        services: [implementTicker({ ...unimplementedTicker, ...large })],
      });
      const calls = [1, 2, 3].map(() => ticker.last({ name: "4000000" }));
      await network.scheduler.advance(100);
      for (const { symbol } of await network.scheduler.run(Promise.all(calls))) expect(symbol).to.have.length(4e6);
    });

    it("gets all of them, though errors with details wait behind", async () => {
      const details = [errorDetail(LineSchema, { text: "d".repeat(16_000) })];
      await begin({
        services: [
          implementTicker({
            ...unimplementedTicker,
            last: ({ name }) => {
              if (name === "") throw new RpcError(Code.NotFound, "no", { details });
              return large.last({ name });
            },
          }),
        ],
      });
      const calls = ["4190000", "4190000"].map((name) => ticker.last({ name }));
      const failing = Array.from({ length: 60 }, () => fails(ticker.last({ name: "" })));
      await network.scheduler.advance(100);
      for (const { symbol } of await network.scheduler.run(Promise.all(calls)))
        expect(symbol).to.have.length(4_190_000);
      for (const { code } of await Promise.all(failing)) expect(code).to.equal(Code.NotFound);
    });

    it("maxAllSessionsBytes: sixteen clients get all of them", async () => {
      // The defaults, each divided by 16.
      const limits = { readPauseBytes: 262_144, maxSessionBytes: 262_144, maxAllSessionsBytes: 3_145_728 };
      await begin({ limits, services: [implementTicker({ ...unimplementedTicker, ...large })] });
      const others = await Promise.all(Array.from({ length: 15 }, () => network.connect()));
      const calls = [connection, ...others].flatMap((client) =>
        [1, 2, 3].map(() => createTickerClient(client).last({ name: "262000" })),
      );
      await network.scheduler.advance(100);
      for (const { symbol } of await network.scheduler.run(Promise.all(calls))) expect(symbol).to.have.length(262_000);
      for (const other of others) await network.scheduler.run(other.close());
    });

    it("of the client's: hears RESUME_OK, however much it has to answer", async () => {
      let client: Connection | undefined;
      await begin(
        { accept: (_, accepted) => void (client = accepted) },
        {
          limits: { maxSessionBytes: 1_048_576 },
          services: [implementTicker({ ...unimplementedTicker, ...large })],
        },
      );
      network.loseWrites();
      const calls = [1, 2].map(() => createTickerClient(client as Connection).last({ name: "4000000" }));
      await network.scheduler.advance(100);
      expect(rsocketOf(connection).queuedBytes).to.be.above(4_194_304);
      await network.cut();
      await network.scheduler.advance(2_000);
      for (const { symbol } of await network.scheduler.run(Promise.all(calls))) expect(symbol).to.have.length(4e6);
      expect(network.dials).to.equal(2);
    });
  });

  it("a server that doesn't offer it refuses the connection", async () => {
    await begin();
    const other = new Network();
    const plain = await other.serve({ resume: false });
    const error = RpcError.from(await other.connect().catch((thrown: unknown) => thrown));
    expect(error).to.be.instanceOf(ConnectError);
    expect(error.message).to.match(/resumption is not supported/);
    await other.scheduler.run(plain.close());
  });

  it("a server that drains resumes nobody, and ends those without a link", async () => {
    await begin();
    network.isDown = true;
    await network.cut();
    await network.scheduler.run(server.close({ graceMs: 5_000 }));
    expect(server.sessions).to.have.length(0);
  });
});
