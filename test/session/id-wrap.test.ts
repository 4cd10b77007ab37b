// SPDX-License-Identifier: Apache-2.0
// Stream ids that begin again while thousands of calls are under way in both directions (RSocket 1.0 §Stream
// Identifiers): each call is answered once and as it was asked, and no id is in use twice.

import { expect } from "chai";
import { StreamError } from "../../runtime/src/session/errors.js";
import type { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, hex, uint } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { Pair, type PairSide, type SideName } from "../support/pair.js";
import { type Call, type InboundCall, openClient, openServer, RecordingSink } from "../support/probe.js";
import { type Random, random } from "../support/rng.js";

const MAX_ODD = 0x7fffffff;
const MAX_EVEN = 0x7ffffffe;
const CALLS_PER_SIDE = 4_000;
const LONG_LIVED_PER_SIDE = 150;
/** Calls that wait for their answer on each side, at most. */
const MOST_WAITING = 200;
const SHORT: readonly Interaction[] = ["request_response", "fire_and_forget", "request_stream", "request_channel"];
/** As the header of a frame says them. */
const REQUEST_TYPES: readonly number[] = [0x04, 0x05, 0x06, 0x07];

/** Where the ids of one side begin, and behind which they begin again. */
interface Ring {
  readonly next: number;
  readonly last: number;
}

/** What one side has asked: the data of a call is its number, and so is that of its answer. */
class Asking {
  readonly side: PairSide;
  /** Ids in use, and the number of the call. */
  readonly live = new Map<number, number>();
  readonly logs: (readonly string[])[] = [];
  readonly kinds: Interaction[] = [];
  wrapCount = 0;
  skippedCount = 0;
  readonly #first: number;
  readonly #last: number;
  #next: number;

  constructor(side: PairSide, { next, last }: Ring) {
    this.side = side;
    this.#first = side.name === "client" ? 1 : 2;
    this.#last = last;
    this.#next = next;
  }

  ask(interaction: Interaction, n = 1): Call {
    const number = this.kinds.push(interaction) - 1;
    const expectedId = this.#takeExpected();
    const sink = new RecordingSink();
    sink.onEntry = (entry) => {
      if (isEnd(entry)) this.live.delete(expectedId);
    };
    this.logs.push(sink.log);
    this.live.set(expectedId, number);
    const call = this.side.open(interaction, { data: uint(number, 4), n, sink });
    expect(call.stream.id, `the id of call ${number}`).to.equal(expectedId);
    if (interaction === "request_channel") call.stream.complete();
    return call;
  }

  // The next one round the ring that isn't in use.
  #takeExpected(): number {
    if (this.live.size >= this.#last >> 1) throw new Error(`all ${this.live.size} ids are in use`);
    while (this.live.has(this.#next)) {
      this.skippedCount++;
      this.#step();
    }
    const id = this.#next;
    this.#step();
    return id;
  }

  #step(): void {
    this.#next += 2;
    if (this.#next <= this.#last) return;
    this.#next = this.#first;
    this.wrapCount++;
  }
}

/** What one side has been asked. */
class Answering {
  /** How often each number came. */
  readonly heard = new Map<string, number>();
  readonly long: InboundCall[] = [];
  readonly sent = new Map<InboundCall, string[]>();
  #waiting: InboundCall[] = [];
  readonly #live = new Set<number>();

  constructor(side: PairSide) {
    side.onRequestHook = (call) => this.#take(call);
  }

  #take(call: InboundCall): void {
    const { stream, sink, data } = call;
    expect(this.#live.has(stream.id), `${stream.id} is in use`).to.equal(false);
    this.heard.set(data, (this.heard.get(data) ?? 0) + 1);
    if (stream.interaction === "fire_and_forget") return;
    this.#live.add(stream.id);
    sink.onEntry = (entry) => {
      if (entry === "cancel") this.#live.delete(stream.id);
    };
    this.#waiting.push(call);
  }

