// SPDX-License-Identifier: Apache-2.0
// Whole conversations of two connections: each interaction model in each direction, plain and in 64-byte fragments,
// however the bytes between them are cut; and every way a connection can end.

import { expect } from "chai";
import { ConnectionError } from "../../runtime/src/session/errors.js";
import type { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, repeat } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { Pair, type PairOptions, type PairSide, type SideName } from "../support/pair.js";
import { type Call, type InboundCall, newClient } from "../support/probe.js";

const LARGE = repeat("61", 300);
const MODES: readonly (readonly [string, PairOptions])[] = [
  ["plain", {}],
  ["in fragments of 64 bytes", { settings: { fragmentBytes: 64 } }],
];

/** Delivers everything in slices of `bytes`. */
function trickle(pair: Pair, bytes: number): void {
  for (let i = 0; i < 100_000; i++) {
    let moved = false;
    for (const side of pair.sides) {
      if (pair.flush(side)) moved = true;
      if (side.read(bytes) > 0) moved = true;
      if (side.transmitRequested || side.inbox.byteLength > 0) moved = true;
    }
    if (!moved) return;
  }
  throw new Error("it doesn't come to rest");
}

function ends(pair: Pair, from: SideName): [requester: PairSide, responder: PairSide] {
  return from === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
}

function only(side: PairSide): InboundCall {
  return side.call;
}

for (const from of ["client", "server"] as const) {
  for (const [mode, options] of MODES) {
    describe(`two connections, ${mode}: the ${from} calls`, () => {
      afterEach(expectNoTrace);

      for (const slice of [1, 7, 1_000]) {
        it(`request/response, ${slice} bytes at a time`, () => {
          const pair = new Pair(options);
          const [requester, responder] = ends(pair, from);
          const { log } = requester.open("request_response", { metadata: LARGE, data: LARGE });
          trickle(pair, slice);
          expect([only(responder).metadata, only(responder).data]).to.deep.equal([LARGE, LARGE]);
          only(responder).stream.next(bytesOf(LARGE), bytesOf("6d"));
          trickle(pair, slice);
          expect(log).to.deep.equal([`next ${LARGE} metadata 6d complete`]);
          pair.expectQuiet();
        });

        it(`fire-and-forget, ${slice} bytes at a time`, () => {
          const pair = new Pair(options);
          const [requester, responder] = ends(pair, from);
          const { log } = requester.open("fire_and_forget", { data: LARGE });
          trickle(pair, slice);
          expect(only(responder).data).to.equal(LARGE);
          expect(log).to.deep.equal(["complete"]);
          pair.expectQuiet();
        });

        it(`request/stream with credit as it is used, ${slice} bytes at a time`, () => {
          const pair = new Pair(options);
          const [requester, responder] = ends(pair, from);
          const { log, sink, stream } = requester.open("request_stream", { data: LARGE, n: 2 });
          sink.onEntry = (entry) => {
            if (entry.startsWith("next") && log.length % 2 === 0) stream.request(2);
          };
          trickle(pair, slice);
          const call = only(responder);
          let sent = 0;
          const produce = (): void => {
            while (call.stream.mayProduce) {
              call.stream.next(bytesOf(sent % 2 === 0 ? LARGE : repeat("62", sent)));
              if (++sent === 11) return call.stream.complete(bytesOf("6d"));
            }
          };
          call.sink.onEntry = produce;
          produce();
          trickle(pair, slice);
          expect(log).to.have.length(12);
          expect(log.slice(0, 2)).to.deep.equal([`next ${LARGE}`, `next ${repeat("62", 1)}`]);
          expect(log.at(-1)).to.equal("complete metadata 6d");
          pair.expectQuiet();
        });

        it(`request/channel, both at once, ${slice} bytes at a time`, () => {
          const pair = new Pair(options);
          const [requester, responder] = ends(pair, from);
          const mine = requester.open("request_channel", { data: LARGE, n: 3 });
          trickle(pair, slice);
          const theirs = only(responder);
          exchange(mine, 5, "61");
          exchange(theirs, 4, "62");
          theirs.stream.request(1);
          trickle(pair, slice);
          expect(items(mine)).to.deep.equal([1, 2, 3, 4].map((i) => repeat("62", 40 * i)));
          expect(items(theirs)).to.deep.equal([1, 2, 3, 4, 5].map((i) => repeat("61", 40 * i)));
          for (const { log } of [mine, theirs]) expect(log.filter((entry) => entry === "complete")).to.have.length(1);
          pair.expectQuiet();
        });
      }
    });
  }
}

