// SPDX-License-Identifier: Apache-2.0
// What calls promise on every transport, plain and in fragments of 64 bytes, in both directions.

import { expect } from "chai";
import { type CallOptions, Code, errorDetail, findDetails, type LeaseStrategy, Metadata, RpcError } from "rsocket-rpc";
import { LineSchema } from "../../examples/hello/gen/ticker_pb.js";
import type { TickerHandler } from "../../examples/hello/gen/ticker_rsocket.js";
import { nextTurn } from "../support/next-turn.js";
import { collect, rejectionOf } from "../support/rpc-world.js";
import {
  type Calling,
  type ContractTransport,
  ContractWorld,
  type Direction,
  deferred,
  eventually,
  loseLink,
} from "./rpc-contract-world.js";

const DIRECTIONS: readonly Direction[] = ["the client calls the server", "the server calls the client"];

/** Larger than any fragment and many times the smallest. */
const LARGE_TEXT_LENGTH = 65_536;
/** A deadline that passes within a test, but not before its handler is called, unless the machine stands still. */
const SHORT_MS = 30;
/** How often a test may be disturbed by that. */
const RETRIES = 3;
/** How late a deadline may be noticed on a busy machine. */
const LATE_MS = 150;

/** Declares the suite of calls for one transport and one size of fragments. */
export function rpcContract(transport: ContractTransport, fragmentBytes: number, lease?: LeaseStrategy): void {
  for (const direction of transport.isLite === true ? DIRECTIONS.slice(0, 1) : DIRECTIONS) {
    describe(direction, () => {
      let world: ContractWorld;
      const call = (handler: Partial<TickerHandler>): Promise<Calling> => world.call(direction, handler);

      beforeEach(() => {
        world = new ContractWorld(transport, fragmentBytes, lease);
      });
      afterEach(async function () {
        await world.end(this.currentTest?.state === "failed");
      });

      describe("shapes", () => {
        it("unary: one request, one answer", async () => {
          const { ticker } = await call({ last: ({ name }) => ({ symbol: name, price: 42 }) });
          expect(await ticker.last({ name: "ACME" })).to.include({ symbol: "ACME", price: 42 });
        });

        it("unary: messages of defaults, and handlers that answer later", async () => {
          const { ticker } = await call({
            last: async () => {
              await nextTurn();
              return {};
            },
          });
          expect(await ticker.last({})).to.include({ symbol: "", price: 0 });
        });

        it("unary: large messages arrive unchanged, both ways", async () => {
          const text = textOf(LARGE_TEXT_LENGTH);
          const { ticker } = await call({ last: ({ name }) => ({ symbol: name }) });
          expect((await ticker.last({ name: text })).symbol === text).to.equal(true);
        });

        it("server stream: all items in order, from generators, async generators and arrays", async () => {
          const sources: Partial<Record<string, TickerHandler["watch"]>> = {
            generator: function* () {
              for (let price = 0; price < 500; price++) yield { price };
            },
            "async generator": async function* () {
              for (let price = 0; price < 500; price++) yield { price };
            },
            array: () => Array.from({ length: 500 }, (_, price) => ({ price })),
          };
          const { ticker } = await call({
            watch: (request, context) => sources[request.name]?.(request, context) ?? [],
          });
          for (const name of Object.keys(sources)) {
            const prices = (await collect(ticker.watch({ name }))).map(({ price }) => price);
            expect(prices, name).to.deep.equal(Array.from({ length: 500 }, (_, price) => price));
          }
        });

        it("server stream: without items, and of large items", async () => {
          const text = textOf(LARGE_TEXT_LENGTH);
          const { ticker } = await call({
            watch: ({ name }) => (name === "" ? [] : [{ symbol: text }, { symbol: "" }, { symbol: text }]),
          });
          expect(await collect(ticker.watch({}))).to.deep.equal([]);
          expect((await collect(ticker.watch({ name: "x" }))).map(({ symbol }) => symbol.length)).to.deep.equal([
            text.length,
            0,
            text.length,
          ]);
        });

        it("client stream: any number of requests, none too", async () => {
          const { ticker } = await call({
            async upload(quotes) {
              let count = 0;
              for await (const { price } of quotes) expect(price).to.equal(count++);
              return { count };
            },
          });
          for (const length of [1, 2, 500, 0]) {
            expect(
              (await ticker.upload(Array.from({ length }, (_, price) => ({ price })))).count,
              String(length),
            ).to.equal(length);
          }
        });

        it("client stream: an answer before the requests end closes their source once", async () => {
          const source = countedSource();
          const { ticker } = await call({ upload: () => ({ count: 7 }) });
          expect((await ticker.upload(source.items)).count).to.equal(7);
          await eventually(() => expect(source.returns).to.equal(1));
        });

        it("bidi: both sides talk in turn", async () => {
          const { ticker } = await call({
            async *chat(lines) {
              for await (const { text } of lines) yield { text: `${text}!` };
            },
          });
          const replies: string[] = [];
          const turn = [deferred(), deferred(), deferred()];
          async function* talk(): AsyncGenerator<{ text: string }> {
            for (const [i, { promise }] of turn.entries()) {
              yield { text: String(i) };
              await promise;
            }
          }
          for await (const { text } of ticker.chat(talk())) turn[replies.push(text) - 1]?.resolve();
          expect(replies).to.deep.equal(["0!", "1!", "2!"]);
        });

        it("bidi: the halves end on their own", async () => {
          const { ticker } = await call({
            async *chat(lines) {
              const texts: string[] = [];
              for await (const { text } of lines) texts.push(text);
              await nextTurn();
              yield { text: texts.join() };
              await nextTurn();
              yield { text: "end" };
            },
          });
          expect((await collect(ticker.chat([{ text: "a" }, { text: "b" }]))).map(({ text }) => text)).to.deep.equal([
            "a,b",
            "end",
          ]);
          expect((await collect(ticker.chat([]))).map(({ text }) => text)).to.deep.equal(["", "end"]);
        });

        it("bidi: answers that end first close the source once", async () => {
          const source = countedSource();
          const { ticker } = await call({ chat: () => [{ text: "bye" }] });
          expect((await collect(ticker.chat(source.items))).map(({ text }) => text)).to.deep.equal(["bye"]);
          await eventually(() => expect(source.returns).to.equal(1));
        });

        it("fire-and-forget: resolves when it is handed over, whatever the handler does", async () => {
          const lines: string[] = [];
          const held = deferred();
          const { ticker } = await call({
            log: async ({ text }) => {
              lines.push(text);
              await held.promise;
            },
          });
          await ticker.log({ text: "a" });
          await ticker.log({ text: textOf(LARGE_TEXT_LENGTH) });
          await eventually(() => expect(lines.map((text) => text.length)).to.deep.equal([1, LARGE_TEXT_LENGTH]));
          held.resolve();
        });

        it("1,000 calls at once, each gets its own answer", async () => {
          const { ticker } = await call({
            last: async ({ name }) => {
              if (Number(name) % 3 === 0) await nextTurn();
              return { symbol: name };
            },
          });
          const names = Array.from({ length: 1_000 }, (_, i) => String(i));
          const quotes = await Promise.all(names.map((name) => ticker.last({ name })));
          expect(quotes.map(({ symbol }) => symbol)).to.deep.equal(names);
        });

        it("100 streams at once, each gets its own items", async () => {
          const { ticker } = await call({
            async *watch({ name }) {
              for (let price = 0; price < 40; price++) yield { symbol: name, price };
            },
          });
          const streams = Array.from({ length: 100 }, (_, i) => collect(ticker.watch({ name: String(i) })));
          for (const [i, quotes] of (await Promise.all(streams)).entries()) {
            expect(quotes.map(({ symbol, price }) => `${symbol} ${price}`)).to.deep.equal(
              Array.from({ length: 40 }, (_, price) => `${i} ${price}`),
            );
          }
        });
      });

      describe("headers and trailers", () => {
        const HEADERS = [
          ["x-text", "ä b"],
          ["x-data-bin", Uint8Array.of(0, 1, 255)],
          ["x-twice", "1"],
          ["x-twice", "2"],
        ] as const;

        const answering: Partial<TickerHandler> = {
          last: (_request, context) => answer(context, { symbol: "x" }),
          async *watch(_request, context) {
            answer(context, {});
            yield {};
            yield {};
          },
          upload: async (quotes, context) => {
            for await (const _quote of quotes);
            return answer(context, { count: 1 });
          },
          async *chat(lines, context) {
            answer(context, {});
            for await (const line of lines) yield line;
          },
        };

        function answer<T>(context: Parameters<TickerHandler["last"]>[1], message: T): T {
          for (const [key, value] of context.headers) context.responseHeaders.append(key, value);
          context.responseTrailers.set("x-cost", "3").set("x-sum-bin", Uint8Array.of(7));
          return message;
        }

        const shapes: Readonly<Record<string, (calling: Calling, options: CallOptions) => Promise<unknown>>> = {
          unary: ({ ticker }, options) => ticker.last({}, options),
          "server stream": ({ ticker }, options) => collect(ticker.watch({}, options)),
          "client stream": ({ ticker }, options) => ticker.upload([{}, {}], options),
          bidi: ({ ticker }, options) => collect(ticker.chat([{}, {}], options)),
          "bidi without messages": ({ ticker }, options) => collect(ticker.chat([], options)),
        };

        for (const [shape, make] of Object.entries(shapes)) {
          it(`${shape}: both ways, in order, bytes as bytes, each told once`, async () => {
            const calling = await call(answering);
            const told: unknown[] = [];
            await make(calling, {
              headers: HEADERS,
              onHeaders: (headers) => told.push(["headers", ...headers]),
              onTrailers: (trailers) => told.push(["trailers", ...trailers]),
            });
            expect(told).to.deep.equal([
              ["headers", ...HEADERS],
              ["trailers", ["x-cost", "3"], ["x-sum-bin", Uint8Array.of(7)]],
            ]);
          });
        }

        it("fire-and-forget: request headers", async () => {
          const seen = deferred<unknown[]>();
          const { ticker } = await call({ log: (_line, { headers }) => seen.resolve([...headers]) });
          await ticker.log({}, { headers: HEADERS });
          expect(await seen.promise).to.deep.equal(HEADERS);
        });
      });

      describe("errors", () => {
        const thrown = (): RpcError =>
          new RpcError(Code.NotFound, "no symbol NONE", {
            details: [errorDetail(LineSchema, { text: "hi" })],
            trailers: Metadata.from({ "x-why": "none" }),
            cause: new Error("stays here"),
          });

        const failing: Partial<TickerHandler> = {
          last: () => Promise.reject(thrown()),
          async *watch({ name }) {
            for (let i = 0; i < Number(name); i++) yield { price: i };
            throw thrown();
          },
          async upload(quotes) {
            for await (const _quote of quotes) throw thrown();
            return {};
          },
          // biome-ignore lint/correctness/useYield: it fails before it yields
          async *chat(lines) {
            for await (const _line of lines) throw thrown();
          },
        };

        const shapes: Readonly<Record<string, (calling: Calling) => Promise<unknown>>> = {
          unary: ({ ticker }) => ticker.last({}),
          "server stream, at once": ({ ticker }) => collect(ticker.watch({ name: "0" })),
          "client stream": ({ ticker }) => ticker.upload([{}, {}]),
          bidi: ({ ticker }) => collect(ticker.chat([{}, {}])),
        };

        for (const [shape, make] of Object.entries(shapes)) {
          it(`${shape}: code, message, details and trailers arrive, the cause doesn't`, async () => {
            expectRemote(await rejectionOf(make(await call(failing))));
          });
        }

        it("server stream, midway: the items before arrive first", async () => {
          const { ticker } = await call(failing);
          const prices: number[] = [];
          const error = await rejectionOf(
            (async () => {
              for await (const { price } of ticker.watch({ name: "40" })) prices.push(price);
            })(),
          );
          expect(prices).to.deep.equal(Array.from({ length: 40 }, (_, i) => i));
          expectRemote(error);
        });

        it("a source that fails cancels the call, on both sides", async () => {
          const ended = deferred<unknown>();
          const { ticker } = await call({
            async upload(quotes) {
              try {
                for await (const _quote of quotes);
              } catch (error) {
                ended.resolve(error);
              }
              return {};
            },
          });
          function* broken(): Generator<object> {
            yield {};
            throw new RangeError("broken source");
          }
          const error = (await rejectionOf(ticker.upload(broken()))) as RpcError;
          expect(error).to.include({ code: Code.Internal, rawMessage: "broken source", initiator: "local" });
          const seen = (await ended.promise) as RpcError;
          expect(seen).to.include({
            code: Code.Cancelled,
            rawMessage: "the request stream failed",
            initiator: "remote",
          });
        });

        it("unserved methods and services are unimplemented, for every shape", async () => {
          const { ticker } = await call({});
          const failures = [
            ticker.last({}),
            collect(ticker.watch({})),
            ticker.upload([{}]),
            collect(ticker.chat([{}])),
          ].map(rejectionOf);
          for (const error of await Promise.all(failures))
            expect(RpcError.is(error, Code.Unimplemented)).to.equal(true);
        });

        function expectRemote(error: unknown): void {
          expect(RpcError.is(error, Code.NotFound)).to.equal(true);
          const failure = error as RpcError;
          expect(failure).to.include({
            rawMessage: "no symbol NONE",
            initiator: "remote",
            retryable: false,
            wireCode: 0x201,
          });
          expect(failure.cause).to.equal(undefined);
          expect(findDetails(failure, LineSchema).map(({ text }) => text)).to.deep.equal(["hi"]);
          expect(failure.trailers.get("x-why")).to.equal("none");
        }
      });

      describe("deadlines", () => {
        it("travel: the handler knows what is left", async () => {
          const { ticker } = await call({ last: (_request, context) => ({ price: context.remainingMs() ?? -1 }) });
          const { price } = await ticker.last({}, { timeoutMs: 5_000 });
          expect(price).to.be.greaterThan(4_000).and.at.most(5_000);
          expect((await ticker.last({})).price).to.equal(-1);
        });

        it("that were over when the call was made fail it at once, and nothing is called", async () => {
          let calls = 0;
          const { ticker } = await call({ last: () => ({ price: ++calls }) });
          expect(RpcError.is(await rejectionOf(ticker.last({}, { timeoutMs: 0 })), Code.DeadlineExceeded)).to.equal(
            true,
          );
          await ticker.last({});
          expect(calls).to.equal(1);
        });

        it("in fire-and-forget end the handler's signal only", async function () {
          this.retries(RETRIES);
          const reason = deferred<unknown>();
          const { ticker } = await call({
            log: (_line, { signal }) =>
              new Promise<void>((resolve) => {
                signal.addEventListener("abort", () => {
                  reason.resolve(signal.reason);
                  resolve();
                });
              }),
          });
          await ticker.log({}, { timeoutMs: SHORT_MS });
          expect(RpcError.is(await reason.promise, Code.DeadlineExceeded)).to.equal(true);
        });
      });

      describe("an early end reaches the other side's handler, once", () => {
        const ways: Readonly<Record<string, Code>> = {
          break: Code.Cancelled,
          abort: Code.Cancelled,
          deadline: Code.DeadlineExceeded,
          disconnect: Code.Unavailable,
        };

        for (const [way, code] of Object.entries(ways)) {
          for (const shape of ["unary", "server stream", "client stream", "bidi"] as const) {
            if (way === "break" && (shape === "unary" || shape === "client stream")) continue;
            it(`${way}, ${shape}`, async function () {
              if (way === "deadline") this.retries(RETRIES);
              const probe = new EarlyEnd();
              const { ticker, caller } = await call(probe.handler);
              const controller = new AbortController();
              const options: CallOptions = {
                ...(way === "abort" ? { signal: controller.signal } : {}),
                ...(way === "deadline" ? { timeoutMs: SHORT_MS } : {}),
              };
              const source = countedSource();
              const startedAt = performance.now();
              const outcome = probe.call(shape, ticker, source.items, options, way === "break").then(
                () => undefined,
                (error: unknown) => error,
              );
              await probe.started.promise;
              if (way === "abort") controller.abort();
              if (way === "disconnect") loseLink(caller);
              const error = await outcome;
              if (way === "break") expect(error).to.equal(undefined);
              else expect(RpcError.is(error, code), String(error)).to.equal(true);
              if (way === "deadline") {
                expect(performance.now() - startedAt).to.be.at.least(SHORT_MS - 1);
                expect(performance.now() - startedAt).to.be.lessThan(SHORT_MS + LATE_MS);
              }
              await eventually(() => probe.expectEnded(shape, code));
              if (shape === "client stream" || shape === "bidi")
                await eventually(() => expect(source.returns, "of the source").to.equal(1));
              // Nothing more comes of it.
              for (let i = 0; i < 5; i++) await nextTurn();
              probe.expectEnded(shape, code);
            });
          }
        }
      });

      describe("demand", () => {
        it("prefetch is what is asked for ahead of the consumer", async () => {
          let made = 0;
          const { ticker } = await call({
            *watch() {
              for (;;) yield { price: made++ };
            },
          });
          for await (const { price } of ticker.watch({}, { prefetch: 8 })) {
            expect(price).to.equal(0);
            for (let i = 0; i < 20; i++) await nextTurn();
            // The first was consumed, so half a window may have been asked for again.
            expect(made).to.be.within(8, 13);
            break;
          }
        });

        it("an endless source makes no more than the peer asked for", async () => {
          let made = 0;
          function* endless(): Generator<object> {
            for (;;) {
              made++;
              yield {};
            }
          }
          const release = deferred();
          const { ticker } = await call({
            async upload(quotes) {
              await release.promise;
              let count = 0;
              for await (const _quote of quotes) if (++count === 1_000) break;
              return { count };
            },
          });
          const summary = ticker.upload(endless());
          for (let i = 0; i < 50; i++) await nextTurn();
          expect(made).to.be.within(1, 34);
          release.resolve();
          expect((await summary).count).to.equal(1_000);
          expect(made).to.be.lessThan(1_600);
        });

        it("a slow consumer loses nothing", async () => {
          const { ticker } = await call({
            async *watch() {
              for (let price = 0; price < 1_000; price++) yield { price };
            },
          });
          let expected = 0;
          for await (const { price } of ticker.watch({})) {
            expect(price).to.equal(expected++);
            if (expected % 50 === 0) await nextTurn();
          }
          expect(expected).to.equal(1_000);
        });
      });
    });
  }
}

