// SPDX-License-Identifier: Apache-2.0
// What a stream refuses and in which words, what of a peer's frames is its right, and what still leaves behind an end.

import { expect } from "chai";
import { MAX_SENT_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import type { StreamError } from "../../../runtime/src/session/errors.js";
import type { Limits } from "../../../runtime/src/session/settings.js";
import { bytesOf, hex, repeat, textHex } from "../../support/frames-dsl.js";
import { expectNoTrace } from "../../support/no-trace.js";
import { openClient, openServer, type Probe, RecordingSink } from "../../support/probe.js";

const SMALL = { settings: { fragmentBytes: 64 } };
const limited = (limits: Partial<Limits>) => ({ settings: { limits } });

/** One frame in a second that means nothing, and no more. */
const STRICT = limited({ meaninglessBurst: 1, meaninglessPerSecond: 1 });

/** The type and flags of what is sent, without the stream's id. */
const heads = (probe: Probe): string[] => probe.sent().map((frame) => frame.slice(8, 12));

describe("session/stream: what is above a limit", () => {
  afterEach(expectNoTrace);

  for (const [name, limits, frames, expected] of [
    [
      "a whole message",
      { maxMessageBytes: 4 },
      [hex`00000001 1000 6162636465`],
      "message of 5 bytes is above maxMessageBytes, 4",
    ],
    [
      "whole metadata",
      { maxMetadataBytes: 4 },
      [hex`00000001 1100 000005 6162636465`],
      "metadata of 5 bytes is above maxMetadataBytes, 4",
    ],
    [
      "a message in fragments",
      { maxMessageBytes: 4 },
      [hex`00000001 1080 616263`, hex`00000001 2880 6465`],
      "message of 5 bytes is above maxMessageBytes, 4",
    ],
    [
      "metadata in fragments",
      { maxMetadataBytes: 4 },
      [hex`00000001 1180 000003 616263`, hex`00000001 2980 000002 6465`],
      "metadata of 5 bytes is above maxMetadataBytes, 4",
    ],
    [
      "a number of fragments",
      { maxFragments: 2 },
      [hex`00000001 1080 61`, hex`00000001 2880 62`, hex`00000001 2880 63`],
      "message in 3 fragments is above maxFragments, 2",
    ],
  ] as const) {
    it(`refuses ${name} of a request with ERROR[INVALID], these words, and tells its owner`, () => {
      const server = openServer(limited(limits));
      server.receive(...frames);
      expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000204 ${textHex(expected)}`]);
      expect(server.refusals).to.deep.equal([`0x204 ${expected}`]);
      expect(server.calls).to.deep.equal([]);
    });
  }

  it("takes metadata in fragments that is just as long as it may be", () => {
    const server = openServer(limited({ maxMetadataBytes: 4 }));
    server.receive(hex`00000001 1180 000003 616263`, hex`00000001 2900 000001 64 65`);
    expect(server.call).to.include({ metadata: "61626364", data: "65" });
  });

  it("refuses requests in fragments that all together are too much, with ERROR[REJECTED]", () => {
    const server = openServer(limited({ maxReassemblyBytes: 100 }));
    server.receive(hex`00000001 1080 ${repeat("61", 60)}`, hex`00000003 1080 ${repeat("61", 60)}`);
    expect(server.sent()).to.deep.equal([
      hex`00000003 2c00 00000202 ${textHex("unfinished data is above maxReassemblyBytes, 100")}`,
    ]);
  });

  it("refuses an item that is too long with CANCEL, and none when it was the last one anyway", () => {
    for (const [flags, expected] of [
      ["20", [hex`00000001 2400`]],
      ["60", []],
    ] as const) {
      const client = openClient(limited({ maxMessageBytes: 4 }));
      const { log } = client.open("request_stream", { n: 9 });
      client.sent();
      client.receive(hex`00000001 28${flags} 6162636465`);
      expect(client.sent()).to.deep.equal(expected);
      expect(log).to.deep.equal(["error 0x204 local"]);
      expect(client.refusals).to.deep.equal(["0x204 message of 5 bytes is above maxMessageBytes, 4"]);
    }
  });

  it("RS-05: an answer that is too long is the last word, whether it says so or not", () => {
    const client = openClient(limited({ maxMessageBytes: 4 }));
    const { log } = client.open("request_response");
    client.sent();
    client.receive(hex`00000001 2820 6162636465`);
    expect(client.sent()).to.deep.equal([]);
    expect(log).to.deep.equal(["error 0x204 local"]);
  });

  it("RS-05: so is one in fragments", () => {
    const client = openClient(limited({ maxMessageBytes: 4 }));
    const { log } = client.open("request_response");
    client.sent();
    client.receive(hex`00000001 28a0 616263`, hex`00000001 2820 6465`);
    expect(client.sent()).to.deep.equal([]);
    expect(log).to.deep.equal(["error 0x204 local"]);
  });

  it("cancels a stream whose fragment can't be read, though it may be ignored: a hole would be left", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.sent();
    client.receive(
      hex`00000001 28a0 61`, // PAYLOAD, F N
      hex`00000001 2b20 0000ff 62`, // PAYLOAD, I M N, and metadata longer than the frame
    );
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
    expect(log).to.deep.equal(["error 0x204 local"]);
    expect(client.refusals[0]).to.match(/^0x204 metadata of a frame on stream 1 is longer than the frame/);
  });

  it("says by how much items exceed the credit", () => {
    const client = openClient(limited({ maxSurplusItems: 1 }));
    client.open("request_stream", { n: 1 });
    client.sent();
    client.receive(...Array<string>(3).fill(hex`00000001 2820 61`));
    expect(client.refusals).to.deep.equal([
      "0x204 items exceed the credit by 2 (RSocket 1.0 §Reactive Streams Semantics)",
    ]);
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("takes what just fits the frames that can't be fragmented, and names what doesn't", () => {
    const most = MAX_SENT_FRAME_BYTES - 10;
    const server = openServer();
    server.receive(hex`00000001 1800 00000001`, hex`00000003 1800 00000001`);
    const [first, second] = server.calls.map(({ stream }) => stream);
    expect(() => first?.complete(new Uint8Array(most + 1))).to.throw(
      RangeError,
      `metadata of COMPLETE has ${most + 1} bytes`,
    );
    expect(() => second?.error(0x201, new Uint8Array(most + 1))).to.throw(
      RangeError,
      `data of ERROR has ${most + 1} bytes`,
    );
    expect(() => first?.complete(new Uint8Array(most))).not.to.throw();
    expect(heads(server)).to.deep.equal(["2940"]);
  });
});

describe("session/stream: fragments received", () => {
  afterEach(expectNoTrace);

  it("a request began with its first one", () => {
    const server = openServer();
    server.receive(hex`00000001 1080 61`);
    const beganAtMs = server.nowMs;
    server.advance(50);
    server.receive(hex`00000001 2800 62`, hex`00000003 1000 63`);
    expect(server.calls.map(({ stream }) => stream.receivedAtMs)).to.deep.equal([beganAtMs, beganAtMs + 50]);
  });

  for (const [name, frame, expected] of [
    ["data, but no NEXT", hex`00000001 2840 62`, "next 6162 complete"],
    ["metadata, but no NEXT", hex`00000001 2940 000001 6d`, "next 61 metadata 6d complete"],
    ["NEXT, but nothing else", hex`00000001 2860`, "next 61 complete"],
  ] as const) {
    it(`a last one that has ${name}, is one all the same`, () => {
      const client = openClient();
      const { log } = client.open("request_stream", { n: 9 });
      client.sent();
      client.receive(hex`00000001 28a0 61`, frame);
      expect(log).to.deep.equal([expected]);
    });
  }

  it("a bare COMPLETE between them ends the stream without the item", () => {
    const client = openClient();
    const { log } = client.open("request_stream", { n: 9 });
    client.sent();
    client.receive(hex`00000001 28a0 61`, hex`00000001 2840`);
    expect(log).to.deep.equal(["complete"]);
    expect(client.connection.reassemblyBytes).to.equal(0);
  });
});

describe("session/stream: items beyond the credit, and no bound", () => {
  afterEach(expectNoTrace);

  it("metadata of a COMPLETE that waited behind them arrives", () => {
    const client = openClient();
    const { log, stream } = client.open("request_stream", { n: 1 });
    client.sent();
    client.receive(hex`00000001 2820 61`, hex`00000001 2820 62`, hex`00000001 2940 000001 6d`);
    expect(log).to.deep.equal(["next 61"]);
    stream.request(1);
    expect(log).to.deep.equal(["next 61", "next 62", "complete metadata 6d"]);
    expect(client.sent(), "it has said its last word").to.deep.equal([]);
  });

  it("credit without bound isn't used up", () => {
    const client = openClient();
    const { stream } = client.open("request_stream", { n: 2 ** 31 - 1 });
    client.sent();
    client.receive(hex`00000001 2820 61`);
    expect(stream.unusedCredit).to.equal(2 ** 31 - 1);
  });
});

describe("session/stream: frames that were under way when it ended", () => {
  afterEach(expectNoTrace);

  it("fragments of a request that was refused are no offence", () => {
    const server = openServer({ settings: { limits: { ...STRICT.settings.limits, maxMessageBytes: 4 } } });
    server.receive(hex`00000001 1080 616263`, hex`00000001 2880 6465`);
    for (let i = 0; i < 100; i++) server.receive(hex`00000001 2880 66`);
    expect(server.connection.state).to.equal("open");
    server.sent();
  });

  it("fragments of a request that found no room are no offence", () => {
    const server = openServer({ settings: { limits: { ...STRICT.settings.limits, maxInboundStreams: 1 } } });
    server.receive(hex`00000001 1800 00000001`, hex`00000003 1080 61`);
    for (let i = 0; i < 100; i++) server.receive(hex`00000003 2880 66`);
    expect(server.connection.state).to.equal("open");
    server.sent();
  });

  it("fragments behind CANCEL of a channel's input are no offence", () => {
    const server = openServer(STRICT);
    server.receive(hex`00000001 1c00 00000001`);
    server.call.stream.request(1);
    server.receive(hex`00000001 28a0 61`);
    server.call.stream.cancel();
    for (let i = 0; i < 100; i++) server.receive(hex`00000001 28a0 66`);
    expect(server.connection.state).to.equal("open");
    server.sent();
  });

  it("items on a stream that never was are one", () => {
    const server = openServer(STRICT);
    for (let i = 0; i < 2; i++) server.receive(hex`00000001 2820 66`);
    expect(server.log.at(-1)).to.equal("closed 0x101 local");
    server.sent();
  });

  it("frames of a lower id than the last request's belong to a stream that was, whatever came between", () => {
    const server = openServer(STRICT);
    server.receive(hex`00000005 1000`, hex`00000003 1000`, hex`00000005 2400`);
    server.receive(...Array<string>(5).fill(hex`00000005 2400`));
    expect(server.connection.state).to.equal("open");
    server.sent();
  });

  it("CANCEL of what was answered in part costs no budget", () => {
    const server = openServer(limited({ cancelBurst: 1, cancelsPerSecond: 1 }));
    for (const id of ["01", "03", "05", "07"]) {
      server.receive(hex`000000${id} 1800 00000002`);
      server.calls.at(-1)?.stream.next(bytesOf("61"));
      server.receive(hex`000000${id} 2400`);
    }
    // A channel whose answers are complete, and which is given up from the other side.
    for (const id of ["09", "0b", "0d"]) {
      server.receive(hex`000000${id} 1c00 00000002`);
      server.calls.at(-1)?.stream.complete();
      server.receive(hex`000000${id} 2400`);
    }
    expect(server.connection.state).to.equal("open");
    server.receive(hex`0000000f 1000`, hex`0000000f 2400`, hex`00000011 1000`, hex`00000011 2400`);
    expect(server.connection.state).to.equal("closed");
    server.sent();
  });

  it("keeps what an ERROR says when what was read is written over", () => {
    let kept: StreamError | undefined;
    class Keeper extends RecordingSink {
      override onError(error: StreamError): void {
        kept = error;
      }
    }
    const client = openClient();
    client.open("request_response", { sink: new Keeper() });
    client.sent();
    const bytes = bytesOf(hex`00000001 2c00 00000201 6e6f`);
    client.receiveBytes(bytes);
    bytes.fill(0);
    expect(kept).to.deep.include({ code: 0x201, initiator: "remote", data: bytesOf("6e6f") });
  });
});

describe("session/stream: what still leaves", () => {
  afterEach(expectNoTrace);

  /** What a frame of 64 bytes has room for, beside its length of 3 and its header of 6. */
  const FITTING = repeat("61", 55);

  it("an answer or item that just fits goes in one frame, one byte more in two", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1000`, hex`00000003 1800 00000009`, hex`00000005 1000`, hex`00000007 1800 00000009`);
    const [answer, items, longAnswer, longItems] = server.calls.map(({ stream }) => stream);
    answer?.next(bytesOf(FITTING));
    items?.next(bytesOf(FITTING));
    expect(server.sent()).to.deep.equal([hex`00000001 2860 ${FITTING}`, hex`00000003 2820 ${FITTING}`]);
    longAnswer?.next(bytesOf(`${FITTING}62`));
    longItems?.next(bytesOf(`${FITTING}62`));
    expect(server.sent()).to.have.length(4);
    items?.complete();
    longItems?.complete();
    server.sent();
  });

  it("CANCEL of a channel's input waits behind fragments, and goes all the same when another item comes", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1c00 00000009`);
    const { stream } = server.call;
    stream.request(5);
    stream.next(bytesOf(repeat("61", 100)));
    stream.cancel();
    server.receive(hex`00000001 2820 62`); // under way when it was cancelled
    expect(server.sent().map((frame) => frame.slice(8, 12))).to.deep.equal(["2000", "28a0", "2820", "2400"]);
    stream.complete();
    server.sent();
  });

  it("CANCEL of a channel's input is not due any more when the input ends meanwhile", () => {
    const server = openServer(SMALL);
    server.receive(hex`00000001 1c00 00000009`);
    const { stream } = server.call;
    stream.next(bytesOf(repeat("61", 100)));
    stream.cancel();
    server.receive(hex`00000001 2840`);
    expect(heads(server)).to.deep.equal(["28a0", "2820"]);
    stream.complete();
    server.sent();
  });

  it("the last fragments of a channel that has ended on both sides, whatever is said of it then", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_channel", { n: 1 });
    client.sent();
    client.receive(hex`00000001 2000 00000001`, hex`00000001 2840`);
    stream.next(bytesOf(repeat("61", 100)));
    stream.complete();
    stream.error(0x201, bytesOf("6e6f"));
    expect(heads(client)).to.deep.equal(["28a0", "2820", "2840"]);
  });

  it("a request that left in fragments was sent, and isn't safe to repeat", () => {
    const client = openClient(SMALL);
    const sent = client.open("request_response", { data: repeat("61", 100) });
    client.sent();
    client.isBlocked = true;
    const kept = client.open("request_response", { data: repeat("61", 100) });
    expect([sent.stream.neverSent, kept.stream.neverSent], "nothing is lost yet").to.deep.equal([false, false]);
    client.lose();
    expect([sent.stream.neverSent, kept.stream.neverSent]).to.deep.equal([false, true]);
  });

  it("nor is a channel whose first item left and whose next one waits", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_channel", { data: "61" });
    client.sent();
    client.receive(hex`00000001 2000 00000001`);
    stream.next(bytesOf(repeat("62", 100)));
    client.lose();
    expect(stream.neverSent).to.equal(false);
  });

  it("CANCEL of a channel whose last item is given up in fragments, though the peer has ended", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_channel");
    client.sent();
    client.receive(hex`00000001 2000 00000001`, hex`00000001 2840`);
    stream.next(bytesOf(repeat("61", 100)));
    stream.complete();
    stream.cancel();
    expect(client.sent()).to.deep.equal([hex`00000001 2400`]);
  });

  it("nothing of a fire-and-forget request that is cancelled before it left, and its sink hears nothing", () => {
    const client = openClient(SMALL);
    const { log, stream } = client.open("fire_and_forget", { data: repeat("61", 100) });
    stream.cancel();
    expect(client.sent()).to.deep.equal([]);
    client.lose();
    expect(log).to.deep.equal([]);
  });

  it("bytes of our own calls count as nobody else's", () => {
    const client = openClient(SMALL);
    const { stream } = client.open("request_channel", { data: "61", n: 1 });
    client.receive(hex`00000001 2000 00000009`);
    stream.next(bytesOf("62"));
    stream.next(bytesOf(repeat("62", 100)));
    stream.complete();
    expect(client.connection.outbound.peerCausedBytes).to.equal(0);
    client.sent();
  });

  it("a close waits for the start of a request that goes in fragments: overtaken, it would be refused", () => {
    const client = openClient(SMALL);
    client.connection.peer.receiveHello(1);
    client.open("request_response", { data: repeat("61", 100) });
    client.connection.close("enough", 1_000);
    expect(heads(client)).to.deep.equal(["1080", "2820", "2c00"]);
  });
});
