// SPDX-License-Identifier: Apache-2.0
// Whatever a handler does, its request gets an answer, its peer hears nothing of our insides, and the connection lives.

import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { Code, connectWith, createChannelWith, Metadata, RpcError, type Server } from "rsocket-rpc";
import type { ScriptedPeer } from "rsocket-rpc/testing";
import { SummarySchema } from "../../../examples/hello/gen/ticker_pb.js";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex } from "../../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld, rejectionOf, SETUP_OURS, SETUP_UNKNOWN } from "../../support/rpc-world.js";

const ROUTE = "0001" + "000e64656d6f2e76312e5469636b6572";

/** Requests of demo.v1.Ticker on stream 1, without headers. */
const LAST = `000000011100${"00001a"}${ROUTE}${"00044c617374"}${"0000"}`;
const WATCH = `000000011900${"0000000a"}${"00001b"}${ROUTE}${"00055761746368"}${"0000"}`;
const UPLOAD = `000000011d00${"00000002"}${"00001c"}${ROUTE}${"000655706c6f6164"}${"0000"}`;
const CHAT = `000000011d00${"0000000a"}${"00001a"}${ROUTE}${"000443686174"}${"0000"}`;
const LOG = `000000011500${"000019"}${ROUTE}${"00034c6f67"}${"0000"}`;
/** Another Last, on stream 3. */
const LAST_AGAIN = LAST.replace("00000001", "00000003");
const COMPLETE = "000000012840";

/** ERROR[APPLICATION_ERROR] stream 1, text. */
const failure = (text: string): string => `000000012c0000000201${textHex(text)}`;
const MASKED = failure("internal error");

interface Served {
  readonly server: Server;
  readonly peer: ScriptedPeer;
  /** What the observer was told. */
  readonly told: unknown[];
  readonly cleanups: unknown[];
}

