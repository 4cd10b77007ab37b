// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Lease Semantics: who may ask how much, by the bytes of both directions.

import { expect } from "chai";
import { StreamError } from "../../runtime/src/session/errors.js";
import type { Lease } from "../../runtime/src/session/lease.js";
import { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, hex, hexOf, textHex } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import {
  KEEPALIVE,
  KEEPALIVE_R,
  newClient,
  newServer,
  type Probe,
  type ProbeOptions,
  SETUP,
} from "../support/probe.js";

const SETUP_L = hex`
  00000000   // stream 0
  0440       // SETUP, L
  0001 0000  // version 1.0
  00004e20   // keepalive every 20,000 ms
  00015f90   // lifetime 90,000 ms
  01 6d      // metadata mime type "m"
  01 64      // data mime type "d"
`;

/** LEASE of the peer: ttl and number of requests, four bytes each. */
const lease = (ttl: string, count: string): string => hex`
  00000000  // stream 0
  0800      // LEASE, no flags
  ${ttl}    // time to live, ms
  ${count}  // requests
`;
const FIVE_FOR_A_SECOND = lease("000003e8", "00000005");

/** ERROR[REJECTED] on a stream. */
const rejected = (streamId: string): string => hex`
  ${streamId}
  2c00       // ERROR
  00000202   // REJECTED
  ${textHex("there is no lease for this request")}
`;

/** A client whose SETUP said L and was accepted. */
function leasedClient(options: Omit<ProbeOptions, "side"> = {}): Probe {
  const client = newClient({ lease: {}, ...options });
  expect(client.sent()).to.deep.equal([SETUP_L, KEEPALIVE_R]);
  client.receive(KEEPALIVE);
  return client;
}

/** A server that has accepted a SETUP with L. */
function leasedServer(options: Omit<ProbeOptions, "side"> = {}): Probe {
  const server = newServer({ lease: {}, ...options });
  server.receive(SETUP_L);
  expect(server.log).to.deep.equal(["setup"]);
  return server;
}

function grant(probe: Probe, requestCount: number, ttlMs: number, metadata?: Uint8Array): void {
  probe.connection.grantLease({ requestCount, ttlMs, metadata }, probe.nowMs);
}

/** Opens as many as it may of so many. */
function openSome(probe: Probe, count: number, interaction: Interaction = Interaction.FIRE_AND_FORGET): number {
  let opened = 0;
  for (let i = 0; i < count; i++) {
    probe.connection.lookAt(probe.nowMs);
    if (!probe.connection.hasLease) break;
    probe.open(interaction);
    opened++;
  }
  return opened;
}

