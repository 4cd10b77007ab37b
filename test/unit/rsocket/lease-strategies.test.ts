// SPDX-License-Identifier: Apache-2.0
// What the ready strategies grant, in virtual time: a rate, and a limit that finds the knee of a simulated service.

import { expect } from "chai";
import { adaptiveLease, fixedRateLease, type LeaseGrant, unlimitedLease } from "rsocket-rpc";
import { EventClock, SimulatedClient, SimulatedService } from "../../support/lease-simulation.js";
import { Random } from "../../support/rng.js";

/** Numbers from 0 up to 1. */
function numbers(seed: number): () => number {
  const random = new Random(seed);
  return () => random.uint32() / 2 ** 32;
}

describe("fixedRateLease", () => {
  const attach = (options: Parameters<typeof fixedRateLease>[0], demand?: number) => {
    const clock = new EventClock();
    const service = new SimulatedService(clock, 1_000, 1, () => 0.5);
    return { clock, client: new SimulatedClient(clock, fixedRateLease(options), service, demand) };
  };

  it("grants the same number in each interval, and no more is ever served", () => {
    const { clock, client } = attach({ requestsPerSecond: 5 });
    clock.advance(100);
    expect(client.grants).to.deep.equal([{ requestCount: 5, ttlMs: 2_000, metadata: undefined }]);
    expect(client.servedCount).to.equal(5);
    clock.advance(9_800);
    expect([client.servedCount, client.refusedCount]).to.deep.equal([50, 0]);
  });

  it("makes up for fractions: half a request each interval is one in two", () => {
    const { clock, client } = attach({ requestsPerSecond: 0.5 });
    clock.advance(10_100);
    expect(client.servedCount).to.equal(6);
    const third = attach({ requestsPerSecond: 10, intervalMs: 250 });
    third.clock.advance(9_900);
    expect(third.client.servedCount).to.equal(100);
  });

  it("leaves an idle peer alone until its lease is about to expire, and has always one for it", () => {
    const { clock, client } = attach({ requestsPerSecond: 5, ttlMs: 10_000 }, 0);
    for (let i = 0; i < 60; i++) {
      clock.advance(1_000);
      expect(client.allowance, `after ${i + 1} s`).to.equal(5);
    }
    expect(client.grants).to.have.length(7);
  });

  it("sends its metadata, and begins anew on another link", () => {
    const metadata = new Uint8Array([1, 2]);
    const clock = new EventClock();
    const grants: unknown[] = [];
    const granter = fixedRateLease({ requestsPerSecond: 3, metadata }).attach({
      scheduler: clock,
      remoteAddress: "",
      allowance: 0,
      untilMs: 0,
      runningCount: 0,
      grant: (grant) => grants.push(grant),
    });
    granter.start();
    granter.start();
    expect(grants).to.deep.equal([
      { requestCount: 3, ttlMs: 2_000, metadata },
      { requestCount: 3, ttlMs: 2_000, metadata },
    ]);
    expect(clock.pendingCount, "timers").to.equal(1);
    granter.stop();
    expect(clock.pendingCount, "timers").to.equal(0);
  });

  it("grants what is left once more on another link, in the interval that goes on, and then waits for the next", () => {
    const clock = new EventClock();
    const grants: string[] = [];
    const granter = fixedRateLease({ requestsPerSecond: 5 }).attach({
      scheduler: clock,
      remoteAddress: "",
      allowance: 0, // as after each loss of the link
      untilMs: 0,
      runningCount: 0,
      grant: ({ requestCount }) => grants.push(`${requestCount} at ${clock.now()}`),
    });
    granter.start();
    clock.advance(100);
    granter.onRequest?.();
    granter.onRequest?.();
    for (let i = 0; i < 40; i++) granter.start();
    expect(grants).to.deep.equal(["5 at 0", "3 at 100"]);
    clock.advance(1_000);
    for (let i = 0; i < 5; i++) granter.onRequest?.();
    granter.start();
    expect(grants.slice(2), "all were used").to.deep.equal(["5 at 1000"]);
    clock.advance(1_000);
    granter.start();
    expect(grants.slice(3)).to.deep.equal(["5 at 2000", "5 at 2100"]);
    granter.stop();
    expect(clock.pendingCount, "timers").to.equal(0);
  });

  it("grants nobody a request more by many links who has less than one each interval", () => {
    const clock = new EventClock();
    const grants: number[] = [];
    const granter = fixedRateLease({ requestsPerSecond: 0.1 }).attach({
      scheduler: clock,
      remoteAddress: "",
      allowance: 0,
      untilMs: 0,
      runningCount: 0,
      grant: () => grants.push(clock.now()),
    });
    for (let i = 0; i < 95; i++) {
      granter.start();
      clock.advance(100);
    }
    expect(grants).to.deep.equal([0, 100]);
    granter.stop();
  });

  it("refuses numbers that can't be meant", () => {
    for (const options of [
      { requestsPerSecond: 0 },
      { requestsPerSecond: Number.NaN },
      { requestsPerSecond: 1, intervalMs: 0 },
      { requestsPerSecond: 1, ttlMs: 2 ** 31 },
      { requestsPerSecond: 1, ttlMs: 1.5 },
    ]) {
      expect(() => fixedRateLease(options), JSON.stringify(options)).to.throw(RangeError, "expected a number");
    }
  });
});

