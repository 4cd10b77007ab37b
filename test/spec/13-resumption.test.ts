// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Resuming Operation: the rules RESUME, and KEEPALIVE's positions.

import { expect } from "chai";
import { decodeFrame } from "../../runtime/src/frames/decode.js";
import type { ResumeFrame } from "../../runtime/src/frames/frame.js";
import { ResumeLedger } from "../../runtime/src/session/resume-store.js";
import { bytesOf, hex, repeat, textHex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { KEEPALIVE, newClient, newServer, type Probe, type ProbeOptions } from "../support/probe.js";

const TOKEN = repeat("74", 16);

/** SETUP with R and the token. */
const SETUP_R = hex`
  00000000 0480       // stream 0, SETUP, R
  0001 0000           // version 1.0
  00004e20 00015f90   // 20 s, 90 s
  0010 ${TOKEN}       // 16 bytes of token
  016d 0164           // mime types
`;

const resumeFrame = (serverPosition: string, clientPosition: string, token: string = TOKEN): string => hex`
  00000000 3400       // stream 0, RESUME
  0001 0000           // version 1.0
  0010 ${token}       // token
  ${serverPosition}   // last received server position
  ${clientPosition}   // first available client position
`;

const resumeOk = (position: string): string => hex`00000000 3800 ${position}`;
const keepalive = (flags: "80" | "00", position: string): string => hex`00000000 0c${flags} ${position}`;
const at = (position: number): string => position.toString(16).padStart(16, "0");

/** REQUEST_RESPONSE on stream 1 with two bytes of data: 8 bytes. */
const REQUEST = hex`00000001 1000 6162`;
/** PAYLOAD N C on stream 1 with one byte: 7 bytes. */
const ANSWER = hex`00000001 2860 63`;

type Options = Omit<ProbeOptions, "side">;

function client(options: Options = {}): Probe {
  const ledger = new ResumeLedger(Number.POSITIVE_INFINITY);
  const probe = newClient({ resumption: { token: bytesOf(TOKEN), ledger }, ...options });
  probe.sent();
  probe.receive(KEEPALIVE);
  return probe;
}

function server(options: Options = {}): Probe {
  const probe = newServer({ resumption: { ledger: new ResumeLedger(Number.POSITIVE_INFINITY) }, ...options });
  probe.receive(SETUP_R);
  probe.sent();
  return probe;
}

/** The client has a new link; what it says there. */
function reopen(probe: Probe): string[] {
  probe.connection.linkOpened(probe.nowMs);
  return probe.sent();
}

/** The server hears RESUME on a new link; what it says there, or why not. */
function resume(probe: Probe, serverPosition: number, clientPosition: number): string[] | string {
  const frame = bytesOf(resumeFrame(at(serverPosition), at(clientPosition)));
  const refusal = probe.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame);
  if (refusal !== undefined) return refusal;
  probe.connection.linkOpened(probe.nowMs);
  return probe.sent();
}

