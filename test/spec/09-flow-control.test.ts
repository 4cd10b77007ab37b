// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Flow Control: the rules FC.

import { expect } from "chai";
import { bytesOf, hex, repeat, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE_R, openClient, openServer } from "../support/probe.js";

describe("RSocket 1.0 §Flow Control", () => {
  afterEach(expectNoTrace);

  it("FC-01: a responder never sends more items than the sum of the credits", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000002 61`);
    const { stream } = server.call;
    expect([stream.next(bytesOf("62")), stream.next(bytesOf("63"))]).to.deep.equal([true, false]);
    expect(() => stream.next(bytesOf("64"))).to.throw(RangeError, "stream 1 without credit");
    server.receive(hex`00000001 2000 00000001`);
    expect(stream.next(bytesOf("64"))).to.equal(false);
    expect(() => stream.next(bytesOf("65"))).to.throw(RangeError);
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2820 63`, hex`00000001 2820 64`]);
  });

  it("FC-01: items that come beyond the credit are held until there is credit (rsocket-go sends one early)", () => {
    const client = openClient();
    const { stream, log } = client.open("request_stream", { n: 1 });
    client.sent();
    client.receive(hex`00000001 2820 61`, hex`00000001 2920 000001 6d 62`, hex`00000001 2820 63`, hex`00000001 2840`);
    expect(log).to.deep.equal(["next 61"]);
    stream.request(1);
    expect(log).to.deep.equal(["next 61", "next 62 metadata 6d"]);
    stream.request(1);
    expect(log).to.deep.equal(["next 61", "next 62 metadata 6d", "next 63", "complete"]);
    expect(client.sent(), "the peer has ended it: no REQUEST_N (RS-05)").to.deep.equal([]);
    expectQuiet(client.connection);
  });

  it("FC-01: a stream whose held items nobody wants is forgotten without CANCEL: the peer has ended it", () => {
    const client = openClient();
    const { stream, log } = client.open("request_stream", { n: 1 });
    client.sent();
    client.receive(hex`00000001 2820 61`, hex`00000001 2860 62`, hex`00000001 2820 63`);
    stream.cancel();
    expect(log).to.deep.equal(["next 61"]);
    expect(client.sent()).to.deep.equal([]);
    expectQuiet(client.connection);
  });

  it("FC-01: held items and their end keep their order when credit comes from within", () => {
    const client = openClient();
    const { stream, sink, log } = client.open("request_stream", { n: 1 });
    sink.onEntry = (entry) => {
      if (entry.startsWith("next")) stream.request(1);
    };
    stream.request(1);
    client.receive(hex`00000001 2820 61`, hex`00000001 2820 62`, hex`00000001 2820 63`, hex`00000001 2860 64`);
    expect(log).to.deep.equal(["next 61", "next 62", "next 63", "next 64 complete"]);
    const slow = client.open("request_stream", { n: 1 });
    client.receive(hex`00000003 2820 61`, hex`00000003 2820 62`, hex`00000003 2820 63`, hex`00000003 2860 64`);
    slow.sink.onEntry = sink.onEntry = (entry) => {
      if (entry.startsWith("next")) slow.stream.request(1);
    };
    slow.stream.request(1);
    client.sent();
    expect(slow.log).to.deep.equal(["next 61", "next 62", "next 63", "next 64", "complete"]);
    expectQuiet(client.connection);
  });

  it("FC-01: a requester of a channel that floods beyond what it was granted is answered INVALID", () => {
    const server = openServer({ settings: { limits: { maxSurplusItems: 2 } } });
    server.receive(hex`00000001 1c00 00000001 61`, hex`00000001 2820 62`, hex`00000001 2820 63`, hex`00000001 2820 64`);
    expect(server.call.log).to.deep.equal(["error 0x204 local"]);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000001 2c00 00000204`]);
    expectQuiet(server.connection);
  });

  it("FC-01: a responder that floods beyond the credit is cancelled, and that call alone fails", () => {
    const client = openClient({ settings: { limits: { maxSurplusItems: 1 } } });
    const [bad, good] = [client.open("request_stream", { n: 1 }), client.open("request_stream", { n: 9 })];
    client.sent();
    client.receive(hex`00000001 2820 61`, hex`00000001 2820 62`, hex`00000001 2820 63`, hex`00000003 2860 71`);
    expect(bad.log).to.deep.equal(["next 61", "error 0x204 local"]);
    expect(good.log).to.deep.equal(["next 71 complete"]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("FC-02: credits add up, also before the request is whole", () => {
    const server = openServer();
    server.receive(
      hex`00000001 1880 00000001 61`,
      hex`00000001 2000 00000002`,
      hex`00000001 2820 62`,
      hex`00000001 2000 00000004`,
      hex`00000001 2000 00000008`,
    );
    expect(server.call.stream.credit).to.equal(15);
  });

  it("FC-03: REQUEST_N and initial n are at least 1 when sent", () => {
    const client = openClient();
    for (const n of [0, -1, Number.NaN]) {
      expect(() => client.open("request_stream", { n })).to.throw(RangeError, "expected 1");
      expect(() => client.open("request_channel", { n })).to.throw(RangeError, "expected 1");
    }
    const { stream } = client.open("request_stream", { n: 1 });
    for (const n of [0, -1, 1.5, Number.NaN]) expect(() => stream.request(n)).to.throw(RangeError, "expected 1");
    expect(client.sent()).to.deep.equal([hex`00000001 1800 00000001`]);
  });

  it("FC-03: a received 0 releases nothing", () => {
    const server = openServer();
    server.receive(
      hex`00000001 1800 00000000 61`, // REQUEST_STREAM, n 0
      hex`00000001 2000 00000000`, // REQUEST_N 0
      hex`00000001 2000 80000000`, // the reserved bit alone
    );
    expect(server.call.stream.credit).to.equal(0);
    expect(server.call.stream.mayProduce).to.equal(false);
    expect(() => server.call.stream.next(bytesOf("62"))).to.throw(RangeError);
    server.receive(hex`00000001 2000 00000001`);
    expect(server.call.log).to.deep.equal(["request 1"]);
    server.call.stream.next(bytesOf("62"));
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`]);
  });

  it("FC-04: larger demand is cut to 2^31-1 when sent", () => {
    const client = openClient();
    const { stream } = client.open("request_stream", { n: Number.POSITIVE_INFINITY });
    stream.request(2 ** 40);
    expect(client.sent()).to.deep.equal([hex`00000001 1800 7fffffff`, hex`00000001 2000 7fffffff`]);
  });

  it("FC-04: sums beyond 2^31-1 stay there and never wrap; they mean without bound", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 7fffffff 61`, hex`00000001 2000 7fffffff`, hex`00000001 2000 00000001`);
    expect(server.call.stream.credit).to.equal(0x7fffffff);
    server.call.stream.next(bytesOf("62"));
    expect(server.call.stream.credit).to.equal(0x7fffffff);
  });

  it("FC-04: so does what a requester asked for", () => {
    const client = openClient({ settings: { limits: { maxSurplusItems: 1 } } });
    const { stream, log } = client.open("request_stream", { n: 0x7fffffff });
    stream.request(5);
    for (let i = 0; i < 10; i++) client.receive(hex`00000001 2820 61`);
    expect(log).to.have.length(10);
  });

  it("FC-05: a request for more reaches the producer at once, and its items the consumer", () => {
    const server = openServer({
      onRequest: ({ stream, sink }) => {
        sink.onEntry = () => {
          while (stream.mayProduce) stream.next(bytesOf("62"));
        };
      },
    });
    server.receive(hex`00000001 1800 00000001 61`);
    server.receive(hex`00000001 2000 00000002`);
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2820 62`, hex`00000001 2820 62`]);
  });

  it("FC-06: credit that was given stays: a responder may use it whenever it likes", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000002 61`);
    server.advance(80_000);
    server.receive(
      hex`00000001 2000 00000000`, // REQUEST_N 0
      hex`00000001 2000 80000000`, // the reserved bit alone
    );
    server.call.stream.next(bytesOf("62"));
    server.call.stream.next(bytesOf("63"));
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2820 63`]);
  });

  it("FC-07: an item in fragments costs one credit", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(hex`00000001 1800 00000002 61`);
    expect(server.call.stream.next(bytesOf(repeat("62", 200)))).to.equal(true);
    expect(server.call.stream.credit).to.equal(1);
    expect(server.sent()).to.have.length(4);
    const client = openClient({ settings: { limits: { maxSurplusItems: 1 } } });
    const { log } = client.open("request_stream", { n: 2 });
    client.receive(hex`00000001 28a0 61`, hex`00000001 28a0 62`, hex`00000001 2820 63`, hex`00000001 2820 64`);
    expect(log).to.deep.equal(["next 616263", "next 64"]);
  });

  it("FC-08: COMPLETE and ERROR need no credit, in and out", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000000 61`, hex`00000003 1800 00000000 61`);
    server.calls[0]?.stream.complete();
    server.calls[1]?.stream.error(0x201, bytesOf(""));
    expect(server.sent()).to.deep.equal([hex`00000001 2840`, hex`00000003 2c00 00000201`]);
    const client = openClient();
    const calls = [client.open("request_stream", { n: 1 }), client.open("request_stream", { n: 1 })];
    client.receive(hex`00000001 2820 61`, hex`00000001 2840`, hex`00000003 2820 61`, hex`00000003 2c00 00000201`);
    expect(calls.map(({ log }) => log)).to.deep.equal([
      ["next 61", "complete"],
      ["next 61", "error 0x201 remote"],
    ]);
  });

  it("FC-09: a stream without credit is timed out by nothing and holds no other up", () => {
    // Every 20 s there is something to do, and so a moment at which it could be timed out.
    const server = openServer({ settings: { compatibility: { serverKeepalive: true } } });
    server.receive(hex`00000001 1800 00000000 61`);
    for (let i = 0; i < 100; i++) {
      server.advance(80_000);
      server.receive(hex`00000003 1000 62`);
      server.calls[i + 1]?.stream.next(bytesOf("63"));
      expect(server.sent()).to.deep.equal([...Array(4).fill(KEEPALIVE_R), hex`00000003 2860 63`]);
    }
    expect(server.calls[0]?.log).to.deep.equal([]);
    expect(server.connection.streamCount).to.equal(1);
  });
});
