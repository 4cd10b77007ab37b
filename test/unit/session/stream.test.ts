// SPDX-License-Identifier: Apache-2.0
// Credit as a stream keeps it, and what its sink hears.

import { expect } from "chai";
import { ConnectionError } from "../../../runtime/src/session/errors.js";
import { bytesOf, hex, repeat } from "../../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../../support/no-trace.js";
import { openClient, openServer } from "../../support/probe.js";

const SMALL = { settings: { fragmentBytes: 64 } };

describe("session/stream: credit", () => {
  afterEach(expectNoTrace);

  it("is none for a channel's requester at first, initial n for a responder, one for an answer", () => {
    const client = openClient();
    expect(client.open("request_channel", { n: 9 }).stream.credit).to.equal(0);
    const server = openServer();
    server.receive(hex`00000001 1000`, hex`00000003 1800 00000005`, hex`00000005 1c00 00000006`, hex`00000007 1400`);
    expect(server.calls.map(({ stream }) => stream.credit)).to.deep.equal([1, 5, 6, 0]);
  });

  it("is used up by items, and is none once the half is closed", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000005`);
    const { stream } = server.call;
    stream.next(bytesOf("61"));
    expect(stream.credit).to.equal(4);
    stream.complete();
    expect([stream.credit, stream.mayProduce, stream.isSendOpen]).to.deep.equal([0, false, false]);
  });

  it("an item without credit is refused and leaves the stream as it was", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000000`);
    expect(() => server.call.stream.next(bytesOf("61"))).to.throw(RangeError, "item on stream 1 without credit");
    server.receive(hex`00000001 2000 00000001`);
    server.call.stream.next(bytesOf("62"));
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`]);
  });

  it("an item behind the end is dropped without a word", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000000`);
    server.call.stream.complete();
    expect(server.call.stream.next(bytesOf("61"))).to.equal(false);
    expect(server.sent()).to.deep.equal([hex`00000001 2840`]);
  });

  it("a request for an answer, or on a half that is closed, asks for nothing", () => {
    const client = openClient();
    const answer = client.open("request_response");
    const ended = client.open("request_channel", { n: 1 });
    client.receive(hex`00000003 2840`);
    client.sent();
    answer.stream.request(5);
    ended.stream.request(5);
    expect(client.sent()).to.deep.equal([]);
  });
});

describe("session/stream: what its sink hears", () => {
  afterEach(expectNoTrace);

  it("nothing of the connection's end once both halves are closed, though its last bytes still wait", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000`, hex`00000003 1800 00000009`, hex`00000005 1800 00000009`);
    for (const { stream } of server.calls) stream.next(bytesOf(repeat("61", 100)));
    server.calls[1]?.stream.complete();
    server.calls[2]?.stream.error(0x201, bytesOf(""));
    expect(server.connection.streamCount).to.equal(3);
    server.lose();
    expect(server.calls.map(({ log }) => log)).to.deep.equal([[], [], []]);
  });

  it("nothing of CANCEL or ERROR once it has said its last word itself, but its waiting bytes go nowhere on CANCEL", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000`, hex`00000003 1800 00000009`);
    for (const { stream } of server.calls) stream.next(bytesOf(repeat("61", 100)));
    server.calls[1]?.stream.complete();
    server.receive(hex`00000001 2400`, hex`00000003 2400`);
    expect(server.calls.map(({ log }) => log)).to.deep.equal([[], []]);
    expect(server.sent()).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("nothing of the connection's end when another sink, told before it, has ended it", () => {
    const client = openClient();
    const first = client.open("request_response");
    const second = client.open("request_response");
    const third = client.open("request_channel", { n: 1 });
    first.sink.onEntry = () => {
      second.stream.cancel();
      third.stream.error(0x201, bytesOf(""));
    };
    client.lose();
    expect([first.log, second.log, third.log]).to.deep.equal([["error connection 0x101 remote"], [], []]);
  });

  it("the error of a limit once, and its own cancel not at all", () => {
    const client = openClient({ settings: { limits: { maxMessageBytes: 1 } } });
    const { stream, sink, log } = client.open("request_stream", { n: 9 });
    sink.onEntry = () => {
      stream.cancel();
      stream.request(1);
    };
    client.sent();
    client.receive(hex`00000001 2820 6162`, hex`00000001 2820 61`);
    expect(log).to.deep.equal(["error 0x204 local"]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("of being given up: ERROR[CANCELED] for the peer's streams, CANCEL for its own", () => {
    const server = openServer();
    const mine = server.open("request_stream", { n: 1 });
    server.receive(hex`00000001 1000`, hex`00000003 1080 61`);
    server.sent();
    server.connection.abandonStreams("grace is over");
    expect(mine.log).to.deep.equal(["error 0x203 local"]);
    expect(server.call.log).to.deep.equal(["error 0x203 local"]);
    expect(server.sent().map((frame) => frame.slice(0, 20))).to.deep.equal([
      hex`00000001 2c00 00000203`,
      hex`00000002 2400`,
      hex`00000003 2c00 00000203`,
    ]);
    expectQuiet(server.connection);
  });
});

describe("session/stream: whether a request ever left", () => {
  afterEach(expectNoTrace);

  it("is told when the connection is lost: not for one that was taken by the link, yes for one that wasn't", () => {
    const client = openClient();
    const first = client.open("request_response", { data: "61" });
    client.sent();
    client.isBlocked = true;
    const second = client.open("request_response", { data: "62" });
    client.sent();
    client.lose();
    expect([first.stream.neverSent, second.stream.neverSent]).to.deep.equal([false, true]);
  });

  it("is told of requests in fragments by their first one", () => {
    const client = openClient(SMALL);
    const first = client.open("request_response", { data: repeat("61", 300_000) });
    client.connection.pollTransmit({ chunks: [], byteLength: 0 });
    const second = client.open("request_response", { data: repeat("62", 300_000) });
    client.lose();
    expect([first.stream.neverSent, second.stream.neverSent]).to.deep.equal([false, true]);
  });

  it("is told of fire-and-forget that the link hadn't taken", () => {
    const client = openClient();
    const { stream, log } = client.open("fire_and_forget", { data: "61" });
    client.connection.abort(new ConnectionError(0x101, "off", "local"));
    expect(stream.neverSent).to.equal(true);
    expect(log).to.deep.equal(["error connection 0x101 local"]);
  });
});
