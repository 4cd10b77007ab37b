// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Handling the Unexpected: the rules UNX, and RESUME where it doesn't belong.

import { expect } from "chai";
import { bytesOf, hex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, openClient, openServer, type Probe, SETUP } from "../support/probe.js";

const both = (): Probe[] => [openServer(), openClient()];

/** The frames change nothing: no answer but to the KEEPALIVE behind them, nobody is told, the connection lives. */
function expectIgnored(probe: Probe, ...frames: readonly string[]): void {
  const before = [...probe.log];
  const streams = probe.connection.streamCount;
  probe.receive(...frames, KEEPALIVE_R);
  expect(probe.sent()).to.deep.equal([KEEPALIVE]);
  expect(probe.log).to.deep.equal(before);
  expect(probe.connection.streamCount).to.equal(streams);
}

describe("RSocket 1.0 §Handling the Unexpected", () => {
  afterEach(expectNoTrace);

  for (const [name, header, n] of [
    ["REQUEST_RESPONSE", "1000", ""],
    ["REQUEST_FNF", "1400", ""],
    ["REQUEST_STREAM", "1800", "00000001"],
    ["REQUEST_CHANNEL", "1c00", "00000001"],
  ] as const) {
    it(`UNX-01: ${name} on an id in use is ignored, whoever opened it`, () => {
      for (const probe of both()) {
        const [theirs, ours] = probe.connection.side === "server" ? ["00000001", "00000002"] : ["00000002", "00000001"];
        probe.receive(hex`${theirs} 1800 00000001 61`);
        const { log } = probe.open("request_stream", { n: 1 });
        probe.sent();
        expectIgnored(probe, hex`${theirs} ${header} ${n} 62`, hex`${ours} ${header} ${n} 62`);
        expect(probe.call.log).to.deep.equal([]);
        expect(log).to.deep.equal([]);
      }
    });
  }

  for (const [rule, name, frame] of [
    ["UNX-02", "CANCEL", "2400"],
    ["UNX-03", "ERROR", "2c00 00000201 61"],
    ["UNX-04", "PAYLOAD with N", "2820 61"],
    ["UNX-04", "PAYLOAD with F", "28a0 61"],
    ["UNX-04", "PAYLOAD with a metadata length beyond the frame", "2920 ffffff"],
    ["UNX-10", "REQUEST_N", "2000 00000001"],
    ["UNX-05", "METADATA_PUSH", "3100 61"],
  ] as const) {
    it(`${rule}: ${name} on unknown streams of either side is ignored`, () => {
      for (const probe of both()) {
        expectIgnored(
          probe,
          hex`00000001 ${frame}`,
          hex`00000002 ${frame}`,
          hex`7fffffff ${frame}`,
          hex`7ffffffe ${frame}`,
        );
        expectQuiet(probe.connection);
      }
    });
  }

  for (const [rule, name, frame] of [
    ["UNX-02", "CANCEL", "2400"],
    ["UNX-04", "PAYLOAD", "2860 61"],
    ["UNX-10", "REQUEST_N", "2000 00000001"],
  ] as const) {
    it(`${rule}: ${name} on stream 0 is ignored`, () => {
      for (const probe of both()) expectIgnored(probe, hex`00000000 ${frame}`);
    });
  }

  it("UNX-06: SETUP behind an accepted SETUP is ignored, streams live on", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000001 61`);
    expectIgnored(server, SETUP, hex`00000000 0400 0009 0000`, hex`00000007 0400 0001 0000`);
    server.call.stream.next(bytesOf("62"));
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`]);
  });

  for (const code of ["00000001", "00000002", "00000003", "00000004"]) {
    it(`UNX-07, UNX-08: ERROR 0x${code} on stream 0 is ignored once the connection is set up`, () => {
      for (const probe of both()) {
        const { log } = probe.open("request_stream", { n: 1 });
        probe.sent();
        expectIgnored(probe, hex`00000000 2c00 ${code} 61`);
        expect(log).to.deep.equal([]);
      }
    });
  }

  it("UNX-09: a client ignores SETUP", () => {
    expectIgnored(openClient(), SETUP);
  });

  it("UNX-10: REQUEST_N for an answer is ignored, on both ends", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    expectIgnored(server, hex`00000001 2000 00000005`);
    expect(server.call.log).to.deep.equal([]);
    expect(server.call.stream.credit).to.equal(1);
    const client = openClient();
    const { log } = client.open("request_response");
    client.sent();
    expectIgnored(client, hex`00000001 2000 00000005`);
    expect(log).to.deep.equal([]);
  });

  it("UNX-10: PAYLOAD of the requester is ignored where it sends no items", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`, hex`00000003 1800 00000001 61`);
    expectIgnored(server, hex`00000001 2820 62`, hex`00000003 2860 62`, hex`00000003 28a0 62`, hex`00000003 2840`);
    expect(server.calls.map(({ log }) => log)).to.deep.equal([[], []]);
    expect(server.connection.reassemblyBytes).to.equal(0);
  });

  it("UNX-10: CANCEL and REQUEST_N of the responder are ignored where the requester sends no items", () => {
    const client = openClient();
    const calls = [client.open("request_response"), client.open("request_stream", { n: 1 })];
    client.sent();
    expectIgnored(client, hex`00000001 2400`, hex`00000003 2400`, hex`00000003 2000 00000001`);
    expect(calls.map(({ log }) => log)).to.deep.equal([[], []]);
  });

  it("UNX-10: LEASE that nobody asked for breaks nothing, on stream 0 and elsewhere, and a server ignores it", () => {
    for (const probe of both()) {
      expectIgnored(
        probe,
        hex`00000000 0800 00000064 00000001`,
        hex`00000001 0900 00000064 00000001 6d`,
        hex`00000000 0800`,
      );
      expect(probe.connection.leases?.gate?.isGranted).to.equal(probe.connection.side === "client" ? true : undefined);
    }
  });

  it("UNX-10: RESUME_OK that nobody asked for is ignored", () => {
    for (const probe of both())
      expectIgnored(probe, hex`00000000 3800 0000000000000000`, hex`00000001 3800 0000000000000000`);
  });

  it("UNX-10: a client ignores RESUME", () => {
    expectIgnored(openClient(), hex`00000000 3400 0001 0000 0001 74 0000000000000000 0000000000000000`);
  });

  it("UNX-10: RESUME on another stream is ignored", () => {
    for (const probe of both()) {
      expectIgnored(probe, hex`00000007 3400 0001 0000 0001 74 0000000000000000 0000000000000000`);
    }
  });

  it("RESUME-11: RESUME behind SETUP ends the server's connection with CONNECTION_ERROR", () => {
    const server = openServer();
    server.receive(hex`00000000 3400 0001 0000 0001 74 0000000000000000 0000000000000000`);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
    expect(server.log.at(-1)).to.equal("closed 0x101 local");
  });

  it("UNX-11: a request without LEASE, and items without REQUEST_N, don't end the connection", () => {
    const server = openServer();
    server.receive(hex`00000001 1c00 00000001 61`, hex`00000001 2820 62`);
    expect(server.connection.state).to.equal("open");
    expect(server.call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([]);
  });
});