describe("RSocket 1.0 §Lease Semantics", () => {
  afterEach(expectNoTrace);

  it("LEASE-01: a LEASE goes out on stream 0, with ttl before the number of requests", () => {
    const server = leasedServer();
    grant(server, 7, 2_000);
    expect(server.sent()).to.deep.equal([
      hex`
        00000000  // stream 0
        0800      // LEASE, no flags
        000007d0  // 2,000 ms
        00000007  // 7 requests
      `,
    ]);
  });

  it("LEASE-01: one on another stream is ignored", () => {
    const client = leasedClient();
    client.receive(hex`00000001 0800 000003e8 00000005`);
    expect(client.connection.hasLease).to.equal(false);
    expect(client.connection.state).to.equal("open");
  });

  it("LEASE-02: the last LEASE replaces the one before, whether it is more or less", () => {
    const client = leasedClient();
    client.receive(FIVE_FOR_A_SECOND);
    expect(openSome(client, 2)).to.equal(2);
    client.receive(lease("000003e8", "00000004"));
    expect(openSome(client, 99)).to.equal(4);
    client.receive(FIVE_FOR_A_SECOND, lease("000003e8", "00000001"));
    expect(openSome(client, 99)).to.equal(1);
  });

  it("LEASE-02, LEASE-07: the responder holds its peer to the last one, too", () => {
    const server = leasedServer();
    grant(server, 5, 1_000);
    grant(server, 1, 1_000);
    server.sent();
    server.receive(hex`00000001 1000 61`, hex`00000003 1000 61`);
    expect(server.calls).to.have.length(1);
    expect(server.sent()).to.deep.equal([rejected("00000003")]);
  });

  it("LEASE-03: 0 requests or 0 ms stop all", () => {
    for (const stop of [lease("000003e8", "00000000"), lease("00000000", "00000005")]) {
      const client = leasedClient();
      client.receive(FIVE_FOR_A_SECOND, stop);
      expect(openSome(client, 99)).to.equal(0);
    }
    const server = leasedServer();
    grant(server, 5, 1_000);
    grant(server, 0, 1_000);
    server.receive(hex`00000001 1000 61`);
    grant(server, 5, 0);
    server.receive(hex`00000003 1000 61`);
    expect(server.calls).to.deep.equal([]);
    expect(server.sent().slice(-2)).to.deep.equal([rejected("00000001"), rejected("00000003")]);
  });

  it("LEASE-03, HDR-05: the largest numbers count, and the top bit is no part of them", () => {
    const client = leasedClient();
    client.receive(lease("7fffffff", "7fffffff"));
    client.advance(0);
    expect(client.connection.leases?.gate?.leftAt(client.nowMs + 0x7ffffffe)).to.equal(0x7fffffff);
    client.receive(lease("800003e8", "80000005"));
    expect(openSome(client, 99)).to.equal(5);
    client.receive(lease("000003e8", "80000000")); // 2^31 is 0
    expect(openSome(client, 99)).to.equal(0);
    expect(client.connection.state).to.equal("open");
  });

  it("LEASE-03: numbers that can't be said are refused where they are given", () => {
    const server = leasedServer();
    for (const [count, ttlMs] of [
      [-1, 1],
      [1, -1],
      [2 ** 31, 1],
      [1, 2 ** 31],
      [1.5, 1],
      [Number.NaN, 1],
    ] as const) {
      expect(() => grant(server, count, ttlMs)).to.throw(RangeError, "expected a whole number 0 … 2^31-1");
    }
    expect(() => grant(server, 1, 1, new Uint8Array(16_777_215))).to.throw(RangeError, "can't be fragmented");
    expect(server.sent()).to.deep.equal([]);
  });

  it("LEASE-04: what isn't used within the ttl, from receipt, is lost", () => {
    const client = leasedClient();
    client.advance(500);
    client.receive(FIVE_FOR_A_SECOND);
    client.nowMs += 999;
    expect(openSome(client, 2)).to.equal(2);
    client.nowMs += 1;
    expect(openSome(client, 2)).to.equal(0);
    expect(() => client.open(Interaction.REQUEST_RESPONSE)).to.throw(StreamError, "no lease");
  });

  it("LEASE-04: the responder refuses what comes after the ttl", () => {
    const server = leasedServer();
    grant(server, 5, 1_000);
    server.sent();
    server.advance(999);
    server.receive(hex`00000001 1000 61`);
    server.advance(1);
    server.receive(hex`00000003 1000 61`);
    expect(server.calls).to.have.length(1);
    expect(server.sent()).to.deep.equal([rejected("00000003")]);
  });

  it("LEASE-05: metadata is the rest of the frame, without a length, both ways", () => {
    const told: Lease[] = [];
    const client = leasedClient({ lease: { onLease: (granted) => told.push(granted) } });
    client.receive(
      hex`
        00000000  // stream 0
        0900      // LEASE, M
        000003e8  // 1,000 ms
        00000005  // 5 requests
        000001    // metadata
      `,
      hex`00000000 0900 000003e8 00000005`, // M, and none: as rsocket-java always sends it
      FIVE_FOR_A_SECOND,
    );
    expect(told.map(({ metadata }) => (metadata === undefined ? undefined : hexOf(metadata)))).to.deep.equal([
      "000001",
      "",
      undefined,
    ]);
    const server = leasedServer();
    grant(server, 5, 1_000, bytesOf("000001"));
    expect(server.sent()).to.deep.equal([hex`00000000 0900 000003e8 00000005 000001`]);
  });

  it("LEASE-06: a requester sends no more than it was granted", () => {
    const client = leasedClient();
    expect(openSome(client, 9)).to.equal(0);
    client.receive(FIVE_FOR_A_SECOND);
    expect(openSome(client, 9)).to.equal(5);
    expect(client.sent()).to.have.length(5);
    expect(() => client.open(Interaction.REQUEST_RESPONSE)).to.throw(StreamError, "no lease");
    expect(client.sent()).to.deep.equal([]);
    client.receive(FIVE_FOR_A_SECOND);
    // What failed has taken no stream id.
    client.open(Interaction.FIRE_AND_FORGET);
    expect(client.sent()).to.deep.equal([hex`0000000b 1400`]);
  });

  it("LEASE-06: calls that wait go out with the next LEASE, in order, as many as it allows", () => {
    const client = leasedClient();
    const done: string[] = [];
    for (const name of ["a", "b", "c"]) {
      expect(client.connection.hasRoom).to.equal(false);
      client.connection.queueCall({
        admit: () => {
          done.push(name);
          client.open(Interaction.FIRE_AND_FORGET, { data: textHex(name) });
        },
        fail: (error) => done.push(`${name} ${error.message}`),
      });
    }
    expect(client.sent()).to.deep.equal([]);
    client.receive(lease("000003e8", "00000002"));
    expect(client.sent()).to.deep.equal([hex`00000001 1400 61`, hex`00000003 1400 62`]);
    client.receive(lease("000003e8", "00000002"));
    expect(client.sent()).to.deep.equal([hex`00000005 1400 63`]);
    expect(done).to.deep.equal(["a", "b", "c"]);
    expect(client.connection.hasRoom).to.equal(true);
  });

  it("LEASE-07, A15: without a lease a request is answered REJECTED, fire-and-forget with nothing, and both are told", () => {
    const told: boolean[] = [];
    const server = leasedServer({ lease: { onRefused: (isFireAndForget) => told.push(isFireAndForget) } });
    server.receive(
      hex`00000001 1000 61`, // REQUEST_RESPONSE
      hex`00000003 1400 61`, // REQUEST_FNF
      hex`00000005 1800 00000001 61`, // REQUEST_STREAM, n = 1
      hex`00000007 1c00 00000001 61`, // REQUEST_CHANNEL, n = 1
    );
    expect(server.sent()).to.deep.equal([rejected("00000001"), rejected("00000005"), rejected("00000007")]);
    expect(server.calls).to.deep.equal([]);
    expect(told).to.deep.equal([false, true, false, false]);
    expect(server.connection.leases?.refusedCount).to.equal(4);
    expect(server.connection.streamCount).to.equal(0);
  });

  it("LEASE-07: exactly as many are served as were granted, whatever crosses", () => {
    const server = leasedServer();
    grant(server, 2, 1_000);
    server.receive(...["1", "3", "5"].map((id) => hex`0000000${id} 1000 61`));
    expect(server.calls).to.have.length(2);
    grant(server, 1, 1_000);
    server.receive(hex`00000007 1000 61`, hex`00000009 1000 61`);
    expect(server.calls).to.have.length(3);
    server.sent();
  });

  it("LEASE-07: only where it is said so, requests that cross a LEASE are taken beyond it, at most as many as were left", () => {
    const server = leasedServer();
    grant(server, 3, 1_000);
    server.receive(hex`00000001 1000 61`);
    server.connection.grantLease({ requestCount: 1, ttlMs: 1_000 }, server.nowMs, 99);
    server.receive(...["3", "5", "7", "9"].map((id) => hex`0000000${id} 1000 61`));
    expect(server.calls.map(({ stream }) => stream.id)).to.deep.equal([1, 3, 5, 7]);
    expect(server.sent().at(-1)).to.equal(rejected("00000009"));
  });

  it("LEASE-07: the fragments of a refused request are dropped, the connection lives", () => {
    const server = leasedServer();
    server.receive(hex`00000001 1080 61`, hex`00000001 28a0 62`, hex`00000001 2820 63`, KEEPALIVE_R);
    expect(server.sent()).to.deep.equal([KEEPALIVE, rejected("00000001")]);
    expect(server.connection.reassemblyBytes).to.equal(0);
  });

  for (const [name, interaction, frame] of [
    ["REQUEST_FNF", Interaction.FIRE_AND_FORGET, hex`00000001 1400 61`],
    ["REQUEST_RESPONSE", Interaction.REQUEST_RESPONSE, hex`00000001 1000 61`],
    ["REQUEST_STREAM", Interaction.REQUEST_STREAM, hex`00000001 1800 00000001 61`],
    ["REQUEST_CHANNEL", Interaction.REQUEST_CHANNEL, hex`00000001 1c00 00000001 61`],
  ] as const) {
    it(`LEASE-08: ${name} costs one, on both sides`, () => {
      const client = leasedClient();
      client.receive(FIVE_FOR_A_SECOND);
      client.open(interaction, { data: "61", n: 1 });
      expect(client.sent()).to.deep.equal([frame]);
      expect(client.connection.leases?.gate?.leftAt(client.nowMs)).to.equal(4);
      const server = leasedServer();
      grant(server, 5, 1_000);
      server.receive(frame);
      expect(server.calls).to.have.length(1);
      expect(server.connection.leases?.ledger?.leftAt(server.nowMs)).to.equal(4);
      server.sent();
    });
  }

  it("LEASE-08: a request in fragments costs one, on both sides, and so do the items of a channel", () => {
    const client = leasedClient({ settings: { fragmentBytes: 64 } });
    const server = leasedServer();
    client.receive(lease("000003e8", "00000002"));
    grant(server, 2, 1_000);
    server.sent();
    const { stream } = client.open(Interaction.REQUEST_CHANNEL, { data: "61".repeat(200), n: 1 });
    const fragments = client.sent();
    expect(fragments).to.have.length.above(3);
    server.receive(...fragments);
    expect(server.call.data).to.equal("61".repeat(200));
    server.call.stream.request(2);
    client.receive(...server.sent());
    stream.next(bytesOf("62"));
    stream.next(bytesOf("63"));
    server.receive(...client.sent());
    expect(server.call.log).to.deep.equal(["next 62", "next 63"]);
    expect(client.connection.leases?.gate?.leftAt(client.nowMs)).to.equal(1);
    expect(server.connection.leases?.ledger?.leftAt(server.nowMs)).to.equal(1);
  });

  it("LEASE-09: what is left of a lease is forgotten with its link, in both directions", () => {
    for (const probe of [leasedClient(), leasedServer()]) {
      probe.receive(FIVE_FOR_A_SECOND);
      grant(probe, 0, 1_000);
      probe.connection.leases?.forget(probe.nowMs);
      expect(openSome(probe, 9)).to.equal(0);
      const id = probe.connection.side === "client" ? "00000002" : "00000001";
      probe.receive(hex`${id} 1000 61`);
      expect(probe.sent().at(-1)).to.equal(rejected(id));
      expect(probe.calls).to.deep.equal([]);
      grant(probe, 1, 1_000);
      probe.receive(FIVE_FOR_A_SECOND, hex`0000000${probe.connection.side === "client" ? 4 : 3} 1000 61`);
      expect(probe.calls).to.have.length(1);
      expect(openSome(probe, 9)).to.equal(5);
    }
    const unasked = newClient();
    unasked.receive(KEEPALIVE, lease("000003e8", "00000000"));
    unasked.connection.leases?.forget(unasked.nowMs);
    expect(unasked.connection.hasLease).to.equal(true);
  });

  it("CONN-04: a client that said L sends no request before the first LEASE, which also shows that it is accepted", () => {
    const client = newClient({ lease: {} });
    expect(() => client.open(Interaction.REQUEST_RESPONSE)).to.throw(StreamError, "no lease");
    expect(client.sent()).to.deep.equal([SETUP_L, KEEPALIVE_R]);
    client.receive(FIVE_FOR_A_SECOND);
    expect(client.log).to.deep.equal(["established"]);
    expect(openSome(client, 9)).to.equal(5);
  });

  it("CONN-05: a server with leases accepts SETUP with L, and sends LEASE when it is accepted, not before", () => {
    const server = newServer({ lease: {}, manualAccept: true });
    server.receive(SETUP_L);
    grant(server, 5, 1_000);
    expect(server.sent()).to.deep.equal([]);
    server.connection.accept();
    grant(server, 5, 1_000);
    expect(server.sent()).to.deep.equal([FIVE_FOR_A_SECOND]);
  });

  it("CONN-05: a client that didn't ask gets no LEASE and no limit", () => {
    const server = newServer({ lease: {} });
    server.receive(SETUP);
    grant(server, 0, 1_000);
    server.receive(hex`00000001 1000 61`);
    expect(server.calls).to.have.length(1);
    expect(server.sent()).to.deep.equal([]);
  });

  it("CONN-05: where leases are required, such a client is refused with REJECTED_SETUP", () => {
    const server = newServer({ lease: { isRequired: true } });
    server.receive(SETUP);
    expect(server.sent()).to.deep.equal([
      hex`
        00000000  // stream 0
        2c00      // ERROR
        00000003  // REJECTED_SETUP
        ${textHex("lease is required")}
      `,
    ]);
  });

  it("CONN-08: a server sends a client that said L no request before a LEASE of the client", () => {
    const server = leasedServer();
    expect(openSome(server, 9)).to.equal(0);
    server.receive(FIVE_FOR_A_SECOND);
    expect(openSome(server, 9)).to.equal(5);
    expect(server.sent()[0]).to.equal(hex`00000002 1400`);
  });

  it("CONN-09: a client that said L grants leases for the server's requests, and refuses those beyond", () => {
    const client = leasedClient();
    client.receive(hex`00000002 1000 61`);
    grant(client, 1, 1_000);
    client.receive(hex`00000004 1000 61`, hex`00000006 1000 61`);
    expect(client.sent()).to.deep.equal([lease("000003e8", "00000001"), rejected("00000002"), rejected("00000006")]);
    expect(client.calls.map(({ stream }) => stream.id)).to.deep.equal([4]);
  });

  it("A32: a client obeys a LEASE that it didn't ask for, as servers of rsocket-java mean it", () => {
    const client = newClient();
    client.sent();
    client.receive(KEEPALIVE);
    expect(openSome(client, 3)).to.equal(3);
    client.receive(hex`00000000 0900 000003e8 00000005`);
    expect(openSome(client, 9)).to.equal(5);
    client.nowMs += 1_000;
    expect(openSome(client, 9)).to.equal(0);
  });

  it("UNX-10: a server obeys no LEASE of a client that didn't say L", () => {
    const server = newServer({ lease: {} });
    server.receive(SETUP, lease("000003e8", "00000001"));
    expect(openSome(server, 3)).to.equal(3);
    expect(server.sent()).to.have.length(3);
  });

  it("HDR-03, HDR-04: a LEASE that is cut short is dropped with I, and ends the connection without", () => {
    for (let length = 0; length < 8; length++) {
      const client = leasedClient();
      client.receive(hex`00000000 0a00 ${"00".repeat(length)}`);
      expect(client.connection.state).to.equal("open");
      client.receive(hex`00000000 0800 ${"00".repeat(length)}`);
      expect(client.log.at(-1)).to.equal("closed 0x101 local");
      expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000101 ${textHex("LEASE is cut short")}`]);
    }
  });

  it("controlsPerSecond: a flood of LEASE frames ends the connection, and nobody answers them", () => {
    const client = leasedClient({ settings: { limits: { controlBurst: 10, controlsPerSecond: 10 } } });
    for (let i = 0; i < 10; i++) client.receive(FIVE_FOR_A_SECOND);
    expect(client.sent()).to.deep.equal([]);
    client.receive(FIVE_FOR_A_SECOND);
    expect(client.log.at(-1)).to.equal("closed 0x101 local");
    client.sent();
  });

  it("maxCallsWithoutLease: so many calls wait for a LEASE, and no more; those that wait for room are others", () => {
    const client = leasedClient({ settings: { limits: { maxCallsWithoutLease: 2 } } });
    const waiting = { admit: () => {}, fail: () => {} };
    const added = (): boolean => client.connection.queueCall({ ...waiting });
    expect([added(), added(), added()]).to.deep.equal([true, true, false]);
    client.receive(FIVE_FOR_A_SECOND);
    expect(added()).to.equal(true);
    client.sent();
    expect(client.connection.queuedCallCount).to.equal(0);
  });

  it("readPauseBytes: grants that wait to be written count as caused by the peer, which may ask and read nothing", () => {
    const server = leasedServer({ settings: { limits: { readPauseBytes: 1_700 } } });
    server.connection.linkBlocked(server.nowMs);
    for (let i = 0; i < 99; i++) grant(server, 1, 1_000); // 17 bytes each
    expect(server.connection.wantsRead).to.equal(true);
    grant(server, 1, 1_000);
    expect(server.connection.wantsRead).to.equal(false);
    server.connection.linkDrained();
    expect(server.sent()).to.have.length(100);
    expect(server.connection.wantsRead).to.equal(true);
  });

  it("tells how each request that had a lease ended", () => {
    const told: string[] = [];
    const server = leasedServer({ lease: { onRequestEnd: (id, ending) => told.push(`${id} ${ending}`) } });
    grant(server, 4, 1_000);
    server.receive(...["1", "3", "5", "7"].map((id) => hex`0000000${id} 1000 61`));
    const [first, second] = server.calls;
    first?.stream.next(bytesOf("61"));
    second?.stream.error(0x201, bytesOf("61"));
    server.receive(hex`00000005 2400`); // CANCEL
    server.sent();
    server.lose();
    expect(told).to.deep.equal(["1 completed", "3 failed", "5 cancelled", "7 cancelled"]);
  });
});
