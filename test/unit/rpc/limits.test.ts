// SPDX-License-Identifier: Apache-2.0
// The limits that rpc keeps: each is reached, answered, and survived by the connection.

import { expect } from "chai";
import { Code, ConnectError, type Connection, type Limits, RpcError, type ServeOptions } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { resolveLimits } from "../../../runtime/src/session/settings.js";
import { textHex, uint } from "../../support/frames-dsl.js";
import {
  leavesNoTrace,
  RpcWorld,
  rejectionOf,
  type ScriptedServerSide,
  SETUP_OURS,
  SETUP_UNKNOWN,
} from "../../support/rpc-world.js";

const ROUTE = "0001000e64656d6f2e76312e5469636b6572";
const ENTRY = "176d6573736167652f782e72736f636b65742d7270632e7631";
/** A bare request of Last on stream `id`. */
const last = (id: number): string => `${uint(id, 4)}1100${"00001a"}${ROUTE}${"00044c617374"}${"0000"}`;
/** Last on stream 1 with an Envelope. */
const lastWith = (envelope: string): string =>
  `000000011100${uint(26 + 28 + envelope.length / 2, 3)}${ROUTE}${"00044c617374"}${"0000"}${ENTRY}${uint(envelope.length / 2, 3)}${envelope}`;

const serves = (
  handler: Partial<TickerHandler>,
  limits: Partial<Limits>,
  options: Partial<ServeOptions> = {},
): ServeOptions => ({
  services: [implementTicker({ ...unimplementedTicker, ...handler })],
  limits,
  ...options,
});

