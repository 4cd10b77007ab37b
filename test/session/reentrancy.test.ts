// SPDX-License-Identifier: Apache-2.0
// Whatever a sink does when it is told something, the connection stays in order: every command from within every
// callback, on the same stream and on another, and the connection's own commands.

import { expect } from "chai";
import { ConnectionError } from "../../runtime/src/session/errors.js";
import { bytesOf, hex, repeat } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { Pair } from "../support/pair.js";
import { type Call, KEEPALIVE_R, openClient, openServer, type Probe } from "../support/probe.js";

type Command = (call: Call, probe: Probe) => void;

const COMMANDS: Readonly<Record<string, Command>> = {
  cancel: ({ stream }) => stream.cancel(),
  request: ({ stream }) => stream.request(1),
  next: ({ stream }) => void (stream.credit > 0 && stream.next(bytesOf("7a"))),
  "next, large": ({ stream }) => void (stream.credit > 0 && stream.next(new Uint8Array(300))),
  complete: ({ stream }) => stream.complete(),
  error: ({ stream }) => stream.error(0x201, bytesOf("")),
  "open another": (_, probe) => void (probe.connection.isOpen && probe.open("request_response")),
  "end another": (_, probe) => probe.connection.abandonStreams("all"),
  close: (_, probe) => probe.connection.close(),
  abort: (_, probe) => probe.connection.abort(new ConnectionError(0x101, "off", "local")),
  "lose the link": (_, probe) => probe.lose(),
  "receive a frame": (_, probe) => probe.receive(KEEPALIVE_R),
};

/** Frames that make a requester's channel hear of everything. */
const TO_REQUESTER = [
  hex`00000001 2000 00000005`, // REQUEST_N 5
  hex`00000001 2820 61`, // PAYLOAD, N
  hex`00000001 28a0 62`, // PAYLOAD, F N
  hex`00000001 2820 63`, // PAYLOAD, N
  hex`00000001 2820 64`, // beyond the credit
  hex`00000001 2840`, // PAYLOAD, C
  hex`00000001 2400`, // CANCEL
  hex`00000001 2c00 00000201`, // ERROR
];

/** The same for a responder's. */
const TO_RESPONDER = [
  hex`00000001 1c00 00000002 60`, // REQUEST_CHANNEL, n 2
  ...TO_REQUESTER,
];

function ends(log: readonly string[]): string[] {
  return log.filter((entry) => entry.startsWith("error") || entry === "cancel" || entry.startsWith("complete"));
}

/** A sink's record is a legal one: each half ends once, and behind an error there is nothing. */
function expectLegal(log: readonly string[], what: string): void {
  const errorAt = log.findIndex((entry) => entry.startsWith("error"));
  if (errorAt >= 0) expect(log.slice(errorAt + 1), `${what}: behind the error`).to.deep.equal([]);
  const completeAt = log.findIndex((entry) => entry.startsWith("complete") || entry.endsWith(" complete"));
  if (completeAt >= 0) {
    const behind = log.slice(completeAt + 1).filter((entry) => entry.startsWith("next") || entry.includes("complete"));
    expect(behind, `${what}: behind the end`).to.deep.equal([]);
  }
  expect(
    log.filter((entry) => entry === "cancel"),
    what,
  ).to.have.length.below(2);
  expect(ends(log).length, what).to.be.below(4);
}

