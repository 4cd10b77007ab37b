// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/peer.ts.
import { expect } from "chai";
import { Peer } from "../../../runtime/src/session/peer.js";
import { hex } from "../../support/frames-dsl.js";
import { expectNoTrace } from "../../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, newClient, openServer } from "../../support/probe.js";

describe("session/peer", () => {
  afterEach(expectNoTrace);

  it("is undecided until its hello comes or is known to be missing", () => {
    const peer = new Peer();
    expect([peer.kind, peer.isOurs, peer.version]).to.deep.equal(["undecided", false, 0]);
    peer.receiveHello(3);
    expect([peer.kind, peer.isOurs, peer.version]).to.deep.equal(["ours", true, 3]);
    peer.settleUnknown();
    expect(peer.kind).to.equal("ours");
  });

  it("becomes ours by a late hello", () => {
    const peer = new Peer();
    peer.settleUnknown();
    expect(peer.kind).to.equal("unknown");
    peer.receiveHello(1);
    expect(peer.isOurs).to.equal(true);
  });

  it("tells each listener once, at once when it is decided already, and none that was taken back", () => {
    const peer = new Peer();
    const log: string[] = [];
    peer.onceDecided(() => log.push(`a ${peer.kind}`));
    const takeBack = peer.onceDecided(() => log.push("b"));
    takeBack();
    peer.settleUnknown();
    peer.receiveHello(1);
    peer.onceDecided(() => log.push(`c ${peer.kind}`));
    expect(log).to.deep.equal(["a unknown", "c ours"]);
  });

  for (const [name, frame, kind] of [
    ["a METADATA_PUSH", hex`00000000 3100 6d`, "undecided"],
    ["a KEEPALIVE with R", KEEPALIVE_R, "undecided"],
    ["the answer to a KEEPALIVE", KEEPALIVE, "unknown"],
    ["a frame on a stream", hex`00000001 2860 61`, "unknown"],
    ["a request", hex`00000002 1000 61`, "unknown"],
  ] as const) {
    it(`is ${kind} to a client behind ${name} without a hello before it`, () => {
      const client = newClient();
      client.sent();
      client.receive(frame);
      expect(client.connection.peer.kind).to.equal(kind);
    });
  }

  it("is ours to a client whose hello came first, whatever follows", () => {
    const client = newClient();
    client.onMetadataPush = () => client.connection.peer.receiveHello(1);
    client.sent();
    client.receive(hex`00000000 3100 6d`, KEEPALIVE);
    expect(client.connection.peer.kind).to.equal("ours");
  });

  it("isn't settled for a server by frames: its hello was in SETUP or is not to come", () => {
    const server = openServer();
    server.receive(KEEPALIVE, hex`00000001 1000 61`);
    expect(server.connection.peer.kind).to.equal("undecided");
  });

  it("is settled with the connection's end, so that nobody waits for ever", () => {
    const client = newClient();
    const log: string[] = [];
    client.connection.peer.onceDecided(() => log.push(client.connection.peer.kind));
    client.lose();
    expect(log).to.deep.equal(["unknown"]);
  });
});