  /** Keeps those who wait now for ever. */
  keepAll(): void {
    this.long.push(...this.#waiting.splice(0));
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** One of those who wait is answered. */
  answerOne(rng: Random): void {
    const [call] = this.#waiting.splice(rng.below(this.#waiting.length), 1);
    if (call === undefined) return;
    call.stream.next(bytesOf(call.data));
    this.#end(call);
  }

  answerAll(rng: Random): void {
    while (this.#waiting.length > 0) this.answerOne(rng);
  }

  /** One of the long-lived gets an item. */
  tell(rng: Random): void {
    if (this.long.length === 0) return;
    const call = rng.pick(this.long);
    const items = this.sent.get(call) ?? [];
    this.sent.set(call, items);
    const item = call.data + uint(items.push("") - 1, 4);
    items[items.length - 1] = `next ${item}`;
    call.stream.next(bytesOf(item));
  }

  /** One of the long-lived is over. */
  endLong(call: InboundCall): void {
    this.long.splice(this.long.indexOf(call), 1);
    this.#end(call);
  }

  #end({ stream }: InboundCall): void {
    this.#live.delete(stream.id);
    if (stream.interaction !== "request_response") stream.complete();
  }
}

function isEnd(entry: string): boolean {
  return entry.endsWith("complete") || entry.startsWith("error");
}

/** The ids of all requests, as the wire shows them. */
class Wiretap {
  readonly requests: Record<SideName, number[]> = { client: [], server: [] };

  readonly onFrame = (from: SideName, frame: Uint8Array): void => {
    const view = new DataView(frame.buffer, frame.byteOffset);
    if (REQUEST_TYPES.includes(view.getUint16(4) >>> 10)) this.requests[from].push(view.getUint32(0));
  };
}

/** Both sides call each other, over a link that delivers in slices, with some streams that stay. */
class Traffic {
  readonly pair: Pair;
  readonly tap = new Wiretap();
  readonly asking: readonly [Asking, Asking];
  readonly answering: readonly [Answering, Answering];
  readonly rng: Random;
  /** The logs of the streams that stay, by their data. */
  readonly longCalls = new Map<string, Call>();

  constructor(rng: Random, client: Ring, server: Ring) {
    this.rng = rng;
    this.pair = new Pair({
      client: { firstStreamId: client.next, lastStreamId: client.last },
      server: { firstStreamId: server.next, lastStreamId: server.last },
      onFrame: this.tap.onFrame,
    });
    this.asking = [new Asking(this.pair.client, client), new Asking(this.pair.server, server)];
    this.answering = [new Answering(this.pair.server), new Answering(this.pair.client)];
  }

  /** Streams that stay, on both sides. */
  openLong(count: number): void {
    this.asking.forEach((asking, side) => {
      for (let i = 0; i < count; i++) {
        const number = asking.kinds.length;
        this.longCalls.set(`${side} ${uint(number, 4)}`, asking.ask("request_stream", 1_000_000));
      }
    });
    this.pair.settle();
    for (const answering of this.answering) answering.keepAll();
  }

  /** Calls on both sides, and everything else in between. */
  call(countPerSide: number): void {
    for (let i = 0; i < countPerSide; i++) {
      for (const asking of this.asking) asking.ask(this.rng.pick(SHORT));
      for (const answering of this.answering) {
        if (this.rng.oneIn(3)) answering.tell(this.rng);
        while (answering.waitingCount > this.rng.below(MOST_WAITING)) answering.answerOne(this.rng);
      }
      this.deliver();
    }
    this.rest();
  }

  deliver(): void {
    for (const side of this.pair.sides) {
      if (this.rng.oneIn(2)) this.pair.flush(side);
      side.read(this.rng.between(1, 400));
    }
    if (this.rng.oneIn(100)) this.pair.advance(10);
  }

  /** Whoever waits is answered. */
  rest(): void {
    this.pair.settle();
    for (const answering of this.answering) answering.answerAll(this.rng);
    this.pair.settle();
  }

  /** The streams that stay end, too. */
  endAllLong(): void {
    for (const answering of this.answering) for (const call of [...answering.long]) answering.endLong(call);
    this.pair.settle();
  }

  /** Every call was heard once, and answered once with its own number. */
  expectEachAnsweredOnce(): void {
    this.asking.forEach((asking, side) => {
      const answering = this.answering[side] as Answering;
      expect([...answering.heard.values()].filter((times) => times !== 1)).to.deep.equal([]);
      expect(answering.heard.size, "calls that were heard").to.equal(asking.kinds.length);
      asking.kinds.forEach((kind, number) => {
        const data = uint(number, 4);
        if (this.longCalls.has(`${side} ${data}`)) return;
        const [...log] = asking.logs[number] ?? [];
        expect(asText(kind, log), `call ${number}, ${kind}`).to.equal(expectedOf(kind, data));
      });
      expect(asking.live.size, "ids in use").to.equal(0);
    });
    const counts = this.asking.map(({ kinds }) => kinds.length);
    expect([this.tap.requests.client.length, this.tap.requests.server.length], "requests on the wire").to.deep.equal(
      counts,
    );
  }

  /** Each stream that stayed has heard all that it was told, in order, and then its end. */
  expectLongWhole(): void {
    this.answering.forEach((answering, side) => {
      for (const [{ data }, items] of answering.sent) {
        const log = this.longCalls.get(`${side} ${data}`)?.log;
        expect(log, `stream ${data}`).to.deep.equal([...items, "complete"]);
      }
    });
  }
}

// A channel hears of the credit of the other side, or that it wants no more: neither is an answer.
function asText(kind: Interaction, log: readonly string[]): string {
  const entries = kind === "request_channel" ? log.filter((entry) => !/^(request|cancel)/.test(entry)) : log;
  return entries.join(", ");
}

function expectedOf(kind: Interaction, data: string): string {
  if (kind === "fire_and_forget") return "complete";
  return kind === "request_response" ? `next ${data} complete` : `next ${data}, complete`;
}

describe("stream ids that begin again under load", function () {
  this.timeout(20_000);
  afterEach(expectNoTrace);

  it(
    "SID-07, SID-08: calls of both sides go on across 2^31-1, beside streams that were opened before it",
    random((rng) => {
      // A third of the calls is made before the wrap.
      const before = 2 * (LONG_LIVED_PER_SIDE + Math.floor(CALLS_PER_SIDE / 3));
      const traffic = new Traffic(
        rng,
        { next: MAX_ODD - before, last: MAX_ODD },
        { next: MAX_EVEN - before, last: MAX_EVEN },
      );
      traffic.openLong(LONG_LIVED_PER_SIDE);
      traffic.call(CALLS_PER_SIDE);
      expect(traffic.asking.map(({ wrapCount }) => wrapCount)).to.deep.equal([1, 1]);
      expect(traffic.tap.requests.client).to.include.members([MAX_ODD, 1]);
      expect(traffic.tap.requests.server).to.include.members([MAX_EVEN, 2]);
      traffic.endAllLong();
      traffic.expectEachAnsweredOnce();
      traffic.expectLongWhole();
      traffic.pair.expectQuiet();
    }),
  );

  it(
    "SID-08, SID-02: ids that come round again and again skip the streams that live, and no id is in use twice",
    random((rng) => {
      // 1,024 ids a side: they come round four times and more.
      const traffic = new Traffic(rng, { next: 1, last: 2047 }, { next: 2, last: 2048 });
      for (let round = 0; round < 4; round++) {
        traffic.openLong(LONG_LIVED_PER_SIDE / 3);
        traffic.call(CALLS_PER_SIDE / 4);
        for (const answering of traffic.answering) answering.endLong(rng.pick(answering.long));
      }
      for (const { wrapCount, skippedCount } of traffic.asking) {
        expect(wrapCount, "times round").to.be.at.least(4);
        expect(skippedCount, "ids skipped").to.be.at.least(LONG_LIVED_PER_SIDE);
      }
      traffic.endAllLong();
      traffic.expectEachAnsweredOnce();
      traffic.expectLongWhole();
      traffic.pair.expectQuiet();
    }),
  );

  it("SID-08: behind the largest id a client passes over those that still live", () => {
    const client = openClient({ firstStreamId: 3, lastStreamId: 7 });
    for (let i = 0; i < 4; i++) client.open("request_stream");
    expect(client.sent()).to.deep.equal([
      hex`00000003 1800 00000001`,
      hex`00000005 1800 00000001`,
      hex`00000007 1800 00000001`,
      hex`00000001 1800 00000001`, // the ids have begun again
    ]);
    client.receive(hex`00000005 2840`); // PAYLOAD C
    client.open("request_response");
    expect(client.sent()).to.deep.equal([hex`00000005 1000`]); // 3 lives
    client.receive(hex`00000001 2840`, hex`00000003 2840`);
    client.open("fire_and_forget");
    client.open("fire_and_forget");
    expect(client.sent()).to.deep.equal([hex`00000001 1400`, hex`00000003 1400`]); // 7 lives
  });

  it("SID-10: while all ids are in use a request fails on this side alone; the next free id is used again", () => {
    for (const probe of [
      openClient({ firstStreamId: 5, lastStreamId: 7 }),
      openServer({ firstStreamId: 6, lastStreamId: 8 }),
    ]) {
      const ids = Array.from({ length: 4 }, () => probe.open("request_response").stream.id);
      probe.sent();
      expect(() => probe.open("request_response"))
        .to.throw(StreamError, "all stream ids are in use")
        .that.includes({ code: 0x202, initiator: "local" });
      expect(probe.sent(), "nothing goes out").to.deep.equal([]);
      expect(probe.connection.isOpen).to.equal(true);
      const free = uint(ids[2] ?? 0, 4);
      probe.receive(hex`${free} 2860 61`); // PAYLOAD N C
      probe.open("request_response");
      expect(probe.sent()).to.deep.equal([hex`${free} 1000`]);
    }
  });

  it("SID-11: before the wrap an id that ended is never used again, however many do", () => {
    const client = openClient({ firstStreamId: MAX_ODD - 2 * 999 });
    const ids: number[] = [];
    for (let i = 0; i < 1_000; i++) {
      const { id } = client.open("request_response").stream;
      ids.push(id);
      client.sent();
      client.receive(hex`${uint(id, 4)} 2860 61`);
    }
    expect(new Set(ids).size).to.equal(1_000);
    expect(Math.min(...ids)).to.equal(MAX_ODD - 2 * 999);
    expect(client.open("request_response").stream.id).to.equal(1);
  });

  it("SID-07: what is late for a stream of before the wrap harms none behind it", () => {
    const client = openClient({ firstStreamId: MAX_ODD });
    const before = client.open("request_stream", { n: 5 });
    const behind = client.open("request_stream", { n: 5 });
    before.stream.cancel();
    expect(client.sent()).to.deep.equal([
      hex`7fffffff 1800 00000005`,
      hex`00000001 1800 00000005`,
      hex`7fffffff 2400`, // CANCEL
    ]);
    client.receive(
      hex`7fffffff 2820 61`, // PAYLOAD N, sent before CANCEL came
      hex`00000001 2820 62`,
      hex`7fffffff 2860 63`, // PAYLOAD N C
      hex`00000001 2860 64`,
    );
    expect(before.log).to.deep.equal([]);
    expect(behind.log).to.deep.equal(["next 62", "next 64 complete"]);
    expectQuiet(client.connection);
  });
});