describe("re-entrancy", () => {
  afterEach(expectNoTrace);

  for (const [name, command] of Object.entries(COMMANDS)) {
    it(`of "${name}" from within every callback of a requester`, () => {
      for (let at = 0; at < 10; at++) {
        const client = openClient({ settings: { fragmentBytes: 64 } });
        const call = client.open("request_channel", { n: 2 });
        const bystander = client.open("request_stream", { n: 1 });
        let told = 0;
        call.sink.onEntry = () => {
          if (told++ === at) command(call, client);
        };
        for (const frame of TO_REQUESTER) {
          client.receive(frame);
          if (at % 2 === 0) client.sent();
        }
        client.sent();
        expectLegal(call.log, `callback ${at}`);
        expectLegal(bystander.log, `callback ${at}, bystander`);
        expect(call.stream.isForgotten).to.equal(true);
      }
    });

    it(`of "${name}" from within every callback of a responder, and from within the request`, () => {
      for (let at = -1; at < 10; at++) {
        const server = openServer({ settings: { fragmentBytes: 64 } });
        let told = 0;
        server.onRequestHook = (call) => {
          call.stream.request(2);
          call.sink.onEntry = () => {
            if (told++ === at) command(call, server);
          };
          if (at === -1) command(call, server);
        };
        for (const frame of TO_RESPONDER) {
          server.receive(frame);
          if (at % 2 === 0) server.sent();
        }
        server.sent();
        expectLegal(server.call.log, `callback ${at}`);
        expect(server.call.stream.isForgotten).to.equal(true);
      }
    });

    it(`of "${name}" from within onWritable`, () => {
      const server = openServer({ settings: { limits: { producerPauseBytes: 100 } } });
      server.receive(hex`00000001 1c00 7fffffff`, hex`00000003 1800 7fffffff`);
      for (const { stream } of server.calls) stream.next(new Uint8Array(100));
      for (const { stream } of server.calls) expect(stream.mayProduce).to.equal(false);
      for (const call of server.calls) {
        call.sink.onEntry = (entry) => {
          if (entry === "writable" && call.log.length === 1) command(call, server);
        };
      }
      server.sent();
      for (const { log } of server.calls) expectLegal(log, name);
    });

    it(`of "${name}" from within onComplete of fire-and-forget`, () => {
      const client = openClient();
      const calls = [
        client.open("fire_and_forget"),
        client.open("fire_and_forget"),
        client.open("request_channel", { n: 1 }),
      ];
      for (const call of calls) call.sink.onEntry = () => command(call, client);
      client.sent();
      expect(calls[0]?.log).to.have.length(1);
      expect(calls[1]?.log).to.have.length(1);
      for (const { log } of calls) expectLegal(log, name);
    });
  }

  it("of ending the connection from within every event of its owner", () => {
    for (const event of ["setup", "established", "push 6d", "closed"]) {
      for (const end of ["close", "abort", "lose the link"]) {
        const pair = new Pair({ client: {}, server: {} });
        const fresh = new Pair({
          server: { manualAccept: true },
        });
        for (const side of [...pair.sides, ...fresh.sides]) {
          side.onEvent = (entry) => {
            if (entry.startsWith(event)) COMMANDS[end]?.({} as Call, side);
          };
        }
        fresh.server.connection.accept();
        for (const side of pair.sides) side.connection.metadataPush(bytesOf("6d"));
        pair.settle();
        fresh.settle();
        pair.client.connection.close();
        fresh.client.connection.close();
        pair.settle();
        fresh.settle();
        for (const side of [...pair.sides, ...fresh.sides]) {
          expect(
            side.log.filter((entry) => entry.startsWith("closed")),
            `${end} in ${event}`,
          ).to.have.length(1);
          expectQuiet(side.connection);
        }
      }
    }
  });

  it("a client that closes as soon as it is established doesn't lose the frame that told it", () => {
    const client = openClient();
    const fresh = new Pair({ server: { manualAccept: true } });
    const { log } = fresh.client.open("request_response");
    fresh.client.onEvent = (entry) => {
      if (entry === "established") fresh.client.connection.close();
    };
    fresh.server.onRequestHook = ({ stream }) => void stream.next(bytesOf("62"));
    // The KEEPALIVE's answer is lost here: the first frame that comes is the answer to the call.
    fresh.settle();
    fresh.client.receive(hex`00000001 2860 62`);
    expect(log).to.deep.equal(["next 62 complete"]);
    expect(client.connection.isOpen).to.equal(true);
  });

  it("items held for lack of credit come in order, each once, whatever their sink does in between", () => {
    const client = openClient();
    const { stream, sink, log } = client.open("request_stream", { n: 1 });
    client.receive(...["61", "62", "63", "64", "65"].map((data) => hex`00000001 2820 ${data}`));
    sink.onEntry = (entry) => {
      if (entry === "next 62") stream.request(2);
      if (entry === "next 64") stream.cancel();
    };
    stream.request(1);
    expect(log).to.deep.equal(["next 61", "next 62", "next 63", "next 64"]);
    client.sent();
    expectQuiet(client.connection);
  });

  it("a producer that answers each request for more at once goes on from within", () => {
    const pair = new Pair({ settings: { fragmentBytes: 64 } });
    pair.server.onRequestHook = ({ stream, sink }) => {
      sink.onEntry = () => void (stream.credit > 0 && stream.next(bytesOf(repeat("62", 100))));
      stream.next(bytesOf("61"));
    };
    const { stream, sink, log } = pair.client.open("request_stream", { n: 1 });
    sink.onEntry = () => {
      if (log.length < 50) stream.request(1);
      else stream.cancel();
    };
    pair.settle();
    expect(log).to.have.length(50);
    pair.expectQuiet();
  });
});
