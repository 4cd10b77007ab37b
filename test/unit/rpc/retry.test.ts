// SPDX-License-Identifier: Apache-2.0
// Calls that are made again because an interceptor wants it: how often, when, and when never. In virtual time.

import { expect } from "chai";
import {
  type CallEnd,
  type CallOptions,
  type Channel,
  Code,
  createChannelWith,
  type FailedAttempt,
  type Interceptor,
  type RetryOptions,
  RpcError,
  retry,
  type ServeOptions,
  serveWith,
} from "rsocket-rpc";
import { createNotesClient, implementNotes, unimplementedNotes } from "../../../examples/hello/gen/notes_rsocket.js";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { createInProcessPair } from "../../../runtime/src/transports/in-process.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../../support/rpc-world.js";

const busy = (): never => {
  throw new RpcError(Code.Unavailable, "busy");
};

/** Always the longest wait. */
const LONGEST: RetryOptions = { random: () => 1 };

/** Lets every failure be followed by another attempt 10 ms later, and keeps what it was told. */
function persistent(seen: FailedAttempt[], maxAttempts = 3): Interceptor {
  return (call, next) => {
    call.retryWhen((failed) => {
      seen.push(failed);
      return failed.attempt < maxAttempts ? 10 : undefined;
    });
    return next(call);
  };
}

const TICKER = implementTicker({
  last: ({ name }) => ({ symbol: name }),
  watch: () => [{ price: 1 }, { price: 2 }],
  async upload(quotes) {
    let count = 0;
    for await (const _ of quotes) count++;
    return { count };
  },
  async *chat(lines) {
    yield* lines;
  },
  log: () => {},
});

const SHAPES: Readonly<Record<string, (ticker: TickerClient, options?: CallOptions) => Promise<unknown>>> = {
  unary: async (ticker) => (await ticker.last({ name: "x" })).symbol,
  "server stream": async (ticker) => (await collect(ticker.watch({ name: "x" }))).map(({ price }) => price),
  "client stream": async (ticker) => (await ticker.upload([{ price: 1 }, { price: 2 }, { price: 3 }])).count,
  bidi: async (ticker) => (await collect(ticker.chat([{ text: "a" }, { text: "b" }]))).map(({ text }) => text),
  "fire-and-forget": (ticker) => ticker.log({ text: "x" }),
};

const ANSWERS: Readonly<Record<string, unknown>> = {
  unary: "x",
  "server stream": [1, 2],
  "client stream": 3,
  bidi: ["a", "b"],
  "fire-and-forget": undefined,
};

