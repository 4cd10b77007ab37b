// SPDX-License-Identifier: Apache-2.0
// CONNECTION_CLOSE from either side while much is under way: what was begun runs to its end, what is new is refused, then
// the connection ends (RSocket 1.0 §Error Codes).

import { expect } from "chai";
import { Code, type Connection, RpcError, type ServeOptions } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
} from "../../examples/hello/gen/ticker_rsocket.js";
import type { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, hex, textHex, uint, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { Pair, type PairSide, type SideName } from "../support/pair.js";
import { type Call, type InboundCall, openClient, openServer, type Probe } from "../support/probe.js";
import { type Random, random } from "../support/rng.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../support/rpc-world.js";

/** ERROR on stream 0, CONNECTION_CLOSE, no text. */
const CLOSE = hex`00000000 2c00 00000102`;

/** A server and a client, and the first id that the peer of each opens. */
function bothSides(): readonly (readonly [probe: Probe, theirs: string, next: string, mine: string])[] {
  return [
    [openServer(), "00000001", "00000003", "00000002"],
    [openClient(), "00000002", "00000004", "00000001"],
  ];
}

describe("CONNECTION_CLOSE from the peer, amid streams", () => {
  afterEach(expectNoTrace);

  it("ERR-04: credit, items and both halves of channels go on behind it", () => {
    for (const [probe, theirs, , mine] of bothSides()) {
      const { stream, log } = probe.open("request_channel", { n: 1 });
      probe.sent();
      probe.receive(
        hex`${theirs} 1c00 00000001 61`, // REQUEST_CHANNEL, n 1
        CLOSE,
        hex`${mine} 2000 00000002`, // REQUEST_N, 2
        hex`${theirs} 2000 00000001`, // REQUEST_N, 1
        hex`${mine} 2820 62`, // PAYLOAD N
      );
      stream.next(bytesOf("63"));
      stream.request(1);
      stream.complete();
      probe.call.stream.request(1);
      probe.call.stream.next(bytesOf("64"));
      probe.call.stream.next(bytesOf("65"));
      probe.call.stream.complete();
      expect(probe.sent()).to.deep.equal([
        hex`${mine} 2820 63`, // PAYLOAD N
        hex`${mine} 2000 00000001`, // REQUEST_N
        hex`${mine} 2840`, // PAYLOAD C
        hex`${theirs} 2000 00000001`, // REQUEST_N
        hex`${theirs} 2820 64`, // PAYLOAD N
        hex`${theirs} 2820 65`, // PAYLOAD N
        hex`${theirs} 2840`, // PAYLOAD C
      ]);
      expect(probe.connection.state).to.equal("draining");
      probe.receive(
        hex`${theirs} 2860 66`, // PAYLOAD N C
        hex`${mine} 2860 67`, // PAYLOAD N C
      );
      expect(log).to.deep.equal(["request 2", "next 62", "next 67 complete"]);
      expect(probe.call.log).to.deep.equal(["request 1", "next 66 complete"]);
      expect(probe.sent(), "it isn't answered").to.deep.equal([]);
      expect(probe.log.at(-1)).to.equal("closed 0x102 remote");
      expectQuiet(probe.connection);
    }
  });

  it("ERR-04: CANCEL and ERROR end the last streams as usual", () => {
    for (const [probe, theirs, , mine] of bothSides()) {
      const { log } = probe.open("request_stream", { n: 5 });
      probe.sent();
      probe.receive(
        hex`${theirs} 1800 00000005 61`, // REQUEST_STREAM
        CLOSE,
        hex`${theirs} 2400`, // CANCEL
        hex`${mine} 2c00 00000201 62`, // ERROR, APPLICATION_ERROR
      );
      expect(probe.call.log).to.deep.equal(["cancel"]);
      expect(log).to.deep.equal(["error 0x201 remote"]);
      expect(probe.sent()).to.deep.equal([]);
      expect(probe.log.at(-1)).to.equal("closed 0x102 remote");
    }
  });

  it("ERR-04: messages that it comes amid of are whole all the same", () => {
    for (const [probe, theirs, , mine] of bothSides()) {
      const { log } = probe.open("request_response");
      probe.sent();
      probe.receive(
        hex`${theirs} 1080 61`, // REQUEST_RESPONSE, F
        hex`${mine} 28a0 62`, // PAYLOAD, F N
        CLOSE,
        hex`${theirs} 2880 63`, // PAYLOAD, F
        hex`${theirs} 2820 64`, // PAYLOAD
        hex`${mine} 2860 65`, // PAYLOAD, N C
      );
      expect(log).to.deep.equal(["next 6265 complete"]);
      expect(probe.call.data).to.equal("616364");
      probe.call.stream.next(bytesOf("66"));
      expect(probe.sent()).to.deep.equal([hex`${theirs} 2860 66`]);
      expect(probe.log.at(-1)).to.equal("closed 0x102 remote");
    }
  });

  it("ERR-04: a request in fragments behind it is refused once, and its rest means nothing", () => {
    for (const [probe, theirs, next] of bothSides()) {
      probe.receive(
        hex`${theirs} 1000 61`, // REQUEST_RESPONSE
        CLOSE,
        hex`${next} 1080 62`, // REQUEST_RESPONSE, F
        hex`${next} 2880 63`, // PAYLOAD, F
        hex`${next} 2820 64`, // PAYLOAD
      );
      expect(probe.sent().map(withoutText)).to.deep.equal([hex`${next} 2c00 00000202`]); // ERROR, REJECTED
      expect(probe.call.data).to.equal("61");
      expect(probe.connection.state).to.equal("draining");
    }
  });

  it("ERR-04: requests that are encoded go out behind it, calls that wait for room don't", () => {
    for (const [probe, , , mine] of bothSides()) {
      const { log } = probe.open("request_response", { data: "61" });
      const waiting: string[] = [];
      probe.connection.queueCall({
        admit: () => waiting.push("admitted"),
        fail: ({ code, initiator }) => waiting.push(`failed 0x${code.toString(16)} ${initiator}`),
      });
      probe.receive(CLOSE);
      expect(waiting).to.deep.equal(["failed 0x102 remote"]);
      expect(probe.sent()).to.deep.equal([hex`${mine} 1000 61`]);
      probe.receive(hex`${mine} 2860 62`); // PAYLOAD N C
      expect(log).to.deep.equal(["next 62 complete"]);
      expect(probe.sent()).to.deep.equal([]);
      expect(probe.log.at(-1)).to.equal("closed 0x102 remote");
    }
  });

  it("ERR-04: it comes twice and is news once; the words of the first are the reason", () => {
    for (const [probe, theirs] of bothSides()) {
      probe.receive(hex`${theirs} 1000 61`, `${CLOSE}${textHex("one")}`, `${CLOSE}${textHex("two")}`);
      expect(probe.log.filter((entry) => entry === "draining")).to.have.length(1);
      expect(probe.connection.state).to.equal("draining");
      probe.call.stream.next(bytesOf("62"));
      probe.sent();
      expect(probe.connection.closeReason?.message).to.match(/one$/);
    }
  });
});

const ALL: readonly Interaction[] = ["request_response", "request_stream", "request_channel", "fire_and_forget"];

/** A call of one side, and how it ended. */
interface Asked extends Call {
  readonly by: SideName;
  readonly data: string;
}

/** Both sides call each other while one of them, or both, close. */
class ClosingPair {
  readonly pair: Pair;
  readonly asked: Asked[] = [];
  readonly heard = new Map<string, InboundCall>();
  readonly #rng: Random;
  #unanswered: InboundCall[] = [];

  constructor(rng: Random, ours: boolean) {
    this.#rng = rng;
    this.pair = new Pair({ ours, settings: { fragmentBytes: 64 } });
    for (const side of this.pair.sides) side.onRequestHook = (call) => this.#take(side, call);
  }

  #take(side: PairSide, call: InboundCall): void {
    const key = `${this.pair.other(side).name} ${call.data}`;
    expect(this.heard.has(key), `${key} comes once`).to.equal(false);
    this.heard.set(key, call);
    if (call.stream.interaction !== "fire_and_forget") this.#unanswered.push(call);
  }

  /** One more call; false when this side takes none any more. */
  ask(side: PairSide, interaction: Interaction = this.#rng.pick(ALL)): boolean {
    if (!side.connection.isOpen) return false;
    const data = uint(this.asked.length, 4).repeat(this.#rng.between(1, 40)); // up to three fragments
    const call = side.open(interaction, { data, n: 2 });
    this.asked.push({ ...call, by: side.name, data });
    if (call.stream.interaction === "request_channel") call.stream.complete();
    return true;
  }

  /** One of the calls that are heard is answered. */
  answer(): void {
    const [call] = this.#unanswered.splice(this.#rng.below(this.#unanswered.length), 1);
    if (call === undefined) return;
    call.stream.next(bytesOf(call.data));
    if (call.stream.interaction !== "request_response") call.stream.complete();
  }

  /** Something of everything; bytes move in slices. */
  step(): void {
    for (const side of this.pair.sides) {
      this.ask(side);
      if (this.#rng.oneIn(2)) this.pair.flush(side);
      side.read(this.#rng.between(1, 600));
    }
    if (this.#rng.oneIn(2)) this.answer();
  }

  /** Until nothing more happens. */
  rest(): void {
    do {
      while (this.#unanswered.length > 0) this.answer();
      this.pair.settle();
    } while (this.#unanswered.length > 0);
    this.pair.advance(5_000);
  }

  /** Each call ended once; who was heard was answered, who wasn't was told so. Says how many of each. */
  outcomes(): { readonly answered: number; readonly rejected: number; readonly cut: number } {
    const counts = { answered: 0, rejected: 0, cut: 0 };
    for (const { by, data, stream, log } of this.asked) {
      const ends = log.filter((entry) => /complete$|^error/.test(entry));
      expect(ends, `ends of ${stream.interaction} ${stream.id} of the ${by}`).to.have.length(1);
      if (stream.interaction === "fire_and_forget") continue;
      if (!this.heard.has(`${by} ${data}`)) {
        expect(ends[0]).to.match(/^error (0x202 remote|connection 0x102)/);
        counts[ends[0]?.startsWith("error connection") ? "cut" : "rejected"]++;
        continue;
      }
      expect(log.filter((entry) => entry.startsWith("next "))).to.have.length(1);
      expect(log.find((entry) => entry.startsWith("next "))).to.match(new RegExp(`^next ${data}( complete)?$`));
      expect(ends[0]).to.match(/complete$/);
      counts.answered++;
    }
    return counts;
  }
}

describe("closing in order, amid hundreds of calls of both sides", function () {
  this.timeout(20_000);
  afterEach(expectNoTrace);

  for (const ours of [true, false]) {
    for (const closing of [["client"], ["server"], ["client", "server"]] as const) {
      const who = closing.length === 2 ? "both sides" : `the ${closing[0]}`;
      it(
        `ERR-04: by ${who}, ${ours ? "both ours" : "of unknown make"}: what a handler has seen is answered, the rest refused`,
        random((rng) => {
          const world = new ClosingPair(rng, ours);
          const { pair } = world;
          for (let i = 0; i < 200; i++) world.step();
          // As a server does that drains: with time to spare, so that what crosses its word can be answered.
          for (const name of closing) pair[name].connection.close("enough", 1_000);
          for (const name of closing) expect(() => pair[name].open("request_response")).to.throw("enough");
          for (const side of pair.sides) world.ask(side, "request_response"); // the other's crosses with the word
          for (let i = 0; i < 200; i++) world.step();
          world.rest();
          const { answered, rejected, cut } = world.outcomes();
          expect(answered, "answered").to.be.at.least(100);
          if (closing.length === 1) expect(rejected, "refused").to.be.at.least(1);
          // Who isn't ours hears of it last: a request that crosses with that word is answered by the end alone.
          if (ours) expect(cut, "calls that only the end of the connection answers").to.equal(0);
          for (const side of pair.sides) expect(side.log.at(-1)).to.match(/^closed 0x102/);
          pair.expectQuiet();
        }),
      );
    }
  }

  for (const closing of ["client", "server"] as const) {
    it(`ERR-04: calls that cross with the word of the ${closing} when it has nothing to do are refused, not cut off`, () => {
      const pair = new Pair({ ours: true });
      const other = pair.other(pair[closing]);
      pair[closing].connection.close("enough", 1_000);
      pair.flush(pair[closing]);
      const late = ALL.map((interaction) => other.open(interaction));
      pair.settle();
      const refused = ["error 0x202 remote"]; // REJECTED
      expect(late.map(({ log }) => log)).to.deep.equal([refused, refused, refused, ["complete"]]);
      expect(pair[closing].call.stream.interaction, "nothing could refuse it").to.equal("fire_and_forget");
      expect(pair.sides.map(({ connection }) => connection.state)).to.deep.equal(["closed", "closed"]);
      pair.expectQuiet();
    });
  }
});

/** Handlers that answer when they are told to. */
class HeldTicker {
  readonly seen: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly handler: TickerHandler = {
    last: async ({ name }) => {
      await this.#hold(`last ${name}`);
      return { symbol: name, price: 1 };
    },
    watch: async function* (this: HeldTicker, { name }: { readonly name: string }) {
      yield { symbol: name, price: 1 };
      await this.#hold(`watch ${name}`);
      yield { symbol: name, price: 2 };
    }.bind(this),
    upload: async (quotes) => {
      let count = 0;
      for await (const _ of quotes) if (++count === 1) await this.#hold("upload");
      return { count };
    },
    chat: async function* (this: HeldTicker, lines: AsyncIterable<{ readonly text: string }>) {
      await this.#hold("chat");
      for await (const { text } of lines) yield { text: text.toUpperCase() };
    }.bind(this),
    log: ({ text }) => void this.seen.push(`log ${text}`),
  };

  #hold(what: string): Promise<void> {
    this.seen.push(what);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** All that wait go on. */
  release(): void {
    for (const go of this.#waiting.splice(0)) go();
  }
}

/** Four kinds of calls at once, and what they bring. */
function callAll(client: TickerClient): Promise<readonly unknown[]> {
  return Promise.all([
    client.last({ name: "A" }).then(({ symbol }) => symbol),
    collect(client.watch({ name: "B" })).then((quotes) => quotes.map(({ price }) => price)),
    client.upload([{ price: 1 }, { price: 2 }, { price: 3 }]).then(({ count }) => count),
    collect(client.chat([{ text: "x" }, { text: "y" }])).then((lines) => lines.map(({ text }) => text)),
  ]);
}

const ALL_ANSWERS = ["A", [1, 2], 3, ["X", "Y"]];
const HELD = ["chat", "last A", "upload", "watch B"];
const GRACE_MS = 10_000;

async function expectRefused(client: TickerClient): Promise<void> {
  const calls = [client.last({}), collect(client.watch({})), client.upload([{}]), collect(client.chat([{}]))];
  for (const call of calls) {
    expect(await rejectionOf(call)).to.include({ code: Code.Unavailable, retryable: true });
  }
}

describe("closing in order, as programs see it", () => {
  afterEach(leavesNoTrace);

  interface Ends {
    readonly world: RpcWorld;
    readonly connection: Connection;
    /** Calls of the client, calls of the server. */
    readonly clients: readonly [TickerClient, TickerClient];
    readonly held: readonly [HeldTicker, HeldTicker];
    closeServer(): Promise<void>;
  }

  async function open(hello: boolean): Promise<Ends> {
    const world = new RpcWorld();
    const held = [new HeldTicker(), new HeldTicker()] as const;
    let accepted: Connection | undefined;
    const serve: ServeOptions = {
      services: [implementTicker(held[0].handler)],
      accept: (_setup, connection) => {
        accepted = connection;
      },
    };
    const { server, connection } = await world.pair(serve, { hello, services: [implementTicker(held[1].handler)] });
    if (accepted === undefined) throw new Error("nobody was accepted");
    return {
      world,
      connection,
      clients: [createTickerClient(connection), createTickerClient(accepted)],
      held,
      closeServer: () => server.close({ graceMs: GRACE_MS }),
    };
  }

  for (const hello of [true, false]) {
    for (const closing of ["client", "server"] as const) {
      it(`ERR-04: by the ${closing}, ${hello ? "both ours" : "of unknown make"}: calls of all kinds and both directions end, new ones are refused`, async () => {
        const { world, connection, clients, held, closeServer } = await open(hello);
        const results = Promise.all(clients.map(callAll));
        await world.scheduler.settle();
        for (const { seen } of held) expect([...seen].sort()).to.deep.equal(HELD);
        const over = closing === "client" ? connection.close({ graceMs: GRACE_MS }) : closeServer();
        await world.scheduler.advance(GRACE_MS / 2);
        await world.run(expectRefused(clients[closing === "client" ? 0 : 1]));
        // Ours was told and doesn't ask; another asks, and hears that nobody looked at it.
        await world.run(expectRefused(clients[closing === "client" ? 1 : 0]));
        for (const { seen } of held) expect([...seen].sort(), "handlers saw nothing new").to.deep.equal(HELD);
        for (const ticker of held) ticker.release();
        expect(await world.run(results)).to.deep.equal([ALL_ANSWERS, ALL_ANSWERS]);
        await world.run(over);
        const { code, initiator, error } = await world.run(connection.closed);
        expect({ code, initiator, error }).to.deep.equal({
          code: 0x102,
          initiator: closing === "client" ? "local" : "remote",
          error: undefined,
        });
      });
    }
  }

  it("ERR-04: a client whose server of another make says CONNECTION_CLOSE gets the rest of its stream", async () => {
    const world = new RpcWorld();
    const { connection, peer } = await world.connectScripted({}, false);
    const client = createTickerClient(connection);
    const quotes = collect(client.watch({ name: "A" }));
    await world.scheduler.settle();
    peer.take();
    peer.send(CLOSE);
    peer.send(hex`
      00000001           // stream 1
      2820               // PAYLOAD N
      0a 01 41           // symbol "A"
    `);
    await world.scheduler.settle();
    const error = await world.run(rejectionOf(client.last({})));
    expect(RpcError.is(error, Code.Unavailable)).to.equal(true);
    peer.send(hex`00000001 2840`); // PAYLOAD C
    expect((await world.run(quotes)).map(({ symbol }) => symbol)).to.deep.equal(["A"]);
    expect(await world.run(connection.closed)).to.deep.include({ code: 0x102, initiator: "remote", error: undefined });
    expect(peer.take(), "nothing more was sent").to.deep.equal([]);
  });
});
