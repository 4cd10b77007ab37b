// SPDX-License-Identifier: Apache-2.0
// Every limit that the session keeps is reached, and answers as its row in the table of limits says; honest peers,
// however busy, reach none of them.

import { expect } from "chai";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import { FrameFormatError } from "../../runtime/src/frames/errors.js";
import type { WaitingCall } from "../../runtime/src/session/admission.js";
import type { Limits } from "../../runtime/src/session/settings.js";
import { bytesOf, hex, repeat, uint, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, newServer, openClient, openServer, type Probe, SETUP } from "../support/probe.js";

const CONNECTION_ERROR = hex`
  00000000   // stream 0
  2c00       // ERROR
  00000101   // CONNECTION_ERROR
`;

function serverWith(limits: Partial<Limits>): Probe {
  return openServer({ settings: { limits } });
}

function clientWith(limits: Partial<Limits>): Probe {
  return openClient({ settings: { limits } });
}

/** ERROR on a stream without its text. */
function streamError(streamId: number, code: string): string {
  return hex`${uint(streamId, 4)} 2c00 ${code}`;
}

function expectEnded(probe: Probe, reason: string): void {
  expect(probe.sent().map(withoutText).at(-1)).to.equal(CONNECTION_ERROR);
  expect(probe.log.at(-1)).to.equal("closed 0x101 local");
  expect(probe.connection.closeReason?.message).to.contain(reason);
}

/** `count` requests of 1 byte each, cancelled at once. */
function cancelRequests(server: Probe, firstId: number, count: number): void {
  for (let id = firstId; id < firstId + 2 * count; id += 2) {
    server.receive(hex`${uint(id, 4)} 1000 61`, hex`${uint(id, 4)} 2400`);
  }
}

// As a driver does whose link takes nothing more.
function block(side: Probe): void {
  side.isBlocked = true;
  side.connection.linkBlocked(side.nowMs);
}

function times(count: number, frame: string): string[] {
  return new Array<string>(count).fill(frame);
}

