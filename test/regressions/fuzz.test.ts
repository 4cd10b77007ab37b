// SPDX-License-Identifier: Apache-2.0
// What random bytes found: each was a crash of a target in test/fuzz, here by the few frames that it takes.

import { expect } from "chai";
import { ResumeLedger } from "../../runtime/src/session/resume-store.js";
import { hex } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { newClient, newServer, openServer, SETUP } from "../support/probe.js";

describe("found by fuzzing", () => {
  afterEach(expectNoTrace);

  it("a METADATA_PUSH of a server that hasn't accepted yet doesn't look like the acceptance", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP);
    server.connection.metadataPush(Uint8Array.of(1));
    expect(server.sent()).to.deep.equal([]);
    server.connection.accept();
    expect(server.sent()).to.deep.equal([hex`00000000 3100 01`]);
  });

  it("nothing goes out in front of a refusal", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP);
    server.connection.metadataPush(Uint8Array.of(1));
    server.connection.reject(0x003, Uint8Array.of(0x6e, 0x6f), "no");
    expect(server.sent()).to.deep.equal([
      hex`
        00000000  // stream 0
        2c00      // ERROR
        00000003  // REJECTED_SETUP
        6e6f      // "no"
      `,
    ]);
  });

  it("an unfinished request doesn't make a closing server's timer fire without a pause", () => {
    const server = openServer();
    server.connection.peer.receiveHello(1);
    server.connection.close("closed", 1_000);
    server.sent();
    server.receive(hex`
      00000001  // stream 1
      1480      // REQUEST_FNF, F: served in the time that is left, and never whole
      61        // data
    `);
    server.sent();
    server.advance(999);
    expect(server.connection.nextTimeoutMs).to.equal(server.nowMs + 1);
    server.nowMs++;
    server.connection.handleTimeout(server.nowMs);
    expect(server.connection.state).to.equal("draining");
    // The next that there is to look at is the silence of the peer.
    expect(server.connection.nextTimeoutMs).to.be.above(server.nowMs + 10_000);
    server.receive(hex`
      00000001  // stream 1
      2820      // PAYLOAD, N: the rest
      62        // data
    `);
    server.sent();
    // Who has said something since it was to close will: the rest of the grace is left to it, without a timer either.
    expect(server.connection.state).to.equal("draining");
    expect(server.connection.nextTimeoutMs).to.be.above(server.nowMs + 10_000);
    server.connection.abandonStreams("closed");
    server.sent();
    expect(server.connection.state).to.equal("closed");
  });

  it("a client that resumes says no farewell in front of RESUME", () => {
    const resumption = { token: new Uint8Array(16), ledger: new ResumeLedger(1_000) };
    const client = newClient({ resumption });
    client.sent();
    client.receive(hex`
      00000000          // stream 0
      0c00              // KEEPALIVE
      0000000000000000  // position 0
    `);
    client.lose();
    client.connection.linkOpened(client.nowMs);
    client.connection.receiveMalformed("frame length 0", false);
    expect(client.sent()).to.deep.equal([]);
    expect(client.connection.state).to.equal("closed");
  });
});
