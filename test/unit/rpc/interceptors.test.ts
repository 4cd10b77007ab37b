// SPDX-License-Identifier: Apache-2.0
// Interceptors: one type for all shapes and both sides, around a call and never in its items' way.

import { expect } from "chai";
import {
  type Call,
  type CallEnd,
  type CallOptions,
  Code,
  createContextKey,
  type Interceptor,
  RpcError,
  type ServeOptions,
} from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../../support/rpc-world.js";

type Shape = "unary" | "server stream" | "client stream" | "bidi" | "fire-and-forget";
const SHAPES: readonly Shape[] = ["unary", "server stream", "client stream", "bidi", "fire-and-forget"];

const make: Readonly<Record<Shape, (ticker: TickerClient, options?: CallOptions) => Promise<unknown>>> = {
  unary: (ticker, options) => ticker.last({ name: "x" }, options),
  "server stream": (ticker, options) => collect(ticker.watch({ name: "x" }, options)),
  "client stream": (ticker, options) => ticker.upload([{ price: 1 }, { price: 2 }], options),
  bidi: (ticker, options) => collect(ticker.chat([{ text: "a" }, { text: "b" }], options)),
  "fire-and-forget": (ticker, options) => ticker.log({ text: "x" }, options),
};

const echoing: TickerHandler = {
  last: ({ name }) => ({ symbol: name }),
  watch: () => [{ price: 1 }, { price: 2 }, { price: 3 }],
  async upload(quotes) {
    let count = 0;
    for await (const _quote of quotes) count++;
    return { count };
  },
  async *chat(lines) {
    yield* lines;
  },
  log: () => {},
};

const serves = (handler: Partial<TickerHandler>, options: Partial<ServeOptions> = {}): ServeOptions => ({
  services: [implementTicker({ ...unimplementedTicker, ...handler })],
  ...options,
});