describe("RSocket 1.0 §Resuming Operation", () => {
  afterEach(expectNoTrace);

  it("RESUME-01: a client asks with R and its token in SETUP", () => {
    const probe = newClient({
      resumption: { token: bytesOf(TOKEN), ledger: new ResumeLedger(1) },
    });
    expect(probe.sent()[0]).to.equal(SETUP_R);
  });

  it("RESUME-01: without it a lost link is the end", () => {
    const probe = newClient();
    probe.sent();
    probe.receive(KEEPALIVE);
    probe.lose();
    expect(probe.log.at(-1)).to.equal("closed 0x101 remote");
    expect(reopen(probe)).to.deep.equal([]);
  });

  it("a link that is lost before the server has accepted is the end", () => {
    const probe = newClient({ resumption: { token: bytesOf(TOKEN), ledger: new ResumeLedger(1e9) } });
    probe.sent();
    probe.lose();
    expect(probe.log).to.deep.equal(["closed 0x101 remote"]);
    const far = newServer({ resumption: { ledger: new ResumeLedger(1e9) }, manualAccept: true });
    far.receive(SETUP_R);
    far.lose();
    expect(far.log).to.deep.equal(["setup", "closed 0x101 remote"]);
  });

  it("RESUME-02: positions are bytes of stream frames without prefix, both ways; a KEEPALIVE tells them", () => {
    const far = server();
    far.receive(REQUEST); // 8 bytes
    far.receive(keepalive("80", at(0)));
    expect(far.sent()).to.deep.equal([keepalive("00", at(8))]);
    far.receive(hex`00000000 3080 61`, keepalive("80", at(0))); // METADATA_PUSH has no position
    expect(far.sent()).to.deep.equal([keepalive("00", at(8))]);
    // REQUEST_FNF, REQUEST_STREAM, REQUEST_CHANNEL, REQUEST_N, CANCEL, PAYLOAD and ERROR of unknown streams, EXT.
    const counted = [
      hex`00000003 1400 61`,
      hex`00000005 1800 00000001 61`,
      hex`00000007 1c00 00000001 61`,
      hex`00000005 2000 00000001`,
      hex`00000005 2400`,
      hex`00000001 2820 61`,
      hex`00000001 2c00 00000201 61`,
    ];
    far.receive(...counted, hex`00000001 fe00 00000001 61`);
    const bytes = counted.reduce((sum, frame) => sum + frame.length / 2, 0);
    far.receive(keepalive("80", at(0)));
    expect(far.sent().at(-1)).to.equal(keepalive("00", at(8 + bytes)));
  });

  it("RESUME-02: each fragment has its own length", () => {
    const near = client({ settings: { fragmentBytes: 64 } });
    near.open("request_response", { data: repeat("61", 100) });
    const bytes = near.sent().reduce((sum, frame) => sum + frame.length / 2, 0);
    expect(near.connection.resumption?.store.sentPosition).to.equal(bytes);
    expect(bytes, "100 of data, two headers of 6").to.equal(112);
  });

  it("RESUME-03, RESUME-04, RESUME-05, RESUME-16: on a new link RESUME goes first, and nothing else before RESUME_OK", () => {
    const near = client();
    near.open("request_response", { data: "6162" });
    near.sent();
    near.receive(hex`00000002 1000 61`); // a request of the server, 7 bytes
    near.lose();
    near.open("request_response", { data: "63" });
    near.call.stream.next(bytesOf("64"));
    expect(near.sent(), "there is no link").to.deep.equal([]);
    expect(reopen(near)).to.deep.equal([resumeFrame(at(7), at(0))]);
    expect(near.sent()).to.deep.equal([]);
    near.advance(60_000);
    expect(near.sent(), "no KEEPALIVE either").to.deep.equal([]);
    near.receive(resumeOk(at(8)));
    expect(near.sent()).to.deep.equal([hex`00000003 1000 63`, hex`00000002 2860 64`]);
    expect(near.log.slice(-2)).to.deep.equal(["detached", "resumed"]);
  });

  it("RESUME-20: a client that resumes says the version of its SETUP, and no other SETUP, on every link", () => {
    const near = client({ setup: { metadataMimeType: "a/b", dataMimeType: "c/d" } });
    near.lose();
    for (let i = 0; i < 3; i++) {
      expect(reopen(near)).to.deep.equal([resumeFrame(at(0), at(0))]);
      near.receive(resumeOk(at(0)));
      expect(near.sent()).to.deep.equal([]);
      near.lose();
    }
  });

  it("FC-06: credit outlives the link, in both directions", () => {
    const far = server();
    far.receive(hex`00000001 1800 00000003 61`); // REQUEST_STREAM, n 3
    far.call.stream.next(bytesOf("31"));
    far.sent();
    far.lose();
    far.call.stream.next(bytesOf("32"));
    resume(far, 7, 0);
    far.call.stream.next(bytesOf("33"));
    expect(far.sent()).to.deep.equal([hex`00000001 2820 33`]);
    expect(() => far.call.stream.next(bytesOf("34"))).to.throw(RangeError, "without credit");
    const near = client();
    const { log } = near.open("request_stream", { n: 2 });
    near.sent();
    near.receive(hex`00000001 2820 31`);
    near.lose();
    reopen(near);
    near.receive(resumeOk(at(10)), hex`00000001 2820 32`, hex`00000001 2820 33`);
    expect(log, "the third is beyond the credit, and held").to.deep.equal(["next 31", "next 32"]);
  });

  it("LEASE-09, RESUME-15: a client's lease goes with its link; on the next one it waits for another", () => {
    const near = client({ lease: {} });
    const lease = (count: string): string => hex`00000000 0800 000003e8 ${count}`; // LEASE, 1,000 ms
    near.receive(lease("00000005"));
    near.open("fire_and_forget");
    near.sent();
    near.lose();
    expect(() => near.open("fire_and_forget")).to.throw("no lease");
    reopen(near);
    near.receive(resumeOk(at(6)));
    expect(() => near.open("fire_and_forget")).to.throw("no lease");
    near.receive(lease("00000001"));
    near.open("fire_and_forget");
    expect(near.sent()).to.deep.equal([hex`00000003 1400`]);
    expect(() => near.open("fire_and_forget")).to.throw("no lease");
  });

  it("LEASE-09, RESUME-15: a server grants anew on the next link, and refuses what has no lease until then", () => {
    const far = newServer({ lease: {}, resumption: { ledger: new ResumeLedger(1e9) } });
    far.receive(SETUP_R.replace("000000000480", "0000000004c0")); // R L
    far.connection.grantLease({ requestCount: 1, ttlMs: 1_000 }, far.nowMs);
    far.receive(hex`00000001 1000 61`);
    far.sent();
    far.lose();
    far.connection.grantLease({ requestCount: 9, ttlMs: 1_000 }, far.nowMs); // there is nobody to grant to
    expect(resume(far, 0, 0)).to.deep.equal([resumeOk(at(7))]);
    far.receive(hex`00000003 1000 61`);
    expect(far.sent().map(withoutText)).to.deep.equal([hex`00000003 2c00 00000202`]); // ERROR, REJECTED
    far.connection.grantLease({ requestCount: 1, ttlMs: 1_000 }, far.nowMs);
    far.receive(hex`00000005 1000 61`);
    expect(far.sent()).to.deep.equal([hex`00000000 0800 000003e8 00000001`]);
    expect(far.calls.map(({ stream }) => stream.id)).to.deep.equal([1, 5]);
  });

  for (const [name, received, expected] of [
    ["nothing", 0, [REQUEST, hex`00000003 1000 6364`, hex`00000003 2400`]],
    ["one frame", 8, [hex`00000003 1000 6364`, hex`00000003 2400`]],
    ["two frames", 16, [hex`00000003 2400`]],
    ["all", 22, []],
  ] as const) {
    it(`RESUME-09: a client sends again what the server hasn't got, unchanged and in order: it has ${name}`, () => {
      const near = client();
      near.open("request_response", { data: "6162" });
      near.sent();
      const second = near.open("request_response", { data: "6364" });
      near.sent();
      second.stream.cancel();
      near.sent();
      near.lose();
      reopen(near);
      near.receive(resumeOk(at(received)));
      expect(near.sent()).to.deep.equal(expected);
      // And again, if that link is lost, too.
      near.lose();
      expect(reopen(near)).to.deep.equal([resumeFrame(at(0), at(received))]);
      near.receive(resumeOk(at(received)));
      expect(near.sent()).to.deep.equal(expected);
    });
  }

  it("RESUME-08, RESUME-09: a server answers RESUME_OK with its own position, then sends again", () => {
    const far = server();
    far.receive(REQUEST);
    far.call.stream.next(bytesOf("63"));
    expect(far.sent()).to.deep.equal([ANSWER]);
    far.lose();
    expect(far.log.at(-1)).to.equal("detached");
    expect(resume(far, 0, 0)).to.deep.equal([resumeOk(at(8)), ANSWER]);
    far.receive(hex`00000003 1000 61`);
    expect(far.calls).to.have.length(2);
  });

  it("RESUME-09: what is sent again at once with what waited comes first", () => {
    const far = server();
    far.receive(hex`00000001 1800 00000005 61`); // REQUEST_STREAM, n 5
    far.call.stream.next(bytesOf("31"));
    far.sent();
    far.lose();
    far.call.stream.next(bytesOf("32"));
    expect(resume(far, 0, 0)).to.deep.equal([resumeOk(at(11)), hex`00000001 2820 31`, hex`00000001 2820 32`]);
  });

  it("our hello goes right behind RESUME_OK", () => {
    const far = server();
    far.greeting = bytesOf("6869");
    far.connection.metadataPush(bytesOf("61"));
    far.sent();
    far.lose();
    far.connection.metadataPush(bytesOf("62"));
    expect(resume(far, 0, 0)).to.deep.equal([resumeOk(at(0)), hex`00000000 3100 6869`, hex`00000000 3100 62`]);
  });

  it("RESUME-06: an unknown token is refused", () => {
    const far = newServer({ resumption: { ledger: new ResumeLedger(1e9) } });
    far.receive(resumeFrame(at(0), at(0)));
    expect(far.sent()).to.deep.equal([hex`00000000 2c00 00000004 ${textHex("unknown resume token")}`]);
  });

  it("RESUME-07: a server without resumption refuses", () => {
    const far = newServer();
    far.receive(resumeFrame(at(0), at(0)));
    expect(far.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000004`]);
  });

  it("RESUME-06, RESUME-14: a RESUME that is cut short is refused, as such", () => {
    const far = newServer({ resumption: { ledger: new ResumeLedger(1e9) } });
    far.receive(resumeFrame(at(0), at(0)).slice(0, -8));
    expect(far.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000004`]);
  });

  for (const [name, serverPosition, clientPosition] of [
    ["beyond what was sent", 8, 0],
    ["inside a frame", 3, 0],
    ["that begins with frames never received", 0, 9],
    ["unspecified, -1", Number.MAX_SAFE_INTEGER, 0],
  ] as const) {
    it(`RESUME-10: a server refuses a position ${name}, and the session is over`, () => {
      const far = server();
      far.receive(REQUEST);
      far.call.stream.next(bytesOf("63"));
      far.sent();
      far.lose();
      expect(resume(far, serverPosition, clientPosition)).to.be.a("string");
      expect(far.log.at(-1)).to.equal("closed 0x101 remote");
      expect(resume(far, 0, 0)).to.equal("the session is over");
    });
  }

  it("RESUME-10: who refuses a position on another link doesn't lose the one it has", () => {
    const far = server();
    expect(resume(far, 99, 0)).to.be.a("string");
    far.receive(REQUEST);
    expect(far.calls).to.have.length(1);
  });

  for (const [name, position] of [
    ["beyond what was sent", 9],
    ["inside a frame", 3],
  ] as const) {
    it(`RESUME-10: a client refuses a RESUME_OK ${name} with CONNECTION_ERROR, and its calls end once`, () => {
      const near = client();
      const { log } = near.open("request_response", { data: "6162" });
      near.sent();
      near.lose();
      reopen(near);
      near.receive(resumeOk(at(position)));
      expect(near.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
      expect(log).to.deep.equal(["error connection 0x101 local"]);
    });
  }

  it("RESUME-10: a RESUME_OK before what is kept is refused: rsocket-go always says 0 (Q-RES-GO)", () => {
    const near = client();
    near.open("request_response", { data: "6162" });
    near.open("request_response", { data: "6364" });
    near.sent();
    near.open("request_response", { data: "6566" });
    near.sent();
    near.receive(keepalive("80", at(16)));
    near.sent();
    near.lose();
    expect(reopen(near)).to.deep.equal([resumeFrame(at(0), at(16))]);
    near.receive(resumeOk(at(0)));
    expect(near.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
    expect(near.log.at(-1)).to.equal("closed 0x101 local");
  });

  it("RESUME-11, RESUME-12: RESUME on a connection that is set up, or resumed, ends it", () => {
    const far = server();
    far.lose();
    resume(far, 0, 0);
    far.receive(resumeFrame(at(0), at(0)));
    expect(far.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
    expect(far.log.at(-1)).to.equal("closed 0x101 local");
  });

  for (const code of ["00000001", "00000002", "00000003", "00000004", "00000101"]) {
    it(`RESUME-13: ERROR 0x${code} in answer to RESUME ends the connection and its calls, once`, () => {
      const near = client();
      const { log } = near.open("request_response");
      near.sent();
      near.lose();
      reopen(near);
      near.receive(hex`00000000 2c00 ${code} ${textHex("no")}`);
      expect(log).to.deep.equal(["error connection 0x101 remote"]);
      expect(near.log.at(-1)).to.equal("closed 0x101 remote");
      expect(near.sent()).to.deep.equal([]);
      expect(reopen(near)).to.deep.equal([]);
    });
  }

  it("a frame of a stream before RESUME_OK ends the connection: it has no position", () => {
    const near = client();
    near.open("request_response", { data: "6162" });
    near.sent();
    near.lose();
    reopen(near);
    near.receive(ANSWER);
    expect(near.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
  });

  it("a link that is lost before RESUME_OK is followed by another, with the same RESUME", () => {
    const near = client();
    near.open("request_response", { data: "6162" });
    near.sent();
    near.lose();
    expect(reopen(near)).to.deep.equal([resumeFrame(at(0), at(0))]);
    near.lose();
    expect(near.log.filter((entry) => entry === "detached")).to.have.length(2);
    expect(reopen(near)).to.deep.equal([resumeFrame(at(0), at(0))]);
    near.receive(resumeOk(at(8)));
    near.receive(ANSWER);
    expect(near.sent()).to.deep.equal([]);
  });

  it("RESUME-17: a KEEPALIVE trims what is kept, to whole writes, and never goes back", () => {
    const near = client();
    const { store } = near.connection.resumption ?? expect.fail("not resumable");
    for (let i = 0; i < 3; i++) {
      near.open("request_response", { data: "6162" });
      near.sent();
    }
    near.receive(keepalive("80", at(8)));
    expect(store.firstPosition).to.equal(8);
    near.receive(keepalive("80", at(0)));
    expect(store.firstPosition).to.equal(8);
    near.receive(keepalive("80", at(20)));
    expect(store.firstPosition, "inside the third write").to.equal(16);
    near.receive(keepalive("80", "7fffffffffffffff"));
    expect([store.firstPosition, store.byteLength]).to.deep.equal([24, 0]);
  });

  it("RESUME-17: an answer that repeats our own number isn't believed, from a peer that has never resumed (Q-KA-POS)", () => {
    const near = client();
    const { store } = near.connection.resumption ?? expect.fail("not resumable");
    near.open("request_response", { data: "6162" });
    near.receive(hex`00000002 1000 6162`); // 8 bytes received, too
    near.advance(20_000);
    expect(near.sent().at(0)).to.equal(keepalive("80", at(8)));
    near.receive(keepalive("00", at(8)));
    expect(store.firstPosition).to.equal(0);
    near.lose();
    reopen(near);
    near.receive(resumeOk(at(0)));
    near.sent();
    near.advance(20_000);
    near.sent();
    near.receive(keepalive("00", at(8)));
    expect(store.firstPosition, "it has resumed: it counts").to.equal(8);
  });

  it("RESUME-18: a token outside of minResumeTokenBytes and maxResumeTokenBytes is refused with SETUP", () => {
    for (const [tokenBytes, limits] of [
      [15, {}],
      [129, {}],
      [16, { minResumeTokenBytes: 17 }],
      [17, { maxResumeTokenBytes: 16 }],
    ] as const) {
      const far = newServer({ settings: { limits }, resumption: { ledger: new ResumeLedger(1e9) } });
      const length = tokenBytes.toString(16).padStart(4, "0");
      far.receive(hex`00000000 0480 0001 0000 00004e20 00015f90 ${length} ${repeat("74", tokenBytes)} 016d 0164`);
      expect(far.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000003`]);
    }
  });

  it("RESUME-18: the session is over with an orderly end, from either side", () => {
    const near = client();
    near.open("request_response");
    near.sent();
    near.receive(hex`00000000 2c00 00000102`); // CONNECTION_CLOSE
    near.lose();
    expect(near.log.at(-1)).to.equal("closed 0x102 remote");
    const far = server();
    far.receive(REQUEST);
    far.connection.close("over");
    far.lose();
    expect(far.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("closing sends first what was still to be sent again", () => {
    const far = server();
    far.receive(hex`00000001 1800 00000005 61`);
    far.call.stream.next(bytesOf("31"));
    far.call.stream.complete();
    far.sent();
    far.lose();
    const frame = bytesOf(resumeFrame(at(0), at(0)));
    far.connection.resume(decodeFrame(frame, 0, frame.length) as ResumeFrame);
    far.connection.linkOpened(far.nowMs);
    const sent = [];
    const all = far.sent();
    far.connection.close("over");
    sent.push(...all, ...far.sent());
    expect(sent).to.deep.equal([
      resumeOk(at(11)),
      hex`00000001 2820 31`,
      hex`00000001 2840`,
      hex`00000000 2c00 00000102 ${textHex("over")}`,
    ]);
  });

  it("closing without a link ends at once", () => {
    const near = client();
    const { log } = near.open("request_response");
    near.sent();
    near.lose();
    near.connection.close("enough");
    expect(log).to.deep.equal(["error connection 0x102 local"]);
    expect(near.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("silence loses the link, not the connection", () => {
    const far = server();
    far.receive(REQUEST);
    far.advance(90_000);
    expect(far.log.at(-1)).to.equal("detached");
    far.advance(600_000);
    expect(far.log.at(-1), "nothing is judged without a link").to.equal("detached");
    expect(far.call.log).to.deep.equal([]);
  });

  it("the end of the peer's half loses the link, not the connection", () => {
    const far = server();
    far.receive(REQUEST);
    far.connection.peerEnded();
    expect(far.log.at(-1)).to.equal("detached");
    far.call.stream.next(bytesOf("63"));
    expect(resume(far, 0, 0)).to.deep.equal([resumeOk(at(8)), ANSWER]);
  });

  describe("what is kept", () => {
    const settings = { limits: { maxSessionBytes: 100 } };

    it("maxSessionBytes: a peer of ours is asked at half of it, and waited for when it is full", () => {
      const near = client({ settings });
      near.connection.peer.receiveHello(1);
      const { store } = near.connection.resumption ?? expect.fail("not resumable");
      near.open("request_response", { data: repeat("61", 50) }); // 59 bytes with prefix
      expect(near.sent()).to.deep.equal([hex`00000001 1000 ${repeat("61", 50)}`, keepalive("80", at(0))]);
      near.open("request_response", { data: repeat("61", 50) });
      expect(near.sent(), "it is asked once").to.deep.equal([hex`00000003 1000 ${repeat("61", 50)}`]);
      near.open("request_response", { data: "62" });
      expect(near.sent(), "it is full").to.deep.equal([]);
      near.receive(keepalive("00", at(112)));
      expect(near.sent()).to.deep.equal([hex`00000005 1000 62`]);
      expect(store.firstPosition).to.equal(112);
    });

    it("a peer of ours that confirms nothing is left after stallTimeoutMs", () => {
      const near = client({ settings });
      near.connection.peer.receiveHello(1);
      near.open("request_response", { data: repeat("61", 200) });
      near.sent();
      near.open("request_response", { data: "62" });
      near.sent();
      for (let i = 0; i < 6; i++) {
        near.advance(5_000);
        near.receive(keepalive("80", at(0)));
        near.sent();
      }
      expect(near.log.at(-1)).to.equal("closed 0x101 remote");
    });

    it("another peer isn't waited for: the oldest frames are forgotten, and a session that misses them is refused", () => {
      const far = server({ settings });
      far.receive(hex`00000001 1800 0000000a 61`); // 11 bytes
      for (let i = 0; i < 4; i++) {
        far.call.stream.next(bytesOf(repeat("61", 50)));
        far.sent();
      }
      const { store } = far.connection.resumption ?? expect.fail("not resumable");
      expect(store.byteLength).to.be.at.most(100 + 59);
      expect(store.sentPosition).to.equal(4 * 56);
      far.lose();
      expect(resume(far, 0, 0)).to.match(/expected the end of a frame in/);
    });

    it("the ledger counts all of them, and is given back at the end", () => {
      const ledger = new ResumeLedger(1e9);
      const near = client({ resumption: { token: bytesOf(TOKEN), ledger } });
      near.open("request_response", { data: "6162" });
      near.sent();
      expect(ledger.bytes).to.equal(11);
      near.lose();
      near.connection.close();
      expect(ledger.bytes).to.equal(0);
    });
  });
});
