// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §KEEPALIVE: the rules KA.

import { expect } from "chai";
import { hex, repeat } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, newServer, openClient, openServer, SETUP } from "../support/probe.js";

describe("RSocket 1.0 §KEEPALIVE", () => {
  afterEach(expectNoTrace);

  it("KA-01: KEEPALIVE goes out on stream 0, and on another stream it is ignored", () => {
    const client = openClient();
    client.open("request_response");
    client.sent();
    client.receive(hex`00000001 0c80 0000000000000000 61`, hex`00000003 0c80 0000000000000000`);
    expect(client.sent()).to.deep.equal([]);
    client.advance(20_000);
    expect(client.sent()).to.deep.equal([KEEPALIVE_R]);
  });

  it("KA-02: a client sends KEEPALIVE with R at the interval it announced, under load as well", () => {
    const client = openClient({ settings: { keepaliveIntervalMs: 500, maxLifetimeMs: 2_000 } });
    const sentAt: number[] = [];
    for (let i = 0; i < 40; i++) {
      client.advance(50);
      client.receive(hex`00000000 0c00 0000000000000000`);
      client.open("fire_and_forget", { data: "61" });
      if (client.sent()[0] === KEEPALIVE_R) sentAt.push(client.nowMs);
    }
    expect(sentAt).to.deep.equal([1_500, 2_000, 2_500, 3_000]);
  });

  it("KA-02: KEEPALIVE goes ahead of everything that waits on streams", () => {
    const client = openClient();
    client.isBlocked = true;
    client.open("request_response", { data: repeat("61", 100) });
    client.advance(20_000);
    client.isBlocked = false;
    expect(client.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([hex`00000000 0c80`, hex`00000001 1000`]);
  });

  it("KA-02: intervals that were missed aren't made up for", () => {
    const client = openClient({ settings: { keepaliveIntervalMs: 100 } });
    client.nowMs += 1_000;
    client.connection.handleTimeout(client.nowMs);
    expect(client.sent()).to.deep.equal([KEEPALIVE_R]);
    expect(client.connection.nextTimeoutMs).to.equal(client.nowMs + 100);
  });

  it("KA-02: an interval of 2^31-1 means never", () => {
    const client = openClient({ settings: { keepaliveIntervalMs: 0x7fffffff, maxLifetimeMs: 0x7fffffff } });
    expect(client.connection.nextTimeoutMs).to.equal(undefined);
  });

  it("KA-03: a server sends none by itself", () => {
    const server = openServer();
    server.advance(80_000);
    expect(server.sent()).to.deep.equal([]);
  });

  it("KA-03: with serverKeepalive a server sends KEEPALIVE with R at the client's interval", () => {
    const server = openServer({ settings: { compatibility: { serverKeepalive: true } } });
    server.advance(19_999);
    expect(server.sent()).to.deep.equal([]);
    server.advance(1);
    expect(server.sent()).to.deep.equal([KEEPALIVE_R]);
  });

  it("KA-04, KA-05: KEEPALIVE with R is answered without R, with exactly its data", () => {
    for (const probe of [openServer(), openClient()]) {
      probe.receive(hex`
        00000000          // stream 0
        0c80              // KEEPALIVE, R
        0000000000000000  // position
        00ff 6162         // data
      `);
      expect(probe.sent()).to.deep.equal([
        hex`
          00000000          // stream 0
          0c00              // KEEPALIVE
          0000000000000000  // position
          00ff 6162         // data
        `,
      ]);
    }
  });

  it("KA-05: 64 KiB of data come back as they were", () => {
    const server = openServer();
    const data = repeat("a7", 65_536);
    server.receive(hex`00000000 0c80 0000000000000000` + data);
    expect(server.sent()).to.deep.equal([hex`00000000 0c00 0000000000000000` + data]);
  });

  it("KA-06: without resumption the position is 0, whatever the peer's is", () => {
    const client = openClient();
    client.receive(hex`00000000 0c80 00000000000004d2`);
    expect(client.sent()).to.deep.equal([KEEPALIVE]);
    client.advance(20_000);
    expect(client.sent()).to.deep.equal([KEEPALIVE_R]);
  });

  it("KA-07: a peer that is silent for the lifetime is given up, without a word", () => {
    const client = openClient({ settings: { keepaliveIntervalMs: 30_000, maxLifetimeMs: 90_000 } });
    const { log } = client.open("request_response");
    client.advance(89_999);
    client.sent();
    expect(client.connection.state).to.equal("open");
    client.advance(1);
    expect(client.log.at(-1)).to.equal("closed 0x101 remote");
    expect(client.connection.closeReason?.message).to.equal("nothing received for 90000 ms");
    expect(client.connection.mustAbort).to.equal(true);
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(client.sent()).to.deep.equal([]);
  });

  it("KA-07: a server gives a client up after the lifetime that the client announced", () => {
    const server = newServer();
    server.receive(SETUP);
    server.advance(89_999);
    expect(server.connection.state).to.equal("open");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  for (const [name, frame] of [
    ["a KEEPALIVE", KEEPALIVE],
    ["a PAYLOAD on a stream that isn't there", hex`00000063 2820 61`],
    ["a frame that means nothing", hex`00000000 be00`],
  ] as const) {
    it(`KA-07: ${name} is life`, () => {
      const server = openServer();
      for (let i = 0; i < 5; i++) {
        server.advance(80_000);
        server.receive(frame);
      }
      expect(server.connection.state).to.equal("open");
    });
  }

  it("KA-07: bytes of a frame that isn't whole yet are life", () => {
    const server = openServer();
    for (let i = 1; i < 6; i++) {
      server.advance(80_000);
      server.connection.receivePart(i, server.nowMs);
    }
    expect(server.connection.state).to.equal("open");
  });

  it("KA-07: silence isn't held against a peer while this side doesn't read", () => {
    const server = openServer({ settings: { limits: { readPauseBytes: 1_000 } } });
    server.receive(hex`00000001 1800 00000064 61`);
    server.isBlocked = true;
    server.call.stream.next(new Uint8Array(2_000));
    expect(server.connection.wantsRead).to.equal(false);
    server.advance(200_000);
    expect(server.connection.state).to.equal("open");
    server.isBlocked = false;
    server.sent();
    expect(server.connection.wantsRead).to.equal(true);
    server.advance(90_000);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("KA-07: after a pause of the process what was received counts before silence does", () => {
    const client = openClient();
    client.nowMs += 600_000;
    client.receive(KEEPALIVE);
    client.connection.handleTimeout(client.nowMs);
    expect(client.connection.state).to.equal("open");
  });

  it("KA-07: a lifetime of 2^31-1 is never judged", () => {
    const server = newServer();
    server.receive(hex`00000000 0400 0001 0000 00004e20 7fffffff 016d 0164`);
    expect(server.connection.nextTimeoutMs).to.equal(undefined);
  });

  it("KA-07: with peerMayBeSilent neither side judges the other's silence; the client still sends its own", () => {
    const server = openServer({ settings: { compatibility: { peerMayBeSilent: true } } });
    expect(server.connection.nextTimeoutMs).to.equal(undefined);
    const client = openClient({ settings: { compatibility: { peerMayBeSilent: true } } });
    client.advance(1_000_000);
    expect(client.connection.state).to.equal("open");
    expect(new Set(client.sent())).to.deep.equal(new Set([KEEPALIVE_R]));
  });

  it("KA-08: KEEPALIVE without R is not answered", () => {
    for (const probe of [openServer(), openClient()]) {
      probe.receive(KEEPALIVE);
      expect(probe.sent()).to.deep.equal([]);
    }
  });
});
