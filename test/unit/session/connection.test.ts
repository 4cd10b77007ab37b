// SPDX-License-Identifier: Apache-2.0
// What a connection promises its owner: checks of what it begins with, bounds, words, and whether the link is to be torn.

import { expect } from "chai";
import { createBatch, SlabPool } from "../../../runtime/src/bytes/slab.js";
import { decodeFrame } from "../../../runtime/src/frames/decode.js";
import type { ResumeFrame } from "../../../runtime/src/frames/frame.js";
import { MAX_SENT_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import { Connection, type ConnectionEvents } from "../../../runtime/src/session/connection.js";
import { StreamError } from "../../../runtime/src/session/errors.js";
import { ResumeLedger } from "../../../runtime/src/session/resume-store.js";
import { resolveSettings } from "../../../runtime/src/session/settings.js";
import { serverOpening } from "../../../runtime/src/session/setup.js";
import { SILENT_SINK } from "../../../runtime/src/session/stream.js";
import { bytesOf, hex, repeat, textHex, withoutText } from "../../support/frames-dsl.js";
import { expectNoTrace } from "../../support/no-trace.js";
import { KEEPALIVE, newClient, newServer, openClient, openServer, type Probe, SETUP } from "../../support/probe.js";

const TOKEN = repeat("74", 16);
const RESUME = hex`
  00000000 3400       // stream 0, RESUME
  0001 0000           // version 1.0
  0010 ${TOKEN}       // token
  0000000000000000    // last received server position
  0000000000000000    // first available client position
`;
/** SETUP with R and the token. */
const SETUP_R = hex`00000000 0480 0001 0000 00004e20 00015f90 0010 ${TOKEN} 016d 0164`;

const resumable = (): { ledger: ResumeLedger } => ({ ledger: new ResumeLedger(Number.POSITIVE_INFINITY) });
const withToken = (): { token: Uint8Array; ledger: ResumeLedger } => ({ token: bytesOf(TOKEN), ...resumable() });

/** Passes frames in as a link does: in the midst of what was read, whose other bytes are of other frames. */
function receiveInside(probe: Probe, ...frames: readonly string[]): void {
  for (const frame of frames) {
    const bytes = bytesOf(`${repeat("ff", 300)}${frame}${repeat("ff", 300)}`);
    probe.connection.receiveFrame(bytes, 300, 300 + frame.length / 2, probe.nowMs);
  }
}

/** Passes a frame in as a link does that read it in pieces, each of them in the midst of something else. */
function receivePieces(probe: Probe, ...pieces: readonly string[]): void {
  probe.receivePieces(...pieces.map((piece) => bytesOf(`ffff${piece}ffff`).subarray(2, 2 + piece.length / 2)));
}

/** The words with which it is over. */
const words = ({ connection }: Probe): string | undefined => connection.closeReason?.message;

describe("Connection: how it begins", () => {
  afterEach(expectNoTrace);

  it("wants SETUP or somebody who reads one", () => {
    const events = newClient();
    const init = { settings: resolveSettings(), events, pool: new SlabPool((n) => new Uint8Array(n)), nowMs: 0 };
    expect(() => new Connection(init)).to.throw(TypeError, "setup and opening are missing");
  });

  for (const name of ["metadataMimeType", "dataMimeType"]) {
    it(`takes a ${name} of 127 ASCII characters, and names the one that is more`, () => {
      expect(() => newClient({ setup: { [name]: "a".repeat(127) } })).not.to.throw();
      expect(() => newClient({ setup: { [name]: "a".repeat(128) } })).to.throw(RangeError, `${name} is "aaa`);
      expect(() => newClient({ setup: { [name]: "a/ü" } })).to.throw(
        RangeError,
        `${name} is "a/ü", expected at most 127`,
      );
    });
  }

  it("shows no more than 140 characters of a mime type", () => {
    const whole = () => newClient({ setup: { dataMimeType: "a".repeat(1_000) } });
    expect(whole).to.throw(RangeError, /"a{140}"/);
  });

  it("takes a payload of SETUP that fits one frame beside all else, metadata counted", () => {
    const most = MAX_SENT_FRAME_BYTES - 512;
    const data = new Uint8Array(most - 10);
    const begin = (metadataBytes: number) => () =>
      newClient({ setup: { data, metadata: new Uint8Array(metadataBytes) } });
    expect(begin(10)).not.to.throw();
    expect(begin(11)).to.throw(RangeError, `SETUP of ${most + 1} bytes, expected at most ${most}`);
  });

  it("has no time to watch before SETUP is out, and judges nobody", () => {
    const client = newClient();
    expect(client.connection.nextTimeoutMs).to.equal(undefined);
    client.connection.handleTimeout(client.nowMs + 1_000_000);
    expect(client.connection.state).to.equal("opening");
    expect(client.sent()[0]).to.equal(SETUP);
  });

  it("leaves the wait for a first frame to its owner", () => {
    const server = newServer();
    server.advance(1_000_000);
    expect(server.sent()).to.deep.equal([]);
    expect(server.log).to.deep.equal([]);
  });

  it("reads no more than a SETUP before there is one, then messages", () => {
    const server = newServer({
      settings: { limits: { maxSetupBytes: 5_000, maxMessageBytes: 70_000, maxMetadataBytes: 3_000 } },
    });
    expect(server.connection.maxFrameBytes).to.equal(5_000);
    server.receive(SETUP);
    expect(server.connection.maxFrameBytes).to.equal(73_064);
    server.sent();
  });

  it("takes no calls before it is set up", () => {
    const server = newServer();
    const error = caught(() => server.open("request_response"));
    expect(error).to.include({ code: 0x101, initiator: "local", message: "connection is not open yet" });
  });

  it("says nothing before it accepts, however long that takes", () => {
    const server = newServer({ manualAccept: true, settings: { compatibility: { serverKeepalive: true } } });
    server.receive(SETUP);
    server.advance(60_000);
    expect(server.sent()).to.deep.equal([]);
    server.connection.accept();
    server.advance(20_000);
    expect(server.sent()).to.deep.equal([hex`00000000 0c80 0000000000000000`]);
  });

  it("holds what comes behind SETUP up to the limit, counted by frames as they are", () => {
    const server = newServer({ manualAccept: true, settings: { limits: { maxHeldBytes: 16 } } });
    server.receive(SETUP);
    receiveInside(server, hex`00000001 1000 61`); // 7 bytes
    expect(server.connection.wantsRead).to.equal(true);
    server.connection.receivePart(8, server.nowMs);
    expect(server.connection.wantsRead).to.equal(true);
    server.connection.receivePart(9, server.nowMs);
    expect(server.connection.wantsRead, "16 bytes").to.equal(false);
    server.connection.accept();
    expect(server.calls.map(({ data }) => data)).to.deep.equal(["61"]);
    server.sent();
  });

  it("accepts once: a connection that closes isn't opened again", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close();
    server.connection.accept();
    expect(server.connection.state).to.equal("draining");
    expect(() => server.open("request_response")).to.throw("closed");
  });
});

