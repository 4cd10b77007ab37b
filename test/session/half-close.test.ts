// SPDX-License-Identifier: Apache-2.0
// A peer that has closed its half of the link: it sends nothing more, and may still read what it asked for.

import { expect } from "chai";
import type { Limits } from "../../runtime/src/session/settings.js";
import { bytesOf, hex, textHex, uint } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { newClient, newServer, openClient, openServer, type Probe, SETUP } from "../support/probe.js";

describe("a peer that sends nothing more", () => {
  afterEach(expectNoTrace);

  it("gets the answers that it still waits for, then the connection ends without a word", () => {
    for (const probe of [openServer(), openClient()]) {
      const id = probe.connection.side === "server" ? "00000001" : "00000002";
      probe.receive(hex`${id} 1000 61`);
      probe.connection.peerEnded();
      expect(probe.connection.state).to.equal("draining");
      probe.call.stream.next(bytesOf("62"));
      expect(probe.sent()).to.deep.equal([hex`${id} 2860 62`]);
      expect(probe.log.at(-1)).to.equal("closed 0x101 remote");
      expect(probe.call.log).to.deep.equal([]);
      expectQuiet(probe.connection);
    }
  });

  it("never answers: what this side asked of it fails at once, calls that wait too, and no new one is made", () => {
    const client = openClient();
    client.receive(hex`00000002 1800 00000001 61`);
    const { log } = client.open("request_channel", { n: 1 });
    client.sent();
    const waiting: string[] = [];
    client.connection.queueCall({ admit: () => waiting.push("admitted"), fail: () => waiting.push("failed") });
    client.connection.peerEnded();
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(waiting).to.deep.equal(["failed"]);
    expect(() => client.open("request_response")).to.throw("the peer sends nothing more");
    expect(client.call.log).to.deep.equal([]);
    expect(client.connection.streamCount).to.equal(1);
  });

  it("leaves no memory behind for requests that will never be whole", () => {
    const server = openServer();
    server.receive(hex`00000001 1080 616161`); // REQUEST_RESPONSE, F
    server.receive(hex`00000003 1480 616161`); // REQUEST_FNF, F
    expect(server.connection.reassemblyBytes).to.equal(6);
    server.connection.peerEnded();
    expect(server.connection.reassemblyBytes).to.equal(0);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
    expect(server.calls).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([]);
  });

  // Of a client that asked never to be judged, and has streams that end only by its doing.
  function abandoned(limits: Partial<Limits>): Probe {
    const server = newServer({ settings: { limits } });
    server.receive(hex`
      00000000 0400   // SETUP
      0001 0000       // 1.0
      00004e20        // 20 s
      7fffffff        // never
      016d 0164
    `);
    server.receive(hex`00000001 1800 00000000 61`); // a stream without credit
    server.receive(hex`00000003 1c00 00000001 61`); // a channel whose items don't come
    expect(server.connection.nextTimeoutMs).to.equal(undefined);
    server.connection.peerEnded();
    return server;
  }

  it("isn't waited for longer than one that reads nothing: stallTimeoutMs, though it asked never to be judged", () => {
    const server = abandoned({});
    server.advance(29_999);
    expect(server.connection.state).to.equal("draining");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
    for (const { log } of server.calls) expect(log.at(-1)).to.match(/^error/);
  });

  it("isn't waited for longer than maxLifetimeMs either", () => {
    const server = abandoned({ maxLifetimeMs: 5_000 });
    server.advance(4_999);
    expect(server.connection.state).to.equal("draining");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("ends the connection at once when it waits for nothing", () => {
    const server = openServer();
    server.connection.peerEnded();
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
    expect(server.sent()).to.deep.equal([]);
  });

  it("ends it at once while a client still waits to be accepted, and before a server has heard of SETUP", () => {
    const client = newClient();
    const { log } = client.open("request_response");
    client.sent();
    client.connection.peerEnded();
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(client.connection.state).to.equal("closed");
    const server = newServer();
    server.connection.peerEnded();
    expect(server.connection.state).to.equal("closed");
    expect(server.sent()).to.deep.equal([]);
  });

  it("is answered what waits behind a SETUP that is still being accepted", () => {
    const server = newServer({ manualAccept: true, onRequest: ({ stream }) => void stream.next(bytesOf("62")) });
    server.receive(SETUP, hex`00000001 1000 61`);
    server.connection.peerEnded();
    expect(server.connection.state).to.equal("accepting");
    server.connection.accept();
    expect(server.sent()).to.deep.equal([hex`00000001 2860 62`]);
    expect(server.log).to.deep.equal(["setup", "draining", "closed 0x101 remote"]);
  });

  it("CONN-07: a SETUP that is being accepted is refused when this side closes", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP, hex`00000001 1000 61`);
    server.connection.close("server is draining", 1_000);
    expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000003 ${textHex("server is draining")}`]);
    expect(server.connection.state).to.equal("closed");
  });

  it("frames behind SETUP are handled as long as the turn goes on, in order with those that come meanwhile", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP, ...[1, 3, 5, 7].map((id) => hex`${uint(id, 4)} 1000 61`));
    let left = 2;
    server.connection.accept(() => --left > 0);
    expect(server.calls).to.have.length(2);
    expect([server.connection.isHolding, server.connection.wantsRead]).to.deep.equal([true, false]);
    server.receive(hex`00000009 1000 61`);
    server.connection.releaseHeld(() => true, server.nowMs);
    expect(server.calls.map(({ stream }) => stream.id)).to.deep.equal([1, 3, 5, 7, 9]);
    expect([server.connection.isHolding, server.connection.wantsRead]).to.deep.equal([false, true]);
    server.lose();
  });

  it("ends a connection that is still being accepted when nothing waits behind SETUP", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP);
    server.connection.peerEnded();
    expect(server.connection.state).to.equal("closed");
    server.connection.accept();
    expect(server.sent()).to.deep.equal([]);
  });

  it("is no news on a connection that is over, and no news twice", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.peerEnded();
    server.connection.peerEnded();
    server.lose();
    server.connection.peerEnded();
    expect(server.log).to.deep.equal(["setup", "draining", "closed 0x101 remote"]);
    expect(server.call.log).to.deep.equal(["error connection 0x101 remote"]);
  });

  it("has what it was told of fire-and-forget written before the end", () => {
    const server = openServer();
    const { log } = server.open("fire_and_forget", { data: "61" });
    server.connection.peerEnded();
    expect(server.sent()).to.deep.equal([hex`00000002 1400 61`]);
    expect(log).to.deep.equal(["complete"]);
    expect(server.connection.state).to.equal("closed");
  });
});