describe("interceptors", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  for (const shape of SHAPES) {
    it(`${shape}: run in order around the call, on both sides, each seeing the method`, async () => {
      const order: string[] = [];
      const named =
        (name: string): Interceptor =>
        async (call, next) => {
          order.push(`${name} ${call.side} ${call.method.service}.${call.method.name} ${call.method.kind}`);
          const reply = await next(call);
          order.push(`${name} passed`);
          return reply;
        };
      const { connection } = await world.pair(serves(echoing, { interceptors: [named("outer"), named("inner")] }), {
        interceptors: [named("first"), named("second")],
      });
      await world.run(make[shape](createTickerClient(connection)));
      await world.scheduler.settle();
      const methods: Readonly<Record<Shape, string>> = {
        unary: "Last unary",
        "server stream": "Watch server_streaming",
        "client stream": "Upload client_streaming",
        bidi: "Chat bidi_streaming",
        "fire-and-forget": "Log fire_and_forget",
      };
      const method = `demo.v1.Ticker.${methods[shape]}`;
      expect(order.filter((entry) => !entry.endsWith("passed"))).to.deep.equal([
        `first client ${method}`,
        `second client ${method}`,
        `outer server ${method}`,
        `inner server ${method}`,
      ]);
      expect(order.filter((entry) => entry.endsWith("passed"))).to.have.members([
        "first passed",
        "second passed",
        "outer passed",
        "inner passed",
      ]);
      expect(order.indexOf("second passed")).to.be.lessThan(order.indexOf("first passed"));
      expect(order.indexOf("inner passed")).to.be.lessThan(order.indexOf("outer passed"));
    });

    it(`${shape}: headers set on the client are sent, and seen on the server`, async () => {
      const seen: unknown[] = [];
      const { connection } = await world.pair(
        serves(echoing, {
          interceptors: [
            (call, next) => {
              seen.push(...call.headers);
              return next(call);
            },
          ],
        }),
        {
          interceptors: [
            async (call, next) => {
              await Promise.resolve();
              call.headers.set("x-token", "abc");
              return await next(call);
            },
          ],
        },
      );
      await world.run(make[shape](createTickerClient(connection), { headers: { "x-user": "ann" } }));
      await world.scheduler.settle();
      expect(seen).to.deep.equal([
        ["x-user", "ann"],
        ["x-token", "abc"],
      ]);
    });

    for (const side of ["client", "server"] as const) {
      for (const when of ["at once", "later"] as const) {
        it(`${shape}: the ${side}'s may refuse ${when}; then no handler is called`, async () => {
          let calls = 0;
          const count = (): never => {
            calls++;
            throw new Error("called");
          };
          const refuse: Interceptor =
            when === "at once"
              ? () => {
                  throw new RpcError(Code.PermissionDenied, "not you");
                }
              : async () => {
                  await new Promise<void>((resolve) => world.scheduler.setTimer(5, resolve));
                  throw new RpcError(Code.PermissionDenied, "not you");
                };
          const { connection, server } = await world.pair(
            serves(
              { last: count, watch: count, upload: count, chat: count, log: count },
              { observer: {}, interceptors: side === "server" ? [refuse] : [] },
            ),
            { interceptors: side === "client" ? [refuse] : [] },
          );
          const outcome = make[shape](createTickerClient(connection)).then(
            () => undefined,
            (error: unknown) => error,
          );
          await world.scheduler.advance(5);
          const error = await world.run(outcome);
          // Nobody answers a fire-and-forget call.
          if (shape === "fire-and-forget" && side === "server") expect(error).to.equal(undefined);
          else expect(error).to.include({ code: Code.PermissionDenied, rawMessage: "not you" });
          expect(calls).to.equal(0);
          expect(server.runningHandlers).to.equal(0);
        });
      }
    }
  }

  it("values travel from accept through interceptors to the handler, and end with the call", async () => {
    const USER = createContextKey("user", "nobody");
    const COUNT = createContextKey("count", 0);
    const seen: unknown[] = [];
    const { connection } = await world.pair(
      serves(
        {
          last: (_request, { values }) => {
            seen.push(values.get(USER), values.get(COUNT));
            return {};
          },
        },
        {
          accept: ({ values }) => void values.set(USER, "ann"),
          interceptors: [
            (call, next) => {
              call.values.set(COUNT, call.values.get(COUNT) + 1);
              return next(call);
            },
          ],
        },
      ),
    );
    const ticker = createTickerClient(connection);
    await world.run(ticker.last({}));
    await world.run(ticker.last({}));
    expect(seen).to.deep.equal(["ann", 1, "ann", 1]);
  });

  it("values of the caller's options are there on the client", async () => {
    const { ContextValues } = await import("rsocket-rpc");
    const RETRY = createContextKey("retry", true);
    const seen: boolean[] = [];
    const { connection } = await world.pair(serves(echoing), {
      interceptors: [
        (call, next) => {
          seen.push(call.values.get(RETRY));
          return next(call);
        },
      ],
    });
    const ticker = createTickerClient(connection);
    await world.run(ticker.last({}, { values: new ContextValues().set(RETRY, false) }));
    await world.run(ticker.last({}));
    expect(seen).to.deep.equal([false, true]);
  });

  it("signal and remaining time are those of the call", async () => {
    const reasons: unknown[] = [];
    const watch: Interceptor = (call, next) => {
      reasons.push(`${call.side} ${String(call.timeoutMs)}`);
      call.signal.addEventListener("abort", () =>
        reasons.push(`${call.side} ${(call.signal.reason as RpcError).code}`),
      );
      return next(call);
    };
    const { connection } = await world.pair(serves({ last: () => new Promise(() => {}) }, { interceptors: [watch] }), {
      interceptors: [watch],
    });
    const failure = rejectionOf(createTickerClient(connection).last({}, { timeoutMs: 100 }));
    await world.scheduler.advance(100);
    await world.run(failure);
    expect(reasons.slice(0, 2)).to.deep.equal(["client 100", "server 100"]);
    expect(reasons.slice(2).sort()).to.deep.equal(["client 4", "server 4"]);
    await abandon(world);
  });

  it("a call that passes nothing on fails, on the client", async () => {
    const silent = (() => undefined) as unknown as Interceptor;
    const { connection } = await world.pair(serves(echoing), { interceptors: [silent] });
    const error = (await world.run(rejectionOf(createTickerClient(connection).last({})))) as RpcError;
    expect(error).to.include({ code: Code.Internal, rawMessage: "an interceptor returned without the reply of next" });
  });

  it("a call that passes nothing on fails, on the server; the observer hears why", async () => {
    const told: unknown[] = [];
    const silent = (() => undefined) as unknown as Interceptor;
    const { connection, server } = await world.pair(
      serves(echoing, {
        interceptors: [silent],
        observer: { onHandlerError: (error) => told.push((error as Error).message) },
      }),
    );
    const error = (await world.run(rejectionOf(createTickerClient(connection).last({})))) as RpcError;
    expect(error).to.include({ code: Code.Internal, rawMessage: "internal error" });
    expect(told).to.deep.equal(["an interceptor returned without the reply of next"]);
    expect(server.runningHandlers).to.equal(0);
  });

  it("forgets to return what next gives, around a handler that answers at once: the observer of the server hears of it", async () => {
    const told: unknown[] = [];
    const forgetful = ((call: Call, next: (call: Call) => unknown) => void next(call)) as unknown as Interceptor;
    const { connection } = await world.pair(
      serves(echoing, {
        interceptors: [forgetful],
        observer: { onCleanupError: (error) => told.push((error as Error).message) },
      }),
    );
    expect(await world.run(createTickerClient(connection).last({ name: "x" }))).to.include({ symbol: "x" });
    expect(told).to.deep.equal(["an interceptor returned without the reply of next"]);
  });

  it("retryWhen wants a function, and says so to the call that it was asked for", async () => {
    const wrong: Interceptor = (call, next) => {
      call.retryWhen(50 as never);
      return next(call);
    };
    const { connection } = await world.pair(serves(echoing), { interceptors: [wrong] });
    const error = (await world.run(rejectionOf(createTickerClient(connection).last({})))) as RpcError;
    expect(error).to.include({ code: Code.Internal, rawMessage: "retryWhen got 50, expected a function" });
  });

  for (const side of ["client", "server"] as const) {
    it(`next called twice is an error, and starts the call once (${side})`, async () => {
      let calls = 0;
      const twice: Interceptor = async (call, next) => {
        await next(call);
        return await next(call);
      };
      const { connection, server } = await world.pair(
        serves({ last: () => ({ price: ++calls }) }, { observer: {}, interceptors: side === "server" ? [twice] : [] }),
        { interceptors: side === "client" ? [twice] : [] },
      );
      const outcome = createTickerClient(connection)
        .last({})
        .catch((error: unknown) => error);
      await world.run(outcome);
      expect(calls).to.be.at.most(1);
      expect(server.runningHandlers).to.equal(0);
    });

    it(`next kept and called after the call was refused does nothing (${side})`, async () => {
      let late: (() => unknown) | undefined;
      let calls = 0;
      const keeping: Interceptor = (call, next) => {
        late = () => next(call);
        throw new RpcError(Code.PermissionDenied, "no");
      };
      const { connection, server } = await world.pair(
        serves({ last: () => ({ price: ++calls }) }, { interceptors: side === "server" ? [keeping] : [] }),
        { interceptors: side === "client" ? [keeping] : [] },
      );
      await world.run(rejectionOf(createTickerClient(connection).last({})));
      late?.();
      await world.scheduler.settle();
      expect(calls).to.equal(0);
      expect(server.runningHandlers).to.equal(0);
    });

    it(`what is thrown after next fails the call (${side})`, async () => {
      const { connection, server } = await world.pair(
        serves(
          { last: () => new Promise(() => {}) },
          { observer: {}, interceptors: side === "server" ? [throwing] : [] },
        ),
        { interceptors: side === "client" ? [throwing] : [] },
      );
      const error = (await world.run(rejectionOf(createTickerClient(connection).last({})))) as RpcError;
      expect(error).to.include({ code: Code.Aborted, rawMessage: "after all" });
      await abandon(world);
      expect(server.runningHandlers).to.be.at.most(1);

      async function throwing(call: Call, next: (call: never) => unknown): Promise<never> {
        await next(call as never);
        throw new RpcError(Code.Aborted, "after all");
      }
    });

    it(`what is thrown behind a call that succeeded is told to the observer, and fails nothing (${side})`, async () => {
      const told: string[] = [];
      const observer = { onCleanupError: (error: unknown) => void told.push(String(error)) };
      const late: Interceptor = async (call, next) => {
        const ended = new Promise<void>((resolve) => call.onEnd(() => resolve()));
        await next(call);
        await ended;
        throw new Error("the audit failed");
      };
      const here = { observer, interceptors: [late] };
      const { connection } = await world.pair(
        serves(echoing, side === "server" ? here : {}),
        side === "client" ? here : {},
      );
      for (const shape of SHAPES) await world.run(make[shape](createTickerClient(connection)));
      await world.scheduler.settle();
      expect(told).to.deep.equal(SHAPES.map(() => "Error: the audit failed"));
    });

    it(`whoever waits for ever holds up its own call only (${side})`, async () => {
      const stuck: Interceptor = async (call, next) => {
        if (call.method.name === "Last") await new Promise(() => {});
        return await next(call);
      };
      const { connection } = await world.pair(serves(echoing, { interceptors: side === "server" ? [stuck] : [] }), {
        interceptors: side === "client" ? [stuck] : [],
      });
      const ticker = createTickerClient(connection);
      const failure = rejectionOf(ticker.last({}, { timeoutMs: 50 }));
      expect(await world.run(collect(ticker.watch({})))).to.have.length(3);
      await world.scheduler.advance(52);
      expect(await world.run(failure)).to.include({ code: Code.DeadlineExceeded });
      await abandon(world);
    });
  }

  // Handlers and interceptors that never end keep their slots: such a world isn't looked at.
  async function abandon(stuck: RpcWorld): Promise<void> {
    await stuck.scheduler.settle();
    stuck.expectsRunningHandlers = true;
  }
});