describe("Connection: its bounds and words", () => {
  afterEach(expectNoTrace);

  it("takes a METADATA_PUSH that just fits a frame", () => {
    const client = openClient();
    const most = MAX_SENT_FRAME_BYTES - 6;
    expect(() => client.connection.metadataPush(new Uint8Array(most))).not.to.throw();
    expect(() => client.connection.metadataPush(new Uint8Array(most + 1))).to.throw(RangeError, `of ${most + 1} bytes`);
  });

  it("takes an EXT that just fits a frame, metadata counted", () => {
    const client = openClient();
    const most = MAX_SENT_FRAME_BYTES - 13;
    const send = (metadataBytes: number) => () =>
      client.connection.extension(1, true, new Uint8Array(metadataBytes), new Uint8Array(most - 10));
    expect(send(10)).not.to.throw();
    expect(send(11)).to.throw(RangeError, `EXT of ${most + 1} bytes, expected at most ${most}`);
  });

  it("refuses a call when all ids are in use", () => {
    const client = openClient({ lastStreamId: 5 });
    for (const id of [1, 3, 5]) expect(client.open("request_response").stream.id).to.equal(id);
    const error = caught(() => client.open("request_response"));
    expect(error).to.be.instanceOf(StreamError);
    expect(error).to.include({ code: 0x202, initiator: "local", message: "all stream ids are in use" });
  });

  it("without a lease a call fails here, not at the peer", () => {
    const client = openClient({ lease: {} });
    expect(caught(() => client.open("request_response"))).to.include({ code: 0x202, initiator: "local" });
  });

  it("tells of a fire-and-forget request that is with the link, and of no other", () => {
    const client = openClient();
    const first = client.open("fire_and_forget", { data: "61" });
    client.sent();
    expect(first.log).to.deep.equal(["complete"]);
    client.isBlocked = true;
    const second = client.open("fire_and_forget", { data: "62" });
    client.sent();
    expect(second.log).to.deep.equal([]);
    client.isBlocked = false;
    expect(client.sent()).to.deep.equal([hex`00000003 1400 62`]);
    expect(second.log).to.deep.equal(["complete"]);
    expect(first.log).to.deep.equal(["complete"]);
  });

  it("sends a KEEPALIVE when it is due, not whenever a timer fires", () => {
    const client = openClient();
    client.connection.handleTimeout(client.nowMs + 19_999);
    expect(client.sent()).to.deep.equal([]);
    client.connection.handleTimeout(client.nowMs + 20_000);
    expect(client.sent()).to.deep.equal([hex`00000000 0c80 0000000000000000`]);
  });

  it("a link that moves without having been blocked is watched no more than before", () => {
    const client = openClient();
    const before = client.connection.nextTimeoutMs;
    client.connection.linkMoved(client.nowMs);
    expect(client.connection.nextTimeoutMs).to.equal(before);
  });

  for (const [name, frames, expected] of [
    [
      "a frame without a whole header",
      [hex`00000001 10`],
      "frame of 5 bytes, expected at least 6 (RSocket 1.0 §Framing)",
    ],
    ["a KEEPALIVE", [hex`00000000 0c80 00000000000000`], "KEEPALIVE is cut short"],
    ["an ERROR", [hex`00000000 2c00 000001`], "ERROR is cut short"],
    ["an EXT without its type", [hex`00000000 fc00 000000`], "EXT is cut short"],
    ["an EXT that ends in its metadata", [hex`00000000 fd00 00000001 000002 61`], "EXT is cut short"],
    ["a REQUEST_STREAM", [hex`00000001 1800 000000`], "REQUEST_STREAM is cut short"],
    ["a REQUEST_N", [hex`00000001 1000 61`, hex`00000001 2000 000000`], "REQUEST_N is cut short"],
    ["a stream's ERROR", [hex`00000001 1000 61`, hex`00000001 2c00 000002`], "ERROR is cut short"],
  ] as const) {
    it(`HDR-04: ${name} that is cut short ends the connection, whatever stands behind it`, () => {
      const server = openServer();
      receiveInside(server, ...frames);
      expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000101 ${textHex(expected)}`]);
      expect(server.log.at(-1)).to.equal("closed 0x101 local");
    });
  }

  for (const [name, frame] of [
    ["a KEEPALIVE", hex`00000000 0e80 00000000000000`],
    ["an EXT", hex`00000000 fe00 000000`],
    ["a REQUEST_N", hex`00000001 2200 000000`],
  ] as const) {
    it(`HDR-03: ${name} with the ignore flag that is cut short is ignored`, () => {
      const server = openServer();
      receiveInside(server, frame);
      expect(server.sent()).to.deep.equal([]);
      expect(server.connection.state).to.equal("open");
    });
  }

  it("says which type it doesn't understand", () => {
    const server = openServer();
    server.receive(hex`00000000 a800`);
    expect(words(server)).to.equal("frame type 0x2a is not understood and has no ignore flag");
  });

  it("says what came in place of SETUP", () => {
    const server = newServer();
    server.receive(hex`00000001 1000 61`);
    const text = "first frame is REQUEST_RESPONSE on stream 1, expected SETUP or RESUME on stream 0";
    expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000001 ${textHex(text)}`]);
  });

  it("measures METADATA_PUSH by itself, not by what was read with it", () => {
    const server = openServer({ settings: { limits: { maxMetadataBytes: 4 } } });
    receiveInside(server, hex`00000000 3100 61626364`);
    expect(server.log.at(-1)).to.equal("push 61626364");
    receiveInside(server, hex`00000000 3100 6162636465`);
    expect(words(server)).to.equal("METADATA_PUSH with 5 bytes of metadata, above the limit of 4");
    server.sent();
  });

  it("the server's peer is undecided until it says what it is; a client's is unknown once it uses streams", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    expect(server.connection.peer.kind).to.equal("undecided");
    const client = newClient();
    client.sent();
    client.receive(hex`00000000 3100 6869`); // METADATA_PUSH, that isn't our hello
    expect(client.connection.peer.kind).to.equal("undecided");
    client.receive(hex`00000002 1000 61`);
    expect(client.connection.peer.kind).to.equal("unknown");
  });

  it("takes nothing of a frame whose arrival made its owner end the connection", () => {
    const client = newClient();
    client.sent();
    client.onEvent = (entry) => {
      if (entry === "established") client.connection.reject(0x101, new Uint8Array(0), "no");
    };
    client.receive(hex`00000002 1000 61`);
    expect(client.calls).to.deep.equal([]);
    expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000101`]);
  });

  for (const [name, settings, frames, expected] of [
    ["on an id of ours", {}, [hex`00000002 1000 61`], "0x202 stream id 2 is not the requester's"],
    [
      "beyond the limit",
      { maxInboundStreams: 1 },
      [hex`00000001 1000 61`, hex`00000003 1000 61`],
      "0x202 more than 1 streams",
    ],
  ] as const) {
    it(`tells its owner of a request that it refused: ${name}`, () => {
      const server = openServer({ settings: { limits: settings } });
      server.receive(...frames);
      expect(server.refusals).to.deep.equal([expected]);
      server.sent();
    });
  }
});

describe("Connection: budgets and marks", () => {
  afterEach(expectNoTrace);

  const KEEPALIVE_R = hex`00000000 0c80 0000000000000000`;

  it("each 64 KiB of a session may be asked about once more; frames of stream 0 earn nothing", () => {
    const limits = { controlBurst: 1, controlsPerSecond: 1, maxMetadataBytes: 100_000 };
    const server = newServer({ resumption: resumable(), settings: { limits } });
    server.receive(SETUP_R, KEEPALIVE_R);
    receiveInside(server, hex`00000001 1400 ${repeat("61", 65_536)}`, KEEPALIVE_R);
    receiveInside(server, hex`00000003 1400 ${repeat("61", 65_536)}`, KEEPALIVE_R);
    expect(server.connection.state).to.equal("open");
    receiveInside(server, hex`00000005 1400 61`, KEEPALIVE_R);
    expect(server.connection.state).to.equal("closed");
    server.sent();
  });

  it("a channel's request is an item, and REQUEST_N its right; a stream's is none", () => {
    const limits = { requestNBurst: 1, requestNsPerSecond: 1 };
    const requestN = (id: number): string => hex`0000000${id} 2000 00000001`;
    const client = openClient({ settings: { limits } });
    for (let i = 0; i < 3; i++) client.open("request_channel");
    client.receive(requestN(1), requestN(3), requestN(5));
    expect(client.connection.state).to.equal("open");
    const other = openClient({ settings: { limits } });
    for (let i = 0; i < 2; i++) other.open("request_stream");
    other.receive(requestN(1), requestN(3));
    expect(other.connection.state).to.equal("closed");
    for (const probe of [client, other]) probe.sent();
  });

  it("maxPeerCausedBytes: so much is allowed for as long as it stands still, and eight times that while it moves", () => {
    const limits = { maxPeerCausedBytes: 1_000 };
    for (const [bytes, stillMs, expected] of [
      [1_000, 5_000, "open"],
      [1_001, 999, "open"],
      [1_001, 1_000, "closed"],
      [8_000, 999, "open"],
      [8_001, 0, "closed"],
    ] as const) {
      const server = openServer({ settings: { limits } });
      server.connection.linkBlocked(server.nowMs);
      server.connection.outbound.addPeerCaused(bytes);
      server.connection.handleFlush(server.nowMs + stillMs);
      expect(server.connection.state, `${bytes} bytes, ${stillMs} ms`).to.equal(expected);
      if (expected === "closed") {
        expect(words(server)).to.equal("more than 1000 bytes of answers wait to be read");
        expect(server.connection.mustAbort).to.equal(true);
      }
    }
  });

  it("looks at a link that stands still after a second only when too much waits for it", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    const { outbound } = server.connection;
    server.connection.linkBlocked(server.nowMs);
    outbound.addPeerCaused(1_000);
    expect(server.connection.nextTimeoutMs).to.equal(server.nowMs + 30_000);
    outbound.addPeerCaused(1);
    expect(server.connection.nextTimeoutMs).to.equal(server.nowMs + 1_000);
  });

  it("producerPauseBytes: a queue that is just as full has no room for calls", () => {
    const client = openClient({ settings: { limits: { producerPauseBytes: 20 } } });
    client.open("request_response", { data: "61" }); // 10 bytes with the length
    expect(client.connection.hasRoom).to.equal(true);
    client.open("request_response", { data: "61" });
    expect(client.connection.hasRoom).to.equal(false);
    client.sent();
    expect(client.connection.hasRoom).to.equal(true);
  });

  it("stallTimeoutMs: a peer of ours that confirms nothing is left then, not before, and its link torn", () => {
    const client = openClient({ resumption: withToken(), settings: { limits: { maxSessionBytes: 100 } } });
    client.connection.peer.receiveHello(1);
    client.open("request_response", { data: repeat("61", 200) });
    client.sent();
    client.open("request_response", { data: "62" });
    client.sent();
    client.receive(KEEPALIVE_R);
    client.advance(29_999);
    expect(client.connection.state).to.equal("open");
    client.advance(1);
    expect(words(client)).to.equal("the peer has confirmed nothing for 30000 ms");
    expect(client.connection.mustAbort).to.equal(true);
  });

  it("readPauseBytes: reads on while what is kept is full, for only what it reads then makes room", () => {
    const limits = { maxSessionBytes: 100, readPauseBytes: 100 };
    const server = newServer({ resumption: resumable(), settings: { limits } });
    server.receive(SETUP_R, hex`00000001 1000 61`, hex`00000003 1000 61`);
    server.connection.peer.receiveHello(1);
    const [first, second] = server.calls;
    first?.stream.next(bytesOf(repeat("62", 100)));
    server.sent();
    second?.stream.next(bytesOf(repeat("62", 150)));
    expect(server.sent()).to.deep.equal([]);
    expect(server.connection.wantsRead, "it waits for the peer's word").to.equal(true);
    server.receive(hex`00000000 0c00 000000000000006a`); // all that was sent: 106 bytes
    expect(server.connection.wantsRead, "it waits for the link").to.equal(false);
    expect(server.sent()[0]).to.equal(hex`00000003 2860 ${repeat("62", 150)}`);
  });

  it("asks for a flush when the peer's answer has made room in what is kept", () => {
    const client = openClient({ resumption: withToken() });
    client.sent();
    client.receive(KEEPALIVE);
    expect(client.transmitRequested).to.equal(true);
    client.sent();
    const other = openClient();
    other.sent();
    other.receive(KEEPALIVE);
    expect(other.transmitRequested, "nothing is kept").to.equal(false);
  });
});

describe("Connection: what nobody asked for", () => {
  afterEach(expectNoTrace);

  const limits = { meaninglessBurst: 1, meaninglessPerSecond: 1, maxInboundStreams: 1 };
  const REQUEST = hex`00000001 1000 61`;

  /** How many frames more of stream 3 are taken, of 20, until it is over. */
  function takenOfStream3(probe: Probe): number {
    for (let i = 0; i < 20; i++) {
      if (probe.connection.state === "closed") return i;
      probe.receive(hex`00000003 2820 66`);
    }
    return 20;
  }

  it("behind a request that was refused whole a few frames may still come, no more", () => {
    const server = openServer({ settings: { limits } });
    server.receive(REQUEST, hex`00000003 1000 61`);
    expect(takenOfStream3(server)).to.be.within(9, 11);
    server.sent();
  });

  it("an id that was never used has nothing under way, though others have", () => {
    const server = openServer({ settings: { limits } });
    server.receive(REQUEST, hex`00000001 2400`); // its end allows a few frames of it
    expect(takenOfStream3(server)).to.equal(2);
    server.sent();
  });

  it("refusals count as caused by the peer, each by its own bytes", () => {
    const server = openServer({ settings: { limits } });
    server.receive(REQUEST, hex`00000003 1000 61`, hex`00000005 1000 61`);
    const { outbound } = server.connection;
    expect(outbound.peerCausedBytes).to.equal(outbound.data.byteLength);
    expect(server.sent()).to.have.length(2);
  });

  it("UNX-10: a LEASE that a client didn't ask for limits it, and nobody who calls it", () => {
    const client = openClient();
    client.receive(hex`00000000 0800 000003e8 00000001`); // LEASE, 1,000 ms, one request
    client.receive(hex`00000002 1000 61`, hex`00000004 1000 61`);
    expect(client.calls).to.have.length(2);
    client.open("fire_and_forget");
    expect(caught(() => client.open("fire_and_forget"))).to.include({ code: 0x202 });
    client.sent();
  });
});

describe("Connection: how it ends", () => {
  afterEach(expectNoTrace);

  it("closes with the word it was given, or a plain one", () => {
    const client = openClient();
    client.connection.close();
    expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000102 ${textHex("closed")}`]);
    expect(client.connection.mustAbort).to.equal(false);
    const other = openClient();
    other.connection.close("enough");
    expect(other.sent()).to.deep.equal([hex`00000000 2c00 00000102 ${textHex("enough")}`]);
  });

  it("tells all calls that were under way one error, whose stack says who closed it", () => {
    const client = openClient();
    const told: unknown[] = [];
    const sink = { ...SILENT_SINK, onError: (error: unknown) => void told.push(error) };
    for (let calls = 0; calls < 2; calls++)
      client.connection.openStream("request_response", undefined, bytesOf("61"), 1, sink);
    (function whoeverCloses() {
      client.connection.close("enough");
    })();
    client.connection.linkLost(undefined);
    expect(told).to.have.length(2);
    expect(new Set([...told, client.connection.closeReason]).size).to.equal(1);
    expect(told[0]).to.include({ code: 0x102, initiator: "local", message: "enough" });
    expect((told[0] as Error).stack).to.include("whoeverCloses");
    client.sent();
  });

  it("refuses calls of a peer with the word it closes with", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close("enough");
    server.receive(hex`00000003 1000 61`);
    expect(server.sent()).to.deep.equal([hex`00000003 2c00 00000202 ${textHex("enough")}`]);
  });

  it("asks for a flush when the last stream ends without a word", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close();
    server.sent();
    server.receive(hex`00000001 2400`); // CANCEL
    expect(server.transmitRequested).to.equal(true);
    server.sent();
    expect(server.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("tears a lost link, and tells what it was lost by", () => {
    const client = openClient();
    const cause = new Error("reset");
    client.connection.linkLost(cause);
    expect(client.connection.mustAbort).to.equal(true);
    expect(words(client)).to.equal("connection lost: reset");
    expect(client.connection.closeReason?.cause).to.equal(cause);
    const other = openClient();
    other.connection.linkLost(undefined);
    expect(words(other)).to.equal("connection lost");
    expect(other.connection.closeReason).not.to.have.property("cause");
  });

  it("leaves the link in order when a peer says that it is over, and keeps its bytes", () => {
    for (const [code, start] of [
      ["00000101", openClient],
      ["00000001", newClient],
    ] as const) {
      const client = start();
      client.sent();
      receiveInside(client, hex`00000000 2c00 ${code} 6e6f`);
      const name = code === "00000101" ? "CONNECTION_ERROR (0x101)" : "INVALID_SETUP (0x001)";
      expect(words(client)).to.equal(`${name}: no`);
      expect(client.connection.closeReason?.data).to.deep.equal(bytesOf("6e6f"));
      expect(client.connection.mustAbort).to.equal(false);
    }
  });

  it("tells once that the peer takes no more calls", () => {
    const client = openClient();
    client.open("request_response");
    client.sent();
    const close = hex`00000000 2c00 00000102`;
    client.receive(close, close);
    client.connection.peerEnded();
    expect(client.log.filter((entry) => entry === "draining")).to.have.length(1);
  });

  it("answers who asked before it was told of the close and then ended its side", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close();
    server.connection.peerEnded();
    server.call.stream.next(bytesOf("62"));
    expect(server.sent()[0]).to.equal(hex`00000001 2860 62`);
    expect(server.connection.mustAbort).to.equal(false);
  });

  it("is over at once when the peer ends its side before anything was asked", () => {
    const server = newServer({ manualAccept: true });
    server.receive(SETUP, KEEPALIVE);
    server.connection.peerEnded();
    expect(server.log).to.deep.equal(["setup", "closed 0x101 remote"]);
    const client = newClient();
    client.sent();
    client.connection.peerEnded();
    expect(client.log).to.deep.equal(["closed 0x101 remote"]);
    expect([server, client].map(({ connection }) => connection.mustAbort)).to.deep.equal([false, false]);
  });

  it("waits for nobody's close when it was told first", () => {
    const server = openServer();
    server.connection.peer.receiveHello(1);
    server.receive(hex`00000001 1000 61`, hex`00000000 2c00 00000102`);
    server.connection.close("enough", 1_000);
    server.call.stream.next(bytesOf("62"));
    server.sent();
    expect(server.log.at(-1)).to.equal("closed 0x102 remote");
  });
});

