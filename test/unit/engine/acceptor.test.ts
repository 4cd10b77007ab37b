// SPDX-License-Identifier: Apache-2.0
// How many connections a server has, in all and by address, and how long each may take to say who it is.

import { expect } from "chai";
import { Acceptor } from "../../../runtime/src/engine/acceptor.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";

const INVALID_SETUP = 0x001;
const REJECTED_SETUP = 0x003;

function createAcceptor(
  scheduler: VirtualScheduler,
  limits: Partial<ConstructorParameters<typeof Acceptor>[1]> = {},
): Acceptor {
  return new Acceptor(scheduler, {
    setupTimeoutMs: 10_000,
    maxConnections: 10,
    maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
    ...limits,
  });
}

describe("the acceptor", () => {
  let scheduler: VirtualScheduler;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
  });

  it("admits up to the limit, and says what the limit is", () => {
    const acceptor = createAcceptor(scheduler, { maxConnections: 2 });
    expect(acceptor.admit("10.0.0.1:1")).to.equal(undefined);
    expect(acceptor.admit("10.0.0.2:1")).to.equal(undefined);
    expect(acceptor.admit("10.0.0.3:1")).to.equal("server is full: more than 2 connections");
    expect(acceptor.count).to.equal(2);
    acceptor.leave("10.0.0.1:1");
    expect(acceptor.admit("10.0.0.3:1")).to.equal(undefined);
  });

  it("counts by address, whatever the port", () => {
    const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 2 });
    for (const port of [1, 2]) expect(acceptor.admit(`10.0.0.1:${port}`)).to.equal(undefined);
    expect(acceptor.admit("10.0.0.1:3")).to.equal("server is full: more than 2 connections from one address");
    expect(acceptor.admit("10.0.0.2:1")).to.equal(undefined);
    expect(acceptor.admit("[::1]:1")).to.equal(undefined);
    expect(acceptor.admit("[::1]:2")).to.equal(undefined);
    expect(acceptor.admit("[::1]:3")).to.equal("server is full: more than 2 connections from one address");
    acceptor.leave("10.0.0.1:1");
    expect(acceptor.admit("10.0.0.1:4")).to.equal(undefined);
  });

  it("doesn't count those without an address as neighbours", () => {
    const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 1 });
    for (let i = 0; i < 3; i++) expect(acceptor.admit("")).to.equal(undefined);
    acceptor.leave("");
    expect(acceptor.count).to.equal(2);
  });

  it("one that was refused doesn't count", () => {
    const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 1 });
    acceptor.admit("10.0.0.1:1");
    for (let i = 0; i < 5; i++) acceptor.admit("10.0.0.1:2");
    expect(acceptor.count).to.equal(1);
    acceptor.leave("10.0.0.1:1");
    expect(acceptor.admit("10.0.0.1:3")).to.equal(undefined);
  });

  it("ends a newcomer without SETUP when its time is up, in all and not idle", async () => {
    const acceptor = createAcceptor(scheduler);
    const ends: string[] = [];
    const newcomer = {
      awaitsSetup: true,
      awaitsAcceptance: false,
      abort: (message: string, code?: number) => ends.push(`${code} ${message}`),
    };
    acceptor.watch(newcomer, INVALID_SETUP, REJECTED_SETUP);
    await scheduler.advance(9_999);
    expect(ends).to.deep.equal([]);
    await scheduler.advance(1);
    expect(ends).to.deep.equal(["1 no SETUP within 10000 ms"]);
    expect(scheduler.timerCount).to.equal(0);
  });

  it("ends one whose SETUP the application hasn't answered when its time is up", async () => {
    const acceptor = createAcceptor(scheduler);
    const ends: string[] = [];
    const abort = (message: string, code?: number) => ends.push(`${code} ${message}`);
    acceptor.watch({ awaitsSetup: false, awaitsAcceptance: true, abort }, INVALID_SETUP, REJECTED_SETUP);
    await scheduler.advance(10_000);
    expect(ends).to.deep.equal(["3 not accepted within 10000 ms"]);
  });

  it("leaves one alone whose SETUP has come, or whose watch was stopped", async () => {
    const acceptor = createAcceptor(scheduler);
    const ends: string[] = [];
    const create = (awaitsSetup: boolean) => ({
      awaitsSetup,
      awaitsAcceptance: false,
      abort: (message: string) => ends.push(message),
    });
    acceptor.watch(create(false), INVALID_SETUP, REJECTED_SETUP);
    acceptor.watch(create(true), INVALID_SETUP, REJECTED_SETUP)();
    expect(scheduler.timerCount).to.equal(1);
    await scheduler.advance(20_000);
    expect(ends).to.deep.equal([]);
  });
});