describe("calls that are made again", () => {
  let world: RpcWorld;
  let channels: { close(): Promise<void> }[];
  beforeEach(() => {
    world = new RpcWorld();
    channels = [];
  });
  afterEach(async function () {
    const closing = Promise.all(channels.map((channel) => channel.close()));
    await leavesNoTrace.call(this);
    await closing;
  });

  const open = {
    connection: async (serve: ServeOptions, interceptors: readonly Interceptor[]): Promise<Channel> =>
      (await world.pair(serve, { interceptors })).connection,
    channel: async (serve: ServeOptions, interceptors: readonly Interceptor[]): Promise<Channel> => {
      const { scheduler } = world;
      // Its own links to a server of the world.
      const { take } = await listen(serve);
      const dial = () => {
        const [near, far] = createInProcessPair(scheduler);
        take(far);
        return Promise.resolve(near);
      };
      const channel = createChannelWith({ dial }, { scheduler, interceptors });
      channels.push(channel);
      return channel;
    },
  };

  async function listen(serve: ServeOptions) {
    let take = (_: ReturnType<typeof createInProcessPair>[1]): void => {};
    const server = await world.run(
      serveWith(
        [
          (onLink) => {
            take = onLink;
            return Promise.resolve({ url: "here:", close: () => Promise.resolve() });
          },
        ],
        { scheduler: world.scheduler, ...serve },
      ),
    );
    channels.push(server);
    return { take: (link: Parameters<typeof take>[0]) => take(link) };
  }

  for (const kind of ["connection", "channel"] as const) {
    describe(`on a ${kind}`, () => {
      const openNotes = async (read: () => object, interceptors: readonly Interceptor[]) =>
        createNotesClient(
          await open[kind](
            { services: [implementNotes({ ...unimplementedNotes, read, add: read as () => object })] },
            interceptors,
          ),
        );

      it("succeed with the attempt that succeeds, after waits that grow", async () => {
        const times: number[] = [];
        const notes = await openNotes(() => {
          times.push(world.scheduler.now());
          return times.length < 4 ? busy() : { text: "found" };
        }, [retry(LONGEST)]);
        const reading = notes.read({ name: "a" });
        await world.scheduler.advance(1_000);
        expect((await world.run(reading)).text).to.equal("found");
        const [first = 0] = times;
        expect(times.map((time) => time - first)).to.deep.equal([0, 100, 300, 700]);
      });

      it("of a stream of requests end with the deadline of all attempts together, too", async () => {
        const left: (number | undefined)[] = [];
        const upload = async (_quotes: unknown, context: { remainingMs(): number | undefined }) => {
          left.push(context.remainingMs());
          await new Promise<void>((resolve) => world.scheduler.setTimer(200, () => resolve()));
          return busy();
        };
        const channel = await open[kind]({ services: [implementTicker({ ...unimplementedTicker, upload })] }, [
          retry({ ...LONGEST, assumeIdempotent: true }),
        ]);
        const failing = rejectionOf(createTickerClient(channel).upload([{}], { timeoutMs: 500 }));
        await world.scheduler.advance(550);
        expect(await world.run(failing)).to.include({ code: Code.DeadlineExceeded });
        expect(left).to.deep.equal([500, 200]);
      });

      it("aren't when the source of requests threw: it would be at its end, and the call would succeed with less", async () => {
        function* sync(): Generator<object> {
          yield {};
          busy();
        }
        async function* async(): AsyncGenerator<object> {
          yield {};
          busy();
        }
        let calls = 0;
        const upload = async (quotes: AsyncIterable<unknown>) => {
          calls++;
          return { count: (await collect(quotes)).length };
        };
        const channel = await open[kind]({ services: [implementTicker({ ...unimplementedTicker, upload })] }, [
          retry({ ...LONGEST, assumeIdempotent: true }),
        ]);
        for (const source of [sync(), async()]) {
          calls = 0;
          const error = await world.run(rejectionOf(createTickerClient(channel).upload(source)));
          expect(error).to.include({ code: Code.Unavailable, rawMessage: "busy" });
          expect(calls).to.equal(1);
        }
      });

      it("give answers in order to whoever asks for several at once", async () => {
        const prices = async function* () {
          for (let price = 1; price <= 5; price++) yield { price };
        };
        const channel = await open[kind]({ services: [implementTicker({ ...unimplementedTicker, watch: prices })] }, [
          retry(LONGEST),
        ]);
        const items = createTickerClient(channel).watch({})[Symbol.asyncIterator]();
        const [first, second] = [items.next(), items.next()];
        const got = [(await world.run(first)).value?.price];
        const [third, fourth] = [items.next(), items.next()];
        for (const next of [second, third, fourth]) got.push((await world.run(next)).value?.price);
        expect(got).to.deep.equal([1, 2, 3, 4]);
        await world.run(Promise.resolve(items.return?.()));
      });

      it("wait for another attempt no longer than there may be a connection for it", async () => {
        const channel = (await open[kind]({ services: [implementNotes({ ...unimplementedNotes, read: busy })] }, [
          (call, next) => {
            call.retryWhen(() => 3_600_000);
            return next(call);
          },
        ])) as Channel & { close(): Promise<void> };
        const failing = rejectionOf(createNotesClient(channel).read({ name: "a" }));
        await world.scheduler.advance(100);
        await world.run(channel.close());
        expect(await world.run(failing)).to.include({ code: Code.Unavailable });
        expect(world.scheduler.timerCount).to.be.lessThan(3);
      });

      it("fail with the last error when all attempts did", async () => {
        let count = 0;
        const notes = await openNotes(() => {
          throw new RpcError(Code.Unavailable, `busy ${++count}`);
        }, [retry({ ...LONGEST, maxAttempts: 3 })]);
        const failing = rejectionOf(notes.read({ name: "a" }));
        await world.scheduler.advance(1_000);
        expect(await world.run(failing))
          .to.be.instanceOf(RpcError)
          .with.property("message", "[unavailable] busy 3");
        expect(count).to.equal(3);
      });

      it("aren't after other errors, nor of a method that promises nothing", async () => {
        let count = 0;
        let code: Code = Code.Internal;
        const notes = await openNotes(() => {
          count++;
          throw new RpcError(code, "no");
        }, [retry(LONGEST)]);
        expect(RpcError.is(await world.run(rejectionOf(notes.read({ name: "a" }))), Code.Internal)).to.equal(true);
        code = Code.Unavailable;
        expect(RpcError.is(await world.run(rejectionOf(notes.add({ name: "a" }))), Code.Unavailable)).to.equal(true);
        expect(count).to.equal(2);
      });

      it("end with the deadline of all attempts together: a wait beyond it isn't begun", async () => {
        let count = 0;
        const notes = await openNotes(() => {
          count++;
          return busy();
        }, [retry({ ...LONGEST, maxAttempts: 100 })]);
        // 0, 100 and 300 ms; the next would be at 700.
        const failing = rejectionOf(notes.read({ name: "a" }, { timeoutMs: 600 }));
        await world.scheduler.advance(300);
        expect(await world.run(failing)).to.have.property("message", "[unavailable] busy");
        expect(count).to.equal(3);
      });

      it("tell the server what is left of their time, and run out of it", async () => {
        const left: (number | undefined)[] = [];
        const sleeping: Interceptor = (call, next) => {
          if (call.side === "server") left.push(call.timeoutMs);
          return next(call);
        };
        const service = implementNotes({
          ...unimplementedNotes,
          read: () => (left.length === 1 ? busy() : new Promise<never>(() => {})),
        });
        world.expectsRunningHandlers = true;
        const channel = await open[kind]({ services: [service], interceptors: [sleeping] }, [retry(LONGEST)]);
        const failing = rejectionOf(createNotesClient(channel).read({ name: "a" }, { timeoutMs: 500 }));
        await world.scheduler.advance(550);
        expect(await world.run(failing)).to.have.property(
          "message",
          "[deadline_exceeded] deadline exceeded after 500 ms",
        );
        expect(left).to.deep.equal([500, 400]);
      });

      it("end at once when the caller gives up during a wait", async () => {
        let count = 0;
        const controller = new AbortController();
        const notes = await openNotes(() => {
          count++;
          return busy();
        }, [retry(LONGEST)]);
        const failing = rejectionOf(notes.read({ name: "a" }, { signal: world.signalOf(controller) }));
        await world.scheduler.advance(50);
        expect(count).to.equal(1);
        controller.abort();
        expect(RpcError.is(await world.run(failing), Code.Cancelled)).to.equal(true);
        await world.scheduler.advance(1_000);
        expect(count).to.equal(1);
      });

      for (const [shape, call] of Object.entries(SHAPES)) {
        it(`${shape}: each attempt is seen by all interceptors and has one end; the caller sees one`, async () => {
          const ends: (readonly [attempt: number, code: number])[] = [];
          const log: Interceptor = (call, next) => {
            call.onEnd(({ code }: CallEnd) => ends.push([call.attempt, code]));
            return next(call);
          };
          const seen: FailedAttempt[] = [];
          let count = 0;
          const failTwice: Interceptor = async (call, next) => {
            if (call.side === "client" && ++count < 3) throw new RpcError(Code.Aborted, `attempt ${call.attempt}`);
            return await next(call);
          };
          const channel = await open[kind]({ services: [TICKER] }, [persistent(seen), log, failTwice]);
          const calling = call(createTickerClient(channel));
          await world.scheduler.advance(30);
          expect(await world.run(calling)).to.deep.equal(ANSWERS[shape]);
          expect(ends).to.deep.equal([
            [1, Code.Aborted],
            [2, Code.Aborted],
            [3, 0],
          ]);
          expect(seen.map(({ attempt, error }) => [attempt, error.rawMessage])).to.deep.equal([
            [1, "attempt 1"],
            [2, "attempt 2"],
          ]);
        });
      }

      it("send their requests again when no more than two were read", async () => {
        let count = 0;
        let closed = 0;
        const openTicker = async (seen: FailedAttempt[]) =>
          createTickerClient(
            await open[kind](
              {
                services: [
                  implementTicker({
                    ...unimplementedTicker,
                    async upload(quotes) {
                      if (++count === 1) busy();
                      let sum = 0;
                      for await (const { price } of quotes) sum += price;
                      return { count: sum };
                    },
                  }),
                ],
              },
              [persistent(seen)],
            ),
          );
        async function* quotes(prices: number[]) {
          try {
            for (const price of prices) yield { price };
          } finally {
            closed++;
          }
        }
        const few: FailedAttempt[] = [];
        const uploading = (await openTicker(few)).upload(quotes([1, 2]));
        await world.scheduler.advance(20);
        expect((await world.run(uploading)).count).to.equal(3);
        expect(few.map(({ attempt }) => attempt)).to.deep.equal([1]);
        expect(closed).to.equal(1);
      });

      it("don't send again what isn't kept, and close the source", async () => {
        let closed = 0;
        let received = 0;
        const seen: FailedAttempt[] = [];
        const service = implementTicker({
          ...unimplementedTicker,
          async upload(quotes) {
            for await (const _ of quotes) if (++received === 3) break;
            return busy();
          },
        });
        const ticker = createTickerClient(await open[kind]({ services: [service] }, [persistent(seen)]));
        async function* quotes() {
          try {
            for (let price = 1; ; price++) yield { price };
          } finally {
            closed++;
          }
        }
        const failing = rejectionOf(ticker.upload(quotes()));
        await world.scheduler.advance(50);
        expect(await world.run(failing)).to.have.property("message", "[unavailable] busy");
        expect([seen.length, received, closed]).to.deep.equal([0, 3, 1]);
      });

      it("are streams before their first answer only", async () => {
        const seen: FailedAttempt[] = [];
        let count = 0;
        const service = implementTicker({
          ...unimplementedTicker,
          async *watch() {
            if (++count === 1) busy();
            yield { price: 7 };
            busy();
          },
        });
        const ticker = createTickerClient(await open[kind]({ services: [service] }, [persistent(seen, 10)]));
        const prices: number[] = [];
        const watching = (async () => {
          for await (const { price } of ticker.watch({})) prices.push(price);
        })();
        const failing = rejectionOf(watching);
        await world.scheduler.advance(50);
        expect(await world.run(failing)).to.have.property("message", "[unavailable] busy");
        expect([prices, count, seen.length]).to.deep.equal([[7], 2, 1]);
      });

      it("aren't made for a consumer that has left during the wait", async () => {
        let count = 0;
        const service = implementTicker({
          ...unimplementedTicker,
          watch: () => {
            count++;
            return busy();
          },
        });
        const ticker = createTickerClient(await open[kind]({ services: [service] }, [persistent([], 10)]));
        const answers = ticker.watch({})[Symbol.asyncIterator]();
        const first = rejectionOf(answers.next());
        await world.scheduler.advance(5);
        expect(await world.run(Promise.resolve(answers.return?.()))).to.deep.equal({ done: true, value: undefined });
        expect(RpcError.is(await world.run(first), Code.Cancelled)).to.equal(true);
        await world.scheduler.advance(100);
        expect(count).to.equal(1);
      });

      it("are made by any method when the server refused them unseen", async () => {
        let count = 0;
        const service = implementNotes({
          ...unimplementedNotes,
          add: async () => {
            count++;
            await new Promise<void>((resolve) => world.scheduler.setTimer(50, resolve));
            return {};
          },
        });
        const limits = { maxRunningHandlers: 1 };
        const notes = createNotesClient(await open[kind]({ services: [service], limits }, [retry(LONGEST)]));
        const both = Promise.all([notes.add({ name: "a" }), notes.add({ name: "b" })]);
        await world.scheduler.advance(200);
        await world.run(both);
        expect(count).to.equal(2);
      });

      it("ask the next interceptor when the first has nothing to say", async () => {
        const asked: string[] = [];
        const named =
          (name: string, waitMs: number | undefined): Interceptor =>
          (call, next) => {
            call.retryWhen(({ attempt }) => {
              asked.push(`${name} ${attempt}`);
              return attempt === 1 ? waitMs : undefined;
            });
            return next(call);
          };
        const notes = await openNotes(busy, [named("a", undefined), named("b", 5), named("c", 50)]);
        const failing = rejectionOf(notes.read({}));
        await world.scheduler.advance(5);
        await world.run(failing);
        expect(asked).to.deep.equal(["a 1", "b 1", "a 2", "b 2", "c 2"]);
      });

      for (const [what, decide, message] of [
        [
          "throws",
          () => {
            throw new Error("a mistake");
          },
          "[internal] a mistake",
        ],
        ["names no time", () => Number.NaN, "[internal] retryWhen was told to wait NaN ms, expected 0 … 2147483647"],
        ["names a time before now", () => -1, "[internal] retryWhen was told to wait -1 ms, expected 0 … 2147483647"],
      ] as const) {
        it(`fail when who decides ${what}`, async () => {
          const notes = await openNotes(busy, [
            (call, next) => {
              call.retryWhen(decide);
              return next(call);
            },
          ]);
          expect(await world.run(rejectionOf(notes.read({})))).to.have.property("message", message);
        });
      }
    });
  }

  it("aren't on a connection that has ended", async () => {
    const seen: FailedAttempt[] = [];
    const service = implementNotes({ ...unimplementedNotes, read: () => new Promise<never>(() => {}) });
    world.expectsRunningHandlers = true;
    const { connection } = await world.pair({ services: [service] }, { interceptors: [persistent(seen)] });
    const failing = rejectionOf(createNotesClient(connection).read({}));
    await world.scheduler.settle();
    world.lose(connection);
    expect(RpcError.is(await world.run(failing), Code.Unavailable)).to.equal(true);
    expect(seen).to.deep.equal([]);
  });

  it("aren't by interceptors of the server, which may say so all the same", async () => {
    const seen: FailedAttempt[] = [];
    let count = 0;
    const service = implementNotes({
      ...unimplementedNotes,
      read: () => {
        count++;
        return busy();
      },
    });
    const { connection } = await world.pair({ services: [service], interceptors: [persistent(seen)] });
    await world.run(rejectionOf(createNotesClient(connection).read({})));
    await world.scheduler.advance(100);
    expect([count, seen.length]).to.deep.equal([1, 0]);
  });

  describe("retry()", () => {
    it("draws waits from 0 up to the longest, which stops growing at maxMs", async () => {
      const draws = [0.5, 0, 1, 1, 1];
      const times: number[] = [];
      const service = implementNotes({
        ...unimplementedNotes,
        read: () => {
          times.push(world.scheduler.now());
          return busy();
        },
      });
      const options: RetryOptions = {
        maxAttempts: 6,
        backoff: { initialMs: 10, factor: 10, maxMs: 200 },
        random: () => draws.shift() ?? 0,
      };
      const { connection } = await world.pair({ services: [service] }, { interceptors: [retry(options)] });
      const failing = rejectionOf(createNotesClient(connection).read({}));
      await world.scheduler.advance(1_000);
      await world.run(failing);
      const [first = 0] = times;
      expect(times.map((time) => time - first)).to.deep.equal([0, 5, 5, 205, 405, 605]);
    });

    it("takes other codes, and methods that promise nothing, when it is told to", async () => {
      let count = 0;
      const service = implementNotes({
        ...unimplementedNotes,
        add: () => {
          if (++count === 1) throw new RpcError(Code.Aborted, "a conflict");
          return {};
        },
      });
      const options: RetryOptions = { ...LONGEST, codes: [Code.Aborted], assumeIdempotent: true };
      const { connection } = await world.pair({ services: [service] }, { interceptors: [retry(options)] });
      const adding = createNotesClient(connection).add({});
      await world.scheduler.advance(100);
      await world.run(adding);
      expect(count).to.equal(2);
    });

    for (const [options, message] of [
      [{ maxAttempts: 0 }, "maxAttempts is 0, expected a whole number from 1 on"],
      [{ codes: ["unavailable" as never] }, 'codes hold "unavailable", expected such as Code.Unavailable'],
      [{ maxAttempts: 1.5 }, "maxAttempts is 1.5, expected a whole number from 1 on"],
      [{ backoff: { initialMs: 0 } }, "backoff.initialMs is 0, expected 1 … 2147483647"],
    ] as const) {
      it(`refuses ${JSON.stringify(options)}`, () => {
        expect(() => retry(options)).to.throw(RangeError, message);
      });
    }
  });
});