describe("the limits of rpc", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  describe("maxRunningHandlers", () => {
    it("refuses calls above it as resource_exhausted, not processed; a slot is free when a handler ends", async () => {
      const answers: (() => void)[] = [];
      const { peer, server } = await world.serveSetUp(
        serves({ last: () => new Promise((resolve) => answers.push(() => resolve({}))) }, { maxRunningHandlers: 2 }),
      );
      for (const id of [1, 3, 5]) peer.send(last(id));
      await world.scheduler.settle();
      // ERROR[REJECTED] stream 5: Envelope{status{8, …}}
      const words = textHex("more than 2 calls are being handled");
      expect(peer.take()).to.deep.equal([`000000052c0000000202${"00"}${"3227"}${"0808"}${"1223"}${words}`]);
      expect(server.runningHandlers).to.equal(2);
      answers[0]?.();
      await world.scheduler.settle();
      peer.send(last(7));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000012860"]);
      for (const answer of answers) answer();
      await world.scheduler.settle();
      expect(peer.take().sort()).to.deep.equal(["000000032860", "000000072860"]);
    });

    it("counts a handler until it ends, not until its call is cancelled", async () => {
      let release = (): void => {};
      const { peer, server } = await world.serveSetUp(
        serves(
          {
            last: () =>
              new Promise((resolve) => {
                release = () => resolve({});
              }),
          },
          { maxRunningHandlers: 1 },
        ),
        SETUP_UNKNOWN,
      );
      peer.send(last(1));
      await world.scheduler.settle();
      peer.send("000000012400");
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(1);
      peer.send(last(3));
      await world.scheduler.settle();
      expect(peer.take()[0]?.slice(0, 20)).to.equal("000000032c0000000202");
      release();
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(0);
    });

    it("is of the whole server, over all its connections", async () => {
      const answers: (() => void)[] = [];
      const server = await world.serve(
        serves({ last: () => new Promise((resolve) => answers.push(() => resolve({}))) }, { maxRunningHandlers: 1 }),
      );
      const [first, second] = [await world.connect(server), await world.connect(server)] as [Connection, Connection];
      const answer = createTickerClient(first).last({});
      await world.scheduler.settle();
      const error = (await world.run(rejectionOf(createTickerClient(second).last({})))) as RpcError;
      expect(error).to.include({ code: Code.ResourceExhausted, retryable: true });
      answers[0]?.();
      await world.run(answer);
    });

    it("tells the observer of a fire-and-forget call that it refuses", async () => {
      let release = (): void => {};
      const told: unknown[] = [];
      const { connection } = await world.pair(
        serves(
          {
            log: () =>
              new Promise((resolve) => {
                release = resolve;
              }),
          },
          { maxRunningHandlers: 1 },
          { observer: { onHandlerError: (error) => told.push((error as RpcError).code) } },
        ),
      );
      const ticker = createTickerClient(connection);
      await world.run(ticker.log({}));
      await world.run(ticker.log({}));
      await world.scheduler.settle();
      expect(told).to.deep.equal([Code.ResourceExhausted]);
      release();
    });
  });

  describe("maxHandlersPerConnection", () => {
    // Handlers that end when they are told to, whatever becomes of their calls.
    function deaf(): { readonly handler: Partial<TickerHandler>; release(): void } {
      const answers: (() => void)[] = [];
      return {
        handler: { last: () => new Promise((resolve) => answers.push(() => resolve({}))) },
        release: () => {
          for (const answer of answers.splice(0)) answer();
        },
      };
    }

    it("refuses calls of a connection above it as resource_exhausted; those of others are served", async () => {
      const { handler, release } = deaf();
      const limits = { maxRunningHandlers: 10, maxHandlersPerConnection: 2 };
      const server = await world.serve(serves(handler, limits));
      const [greedy, modest] = [await world.connect(server), await world.connect(server)] as [Connection, Connection];
      const answers = [1, 2].map(() => createTickerClient(greedy).last({}));
      await world.scheduler.settle();
      const error = (await world.run(rejectionOf(createTickerClient(greedy).last({})))) as RpcError;
      expect(error).to.include({ code: Code.ResourceExhausted, retryable: true });
      expect(error.rawMessage).to.equal("more than 2 calls of one connection are being handled");
      answers.push(createTickerClient(modest).last({}));
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(3);
      release();
      await world.run(Promise.all(answers));
      expect(server.runningHandlers).to.equal(0);
    });

    it("counts handlers that go on after CANCEL, until they end", async () => {
      const { handler, release } = deaf();
      const { peer, server } = await world.serveSetUp(serves(handler, { maxHandlersPerConnection: 2 }));
      for (const id of [1, 3]) {
        peer.send(last(id));
        peer.send(`${uint(id, 4)}2400`);
      }
      peer.send(last(5));
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(2);
      expect(peer.take()[0]?.slice(0, 20)).to.equal("000000052c0000000202");
      release();
      await world.scheduler.settle();
      peer.send(last(7));
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(1);
      release();
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000072860"]);
    });

    it("leaves room to others, however many connections take what they can get", async () => {
      const { handler, release } = deaf();
      const server = await world.serve(serves(handler, { maxRunningHandlers: 100, maxHandlersPerConnection: 90 }));
      const answers: Promise<unknown>[] = [];
      // As many as it gets, and one that it doesn't get.
      const take = async (connection: Connection): Promise<{ readonly taken: number; readonly error: RpcError }> => {
        for (;;) {
          const before = server.runningHandlers;
          const answer = createTickerClient(connection).last({});
          answer.catch(() => {});
          await world.scheduler.settle();
          if (server.runningHandlers === before) {
            return { taken: before, error: (await world.run(rejectionOf(answer))) as RpcError };
          }
          answers.push(answer);
        }
      };
      const [first, second, third] = [
        await world.connect(server),
        await world.connect(server),
        await world.connect(server),
      ] as [Connection, Connection, Connection];
      expect((await take(first)).taken).to.equal(90);
      // Nine tenths of what is left.
      const { taken, error } = await take(second);
      expect(taken).to.equal(99);
      expect(error).to.include({ code: Code.ResourceExhausted, retryable: true });
      expect(error.rawMessage).to.equal("more than 9 calls of one connection are being handled");
      expect((await take(third)).taken).to.equal(100);
      release();
      await world.run(Promise.all(answers));
    });

    it("lets one connection have all that are allowed, where no other has any", async () => {
      const { handler, release } = deaf();
      const server = await world.serve(serves(handler, { maxRunningHandlers: 20 }));
      const [only, idle] = [await world.connect(server), await world.connect(server)] as [Connection, Connection];
      const answers = Array.from({ length: 20 }, () => createTickerClient(only).last({}));
      await world.scheduler.settle();
      expect(server.runningHandlers).to.equal(20);
      const error = (await world.run(rejectionOf(createTickerClient(idle).last({})))) as RpcError;
      expect(error.rawMessage).to.equal("more than 20 calls are being handled");
      release();
      await world.run(Promise.all(answers));
    });

    it("leaves a tenth of all handlers to the others unless told otherwise, nine tenths with the preset edge", () => {
      const [standard, edge] = [resolveLimits(), resolveLimits({}, "edge")];
      expect(standard.maxHandlersPerConnection).to.equal(0.9 * standard.maxRunningHandlers);
      expect(edge.maxHandlersPerConnection).to.equal(0.1 * edge.maxRunningHandlers);
    });
  });

  describe("maxTimeoutMs", () => {
    it("cuts the deadline that a call carries, and gives none to a call without", async () => {
      const remaining: (number | undefined)[] = [];
      const { peer } = await world.serveSetUp(
        serves(
          {
            last: (_request, { remainingMs }) => {
              remaining.push(remainingMs());
              return {};
            },
          },
          { maxTimeoutMs: 5_000 },
        ),
      );
      peer.send(lastWith("10f02e")); // timeout_ms 6,000
      await world.scheduler.settle();
      peer.send(lastWith("10d00f").replace("00000001", "00000003")); // 2,000
      peer.send(last(5));
      await world.scheduler.settle();
      expect(remaining).to.deep.equal([5_000, 2_000, undefined]);
    });

    it("of one hour by default", async () => {
      const { peer } = await world.serveSetUp(
        serves({ last: (_request, context) => ({ price: context.remainingMs() ?? 0 }) }, {}),
      );
      peer.send(lastWith("10ffffffff07"));
      await world.scheduler.settle();
      // Quote{price: 3,600,000}
      expect(peer.take()).to.deep.equal(["000000012860" + "11" + "0000000040774b41"]);
    });
  });

  it("a deadline counts from the request's first fragment", async () => {
    const remaining: (number | undefined)[] = [];
    const { peer } = await world.serveSetUp(
      serves(
        {
          last: (_request, context) => {
            remaining.push(context.remainingMs());
            return {};
          },
        },
        {},
      ),
    );
    const whole = lastWith("10d00f");
    peer.send(`000000011180${whole.slice(12)}`); // F: the data follows
    await world.scheduler.advance(700);
    peer.send("0000000128200a0161");
    await world.scheduler.settle();
    expect(remaining).to.deep.equal([1_300]);
    peer.take();
    // A deadline that is over when the request is whole: the handler isn't called.
    peer.send(`000000031180${whole.slice(12)}`);
    await world.scheduler.advance(2_000);
    peer.send("0000000328200a0161");
    await world.scheduler.settle();
    expect(remaining).to.have.length(1);
    expect(peer.take()).to.deep.equal([
      `000000032c0000000201${"00"}${"3215"}${"0804"}${"1211"}${textHex("deadline exceeded")}`,
    ]);
  });

  it("a deadline of 0 isn't served", async () => {
    let calls = 0;
    const { peer } = await world.serveSetUp(serves({ last: () => ({ price: ++calls }) }, {}));
    peer.send(lastWith("1000"));
    await world.scheduler.settle();
    expect(peer.take()[0]?.slice(0, 20)).to.equal("000000012c0000000201");
    expect(calls).to.equal(0);
  });

  it("maxErrorTextBytes cuts what a handler's error says, between characters", async () => {
    const fail = (): never => {
      throw new RpcError(Code.NotFound, "aaöö");
    };
    for (const [setup, data] of [
      [SETUP_UNKNOWN, textHex("aaö")],
      [SETUP_OURS, `00${"3208"}${"0805"}${"1204"}${textHex("aaö")}`],
    ] as const) {
      const { peer } = await world.serveSetUp(serves({ last: fail }, { maxErrorTextBytes: 5 }), setup);
      peer.send(last(1));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([`000000012c0000000201${data}`]);
    }
  });

  it("maxErrorDetailsBytes leaves out details that don't fit any more, and trailers that take more", async () => {
    const detail = { typeUrl: "t/x.Y", value: new Uint8Array(60) };
    const small = { typeUrl: "t/x.Z", value: new Uint8Array(1) };
    const { peer } = await world.serveSetUp(
      serves(
        {
          last: (_request, { responseTrailers }) => {
            responseTrailers.set("x-long", "x".repeat(200));
            throw new RpcError(Code.NotFound, "no", { details: [detail, detail, small] });
          },
        },
        { maxErrorDetailsBytes: 100 },
      ),
    );
    peer.send(last(1));
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([
      `000000012c0000000201${"00"}${"3259"}${"0805"}${"1202"}${textHex("no")}` +
        `${"1a45"}${"0a05"}${textHex("t/x.Y")}${"123c"}${"00".repeat(60)}${"1a0a"}${"0a05"}${textHex("t/x.Z")}${"120100"}`,
    ]);
  });

  it("maxMetadataEntries bounds the entries of a request in composite mode", async () => {
    const composite = "6d6573736167652f782e72736f636b65742e636f6d706f736974652d6d657461646174612e7630";
    const setup = `0000000004000001000000004e2000015f90${"27"}${composite}${"1a"}${textHex("application/x-rsocket-test")}`;
    const route = `fe000014${"13"}${textHex("demo.v1.Ticker.Last")}`;
    const { peer } = await world.serveSetUp(serves({ last: () => ({}) }, { maxMetadataEntries: 3 }), setup);
    const request = (id: number, count: number): string => {
      const metadata = route + "86000000".repeat(count);
      return `${uint(id, 4)}1100${uint(metadata.length / 2, 3)}${metadata}`;
    };
    peer.send(request(1, 2));
    peer.send(request(3, 3));
    await world.scheduler.settle();
    const [first, second] = peer.take();
    expect(first).to.equal("000000012860");
    expect(second?.slice(0, 20)).to.equal("000000032c0000000204");
    expect(peer.isClosed).to.equal(false);
  });

  describe("maxWaitingBytes", () => {
    const limits = { maxUnconsumedBytes: 50, maxWaitingBytes: 100 };
    const UPLOAD = `${ROUTE}0006${textHex("Upload")}0000`;
    /** Quote{symbol: 38 letters}, 40 bytes */
    const QUOTE = `0a26${textHex("x".repeat(38))}`;
    const WATCH = `${ROUTE}0005${textHex("Watch")}0000`;
    const TEXT = "messages of 120 bytes wait for their consumers on this connection, expected at most 100";

    it("a client's items that no handler reads: the call that is too much ends, the others go on", async () => {
      const ended: unknown[] = [];
      const upload: TickerHandler["upload"] = (_quotes, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            ended.push(signal.reason);
            reject(signal.reason);
          });
        });
      const { peer, server } = await world.serveSetUp(serves({ upload, last: () => ({}) }, limits));
      peer.send(`000000011d00${"00000002"}00001c${UPLOAD}${QUOTE}`);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000012000" + "00000003"]);
      peer.send(`000000012820${QUOTE}`);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
      peer.send(`000000012820${QUOTE}`);
      await world.scheduler.settle();
      // REJECTED, with an Envelope that says status {code: 8, message}.
      expect(peer.take()).to.deep.equal([`000000012c00${"00000202"}00325b08081257${textHex(TEXT)}`]);
      expect(ended).to.have.length(1);
      expect(ended[0]).to.include({ code: Code.ResourceExhausted, rawMessage: TEXT });
      expect(server.runningHandlers).to.equal(0);
      peer.send(last(3));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000032860"]);
    });

    it("a server's items that nobody reads: the stream is cancelled, and its consumer hears why", async () => {
      const { connection, peer } = await world.connectScripted({ limits });
      const items = createTickerClient(connection).watch({})[Symbol.asyncIterator]();
      const first = items.next();
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([`000000011900${"00000020"}00001b${WATCH}`]);
      for (let i = 0; i < 4; i++) peer.send(`000000012820${QUOTE}`);
      await world.scheduler.settle();
      expect((await world.run(first)).done).to.equal(false);
      expect(peer.take()).to.deep.equal(["000000012400"]);
      expect(await world.run(rejectionOf(items.next()))).to.include({
        code: Code.ResourceExhausted,
        rawMessage: TEXT,
      });
      expect((await world.run(items.next())).done).to.equal(true);
    });
  });

  describe("maxQueuedCalls", () => {
    /** A client whose link takes nothing more than its next write. */
    async function connectStuck(limits: Partial<Limits>): Promise<ScriptedServerSide> {
      const side = await world.connectScripted({ limits: { producerPauseBytes: 1_000, ...limits } });
      side.gate.shut();
      return side;
    }

    it("lets calls wait unencoded, in order, and fails those above it as resource_exhausted", async () => {
      const { connection, peer, gate } = await connectStuck({ maxQueuedCalls: 3 });
      const ticker = createTickerClient(connection);
      const outcomes: string[] = [];
      const note = (name: string, call: Promise<unknown>): void => {
        call.then(
          () => outcomes.push(name),
          (error: unknown) => outcomes.push(`${name} ${(error as RpcError).code} ${(error as RpcError).retryable}`),
        );
      };
      // The first blocks the link, the second fills the queue up to its mark.
      note("first", ticker.log({}));
      await world.scheduler.settle();
      note("filling", ticker.log({ text: "x".repeat(2_000) }));
      await world.scheduler.settle();
      for (let i = 0; i < 5; i++) note(`waiting ${i}`, ticker.log({ text: "y" }));
      await world.scheduler.settle();
      expect(outcomes).to.deep.equal([
        "first",
        `waiting 3 ${Code.ResourceExhausted} true`,
        `waiting 4 ${Code.ResourceExhausted} true`,
      ]);
      peer.take();
      gate.open();
      await world.scheduler.settle();
      expect(outcomes.slice(3)).to.deep.equal(["filling", "waiting 0", "waiting 1", "waiting 2"]);
      expect(peer.take()).to.have.length(4);
    });

    it("a call that waits may be given up: by its signal, its deadline, or with the connection", async () => {
      const { connection, peer } = await connectStuck({});
      const ticker = createTickerClient(connection);
      await world.run(ticker.log({}));
      void ticker.log({ text: "x".repeat(2_000) }).catch(() => {});
      const controller = new AbortController();
      const aborted = rejectionOf(ticker.last({}, { signal: world.signalOf(controller) }));
      const late = rejectionOf(ticker.upload([{}], { timeoutMs: 100 }));
      const lost = rejectionOf(ticker.last({}));
      await world.scheduler.settle();
      peer.take();
      controller.abort();
      expect(await world.run(aborted)).to.include({ code: Code.Cancelled });
      await world.scheduler.advance(104);
      expect(await world.run(late)).to.include({ code: Code.DeadlineExceeded });
      world.lose(connection);
      expect(await world.run(lost)).to.include({ code: Code.Unavailable, retryable: true });
      // Nothing went out but the farewell.
      expect(peer.take().filter((frame) => !frame.startsWith("00000000"))).to.deep.equal([]);
    });
  });

  describe("bytes that are too many fail their call as resource_exhausted", () => {
    const LARGE = "x".repeat(2_000);
    const whole = { fragmentBytes: 1_000_000 };
    const inFragments = { fragmentBytes: 100 };
    const tooLarge = (error: unknown, initiator: "local" | "remote"): void => {
      expect(error).to.include({ code: Code.ResourceExhausted, initiator, retryable: false });
      expect((error as RpcError).rawMessage).to.match(/^message of \d+ bytes is above maxMessageBytes, 1000$/);
    };
    const handler: Partial<TickerHandler> = {
      last: ({ name }) => ({ symbol: name === "" ? LARGE : "" }),
      *watch() {
        yield { symbol: "small" };
        yield { symbol: LARGE };
      },
      async *chat(lines) {
        for await (const line of lines) yield line;
      },
    };

    for (const [how, settings] of Object.entries({ whole, inFragments })) {
      it(`an answer, and an item, above the client's maxMessageBytes: ${how}`, async () => {
        const server = await world.serve({ ...serves(handler, {}), ...settings });
        const ticker = createTickerClient(await world.connect(server, { limits: { maxMessageBytes: 1_000 } }));
        tooLarge(await world.run(rejectionOf(ticker.last({}))), "local");
        const seen: string[] = [];
        const watching = (async () => {
          for await (const { symbol } of ticker.watch({})) seen.push(symbol);
        })();
        tooLarge(await world.run(rejectionOf(watching)), "local");
        expect(seen).to.deep.equal(["small"]);
        await world.run(ticker.last({ name: "x" }));
      });

      it(`a request, and an item, above the server's: ${how}`, async () => {
        const heard: unknown[] = [];
        const chat: TickerHandler["chat"] = async function* (lines) {
          try {
            for await (const line of lines) yield line;
          } catch (error) {
            heard.push(error);
            throw error;
          }
        };
        const server = await world.serve(serves({ ...handler, chat }, { maxMessageBytes: 1_000 }));
        const ticker = createTickerClient(await world.connect(server, settings));
        tooLarge(await world.run(rejectionOf(ticker.last({ name: LARGE }))), "remote");
        const chatting = (async () => {
          for await (const _ of ticker.chat([{ text: "small" }, { text: LARGE }]));
        })();
        tooLarge(await world.run(rejectionOf(chatting)), "remote");
        expect(heard).to.have.length(1);
        tooLarge(heard[0], "local");
        await world.run(ticker.last({ name: "x" }));
      });
    }

    it("the headers of an answer above the client's maxMetadataBytes", async () => {
      const server = await world.serve(
        serves(
          {
            last: (_request, { responseHeaders }) => {
              responseHeaders.set("note", LARGE);
              return {};
            },
          },
          {},
        ),
      );
      const connection = await world.connect(server, { limits: { maxMetadataBytes: 1_000 } });
      const error = (await world.run(rejectionOf(createTickerClient(connection).last({})))) as RpcError;
      expect(error).to.include({ code: Code.ResourceExhausted, initiator: "local" });
      expect(error.rawMessage).to.match(/^metadata of \d+ bytes is above maxMetadataBytes, 1000$/);
    });

    it("fragments above maxReassemblyBytes: of a request, which wasn't processed, of an answer, and of an item", async () => {
      const limits = { maxReassemblyBytes: 1_000 };
      const words = "unfinished data is above maxReassemblyBytes, 1000";
      const server = await world.serve({ ...serves(handler, limits), ...inFragments });
      const ticker = createTickerClient(await world.connect(server, inFragments));
      expect(await world.run(rejectionOf(ticker.last({ name: LARGE })))).to.include({
        code: Code.ResourceExhausted,
        initiator: "remote",
        retryable: true,
        rawMessage: words,
      });
      const chatting = (async () => {
        for await (const _ of ticker.chat([{}, { text: LARGE }]));
      })();
      expect(await world.run(rejectionOf(chatting))).to.include({
        code: Code.ResourceExhausted,
        initiator: "remote",
        retryable: false,
        rawMessage: words,
      });
      const modest = await world.serve({ ...serves(handler, {}), ...inFragments });
      const client = createTickerClient(await world.connect(modest, { limits }));
      expect(await world.run(rejectionOf(client.last({})))).to.include({
        code: Code.ResourceExhausted,
        initiator: "local",
        rawMessage: words,
      });
    });

    it("a client of another make is told so by ERROR[INVALID] and a text", async () => {
      const { peer } = await world.serveSetUp(serves(handler, { maxMessageBytes: 1 }), SETUP_UNKNOWN);
      peer.send(`${last(1)}0a0178`);
      await world.scheduler.settle();
      const words = textHex("message of 3 bytes is above maxMessageBytes, 1");
      expect(peer.take()).to.deep.equal([`000000012c0000000204${words}`]);
    });
  });

  it("maxConnections refuses one more with REJECTED_SETUP, which connect reads", async () => {
    const server = await world.serve(serves({}, { maxConnections: 1 }));
    await world.connect(server);
    const error = (await world.run(rejectionOf(server.connect()))) as ConnectError;
    expect(error).to.be.instanceOf(ConnectError);
    expect(error).to.include({ wireCode: 0x003, initiator: "remote", retryable: true });
    expect(error.message).to.contain("more than 1 connections");
  });

  it("limits of a wrong kind are refused by name, on both sides", async () => {
    expect(await world.run(rejectionOf(world.serve(serves({}, { maxRunningHandlers: 0 }))))).to.be.instanceOf(
      RangeError,
    );
    const server = await world.serve(serves({}, {}));
    const error = await world.run(rejectionOf(server.connect({ limits: { maxQueuedCalls: Number.NaN } })));
    expect((error as Error).message).to.equal("limit maxQueuedCalls is NaN, expected a number above 0");
  });
});