/** Handlers that wait until they are told to stop, and what they were told. */
class EarlyEnd {
  readonly started = deferred();
  #signals = 0;
  #returns = 0;
  #reason: unknown;

  readonly handler: Partial<TickerHandler> = {
    last: (_request, { signal }) => this.#wait(signal),
    watch: (_request, { signal }) => this.#items(signal),
    upload: async (quotes, { signal }) => {
      const waiting = this.#wait(signal);
      for await (const _quote of quotes);
      return await waiting;
    },
    chat: (_lines, { signal }) => this.#items(signal),
  };

  /** Makes the call; a stream is left after its first item when `leaves`. */
  async call(
    shape: "unary" | "server stream" | "client stream" | "bidi",
    ticker: Calling["ticker"],
    requests: Iterable<object>,
    options: CallOptions,
    leaves: boolean,
  ): Promise<void> {
    if (shape === "unary") await ticker.last({}, options);
    else if (shape === "client stream") await ticker.upload(requests, options);
    else {
      const items = shape === "bidi" ? ticker.chat(requests, options) : ticker.watch({}, options);
      for await (const _item of items) if (leaves) break;
    }
  }

  expectEnded(shape: string, code: Code): void {
    expect(this.#signals, "aborts of the handler's signal").to.equal(1);
    const streams = shape === "server stream" || shape === "bidi";
    expect(this.#returns, "calls of the handler's return").to.equal(streams ? 1 : 0);
    expect(RpcError.is(this.#reason)).to.equal(true);
    // A caller's deadline is told by its CANCEL or by the handler's own clock, whichever is first.
    const told = (this.#reason as RpcError).code;
    expect(code === Code.DeadlineExceeded ? [Code.Cancelled, Code.DeadlineExceeded] : [code]).to.include(told);
  }

  #wait(signal: AbortSignal): Promise<never> {
    this.started.resolve();
    return new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => {
        this.#signals++;
        this.#reason = signal.reason;
        reject(signal.reason);
      });
    });
  }

  // One item, then silence.
  #items(signal: AbortSignal): AsyncIterable<object> {
    let count = 0;
    this.#wait(signal).catch(() => {});
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => (count++ === 0 ? Promise.resolve({ done: false, value: {} }) : new Promise<never>(() => {})),
        return: () => {
          this.#returns++;
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    };
  }
}

/** An endless source that counts how often it is closed. */
function countedSource(): { readonly items: Iterable<object>; readonly returns: number } {
  let returns = 0;
  return {
    items: {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: {} }),
        return: () => {
          returns++;
          return { done: true, value: undefined };
        },
      }),
    },
    get returns() {
      return returns;
    },
  };
}

function textOf(length: number): string {
  return Array.from({ length }, (_, i) => String.fromCharCode(97 + ((i * 7) % 26))).join("");
}