describe("Connection: what outlives its link", () => {
  afterEach(expectNoTrace);

  function lostClient(): Probe {
    const client = openClient({ resumption: withToken() });
    client.lose();
    return client;
  }

  function resumingClient(): Probe {
    const client = lostClient();
    client.connection.linkOpened(client.nowMs);
    client.sent();
    return client;
  }

  it("RESUME-02: counts frames by themselves, and none of stream 0", () => {
    const server = newServer({ resumption: resumable() });
    server.receive(SETUP_R);
    receiveInside(server, hex`00000001 1000 6162`); // 8 bytes
    receiveInside(server, hex`00000000 1000 616263`); // a request on stream 0 means nothing
    receiveInside(server, hex`00000000 0c80 0000000000000000`);
    expect(server.sent()).to.deep.equal([hex`00000000 0c00 0000000000000008`]);
  });

  it("counts all pieces of a frame that comes in several towards the position", () => {
    const server = newServer({ resumption: resumable() });
    server.receive(SETUP_R);
    receivePieces(server, hex`00000001 1080 61`, "6263", "64"); // 10 bytes, a fragment: kept in pieces
    receivePieces(server, hex`00000001 2820 65`, "6667"); // 9 bytes, the last one: joined
    expect(server.call.data).to.equal("61626364656667");
    server.receive(hex`00000000 0c80 0000000000000000`);
    expect(server.sent()).to.deep.equal([hex`00000000 0c00 0000000000000013`]);
  });

  it("keeps a token of its own: what was read may be written over", () => {
    const server = newServer({ resumption: resumable() });
    const bytes = bytesOf(SETUP_R);
    server.receiveBytes(bytes);
    bytes.fill(0);
    expect(server.connection.resumption?.token).to.deep.equal(bytesOf(TOKEN));
    server.sent();
  });

  it("readPauseBytes: a client reads the answer to RESUME, whatever waits to be written", () => {
    const client = openClient({ resumption: withToken(), settings: { limits: { readPauseBytes: 100 } } });
    client.receive(hex`00000002 1000 61`);
    client.call.stream.next(bytesOf(repeat("62", 150)));
    expect(client.connection.wantsRead).to.equal(false);
    client.lose();
    client.connection.linkOpened(client.nowMs);
    expect(client.sent().map((frame) => frame.slice(0, 12))).to.deep.equal(["000000003400"]);
    expect(client.connection.wantsRead).to.equal(true);
    client.receive(hex`00000000 3800 0000000000000000`);
    expect(client.connection.wantsRead).to.equal(false);
    expect(client.sent()).to.deep.equal([hex`00000002 2860 ${repeat("62", 150)}`]);
  });

  it("isn't resumed when its owner ends it while its old link goes", () => {
    const server = newServer({ resumption: resumable() });
    server.receive(SETUP_R);
    server.sent();
    server.onEvent = (entry) => {
      if (entry === "detached") server.connection.close();
    };
    const frame = bytesOf(RESUME);
    const refusal = server.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame);
    expect(refusal).to.equal("the session is over");
    expect(server.log.slice(-2)).to.deep.equal(["detached", "closed 0x102 local"]);
  });

  it("loses a link once, and looks at no time without one", () => {
    const client = lostClient();
    client.lose();
    expect(client.log.filter((entry) => entry === "detached")).to.have.length(1);
    expect(client.connection.nextTimeoutMs).to.equal(undefined);
    client.connection.handleTimeout(client.nowMs + 20_000);
    client.connection.linkOpened(client.nowMs);
    expect(client.sent().map((frame) => frame.slice(0, 12))).to.deep.equal(["000000003400"]);
    client.receive(hex`00000000 3800 0000000000000000`);
    expect(client.sent(), "no KEEPALIVE that was due in between").to.deep.equal([]);
  });

  it("asks again on the next link what the lost one left unanswered", () => {
    const client = openClient({ resumption: withToken(), settings: { limits: { maxSessionBytes: 100 } } });
    client.connection.peer.receiveHello(1);
    const request = hex`00000001 1000 ${repeat("61", 50)}`;
    const ask = hex`00000000 0c80 0000000000000000`;
    client.open("request_response", { data: repeat("61", 50) });
    expect(client.sent(), "more than half of 100 bytes are kept").to.deep.equal([request, ask]);
    client.lose();
    client.connection.linkOpened(client.nowMs);
    client.sent();
    client.receive(hex`00000000 3800 0000000000000000`);
    expect(client.sent()).to.deep.equal([request, ask]);
  });

  it("closes behind what is to be sent again", () => {
    const server = newServer({ resumption: resumable() });
    server.receive(SETUP_R, hex`00000001 1000 61`);
    server.call.stream.next(bytesOf("62"));
    server.sent();
    server.lose();
    const frame = bytesOf(RESUME);
    server.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame);
    server.connection.linkOpened(server.nowMs);
    expect(server.connection.pollTransmit(createBatch())).to.equal(true); // RESUME_OK
    server.connection.close("over");
    expect(server.sent()).to.deep.equal([hex`00000001 2860 62`, hex`00000000 2c00 00000102 ${textHex("over")}`]);
  });

  it("takes no second link while it has one", () => {
    const client = openClient({ resumption: withToken() });
    client.sent();
    client.connection.linkOpened(client.nowMs);
    expect(client.transmitRequested).to.equal(false);
    expect(client.sent()).to.deep.equal([]);
  });

  it("is over in order when it is closed without a link", () => {
    const client = lostClient();
    client.connection.close("enough");
    expect(client.log.at(-1)).to.equal("closed 0x102 local");
    expect(client.connection.mustAbort).to.equal(false);
    expect(client.sent()).to.deep.equal([]);
  });

  it("hears nothing before it has said RESUME", () => {
    const client = lostClient();
    client.connection.linkOpened(client.nowMs);
    client.receive(hex`00000000 3800 0000000000000000`, hex`00000001 2860 61`);
    expect(client.connection.state).to.equal("open");
    expect(client.sent()).to.deep.equal([RESUME]);
  });

  it("what is neither RESUME_OK nor ERROR is no answer to RESUME", () => {
    const client = resumingClient();
    receiveInside(client, KEEPALIVE, hex`00000000 2c00 000001`);
    expect(client.connection.isLive).to.equal(false);
    expect(client.connection.state).to.equal("open");
    receiveInside(client, hex`00000000 3800 0000000000000000`);
    expect(client.connection.isLive).to.equal(true);
  });

  for (const [name, frame, expected] of [
    ["a RESUME_OK that is cut short", hex`00000000 3800 00000000000000`, "RESUME_OK is cut short"],
    [
      "a position that can't be",
      hex`00000000 3800 0000000000000009`,
      "state disagreement: RESUME_OK says 9, kept is 0 … 0",
    ],
    ["a frame of a stream", hex`00000001 2860 61`, "PAYLOAD before RESUME_OK"],
  ] as const) {
    it(`RESUME-10: ${name} in answer to RESUME ends the connection, with these words`, () => {
      const client = resumingClient();
      receiveInside(client, frame);
      expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000101 ${textHex(expected)}`]);
    });
  }

  it("RESUME-13: says with whose words it was refused, with or without them", () => {
    for (const [text, expected] of [
      [textHex("no"), "the session can't be resumed: REJECTED_RESUME (0x004): no"],
      ["", "the session can't be resumed: REJECTED_RESUME (0x004): "],
    ] as const) {
      const client = resumingClient();
      receiveInside(client, hex`00000000 2c00 00000004 ${text}`);
      expect(words(client)).to.equal(expected);
      expect(client.connection.mustAbort).to.equal(false);
    }
  });

  it("refused by REJECTED_SETUP it ends, unless a server of ours says so: that one is full, and hasn't looked", () => {
    for (const isOurs of [false, true]) {
      const client = resumingClient();
      if (isOurs) client.connection.peer.receiveHello(1);
      receiveInside(client, hex`00000000 2c00 00000003 ${textHex("full")}`);
      expect(client.connection.state).to.equal(isOurs ? "open" : "closed");
      expect(client.connection.isLive).to.equal(!isOurs);
    }
  });

  it("RESUME-07: a server says why it doesn't resume", () => {
    const refused = (probe: Probe, frame: string): string | undefined => {
      probe.receive(frame);
      expect(probe.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000004`]);
      return words(probe);
    };
    expect(refused(newServer(), RESUME)).to.equal("resumption is not supported");
    expect(refused(newServer({ resumption: resumable() }), RESUME)).to.equal("unknown resume token");
    expect(refused(newServer({ resumption: resumable() }), RESUME.slice(0, -8))).to.match(/^RESUME/);
  });

  it("RESUME-11: a server says why it doesn't resume what lives", () => {
    const server = openServer();
    server.receive(RESUME);
    expect(words(server)).to.equal("RESUME on a connection that is set up");
    server.sent();
  });

  it("has no session to come back to when none was asked for", () => {
    const server = openServer();
    const frame = bytesOf(RESUME);
    expect(server.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame)).to.equal(
      "the session is over",
    );
    expect(server.connection.state).to.equal("open");
  });

  it("tears the old link when a position is refused and there is no other", () => {
    const server = newServer({ resumption: resumable() });
    server.receive(SETUP_R);
    server.sent();
    server.lose();
    const frame = bytesOf(`${RESUME.slice(0, -2)}63`);
    const refusal = server.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame);
    expect(refusal).to.be.a("string");
    expect(words(server)).to.equal(refusal);
    expect(server.connection.mustAbort).to.equal(true);
  });
});

