// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §PAYLOAD, §Fragmentation And Reassembly: the rules PAY and FRAG.

import { expect } from "chai";
import { bytesOf, hex, repeat, textHex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, openClient, openServer } from "../support/probe.js";

const SMALL = { settings: { fragmentBytes: 64 } };

describe("RSocket 1.0 §PAYLOAD", () => {
  afterEach(expectNoTrace);

  it("PAY-01: every PAYLOAD that goes out has N, C or both", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1800 00000009 61`);
    const { stream } = server.call;
    stream.next(bytesOf(""));
    stream.next(bytesOf(repeat("62", 120)));
    stream.complete(bytesOf("6d"));
    expect(server.sent()).to.deep.equal([
      hex`00000001 2820`, // PAYLOAD, N
      hex`00000001 28a0 ${repeat("62", 55)}`, // PAYLOAD, F N
      hex`00000001 28a0 ${repeat("62", 55)}`, // PAYLOAD, F N
      hex`00000001 2820 ${repeat("62", 10)}`, // PAYLOAD, N
      hex`00000001 2940 000001 6d`, // PAYLOAD, M C
    ]);
  });

  it("PAY-01: C alone is no item, whatever it carries", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.receive(hex`00000001 2840 6162`);
    expect(log).to.deep.equal(["complete"]);
  });

  it("PAY-01: neither N nor C is an item all the same (rsocket-py sends its empty ones so)", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.receive(hex`00000001 2800`, hex`00000001 2800 61`);
    expect(log).to.deep.equal(["next ", "next 61"]);
  });

  it("PAY-02: N without a byte is an item", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.receive(hex`00000001 2820`, hex`00000001 2860`);
    expect(log).to.deep.equal(["next ", "next  complete"]);
  });

  it("PAY-03: a PAYLOAD without C answers a request as if it had C", () => {
    const client = openClient();
    const { log } = client.open("request_response");
    client.sent();
    client.receive(hex`00000001 2820 61`);
    expect(log).to.deep.equal(["next 61 complete"]);
    expectQuiet(client.connection);
    client.receive(hex`00000001 2840`);
    expect(log).to.have.length(1);
  });

  it("PAY-04: where C stands F is ignored", () => {
    const client = openClient();
    const calls = [client.open("request_response"), client.open("request_stream", { n: 9 })];
    client.sent();
    client.receive(hex`00000001 28e0 61`, hex`00000003 28a0 61`, hex`00000003 28e0 62`);
    expect(calls.map(({ log }) => log)).to.deep.equal([["next 61 complete"], ["next 6162 complete"]]);
    expectQuiet(client.connection);
    const server = openServer();
    server.receive(hex`00000001 1cc0 00000001 61`); // REQUEST_CHANNEL, F C
    expect([server.call.data, server.call.complete]).to.deep.equal(["61", true]);
  });

  it("PAY-04: with followsWins F goes before C, for peers that repeat their flags on each fragment", () => {
    const client = openClient({ settings: { compatibility: { followsWins: true } } });
    const { log } = client.open("request_response");
    client.sent();
    client.receive(
      hex`00000001 28e0 61`, // PAYLOAD, F C N, as rsocket-rust begins
      hex`00000001 2880 62`, // PAYLOAD, F
      hex`00000001 2860 63`, // PAYLOAD, C N
    );
    expect(log).to.deep.equal(["next 616263 complete"]);
  });
});

describe("RSocket 1.0 §Fragmentation And Reassembly", () => {
  afterEach(expectNoTrace);

  for (const n of ["a0", "80"]) {
    it(`FRAG-01: fragments that follow with header 28${n} are joined, whatever else is agreed`, () => {
      const client = openClient();
      const { log } = client.open("request_response");
      client.receive(
        hex`00000001 28a0 6162`, // PAYLOAD, F N
        hex`00000001 28${n} 6364`, // PAYLOAD, F and perhaps N
        hex`00000001 2860 65`, // PAYLOAD, N C
      );
      expect(log).to.deep.equal(["next 6162636465 complete"]);
    });
  }

  it("FRAG-01: a last fragment with neither N nor C is the last all the same", () => {
    const server = openServer();
    server.receive(hex`00000001 1080 61`, hex`00000001 2800 62`);
    expect(server.call.data).to.equal("6162");
  });

  it("FRAG-01: fragments go out exactly full, the last without F and never empty", () => {
    const client = openClient(SMALL);
    client.open("request_response", { data: repeat("61", 110) });
    expect(client.sent()).to.deep.equal([
      hex`
        00000001            // stream 1
        1080                // REQUEST_RESPONSE, F
        ${repeat("61", 55)} // 3 + 6 + 55 = 64 bytes with the length
      `,
      hex`
        00000001            // stream 1
        2820                // PAYLOAD, N
        ${repeat("61", 55)}
      `,
    ]);
  });

  it("FRAG-01: an answer in fragments has C on its last one, an item has none and COMPLETE follows", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000 61`, hex`00000003 1800 00000001 61`);
    server.calls[0]?.stream.next(bytesOf(repeat("62", 56)));
    server.calls[1]?.stream.next(bytesOf(repeat("63", 56)), undefined, true);
    const headers = server.sent().map((frame) => frame.slice(0, 12));
    expect(headers.filter((header) => header.startsWith("00000001"))).to.deep.equal([
      hex`00000001 28a0`, // PAYLOAD, F N
      hex`00000001 2860`, // PAYLOAD, N C
    ]);
    expect(headers.filter((header) => header.startsWith("00000003"))).to.deep.equal([
      hex`00000003 28a0`, // PAYLOAD, F N
      hex`00000003 2820`, // PAYLOAD, N
      hex`00000003 2840`, // PAYLOAD, C
    ]);
    expectQuiet(server.connection);
  });

  it("FRAG-02: all metadata goes before any data, each fragment with its own M and length", () => {
    const client = openClient(SMALL);
    client.open("request_response", { metadata: repeat("6d", 60), data: repeat("61", 50) });
    expect(client.sent()).to.deep.equal([
      hex`
        00000001            // stream 1
        1180                // REQUEST_RESPONSE, M F
        000034              // 52 bytes of metadata
        ${repeat("6d", 52)}
      `,
      hex`
        00000001            // stream 1
        29a0                // PAYLOAD, M F N
        000008              // 8 bytes of metadata: its end
        ${repeat("6d", 8)}
        ${repeat("61", 44)} // and the beginning of the data
      `,
      hex`
        00000001            // stream 1
        2820                // PAYLOAD, N
        ${repeat("61", 6)}
      `,
    ]);
  });

  it("FRAG-02: metadata that ends with a fragment's end leaves M off the next", () => {
    const client = openClient(SMALL);
    client.open("request_response", { metadata: repeat("6d", 52), data: "61" });
    expect(client.sent()).to.deep.equal([hex`00000001 1180 000034 ${repeat("6d", 52)}`, hex`00000001 2820 61`]);
  });

  it("FRAG-02: metadata alone in fragments ends without F", () => {
    const client = openClient(SMALL);
    client.open("request_response", { metadata: repeat("6d", 53) });
    expect(client.sent()).to.deep.equal([hex`00000001 1180 000034 ${repeat("6d", 52)}`, hex`00000001 2920 000001 6d`]);
  });

  it("FRAG-02: metadata in fragments is joined, its end and the data's beginning in one of them", () => {
    const server = openServer();
    server.receive(hex`00000001 1180 000002 6d6e`, hex`00000001 29a0 000001 6f 61`, hex`00000001 2820 62`);
    expect([server.call.metadata, server.call.data]).to.deep.equal(["6d6e6f", "6162"]);
  });

  it("FRAG-03: a request's first fragment is its request frame, with initial n only there; PAYLOAD follows", () => {
    const client = openClient(SMALL);
    client.open("request_stream", { data: repeat("61", 52), n: 7 });
    client.open("request_channel", { data: repeat("61", 52), n: 8 });
    client.open("fire_and_forget", { data: repeat("61", 56) });
    const frames = client.sent();
    const of = (id: string): string[] => frames.filter((frame) => frame.startsWith(id));
    expect(of("00000001")).to.deep.equal([hex`00000001 1880 00000007 ${repeat("61", 51)}`, hex`00000001 2820 61`]);
    expect(of("00000003")).to.deep.equal([hex`00000003 1c80 00000008 ${repeat("61", 51)}`, hex`00000003 2820 61`]);
    expect(of("00000005")).to.deep.equal([hex`00000005 1480 ${repeat("61", 55)}`, hex`00000005 2820 61`]);
  });

  it("FRAG-03: the handler is called when the request is whole, not before", () => {
    const server = openServer();
    server.receive(hex`00000001 1880 00000005 61`);
    expect(server.calls).to.deep.equal([]);
    server.receive(hex`00000001 2820 62`);
    expect(server.call.data).to.equal("6162");
    expect(server.call.stream.credit).to.equal(5);
  });

  for (const [name, frame] of [
    ["CANCEL", hex`00000001 2400`],
    ["ERROR", hex`00000001 2c00 00000201`],
  ] as const) {
    it(`FRAG-04: a request broken off with ${name} is dropped with its parts; no handler hears of it`, () => {
      const server = openServer();
      server.receive(hex`00000001 1080 6162`);
      expect(server.connection.reassemblyBytes).to.equal(2);
      server.receive(frame);
      expectQuiet(server.connection);
      server.receive(hex`00000001 2820 63`);
      expect(server.calls).to.deep.equal([]);
      expect(server.sent()).to.deep.equal([]);
    });
  }

  it("FRAG-04: an item broken off with ERROR is dropped with its parts", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.receive(hex`00000001 28a0 61`, hex`00000001 2c00 00000201`);
    expect(log).to.deep.equal(["error 0x201 remote"]);
    expect(client.connection.reassemblyBytes).to.equal(0);
  });

  it("FRAG-04: an item broken off with COMPLETE is dropped, the direction ends (as rsocket-java reads it)", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.receive(hex`00000001 28a0 61`, hex`00000001 2840`);
    expect(log).to.deep.equal(["complete"]);
    expect(client.connection.reassemblyBytes).to.equal(0);
  });

  it("FRAG-04: a requester breaks its request off with CANCEL between fragments", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_response", { data: repeat("61", 300_000) });
    const batch = { chunks: [] as Uint8Array[], byteLength: 0 };
    client.connection.pollTransmit(batch);
    expect(client.connection.outbound.backlogCount).to.equal(1);
    stream.cancel();
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
    expectQuiet(client.connection);
  });

  it("FRAG-04: a request of which nothing left needs no CANCEL: nobody knows of it", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_response", { data: repeat("61", 100) });
    stream.cancel();
    expect(client.sent()).to.deep.equal([]);
    expectQuiet(client.connection);
  });

  it("FRAG-04: a responder that is told CANCEL between its fragments sends no more of them", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000 61`);
    server.call.stream.next(new Uint8Array(300_000));
    server.connection.pollTransmit({ chunks: [], byteLength: 0 });
    server.receive(hex`00000001 2400`);
    expect(server.sent()).to.deep.equal([]);
    expectQuiet(server.connection);
    expect(server.call.log, "it had answered: there is nothing to cancel").to.deep.equal([]);
  });

  it("FRAG-04: a responder breaks an item off with ERROR between fragments", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1800 00000009 61`);
    server.call.stream.next(new Uint8Array(300_000));
    server.connection.pollTransmit({ chunks: [], byteLength: 0 });
    server.connection.abandonStreams("shutting down");
    expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000203 ${textHex("shutting down")}`]);
    expectQuiet(server.connection);
  });

  it("FRAG-04: an answer that is complete and only waits to be written isn't taken back", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000 61`);
    server.call.stream.next(bytesOf(repeat("62", 56)));
    server.connection.abandonStreams("shutting down");
    expect(server.call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([hex`00000001 28a0 ${repeat("62", 55)}`, hex`00000001 2860 62`]);
    expectQuiet(server.connection);
  });

  it("FRAG-05: endless fragments end with INVALID on that stream, and their memory is free", () => {
    const server = openServer({ settings: { limits: { maxMessageBytes: 1_000 } } });
    server.receive(hex`00000001 1080 ${repeat("61", 100)}`);
    for (let i = 0; i < 9; i++) server.receive(hex`00000001 28a0 ${repeat("61", 100)}`);
    expect(server.connection.reassemblyBytes).to.equal(1_000);
    server.receive(hex`00000001 28a0 61`, hex`00000001 28a0 61`, KEEPALIVE_R);
    expect(server.sent().map(withoutText)).to.deep.equal([KEEPALIVE, hex`00000001 2c00 00000204`]);
    expect(server.calls).to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("FRAG-06: fragments of several streams and frames of stream 0 may come between each other", () => {
    const server = openServer();
    server.receive(
      hex`00000001 1080 61`,
      hex`00000003 1480 71`,
      KEEPALIVE_R,
      hex`00000001 28a0 62`,
      hex`00000003 2820 72`,
      hex`00000005 1000 7a`,
      hex`00000001 2820 63`,
    );
    expect(server.calls.map(({ stream, data }) => [stream.id, data])).to.deep.equal([
      [3, "7172"],
      [5, "7a"],
      [1, "616263"],
    ]);
    expect(server.sent()).to.deep.equal([KEEPALIVE]);
  });

  it("FRAG-06: large payloads take turns, small frames don't wait for them to end", () => {
    const client = openClient(SMALL);
    client.open("request_response", { data: repeat("61", 110) });
    client.open("request_response", { data: repeat("62", 110) });
    client.open("request_response", { data: "63" });
    expect(client.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([
      hex`00000005 1000`,
      hex`00000001 1080`,
      hex`00000003 1080`,
      hex`00000001 2820`,
      hex`00000003 2820`,
    ]);
  });

  it("FRAG-06: nothing goes out for a stream between the fragments of one of its payloads", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_channel", { n: 1 });
    client.receive(hex`00000001 2000 00000009`);
    client.sent();
    stream.next(bytesOf(repeat("61", 60)));
    stream.request(3);
    stream.next(bytesOf("62"));
    stream.request(4);
    stream.complete(bytesOf("6d"));
    expect(client.sent()).to.deep.equal([
      hex`00000001 28a0 ${repeat("61", 55)}`,
      hex`00000001 2820 ${repeat("61", 5)}`,
      hex`00000001 2000 00000007`,
      hex`00000001 2820 62`,
      hex`00000001 2940 000001 6d`,
    ]);
  });
});