// ── onEnd ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Way {
  readonly name: string;
  /** The code that each side is told. */
  readonly client: Code | 0;
  readonly server: Code | 0 | undefined;
  readonly handler?: Partial<TickerHandler>;
  readonly options?: (world: RpcWorld, controller: AbortController) => CallOptions;
  /** What happens once the call runs. */
  readonly next?: (world: RpcWorld, tools: { controller: AbortController; lose(): void }) => Promise<void>;
  readonly leaves?: boolean;
  readonly except?: readonly Shape[];
  readonly interceptors?: { readonly client?: Interceptor; readonly server?: Interceptor };
}

const waiting: Partial<TickerHandler> = {
  last: (_request, { signal }) => untilAborted(signal),
  async *watch(_request, { signal }) {
    yield {};
    await untilAborted(signal);
  },
  upload: (_quotes, { signal }) => untilAborted(signal),
  async *chat(_lines, { signal }) {
    yield {};
    await untilAborted(signal);
  },
};

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

const throws = (create: () => unknown): Partial<TickerHandler> => {
  const fail = (): never => {
    throw create();
  };
  return { last: fail, watch: fail, upload: fail, chat: fail, log: fail };
};

const WAYS: readonly Way[] = [
  { name: "success", client: 0, server: 0, handler: echoing },
  {
    name: "a status of the handler",
    client: Code.NotFound,
    server: Code.NotFound,
    handler: throws(() => new RpcError(Code.NotFound, "no")),
  },
  {
    name: "an unexpected throw",
    client: Code.Internal,
    server: Code.Internal,
    handler: throws(() => new Error("oops")),
  },
  { name: "unimplemented", client: Code.Unimplemented, server: Code.Unimplemented, handler: {} },
  {
    name: "abort",
    client: Code.Cancelled,
    server: Code.Cancelled,
    handler: waiting,
    options: (_world, { signal }) => ({ signal }),
    next: async (world, { controller }) => {
      controller.abort();
      await world.scheduler.settle();
    },
    except: ["fire-and-forget"],
  },
  {
    name: "abort before the call",
    client: Code.Cancelled,
    server: undefined,
    options: (_world, controller) => {
      controller.abort();
      return { signal: controller.signal };
    },
  },
  {
    name: "a deadline",
    client: Code.DeadlineExceeded,
    server: Code.DeadlineExceeded,
    handler: waiting,
    options: () => ({ timeoutMs: 40 }),
    next: async (world) => await world.scheduler.advance(44),
    except: ["fire-and-forget"],
  },
  {
    name: "a lost link",
    client: Code.Unavailable,
    server: Code.Unavailable,
    handler: waiting,
    next: async (world, { lose }) => {
      lose();
      await world.scheduler.settle();
    },
    except: ["fire-and-forget"],
  },
  {
    name: "leaving the loop",
    client: Code.Cancelled,
    server: Code.Cancelled,
    handler: waiting,
    leaves: true,
    except: ["unary", "client stream", "fire-and-forget"],
  },
  {
    name: "a refusal on the client",
    client: Code.PermissionDenied,
    server: undefined,
    interceptors: { client: () => Promise.reject(new RpcError(Code.PermissionDenied, "no")) },
  },
  {
    name: "a refusal on the server",
    client: Code.PermissionDenied,
    server: Code.PermissionDenied,
    interceptors: {
      server: () => {
        throw new RpcError(Code.PermissionDenied, "no");
      },
    },
  },
  {
    name: "a wrong option",
    client: Code.InvalidArgument,
    server: undefined,
    options: () => ({ timeoutMs: -1 }),
  },
];