describe("Connection: an owner that wants to know the least", () => {
  const told: string[] = [];
  const least: ConnectionEvents = {
    onTransmit: () => {},
    onSetup: () => {},
    onEstablished: () => {},
    onRequest: () => {},
    onMetadataPush: () => {},
    onClosed: ({ message }) => told.push(`closed ${message}`),
  };

  beforeEach(() => told.splice(0));

  function create(events: ConnectionEvents, side: "client" | "server"): Connection {
    return new Connection({
      settings: resolveSettings(),
      events,
      pool: new SlabPool((byteLength) => new Uint8Array(byteLength)),
      nowMs: 0,
      resumption: side === "client" ? withToken() : resumable(),
      ...(side === "server"
        ? { opening: serverOpening }
        : { setup: { metadataMimeType: "m", dataMimeType: "d", metadata: undefined, data: new Uint8Array(0) } }),
    });
  }

  function receive(connection: Connection, ...frames: readonly string[]): void {
    for (const frame of frames) connection.receiveFrame(bytesOf(frame), 0, frame.length / 2, 0);
  }

  function send(connection: Connection): void {
    connection.handleFlush(0);
    while (connection.pollTransmit(createBatch()));
    connection.afterTransmit();
  }

  it("loses a client's link and has another", () => {
    const client = create(least, "client");
    send(client);
    receive(client, KEEPALIVE);
    client.linkLost(new Error("cut"));
    expect(client.isLive).to.equal(false);
    client.linkOpened(0);
    send(client);
    receive(client, hex`00000000 3800 0000000000000000`, hex`00000000 fe00 00000001`); // RESUME_OK, an EXT to ignore
    expect(client.isLive).to.equal(true);
    client.openStream("request_response", undefined, new Uint8Array(0), 1, {
      onNext: () => {},
      onComplete: () => {},
      onError: () => told.push("error"),
      onCancel: () => {},
      onRequestN: () => {},
      onWritable: () => {},
    });
    receive(client, hex`00000000 2c00 00000102 6e6f`); // CONNECTION_CLOSE, and there is nobody to tell of draining
    expect(client.state).to.equal("draining");
    client.abort(client.closeReason ?? expect.fail("no reason"));
    expect(told).to.deep.equal(["error", "closed CONNECTION_CLOSE (0x102): no"]);
  });

  it("resumes a server's session on another link, and hears why the first one goes", () => {
    const server = create({ ...least, onDetached: ({ message }) => told.push(`detached ${message}`) }, "server");
    receive(server, SETUP_R);
    server.accept();
    send(server);
    const frame = bytesOf(RESUME);
    expect(server.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame)).to.equal(undefined);
    expect(told).to.deep.equal(["detached the peer resumes on another link"]);
    server.linkOpened(0);
    send(server);
    expect(server.isLive).to.equal(true);
  });

  it("refuses RESUME where nobody looks for sessions", () => {
    const server = create(least, "server");
    receive(server, RESUME);
    expect(told).to.deep.equal(["closed resumption is not supported"]);
  });

  it("hands a link over without a word", () => {
    let server: Connection | undefined;
    const onResume = (): undefined => {
      server?.handOver();
    };
    server = create({ ...least, onResume }, "server");
    receive(server, RESUME);
    expect(server.state).to.equal("closed");
    expect(server.pollTransmit(createBatch())).to.equal(false);
    server.linkLost(new Error("cut"));
    expect(told).to.deep.equal([]);
  });
});

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return expect.fail("nothing was thrown");
}

