// SPDX-License-Identifier: Apache-2.0
// What users do by accident, or with good reason and nobody thought of it: nothing hangs, nothing falls, and who did it is told.

import { expect } from "chai";
import { type CallContext, Code, ConnectError, type Interceptor, RpcError, serveWith } from "rsocket-rpc";
import { resolveSettings } from "rsocket-rpc/rsocket";
import { scriptedPeer } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf, rsocketOf } from "../../support/rpc-world.js";

const ticker = (handler: Partial<TickerHandler>) => implementTicker({ ...unimplementedTicker, ...handler });

/** A proxy of which nothing can be told. */
function untold(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe("slips", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  it("an interceptor that waits: streams of requests that have ended meanwhile end", async () => {
    const waiting: Interceptor = async (call, next) => {
      await new Promise((resolve) => world.scheduler.setTimer(10, () => resolve(undefined)));
      return await next(call);
    };
    const services = [
      ticker({
        async upload(quotes) {
          return { count: (await collect(quotes)).length };
        },
        async *chat(lines) {
          yield { text: String((await collect(lines)).length) };
        },
      }),
    ];
    for (const interceptors of [[waiting], []]) {
      const { connection } = await world.pair({ services, interceptors });
      const client = createTickerClient(connection);
      for (const count of [0, 1, 2, 40]) {
        const uploading = client.upload(Array.from({ length: count }, () => ({})));
        const chatting = collect(client.chat(Array.from({ length: count }, () => ({}))));
        await world.scheduler.advance(50);
        expect((await world.run(uploading)).count).to.equal(count);
        expect((await world.run(chatting)).map(({ text }) => text)).to.deep.equal([String(count)]);
      }
    }
  });

  it("a handler that throws what can't be looked at: its call fails, and no other", async () => {
    const told: unknown[] = [];
    const { connection } = await world.pair({
      services: [
        ticker({
          last: ({ name }) => {
            if (name !== "good") throw untold();
            return { symbol: name };
          },
          async *watch() {
            yield {};
            throw untold();
          },
          log: async () => {
            throw untold();
          },
        }),
      ],
      observer: { onHandlerError: (error) => void told.push(error) },
    });
    const client = createTickerClient(connection);
    const good = client.last({ name: "good" });
    await world.run(client.log({}));
    const failed = [rejectionOf(client.last({})), rejectionOf(collect(client.watch({})))];
    for (const call of failed)
      expect(await world.run(call)).to.include({ code: Code.Internal, rawMessage: "internal error" });
    expect((await world.run(good)).symbol).to.equal("good");
    await world.scheduler.settle();
    expect(told).to.have.length(3);
    expect(RpcError.is(untold())).to.equal(false);
    expect(RpcError.from(untold()).code).to.equal(Code.Internal);
  });

  it("an observer that throws, or rejects: its fault is printed, and nothing else falls", async () => {
    const printed: unknown[][] = [];
    const { error: original } = console;
    console.error = (...texts) => void printed.push(texts);
    try {
      const services = [
        ticker({
          last: async ({ name }) => {
            if (name === "good") return { symbol: name };
            throw new TypeError("a bug");
          },
        }),
      ];
      for (const onHandlerError of [
        () => {
          throw new Error("a bug of the observer");
        },
        (() => Promise.reject(new Error("a bug of the observer"))) as () => void,
      ]) {
        const { connection } = await world.pair({ services, observer: { onHandlerError } });
        const client = createTickerClient(connection);
        const good = client.last({ name: "good" });
        expect(await world.run(rejectionOf(client.last({})))).to.include({ code: Code.Internal });
        expect((await world.run(good)).symbol).to.equal("good");
      }
    } finally {
      console.error = original;
    }
    expect(printed.map(([text]) => text)).to.include("rsocket-rpc: observer.onHandlerError threw:");
  });

  it("an onEnd listener that rejects: the observer is told", async () => {
    const told: unknown[] = [];
    const failing: Interceptor = (call, next) => {
      // What the linter finds others don't.
      call.onEnd((() => Promise.reject(new Error("a bug at the end"))) as () => void);
      return next(call);
    };
    const { connection } = await world.pair({
      services: [ticker({ last: () => ({}) })],
      interceptors: [failing],
      observer: { onCleanupError: (error) => void told.push(error) },
    });
    await world.run(createTickerClient(connection).last({}));
    await world.scheduler.settle();
    expect(told.map(String)).to.deep.equal(["Error: a bug at the end"]);
  });

  it("a fire-and-forget handler that waits for ever: it outlives its connection, and is told when the server has closed", async () => {
    for (const graceMs of [0, 300]) {
      const reasons: unknown[] = [];
      const log: TickerHandler["log"] = (_line, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            resolve();
          });
        });
      const server = await world.serve({ services: [ticker({ log })] });
      const connection = await world.connect(server);
      await world.run(createTickerClient(connection).log({}));
      await world.scheduler.settle();
      await world.run(connection.close());
      expect([server.runningHandlers, reasons]).to.deep.equal([1, []]);
      const closing = server.close({ graceMs });
      await world.scheduler.advance(graceMs);
      await world.run(closing);
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(0);
      expect(reasons).to.have.length(1);
      expect(reasons[0]).to.include({ code: Code.Unavailable, rawMessage: "server is closed" });
    }
  });

  it("an accept that is broken is no refusal for good: the client may try again", async () => {
    const server = await world.serve({
      services: [],
      accept: () => {
        throw new TypeError("the database is down");
      },
      observer: {},
    });
    const error = await world.run(rejectionOf(server.connect({ scheduler: world.scheduler })));
    expect(error).to.be.instanceOf(ConnectError).and.to.include({ code: Code.Unavailable });
  });

  it("headers of the connection that can't be sent are the caller's mistake", async () => {
    const server = await world.serve({ services: [] });
    const connecting = server.connect({ scheduler: world.scheduler, headers: { "X Y": "1" } });
    const error = await world.run(rejectionOf(connecting));
    expect(error).to.be.instanceOf(ConnectError).and.to.include({ code: Code.InvalidArgument });
    expect(String(error)).to.match(/the header key "x y" can't be sent/);
  });

  it("a controller in the place of its signal: its calls fail, twice, and no other", async () => {
    const { connection } = await world.pair({ services: [ticker({ last: ({ name }) => ({ symbol: name }) })] });
    const client = createTickerClient(connection);
    const signal = new AbortController() as unknown as AbortSignal;
    for (let i = 0; i < 2; i++) {
      const error = await world.run(rejectionOf(client.last({}, { signal })));
      expect(error).to.include({
        code: Code.InvalidArgument,
        rawMessage: "signal is an AbortController, expected an AbortSignal, such as controller.signal",
      });
    }
    expect((await world.run(client.last({ name: "x" }))).symbol).to.equal("x");
  });

  it("a token's provider that fails is no wrong option", async () => {
    const server = await world.serve({ services: [] });
    const bearerToken = () => {
      throw new RangeError("Invalid time value");
    };
    const error = await world.run(rejectionOf(server.connect({ scheduler: world.scheduler, bearerToken })));
    expect(error).to.be.instanceOf(ConnectError).and.to.include({ rawMessage: "Invalid time value" });
  });

  it("a time for connecting that is none", async () => {
    const server = await world.serve({ services: [] });
    for (const timeoutMs of [Number.NaN, -1, "x" as unknown as number, 2 ** 31]) {
      const error = await world.run(rejectionOf(server.connect({ scheduler: world.scheduler, timeoutMs })));
      expect(String(error)).to.match(
        /timeoutMs is (NaN|-1|2147483648), expected 0|timeoutMs is "x", expected a number/,
      );
    }
  });

  it("a larger maxMessageBytes alone: such messages fit while they are put together", () => {
    const { limits } = resolveSettings({ limits: { maxMessageBytes: 64_000_000 } });
    expect(limits.maxReassemblyBytes).to.equal(64_000_000 + limits.maxMetadataBytes);
    expect(resolveSettings({ limits: { maxMessageBytes: 5_000_000 } }).limits.maxReassemblyBytes).to.equal(16_777_216);
    const both = { maxMessageBytes: 64_000_000, maxReassemblyBytes: 1_000 };
    expect(resolveSettings({ limits: both }).limits.maxReassemblyBytes).to.equal(1_000);
  });

  it("a preset that doesn't exist", () => {
    const preset = "egde" as "edge";
    expect(() => resolveSettings({ preset })).to.throw(RangeError, 'preset is "egde", expected "standard" or "edge"');
  });

  it("a stream of requests that has given nothing yet: its call ends with its connection", async () => {
    for (const end of ["close", "server", "loss"] as const) {
      const server = await world.serve({ services: [ticker({})] });
      const connection = await world.connect(server);
      const client = createTickerClient(connection);
      let closed = 0;
      async function* silent(): AsyncGenerator<{ text: string }> {
        try {
          await new Promise(() => {});
        } finally {
          closed++;
        }
        yield { text: "" };
      }
      const calls = [
        rejectionOf(collect(client.chat(silent()))),
        rejectionOf(client.upload({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) })),
      ];
      await world.scheduler.settle();
      if (end === "close") void connection.close({ graceMs: 10_000 });
      else if (end === "server") void server.close({ graceMs: 10_000 });
      else world.lose(connection);
      for (const call of calls) {
        expect(await world.run(call), end).to.include({ code: Code.Unavailable, retryable: true });
      }
      expect(closed).to.equal(0); // a generator amid an await can't be closed
    }
  });

  it("calls that an interceptor holds when the connection ends: they end with it, and hear so by their signal", async () => {
    for (const end of ["close", "server", "lost"] as const) {
      const server = await world.serve({ services: [ticker({})] });
      let aborted = 0;
      const connection = await world.connect(server, {
        interceptors: [
          async (call, next) => {
            call.signal.addEventListener("abort", () => aborted++);
            await new Promise<never>(() => {});
            return await next(call);
          },
        ],
      });
      const client = createTickerClient(connection);
      const calls = [
        client.last({}),
        collect(client.watch({})),
        client.upload([{}]),
        collect(client.chat([{}])),
        client.log({}),
      ];
      const errors = calls.map((call) => rejectionOf(call));
      await world.scheduler.settle();
      if (end === "close") void connection.close({ graceMs: 10_000 });
      else if (end === "server") void server.close({ graceMs: 10_000 });
      else world.lose(connection);
      for (const error of errors) {
        expect(await world.run(error), end).to.include({ code: Code.Unavailable, retryable: true });
      }
      expect(aborted, end).to.equal(calls.length);
    }
  });

  it("a call that an interceptor let pass in time isn't ended twice by its connection", async () => {
    const { connection } = await world.pair(
      { services: [ticker({ last: () => ({ symbol: "A" }) })] },
      {
        interceptors: [
          async (call, next) => {
            await Promise.resolve();
            return await next(call);
          },
        ],
      },
    );
    const client = createTickerClient(connection);
    expect((await world.run(client.last({}))).symbol).to.equal("A");
    const late = rejectionOf(client.last({}, { signal: AbortSignal.abort() }));
    await world.run(connection.close());
    expect(await late).to.include({ code: Code.Cancelled });
    expect(await rejectionOf(client.last({}))).to.include({ code: Code.Unavailable });
  });

  it("a call that an asynchronous interceptor let pass isn't taken for one that was never sent, nor waits any more", async () => {
    const attempts: number[] = [];
    const { connection } = await world.pair(
      {
        services: [
          ticker({
            last: ({ name }) =>
              name === "busy" && attempts.length < 5
                ? Promise.reject(new RpcError(Code.Unavailable, "busy"))
                : new Promise<never>(() => {}),
          }),
        ],
      },
      {
        interceptors: [
          async (call, next) => {
            attempts.push(call.attempt);
            call.retryWhen(({ attempt }) => (attempt < 3 ? 10 : undefined));
            if (call.headers.get("waits") !== undefined) await Promise.resolve();
            return await next(call);
          },
        ],
      },
    );
    world.expectsRunningHandlers = true;
    const rsocket = rsocketOf(connection);
    const waiting = new Set<object>();
    const { addUnopened, withdrawCall } = rsocket;
    rsocket.addUnopened = (call) => {
      waiting.add(call);
      addUnopened.call(rsocket, call);
    };
    rsocket.withdrawCall = (call) => {
      waiting.delete(call);
      withdrawCall.call(rsocket, call);
    };
    const client = createTickerClient(connection);
    const calls = [client.last({}), client.last({}, { headers: { waits: "" } }), client.last({ name: "busy" })];
    const errors = calls.map((call) => rejectionOf(call));
    await world.scheduler.advance(100);
    expect(attempts).to.deep.equal([1, 1, 1, 2, 3]);
    expect(waiting.size).to.equal(0);
    world.lose(connection);
    for (const error of errors) expect(await world.run(error)).to.include({ code: Code.Unavailable, retryable: false });
  });

  it("a server whose listener can't be closed, or one of which never opened: what is open is closed all the same", async () => {
    const broken = { url: "broken:", close: () => Promise.reject(new Error("unlink failed")) };
    const server = await world.run(serveWith([async () => broken], { services: [], scheduler: world.scheduler }));
    const error = await world.run(rejectionOf(server.close()));
    expect(String(error)).to.match(/unlink failed/);
    await world.run(server.closed);

    const [link, peer] = scriptedPeer(world.scheduler);
    const opening = serveWith(
      [
        async (onLink) => {
          onLink(link);
          return { url: "good:", close: async () => {} };
        },
        async () => {
          throw new Error("address in use");
        },
      ],
      { services: [], scheduler: world.scheduler },
    );
    expect(String(await world.run(rejectionOf(opening)))).to.match(/address in use/);
    await world.scheduler.advance(1_100);
    expect(peer.isClosed).to.equal(true);
  });

  it("a signal aborted with what can't be looked at: all its calls end", async () => {
    const { connection } = await world.pair({ services: [ticker({ last: () => new Promise<never>(() => {}) })] });
    world.expectsRunningHandlers = true;
    const client = createTickerClient(connection);
    const controller = new AbortController();
    const calls = [0, 1].map(() => rejectionOf(client.last({}, { signal: controller.signal })));
    await world.scheduler.settle();
    controller.abort(untold());
    for (const call of calls) expect(await world.run(call)).to.include({ code: Code.Cancelled });
  });

  /** With a call that runs, `server` is told to close within a minute, then at once. */
  async function closesWithLessPatience(server: Awaited<ReturnType<typeof world.serve>>): Promise<void> {
    const client = createTickerClient(await world.connect(server));
    const call = rejectionOf(client.last({}));
    await world.scheduler.settle();
    const closing = server.close({ graceMs: 60_000 });
    await world.scheduler.settle();
    void server.close();
    expect(await world.run(call)).to.be.instanceOf(Error);
    await world.scheduler.advance(1_100);
    await world.run(closing);
  }

  it("a server that is told to close again with less patience", async () => {
    const server = await world.serve({
      services: [
        ticker({
          last: (_, { signal }) =>
            new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
        }),
      ],
    });
    await closesWithLessPatience(server);
  });

  it("a server that is told to close again with less patience, with a handler that never ends", async () => {
    const server = await world.serve({ services: [ticker({ last: () => new Promise<never>(() => {}) })] });
    world.expectsRunningHandlers = true;
    await closesWithLessPatience(server);
  });

  it("a request that lives long holds nothing of what was read with it", async () => {
    let context: CallContext | undefined;
    const { peer } = await world.serveSetUp({
      services: [
        ticker({
          async *watch(_, given) {
            context = given;
            await new Promise((_resolve, reject) =>
              given.signal.addEventListener("abort", () => reject(given.signal.reason)),
            );
            yield {};
          },
        }),
      ],
    });
    // Tracing: a=b; user metadata: 5 bytes.
    const route = "0001000e64656d6f2e76312e5469636b657200055761746368";
    peer.send(`000000011900${"0000000a"}${"000026"}${route}${"0006"}${"000161000162"}${"0102030405"}`);
    await world.scheduler.settle();
    expect([...(context?.rawMetadata ?? [])]).to.deep.equal([1, 2, 3, 4, 5]);
    expect(context?.rawMetadata.buffer.byteLength).to.equal(5);
    expect([...(context?.tracing ?? [])]).to.deep.equal([["a", "b"]]);
    peer.send("000000012400");
  });
});