describe("the end of a call, as interceptors are told", () => {
  afterEach(leavesNoTrace);

  for (const way of WAYS) {
    for (const shape of SHAPES.filter((name) => !way.except?.includes(name))) {
      it(`${way.name}, ${shape}: once on each side`, async () => {
        const world = new RpcWorld();
        const ends: { readonly side: string; readonly end: CallEnd }[] = [];
        const record: Interceptor = (call, next) => {
          call.onEnd((end) => ends.push({ side: call.side, end }));
          return next(call);
        };
        const { client, server } = way.interceptors ?? {};
        const { connection } = await world.pair(
          serves(way.handler ?? echoing, {
            observer: {},
            interceptors: server === undefined ? [record] : [record, server],
          }),
          { interceptors: client === undefined ? [record] : [record, client] },
        );
        const controller = new AbortController();
        world.signalOf(controller);
        const ticker = createTickerClient(connection);
        const outcome = (
          way.leaves === true ? leave(shape, ticker) : make[shape](ticker, way.options?.(world, controller))
        ).catch((error: unknown) => error);
        await world.scheduler.settle();
        await way.next?.(world, { controller, lose: () => world.lose(connection) });
        const error = await world.run(outcome);
        await world.scheduler.settle();

        const told = (side: string) => ends.filter((entry) => entry.side === side).map(({ end }) => end);
        const silent = shape === "fire-and-forget" && client === undefined && way.server !== undefined;
        const wrongOption = way.name === "a wrong option" || way.name === "abort before the call";
        expect(
          told("client").map(({ code }) => code),
          "on the client",
        ).to.deep.equal(wrongOption ? [] : [silent ? 0 : way.client]);
        // A caller's deadline is told by its CANCEL or by the handler's own clock, whichever is first.
        const onServer = told("server").map(({ code }) => code);
        if (way.server === Code.DeadlineExceeded)
          expect([[Code.DeadlineExceeded], [Code.Cancelled]]).to.deep.include(onServer);
        else expect(onServer, "on the server").to.deep.equal(way.server === undefined ? [] : [way.server]);
        for (const { end } of ends) {
          expect(end.error === undefined).to.equal(end.code === 0);
          if (end.error !== undefined) expect(end.error.code).to.equal(end.code);
          expect(end.durationMs).to.be.at.least(0);
        }
        if (!silent && way.leaves !== true && way.client !== 0) expect(error).to.include({ code: way.client });
        if (way.client !== 0) return;
        expect(counts(told("client"))).to.deep.equal([COUNTS[shape].client]);
        expect(counts(told("server"))).to.deep.equal([COUNTS[shape].server]);
      });
    }
  }

  /** Messages sent and received. */
  const COUNTS: Readonly<Record<Shape, { readonly client: [number, number]; readonly server: [number, number] }>> = {
    unary: { client: [1, 1], server: [1, 1] },
    "server stream": { client: [1, 3], server: [3, 1] },
    "client stream": { client: [2, 1], server: [1, 2] },
    bidi: { client: [2, 2], server: [2, 2] },
    "fire-and-forget": { client: [1, 0], server: [0, 1] },
  };

  function counts(ends: readonly CallEnd[]): [number, number][] {
    return ends.map(({ sentCount, receivedCount }) => [sentCount, receivedCount]);
  }

  async function leave(shape: Shape, ticker: TickerClient): Promise<void> {
    for await (const _item of shape === "bidi" ? ticker.chat([{}]) : ticker.watch({})) break;
  }

  it("has the time that the call took, on both sides", async () => {
    const world = new RpcWorld();
    const durations: string[] = [];
    const record: Interceptor = (call, next) => {
      call.onEnd(({ durationMs }) => durations.push(`${call.side} ${durationMs}`));
      return next(call);
    };
    const { connection } = await world.pair(
      serves(
        { last: () => new Promise((resolve) => world.scheduler.setTimer(30, () => resolve({}))) },
        { interceptors: [record] },
      ),
      { interceptors: [record] },
    );
    const answer = createTickerClient(connection).last({});
    await world.scheduler.advance(30);
    await world.run(answer);
    expect(durations.sort()).to.deep.equal(["client 30", "server 30"]);
  });

  it("is told at once to a listener that comes late", async () => {
    const world = new RpcWorld();
    let ended: Call | undefined;
    const { connection } = await world.pair(serves(echoing), {
      interceptors: [
        (call, next) => {
          ended = call;
          return next(call);
        },
      ],
    });
    await world.run(createTickerClient(connection).last({}));
    const codes: number[] = [];
    ended?.onEnd(({ code }) => codes.push(code));
    expect(codes).to.deep.equal([0]);
  });

  it("reaches all listeners, though one of them throws; the observer hears of it", async () => {
    const world = new RpcWorld();
    const told: unknown[] = [];
    const { connection } = await world.pair(serves(echoing), {
      observer: { onCleanupError: (error) => told.push((error as Error).message) },
      interceptors: [
        (call, next) => {
          call.onEnd(() => {
            throw new Error("in a listener");
          });
          call.onEnd(({ code }) => told.push(code));
          return next(call);
        },
      ],
    });
    await world.run(createTickerClient(connection).last({}));
    expect(told).to.deep.equal(["in a listener", 0]);
  });

  it("costs nothing per item: no interceptor is called between the first item and the last", async () => {
    const world = new RpcWorld();
    let calls = 0;
    const count: Interceptor = (call, next) => {
      calls++;
      call.onEnd(() => calls++);
      return next(call);
    };
    const { connection } = await world.pair(
      serves({ watch: () => Array.from({ length: 2_000 }, () => ({})) }, { interceptors: [count] }),
      { interceptors: [count] },
    );
    expect(await world.run(collect(createTickerClient(connection).watch({})))).to.have.length(2_000);
    expect(calls).to.equal(4);
  });
});
