// SPDX-License-Identifier: Apache-2.0
// Leases as callers and servers see them: calls that wait or fail at once, strategies, both directions, what is told.

import { expect } from "chai";
import {
  adaptiveLease,
  type ClientLeaseOptions,
  Code,
  ConnectError,
  type Connection,
  type FinishedRequest,
  fixedRateLease,
  type LeasedConnection,
  type LeaseGranter,
  type LeaseStrategy,
  RpcError,
  type ServeOptions,
  unlimitedLease,
} from "rsocket-rpc";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  type TickerClient,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { hex } from "../../support/frames-dsl.js";
import {
  collect,
  HELLO,
  KEEPALIVE,
  KEEPALIVE_R,
  leavesNoTrace,
  RpcWorld,
  rejectionOf,
  rsocketOf,
  SETUP_OURS,
  SETUP_UNKNOWN,
} from "../../support/rpc-world.js";

/** The same, with L. */
const withL = (setup: string): string => `${setup.slice(0, 8)}${setup.slice(8, 10)}4${setup.slice(11)}`;
/** LEASE of the peer for a second. */
const lease = (count: string): string => hex`00000000 0800 000003e8 ${count}`;
const services = (handler: Partial<TickerHandler> = {}): Pick<ServeOptions, "services"> => ({
  services: [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name }), ...handler })],
});

/** Grants what the test says, when it says so. */
class ByHand implements LeaseStrategy {
  readonly connections: LeasedConnection[] = [];
  readonly log: string[] = [];

  attach(connection: LeasedConnection): LeaseGranter {
    this.connections.push(connection);
    return {
      start: () => this.log.push("start"),
      stop: () => this.log.push("stop"),
      onRequest: () => this.log.push(`request, ${connection.allowance} left, ${connection.runningCount} running`),
      onRequestEnd: ({ interaction, durationMs, ending }: FinishedRequest) =>
        this.log.push(`${interaction} ${ending} after ${durationMs} ms, ${connection.runningCount} running`),
      onRefused: (isFireAndForget) => this.log.push(`refused ${isFireAndForget}`),
    };
  }

  grant(requestCount: number, ttlMs = 1_000): void {
    this.connections.at(-1)?.grant({ requestCount, ttlMs });
  }
}

