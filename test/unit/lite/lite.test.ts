// SPDX-License-Identifier: Apache-2.0
// What a client of `rsocket-rpc/lite` sends and takes, byte for byte, in virtual time.

import { getEventListeners } from "node:events";
import { expect } from "chai";
import { type CallOptions, type ConnectOptions, connectWith as connectWhole } from "rsocket-rpc";
import {
  Code,
  ConnectError,
  connectWith,
  details,
  type LiteConnection,
  type LiteConnectOptions,
  type LiteLimits,
  limits,
  metadata,
  RpcError,
} from "rsocket-rpc/lite";
import type { LinkHandler, Scheduler } from "rsocket-rpc/rsocket";
import { type ScriptedPeer, scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
import { createTickerClient, type TickerClient } from "../../../examples/hello/gen/ticker_rsocket.js";
import { ErrorCode } from "../../../runtime/src/frames/errors.js";
import * as layout from "../../../runtime/src/frames/layout.js";
import { Flag, FrameType } from "../../../runtime/src/frames/layout.js";
import * as constants from "../../../runtime/src/lite/constants.js";
import * as flags from "../../../runtime/src/lite/flags.js";
import * as frameTypes from "../../../runtime/src/lite/frame-types.js";
import * as places from "../../../runtime/src/lite/limit-places.js";
import { STANDARD } from "../../../runtime/src/lite/limits.js";
import { MAX_METADATA_BYTES } from "../../../runtime/src/metadata/entry.js";
import { MAX_HEADERS } from "../../../runtime/src/metadata/envelope-reader.js";
import { MAX_RPC_PART_BYTES } from "../../../runtime/src/metadata/rpc-metadata.js";
import * as codeNumbers from "../../../runtime/src/rpc/code-numbers.js";
import { resolveLimits } from "../../../runtime/src/session/settings.js";
import { bytesOf, repeat, textHex, uint } from "../../support/frames-dsl.js";
import { collect, HELLO, KEEPALIVE, KEEPALIVE_R, LinkGate, rejectionOf, SETUP_OURS } from "../../support/rpc-world.js";

const ROUTE = "0001000e64656d6f2e76312e5469636b6572";
/** REQUEST_RESPONSE of Last, bare, on stream `id`. */
const last = (id: number): string => `${uint(id, 4)}1100${"00001a"}${ROUTE}${"00044c617374"}${"0000"}`;
/** REQUEST_STREAM of Watch, bare, on stream 1, for `n`. */
const watch = (n: number): string => `000000011900${uint(n, 4)}${"00001b"}${ROUTE}${"00055761746368"}${"0000"}`;
const requestN = (id: number, n: number): string => `${uint(id, 4)}2000${uint(n, 4)}`;
const cancel = (id: number): string => `${uint(id, 4)}2400`;
/** PAYLOAD[N] with a Quote of price 0, and the same with C. */
const ITEM = "000000012820";
const LAST_ITEM = "000000012860";
const COMPLETE = "000000012840";
const errorFrame = (id: number, code: number, text: string): string =>
  `${uint(id, 4)}2c00${uint(code, 4)}${textHex(text)}`;
/** REQUEST_RESPONSE of the server, which nobody here serves. */
const FOREIGN_REQUEST = `000000021100${"00001a"}${ROUTE}${"00044c617374"}${"0000"}`;
/** Where each limit stands: `maxMessageBytes` at MAX_MESSAGE_BYTES. */
const LIMITS = Object.entries(places).map(
  ([name, at]) => [name.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), at] as const,
) as readonly (readonly [keyof LiteLimits, number])[];

