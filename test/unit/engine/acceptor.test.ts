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

  it("counts IPv6 by the first 64 bits, which one household or host has to itself", () => {
    const one = "server is full: more than 1 connections from one address";
    for (const [first, same, other] of [
      ["[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:2", "[2001:db8:1:3::1]:1"],
      ["[2001:db8::1]:1", "[2001:db8::1:2:3:4]:1", "[2001:db8:0:1::1]:1"],
      ["[2001:db8::2:0:0:1]:1", "[2001:db8:0:0:3::]:1", "[2001:db8::1:0:0:0:1]:1"],
      ["[1::2:3:4:5:6:7]:1", "[1:0:2:3::]:1", "[1:0:2:4::]:1"],
      ["[fe80::1%eth0]:1", "[fe80::2]:1", "[fe80:0:0:1::2]:1"],
      ["[::1]:1", "[::2]:1", "[0:0:0:1::1]:1"],
      ["2001:db8:1:2::1", "[2001:DB8:1:2::2]:1", "2001:db8:1:3::1"],
    ] as const) {
      const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 1 });
      expect(acceptor.admit(first), first).to.equal(undefined);
      expect(acceptor.admit(same), same).to.equal(one);
      expect(acceptor.admit(other), other).to.equal(undefined);
      acceptor.leave(first);
      expect(acceptor.admit(same), same).to.equal(undefined);
    }
  });

  it("counts an IPv4 address on a socket of IPv6 as what it is", () => {
    const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 1 });
    expect(acceptor.admit("[::ffff:10.0.0.1]:1")).to.equal(undefined);
    expect(acceptor.admit("[::ffff:10.0.0.2]:1")).to.equal(undefined);
    expect(acceptor.admit("10.0.0.1:2")).to.contain("from one address");
    acceptor.leave("[::ffff:10.0.0.1]:1");
    expect(acceptor.admit("10.0.0.1:2")).to.equal(undefined);
  });

  it("makes something of addresses that are none", () => {
    const acceptor = createAcceptor(scheduler, { maxConnectionsPerAddress: 1 });
    for (const address of [
      "[",
      "[]",
      "[:]:1",
      "::::",
      "[1::2::3]",
      "a:b:c",
      "[::1",
      "/run/x.sock",
      "host.example:80",
    ]) {
      expect(acceptor.admit(address), address).to.equal(undefined);
      acceptor.leave(address);
    }
    expect(acceptor.count).to.equal(0);
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