/** Sends `count` items as credit comes, asks for one more with each that comes. */
function exchange({ stream, sink }: Call, count: number, byte: string): void {
  let sent = 0;
  const produce = (): void => {
    while (stream.mayProduce && sent < count) stream.next(bytesOf(repeat(byte, 40 * ++sent)));
    if (sent === count) stream.complete();
  };
  sink.onEntry = (entry) => {
    if (entry.startsWith("next") && !entry.endsWith("complete")) stream.request(1);
    produce();
  };
  produce();
}

function items({ log }: Call): string[] {
  return log.filter((entry) => entry.startsWith("next")).map((entry) => entry.split(" ")[1] ?? "");
}

describe("two connections: the end", () => {
  afterEach(expectNoTrace);

  const ALL: readonly Interaction[] = ["request_response", "request_stream", "request_channel"];

  function openAll(pair: Pair): { mine: Call[]; theirs: () => InboundCall[] } {
    const mine = pair.sides.flatMap((side) => ALL.map((interaction) => side.open(interaction, { n: 5 })));
    return { mine, theirs: () => pair.sides.flatMap(({ calls }) => calls) };
  }

  for (const ours of [true, false]) {
    for (const closing of ["client", "server"] as const) {
      it(`closing from the ${closing}, ${ours ? "both ours" : "of unknown make"}: streams of both directions end first`, () => {
        const pair = new Pair({ ours });
        const { mine, theirs } = openAll(pair);
        pair.settle();
        pair[closing].connection.close("enough");
        pair.settle();
        for (const side of pair.sides) expect(side.connection.streamCount).to.equal(6);
        const other = closing === "client" ? pair.server : pair.client;
        expect(other.connection.state).to.equal(ours ? "draining" : "open");
        if (!ours) {
          const late = other.open("request_response");
          pair.settle();
          expect(late.log, "it was told that nobody looked at it").to.deep.equal(["error 0x202 remote"]);
        }
        for (const { stream } of theirs()) {
          stream.next(bytesOf("62"));
          stream.complete();
        }
        for (const { stream } of mine) stream.complete();
        pair.settle();
        for (const { log } of mine) expect(log.at(-1)).to.match(/complete$/);
        expect(pair[closing].log.at(-1)).to.equal("closed 0x102 local");
        expect(other.log.at(-1)).to.equal("closed 0x102 remote");
        pair.expectQuiet();
      });
    }

    it(`both closing at once, ${ours ? "both ours" : "of unknown make"}, end in order`, () => {
      const pair = new Pair({ ours });
      const { mine, theirs } = openAll(pair);
      pair.settle();
      for (const side of pair.sides) side.connection.close();
      for (const { stream } of theirs()) stream.error(0x201, bytesOf(""));
      pair.settle();
      for (const { log } of mine) expect(log).to.deep.equal(["error 0x201 remote"]);
      for (const side of pair.sides) expect(side.log.at(-1)).to.match(/^closed 0x102/);
      pair.expectQuiet();
    });
  }

  it("closing while a large answer is still on its way out loses nothing of it", () => {
    const pair = new Pair({ settings: { fragmentBytes: 64 } });
    const { log } = pair.client.open("request_response", { data: "61" });
    pair.settle();
    pair.server.call.stream.next(new Uint8Array(500_000));
    pair.server.connection.close();
    pair.settle();
    expect(log[0]).to.have.length("next ".length + 1_000_000 + " complete".length);
    pair.expectQuiet();
  });

  it("abort fails every stream on both ends once, with the reason", () => {
    const pair = new Pair();
    const { mine, theirs } = openAll(pair);
    pair.settle();
    pair.server.connection.abort(new ConnectionError(0x101, "off", "local"));
    pair.settle();
    for (const { stream, log } of [...mine, ...theirs()]) {
      const isServers = stream.isRequester === (stream.id % 2 === 0);
      expect(log).to.deep.equal([`error connection 0x101 ${isServers ? "local" : "remote"}`]);
    }
    expect(pair.client.connection.closeReason?.message).to.contain("off");
    pair.expectQuiet();
  });

  for (const [state, prepare] of [
    ["with calls that wait to be written", (pair: Pair) => void openAll(pair)],
    [
      "with requests under way",
      (pair: Pair) => {
        openAll(pair);
        for (const side of pair.sides) pair.flush(side);
      },
    ],
    [
      "with streams on both ends",
      (pair: Pair) => {
        openAll(pair);
        pair.settle();
      },
    ],
    [
      "with half-received messages",
      (pair: Pair) => {
        for (const side of pair.sides) side.open("request_response", { data: repeat("61", 200) });
        for (const side of pair.sides) pair.flush(side);
        for (const side of pair.sides) side.read(150);
      },
    ],
    [
      "draining",
      (pair: Pair) => {
        openAll(pair);
        pair.settle();
        pair.server.connection.close();
        pair.settle();
      },
    ],
  ] as const) {
    it(`a link that is lost ${state} ends every stream once`, () => {
      const pair = new Pair({ ours: true, settings: { fragmentBytes: 64 } });
      const opened: Call[] = [];
      for (const side of pair.sides) {
        const open = side.open.bind(side);
        side.open = (interaction, options) => {
          const call = open(interaction, options);
          opened.push(call);
          return call;
        };
      }
      prepare(pair);
      const before = pair.sides.flatMap(({ calls }) => calls);
      pair.cut();
      for (const { log } of [...opened, ...before]) {
        expect(log).to.have.length(1);
        expect(log[0]).to.match(/^error connection 0x10[12]/);
      }
      pair.expectQuiet();
      for (const side of pair.sides) {
        expect(side.connection.state).to.equal("closed");
        expect(() => side.open("request_response")).to.throw();
      }
    });
  }

  it("a link that is lost before SETUP was sent ends a client's calls", () => {
    const client = newClient();
    const { stream, log } = client.open("request_response");
    client.lose();
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(stream.neverSent).to.equal(true);
    expect(client.sent()).to.deep.equal([]);
    expect(client.log).to.deep.equal(["closed 0x101 remote"]);
  });

  it("a link that is lost while SETUP is being accepted ends both, and a late acceptance changes nothing", () => {
    const pair = new Pair({ server: { manualAccept: true } });
    const { log } = pair.client.open("request_response");
    pair.settle();
    pair.cut();
    pair.server.connection.accept();
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
    expect(pair.client.log).to.deep.equal(["closed 0x101 remote"]);
    expect(pair.server.log).to.deep.equal(["setup", "closed 0x101 remote"]);
    pair.expectQuiet();
  });

  it("a client that closes while its SETUP is being accepted has its calls answered first", () => {
    const pair = new Pair({ server: { manualAccept: true } });
    pair.server.onRequestHook = ({ stream }) => void stream.next(bytesOf("62"));
    const { log } = pair.client.open("request_response");
    pair.settle();
    pair.client.connection.close();
    pair.server.connection.accept();
    pair.settle();
    expect(log).to.deep.equal(["next 62 complete"]);
    expect(pair.sides.map((side) => side.log.at(-1))).to.deep.equal(["closed 0x102 local", "closed 0x102 remote"]);
    pair.expectQuiet();
  });

  it("a client whose SETUP is refused hears of it, and so do its calls", () => {
    const pair = new Pair({ server: { manualAccept: true } });
    const { log } = pair.client.open("request_response");
    pair.settle();
    pair.server.connection.reject(0x003, bytesOf("6e6f"), "no");
    pair.settle();
    expect(log).to.deep.equal(["error connection 0x3 remote"]);
    expect(pair.client.log).to.deep.equal(["closed 0x3 remote"]);
    pair.expectQuiet();
  });

  it("grace that is over: streams are given up on both ends, and the connection ends in order", () => {
    const pair = new Pair({ ours: true });
    const { mine, theirs } = openAll(pair);
    pair.settle();
    pair.server.connection.close("restarting");
    pair.settle();
    pair.server.connection.abandonStreams("restarting");
    pair.settle();
    for (const { stream, log } of [...mine, ...theirs()]) {
      const given = `error 0x203 ${stream.isRequester === (stream.id % 2 === 0) ? "local" : "remote"}`;
      // What the server asked of the client is cancelled there.
      const told = stream.id % 2 === 0 && !stream.isRequester ? "cancel" : given;
      expect(log, `stream ${stream.id}`).to.deep.equal([told]);
    }
    expect(pair.client.log.at(-1)).to.equal("closed 0x102 remote");
    pair.expectQuiet();
  });

  it("nothing is read any more while the write queue is full, and all of it later", () => {
    const pair = new Pair({ server: { settings: { limits: { readPauseBytes: 10_000 } } } });
    pair.server.onRequestHook = ({ stream }) => void stream.next(new Uint8Array(3_000));
    pair.server.isBlocked = true;
    const calls = Array.from({ length: 20 }, () => pair.client.open("request_response"));
    pair.settle();
    expect(pair.server.calls).to.have.length(4);
    pair.server.isBlocked = false;
    pair.settle();
    for (const { log } of calls) expect(log).to.have.length(1);
    pair.expectQuiet();
  });

  it("a quiet pair keeps itself alive for ever", () => {
    const pair = new Pair();
    pair.advance(3_600_000, 5_000);
    expect(pair.sides.map(({ connection }) => connection.state)).to.deep.equal(["open", "open"]);
  });

  it("a peer that is gone without a word is noticed on both ends within the lifetime", () => {
    const pair = new Pair();
    const { log } = pair.client.open("request_response");
    pair.settle();
    for (const side of pair.sides) side.advance(90_000);
    for (const side of pair.sides) expect(side.log.at(-1)).to.equal("closed 0x101 remote");
    expect(log).to.deep.equal(["error connection 0x101 remote"]);
  });
});