describe("limits of a session: what comes in", () => {
  afterEach(expectNoTrace);

  it("maxSetupBytes: a longer first frame is refused from its length, with INVALID_SETUP", () => {
    const server = newServer({ settings: { limits: { maxSetupBytes: 100 } } });
    expect(server.connection.maxFrameBytes).to.equal(100);
    const deframer = new LengthDeframer(server.connection.maxFrameBytes, () => true);
    let message = "";
    try {
      deframer.push(bytesOf("000065"));
    } catch (error) {
      if (!(error instanceof FrameFormatError)) throw error;
      message = error.message;
    }
    expect(message).to.contain("frame length 101, expected 6 … 100");
    server.connection.receiveMalformed(message, false);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000001`]);
  });

  it("maxSetupBytes: once set up the largest message with the largest metadata fits a frame", () => {
    const server = serverWith({ maxMessageBytes: 1_000, maxMetadataBytes: 200 });
    const needed = 6 + 4 + 3 + 200 + 1_000;
    expect(server.connection.maxFrameBytes).to.be.within(needed, needed + 100);
    server.receive(hex`00000001 1d00 00000001 0000c8 ${repeat("6d", 200)} ${repeat("61", 1_000)}`);
    expect(server.call.data).to.have.length(2_000);
  });

  it("maxMessageBytes: a request above it is INVALID, its handler isn't called, the connection goes on", () => {
    const server = serverWith({ maxMessageBytes: 3 });
    server.receive(
      hex`00000001 1000 616263`, // exactly the limit
      hex`00000003 1000 61626364`,
      hex`00000005 1880 00000001 6162`, // in two fragments
      hex`00000005 2820 6364`,
      KEEPALIVE_R,
    );
    expect(server.calls.map(({ data }) => data)).to.deep.equal(["616263"]);
    expect(server.sent().map(withoutText)).to.deep.equal([
      KEEPALIVE,
      streamError(3, "00000204"),
      streamError(5, "00000204"),
    ]);
  });

  it("maxMessageBytes: an item or answer above it fails that call and cancels it unless it was the last word", () => {
    const client = clientWith({ maxMessageBytes: 3 });
    const calls = [
      client.open("request_stream", { n: 9 }),
      client.open("request_response"),
      client.open("request_stream", { n: 9 }),
    ];
    client.sent();
    client.receive(hex`00000001 2820 61626364`, hex`00000003 2860 61626364`, hex`00000005 2860 616263`);
    expect(calls.map(({ log }) => log)).to.deep.equal([
      ["error 0x204 local"],
      ["error 0x204 local"],
      ["next 616263 complete"],
    ]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("maxReassemblyBytes: beyond it a request that isn't whole is REJECTED, an item CANCELED; the others go on", () => {
    const server = openServer({
      settings: { limits: { maxReassemblyBytes: 10 } },
      onRequest: ({ stream }) => (stream.interaction === "request_channel" ? stream.request(9) : undefined),
    });
    server.receive(
      hex`00000001 1c00 00000001`, // a channel
      hex`00000003 1080 ${repeat("61", 8)}`, // 8 bytes held
      hex`00000005 1080 ${repeat("62", 3)}`, // 11: one too many
      hex`00000001 28a0 ${repeat("63", 3)}`, // 11 again, an item
    );
    expect(server.sent().map(withoutText)).to.deep.equal([
      hex`00000001 2000 00000009`,
      streamError(5, "00000202"),
      streamError(1, "00000203"),
    ]);
    expect(server.connection.reassemblyBytes).to.equal(8);
    server.receive(hex`00000003 2820 61`);
    expect(server.calls[1]?.data).to.equal(repeat("61", 9));
  });

  it("maxReassemblyBytes: a client cancels the item that is too much", () => {
    const client = clientWith({ maxReassemblyBytes: 10 });
    const calls = [client.open("request_response"), client.open("request_response")];
    client.sent();
    client.receive(hex`00000001 28a0 ${repeat("61", 8)}`, hex`00000003 28a0 ${repeat("62", 3)}`, hex`00000001 2860 61`);
    expect(calls.map(({ log }) => log)).to.deep.equal([[`next ${repeat("61", 9)} complete`], ["error 0x203 local"]]);
    expect(client.sent()).to.deep.equal([hex`00000003 2400`]);
  });

  it("maxReassemblyBytes: items held for lack of credit count, over all streams", () => {
    const server = serverWith({ maxReassemblyBytes: 10 });
    server.receive(
      hex`00000001 1c00 00000001`,
      hex`00000003 1c00 00000001`,
      hex`00000001 2920 000004 6d6d6d6d 616161`, // 7 bytes with its metadata
      hex`00000003 2820 626262`, // 10
      hex`00000003 2820 62`, // 11
    );
    expect(server.calls.map(({ log }) => log)).to.deep.equal([[], ["error 0x204 local"]]);
    expect(server.connection.reassemblyBytes).to.equal(7);
    server.calls[0]?.stream.request(1);
    expect(server.connection.reassemblyBytes).to.equal(0);
  });

  it("maxFragments: a message in more fragments is INVALID", () => {
    const server = serverWith({ maxFragments: 10 });
    server.receive(hex`00000001 1080 61`, ...times(9, hex`00000001 28a0 61`));
    expect(server.connection.reassemblyBytes).to.equal(10);
    server.receive(hex`00000001 28a0 61`);
    expect(server.sent().map(withoutText)).to.deep.equal([streamError(1, "00000204")]);
    expectQuiet(server.connection);
  });

  it("maxFragments: an empty fragment counts 64", () => {
    const server = serverWith({ maxFragments: 64 });
    server.receive(hex`00000001 1080`, hex`00000001 28a0 61`);
    expect(server.sent().map(withoutText)).to.deep.equal([streamError(1, "00000204")]);
    const client = clientWith({ maxFragments: 128 });
    const { log } = client.open("request_response");
    client.receive(hex`00000001 28a0`, hex`00000001 28a0`, hex`00000001 28a0`);
    expect(log).to.deep.equal(["error 0x204 local"]);
  });

  it("maxMetadataBytes: more metadata, in one frame or joined, fails that stream with INVALID", () => {
    const server = openServer({
      settings: { limits: { maxMetadataBytes: 3 } },
      onRequest: ({ stream }) => (stream.interaction === "request_channel" ? stream.request(9) : undefined),
    });
    server.receive(
      hex`00000001 1100 000003 6d6d6d 61`,
      hex`00000003 1100 000004 6d6d6d6d 61`,
      hex`00000005 1180 000002 6d6d`,
      hex`00000005 2920 000002 6d6d 61`,
      hex`00000007 1d00 00000001 000000`,
      hex`00000007 2920 000004 6d6d6d6d`,
    );
    expect(server.calls.map(({ stream, log }) => [stream.id, log])).to.deep.equal([
      [1, []],
      [7, ["error 0x204 local"]],
    ]);
    expect(server.sent().map(withoutText)).to.deep.equal([
      streamError(3, "00000204"),
      streamError(5, "00000204"),
      hex`00000007 2000 00000009`,
      streamError(7, "00000204"),
    ]);
  });

  it("maxMetadataBytes: so it does on a client", () => {
    const client = clientWith({ maxMetadataBytes: 3 });
    const calls = [client.open("request_response"), client.open("request_stream", { n: 2 })];
    client.sent();
    client.receive(hex`00000001 2960 000004 6d6d6d6d`, hex`00000003 2920 000004 6d6d6d6d`);
    expect(calls.map(({ log }) => log)).to.deep.equal([["error 0x204 local"], ["error 0x204 local"]]);
    expect(client.sent()).to.deep.equal([hex`00000003 2400`]);
  });

  it("maxInboundStreams: one request more is REJECTED, silently so when it is fire-and-forget; a place is free with a stream's end", () => {
    const server = serverWith({ maxInboundStreams: 2 });
    server.receive(hex`00000001 1000 61`, hex`00000003 1800 00000001 62`, hex`00000005 1000 63`, hex`00000007 1400 64`);
    expect(server.sent().map(withoutText)).to.deep.equal([streamError(5, "00000202")]);
    expect(server.connection.inboundStreamCount).to.equal(2);
    server.open("request_stream", { n: 1 });
    server.receive(hex`00000003 2400`, hex`00000009 1000 65`);
    expect(server.calls.map(({ data }) => data)).to.deep.equal(["61", "62", "65"]);
  });

  it("maxInboundStreams: requests that aren't whole count", () => {
    const server = serverWith({ maxInboundStreams: 1 });
    server.receive(hex`00000001 1080 61`, hex`00000003 1000 62`);
    expect(server.sent().map(withoutText)).to.deep.equal([streamError(3, "00000202")]);
  });

  it("cancelBurst, cancelsPerSecond: requests cancelled before they were answered end the connection when there are too many", () => {
    const server = serverWith({ cancelBurst: 10, cancelsPerSecond: 5 });
    cancelRequests(server, 1, 10);
    expect(server.connection.state).to.equal("open");
    server.advance(1_000);
    cancelRequests(server, 21, 5);
    expect(server.connection.state).to.equal("open");
    cancelRequests(server, 31, 1);
    expectEnded(server, "more than 5 requests a second cancelled before they were answered");
  });

  it("cancelBurst: requests that are broken off before they are whole count", () => {
    const server = serverWith({ cancelBurst: 2, cancelsPerSecond: 1 });
    for (const id of ["00000001", "00000003", "00000005"]) server.receive(hex`${id} 1080 61`, hex`${id} 2400`);
    expectEnded(server, "cancelled before they were answered");
  });

  it("cancelBurst: requests taken back by ERROR, or broken by a rule, count as those cancelled", () => {
    const byError = serverWith({ cancelBurst: 2, cancelsPerSecond: 1 });
    for (const id of ["00000001", "00000003", "00000005"]) {
      byError.receive(hex`${id} 1000 61`, hex`${id} 2c00 00000201`);
    }
    expectEnded(byError, "cancelled before they were answered");
    const byRule = serverWith({ cancelBurst: 2, cancelsPerSecond: 1 });
    for (const id of ["00000001", "00000003", "00000005"]) {
      // A fragment whose metadata is longer than it, but which may be ignored.
      byRule.receive(hex`${id} 1d00 00000001 000000 61`, hex`${id} 28a0 61`, hex`${id} 2b80 ffffff`);
    }
    expectEnded(byRule, "cancelled before they were answered");
  });

  it("controlBurst, controlsPerSecond: KEEPALIVE, METADATA_PUSH and LEASE together", () => {
    const server = serverWith({ controlBurst: 6, controlsPerSecond: 2 });
    server.receive(
      ...times(2, KEEPALIVE_R),
      ...times(1, KEEPALIVE),
      ...times(2, hex`00000000 3100 6d`),
      hex`00000000 0800 00000001 00000001`,
    );
    expect(server.sent()).to.have.length(2);
    server.advance(1_000);
    server.receive(KEEPALIVE_R, KEEPALIVE_R);
    expect(server.connection.state).to.equal("open");
    server.receive(hex`00000000 3100 6d`);
    expect(server.log.filter((entry) => entry.startsWith("push"))).to.have.length(2);
    expectEnded(server, "more than 2 KEEPALIVE or METADATA_PUSH frames a second");
  });

  it("controlBurst: one LEASE is free for each request that was made under one", () => {
    const lease = (count: number): string => hex`00000000 0800 000003e8 ${uint(count, 4)}`;
    const client = openClient({ settings: { limits: { controlBurst: 3, controlsPerSecond: 1 } } });
    client.receive(lease(1));
    for (let i = 0; i < 100; i++) {
      client.open("fire_and_forget");
      client.receive(lease(1));
    }
    // The answer to its KEEPALIVE was free, too.
    client.receive(lease(1), lease(1));
    expect(client.connection.state).to.equal("open");
    client.receive(lease(1));
    expectEnded(client, "more than 1 KEEPALIVE");
  });

  it("controlBurst: the preset for the internet allows 10 and then one a second", () => {
    const server = openServer({ settings: { preset: "edge" } });
    server.receive(...times(10, KEEPALIVE_R));
    server.advance(1_000);
    server.receive(KEEPALIVE_R);
    expect(server.connection.state).to.equal("open");
    server.receive(KEEPALIVE_R);
    expectEnded(server, "more than 1 KEEPALIVE");
  });

  it("controlBurst: KEEPALIVE at the interval that SETUP announced is free, and so are answers to this side's own", () => {
    const setup = hex`00000000 0400 0001 0000 ${uint(400, 4)} ${uint(1_500, 4)} 01 6d 01 64`;
    const server = newServer({ settings: { preset: "edge" } });
    server.receive(setup);
    for (let i = 0; i < 200; i++) {
      server.advance(400);
      server.receive(KEEPALIVE_R);
    }
    expect(server.connection.state).to.equal("open");
    // Who floods is ended all the same.
    server.receive(...times(30, KEEPALIVE_R));
    expectEnded(server, "more than 1 KEEPALIVE");

    const intervals = { keepaliveIntervalMs: 300, maxLifetimeMs: 3_000 };
    const client = openClient({ settings: { preset: "edge", ...intervals } });
    for (let i = 0; i < 100; i++) {
      client.advance(300);
      const asked = client.sent().length;
      client.receive(...times(asked, KEEPALIVE));
    }
    expect(client.connection.state).to.equal("open");
  });

  const MEANINGLESS: readonly (readonly [string, string])[] = [
    ["unknown types with I", hex`00000000 be00`],
    ["EXT with I", hex`00000001 fe00 00000001`],
    ["PAYLOAD on ids never opened", hex`00000063 2820 61`],
    ["CANCEL on ids never opened", hex`00000064 2400`],
    ["SETUP again", SETUP],
    ["requests on stream 0", hex`00000000 1000 61`],
    ["requests on an id in use", hex`00000001 1000 61`],
    ["PAYLOAD where the requester sends no items", hex`00000001 2820 61`],
    ["codes of streams on stream 0", hex`00000000 2c00 00000201`],
    ["malformed frames with I", hex`00000003 1300 ffffff`],
  ];
  for (const [name, frame] of MEANINGLESS) {
    it(`meaninglessBurst, meaninglessPerSecond: ${name} are ignored, but not for ever`, () => {
      const server = serverWith({ meaninglessBurst: 10, meaninglessPerSecond: 5 });
      server.receive(hex`00000001 1800 00000000 61`, ...times(10, frame));
      expect(server.connection.state).to.equal("open");
      server.advance(2_000);
      server.receive(...times(10, frame));
      expect(server.connection.state).to.equal("open");
      server.receive(frame);
      expectEnded(server, "more than 5 frames a second that mean nothing");
    });
  }

  it("meaninglessBurst, meaninglessPerSecond: so is CONNECTION_CLOSE, again and again while a stream lives", () => {
    const server = serverWith({ meaninglessBurst: 10, meaninglessPerSecond: 5 });
    const close = hex`00000000 2c00 00000102`;
    server.receive(hex`00000001 1800 00000000 61`, ...times(10, close));
    expect(server.connection.state).to.equal("draining");
    server.receive(close);
    expect(server.connection.state).to.equal("closed");
  });

  it("meaninglessBurst: a client holds a server to it, too", () => {
    const client = clientWith({ meaninglessBurst: 10, meaninglessPerSecond: 5 });
    client.open("request_response");
    client.sent();
    client.receive(...times(5, hex`00000001 2400`), ...times(5, hex`00000003 2860 61`));
    expect(client.connection.state).to.equal("open");
    client.receive(hex`00000002 2820 61`);
    expectEnded(client, "mean nothing");
  });

  it("meaninglessBurst: what is under way for an ended stream is free: its unused credit, and eight frames", () => {
    const client = clientWith({ meaninglessBurst: 1, meaninglessPerSecond: 1 });
    const { stream } = client.open("request_stream", { n: 100 });
    client.sent();
    stream.cancel();
    client.receive(...times(109, hex`00000001 2820 61`));
    expect(client.connection.state).to.equal("open");
    client.receive(hex`00000001 2820 61`);
    expectEnded(client, "mean nothing");
  });

  it("meaninglessBurst: so is it for a channel's input that this side wants no more of", () => {
    const server = serverWith({ meaninglessBurst: 1, meaninglessPerSecond: 1 });
    server.receive(hex`00000001 1c00 00000001 61`);
    server.call.stream.request(100);
    server.call.stream.cancel();
    server.receive(...times(109, hex`00000001 2820 61`));
    expect(server.connection.state).to.equal("open");
    server.receive(hex`00000001 2820 61`);
    expectEnded(server, "mean nothing");
  });

  it("meaninglessBurst: the rest of a message that this side refused or broke off is free", () => {
    const server = serverWith({
      meaninglessBurst: 1,
      meaninglessPerSecond: 1,
      maxInboundStreams: 1,
      maxFragments: 200,
    });
    server.receive(hex`00000001 1080 61`, hex`00000003 1080 61`, ...times(200, hex`00000003 28a0 61`));
    expect(server.connection.state).to.equal("open");
    const client = clientWith({ meaninglessBurst: 1, meaninglessPerSecond: 1, maxFragments: 200 });
    const { stream } = client.open("request_response");
    client.receive(hex`00000001 28a0 61`);
    stream.cancel();
    client.receive(...times(200, hex`00000001 28a0 61`));
    expect(client.connection.state).to.equal("open");
  });

  it("requestNBurst, requestNsPerSecond: demand without delivery ends the connection, on any stream", () => {
    const server = serverWith({ requestNBurst: 10, requestNsPerSecond: 5 });
    server.receive(hex`00000001 1800 00000001 61`, ...times(10, hex`00000001 2000 00000001`));
    expect(server.connection.state).to.equal("open");
    server.advance(1_000);
    server.receive(...times(5, hex`00000001 2000 00000000`));
    expect(server.connection.state).to.equal("open");
    server.receive(hex`00000063 2000 00000001`);
    expectEnded(server, "more than 5 REQUEST_N frames a second beyond the items sent");
  });

  it("requestNBurst: each item that was sent makes one REQUEST_N free", () => {
    const server = serverWith({ requestNBurst: 10, requestNsPerSecond: 5 });
    server.receive(hex`00000001 1800 00000064 61`);
    for (let i = 0; i < 100; i++) server.call.stream.next(bytesOf("62"));
    server.sent();
    server.receive(...times(110, hex`00000001 2000 00000001`));
    expect(server.connection.state).to.equal("open");
    server.receive(hex`00000001 2000 00000001`);
    expectEnded(server, "REQUEST_N");
  });

  it("maxSurplusItems: as many items beyond the credit are held, one more is INVALID", () => {
    const server = serverWith({ maxSurplusItems: 3 });
    server.receive(hex`00000001 1c00 00000001 61`, ...times(3, hex`00000001 2820 62`));
    expect(server.call.log).to.deep.equal([]);
    server.receive(hex`00000001 2820 62`);
    expect(server.call.log).to.deep.equal(["error 0x204 local"]);
    expect(server.sent().map(withoutText)).to.deep.equal([streamError(1, "00000204")]);
  });

  it("maxSurplusBytes: as many bytes beyond the credit are held, metadata counted, one more is INVALID", () => {
    const client = clientWith({ maxSurplusBytes: 5 });
    const { log } = client.open("request_stream", { n: 1 });
    client.sent();
    client.receive(hex`00000001 2820 61`, hex`00000001 2820 6262`, hex`00000001 2920 000002 6d6d 63`);
    expect(log).to.deep.equal(["next 61"]);
    client.receive(hex`00000001 2820 64`);
    expect(log).to.deep.equal(["next 61", "error 0x204 local"]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("maxHeldBytes: frames behind a SETUP that is being accepted wait; reading pauses, nothing is refused", () => {
    const server = newServer({ manualAccept: true, settings: { limits: { maxHeldBytes: 100 } } });
    server.receive(SETUP, hex`00000001 1000 ${repeat("61", 50)}`);
    expect(server.connection.wantsRead).to.equal(true);
    server.connection.receivePart(50, server.nowMs);
    expect(server.connection.wantsRead).to.equal(false);
    server.receive(hex`00000003 1000 ${repeat("62", 50)}`);
    expect(server.connection.wantsRead).to.equal(false);
    server.connection.accept();
    expect(server.connection.wantsRead).to.equal(true);
    expect(server.calls).to.have.length(2);
  });

  it("minLifetimeMs: a shorter lifetime is raised to it", () => {
    const server = newServer({ settings: { limits: { minLifetimeMs: 500 } } });
    server.receive(hex`00000000 0400 0001 0000 00000001 00000001 016d 0164`); // 1 ms
    server.advance(499);
    expect(server.connection.state).to.equal("open");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("maxLifetimeMs: a longer lifetime is cut to it", () => {
    const server = newServer({ settings: { limits: { maxLifetimeMs: 1_000 } } });
    server.receive(hex`00000000 0400 0001 0000 00004e20 7ffffffe 016d 0164`);
    server.advance(1_000);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });
});

describe("limits of a session: what goes out", () => {
  afterEach(expectNoTrace);

  it("maxFragmentingBytes: messages beyond it wait whole, at least one is always under way", () => {
    const client = openClient({ settings: { fragmentBytes: 64, limits: { maxFragmentingBytes: 250 } } });
    for (const byte of ["61", "62", "63", "64"]) client.open("request_response", { data: repeat(byte, 110) });
    client.open("request_response", { data: repeat("65", 330) });
    expect(client.sent().map((frame) => [Number.parseInt(frame.slice(0, 8), 16), frame.slice(8, 12)])).to.deep.equal([
      [1, "1080"],
      [3, "1080"], // 220 bytes: no room for the third
      [1, "2820"],
      [3, "2820"],
      [5, "1080"],
      [7, "1080"], // the places of 1 and 3
      [5, "2820"],
      [7, "2820"],
      [9, "1080"], // 330 bytes, alone
      [9, "28a0"],
      [9, "28a0"],
      [9, "28a0"],
      [9, "28a0"],
      [9, "2820"],
    ]);
  });

  it("maxFragmentingBytes: a message that is given up makes room", () => {
    const client = openClient({ settings: { fragmentBytes: 64, limits: { maxFragmentingBytes: 110 } } });
    const { stream } = client.open("request_response", { data: repeat("61", 110) });
    client.open("request_response", { data: repeat("62", 110) });
    stream.cancel();
    expect(client.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([hex`00000003 1080`, hex`00000003 2820`]);
  });

  it("producerPauseBytes: above it a producer is told to stop, and when there is room to go on", () => {
    const server = serverWith({ producerPauseBytes: 1_000 });
    server.receive(hex`00000001 1800 7fffffff 61`);
    server.isBlocked = true;
    const { stream, log } = server.call;
    let sent = 0;
    while (stream.mayProduce) {
      stream.next(new Uint8Array(100));
      sent++;
    }
    expect(sent).to.equal(10);
    expect(server.connection.outbound.byteLength).to.be.at.least(1_000);
    server.sent();
    expect(log).to.deep.equal([]);
    server.isBlocked = false;
    server.sent();
    expect(log).to.deep.equal(["writable"]);
    expect(stream.mayProduce).to.equal(true);
  });

  it("producerPauseBytes: who has nothing more to send isn't woken", () => {
    const server = serverWith({ producerPauseBytes: 1_000 });
    server.receive(hex`00000001 1c00 7fffffff 61`, hex`00000003 1800 7fffffff 61`);
    server.isBlocked = true;
    for (const { stream } of server.calls) while (stream.mayProduce) stream.next(new Uint8Array(600));
    const [first, second] = server.calls;
    expect(second?.stream.mayProduce).to.equal(false);
    if (first !== undefined) first.sink.onEntry = () => second?.stream.complete();
    server.isBlocked = false;
    server.sent();
    expect(server.calls.map(({ log }) => log)).to.deep.equal([["writable"], []]);
  });

  it("producerPauseBytes, maxQueuedCalls: calls wait unencoded and in order, one too many is refused", () => {
    const client = clientWith({ producerPauseBytes: 1_000, maxQueuedCalls: 3 });
    client.isBlocked = true;
    expect(client.connection.hasRoom).to.equal(true);
    client.open("fire_and_forget", { data: repeat("61", 1_000) });
    expect(client.connection.hasRoom).to.equal(false);
    const events: string[] = [];
    const waiting = (name: string): WaitingCall => ({
      admit: () => {
        events.push(name);
        client.open("fire_and_forget", { data: repeat("62", 600) });
      },
      fail: (error) => events.push(`${name} 0x${error.code.toString(16)}`),
    });
    const second = waiting("second");
    expect(client.connection.queueCall(waiting("first"))).to.equal(true);
    expect(client.connection.queueCall(second)).to.equal(true);
    expect(client.connection.queueCall(waiting("third"))).to.equal(true);
    expect(client.connection.queueCall(waiting("fourth")), "maxQueuedCalls").to.equal(false);
    expect(client.connection.queuedCallCount).to.equal(3);
    client.connection.withdrawCall(second);
    expect(client.connection.queueCall(waiting("fifth"))).to.equal(true);
    client.isBlocked = false;
    client.sent();
    expect(events).to.deep.equal(["first", "third", "fifth"]);
    expect(client.connection.hasRoom).to.equal(true);
    expectQuiet(client.connection);
  });

  it("producerPauseBytes: a call that comes while others wait, waits behind them", () => {
    const client = clientWith({ producerPauseBytes: 1_000 });
    client.connection.queueCall({ admit: () => client.open("fire_and_forget"), fail: () => {} });
    expect(client.connection.hasRoom).to.equal(false);
    client.sent();
    expect(client.connection.hasRoom).to.equal(true);
  });

  it("maxQueuedCalls: calls that wait when the connection ends fail; nothing of them left", () => {
    const client = clientWith({ producerPauseBytes: 100 });
    client.isBlocked = true;
    client.open("fire_and_forget", { data: repeat("61", 100) });
    const events: string[] = [];
    const other: WaitingCall = { admit: () => events.push("other"), fail: () => events.push("other failed") };
    client.connection.queueCall({
      admit: () => events.push("admitted"),
      fail: (error) => {
        events.push(`failed 0x${error.code.toString(16)}`);
        client.connection.withdrawCall(other);
        expect(() => client.connection.queueCall(other)).to.throw("cut");
      },
    });
    client.connection.queueCall(other);
    client.lose();
    expect(events, "the one that was withdrawn hears nothing").to.deep.equal(["failed 0x101"]);
  });

  it("readPauseBytes: above it reading pauses", () => {
    const server = serverWith({ readPauseBytes: 1_000 });
    server.receive(hex`00000001 1800 7fffffff 61`);
    server.isBlocked = true;
    server.call.stream.next(new Uint8Array(900));
    expect(server.connection.wantsRead).to.equal(true);
    server.call.stream.next(new Uint8Array(100));
    expect(server.connection.wantsRead).to.equal(false);
    server.isBlocked = false;
    server.sent();
    expect(server.connection.wantsRead).to.equal(true);
  });

  it("maxPeerCausedBytes: more answers waiting than that for a second, and the connection is torn down", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    block(server);
    server.receive(hex`00000001 1000 61`, hex`00000003 1000 61`);
    server.calls[0]?.stream.next(new Uint8Array(900));
    server.sent();
    expect(server.connection.state).to.equal("open");
    server.calls[1]?.stream.next(new Uint8Array(200));
    server.sent();
    server.advance(999);
    expect(server.connection.state).to.equal("open");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
    expect(server.connection.mustAbort).to.equal(true);
    expect(server.connection.closeReason?.message).to.equal("more than 1000 bytes of answers wait to be read");
  });

  it("maxPeerCausedBytes: a burst is no offence as long as bytes move, up to eight times as much", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    block(server);
    for (let id = 1; id <= 17; id += 2) server.receive(hex`${uint(id, 4)} 1000 61`);
    for (const { stream } of server.calls.slice(0, 8)) stream.next(new Uint8Array(900));
    for (let i = 0; i < 5; i++) {
      server.sent();
      server.advance(900);
      server.connection.linkMoved(server.nowMs);
    }
    expect(server.connection.state).to.equal("open");
    server.calls[8]?.stream.next(new Uint8Array(900));
    server.sent();
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("maxPeerCausedBytes: echoes of KEEPALIVE count", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    block(server);
    server.receive(...times(10, hex`00000000 0c80 0000000000000000 ${repeat("61", 100)}`));
    server.sent();
    server.advance(1_000);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("maxPeerCausedBytes: refusals count", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000, maxInboundStreams: 1 } } });
    block(server);
    for (let id = 1; id < 200; id += 2) server.receive(hex`${uint(id, 4)} 1000 61`);
    server.sent();
    server.advance(1_000);
    expect(server.log.at(-1)).to.equal("closed 0x101 remote");
  });

  it("maxPeerCausedBytes: what was read by the peer counts no more, nor what this side sends of its own", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    for (let id = 1; id < 100; id += 2) {
      server.receive(hex`${uint(id, 4)} 1000 61`);
      server.calls[(id - 1) / 2]?.stream.next(new Uint8Array(900));
      server.sent();
    }
    server.isBlocked = true;
    for (let i = 0; i < 10; i++) server.open("fire_and_forget", { data: repeat("61", 900) });
    server.sent();
    expect(server.connection.state).to.equal("open");
  });

  it("stallTimeoutMs: when nothing moved for so long, the connection is torn down", () => {
    const client = clientWith({ stallTimeoutMs: 1_000 });
    client.isBlocked = true;
    client.connection.linkBlocked(client.nowMs);
    client.advance(999);
    client.connection.linkBlocked(client.nowMs); // it still is
    expect(client.connection.state).to.equal("open");
    client.advance(1);
    expect(client.log.at(-1)).to.equal("closed 0x101 remote");
    expect(client.connection.mustAbort).to.equal(true);
    expect(client.connection.closeReason?.message).to.equal("the peer has read nothing for 1000 ms");
  });

  it("stallTimeoutMs: a slow reader that reads something now and then is waited for", () => {
    const client = clientWith({ stallTimeoutMs: 1_000 });
    for (let i = 0; i < 10; i++) {
      client.connection.linkBlocked(client.nowMs);
      client.advance(900);
      client.connection.linkDrained();
      client.receive(KEEPALIVE);
    }
    expect(client.connection.state).to.equal("open");
    client.advance(5_000);
    expect(client.connection.state).to.equal("open");
  });

  it("Infinity switches a limit off", () => {
    const server = serverWith({
      cancelsPerSecond: Number.POSITIVE_INFINITY,
      cancelBurst: 1,
      meaninglessBurst: Number.POSITIVE_INFINITY,
      maxMessageBytes: Number.POSITIVE_INFINITY,
      maxFragments: Number.POSITIVE_INFINITY,
      stallTimeoutMs: Number.POSITIVE_INFINITY,
    });
    server.connection.linkBlocked(server.nowMs);
    cancelRequests(server, 1, 3_000);
    server.receive(...times(10_000, hex`00000000 be00`));
    server.receive(hex`00007531 1080`, ...times(1_000, hex`00007531 28a0`));
    server.advance(80_000);
    expect(server.connection.state).to.equal("open");
  });
});

describe("honest peers", () => {
  afterEach(expectNoTrace);

  it("that take(1) from 5,000 streams a second are served for ever", () => {
    const server = openServer({ onRequest: ({ stream }) => stream.next(bytesOf("62")) });
    let id = 1;
    for (let second = 0; second < 4; second++) {
      for (let i = 0; i < 5_000; i++, id += 2) {
        server.receiveBytes(bytesOf(hex`${uint(id, 4)} 1800 00000001 61`));
        server.receiveBytes(bytesOf(hex`${uint(id, 4)} 2400`));
        server.calls.length = 0;
      }
      server.sentWrites();
      server.advance(1_000);
    }
    expect(server.connection.state).to.equal("open");
    expectQuiet(server.connection);
  });

  it("that ask for items one by one, 20,000 a second, get them", () => {
    const server = openServer({
      onRequest: ({ stream, sink }) => {
        sink.onRequestN = () => void stream.next(bytesOf("62"));
        stream.next(bytesOf("62"));
      },
    });
    const ask = bytesOf(hex`00000001 2000 00000001`);
    server.receive(hex`00000001 1800 00000001 61`);
    for (let ms = 0; ms < 3_000; ms++) {
      for (let i = 0; i < 20; i++) server.receiveBytes(ask);
      expect(server.sentWrites().flat()).to.have.length(ms === 0 ? 21 : 20);
      server.advance(1);
    }
    expect(server.connection.state).to.equal("open");
  });

  it("that answer into ten streams a second cancelled with 256 credits open aren't blamed for what was under way", () => {
    const client = openClient();
    for (let i = 0; i < 600; i++) {
      const { stream } = client.open("request_stream", { n: 256 });
      stream.cancel();
      const id = uint(stream.id, 4);
      client.receive(...times(256, hex`${id} 2820 61`), hex`${id} 2840`);
      client.sentWrites();
      client.advance(100);
    }
    expect(client.connection.state).to.equal("open");
    client.sentWrites();
    expectQuiet(client.connection);
  }).timeout(10_000);

  it("that send 1,000 messages in 64-byte fragments are served", () => {
    const server = openServer({ onRequest: ({ stream }) => stream.next(bytesOf("62")) });
    const fragment = repeat("61", 55);
    for (let i = 0; i < 1_000; i++) {
      const id = uint(2 * i + 1, 4);
      server.receive(hex`${id} 1080 ${fragment}`, ...times(30, hex`${id} 28a0 ${fragment}`), hex`${id} 2820 61`);
      expect(server.sentWrites().flat()).to.have.length(1);
    }
    expect(server.calls).to.have.length(1_000);
    expectQuiet(server.connection);
  }).timeout(10_000);

  it("that send the largest message in the smallest fragments, four at once, are served", () => {
    const server = openServer();
    const first = bytesOf(hex`00000001 1080 ${repeat("61", 55)}`);
    const middle = bytesOf(hex`00000001 28a0 ${repeat("61", 55)}`);
    const last = bytesOf(hex`00000001 2820 ${repeat("61", 4_194_304 % 55)}`);
    const streams = [1, 3, 5, 7];
    const receive = (frame: Uint8Array): void => {
      for (const id of streams) {
        frame[3] = id;
        server.connection.receiveFrame(frame.slice(), 0, frame.length, server.nowMs);
      }
    };
    receive(first);
    for (let i = 1; i < Math.floor(4_194_304 / 55); i++) receive(middle);
    expect(server.connection.reassemblyBytes).to.be.above(16_776_000);
    receive(last);
    expect(server.calls).to.have.length(4);
    expect(server.connection.reassemblyBytes).to.equal(0);
  }).timeout(20_000);

  it("that ping once a second, and more under way, stay within the preset for the internet", () => {
    const server = openServer({ settings: { preset: "edge" } });
    for (let i = 0; i < 100; i++) {
      server.receive(KEEPALIVE_R);
      server.sent();
      server.advance(1_000);
    }
    expect(server.connection.state).to.equal("open");
  });

  it("whose 500 fragmented requests are refused for lack of a place aren't blamed for the rest of them", () => {
    const server = openServer({ settings: { limits: { maxInboundStreams: 1 } } });
    server.receive(hex`00000001 1000 61`);
    for (let i = 1; i <= 500; i++) {
      const id = uint(2 * i + 1, 4);
      server.receive(hex`${id} 1080 61`, ...times(20, hex`${id} 28a0 61`), hex`${id} 2820 61`);
    }
    expect(server.connection.state).to.equal("open");
  });
});

describe("memory of a hostile peer's fragments", () => {
  afterEach(expectNoTrace);

  it("is bounded by their bytes, however small they are: 1 million fragments of one byte", () => {
    const server = openServer({ settings: { limits: { maxFragments: Number.POSITIVE_INFINITY } } });
    server.receive(hex`00000001 1080 61`);
    const frame = bytesOf(hex`00000001 28a0 61`);
    const before = process.memoryUsage();
    for (let i = 0; i < 1_000_000; i++) server.connection.receiveFrame(frame, 0, frame.length, server.nowMs);
    const after = process.memoryUsage();
    const growth = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    expect(server.connection.reassemblyBytes).to.equal(1_000_001);
    // An object a fragment would be 100 MB.
    expect(growth).to.be.below(40_000_000);
  }).timeout(10_000);
});