describe("unlimitedLease", () => {
  it("grants the most that can be said, again long before it expires", () => {
    const clock = new EventClock();
    const client = new SimulatedClient(clock, unlimitedLease(), new SimulatedService(clock, 1, 1, () => 0.5), 0);
    expect(client.grants).to.deep.equal([{ requestCount: 0x7fffffff, ttlMs: 0x7fffffff }]);
    clock.advance(0x7fffffff);
    expect(client.grants).to.have.length(3);
    client.close();
    clock.advance(1); // what is under way
    expect(clock.pendingCount).to.equal(0);
  });
});

describe("adaptiveLease", () => {
  const { seed } = new Random();
  let clock: EventClock;
  beforeEach(() => {
    clock = new EventClock();
  });

  /** Throughput and mean latency over the next `durationMs`. */
  function measure(client: SimulatedClient, durationMs: number): { perSecond: number; latencyMs: number } {
    const { servedCount, latencySumMs } = client;
    clock.advance(durationMs);
    const served = client.servedCount - servedCount;
    return { perSecond: (served * 1_000) / durationMs, latencyMs: (client.latencySumMs - latencySumMs) / served };
  }

  for (const [workers, serviceMs] of [
    [20, 10],
    [4, 50],
    [100, 5],
  ] as const) {
    it(`finds the knee of a service of ${workers} workers and ${serviceMs} ms (seed ${seed})`, () => {
      const strategy = adaptiveLease();
      const service = new SimulatedService(clock, workers, serviceMs, numbers(seed));
      const client = new SimulatedClient(clock, strategy, service);
      clock.advance(30_000);
      const { perSecond, latencyMs } = measure(client, 20_000);
      const most = (workers * 1_000) / serviceMs;
      expect(perSecond, `of ${most} per second`).to.be.above(0.9 * most);
      // Without a limit it would be the whole queue of a client that never stops asking.
      expect(latencyMs, `of ${serviceMs} ms`).to.be.below(serviceMs * (1 + 15 / Math.min(workers, 15)));
      expect(strategy.limit).to.be.within(workers / 4, 2 * workers + 25);
      expect(client.refusedCount, "requests that crossed a LEASE").to.equal(0);
    }).timeout(60_000); // a million events
  }

  it(`shrinks when the service becomes slow, and recovers when it is over (seed ${seed})`, () => {
    // No probe takes the slow phase for what the service is.
    const strategy = adaptiveLease({ probeIntervalMs: 3_600_000 });
    const service = new SimulatedService(clock, 20, 10, numbers(seed));
    const client = new SimulatedClient(clock, strategy, service);
    clock.advance(30_000);
    const before = measure(client, 10_000);
    service.serviceMs = 200;
    clock.advance(3_000);
    expect(strategy.limit, "in the slow phase").to.be.below(12);
    service.serviceMs = 10;
    clock.advance(10_000);
    const after = measure(client, 10_000);
    expect(after.perSecond).to.be.above(0.9 * before.perSecond);
    expect(after.latencyMs).to.be.below(1.3 * before.latencyMs);
  });

  it(`takes a service that stays slow for what it is, after a probe (seed ${seed})`, () => {
    const strategy = adaptiveLease();
    const service = new SimulatedService(clock, 20, 10, numbers(seed));
    const client = new SimulatedClient(clock, strategy, service);
    clock.advance(30_000);
    service.serviceMs = 40;
    clock.advance(60_000);
    const { perSecond, latencyMs } = measure(client, 30_000);
    expect(perSecond, "of 500 per second").to.be.above(400);
    expect(latencyMs, "of 40 ms").to.be.below(80);
  });

  it(`shares among those that ask, in equal parts; who comes later isn't last (seed ${seed})`, () => {
    const strategy = adaptiveLease();
    const service = new SimulatedService(clock, 20, 10, numbers(seed));
    const clients = [0, 1, 2].map(() => new SimulatedClient(clock, strategy, service));
    clock.advance(30_000);
    clients.push(new SimulatedClient(clock, strategy, service));
    clock.advance(10_000);
    const before = clients.map(({ servedCount }) => servedCount);
    clock.advance(30_000);
    const served = clients.map(({ servedCount }, i) => servedCount - (before[i] ?? 0));
    const mean = served.reduce((sum, count) => sum + count, 0) / served.length;
    expect(mean * 4).to.be.above(0.85 * 20 * 100 * 30);
    for (const count of served) expect(count / mean, served.join(" ")).to.be.within(0.8, 1.2);
  });

  it(`an idle connection keeps one request at least and takes nothing from the others (seed ${seed})`, () => {
    const strategy = adaptiveLease();
    const service = new SimulatedService(clock, 20, 10, numbers(seed));
    const idle = Array.from({ length: 50 }, () => new SimulatedClient(clock, strategy, service, 0));
    const busy = new SimulatedClient(clock, strategy, service);
    clock.advance(30_000);
    for (let i = 0; i < 100; i++) {
      clock.advance(97);
      for (const { allowance } of idle) expect(allowance).to.be.above(0);
    }
    expect(measure(busy, 10_000).perSecond).to.be.above(1_800);
    const [first] = idle as [SimulatedClient];
    first.demand = 1;
    first.send();
    clock.advance(200);
    expect(first.servedCount).to.be.above(1);
    for (const client of [...idle, busy]) client.close();
    clock.advance(10_000);
    expect(clock.pendingCount, "timers").to.equal(0);
  });

  /** The longest time within `durationMs` in which a client was answered nothing that always has something to ask. */
  function longestPauseMs(clients: readonly SimulatedClient[], durationMs: number): number {
    const lastMs = clients.map(() => clock.now());
    const counts = clients.map(({ servedCount }) => servedCount);
    let longestMs = 0;
    for (const endMs = clock.now() + durationMs; clock.now() < endMs; ) {
      clock.advance(10);
      for (const [i, { servedCount }] of clients.entries()) {
        if (servedCount !== counts[i]) lastMs[i] = clock.now();
        counts[i] = servedCount;
        longestMs = Math.max(longestMs, clock.now() - (lastMs[i] ?? 0));
      }
    }
    return longestMs;
  }

  for (const [demand, serviceMs] of [
    [1, 3],
    [1, 10],
    [4, 10],
    [16, 10],
  ] as const) {
    it(`${demand} at once of ${serviceMs} ms go on through probes, which lower the limit (seed ${seed})`, () => {
      const service = new SimulatedService(clock, 20, serviceMs, numbers(seed));
      const client = new SimulatedClient(clock, adaptiveLease(), service, demand);
      expect(longestPauseMs([client], 35_000)).to.be.below(250);
      expect(client.refusedCount).to.equal(0);
    });
  }

  it(`those that ask go on when others begin to, and each has less (seed ${seed})`, () => {
    const strategy = adaptiveLease({ probeIntervalMs: 3_600_000 });
    const service = new SimulatedService(clock, 20, 3, numbers(seed));
    const first = new SimulatedClient(clock, strategy, service, 1);
    const others = [0, 1].map(() => new SimulatedClient(clock, strategy, service, 0));
    clock.advance(1_500);
    for (const other of others) {
      other.demand = 1;
      other.send();
    }
    expect(longestPauseMs([first, ...others], 8_000)).to.be.below(250);
    expect([first, ...others].map(({ refusedCount }) => refusedCount)).to.deep.equal([0, 0, 0]);
  });

  it(`bursts go on, too, and next to none is refused (seed ${seed})`, () => {
    const service = new SimulatedService(clock, 20, 10, numbers(seed));
    const strategy = adaptiveLease();
    const clients = [0, 1, 2].map(() => new SimulatedClient(clock, strategy, service, 1));
    const random = numbers(seed + 1);
    const change = (): void => {
      for (const client of clients) {
        client.demand = 1 + Math.floor(random() * 30);
        client.send();
      }
      clock.setTimer(20 + random() * 300, change);
    };
    change();
    expect(longestPauseMs(clients, 60_000)).to.be.below(250);
    const sumOf = (name: "servedCount" | "refusedCount"): number =>
      clients.reduce((sum, client) => sum + client[name], 0);
    expect(sumOf("refusedCount") / sumOf("servedCount")).to.be.below(0.001);
  });

  it("has no more served of a peer that heeds no lease than twice its share", () => {
    const strategy = adaptiveLease({ initialLimit: 20, maxLimit: 20, probeIntervalMs: 3_600_000 });
    const granted: LeaseGrant[] = [];
    let left = 0;
    const granter = strategy.attach({
      scheduler: clock,
      remoteAddress: "",
      get allowance() {
        return left;
      },
      get untilMs() {
        return clock.now() + 60_000;
      },
      runningCount: 0,
      grant: (grant) => {
        granted.push(grant);
        left = grant.requestCount + Math.min(grant.carriedCount ?? 0, left);
        expect(left + strategy.runningCount).to.be.at.most(40);
      },
    });
    granter.start();
    left = 20;
    for (let i = 0; i < 500; i++) {
      if (left > 0) {
        left--;
        granter.onRequest?.();
      }
      clock.advance(i % 7 === 0 ? 130 : 1);
      if (i % 3 === 0) {
        granter.onRequestEnd?.({ interaction: "request_response", durationMs: 1, ending: "completed" });
      }
    }
    expect(granted).to.not.have.length(0);
    granter.stop();
  });

  it("stays within its bounds, and counts what runs", () => {
    const strategy = adaptiveLease({ initialLimit: 8, minLimit: 4, maxLimit: 16 });
    expect(strategy.limit).to.equal(8);
    const service = new SimulatedService(clock, 1_000, 10, () => 0.5);
    const client = new SimulatedClient(clock, strategy, service);
    clock.advance(20_000);
    expect(strategy.limit).to.equal(16);
    expect(strategy.runningCount).to.be.within(1, 16);
    service.serviceMs = 1_000;
    for (let i = 0; i < 90; i++) {
      clock.advance(100);
      expect(client.runningCount).to.be.at.most(16);
      expect(strategy.limit).to.be.at.least(4);
    }
    client.close();
    expect(strategy.runningCount).to.equal(0);
  });

  it("begins with 20, or with the bound that is nearest to it", () => {
    const limits = [{}, { maxLimit: 10 }, { minLimit: 50 }].map((bounds) => adaptiveLease(bounds).limit);
    expect(limits).to.deep.equal([20, 10, 50]);
  });

  it("refuses numbers that can't be meant", () => {
    expect(() => adaptiveLease({ maxLimit: Number.NaN })).to.throw(RangeError, "maxLimit is NaN");
    expect(() => adaptiveLease({ minLimit: 0 })).to.throw(RangeError, "minLimit is 0");
    expect(() => adaptiveLease({ windowMs: Number.NaN })).to.throw(RangeError, "windowMs is NaN");
    expect(() => adaptiveLease({ initialLimit: 5, maxLimit: 4 })).to.throw(RangeError, "initialLimit is 5");
    expect(() => adaptiveLease({ minLimit: 5, maxLimit: 4 })).to.throw(RangeError, "minLimit is 5");
    expect(() => adaptiveLease({ ttlMs: 100 })).to.throw(RangeError, "four windows");
  });
});