describe("leases", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  /** Writes down how each call ends. */
  function note(outcomes: string[], name: string, call: Promise<unknown>): void {
    call.then(
      () => outcomes.push(name),
      (error: RpcError) => outcomes.push(`${name} ${error.code} ${error.retryable} ${error.rawMessage}`),
    );
  }

  async function byHand(
    client: boolean | ClientLeaseOptions = true,
    more: Partial<ServeOptions> = {},
  ): Promise<{ strategy: ByHand; connection: Connection; ticker: TickerClient }> {
    const strategy = new ByHand();
    const { connection } = await world.pair({ ...services(), lease: strategy, ...more }, { lease: client });
    return { strategy, connection, ticker: createTickerClient(connection) };
  }

  describe("a client without a lease", () => {
    it("lets calls of every shape wait for one, in order, as many as come", async () => {
      const { strategy, ticker } = await byHand(true, {
        ...services({
          upload: async (quotes) => ({ count: (await collect(quotes)).length }),
          async *watch({ name }) {
            yield { symbol: name };
          },
          async *chat(lines) {
            yield* lines;
          },
          log: () => {},
        }),
      });
      const outcomes: string[] = [];
      note(outcomes, "unary", ticker.last({ name: "ACME" }));
      note(outcomes, "client stream", ticker.upload([{ symbol: "A" }, { symbol: "B" }]));
      note(outcomes, "server stream", collect(ticker.watch({ name: "ACME" })));
      note(outcomes, "bidi", collect(ticker.chat([{ text: "a" }])));
      note(outcomes, "fire and forget", ticker.log({}));
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal([]);
      for (const [count, sum] of [
        [0, 0],
        [1, 1],
        [2, 3],
        [1, 4],
        [9, 5],
      ] as const) {
        strategy.grant(count);
        await world.scheduler.settle();
        expect(outcomes).to.have.length(sum);
      }
      expect(outcomes.slice().sort()).to.deep.equal(
        ["unary", "client stream", "server stream", "bidi", "fire and forget"].sort(),
      );
      expect(strategy.log.filter((entry) => entry.startsWith("refused"))).to.deep.equal([]);
    });

    it("lets the first messages of slow sources take turns: each waits again when another was quicker", async () => {
      const { strategy, ticker } = await byHand(true, {
        ...services({ upload: async (quotes) => ({ count: (await collect(quotes)).length }) }),
      });
      const release: (() => void)[] = [];
      async function* slow() {
        await new Promise<void>((resolve) => release.push(resolve));
        yield { symbol: "A" };
      }
      const outcomes: string[] = [];
      strategy.grant(1);
      await world.scheduler.settle();
      // All are let through to their sources, since the lease isn't used up.
      for (const name of ["first", "second", "third"]) note(outcomes, name, ticker.upload(slow()));
      await world.scheduler.settle();
      expect(release).to.have.length(3);
      release[2]?.();
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal(["third"]);
      release[1]?.();
      release[0]?.();
      await world.scheduler.settle();
      expect(outcomes).to.have.length(1);
      strategy.grant(5);
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal(["third", "second", "first"]);
      expect(strategy.log.filter((entry) => entry.startsWith("refused"))).to.deep.equal([]);
    });

    it("a stream without messages waits, too", async () => {
      const { strategy, ticker } = await byHand(true, {
        ...services({ upload: async (quotes) => ({ count: (await collect(quotes)).length }) }),
      });
      const summary = ticker.upload([]);
      await world.scheduler.settle();
      strategy.grant(1);
      expect((await world.run(summary)).count).to.equal(0);
    });

    it("a call waits within its deadline, until its signal is aborted, or with the connection", async () => {
      const { strategy, connection, ticker } = await byHand();
      const outcomes: string[] = [];
      const controller = new AbortController();
      note(outcomes, "deadline", ticker.last({}, { timeoutMs: 500 }));
      note(outcomes, "signal", ticker.last({}, { signal: world.signalOf(controller) }));
      note(outcomes, "connection", ticker.last({}));
      controller.abort();
      await world.scheduler.advance(500);
      expect(outcomes).to.deep.equal([
        `signal ${Code.Cancelled} false This operation was aborted`,
        `deadline ${Code.DeadlineExceeded} false deadline exceeded after 500 ms`,
      ]);
      world.lose(connection);
      await world.scheduler.settle();
      expect(outcomes[2]).to.equal(`connection ${Code.Unavailable} true link lost`);
      expect(strategy.log).to.deep.equal(["start", "stop"]);
    });

    it("waitForLease: false fails calls at once, unavailable and retryable; a call's waitForReady comes first", async () => {
      const { strategy, ticker } = await byHand({ waitForLease: false });
      const outcomes: string[] = [];
      note(outcomes, "at once", ticker.last({}));
      note(outcomes, "patient", ticker.last({}, { waitForReady: true }));
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal([`at once ${Code.Unavailable} true there is no lease for a call now`]);
      strategy.grant(1);
      await world.scheduler.settle();
      expect(outcomes[1]).to.equal("patient");
      note(outcomes, "used up", ticker.last({}));
      await world.scheduler.settle();
      expect(outcomes[2]).to.match(/^used up .*no lease/);
      const patient = await byHand();
      note(outcomes, "impatient", patient.ticker.last({}, { waitForReady: false }));
      await world.scheduler.settle();
      expect(outcomes[3]).to.match(/^impatient .*no lease/);
    });

    it("maxCallsWithoutLease: one more fails as resource_exhausted", async () => {
      const strategy = new ByHand();
      const { connection } = await world.pair(
        { ...services(), lease: strategy },
        { lease: true, limits: { maxCallsWithoutLease: 3 } },
      );
      const ticker = createTickerClient(connection);
      const outcomes: string[] = [];
      for (const name of ["a", "b", "c", "d"]) note(outcomes, name, ticker.last({}));
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal([`d ${Code.ResourceExhausted} true more than 3 calls wait for a lease`]);
      strategy.grant(9);
      await world.scheduler.settle();
      expect(outcomes.slice(1)).to.deep.equal(["a", "b", "c"]);
    });

    it("CONN-04, CONN-09, LEASE-06: says L in SETUP, calls nobody before the LEASE, and never beyond it, whatever the time", async () => {
      const { connecting, peer } = world.dialScripted({ lease: true });
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([withL(SETUP_OURS), KEEPALIVE_R]);
      peer.send(HELLO);
      peer.send(KEEPALIVE);
      const connection = await world.run(connecting);
      const ticker = createTickerClient(connection);
      // What the server may ask.
      expect(peer.take()).to.deep.equal([hex`00000000 0800 7fffffff 7fffffff`]);
      const calls = [1, 2, 3].map(() => rejectionOf(ticker.last({})));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
      peer.send(lease("00000002"));
      await world.scheduler.settle();
      expect(peer.take().map((frame) => frame.slice(0, 12))).to.deep.equal(["000000011100", "000000031100"]);
      await world.scheduler.advance(999);
      expect(connection.lease).to.deep.equal({ allowance: 0, expiresInMs: 1 });
      peer.send(lease("00000009"));
      await world.scheduler.settle();
      expect(peer.take()).to.have.length(1);
      expect(connection.lease).to.deep.equal({ allowance: 8, expiresInMs: 1_000 });
      await world.scheduler.advance(1_000);
      expect(connection.lease).to.deep.equal({ allowance: 0, expiresInMs: 0 });
      calls.push(rejectionOf(ticker.last({})));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
      world.lose(connection);
      await world.run(Promise.all(calls));
    });

    it("obeys a LEASE that nobody asked for from then on, as rsocket-java sends it", async () => {
      const { connection, peer } = await world.connectScripted({}, false);
      const ticker = createTickerClient(connection);
      expect(connection.lease).to.equal(undefined);
      peer.send(hex`00000000 0900 000003e8 00000001`);
      await world.scheduler.settle();
      expect(connection.lease).to.deep.equal({ allowance: 1, expiresInMs: 1_000 });
      const calls = [rejectionOf(ticker.last({})), rejectionOf(ticker.last({}))];
      await world.scheduler.settle();
      expect(peer.take()).to.have.length(1);
      peer.send(lease("00000001"));
      await world.scheduler.settle();
      expect(peer.take()).to.have.length(1);
      world.lose(connection);
      await world.run(Promise.all(calls));
    });

    const tens: LeaseStrategy = {
      attach: (connection) => {
        const grant = (): void => connection.grant({ requestCount: 10, ttlMs: 60_000 });
        return { start: grant, stop() {}, onRequest: () => connection.allowance === 0 && grant() };
      },
    };
    for (const [name, strategy, callCount] of [
      ["ten at a time", tens, 500],
      ["adaptiveLease", adaptiveLease(), 500],
      ["adaptiveLease, one at a time", adaptiveLease({ initialLimit: 1, maxLimit: 1 }), 200],
    ] as const) {
      it(`takes as many LEASE frames as its calls need, however fast they are: ${name}`, async () => {
        let leases = 0;
        const { connection } = await world.pair(
          { ...services(), lease: strategy },
          // As the preset for the internet.
          { lease: { onLease: () => void leases++ }, limits: { controlBurst: 10, controlsPerSecond: 1 } },
        );
        const ticker = createTickerClient(connection);
        for (let i = 0; i < callCount; i++) await world.run(ticker.last({}));
        expect(leases).to.be.within(callCount / 11, callCount + 1);
        await world.run(connection.close());
        await world.scheduler.settle();
      });
    }

    it("hears of each LEASE, with its metadata", async () => {
      const told: unknown[] = [];
      const { strategy, ticker } = await byHand({ onLease: (granted) => told.push(granted) });
      const metadata = new Uint8Array([1, 2, 3]);
      strategy.connections[0]?.grant({ requestCount: 1, ttlMs: 500, metadata });
      await world.scheduler.settle();
      expect(told).to.deep.equal([{ requestCount: 1, ttlMs: 500, metadata }]);
      await world.run(ticker.last({}));
    });
  });

  describe("a server", () => {
    it("CONN-05: grants to those who ask, after accept and its hello, and to nobody else", async () => {
      let accept = (): void => {};
      const { peer, connect } = await world.serveScripted({
        ...services(),
        lease: fixedRateLease({ requestsPerSecond: 5, ttlMs: 1_000 }),
        accept: () =>
          new Promise<void>((resolve) => {
            accept = resolve;
          }),
      });
      peer.send(withL(SETUP_OURS));
      await world.scheduler.advance(3_000);
      expect(peer.take()).to.deep.equal([]);
      accept();
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([HELLO, lease("00000005")]);
      const other = connect();
      other.send(SETUP_UNKNOWN);
      await world.scheduler.settle();
      accept();
      await world.scheduler.advance(1_000);
      expect(other.take()).to.deep.equal([]);
      expect(peer.take()).to.deep.equal([lease("00000005")]);
    });

    it("attaches no strategy to a connection that is over when it is accepted", async () => {
      const strategy = new ByHand();
      let accept = (): void => {};
      const { peer } = await world.serveScripted({
        ...services(),
        lease: strategy,
        accept: () =>
          new Promise<void>((resolve) => {
            accept = resolve;
          }),
      });
      peer.send(withL(SETUP_OURS));
      await world.scheduler.settle();
      peer.abort();
      await world.scheduler.settle();
      accept();
      await world.scheduler.settle();
      expect(strategy.log).to.deep.equal([]);
    });

    it("refuses those who don't ask only where leases are required, and those who do where there are none", async () => {
      const required = await world.serve({ ...services(), lease: { strategy: unlimitedLease(), required: true } });
      const refused = (await world.run(rejectionOf(required.connect({ scheduler: world.scheduler })))) as ConnectError;
      expect(refused).to.be.instanceOf(ConnectError);
      expect(refused).to.include({ wireCode: 0x003, initiator: "remote" });
      const without = await world.serve(services());
      const unsupported = (await world.run(
        rejectionOf(without.connect({ scheduler: world.scheduler, lease: true })),
      )) as ConnectError;
      expect(unsupported).to.include({ wireCode: 0x002, code: Code.FailedPrecondition });
      const connection = await world.connect(required, { lease: true });
      expect((await world.run(createTickerClient(connection).last({ name: "A" }))).symbol).to.equal("A");
    });

    it("refuses calls beyond the lease as unavailable, retryable, and tells its observer and strategy", async () => {
      const told: unknown[] = [];
      const strategy = new ByHand();
      const { peer, server } = await world.serveSetUp(
        {
          ...services(),
          lease: strategy,
          observer: { onLeaseRefused: (isFireAndForget, { transport }) => told.push([isFireAndForget, transport]) },
        },
        withL(SETUP_OURS),
      );
      const route = "00001a0001000e64656d6f2e76312e5469636b657200044c6173740000";
      const log = "0000190001000e64656d6f2e76312e5469636b657200034c6f670000";
      strategy.grant(1);
      peer.send(`000000011100${route}`);
      peer.send(`000000031100${route}`);
      peer.send(`000000051500${log}`);
      await world.scheduler.settle();
      const [granted, answer, error, ...others] = peer.take();
      expect([granted, answer]).to.deep.equal([lease("00000001"), "000000012860"]);
      // ERROR[REJECTED] stream 3: Envelope{status{unavailable, …}}
      expect(error?.slice(0, 20)).to.equal("000000032c0000000202");
      expect(others).to.deep.equal([]);
      expect(told).to.deep.equal([
        [false, "in-process"],
        [true, "in-process"],
      ]);
      expect(server.runningHandlers).to.equal(0);
      expect(strategy.log.slice(-2)).to.deep.equal(["refused false", "refused true"]);
    });

    it("tells the strategy what begins and ends, how long it took, and how it ended", async () => {
      const release: (() => void)[] = [];
      const { strategy, connection, ticker } = await byHand(true, {
        observer: {},
        ...services({
          last: ({ name }) => {
            if (name === "") throw new RpcError(Code.NotFound, "no");
            return new Promise((resolve) => release.push(() => resolve({})));
          },
          log: () => {},
        }),
      });
      strategy.grant(9, 60_000);
      await world.scheduler.settle();
      const answer = ticker.last({ name: "A" });
      await world.scheduler.advance(250);
      release[0]?.();
      await world.run(answer);
      await world.run(rejectionOf(ticker.last({})));
      await world.run(ticker.log({}));
      await world.scheduler.settle();
      const controller = new AbortController();
      const aborted = rejectionOf(ticker.last({ name: "A" }, { signal: world.signalOf(controller) }));
      await world.scheduler.advance(10);
      controller.abort();
      await world.run(aborted);
      await world.scheduler.settle();
      release[1]?.();
      expect(strategy.log.slice(1)).to.deep.equal([
        "request, 8 left, 1 running",
        "request_response completed after 250 ms, 0 running",
        "request, 7 left, 1 running",
        "request_response failed after 0 ms, 0 running",
        "request, 6 left, 0 running",
        "fire_and_forget completed after 0 ms, 0 running",
        "request, 5 left, 1 running",
        "request_response cancelled after 10 ms, 0 running",
      ]);
      expect(rsocketOf(connection).lease?.allowance).to.equal(5);
    });

    it("grants nothing by numbers that can't be meant, those of requests that cross among them", async () => {
      const { strategy, ticker } = await byHand({ waitForLease: false });
      strategy.grant(1);
      await world.scheduler.settle();
      const [granting] = strategy.connections;
      for (const carriedCount of [Number.NaN, -1, 0.5]) {
        const grant = { requestCount: 5, ttlMs: 1_000, carriedCount };
        expect(() => granting?.grant(grant)).to.throw(RangeError, `carriedCount of a lease is ${carriedCount}`);
      }
      expect(granting?.allowance).to.equal(1);
      await world.run(ticker.last({}));
      await world.run(rejectionOf(ticker.last({})));
    });

    it("says what it granted, what is left and what it refused", async () => {
      let ofServer: Connection | undefined;
      const { strategy, ticker, connection } = await byHand(true, {
        accept: (_setup, accepted) => void (ofServer = accepted),
      });
      expect(ofServer?.grantedLease).to.deep.equal({ allowance: 0, expiresInMs: 0, refusedCount: 0 });
      strategy.grant(3);
      await world.scheduler.settle();
      await world.run(ticker.last({}));
      expect(ofServer?.grantedLease).to.deep.equal({ allowance: 2, expiresInMs: 1_000, refusedCount: 0 });
      expect(connection.grantedLease?.allowance).to.equal(0x7fffffff);
      expect(ofServer?.lease?.allowance).to.equal(0x7fffffff);
    });
  });

  describe("the other direction", () => {
    it("a client grants its server calls, by a strategy of its own; the server's calls wait", async () => {
      const strategy = new ByHand();
      const told: string[] = [];
      let ofServer: Connection | undefined;
      const { connection } = await world.pair(
        {
          ...services(),
          lease: unlimitedLease(),
          accept: (_setup, accepted) => void (ofServer = accepted),
        },
        { lease: { strategy }, services: [implementAlerts({ notify: ({ text }) => void told.push(text) })] },
      );
      const alerts = createAlertsClient(ofServer as unknown as Connection);
      const outcomes: string[] = [];
      for (const text of ["a", "b", "c"]) note(outcomes, text, alerts.notify({ text }));
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal([]);
      strategy.grant(2);
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal(["a", "b"]);
      strategy.grant(2);
      await world.scheduler.settle();
      expect(told).to.deep.equal(["a", "b", "c"]);
      expect(connection.grantedLease).to.include({ allowance: 1, refusedCount: 0 });
    });

    it("strategy: false sends no LEASE, for servers that die of one", async () => {
      const { connecting, peer } = world.dialScripted({ lease: { strategy: false } });
      await world.scheduler.settle();
      peer.take();
      peer.send(KEEPALIVE);
      await world.run(connecting);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
    });
  });
});