describe("rsocket-rpc/lite", () => {
  let scheduler: VirtualScheduler;
  let peer: ScriptedPeer;
  let gate: LinkGate;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
  });

  const dial = (options: LiteConnectOptions = {}): Promise<LiteConnection> => {
    const [link, far] = scriptedPeer(scheduler);
    peer = far;
    gate = new LinkGate(link);
    return connectWith({ dial: () => Promise.resolve(link) }, { scheduler, metadata, ...options });
  };

  const connect = async (options: LiteConnectOptions = {}, isOurs = true): Promise<[TickerClient, LiteConnection]> => {
    const connecting = dial(options);
    await scheduler.settle();
    if (isOurs) peer.send(HELLO);
    peer.send(KEEPALIVE);
    const connection = await scheduler.run(connecting);
    peer.take();
    return [createTickerClient(connection), connection];
  };

  const send = async (...frames: readonly string[]): Promise<string[]> => {
    for (const frame of frames) peer.send(frame);
    await scheduler.settle();
    return peer.take();
  };

  /** A client, and the handler of its link. */
  const connectHandled = async (): Promise<[TickerClient, LiteConnection, LinkHandler]> => {
    const [link, far] = scriptedPeer(scheduler);
    let handler: LinkHandler | undefined;
    const { setHandler } = link;
    link.setHandler = (given) => setHandler.call(link, (handler = given));
    const connecting = connectWith({ dial: () => Promise.resolve(link) }, { scheduler });
    await scheduler.settle();
    far.send(KEEPALIVE);
    const connection = await scheduler.run(connecting);
    peer = far;
    return [createTickerClient(connection), connection, handler as LinkHandler];
  };

  /** The connection ends with a word that matches, and no timer is left. */
  const expectEnd = async (connection: LiteConnection, reason: RegExp): Promise<void> => {
    expect((await scheduler.run(connection.closed)).reason).to.match(reason);
    await scheduler.settle();
    expect(scheduler.timerCount, "timers").to.equal(0);
  };

  describe("sends what the whole runtime sends", () => {
    const wholeOf = async (options: ConnectOptions, isOurs = true): Promise<[TickerClient, ScriptedPeer]> => {
      const [link, far] = scriptedPeer(scheduler);
      const connecting = connectWhole({ dial: () => Promise.resolve(link) }, { scheduler, ...options });
      await scheduler.settle();
      if (isOurs) far.send(HELLO);
      far.send(KEEPALIVE);
      return [createTickerClient(await scheduler.run(connecting)), far];
    };

    it("in SETUP, and a KEEPALIVE behind it", async () => {
      void dial().catch(() => {});
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([SETUP_OURS, KEEPALIVE_R]);
    });

    for (const options of [
      { bearerToken: "geheim ä" },
      { maxLifetimeMs: 10_000 },
      { headers: { "x-user": "ann", "x-id-bin": Uint8Array.of(0xab) } },
      {
        bearerToken: async () => "later",
        headers: { "x-user": "ann" },
        keepaliveIntervalMs: 5,
        maxLifetimeMs: 0x7fffffff,
      },
    ]) {
      it(`in SETUP with ${Object.keys(options).join(" and ")}`, async () => {
        const [, far] = await wholeOf(options);
        void dial(options).catch(() => {});
        await scheduler.settle();
        expect(peer.take()).to.deep.equal(far.take());
      });
    }

    const CALLS: Readonly<Record<string, (client: TickerClient, options: CallOptions) => Promise<unknown>>> = {
      unary: (client, options) => client.last({ name: "ACME" }, options),
      "fire-and-forget": (client, options) => client.log({ text: "hi" }, options),
      "server stream": (client, options) => collect(client.watch({ name: "ACME" }, options)),
      "client stream": (client, options) => client.upload([{ price: 1 }, {}], options),
      bidi: (client, options) => collect(client.chat([{ text: "a" }, { text: "b" }], options)),
      "client stream without messages": (client, options) => client.upload([], options),
    };
    const OPTIONS: readonly CallOptions[] = [
      {},
      { timeoutMs: 2_000, headers: { "x-user": "ann", "x-id-bin": Uint8Array.of(0xab, 0xab, 0xab) } },
      { rawMetadata: Uint8Array.of(1, 2, 3), prefetch: 7 },
      { tracing: { "x-b3-traceid": "80f198ee56343ba8" } },
    ];
    for (const [name, make] of Object.entries(CALLS)) {
      for (const fragmentBytes of [65_536, 64]) {
        it(`in calls: ${name}, frames of ${fragmentBytes} bytes`, async () => {
          for (const options of OPTIONS) {
            const [client] = await connect({ fragmentBytes });
            const [whole, far] = await wholeOf({ fragmentBytes });
            far.take();
            for (const each of [client, whole]) make(each, options).catch(() => {});
            await scheduler.settle();
            for (const each of [peer, far]) each.send(requestN(1, 5));
            await scheduler.settle();
            const sent = peer.take();
            if (options.rawMetadata === undefined) expect(sent).to.have.length.above(0);
            expect(sent).to.deep.equal(far.take());
          }
        });
      }
    }

    for (const thrown of [new RpcError(Code.Aborted, "no more"), new Error("a secret"), Symbol("odd")]) {
      it(`in a stream of requests that fails by ${String(thrown)}, to a peer of ours and to another`, async () => {
        async function* failing(): AsyncGenerator<{ price: number }> {
          yield { price: 1 };
          throw thrown;
        }
        const told: string[][] = [];
        for (const isOurs of [true, false]) {
          const [client] = await connect({}, isOurs);
          const [whole, far] = await wholeOf({}, isOurs);
          far.take();
          const ends = [client, whole].map((each) => rejectionOf(each.upload(failing())));
          await scheduler.settle();
          for (const each of [peer, far]) each.send(requestN(1, 5));
          await scheduler.settle();
          const sent = peer.take();
          expect(sent).to.deep.equal(far.take());
          told.push(sent);
          const [lite, other] = (await Promise.all(ends)) as RpcError[];
          expect(lite).to.include({ code: other?.code, rawMessage: other?.rawMessage });
        }
        expect(told.flat().filter((frame) => frame.startsWith("000000012c00"))).to.have.length(2);
        expect(told.flat().join()).to.not.contain(textHex("secret"));
      });
    }

    it("in a unary call with a deadline and headers, by the wire contract", async () => {
      const [client] = await connect();
      const headers = { "x-user": "ann", "x-id-bin": Uint8Array.of(0xab, 0xab, 0xab) };
      client.last({ name: "ACME" }, { timeoutMs: 2_000, headers }).catch(() => {});
      await scheduler.settle();
      const entry = "176d6573736167652f782e72736f636b65742d7270632e7631" + "000023" + "10d00f";
      expect(peer.take()).to.deep.equal([
        `000000011100000059${ROUTE}00044c6173740000${entry}220d0a06782d757365721203616e6e220f0a08782d69642d62696e1203ababab0a0441434d45`,
      ]);
    });
  });

  describe("connecting", () => {
    it("resolves with the first frame that is no ERROR, rejects with the server's own word", async () => {
      const connecting = rejectionOf(dial());
      await scheduler.settle();
      peer.send(`000000002c0000000003${"00"}${"3211"}${"0810"}${"120d"}${textHex("unknown token")}`);
      const error = (await scheduler.run(connecting)) as ConnectError;
      expect(error).to.be.instanceOf(ConnectError);
      expect(error).to.include({ code: Code.Unauthenticated, rawMessage: "unknown token", wireCode: 3 });
      await scheduler.settle();
      expect(scheduler.timerCount).to.equal(0);
    });

    it("rejects when the connection is over as soon as it is accepted", async () => {
      const connecting = rejectionOf(dial());
      await scheduler.settle();
      // KEEPALIVE, then CONNECTION_CLOSE, before anything else runs
      peer.send("000000000c000000000000000000");
      peer.send(errorFrame(0, 0x102, "draining"));
      const error = (await scheduler.run(connecting)) as ConnectError;
      expect(error).to.be.instanceOf(ConnectError);
      expect(error).to.include({ code: Code.Unavailable, rawMessage: "ERROR 0x102: draining", wireCode: 0x102 });
      await scheduler.settle();
      expect(scheduler.timerCount).to.equal(0);
    });

    it("rejects when time is up, on abort, and with a dialer's error; a late link is torn down", async () => {
      const late = rejectionOf(dial({ timeoutMs: 50 }));
      await scheduler.advance(51);
      expect(((await late) as Error).message).to.match(/not connected after 50 ms/);
      const controller = new AbortController();
      const aborted = rejectionOf(dial({ signal: controller.signal }));
      controller.abort(new Error("not today"));
      expect(await scheduler.run(aborted)).to.include({ rawMessage: "not today" });
      await scheduler.settle();
      expect(peer.isClosed).to.equal(true);
      const failing = { dial: () => Promise.reject(new Error("no route")) };
      const error = await scheduler.run(rejectionOf(connectWith(failing, { scheduler })));
      expect(error).to.include({ code: Code.Unavailable, rawMessage: "no route" });
      expect(scheduler.timerCount).to.equal(0);
    });

    it("dials nothing when it was given up before, or while a token was awaited", async () => {
      let dials = 0;
      const dialer = { dial: () => Promise.reject(new Error(`dialed ${++dials} times`)) };
      const signal = AbortSignal.abort(new Error("not today"));
      expect(await rejectionOf(connectWith(dialer, { scheduler, signal }))).to.include({ rawMessage: "not today" });
      const bearerToken = (): Promise<string> =>
        new Promise((resolve) => scheduler.setTimer(100, () => resolve("too late")));
      const late = rejectionOf(connectWith(dialer, { scheduler, bearerToken, timeoutMs: 50 }));
      await scheduler.advance(200);
      expect(await late).to.include({ rawMessage: "not connected after 50 ms" });
      expect(dials).to.equal(0);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("refuses options that can't be meant, before anything is dialed", async () => {
      for (const [options, message] of [
        [{ fragmentBytes: 63 }, /fragmentBytes is 63, expected a whole number 64/],
        [{ keepaliveIntervalMs: 0 }, /keepaliveIntervalMs is 0/],
        [{ keepaliveIntervalMs: 90_000 }, /keepaliveIntervalMs is 90000, expected a whole number 1 … 89999/],
        [{ maxLifetimeMs: 1.5 }, /maxLifetimeMs is 1.5/],
      ] as const) {
        expect(((await rejectionOf(dial(options))) as Error).message).to.match(message);
      }
    });
  });

  describe("liveness", () => {
    it("asks every interval, answers with the same data, and gives up a silent server", async () => {
      const [, connection] = await connect({ keepaliveIntervalMs: 1_000, maxLifetimeMs: 2_500 });
      await scheduler.advance(1_001);
      expect(peer.take()).to.deep.equal([KEEPALIVE_R]);
      expect(await send("000000000c800000000000000000abcd")).to.deep.equal(["000000000c000000000000000000abcd"]);
      await scheduler.advance(2_600);
      await expectEnd(connection, /nothing received for 2500 ms/);
    });

    it("a frame that takes longer than the lifetime to come is no silence: parts of it come", async () => {
      const [client, connection, handler] = await connectHandled();
      const answer = client.last({});
      for (let i = 1; i < 5; i++) {
        await scheduler.advance(60_000);
        handler.onReadStart();
        handler.onReadEnd(1_000 * i);
      }
      peer.send(LAST_ITEM);
      expect((await scheduler.run(answer)).price).to.equal(0);
      await scheduler.advance(100_000);
      await expectEnd(connection, /nothing received for 90000 ms/);
    });

    it("calls end at once with a server that sends nothing more", async () => {
      const [client, connection, handler] = await connectHandled();
      const call = rejectionOf(client.last({}));
      await scheduler.settle();
      handler.onPeerEnd?.();
      expect(await call).to.include({ code: Code.Unavailable, rawMessage: "connection lost: the peer ended it" });
      expect(await rejectionOf(client.last({}))).to.include({ code: Code.Unavailable, retryable: true });
      await expectEnd(connection, /^connection lost: the peer ended it$/);
    });

    it("stallTimeoutMs: gives up a server that reads nothing", async () => {
      const [client, connection] = await connect();
      gate.shut();
      const call = rejectionOf(client.last({}));
      for (let i = 0; i < 8; i++) {
        await scheduler.advance(5_000);
        peer.send(KEEPALIVE);
        await scheduler.settle();
      }
      await expectEnd(connection, /the peer has read nothing for 30000 ms/);
      expect(await call).to.include({ code: Code.Unavailable, retryable: false });
    });
  });

  describe("demand", () => {
    it("begins with 32, asks when half is used up, and for more when its consumer keeps up", async () => {
      const [client] = await connect();
      const items = client.watch({})[Symbol.asyncIterator]();
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([watch(32)]);
      const asked: string[] = [];
      for (let i = 0; i < 200; i++) {
        peer.send(ITEM);
        expect((await scheduler.run(items.next())).done).to.equal(false);
        await scheduler.settle();
        asked.push(...peer.take());
      }
      expect(asked).to.deep.equal([16, 32, 65, 128, 128].map((n) => requestN(1, n)));
    });

    it("asks for fewer of large items, so that about 1 MiB is under way", async () => {
      const [client] = await connect({ limits: limits({ maxMessageBytes: 4_194_304 }) });
      const items = client.watch({})[Symbol.asyncIterator]();
      await scheduler.settle();
      peer.take();
      // Quote{symbol: 65,536 letters}
      const large = `${ITEM}0a808004${repeat("61", 65_536)}`;
      const asked: string[] = [];
      for (let i = 0; i < 60; i++) {
        peer.send(large);
        await scheduler.run(items.next());
        asked.push(...peer.take());
      }
      expect(asked).to.deep.equal(Array<string>(5).fill(requestN(1, 8)));
      await scheduler.run(Promise.resolve(items.return?.()));
    });

    it("maxUnconsumedBytes: a consumer that has items isn't asked for while too much waits; one that has none is", async () => {
      const [client] = await connect({ limits: limits({ maxUnconsumedBytes: 30 }) });
      const items = client.watch({}, { prefetch: 4 })[Symbol.asyncIterator]();
      await scheduler.settle();
      expect(await send(...Array<string>(4).fill(`${ITEM}0a0a${repeat("61", 10)}`))).to.deep.equal([watch(4)]);
      await scheduler.run(items.next());
      await scheduler.run(items.next());
      expect(peer.take()).to.deep.equal([requestN(1, 2)]);
    });
  });

  describe("user code that waits for nothing else", () => {
    const LOOPS: Readonly<Record<string, (client: TickerClient) => Promise<unknown>>> = {
      "fire-and-forget calls": (client) => client.log({}),
      "calls that fail": (client) => rejectionOf(client.last({}, { timeoutMs: 0 })),
      "streams that fail": (client) => rejectionOf(collect(client.watch({}, { signal: AbortSignal.abort() }))),
    };
    for (const [name, make] of Object.entries(LOOPS)) {
      it(`gives way: ${name}`, async () => {
        // As a page has it.
        const page: Scheduler = {
          now: () => scheduler.now(),
          defer: queueMicrotask,
          setTimer: (delayMs, task) => scheduler.setTimer(delayMs, task),
          yield: (task) => scheduler.yield(task),
        };
        const [client] = await connect({ scheduler: page });
        let hasTurned = false;
        let count = 0;
        scheduler.yield(() => {
          hasTurned = true;
        });
        const looping = (async () => {
          for (; !hasTurned && count < 2_000; count++) await make(client);
        })();
        await scheduler.run(looping);
        expect(count).to.be.within(200, 300);
      });
    }
  });

  describe("as with the whole runtime", () => {
    const wholeOf = async (isOurs: boolean): Promise<[TickerClient, ScriptedPeer]> => {
      const [link, far] = scriptedPeer(scheduler);
      const connecting = connectWhole({ dial: () => Promise.resolve(link) }, { scheduler });
      await scheduler.settle();
      if (isOurs) far.send(HELLO);
      far.send(KEEPALIVE);
      const connection = await scheduler.run(connecting);
      far.take();
      return [createTickerClient(connection), far];
    };

    it("a peer of another make that asks for exactly as many as there are hears the end", async () => {
      const [client] = await connect({}, false);
      const [whole, far] = await wholeOf(false);
      for (const each of [client, whole]) each.upload([{ price: 1 }, { price: 2 }, {}]).catch(() => {});
      await scheduler.settle();
      for (const each of [peer, far]) each.send(requestN(1, 2));
      await scheduler.settle();
      const sent = peer.take();
      expect(sent).to.deep.equal(far.take());
      expect(sent.at(-1)).to.equal(COMPLETE);
      // One of ours hears it when it asks for more.
      const [ours] = await connect();
      ours.upload([{}, {}]).catch(() => {});
      await scheduler.settle();
      expect((await send(requestN(1, 1))).at(-1)).to.equal("000000012820");
      expect(await send(requestN(1, 1))).to.deep.equal([COMPLETE]);
    });

    it("a getter that ends its call: nothing is sent, and close comes to its end", async () => {
      const [client, connection] = await connect();
      for (const call of ["last", "watch", "upload"] as const) {
        const controller = new AbortController();
        const message = {
          get name() {
            controller.abort();
            return "x";
          },
          get symbol() {
            controller.abort();
            return "x";
          },
        };
        const { signal } = controller;
        const calling =
          call === "watch"
            ? collect(client.watch(message, { signal }))
            : call === "last"
              ? client.last(message, { signal })
              : client.upload([message], { signal });
        expect(await scheduler.run(rejectionOf(calling))).to.include({ code: Code.Cancelled });
      }
      expect(peer.take()).to.deep.equal([]);
      void connection.close();
      await expectEnd(connection, /closed/);
    });

    it("a fire-and-forget call before close is sent, and said to be", async () => {
      const [client, connection] = await connect();
      const logged = client.log({ text: "bye" });
      void connection.close();
      await scheduler.run(logged);
      const sent = peer.take();
      expect(sent).to.have.length(2);
      expect(sent[0]?.slice(8, 12)).to.equal("1500");
    });

    it("messages that have come are passed on before an abort, a deadline, the end of the connection", async () => {
      for (const end of ["abort", "deadline", "close"] as const) {
        const [client, connection] = await connect();
        const controller = new AbortController();
        const options = { signal: controller.signal, ...(end === "deadline" ? { timeoutMs: 1_000 } : {}) };
        const items = client.watch({}, options)[Symbol.asyncIterator]();
        const first = items.next();
        await scheduler.settle();
        await send(ITEM, ITEM, ITEM);
        expect((await scheduler.run(first)).done).to.equal(false);
        if (end === "abort") controller.abort();
        else if (end === "close") void connection.close();
        else await scheduler.advance(1_000);
        for (let i = 0; i < 2; i++) expect((await scheduler.run(items.next())).done).to.equal(false);
        const code = end === "deadline" ? Code.DeadlineExceeded : Code.Cancelled;
        expect(await scheduler.run(rejectionOf(items.next()))).to.include({ code });
      }
    });

    it("calls that share a signal share one listener on it, and leave none", async () => {
      const [client] = await connect();
      const { signal } = new AbortController();
      const answers = Array.from({ length: 20 }, () => client.last({}, { signal }));
      await scheduler.settle();
      expect(getEventListeners(signal, "abort")).to.have.length(1);
      await send(...answers.map((_answer, i) => `${uint(2 * i + 1, 4)}2860`));
      await Promise.all(answers);
      expect(getEventListeners(signal, "abort")).to.have.length(0);
      const controller = new AbortController();
      const calls = [0, 1].map(() => rejectionOf(client.last({}, { signal: controller.signal })));
      const others = [client.last({}, { signal }), client.last({})];
      await scheduler.settle();
      peer.take();
      controller.abort();
      for (const call of calls) expect(await call).to.include({ code: Code.Cancelled });
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([cancel(41), cancel(43)]);
      await send(...[45, 47].map((id) => `${uint(id, 4)}2860`));
      await Promise.all(others);
    });

    it("what is left unread is dropped by break, and off the count", async () => {
      const [client] = await connect({ limits: limits({ maxWaitingBytes: 40 }) });
      for (let i = 0; i < 5; i++) {
        const items = client.watch({})[Symbol.asyncIterator]();
        await scheduler.settle();
        const id = uint(2 * i + 1, 4);
        await send(`${id}28200a0a${repeat("61", 10)}`, `${id}28200a0a${repeat("61", 10)}`);
        await scheduler.run(items.next());
        await scheduler.run(Promise.resolve(items.return?.()));
      }
      expect((await send()).filter((frame) => frame.slice(8, 12) === "2c00")).to.deep.equal([]);
    });

    it("a window that one large message made small grows again", async () => {
      const [client] = await connect();
      const items = client.watch({})[Symbol.asyncIterator]();
      const first = items.next();
      await scheduler.settle();
      await send(`${ITEM}0a808004${repeat("61", 65_536)}`);
      await scheduler.run(first);
      let asked = 0;
      for (let i = 0; i < 3_000; i++) {
        const next = items.next();
        await scheduler.settle();
        const requests = (await send(ITEM)).filter((frame) => frame.slice(8, 12) === "2000");
        for (const frame of requests) asked = Number.parseInt(frame.slice(12), 16);
        await scheduler.run(next);
      }
      expect(asked).to.be.within(100, 256);
      await scheduler.run(Promise.resolve(items.return?.()));
    });

    it("100,000 messages that wait are read in no time", async function () {
      this.timeout(20_000);
      const [client] = await connect();
      const items = client.watch({}, { prefetch: 1_000_000 })[Symbol.asyncIterator]();
      await scheduler.settle();
      for (let i = 0; i < 100_000; i++) peer.send(ITEM);
      await scheduler.settle();
      const beganAtMs = performance.now();
      // Each turn has its share.
      for (let i = 0; i < 1_000; i++) await scheduler.run(items.next());
      expect(performance.now() - beganAtMs).to.be.below(2_000);
      await scheduler.run(Promise.resolve(items.return?.()));
    });

    it("iterators throw, and can be iterated", async () => {
      const [client] = await connect();
      const items = client.watch({})[Symbol.asyncIterator]();
      await scheduler.settle();
      peer.take();
      expect((items as unknown as AsyncIterable<unknown>)[Symbol.asyncIterator]()).to.equal(items);
      const mine = new Error("mine");
      expect(await scheduler.run(rejectionOf(items.throw?.(mine) as Promise<unknown>))).to.equal(mine);
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([cancel(1)]);
    });

    it("an answer whose last fragment is empty is whole; data of COMPLETE without NEXT is no item", async () => {
      const quote = "0a0161"; // Quote{symbol: "a"}
      const odd = `000000012840${quote}`;
      for (const [frames, symbol] of [
        [[`0000000128a0${quote}`, "000000012800"], "a"],
        [[`0000000128a0${quote}`, "000000012820"], "a"],
        [[odd], ""],
      ] as const) {
        const answers: string[] = [];
        const [client] = await connect();
        const [whole, far] = await wholeOf(true);
        for (const each of [client, whole]) each.last({}).then((quoted) => answers.push(quoted.symbol), expect.fail);
        await scheduler.settle();
        for (const each of [peer, far]) for (const frame of frames) each.send(frame);
        await scheduler.settle();
        expect(answers).to.deep.equal([symbol, symbol]);
      }
      const [client] = await connect({ limits: limits({ maxMessageBytes: 2 }) });
      const items = collect(client.watch({}));
      await scheduler.settle();
      await send(odd);
      expect(await items).to.deep.equal([]);
    });

    it("options and limits that can't be", async () => {
      for (const [changes, message] of [
        [{ maxMessageBytes: Number.NaN }, /limit maxMessageBytes is NaN, expected a known name and a number above 0/],
        [{ nope: 5 } as never, /limit nope is 5, expected a known name/],
      ] as const)
        expect(() => limits(changes)).to.throw(RangeError, message);
      for (const [options, message] of [
        [
          { limits: { maxMessageBytes: 5 } as never },
          /limits is an Object, expected limits\(\{ … \}\) of rsocket-rpc\/lite/,
        ],
        [{ timeoutMs: Number.NaN }, /timeoutMs is NaN, expected 0/],
        [{ timeoutMs: Number.POSITIVE_INFINITY }, /timeoutMs is Infinity, expected 0/],
      ] as const) {
        const error = await scheduler.run(rejectionOf(dial(options)));
        expect(error).to.be.instanceOf(RangeError);
        expect((error as Error).message).to.match(message);
      }
      const signal = new AbortController() as unknown as AbortSignal;
      expect(await rejectionOf(dial({ signal }))).to.be.instanceOf(TypeError);
      expect(scheduler.timerCount, "timers").to.equal(0);
      const [client] = await connect({ limits: limits({ producerPauseBytes: undefined as never }) });
      const answer = client.last({});
      await scheduler.settle();
      peer.send(LAST_ITEM);
      expect((await scheduler.run(answer)).price).to.equal(0);
      for (const [options, message] of [
        [{ signal: new AbortController() as unknown as AbortSignal }, /signal is an AbortController, expected/],
        [{ timeoutMs: "5000" as unknown as number }, /timeoutMs is "5000", expected 0/],
      ] as const) {
        for (let i = 0; i < 2; i++) {
          const error = await scheduler.run(rejectionOf(client.last({}, options)));
          expect(error).to.include({ code: Code.InvalidArgument });
          expect((error as RpcError).rawMessage).to.match(message);
        }
      }
      for (const [source, message] of [
        [undefined, /requests are undefined, expected an iterable/],
        ["ab", /requests are "ab", expected an iterable/],
        [{ [Symbol.iterator]: () => ({ next: () => 5 }) }, /an iterator's result is 5, expected an object/],
      ] as const) {
        const error = await scheduler.run(rejectionOf(client.upload(source as unknown as [])));
        expect((error as RpcError).rawMessage).to.match(message);
      }
    });
  });

  describe("what a server may not do", () => {
    const unary = async (changes: Partial<LiteLimits> | undefined, ...frames: readonly string[]) => {
      const [client, connection] = await connect(changes === undefined ? {} : { limits: limits(changes) });
      const outcome = client.last({}).then(
        () => undefined,
        (error: unknown) => error as RpcError,
      );
      await scheduler.settle();
      peer.take();
      return { sent: await send(...frames), outcome, connection };
    };
    const stream = async (changes: Partial<LiteLimits> | undefined, ...frames: readonly string[]) => {
      const [client, connection] = await connect(changes === undefined ? {} : { limits: limits(changes) });
      const outcome = collect(client.watch({}, { prefetch: 2 })).then(
        (items) => items.length,
        (error: unknown) => error as RpcError,
      );
      await scheduler.settle();
      peer.take();
      return { sent: await send(...frames), outcome, connection };
    };
    const part = (data: string): string => `0000000128a0${data}`;

    it("maxMessageBytes: the call fails, the connection lives", async () => {
      for (const frames of [[`${LAST_ITEM}${repeat("00", 9)}`], [part(repeat("00", 8)), part("00")]]) {
        const { outcome, sent } = await unary({ maxMessageBytes: 8 }, ...frames);
        expect(await outcome).to.include({
          code: Code.ResourceExhausted,
          rawMessage: "bytes of a message above the limit of 8",
        });
        expect(sent).to.deep.equal([cancel(1)]);
        expect(await send(KEEPALIVE_R)).to.deep.equal([KEEPALIVE]);
      }
    });

    it("maxMetadataBytes: of an answer, in one frame and in fragments", async () => {
      const withMetadata = (flags: string, byteLength: number): string =>
        `00000001${flags}${uint(byteLength, 3)}${repeat("61", byteLength)}`;
      for (const frames of [[withMetadata("2960", 41)], [withMetadata("29a0", 30), withMetadata("29a0", 30)]]) {
        const { outcome } = await unary({ maxMetadataBytes: 40 }, ...frames);
        expect(((await outcome) as RpcError).message).to.equal(
          "[resource_exhausted] bytes of metadata above the limit of 40",
        );
      }
    });

    it("maxMetadataBytes: of METADATA_PUSH it ends the connection", async () => {
      const { connection } = await unary({ maxMetadataBytes: 40 }, `000000003100${repeat("61", 41)}`);
      await expectEnd(connection, /bytes of METADATA_PUSH above the limit of 40/);
    });

    it("maxReassemblyBytes, maxFragments: unfinished messages", async () => {
      const { outcome, sent } = await unary({ maxReassemblyBytes: 10 }, part(repeat("00", 8)), part("000000"));
      expect(await outcome).to.include({
        code: Code.ResourceExhausted,
        rawMessage: "bytes of unfinished messages above the limit of 10",
      });
      expect(sent).to.deep.equal([cancel(1)]);
      const { outcome: many } = await unary({ maxFragments: 3 }, part("00"), part("00"), part("00"), part("00"));
      expect(((await many) as RpcError).message).to.equal(
        "[resource_exhausted] fragments of a message above the limit of 3",
      );
      const { outcome: empty } = await unary({ maxFragments: 100 }, part(""), part(""));
      expect(((await empty) as RpcError).rawMessage).to.match(/fragments of a message above the limit of 100/);
    });

    it("maxWaitingBytes: a stream whose items nobody reads is cancelled", async () => {
      const [client] = await connect({ limits: limits({ maxWaitingBytes: 30 }) });
      const items = client.watch({}, { prefetch: 8 })[Symbol.asyncIterator]();
      await scheduler.settle();
      const item = `${ITEM}0a0a${repeat("61", 10)}`;
      expect(await send(item, item)).to.deep.equal([watch(8)]);
      expect(await send(item)).to.deep.equal([cancel(1)]);
      expect(await scheduler.run(items.next().catch((error: unknown) => error))).to.include({
        code: Code.ResourceExhausted,
        rawMessage: "bytes of messages that wait above the limit of 30",
      });
    });

    it("compatibility: C on a fragment ends its item, unless F wins", async () => {
      const [client] = await connect({ compatibility: { followsWins: true } });
      const answers = [client.last({}), collect(client.watch({}))] as const;
      await scheduler.settle();
      // F C N, F N, C N; of Quote{symbol: "aaaa"}
      await send("0000000128e00a04", "0000000128a06161", "00000001286061" + "61");
      await send("0000000328e00a04", "0000000328a06161", "0000000328606161");
      expect((await answers[0]).symbol).to.equal("aaaa");
      expect((await answers[1]).map(({ symbol }) => symbol)).to.deep.equal(["aaaa"]);
      const { outcome } = await unary(undefined, "0000000128e00a04", "00000001282061616161");
      expect(await outcome).to.include({ code: Code.Internal }); // the spec's reading: a message cut short
    });

    it("compatibility: a server that may be silent isn't given up", async () => {
      const [, connection] = await connect({ compatibility: { peerMayBeSilent: true } });
      await scheduler.advance(1_000_000);
      await scheduler.run(connection.close());
      expect(scheduler.timerCount).to.equal(0);
    });

    it("maxSurplusItems, maxSurplusBytes: items beyond credit", async () => {
      const { outcome } = await stream({ maxSurplusItems: 3 }, ...Array<string>(20).fill(ITEM));
      expect(((await outcome) as RpcError).rawMessage).to.match(/items exceed the credit by 4/);
      const large = `${ITEM}0a0a${repeat("61", 10)}`;
      const { outcome: bytes } = await stream({ maxSurplusBytes: 20 }, large, large, large, large, large);
      expect(((await bytes) as RpcError).rawMessage).to.match(/items exceed the credit by 2/);
      const { outcome: few } = await stream(undefined, ITEM, ITEM, ITEM, COMPLETE);
      expect(await few).to.equal(3);
    });

    it("controlBurst, meaninglessBurst, requestNBurst and their rates: floods end the connection, as much as that doesn't", async () => {
      const floods: Readonly<Record<string, string>> = {
        control: KEEPALIVE_R,
        meaningless: "000000630a00",
        requestN: requestN(1, 1),
      };
      for (const [name, frame] of Object.entries(floods)) {
        const changes = {
          [`${name}Burst`]: 20,
          [`${name === "control" ? "controls" : name === "requestN" ? "requestNs" : name}PerSecond`]: 10,
        };
        const { connection, sent } = await unary(
          changes,
          ...Array<string>(15).fill(name === "meaningless" ? "0000006328000000" : frame),
        );
        expect(
          sent.every((line) => line === KEEPALIVE),
          name,
        ).to.equal(true);
        peer.take();
        for (let i = 0; i < 30; i++) peer.send(name === "meaningless" ? "0000006328000000" : frame);
        await expectEnd(connection, /^too many .* a second$/);
        const farewell = peer.received.at(-1) ?? "";
        expect(farewell.startsWith(errorFrame(0, 0x101, "too many")), farewell).to.equal(true);
      }
    });

    it("maxPeerCausedBytes: KEEPALIVEs with much data and no reading", async () => {
      const { connection } = await unary({ maxPeerCausedBytes: 500 });
      gate.shut();
      peer.send(KEEPALIVE_R);
      await scheduler.settle();
      for (let i = 0; i < 3; i++) peer.send(`${KEEPALIVE_R}${repeat("00", 200)}`);
      await expectEnd(connection, /bytes of answers that wait above the limit of 500/);
    });

    it("frames that are cut short or not understood end the connection, unless they may be ignored", async () => {
      for (const [frame, reason] of [
        ["000000000c00", /type 3 is cut short/],
        ["000000012c00ff", /type 11 is cut short/],
        ["00000001200000", /type 8 is cut short/],
        ["00000001296000ffff00", /metadata of stream 1 is longer than its frame/],
        ["00000000fc0000000001", /frame type 63 is not understood/],
        ["000000014400", /frame type 17 is not understood/],
      ] as const) {
        const { connection, outcome } = await unary(undefined, frame);
        await expectEnd(connection, reason);
        expect(await outcome).to.include({ code: Code.Unavailable });
      }
      const ignorable = ["00000000fe0000000001", "000000014600", "00000001226000ffff00".replace("2260", "2b60")];
      const { sent, outcome } = await unary(undefined, ...ignorable, LAST_ITEM);
      expect(sent).to.deep.equal([]);
      expect(await outcome).to.equal(undefined);
    });

    it("requests are refused as unimplemented, fire-and-forget ones dropped; SETUP, LEASE and RESUME mean nothing", async () => {
      const fireAndForget = FOREIGN_REQUEST.replace("1100", "1500");
      const odd = ["000000000800000003e800000001", "000000000400", "000000003400", "000000003800"];
      const { sent, outcome } = await unary(undefined, FOREIGN_REQUEST, fireAndForget, ...odd, LAST_ITEM);
      expect(sent).to.deep.equal([errorFrame(2, 0x201, "can not find service")]);
      expect(await outcome).to.equal(undefined);
    });

    it("frames of a stream that has ended cost nothing as far as they were under way", async () => {
      const [client] = await connect({ limits: limits({ meaninglessBurst: 1, meaninglessPerSecond: 1 }) });
      for (let i = 0; i < 10; i++) {
        const items = client.watch({}, { prefetch: 200 })[Symbol.asyncIterator]();
        await scheduler.settle();
        await scheduler.run(Promise.resolve(items.return?.()));
        const id = uint(2 * i + 1, 4);
        const late = [...Array<string>(200).fill(`${id}2820`), ...Array<string>(50).fill(`${id}28a000`)];
        await send(...late, `${id}2840`);
      }
      expect(await send(KEEPALIVE_R)).to.deep.equal([KEEPALIVE]);
    });

    it("a fire-and-forget request that hasn't left hears nothing of its stream", async () => {
      const [client, , handler] = await connectHandled();
      const sent = client.log({});
      for (const frame of [errorFrame(1, 0x201, "no"), ITEM].map(bytesOf)) handler.onFrame(frame, 0, frame.length);
      await scheduler.run(sent);
      peer.take();
      expect(await send(KEEPALIVE_R)).to.deep.equal([KEEPALIVE]);
    });

    it("a peer that answers fire-and-forget requests isn't given up for it", async () => {
      const [client] = await connect({ limits: limits({ meaninglessBurst: 1, meaninglessPerSecond: 1 }) });
      for (let i = 0; i < 10; i++) {
        await scheduler.run(client.log({}));
        await send(`${uint(2 * i + 1, 4)}2840`);
      }
      peer.take();
      expect(await send(KEEPALIVE_R)).to.deep.equal([KEEPALIVE]);
    });
  });

  describe("errors and the end", () => {
    it("ERROR on stream 0: CONNECTION_CLOSE lets calls end, CONNECTION_ERROR doesn't, others mean nothing", async () => {
      const [client, connection] = await connect();
      const answer = client.last({});
      await scheduler.settle();
      await send(errorFrame(0, 0x203, "odd"), errorFrame(0, 0x102, "draining"));
      expect(await rejectionOf(client.last({}))).to.include({
        code: Code.Unavailable,
        retryable: true,
        wireCode: 0x102,
      });
      await send(LAST_ITEM);
      expect((await answer).price).to.equal(0);
      expect(await scheduler.run(connection.closed)).to.include({ code: 0x102, initiator: "remote", error: undefined });

      const [other, second] = await connect();
      const call = rejectionOf(other.last({}));
      await scheduler.settle();
      await send(errorFrame(0, 0x101, "broken"));
      expect(await call).to.include({ code: Code.Unavailable, retryable: false, wireCode: 0x101 });
      expect((await second.closed).error).to.be.instanceOf(Error);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("a stream of requests that has given nothing yet ends with its connection", async () => {
      for (const end of ["close", "drain", "loss"]) {
        const [client, connection] = await connect();
        const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
        const call = rejectionOf(client.upload(silent));
        await scheduler.settle();
        if (end === "close") void connection.close();
        else if (end === "drain") await send(errorFrame(0, 0x102, "draining"));
        else peer.abort();
        expect(await scheduler.run(call), end).to.include({ code: Code.Unavailable, retryable: true });
        await scheduler.run(connection.closed);
      }
    });

    it("a plain generator that ends its own call is closed behind that step", async () => {
      const told: unknown[] = [];
      const { error } = console;
      console.error = (...said: unknown[]) => void told.push(said);
      try {
        for (const then of ["yields", "ends", "throws"]) {
          const [client] = await connect();
          const controller = new AbortController();
          const call = rejectionOf(
            client.upload(
              (function* () {
                try {
                  controller.abort();
                  if (then === "throws") throw new Error("too late");
                  if (then === "yields") yield {};
                } finally {
                  told.push(then);
                }
              })(),
              { signal: controller.signal },
            ),
          );
          expect(await scheduler.run(call), then).to.include({ code: Code.Cancelled });
          expect(peer.take()).to.deep.equal([]);
        }
      } finally {
        console.error = error;
      }
      expect(told).to.deep.equal(["yields", "ends", "throws"]);
    });

    it("a source that throws an RpcError with no text as its message ends its call all the same", async () => {
      const [client] = await connect();
      const call = rejectionOf(
        client.upload(
          (function* () {
            yield {};
            throw Object.assign(new RpcError(Code.Aborted, ""), { rawMessage: undefined });
          })(),
        ),
      );
      await scheduler.settle();
      peer.take();
      // ERROR with an Envelope: status 10, "undefined".
      const status = `00${"320d"}080a${"1209"}${textHex("undefined")}`;
      expect(await send(requestN(1, 1))).to.deep.equal([`000000012c0000000201${status}`]);
      expect(await scheduler.run(call)).to.include({ code: Code.Aborted });
    });

    it("close doesn't wait for calls that a draining server lets run", async () => {
      const [client, connection] = await connect();
      const call = rejectionOf(client.last({}));
      await scheduler.settle();
      await send(errorFrame(0, 0x102, "draining"));
      const closing = connection.close({ graceMs: 500 });
      await scheduler.advance(499);
      expect(peer.take()).to.deep.equal([]);
      void connection.close();
      await scheduler.run(closing);
      expect(await call).to.include({ code: Code.Cancelled });
      expect(scheduler.timerCount).to.equal(0);
    });

    it("a page that slept reads what has come before it judges the server's silence", async () => {
      const [link, far] = scriptedPeer(scheduler);
      let handler: LinkHandler | undefined;
      const { setHandler } = link;
      link.setHandler = (given) => setHandler.call(link, (handler = given));
      let waiting: Uint8Array | undefined;
      // Whoever gives way lets the page read.
      const sleepy: Scheduler = {
        now: () => scheduler.now(),
        defer: (task) => scheduler.defer(task),
        setTimer: (delayMs, task) => scheduler.setTimer(delayMs, task),
        yield: (task) =>
          scheduler.yield(() => {
            if (waiting !== undefined) handler?.onFrame(waiting, 0, waiting.length);
            waiting = undefined;
            task();
          }),
      };
      const options = { scheduler: sleepy, keepaliveIntervalMs: 900, maxLifetimeMs: 1_000 };
      const connecting = connectWith({ dial: () => Promise.resolve(link) }, options);
      await scheduler.settle();
      far.send(KEEPALIVE);
      const connection = await scheduler.run(connecting);
      await scheduler.advance(950);
      waiting = bytesOf(KEEPALIVE);
      await scheduler.advance(550);
      expect(waiting).to.equal(undefined);
      await scheduler.run(connection.close());
      expect((await connection.closed).reason).to.equal("closed");
    });

    it("of an unknown server: texts, and no client stream without messages", async () => {
      const [client] = await connect({}, false);
      const calls = [client.last({}), client.last({})].map(rejectionOf);
      await scheduler.settle();
      await send(errorFrame(1, 0x201, "unknown method x"), errorFrame(3, 0x301, "odd"));
      expect(await calls[0]).to.include({ code: Code.Unimplemented, rawMessage: "unknown method x" });
      expect(await calls[1]).to.include({ code: Code.Unknown, wireCode: 0x301 });
      expect(await scheduler.run(rejectionOf(client.upload([])))).to.include({ code: Code.FailedPrecondition });
    });

    it("a unary answer of COMPLETE alone is an empty message; a client stream wants exactly one", async () => {
      const [client] = await connect();
      const answer = client.last({});
      await scheduler.settle();
      await send(COMPLETE);
      expect((await answer).symbol).to.equal("");
      for (const [frames, message] of [
        [["000000032840"], /no answer to a client stream/],
        [["000000052820", "000000052820"], /more than one answer to a client stream/],
      ] as const) {
        const upload = rejectionOf(client.upload([{}]));
        await scheduler.settle();
        await send(...frames);
        expect(((await upload) as Error).message).to.match(message);
      }
      expect(peer.take().at(-1) ?? cancel(5)).to.equal(cancel(5));
    });

    it("producerPauseBytes, maxQueuedCalls: calls wait for room, in order, one too many doesn't", async () => {
      const [client] = await connect({ limits: limits({ producerPauseBytes: 50, maxQueuedCalls: 2 }) });
      gate.shut();
      client.last({}).catch(() => {});
      await scheduler.settle();
      const waiting = [client.last({ name: "a" }), client.last({ name: "b" })].map(rejectionOf);
      expect(await scheduler.run(rejectionOf(client.last({})))).to.include({ code: Code.ResourceExhausted });
      expect(peer.take()).to.deep.equal([last(1)]);
      gate.open();
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([`${last(3)}0a0161`, `${last(5)}0a0162`]);
      peer.abort();
      await scheduler.settle();
      for (const call of waiting) expect(await call).to.include({ code: Code.Unavailable });
    });

    it("close cancels what runs, says so, and leaves nothing", async () => {
      const [client, connection] = await connect();
      const call = rejectionOf(client.last({}));
      await scheduler.settle();
      peer.take();
      await scheduler.run(connection.close());
      expect(await call).to.include({ code: Code.Cancelled, rawMessage: "closed", initiator: "local" });
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([cancel(1), errorFrame(0, 0x102, "closed")]);
      expect(await rejectionOf(client.last({}))).to.include({
        code: Code.Unavailable,
        rawMessage: "closed",
        retryable: true,
      });
      expect(scheduler.timerCount).to.equal(0);
    });

    it("a message that can't be encoded or decoded fails its call, and is cancelled where it runs", async () => {
      const [client] = await connect();
      const wrong = [] as unknown as { name: string };
      expect(await scheduler.run(rejectionOf(client.last(wrong)))).to.include({ code: Code.InvalidArgument });
      expect(peer.take()).to.deep.equal([]);
      const items = rejectionOf(collect(client.watch({})));
      await scheduler.settle();
      peer.take();
      expect(await send(`${ITEM}0aff`)).to.deep.equal([cancel(1)]);
      expect(await items).to.include({ code: Code.Internal });
    });
  });

  it("has the whole runtime's frame types and flags, as far as there are any", () => {
    expect(FrameType).to.include({ ...frameTypes });
    expect(Flag).to.include({ ...flags });
  });

  it("has the whole runtime's numbers, as far as they are exported", () => {
    const whole = {
      ...layout,
      ...ErrorCode,
      MAX_METADATA_BYTES,
      MAX_HEADERS,
      MAX_PART_BYTES: MAX_RPC_PART_BYTES,
    } as Readonly<Record<string, unknown>>;
    const shared = Object.entries(constants).filter(([name]) => name in whole);
    expect(whole).to.include(Object.fromEntries(shared));
    expect(shared.map(([name]) => name)).to.include.members([
      "HEADER_BYTES",
      "MAX_FRAME_BYTES",
      "REJECTED_SETUP",
      "INVALID",
    ]);
    expect(constants.FRAME_HEAD_BYTES).to.equal(layout.HEADER_BYTES + layout.LENGTH_PREFIX_BYTES);
  });

  it("has the codes' numbers", () => {
    for (const [name, number] of Object.entries(codeNumbers))
      expect(new RpcError(number, "").message, name).to.equal(`[${name.toLowerCase()}] `);
  });

  it("has the whole runtime's limits, as far as there are any", () => {
    const whole = resolveLimits();
    for (const [name, at] of LIMITS) expect(STANDARD[at], name).to.equal(whole[name]);
    expect(STANDARD).to.have.length(LIMITS.length);
    expect(limits({})).to.deep.equal(STANDARD);
    const changes = { maxMessageBytes: 33_554_432, producerPauseBytes: 7 };
    const changed = resolveLimits(changes);
    for (const [name, at] of LIMITS)
      expect(limits({ ...changes, maxQueuedCalls: undefined as never })[at], name).to.equal(changed[name]);
  });

  it("without metadata: headers can't be sent or read, and those that come are passed over", async () => {
    const [client] = await connect({ metadata: undefined as never });
    for (const options of [
      { headers: { "x-user": "ann" } },
      { onHeaders: () => {} },
      { onTrailers: () => {} },
      { rawMetadata: bytesOf("00") },
      { tracing: {} },
      { onRawMetadata: () => {} },
    ]) {
      const error = (await scheduler.run(rejectionOf(client.last({}, options)))) as RpcError;
      expect(error).to.include({ code: Code.InvalidArgument });
      expect(error.rawMessage).to.match(
        /connect's option metadata is undefined, expected metadata of rsocket-rpc\/lite/,
      );
    }
    expect(await rejectionOf(dial({ metadata: undefined as never, headers: {} }))).to.include({
      code: Code.InvalidArgument,
    });
    const [other] = await connect({ metadata: undefined as never });
    const calls = [other.last({}), rejectionOf(other.last({}))] as const;
    await scheduler.settle();
    const entry = `176d6573736167652f782e72736f636b65742d7270632e7631${"00000e"}2a0c0a06782d636f73741202${"3333"}`;
    await send(
      `000000012960${"00002a"}${entry}`,
      `000000032c0000000201${"00"}2a0c0a06782d636f73741202${"3333"}32020805`,
    );
    expect((await calls[0]).price).to.equal(0);
    expect(await calls[1]).to.include({ code: Code.NotFound, trailers: undefined });
  });

  it("with metadata: listeners that throw or reject fail their call, and nothing else", async () => {
    const [client] = await connect({ metadata });
    const entry = `176d6573736167652f782e72736f636b65742d7270632e7631${"00000e"}220c0a06782d636f73741202${"3333"}`;
    const listeners: readonly (() => void)[] = [
      () => {
        throw new Error("no use for it");
      },
      async () => {
        throw new Error("no use for it");
      },
    ];
    for (const [i, onHeaders] of listeners.entries()) {
      const items = rejectionOf(collect(client.watch({}, { onHeaders, prefetch: 5 })));
      await scheduler.settle();
      peer.take();
      const sent = await send(`${uint(2 * i + 1, 4)}2920${"00002a"}${entry}`);
      expect([...sent, ...peer.take()]).to.deep.equal([cancel(2 * i + 1)]);
      expect(await scheduler.run(items)).to.include({ code: Code.Internal, rawMessage: "no use for it" });
    }
  });

  it("with details: those of errors are read, of a refused SETUP too; without, they are passed over", async () => {
    // Status: code 5, a detail of type "a.B" with two bytes.
    const status = `00${"320d"}0805${"1a09"}${"0a03"}${textHex("a.B")}${"1202"}0801`;
    const found = { typeUrl: "a.B", value: bytesOf("0801") };
    for (const [options, expected] of [
      [{ details }, [found]],
      [{}, []],
    ] as const) {
      const [client] = await connect(options);
      const call = rejectionOf(client.last({}));
      await scheduler.settle();
      await send(`000000012c0000000201${status}`);
      expect(await scheduler.run(call)).to.deep.include({ code: Code.NotFound, details: expected });
      const refused = rejectionOf(dial(options));
      await scheduler.settle();
      peer.send(`000000002c0000000003${status}`);
      expect(await scheduler.run(refused)).to.deep.include({
        name: "ConnectError",
        code: Code.NotFound,
        details: expected,
      });
    }
  });

  it("the connection's answers can be iterated once, and its options are checked", async () => {
    const [client] = await connect();
    const answers = client.watch({}, { prefetch: 0 });
    expect(await scheduler.run(rejectionOf(collect(answers)))).to.include({ code: Code.InvalidArgument });
    expect(await rejectionOf(collect(answers))).to.include({ code: Code.FailedPrecondition });
    expect(
      RpcError.is(await rejectionOf(client.last({}, { headers: { "grpc-x": "1" } })), Code.InvalidArgument),
    ).to.equal(true);
  });
});
