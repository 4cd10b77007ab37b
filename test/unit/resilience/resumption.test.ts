// SPDX-License-Identifier: Apache-2.0
// Calls over a connection whose links are cut, in virtual time: nothing above notices, nothing is lost or repeated.

import { expect } from "chai";
import {
  Code,
  ConnectError,
  type Connection,
  type ConnectOptions,
  connectWith,
  type LeasedConnection,
  RpcError,
  type ServeOptions,
  type Server,
  type SessionEvent,
  serveWith,
} from "rsocket-rpc";
import type { FrameLink, LinkInfo } from "rsocket-rpc/rsocket";
import { scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
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
          this.arrive = () => resolve(near);
        });
      }
      Object.assign(far, { info: { ...far.info, ...this.info } });
      [this.#near, this.#far] = [near, far];
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

  it("is refused with options that can't be, before anything is dialed", async () => {
    for (const [resume, message] of [
      [{ lifetimeMs: 0 }, "resume.lifetimeMs is 0, expected a number of at least 1"],
      [{ dialTimeoutMs: Number.NaN }, "resume.dialTimeoutMs is NaN, expected a number of at least 1"],
      [{ timeoutMs: -1 }, "resume.timeoutMs is -1, expected a number of at least 1"],
      [{ maxUnanswered: -1 }, "resume.maxUnanswered is -1, expected a number of at least 1"],
      [{ backoff: { factor: 0 } }, /factor is 0/],
    ] as const) {
      const error = await network.connect({ resume }).catch((reason: unknown) => reason as Error);
      expect((error as Error).message).to.match(message instanceof RegExp ? message : new RegExp(message));
    }
    expect(network.dials).to.equal(0);
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

  it("RESUME-18: has a token of 128 random bits unless the application gives one", async () => {
    await begin();
    const others = [await network.connect(), await network.connect()];
    const tokens = new Set(server.sessions.map(({ token }) => new TextDecoder().decode(token)));
    for (const other of others) await network.scheduler.run(other.close());
    expect(tokens.size).to.equal(3);
    for (const token of tokens) expect(token).to.match(/^[0-9a-f]{32}$/);
  });

  it("maxSessions: one more is refused as unavailable", async () => {
    await begin({ limits: { maxSessions: 1 } });
    const error = await fails(network.connect());
    expect(error.code).to.equal(Code.Unavailable);
    expect(error.message).to.match(/server is full: more than 1 sessions/);
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

  it("maxAllSessionsBytes: a session isn't stopped, nor asked without end, for what another keeps that confirms nothing", async () => {
    await begin({ limits: { maxAllSessionsBytes: 5_000 } });
    const items = ticker.watch({ name: "A".repeat(500) })[Symbol.asyncIterator]();
    void items.next().catch(() => undefined);
    network.loseWritesBehindNext();
    await network.scheduler.settle();
    expect(server.sessions[0]?.keptBytes).to.be.greaterThan(5_000);
    const other = await network.connect();
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
    const guess = async (): Promise<string> => {
      const [link, peer] = scriptedPeer(network.scheduler);
      Object.assign(link, { info: { ...link.info, ...network.info } });
      network.take(link);
      peer.send(`000000003400000100000010${"67".repeat(16)}${"00".repeat(16)}`);
      await network.scheduler.settle();
      return Buffer.from(peer.take()[0]?.slice(20) ?? "", "hex").toString();
    };
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("too many resumptions were refused");
    await network.scheduler.advance(1_000);
    expect(await guess()).to.equal("unknown resume token");
    expect(await guess()).to.equal("too many resumptions were refused");
    network.info = { remoteAddress: "198.51.100.7:9" };
    expect(await guess()).to.equal("unknown resume token");
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