describe("handlers", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  async function serve(handler: object, setup = SETUP_UNKNOWN): Promise<Served> {
    const told: unknown[] = [];
    const cleanups: unknown[] = [];
    const observer = {
      onHandlerError: (error: unknown) => void told.push(error),
      onCleanupError: (error: unknown) => void cleanups.push(error),
    };
    // Handlers of JavaScript keep to no type.
    const services = [implementTicker({ ...unimplementedTicker, ...(handler as Partial<TickerHandler>) })];
    return { ...(await world.serveSetUp({ services, observer }, setup)), told, cleanups };
  }

  /** The connection serves its next request, and nothing runs any more. */
  async function expectAlive({ server, peer }: Served): Promise<void> {
    expect(server.runningHandlers, "running handlers").to.equal(0);
    peer.send(LAST_AGAIN);
    await world.scheduler.settle();
    const [answer] = peer.take();
    expect(answer?.slice(0, 8), "an answer on stream 3").to.equal("00000003");
    expect(peer.isClosed).to.equal(false);
  }

  describe("what they throw", () => {
    const SECRET = new Error("the password of the database is 1234");
    const boom = (): never => {
      throw SECRET;
    };

    const places: Readonly<
      Record<string, { readonly handler: object; readonly request: string; readonly before?: readonly string[] }>
    > = {
      "a unary handler, at once": { handler: { last: boom }, request: LAST },
      "a unary handler, later": { handler: { last: async () => boom() }, request: LAST },
      "a stream's handler, at once": { handler: { watch: boom }, request: WATCH },
      "a generator, before its first item": {
        handler: {
          // biome-ignore lint/correctness/useYield: it throws before
          *watch() {
            boom();
          },
        },
        request: WATCH,
      },
      "a generator, midway": {
        handler: {
          *watch() {
            yield { price: 0 };
            boom();
          },
        },
        request: WATCH,
        before: ["000000012820"],
      },
      "an async generator, midway": {
        handler: {
          async *watch() {
            yield {};
            await Promise.resolve();
            boom();
          },
        },
        request: WATCH,
        before: ["000000012820"],
      },
      "a client stream's handler, at once": { handler: { upload: boom }, request: UPLOAD, before: [] },
      "a bidi handler, at once": { handler: { chat: boom }, request: CHAT, before: [] },
      "the way from source to iterator": { handler: { watch: () => ({ [Symbol.iterator]: boom }) }, request: WATCH },
      "the next of an iterator": {
        handler: { watch: () => ({ [Symbol.iterator]: () => ({ next: boom }) }) },
        request: WATCH,
      },
      "the next of an async iterator": {
        handler: { watch: () => ({ [Symbol.asyncIterator]: () => ({ next: boom }) }) },
        request: WATCH,
      },
      "a promise of an async iterator": {
        handler: { watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(SECRET) }) }) },
        request: WATCH,
      },
      "the done of a result": {
        handler: {
          watch: () => ({
            [Symbol.iterator]: () => ({
              next: () => ({
                get done() {
                  return boom();
                },
              }),
            }),
          }),
        },
        request: WATCH,
      },
      "the value of a result": {
        handler: {
          watch: () => ({
            [Symbol.asyncIterator]: () => ({
              next: () => ({
                done: false,
                get value() {
                  return boom();
                },
              }),
            }),
          }),
        },
        request: WATCH,
      },
      "a field of a message": {
        handler: {
          last: () => ({
            get price() {
              return boom();
            },
          }),
        },
        request: LAST,
      },
      "the then of a result": {
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        handler: { last: () => Object.defineProperty({}, "then", { get: boom }) },
        request: LAST,
      },
    };

    for (const [place, { handler, request, before = [] }] of Object.entries(places)) {
      it(`${place}: the peer sees "internal error", the observer the error itself`, async () => {
        const served = await serve(handler);
        served.peer.send(request);
        await world.scheduler.settle();
        const frames = served.peer.take().filter((frame) => !frame.startsWith("000000012000"));
        expect(frames).to.deep.equal([...before, MASKED]);
        expect(served.told).to.deep.equal([SECRET]);
        await expectAlive(served);
      });
    }

    for (const [name, thrown] of Object.entries({
      "a string": "secret",
      undefined: undefined,
      null: null,
      "an object without prototype": Object.create(null) as object,
      "a symbol": Symbol("secret"),
      "a look-alike of an RpcError": { name: "RpcError", code: 5, rawMessage: "secret" },
      "an object whose message throws": Object.create(Error.prototype, {
        message: {
          get: () => {
            throw new Error("even that");
          },
        },
      }) as Error,
    })) {
      it(`${name}: masked the same`, async () => {
        const served = await serve({ last: () => Promise.reject(thrown) });
        served.peer.send(LAST);
        await world.scheduler.settle();
        expect(served.peer.take()).to.deep.equal([MASKED]);
        expect(served.told).to.have.length(1);
        expect(served.told[0]).to.equal(thrown);
        await expectAlive(served);
      });
    }

    it("an RpcError is meant for the peer: its text goes out, and no observer is told", async () => {
      const served = await serve({
        last: () => Promise.reject(new RpcError(Code.NotFound, "no symbol", { cause: SECRET })),
      });
      served.peer.send(LAST);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([failure("no symbol")]);
      expect(served.told).to.deep.equal([]);
    });

    const circle = new RpcError(Code.NotFound, "no symbol");
    for (const [name, cause] of [
      ["goes round in circles", { get: (): unknown => circle }],
      ["throws when it is asked for", { get: boom }],
    ] as const) {
      it(`an RpcError whose cause ${name}: its text goes out`, async () => {
        const served = await serve({
          last: () => Promise.reject(Object.defineProperty(circle, "cause", { ...cause, configurable: true })),
        });
        served.peer.send(LAST);
        await world.scheduler.settle();
        expect(served.peer.take()).to.deep.equal([failure("no symbol")]);
        await expectAlive(served);
      });
    }

    it("of a call to another server that can't be reached, a caller of ours sees the code", async () => {
      const dialer = { dial: () => Promise.reject(new Error("connect ECONNREFUSED 10.1.2.3:7000")) };
      const last = () => connectWith(dialer, { scheduler: world.scheduler });
      const { connection } = await world.pair({
        services: [implementTicker({ ...unimplementedTicker, last: last as () => never })],
        observer: { onHandlerError: () => {} },
      });
      const error = await world.run(rejectionOf(createTickerClient(connection).last({})));
      expect(error).to.include({ code: Code.Unavailable, rawMessage: "another server couldn't be called" });
    });

    it("of a call to another server, where that is and why it can't be reached stays here, but for its code", async () => {
      const dialer = { dial: () => Promise.reject(new Error("connect ECONNREFUSED 10.1.2.3:7000")) };
      const channel = createChannelWith(dialer, { scheduler: world.scheduler, waitForReady: false });
      let words = "";
      const served = await serve({
        last: async ({ name }: { name: string }) => {
          try {
            if (words === "dialled") await connectWith(dialer, { scheduler: world.scheduler });
            return await createTickerClient(channel).last({ name });
          } catch (error) {
            throw words === "" || words === "dialled"
              ? error
              : new RpcError(Code.FailedPrecondition, words, { cause: error });
          }
        },
      });
      const answers: (string | undefined)[] = [];
      for (words of ["", "dialled", "no prices today"]) {
        served.peer.send(LAST);
        await world.scheduler.settle();
        answers.push(...served.peer.take());
      }
      const masked = failure("another server couldn't be called");
      expect(answers).to.deep.equal([masked, masked, failure("no prices today")]);
      expect(served.told.map(String).join()).to.match(/unavailable\].*10\.1\.2\.3.*,.*unavailable\].*10\.1\.2\.3/);
      expect(served.told).to.have.length(2);
      await channel.close();
    });

    it("one RpcError thrown again and again says the same each time", async () => {
      const shared = new RpcError(Code.NotFound, "no");
      const served = await serve(
        {
          last: (_request: unknown, { responseTrailers }: { responseTrailers: Metadata }) => {
            responseTrailers.set("x-cost", "3");
            throw shared;
          },
        },
        SETUP_OURS,
      );
      for (const request of [LAST, LAST_AGAIN]) served.peer.send(request);
      await world.scheduler.settle();
      const [first, second] = served.peer.take();
      expect(second).to.equal(first?.replace("00000001", "00000003"));
      expect(shared.trailers.size).to.equal(0);
    });

    it("in fire-and-forget reaches the observer, whatever it is; nothing goes back", async () => {
      for (const thrown of [SECRET, new RpcError(Code.NotFound, "no")]) {
        for (const log of [
          () => Promise.reject(thrown),
          () => {
            throw thrown;
          },
        ]) {
          const served = await serve({ log });
          served.peer.send(LOG);
          await world.scheduler.settle();
          expect(served.peer.take()).to.deep.equal([]);
          expect(served.told).to.deep.equal([thrown]);
          await expectAlive(served);
        }
      }
    });

    it("a fire-and-forget message that can't be decoded, or has no handler, reaches the observer", async () => {
      const served = await serve({ log: () => {} });
      served.peer.send(`${LOG}0aff`);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([]);
      expect(served.told.map((error) => (error as RpcError).code)).to.deep.equal([Code.InvalidArgument]);
      await expectAlive(served);
    });

    it("after their call has ended is the echo of that, and nobody's business", async () => {
      let calls = 0;
      const served = await serve({
        last: (_request: unknown, { signal }: { signal: AbortSignal }) =>
          calls++ > 0 ? {} : new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(SECRET))),
      });
      served.peer.send(LAST);
      await world.scheduler.settle();
      served.peer.send("000000012400");
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([]);
      expect(served.told).to.deep.equal([]);
      await expectAlive(served);
    });
  });

  describe("what their iterators do when they are closed", () => {
    const closings: Readonly<Record<string, () => unknown>> = {
      throws: () => {
        throw new Error("in return");
      },
      rejects: () => Promise.reject(new Error("in return")),
    };

    for (const [what, close] of Object.entries(closings)) {
      for (const kind of ["asyncIterator", "iterator"] as const) {
        it(`return of an ${kind} that ${what} is told to the observer, once`, async () => {
          let returns = 0;
          const served = await serve({
            watch: () => ({
              [Symbol[kind]]: () => ({
                next: () => ({ done: false, value: {} }),
                return: () => {
                  returns++;
                  return close();
                },
              }),
            }),
          });
          served.peer.send(WATCH);
          await world.scheduler.settle();
          served.peer.send("000000012400");
          await world.scheduler.settle();
          expect(returns).to.equal(1);
          expect(served.cleanups.map((error) => (error as Error).message)).to.deep.equal(["in return"]);
          served.peer.take();
          await expectAlive(served);
        });
      }
    }

    it("the slot of a handler is free when its return has settled, not before", async () => {
      let settle = (): void => {};
      const served = await serve({
        watch: () => ({
          [Symbol.asyncIterator]: () => ({
            next: () => ({ done: false, value: {} }),
            return: () =>
              new Promise((resolve) => {
                settle = () => resolve({ done: true });
              }),
          }),
        }),
      });
      served.peer.send(WATCH);
      await world.scheduler.settle();
      served.peer.send("000000012400");
      await world.scheduler.settle();
      expect(served.server.runningHandlers).to.equal(1);
      settle();
      await world.scheduler.settle();
      served.peer.take();
      await expectAlive(served);
    });
  });

  it("of fire-and-forget calls end before their server is closed, within the grace", async () => {
    let end = (): void => {};
    const served = await serve({
      log: () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    });
    served.peer.send(LOG);
    await world.scheduler.settle();
    let isClosed = false;
    void served.server.close({ graceMs: 5_000 }).then(() => {
      isClosed = true;
    });
    await world.scheduler.advance(3_000);
    expect([served.peer.isClosed, served.server.runningHandlers, isClosed]).to.deep.equal([true, 1, false]);
    end();
    await world.scheduler.settle();
    expect(isClosed).to.equal(true);

    const other = await serve({
      log: () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
    });
    other.peer.send(LOG);
    await world.scheduler.settle();
    await world.run(Promise.all([other.server.close({ graceMs: 5_000 }), world.scheduler.advance(5_000)]));
    await other.server.closed;
    expect(other.server.runningHandlers).to.equal(1);
    end();
    await world.scheduler.settle();
  });

  describe("results that are none", () => {
    const summary = create(SummarySchema, { count: 3 });

    const unary: Readonly<Record<string, readonly [unknown, RegExp]>> = {
      undefined: [undefined, /^got undefined, expected demo\.v1\.Quote$/],
      null: [null, /^got null, expected demo\.v1\.Quote$/],
      "a number": [5, /^got 5, expected demo\.v1\.Quote$/],
      "a text": ["ACME", /^got "ACME", expected demo\.v1\.Quote$/],
      "a function": [() => {}, /expected demo\.v1\.Quote/],
      "a promise of undefined": [Promise.resolve(undefined), /^got undefined, expected demo\.v1\.Quote$/],
      "a message of another type": [summary, /^got a demo\.v1\.Summary, expected demo\.v1\.Quote$/],
      "an array": [[{ price: 1 }], /^got an Array, expected demo\.v1\.Quote$/],
    };

    for (const [name, [result, message]] of Object.entries(unary)) {
      for (const [method, request] of [
        ["last", LAST],
        ["upload", UPLOAD],
      ] as const) {
        if (method === "upload" && (name === "a message of another type" || name === "a field of another type"))
          continue;
        it(`${name} from ${method}: "internal error", and a clear text for the observer`, async () => {
          const served = await serve({ [method]: () => result });
          served.peer.send(request);
          await world.scheduler.settle();
          expect(served.peer.take().filter((frame) => frame.startsWith("000000012c"))).to.deep.equal([MASKED]);
          expect(served.told).to.have.length(1);
          expect((served.told[0] as Error).message).to.match(
            method === "last" ? message : /expected demo\.v1\.Summary/,
          );
          await expectAlive(served);
        });
      }
    }

    it("a field that its type can't hold: the same", async () => {
      const served = await serve({ upload: () => ({ count: -1 }) });
      served.peer.send(UPLOAD);
      await world.scheduler.settle();
      expect(served.peer.take().filter((frame) => frame.startsWith("000000012c"))).to.deep.equal([MASKED]);
      expect((served.told[0] as Error).message).to.match(/demo\.v1\.Summary\.count.*-1/);
      await expectAlive(served);
    });

    const streams: Readonly<Record<string, readonly [unknown, RegExp]>> = {
      undefined: [undefined, /returned undefined, expected an iterable or an async iterable/],
      null: [null, /returned null, expected an iterable/],
      "a number": [5, /returned 5, expected an iterable/],
      "a text": ["ACME", /returned "ACME", expected an iterable/],
      "a message": [{ price: 1 }, /returned an Object, expected an iterable/],
      "a promise": [Promise.resolve([{}]), /returned an? .*Promise, expected an iterable/],
      "an iterator of no kind": [{ [Symbol.iterator]: () => undefined }, /./],
      "an async iterator of no kind": [{ [Symbol.asyncIterator]: () => 5 }, /./],
      "an iterator without next": [{ [Symbol.iterator]: () => ({}) }, /next/],
      "results that are undefined": [
        { [Symbol.iterator]: () => ({ next: () => undefined }) },
        /gave undefined, expected an object/,
      ],
      "results that are null": [{ [Symbol.iterator]: () => ({ next: () => null }) }, /gave null, expected an object/],
      "async results that are numbers": [
        { [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(5) }) },
        /gave 5, expected an object/,
      ],
      "async results that are undefined": [
        { [Symbol.asyncIterator]: () => ({ next: () => undefined }) },
        /gave undefined, expected an object/,
      ],
      "items that are undefined": [[undefined], /^got undefined, expected demo\.v1\.Quote$/],
      "items that are texts": [["a"], /expected demo\.v1\.Quote/],
      "items that are promises": [[Promise.resolve({ price: 1 })], /expected demo\.v1\.Quote/],
      "items of another type": [[summary], /expected demo\.v1\.Quote/],
    };

    for (const [name, [result, message]] of Object.entries(streams)) {
      it(`${name} from watch: "internal error", and a clear text for the observer`, async () => {
        const served = await serve({ watch: () => result });
        served.peer.send(WATCH);
        await world.scheduler.settle();
        expect(served.peer.take()).to.deep.equal([MASKED]);
        expect(served.told).to.have.length(1);
        expect((served.told[0] as Error).message).to.match(message);
        await expectAlive(served);
      });
    }

    it("undefined for google.protobuf.Empty is an empty message", async () => {
      // rsocket-rpc-go calls fire-and-forget methods by REQUEST_RESPONSE.
      const served = await serve({ log: () => undefined });
      served.peer.send(LOG.replace("000000011500", "000000011100"));
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal(["000000012860"]);
      await expectAlive(served);
    });

    it("promises of another make that call back twice answer once, and free one slot", async () => {
      const served = await serve({
        // biome-ignore lint/suspicious/noThenProperty: that is what is tested
        last: () => ({ then: (resolve: (quote: object) => void) => [{ price: 0 }, { price: 1 }].forEach(resolve) }),
      });
      served.peer.send(LAST);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal(["000000012860"]);
      await expectAlive(served);
    });

    it("requests that are iterated twice are an error of the handler alone", async () => {
      const served = await serve({
        async upload(quotes: AsyncIterable<unknown>) {
          for await (const _quote of quotes);
          for await (const _quote of quotes);
          return {};
        },
      });
      served.peer.send(UPLOAD);
      served.peer.send(COMPLETE);
      await world.scheduler.settle();
      expect(served.peer.take().at(-1)).to.equal(MASKED);
      expect((served.told[0] as Error).message).to.match(/can be iterated once/);
      await expectAlive(served);
    });
  });

  describe("headers and trailers that can't be sent", () => {
    const large = (metadata: Metadata): void => {
      for (let i = 0; i < 100; i++) metadata.append("x-large", "x".repeat(1_000));
    };
    type Context = Parameters<TickerHandler["last"]>[1];
    const handlers: Readonly<Record<string, { readonly handler: object; readonly request: string }>> = {
      "headers of a unary answer": {
        handler: {
          last: (_request: unknown, { responseHeaders }: Context) => {
            large(responseHeaders);
            return {};
          },
        },
        request: LAST,
      },
      "trailers of a unary answer, later": {
        handler: {
          last: async (_request: unknown, { responseTrailers }: Context) => {
            await Promise.resolve();
            large(responseTrailers);
            return {};
          },
        },
        request: LAST,
      },
      "headers of a generator's first item": {
        handler: {
          *watch(_request: unknown, { responseHeaders }: Context) {
            large(responseHeaders);
            yield {};
          },
        },
        request: WATCH,
      },
      "headers of an async generator's first item": {
        handler: {
          async *watch(_request: unknown, { responseHeaders }: Context) {
            large(responseHeaders);
            yield {};
          },
        },
        request: WATCH,
      },
      "trailers of a stream": {
        handler: {
          watch: (_request: unknown, { responseTrailers }: Context) => {
            large(responseTrailers);
            return [];
          },
        },
        request: WATCH,
      },
      "headers of a client stream's answer": {
        handler: {
          upload: async (_quotes: unknown, { responseHeaders }: Context) => {
            large(responseHeaders);
            return {};
          },
        },
        request: UPLOAD,
      },
    };

    for (const [name, { handler, request }] of Object.entries(handlers)) {
      it(`${name}: the answer goes out without them, the observer hears why`, async () => {
        const served = await serve(handler, SETUP_OURS);
        served.peer.send(request);
        await world.scheduler.settle();
        const answer = served.peer.take().filter((frame) => frame.startsWith("0000000128"));
        expect(answer).to.deep.equal(
          request === LAST
            ? ["000000012860"]
            : name === "trailers of a stream"
              ? [COMPLETE]
              : ["000000012820", COMPLETE],
        );
        expect((served.told[0] as Error).message).to.match(
          /^headers and metadata take \d+ bytes, expected at most 65536/,
        );
        await expectAlive(served);
      });
    }

    it("trailers of an error are left out, the status stands", async () => {
      const served = await serve(
        {
          last: () => {
            const trailers = new Metadata();
            large(trailers);
            throw new RpcError(Code.NotFound, "no", { trailers });
          },
        },
        SETUP_OURS,
      );
      served.peer.send(LAST);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([`000000012c0000000201${"00"}${"3206"}${"0805"}${"12026e6f"}`]);
      await expectAlive(served);
    });

    it("trailers of an error may be a plain object, as headers of a call may", async () => {
      const served = await serve(
        {
          last: () => {
            throw new RpcError(Code.NotFound, "no", { trailers: { "x-a": "b" } });
          },
        },
        SETUP_OURS,
      );
      served.peer.send(LAST);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([
        `000000012c0000000201${"00"}${"2a08"}${"0a03782d61"}${"120162"}${"3206"}${"0805"}${"12026e6f"}`,
      ]);
      expect(served.told).to.deep.equal([]);
      await expectAlive(served);
    });

    const wrong: readonly (readonly [what: string, options: object, told: RegExp])[] = [
      ["trailers that are a number", { trailers: 5 }, /^headers are 5, expected a Metadata, an object or pairs$/],
      ["trailers against the rules", { trailers: { "x-a": 5 } }, /^header "x-a" holds a number, expected text/],
      ["headers against the rules", { headers: { "x a": "b" } }, /^the header key "x a" can't be sent/],
    ];
    for (const [what, options, words] of wrong) {
      it(`an error with ${what} can't be made: the observer hears of it`, async () => {
        const served = await serve({
          last: () => {
            throw new RpcError(Code.NotFound, "no", options);
          },
        });
        served.peer.send(LAST);
        await world.scheduler.settle();
        expect(served.peer.take()).to.deep.equal([MASKED]);
        expect(served.told).to.have.length(1);
        expect((served.told[0] as Error).message).to.match(words);
        await expectAlive(served);
      });
    }

    const typeUrl = "t/x";
    const value = Uint8Array.of(1);
    const spoilt: readonly (readonly [what: string, parts: object, told: RegExp | undefined])[] = [
      ["trailers that are a number", { trailers: 5 }, /^headers are 5, expected a Metadata, an object or pairs$/],
      ["trailers against the rules", { trailers: { "x-a": 5 } }, /^header "x-a" holds a number, expected text/],
      ["details in no list", { details: { typeUrl, value } }, /^details is an object, expected a list/],
      [
        "a message for a detail",
        { details: [create(SummarySchema, {})] },
        /^details\[0\]\.typeUrl is undefined, expected a string$/,
      ],
      [
        "a detail whose value is a text",
        {
          details: [
            { typeUrl, value },
            { typeUrl, value: "secret" },
          ],
        },
        /^details\[1\]\.value is a string, expected bytes$/,
      ],
      ["no trailers", { trailers: undefined }, undefined],
    ];
    for (const [what, parts, words] of spoilt) {
      it(`an error with ${what}: its status stands, the observer hears of it`, async () => {
        const served = await serve(
          {
            last: () => {
              throw Object.assign(new RpcError(Code.NotFound, "no"), parts);
            },
          },
          SETUP_OURS,
        );
        served.peer.send(LAST);
        await world.scheduler.settle();
        expect(served.peer.take()).to.deep.equal([`000000012c0000000201${"00"}${"3206"}${"0805"}${"12026e6f"}`]);
        expect(served.told).to.have.length(words === undefined ? 0 : 1);
        if (words !== undefined) expect((served.told[0] as Error).message).to.match(words);
        await expectAlive(served);
      });
    }

    it("an error whose message or code can't be read is answered all the same", async () => {
      const throwing = (): never => {
        throw new TypeError("not to be read");
      };
      const parts = { rawMessage: { value: { toString: throwing } }, code: { get: throwing } };
      for (const name of ["rawMessage", "code"] as const) {
        const served = await serve(
          {
            last: async () => {
              throw Object.defineProperty(new RpcError(Code.NotFound, "no"), name, parts[name]);
            },
          },
          SETUP_OURS,
        );
        served.peer.send(LAST);
        await world.scheduler.settle();
        const status = `3212${name === "code" ? "080d" : "0805"}120e${textHex("internal error")}`;
        expect(served.peer.take()).to.deep.equal([`000000012c0000000201${"00"}${status}`]);
        expect(served.told).to.have.length(1);
        expect((served.told[0] as Error).message).to.equal("not to be read");
        await expectAlive(served);
      }
    });
  });

  describe("requests that can't be served", () => {
    it("an undecodable message is INVALID, without a word of ours", async () => {
      const served = await serve({ last: () => ({}) });
      served.peer.send(`${LAST}0aff`);
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([
        `000000012c0000000204${textHex("demo.v1.Ticker.Last: the request is no demo.v1.Symbol")}`,
      ]);
      await expectAlive(served);
    });

    it("an undecodable message midway fails the channel INVALID, and the handler", async () => {
      const seen: unknown[] = [];
      const served = await serve({
        async upload(quotes: AsyncIterable<unknown>) {
          try {
            for await (const quote of quotes) seen.push(quote);
          } catch (error) {
            seen.push((error as RpcError).code);
          }
          return {};
        },
      });
      served.peer.send(UPLOAD);
      served.peer.send("0000000128200aff");
      await world.scheduler.settle();
      expect(served.peer.take().at(-1)).to.equal(
        `000000012c0000000204${textHex("demo.v1.Ticker.Upload: the request is no demo.v1.Quote")}`,
      );
      expect(seen).to.have.length(2);
      expect(seen[1]).to.equal(Code.InvalidArgument);
      await expectAlive(served);
    });

    it("a call of another interaction than the method's is unimplemented", async () => {
      const served = await serve({ last: () => ({}) });
      served.peer.send(LAST.replace("000000011100", "00000001190000000001"));
      await world.scheduler.settle();
      expect(served.peer.take()).to.deep.equal([
        failure("unknown method demo.v1.Ticker.Last for request_stream, expected request_response"),
      ]);
      await expectAlive(served);
    });
  });
});
