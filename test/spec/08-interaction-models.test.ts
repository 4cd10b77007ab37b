// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Stream Sequences and Lifetimes: the rules RR, FNF, RS and RC, each on both ends.

import { expect } from "chai";
import { bytesOf, hex, repeat, textHex } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { type InboundCall, KEEPALIVE, KEEPALIVE_R, openClient, openServer, type Probe } from "../support/probe.js";

const NOTHING = new Uint8Array(0);

/** A server with one channel open, its REQUEST_N(9) sent. */
function serverWithChannel(): { server: Probe; call: InboundCall } {
  const server = openServer({ onRequest: ({ stream }) => stream.request(9) });
  server.receive(hex`00000001 1c00 00000009 61`);
  server.sent();
  return { server, call: server.call };
}

describe("RSocket 1.0 §Stream Sequences: request/response", () => {
  afterEach(expectNoTrace);

  it("RR-01: a responder answers with one PAYLOAD N C, then with nothing", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    const { stream, log } = server.call;
    expect(stream.next(bytesOf("62"))).to.equal(false);
    stream.next(bytesOf("63"));
    stream.complete();
    stream.error(0x201, NOTHING);
    expect(server.sent()).to.deep.equal([
      hex`
        00000001   // stream 1
        2860       // PAYLOAD, N C
        62         // data
      `,
    ]);
    expect(log).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("RR-01: a responder may answer with COMPLETE alone", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.call.stream.complete();
    expect(server.sent()).to.deep.equal([hex`00000001 2840`]);
    expectQuiet(server.connection);
  });

  it("RR-01: an answer without bytes goes out with N (rsocket-js 0.0.27 never settles on C alone)", () => {
    const server = openServer();
    server.receive(hex`00000001 1000`);
    server.call.stream.next(NOTHING);
    expect(server.sent()).to.deep.equal([hex`00000001 2860`]);
  });

  it("RR-01: a requester takes PAYLOAD N C, or C alone, as the end", () => {
    const client = openClient();
    const [first, second] = [client.open("request_response"), client.open("request_response")];
    client.sent();
    client.receive(hex`00000001 2860 62`, hex`00000003 2840`);
    expect(first.log).to.deep.equal(["next 62 complete"]);
    expect(second.log).to.deep.equal(["complete"]);
    expectQuiet(client.connection);
  });

  it("RR-01: of two answers the second is dropped", () => {
    const client = openClient();
    const { log } = client.open("request_response");
    client.sent();
    client.receive(hex`00000001 2860 62`, hex`00000001 2860 63`, hex`00000001 2c00 00000201`);
    expect(log).to.deep.equal(["next 62 complete"]);
  });

  for (const code of ["00000201", "00000202", "00000203", "00000204"]) {
    it(`RR-02: ERROR 0x${code} ends the stream on both sides`, () => {
      const client = openClient();
      const { log } = client.open("request_response");
      client.sent();
      client.receive(hex`00000001 2c00 ${code} 6e6f`);
      expect(log).to.deep.equal([`error 0x${Number.parseInt(code, 16).toString(16)} remote`]);
      expect(client.sent()).to.deep.equal([]);
      expectQuiet(client.connection);
      const server = openServer();
      server.receive(hex`00000001 1000 61`);
      server.call.stream.error(Number.parseInt(code, 16), bytesOf("6e6f"));
      server.call.stream.next(bytesOf("62"));
      expect(server.sent()).to.deep.equal([hex`00000001 2c00 ${code} 6e6f`]);
      expectQuiet(server.connection);
    });
  }

  it("RR-03: CANCEL of the requester goes out once; a late answer is dropped", () => {
    const client = openClient();
    const { stream, log } = client.open("request_response");
    client.sent();
    stream.cancel();
    stream.cancel();
    expect(client.sent()).to.deep.equal([
      hex`
        00000001   // stream 1
        2400       // CANCEL
      `,
    ]);
    expectQuiet(client.connection);
    client.receive(hex`00000001 2860 62`);
    expect(log).to.deep.equal([]);
  });

  it("RR-03: on CANCEL the handler is told, and no answer goes out", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`, hex`00000001 2400`);
    const { stream, log } = server.call;
    expect(log).to.deep.equal(["cancel"]);
    stream.next(bytesOf("62"));
    stream.error(0x201, NOTHING);
    expect(server.sent()).to.deep.equal([]);
    expectQuiet(server.connection);
  });
});

describe("RSocket 1.0 §Stream Sequences: fire-and-forget", () => {
  afterEach(expectNoTrace);

  it("FNF-01: REQUEST_FNF ends as it comes; whatever its handler does, no frame goes back", () => {
    const server = openServer();
    server.receive(hex`00000001 1400 61`);
    expectQuiet(server.connection);
    const { stream, data, log } = server.call;
    expect(data).to.equal("61");
    stream.next(bytesOf("62"));
    stream.complete();
    stream.error(0x201, NOTHING);
    stream.request(1);
    stream.cancel();
    expect(server.sent()).to.deep.equal([]);
    expect(log).to.deep.equal([]);
  });

  it("FNF-01: not even one that breaks a limit gets an answer", () => {
    const server = openServer({ settings: { limits: { maxMessageBytes: 2 } } });
    server.receive(hex`00000001 1400 616263`, hex`00000003 1480 6162`, hex`00000003 2820 63`);
    expect(server.sent()).to.deep.equal([]);
    expect(server.calls).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("FNF-02: nothing follows REQUEST_FNF; its sink hears when it is with the link", () => {
    const client = openClient();
    const { stream, log } = client.open("fire_and_forget", { data: "61" });
    expect(log).to.deep.equal([]);
    expect(client.sent()).to.deep.equal([hex`00000001 1400 61`]);
    expect(log).to.deep.equal(["complete"]);
    stream.cancel();
    stream.complete();
    stream.next(bytesOf("62"));
    expect(client.sent()).to.deep.equal([]);
    expectQuiet(client.connection);
  });

  it("FNF-02: only its own fragments follow REQUEST_FNF", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { log } = client.open("fire_and_forget", { data: repeat("61", 56) });
    expect(client.sent()).to.deep.equal([hex`00000001 1480 ${repeat("61", 55)}`, hex`00000001 2820 61`]);
    expect(log).to.deep.equal(["complete"]);
  });

  it("FNF-02: frames for its id are ignored, also while it is being sent", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { log } = client.open("fire_and_forget", { data: repeat("61", 56) });
    client.receive(hex`00000001 2c00 00000201`, hex`00000001 2860 62`, hex`00000001 2400`, hex`00000001 2000 00000001`);
    expect(client.sent()).to.have.length(2);
    expect(log).to.deep.equal(["complete"]);
    client.receive(hex`00000001 2c00 00000201`, hex`00000001 2860 62`);
    expect(log).to.deep.equal(["complete"]);
    expect(client.connection.state).to.equal("open");
  });

  it("FNF-02: one that isn't with the link when it is lost fails, and says that it never left", () => {
    const client = openClient();
    const { stream, log } = client.open("fire_and_forget");
    client.lose();
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(stream.neverSent).to.equal(true);
  });
});

describe("RSocket 1.0 §Stream Sequences: request/stream", () => {
  afterEach(expectNoTrace);

  it("RS-01: a responder sends items and then COMPLETE, with the last or alone", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000009 61`, hex`00000003 1800 00000009 61`);
    const [first, second] = server.calls;
    first?.stream.next(bytesOf("62"));
    first?.stream.next(bytesOf("63"));
    first?.stream.complete();
    second?.stream.next(bytesOf("64"), undefined, true);
    expect(server.sent()).to.deep.equal([
      hex`00000001 2820 62`, // PAYLOAD, N
      hex`00000001 2820 63`,
      hex`00000001 2840`, // PAYLOAD, C
      hex`00000003 2820 64`,
      hex`00000003 2840`,
    ]);
    expectQuiet(server.connection);
  });

  it("RS-01: a requester takes COMPLETE on the last item or alone", () => {
    const client = openClient();
    const [first, second] = [client.open("request_stream", { n: 9 }), client.open("request_stream", { n: 9 })];
    client.sent();
    client.receive(
      hex`00000001 2820 62`,
      hex`00000001 2860 63`, // PAYLOAD, N C
      hex`00000003 2820 64`,
      hex`00000003 2940 000001 6d`, // PAYLOAD, M C
    );
    expect(first.log).to.deep.equal(["next 62", "next 63 complete"]);
    expect(second.log).to.deep.equal(["next 64", "complete metadata 6d"]);
    expectQuiet(client.connection);
  });

  it("RS-02: ERROR ends it on both sides, nothing follows", () => {
    const client = openClient();
    const { stream, log } = client.open("request_stream", { n: 9 });
    client.sent();
    client.receive(hex`00000001 2820 62`, hex`00000001 2c00 00000201`, hex`00000001 2820 63`);
    stream.request(1);
    stream.cancel();
    expect(log).to.deep.equal(["next 62", "error 0x201 remote"]);
    expect(client.sent()).to.deep.equal([]);
    const server = openServer();
    server.receive(hex`00000001 1800 00000009 61`);
    server.call.stream.error(0x201, NOTHING);
    server.call.stream.next(bytesOf("62"));
    server.call.stream.complete();
    expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000201`]);
    expectQuiet(server.connection);
  });

  it("RS-03: CANCEL ends it at any time; items under way are dropped", () => {
    const client = openClient();
    const { stream, log } = client.open("request_stream", { n: 9 });
    client.sent();
    client.receive(hex`00000001 2820 62`);
    stream.cancel();
    client.receive(hex`00000001 2820 63`, hex`00000001 2840`);
    expect(log).to.deep.equal(["next 62"]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
    const server = openServer();
    server.receive(hex`00000001 1800 00000009 61`);
    server.call.stream.next(bytesOf("62"));
    server.receive(hex`00000001 2400`);
    server.call.stream.next(bytesOf("63"));
    expect(server.call.log).to.deep.equal(["cancel"]);
    expect(server.sent(), "what was sent before it came").to.deep.equal([hex`00000001 2820 62`]);
    expectQuiet(server.connection);
  });

  it("RS-04: REQUEST_N is taken at any time, also while the request is still coming in fragments", () => {
    const server = openServer();
    server.receive(
      hex`00000001 1880 00000002 61`, // REQUEST_STREAM, F, n 2
      hex`00000001 2000 00000003`, // REQUEST_N 3
      hex`00000001 2820 62`, // PAYLOAD, N
      hex`00000001 2000 00000004`, // REQUEST_N 4
    );
    expect(server.call.data).to.equal("6162");
    expect(server.call.stream.credit).to.equal(9);
    expect(server.call.log).to.deep.equal(["request 4"]);
  });

  it("RS-04: a requester holds REQUEST_N back until its request is whole (rsocket-java dies of it in between)", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { stream } = client.open("request_stream", { n: 1, data: repeat("61", 60) });
    stream.request(2);
    stream.request(3);
    expect(client.sent()).to.deep.equal([
      hex`00000001 1880 00000001 ${repeat("61", 51)}`,
      hex`00000001 2820 ${repeat("61", 9)}`,
      hex`00000001 2000 00000005`,
    ]);
  });

  it("RS-05: nothing goes out for a stream that the responder has ended", () => {
    for (const end of [hex`00000001 2840`, hex`00000001 2860 62`, hex`00000001 2c00 00000201`]) {
      const client = openClient();
      const { stream } = client.open("request_stream", { n: 1 });
      client.sent();
      client.receive(end);
      stream.request(1);
      stream.cancel();
      expect(client.sent()).to.deep.equal([]);
    }
  });

  it("RS-05: not even the rest of its request", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { stream, log } = client.open("request_stream", { n: 1, data: repeat("61", 60) });
    stream.request(2);
    client.receive(hex`00000001 2840`);
    expect(client.sent()).to.deep.equal([]);
    expect(log).to.deep.equal(["complete"]);
    expectQuiet(client.connection);
  });

  it("RS-05: nor REQUEST_N or CANCEL of a channel's input that was held back behind a large item", () => {
    for (const wish of ["request", "cancel", "request, then cancel"]) {
      const server = openServer({ settings: { fragmentBytes: 64 } });
      server.receive(hex`00000001 1c00 00000009 61`);
      const { stream } = server.call;
      stream.next(bytesOf(repeat("62", 56)));
      if (wish.startsWith("request")) stream.request(5);
      if (wish.endsWith("cancel")) stream.cancel();
      server.receive(hex`00000001 2840`);
      expect(server.sent(), wish).to.deep.equal([hex`00000001 28a0 ${repeat("62", 55)}`, hex`00000001 2820 62`]);
    }
  });

  it("RS-05: an item that breaks a limit is answered CANCEL, but not when it was the last word", () => {
    const client = openClient({ settings: { limits: { maxMessageBytes: 1 } } });
    const calls = [1, 2, 3].map((n) => client.open("request_stream", { n }));
    client.open("request_response");
    client.sent();
    client.receive(
      hex`00000001 2820 6262`, // PAYLOAD, N
      hex`00000003 2860 6262`, // PAYLOAD, N C
      hex`00000005 28a0 62`, // PAYLOAD, F N
      hex`00000005 2860 62`, // PAYLOAD, N C
      hex`00000007 2820 6262`, // PAYLOAD, N
    );
    expect(calls.map(({ log }) => log)).to.deep.equal([1, 2, 3].map(() => ["error 0x204 local"]));
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
    expectQuiet(client.connection);
  });
});

describe("RSocket 1.0 §Stream Sequences: request/channel", () => {
  afterEach(expectNoTrace);

  it("RC-01: REQUEST_CHANNEL carries the first item; both sides send items and COMPLETE on their own", () => {
    const { server, call } = serverWithChannel();
    expect(call.data).to.equal("61");
    call.stream.next(bytesOf("62"));
    server.receive(hex`00000001 2820 63`);
    call.stream.complete();
    server.receive(hex`00000001 2820 64`, hex`00000001 2840`);
    expect(call.log).to.deep.equal(["next 63", "next 64", "complete"]);
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2840`]);
    expectQuiet(server.connection);
  });

  it("RC-01, RC-02: so does a requester: one REQUEST_CHANNEL, then PAYLOAD", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { data: "61", n: 9 });
    client.receive(hex`00000001 2000 00000002`, hex`00000001 2820 71`);
    stream.next(bytesOf("62"));
    stream.next(bytesOf("63"));
    stream.complete();
    client.receive(hex`00000001 2860 72`);
    expect(log).to.deep.equal(["request 2", "next 71", "next 72 complete"]);
    expect(client.sent()).to.deep.equal([
      hex`00000001 1c00 00000009 61`,
      hex`00000001 2820 62`,
      hex`00000001 2820 63`,
      hex`00000001 2840`,
    ]);
    expectQuiet(client.connection);
  });

  it("RC-02: further items of the requester are PAYLOAD frames; a second REQUEST_CHANNEL is ignored", () => {
    const { server, call } = serverWithChannel();
    server.receive(hex`00000001 1c00 00000009 62`, hex`00000001 2820 63`);
    expect(server.calls).to.have.length(1);
    expect(call.log).to.deep.equal(["next 63"]);
  });

  it("RC-03: a responder answers REQUEST_CHANNEL with REQUEST_N for what its handler asks for", () => {
    const server = openServer({ onRequest: ({ stream }) => stream.request(7) });
    server.receive(hex`00000001 1c00 00000001 61`);
    expect(server.sent()).to.deep.equal([
      hex`
        00000001   // stream 1
        2000       // REQUEST_N
        00000007   // 7: the item in the request isn't counted
      `,
    ]);
  });

  it("RC-04: a requester sends no further item before REQUEST_N, and never more than granted", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { data: "61", n: 1 });
    expect(() => stream.next(bytesOf("62"))).to.throw(RangeError, "without credit");
    expect(stream.mayProduce).to.equal(false);
    client.receive(hex`00000001 2000 00000002`);
    expect(log).to.deep.equal(["request 2"]);
    expect(stream.next(bytesOf("62"))).to.equal(true);
    expect(stream.next(bytesOf("63"))).to.equal(false);
    expect(() => stream.next(bytesOf("64"))).to.throw(RangeError, "without credit");
    expect(client.sent()).to.deep.equal([hex`00000001 1c00 00000001 61`, hex`00000001 2820 62`, hex`00000001 2820 63`]);
  });

  for (const completed of [false, true]) {
    it(`RC-05: CANCEL of the requester ${completed ? "behind its COMPLETE " : ""}ends both directions`, () => {
      const client = openClient();
      const { stream, log } = client.open("request_channel", { n: 9 });
      if (completed) stream.complete();
      client.sent();
      stream.cancel();
      client.receive(hex`00000001 2820 62`, hex`00000001 2000 00000001`);
      expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
      expect(log).to.deep.equal([]);
      expectQuiet(client.connection);
      const { server, call } = serverWithChannel();
      if (completed) server.receive(hex`00000001 2840`);
      server.receive(hex`00000001 2400`, hex`00000001 2820 63`);
      call.stream.next(bytesOf("64"));
      expect(call.log).to.deep.equal(completed ? ["complete", "cancel"] : ["cancel"]);
      expect(server.sent()).to.deep.equal([]);
      expectQuiet(server.connection);
    });
  }

  it("RC-06: ERROR of the responder ends both directions", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { n: 9 });
    client.receive(hex`00000001 2000 00000009`);
    client.sent();
    client.receive(hex`00000001 2c00 00000201`);
    stream.next(bytesOf("62"));
    expect(log).to.deep.equal(["request 9", "error 0x201 remote"]);
    expect(client.sent()).to.deep.equal([]);
    expectQuiet(client.connection);
    const { server, call } = serverWithChannel();
    call.stream.error(0x201, NOTHING);
    server.receive(hex`00000001 2820 63`);
    expect(call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000201`]);
    expectQuiet(server.connection);
  });

  it("RC-06: ERROR of the requester ends both directions", () => {
    const { server, call } = serverWithChannel();
    server.receive(hex`00000001 2c00 00000201 ${textHex("boom")}`);
    call.stream.next(bytesOf("62"));
    expect(call.log).to.deep.equal(["error 0x201 remote"]);
    expect(server.sent()).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("RC-06: ERROR of the requester stops what a responder still has to send, though it had completed", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(hex`00000001 1c00 00000009 61`);
    const { stream, log } = server.call;
    stream.cancel();
    server.sent();
    stream.next(bytesOf(repeat("62", 56)), undefined, true);
    server.receive(hex`00000001 2c00 00000201`);
    expect(server.sent()).to.deep.equal([]);
    expect(log).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("RC-07: after COMPLETE of the responder the requester goes on, and the stream ends with its COMPLETE", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { n: 9 });
    client.receive(hex`00000001 2000 00000002`, hex`00000001 2840`);
    client.sent();
    stream.next(bytesOf("62"));
    expect(client.connection.streamCount).to.equal(1);
    stream.complete();
    expect(client.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2840`]);
    expect(log).to.deep.equal(["request 2", "complete"]);
    expectQuiet(client.connection);
  });

  it("RC-07: after COMPLETE of the requester the responder goes on, and the stream ends with its COMPLETE", () => {
    const { server, call } = serverWithChannel();
    server.receive(hex`00000001 2860 62`);
    expect(call.log).to.deep.equal(["next 62 complete"]);
    call.stream.next(bytesOf("63"));
    expect(server.connection.streamCount).to.equal(1);
    call.stream.complete();
    expect(server.sent()).to.deep.equal([hex`00000001 2820 63`, hex`00000001 2840`]);
    expectQuiet(server.connection);
  });

  it("RC-08: COMPLETE goes out alone, never on REQUEST_CHANNEL (three servers don't see it there)", () => {
    const client = openClient();
    const { stream } = client.open("request_channel", { data: "61", n: 1 });
    stream.complete();
    stream.next(bytesOf("62"));
    stream.complete();
    expect(client.sent()).to.deep.equal([hex`00000001 1c00 00000001 61`, hex`00000001 2840`]);
  });

  it("RC-08: C on REQUEST_CHANNEL is understood: no item follows", () => {
    const server = openServer();
    server.receive(hex`00000001 1c40 00000009 61`);
    expect(server.call.complete).to.equal(true);
    expect(server.call.stream.isReceiveOpen).to.equal(false);
    server.call.stream.request(5);
    server.receive(hex`00000001 2820 62`);
    server.call.stream.complete();
    expect(server.call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([hex`00000001 2840`]);
    expectQuiet(server.connection);
  });

  it("RC-08: C of a fragmented REQUEST_CHANNEL stands on its last fragment", () => {
    const server = openServer();
    server.receive(hex`00000001 1c80 00000009 61`, hex`00000001 2860 62`);
    expect([server.call.data, server.call.complete]).to.deep.equal(["6162", true]);
  });

  it("RC-08: items behind COMPLETE are dropped, also when it waits behind items that there was no credit for", () => {
    const waiting = openServer();
    waiting.receive(hex`00000001 1c00 00000009 61`, hex`00000001 2820 62`, hex`00000001 2840`, hex`00000001 2820 63`);
    waiting.call.stream.request(5);
    expect(waiting.call.log).to.deep.equal(["next 62", "complete"]);
    const { server, call } = serverWithChannel();
    server.receive(hex`00000001 2840`, hex`00000001 2820 62`, hex`00000001 2840`);
    expect(call.log).to.deep.equal(["complete"]);
    expect(server.connection.state).to.equal("open");
  });

  it("RC-08: who has completed and then fails says CANCEL: no ERROR goes behind COMPLETE", () => {
    const client = openClient();
    const { stream } = client.open("request_channel", { n: 9 });
    stream.complete();
    client.sent();
    stream.error(0x201, NOTHING);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
    expectQuiet(client.connection);
    const { server, call } = serverWithChannel();
    call.stream.complete();
    call.stream.error(0x201, NOTHING);
    server.receive(hex`00000001 2820 62`);
    expect(server.sent()).to.deep.equal([hex`00000001 2840`, hex`00000001 2400`]);
    expect(call.log).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("RC-08: nor does it when a limit is broken behind COMPLETE, or the stream is given up", () => {
    const server = openServer({
      settings: { limits: { maxMessageBytes: 1 } },
      onRequest: ({ stream }) => stream.request(9),
    });
    server.receive(hex`00000001 1c00 00000009 61`, hex`00000003 1c00 00000009 61`);
    for (const { stream } of server.calls) stream.complete();
    server.sent();
    server.receive(hex`00000001 2820 6262`);
    server.connection.abandonStreams("over");
    expect(server.sent()).to.deep.equal([hex`00000001 2400`, hex`00000003 2400`]);
    expect(server.calls.map(({ log }) => log)).to.deep.equal([["error 0x204 local"], ["error 0x203 local"]]);
    expectQuiet(server.connection);
  });

  it("RS-02: a requester that sends no items can't fail, only cancel", () => {
    const client = openClient();
    for (const interaction of ["request_response", "request_stream"] as const) {
      client.open(interaction).stream.error(0x201, NOTHING);
    }
    expect(client.sent()).to.deep.equal([
      hex`00000001 1000`,
      hex`00000001 2400`,
      hex`00000003 1800 00000001`,
      hex`00000003 2400`,
    ]);
    expectQuiet(client.connection);
  });

  it("RC-09: CANCEL of the responder ends only what it receives; the requester stops, and goes on receiving", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { n: 9 });
    client.receive(hex`00000001 2000 00000009`);
    client.sent();
    client.receive(hex`00000001 2400`);
    expect(stream.next(bytesOf("62"))).to.equal(false);
    stream.complete();
    client.receive(hex`00000001 2820 63`, hex`00000001 2840`);
    expect(log).to.deep.equal(["request 9", "cancel", "next 63", "complete"]);
    expect(client.sent(), "neither items nor COMPLETE").to.deep.equal([]);
    expectQuiet(client.connection);
  });

  it("RC-09: CANCEL of the responder stops what a requester still has to send, though it had completed", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { stream, log } = client.open("request_channel", { n: 9 });
    client.receive(hex`00000001 2000 00000009`);
    client.sent();
    stream.next(bytesOf(repeat("62", 100)));
    stream.complete();
    client.receive(hex`00000001 2400`, hex`00000001 2840`);
    expect(client.sent()).to.deep.equal([]);
    expect(log).to.deep.equal(["request 9", "complete"]);
    expectQuiet(client.connection);
  });

  it("RC-09: a CANCEL that comes while the request is still going out doesn't tear it: what follows it is dropped", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { stream, log } = client.open("request_channel", { data: repeat("61", 52), n: 9 });
    client.receive(hex`00000001 2400`);
    stream.next(bytesOf("62"));
    expect(client.sent()).to.deep.equal([hex`00000001 1c80 00000009 ${repeat("61", 51)}`, hex`00000001 2820 61`]);
    expect(log).to.deep.equal(["cancel"]);
  });

  it("RC-09: a responder that wants no more items says CANCEL and goes on sending", () => {
    const { server, call } = serverWithChannel();
    call.stream.cancel();
    call.stream.cancel();
    call.stream.request(1);
    server.receive(hex`00000001 2820 62`);
    call.stream.next(bytesOf("63"));
    call.stream.complete();
    expect(call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([hex`00000001 2400`, hex`00000001 2820 63`, hex`00000001 2840`]);
    expectQuiet(server.connection);
  });

  it("RC-09: towards rsocket-go it says nothing, drops what comes and asks for no more", () => {
    const server = openServer({ settings: { compatibility: { cancelChannelInput: false } } });
    server.receive(hex`00000001 1c00 00000009 61`);
    server.call.stream.request(2);
    server.sent();
    server.call.stream.cancel();
    server.receive(hex`00000001 2820 62`);
    server.call.stream.complete();
    expect(server.call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([hex`00000001 2840`]);
  });

  it("RC-09: credit that waits behind a large item isn't lost by the responder's CANCEL", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    const { stream, log } = client.open("request_channel", { n: 1 });
    client.receive(hex`00000001 2000 00000001`);
    client.sent();
    stream.next(bytesOf(repeat("61", 100)));
    stream.request(5);
    client.receive(hex`00000001 2400`);
    expect(client.sent()).to.deep.equal([hex`00000001 2000 00000005`]);
    client.receive(hex`00000001 2820 62`, hex`00000001 2820 63`, hex`00000001 2840`);
    expect(log).to.deep.equal(["request 1", "cancel", "next 62", "next 63", "complete"]);
    expectQuiet(client.connection);
  });

  it("RC-06: an ERROR that waits behind a large item takes the place of CANCEL and REQUEST_N that do", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(hex`00000001 1c00 00000009 61`, hex`00000003 1c00 00000009 61`);
    const second = server.calls[1]?.stream;
    second?.next(bytesOf(repeat("62", 56)));
    second?.request(5);
    second?.error(0x201, NOTHING);
    expect(server.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([
      hex`00000003 28a0`, // PAYLOAD, F N
      hex`00000003 2820`, // PAYLOAD, N
      hex`00000003 2c00`, // ERROR
    ]);
    server.calls.length = 1;
    server.call.stream.next(bytesOf(repeat("62", 56)));
    server.call.stream.cancel();
    server.call.stream.error(0x201, NOTHING);
    expect(server.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([
      hex`00000001 28a0`, // PAYLOAD, F N
      hex`00000001 2820`, // PAYLOAD, N
      hex`00000001 2c00`, // ERROR
    ]);
    expectQuiet(server.connection);
  });

  it("RC-01: a server calls its client in the same way", () => {
    const server = openServer();
    const { stream, log } = server.open("request_channel", { data: "61", n: 2 });
    server.receive(hex`00000002 2000 00000001`, hex`00000002 2820 62`);
    stream.next(bytesOf("63"));
    stream.complete();
    server.receive(hex`00000002 2840`, KEEPALIVE_R);
    expect(log).to.deep.equal(["request 1", "next 62", "complete"]);
    expect(server.sent()).to.deep.equal([
      KEEPALIVE,
      hex`00000002 1c00 00000002 61`,
      hex`00000002 2820 63`,
      hex`00000002 2840`,
    ]);
  });
});