describe("Connection: frames in pieces", () => {
  afterEach(expectNoTrace);

  it("are understood in every state, whatever they are and wherever they are cut", () => {
    const server = newServer({ manualAccept: true });
    receivePieces(server, SETUP.slice(0, 6), SETUP.slice(6, 20), SETUP.slice(20));
    receivePieces(server, hex`00000001 1080`, "61"); // held until SETUP is accepted
    server.connection.accept();
    receivePieces(server, hex`00000001 29a0 00`, hex`0002 6d`, hex`6e 62`); // its metadata is cut: joined
    receivePieces(server, hex`00000001 29a0 000001 6f`, "63", "64"); // kept in pieces
    receivePieces(server, hex`00000001 2820 65`, "66");
    receivePieces(server, hex`00000000 0c80 00000000`, "00000000");
    expect(server.call.data).to.equal("616263646566");
    expect(server.call.metadata).to.equal("6d6e6f");
    expect(server.sent()).to.deep.equal([hex`00000000 0c00 0000000000000000`]);
    server.call.stream.cancel();
    server.call.stream.next(bytesOf("62"), undefined, true);
    server.sent();
  });

  it("are copied when they are lent: data of any length, and metadata", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 2 });
    client.sent();
    // PAYLOAD with N and F: one that is metadata first, and one of data.
    const fragments = [
      [hex`00000001 29a0 002000 ${repeat("6d", 8_192)}`, repeat("61", 8_192)],
      [hex`00000001 28a0 ${repeat("62", 8_192)}`],
    ];
    for (const fragment of fragments) {
      const pieces = fragment.map(bytesOf);
      expect(client.connection.receivePieces(pieces, true, client.nowMs)).to.equal(true);
      for (const piece of pieces) piece.fill(0);
    }
    client.receive(hex`00000001 2860 63`); // N and C
    expect(log).to.deep.equal([
      `next ${repeat("61", 8_192)}${repeat("62", 8_192)}63 metadata ${repeat("6d", 8_192)} complete`,
    ]);
  });

  it("are whole where C wins over F", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 2 });
    client.sent();
    receivePieces(client, hex`00000001 28e0 61`, "62", "63"); // PAYLOAD, N, C and F
    expect(log).to.deep.equal(["next 616263 complete"]);
  });

  it("count once each among the fragments, and all their bytes within the limits", () => {
    const server = openServer({ settings: { limits: { maxMessageBytes: 8, maxFragments: 3 } } });
    receivePieces(server, hex`00000001 1080 61`, "62", "63", "64"); // REQUEST_RESPONSE, F
    receivePieces(server, hex`00000001 28a0`, "65", "66", "67");
    receivePieces(server, hex`00000001 28a0`, "68");
    expect(server.refusals).to.deep.equal([]);
    receivePieces(server, hex`00000001 28a0 69`, "70");
    expect(server.refusals).to.deep.equal(["0x204 message of 10 bytes is above maxMessageBytes, 8"]);
    expect(server.connection.reassemblyBytes).to.equal(0);
    expect(server.sent().map((frame) => frame.slice(0, 20))).to.deep.equal([hex`00000001 2c00 00000204`]);
  });
});
