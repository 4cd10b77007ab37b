// SPDX-License-Identifier: Apache-2.0
// Our extension byte for byte: each frame of data/rpc-extension.json is sent by the real client or server, and read by
// the other.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  Code,
  ConnectError,
  compositeMetadata,
  errorDetail,
  findDetails,
  Metadata,
  RpcError,
  type ServeOptions,
} from "rsocket-rpc";
import { LineSchema } from "../../examples/hello/gen/ticker_pb.js";
import {
  createTickerClient,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../examples/hello/gen/ticker_rsocket.js";
import {
  collect,
  HELLO,
  KEEPALIVE,
  KEEPALIVE_R,
  leavesNoTrace,
  RpcWorld,
  rejectionOf,
  SETUP_UNKNOWN,
} from "../support/rpc-world.js";

interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly bytes: number;
}

const VECTORS = JSON.parse(readFileSync(new URL("./data/rpc-extension.json", import.meta.url), "utf8")) as Vector[];

function vector(name: string): string {
  const found = VECTORS.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  produced.add(name);
  return found.hex;
}

const produced = new Set<string>();
const SETUP = "setup-hello";

function serves(handler: Partial<TickerHandler>, options: Partial<ServeOptions> = {}): ServeOptions {
  return { services: [implementTicker({ ...unimplementedTicker, ...handler })], ...options };
}

describe("the vectors of our extension", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  it("has the length that each vector says", () => {
    for (const { name, hex, bytes } of VECTORS) expect(hex.length / 2, name).to.equal(bytes);
  });

  describe("establishment", () => {
    it("sends setup-hello alone and a KEEPALIVE with R right behind it", async () => {
      const { peer } = world.dialScripted();
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector(SETUP), KEEPALIVE_R]);
    });

    it("answers setup-hello with hello-answer before any other frame", async () => {
      const { peer } = await world.serveScripted(serves({}));
      peer.send(vector(SETUP));
      peer.send(KEEPALIVE_R);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("hello-answer"), KEEPALIVE]);
    });

    it("says hello-answer first even when accept takes its time and requests wait behind SETUP", async () => {
      const { peer } = await world.serveScripted(
        serves(
          { last: () => ({ symbol: "ACME", price: 42 }) },
          { accept: () => new Promise((resolve) => world.scheduler.setTimer(50, resolve)) },
        ),
      );
      peer.send(vector(SETUP));
      peer.send(vector("unary-request-bare"));
      peer.send(KEEPALIVE_R);
      await world.scheduler.advance(49);
      expect(peer.take()).to.deep.equal([]);
      await world.scheduler.advance(1);
      expect(peer.take()).to.deep.equal([
        vector("hello-answer"),
        KEEPALIVE,
        "000000012860" + "0a0441434d45110000000000004540", // PAYLOAD[N C] Quote{ACME, 42}
      ]);
    });

    it("sends no METADATA_PUSH to a client without hello", async () => {
      const { peer } = await world.serveScripted(serves({}));
      peer.send(SETUP_UNKNOWN);
      peer.send(KEEPALIVE_R);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([KEEPALIVE]);
    });

    it("refuses a SETUP with setup-rejected, which connect reads as code and text", async () => {
      const options = serves({}, { accept: () => Promise.reject(new RpcError(Code.Unauthenticated, "unknown token")) });
      const { peer } = await world.serveScripted(options);
      peer.send(vector(SETUP));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("setup-rejected")]);
      expect(peer.isClosed).to.equal(true);

      const { connecting, peer: refusing } = world.dialScripted();
      await world.scheduler.settle();
      refusing.send(vector("setup-rejected"));
      const error = (await world.run(rejectionOf(connecting))) as ConnectError;
      expect(error).to.be.instanceOf(ConnectError);
      expect(error).to.include({
        code: Code.Unauthenticated,
        rawMessage: "unknown token",
        wireCode: 0x003,
        initiator: "remote",
      });
    });

    it("refuses the SETUP of another client with text", async () => {
      const options = serves({}, { accept: () => Promise.reject(new RpcError(Code.Unauthenticated, "unknown token")) });
      const { peer } = await world.serveScripted(options);
      peer.send(SETUP_UNKNOWN);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000002c0000000003" + "756e6b6e6f776e20746f6b656e"]);
    });
  });

  describe("a unary call", () => {
    const headers: readonly (readonly [string, string | Uint8Array])[] = [
      ["x-user", "ann"],
      ["x-id-bin", Uint8Array.of(0xab, 0xab, 0xab)],
    ];

    it("is sent as unary-request-rpc with deadline and headers", async () => {
      const { connection, peer } = await world.connectScripted();
      const answer = createTickerClient(connection).last({ name: "ACME" }, { timeoutMs: 2_000, headers });
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("unary-request-rpc")]);
      peer.send("000000012860");
      await world.run(answer);
    });

    it("is sent as unary-request-composite in composite mode", async () => {
      const { connection, peer } = await world.connectScripted({ metadataMode: compositeMetadata });
      const answer = createTickerClient(connection).last({ name: "ACME" }, { timeoutMs: 2_000, headers });
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("unary-request-composite")]);
      peer.send("000000012860");
      await world.run(answer);
    });

    it("is sent as unary-request-bare without deadline and headers, even when the peer is ours", async () => {
      const { connection, peer } = await world.connectScripted();
      const answer = createTickerClient(connection).last({ name: "ACME" });
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("unary-request-bare")]);
      peer.send("000000012860");
      await world.run(answer);
    });

    it("sends what is left of its deadline, rounded up, when its turn comes", async () => {
      const { connection, peer } = await world.connectScripted({
        interceptors: [
          async (call, next) => {
            await new Promise<void>((resolve) => world.scheduler.setTimer(0.5, resolve));
            return await next(call);
          },
        ],
      });
      const answer = createTickerClient(connection).last({ name: "ACME" }, { timeoutMs: 2_000, headers });
      await world.scheduler.advance(0.5);
      // 1,999.5 ms are left: 2,000 on the wire.
      expect(peer.take()).to.deep.equal([vector("unary-request-rpc")]);
      peer.send("000000012860");
      await world.run(answer);
    });

    for (const [mode, name] of [
      ["application/binary", "unary-request-rpc"],
      ["message/x.rsocket.composite-metadata.v0", "unary-request-composite"],
    ] as const) {
      it(`is read from ${name}: message, headers in order, deadline`, async () => {
        const seen: unknown[] = [];
        const handler: Partial<TickerHandler> = {
          last: (request, context) => {
            seen.push(request.name, [...context.headers], context.remainingMs(), context.rawMetadata.length);
            return { symbol: "ACME", price: 42 };
          },
        };
        const { peer } = await world.serveScripted(serves(handler));
        peer.send(`0000000004000001000000004e2000015f90${mimeType(mode)}${mimeType("application/binary")}`);
        peer.send(vector(name));
        await world.scheduler.settle();
        // In composite mode the application's bytes are the whole metadata.
        expect(seen.slice(0, 3)).to.deep.equal(["ACME", headers, 2_000]);
        expect(peer.take()).to.deep.equal(["000000012860" + "0a0441434d45110000000000004540"]);
      });
    }

    it("is answered by unary-answer with headers and trailers", async () => {
      const { peer } = await world.serveSetUp(
        serves({
          last: (_request, context) => {
            context.responseHeaders.set("x-cache", "hit");
            context.responseTrailers.set("x-cost", "3");
            return { symbol: "ACME", price: 42 };
          },
        }),
      );
      peer.send(vector("unary-request-bare"));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("unary-answer")]);
    });

    it("reads unary-answer: headers before trailers before the message", async () => {
      const { connection, peer } = await world.connectScripted();
      const seen: unknown[] = [];
      const answer = createTickerClient(connection).last(
        { name: "ACME" },
        {
          onHeaders: (received) => seen.push(["headers", ...received]),
          onTrailers: (received) => seen.push(["trailers", ...received]),
        },
      );
      await world.scheduler.settle();
      peer.send(vector("unary-answer"));
      const quote = await world.run(answer);
      expect(seen).to.deep.equal([
        ["headers", ["x-cache", "hit"]],
        ["trailers", ["x-cost", "3"]],
      ]);
      expect(quote).to.include({ symbol: "ACME", price: 42 });
    });

    it("drops headers and trailers of an answer to another peer, and tells the observer once", async () => {
      const told: string[] = [];
      const { peer } = await world.serveSetUp(
        serves(
          {
            last: (_request, context) => {
              context.responseHeaders.set("x-cache", "hit");
              context.responseTrailers.set("x-cost", "3");
              return { symbol: "ACME", price: 42 };
            },
          },
          { observer: { onAnswerMetadataDropped: ({ name }) => told.push(name) } },
        ),
        SETUP_UNKNOWN,
      );
      peer.send(vector("unary-request-bare"));
      peer.send(vector("unary-request-bare").replace("00000001", "00000003"));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([
        "000000012860" + "0a0441434d45110000000000004540",
        "000000032860" + "0a0441434d45110000000000004540",
      ]);
      expect(told).to.deep.equal(["Last"]);
    });

    it("answers a request that carries the entry as ours, though the SETUP had no hello", async () => {
      const { peer } = await world.serveSetUp(
        serves({
          last: (_request, context) => {
            context.responseHeaders.set("x-cache", "hit");
            context.responseTrailers.set("x-cost", "3");
            return { symbol: "ACME", price: 42 };
          },
        }),
        SETUP_UNKNOWN,
      );
      peer.send(vector("unary-request-rpc"));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("unary-answer")]);
    });
  });

  describe("the end of a stream", () => {
    // REQUEST_STREAM stream 3, initial n 2, RPC metadata demo.v1.Ticker/Watch, no data
    const WATCH =
      "00000003190000000002" + "00001b" + "0001" + "000e64656d6f2e76312e5469636b6572" + "00055761746368" + "0000";

    it("is stream-end-trailers, which is no item and needs no credit", async () => {
      const { peer } = await world.serveSetUp(
        serves({
          async *watch(_request, context) {
            yield { symbol: "A" };
            yield { symbol: "B" };
            context.responseTrailers.set("x-cost", "3");
          },
        }),
      );
      peer.send(WATCH);
      await world.scheduler.settle();
      // The credit of 2 is used up; a third pull comes only with the next REQUEST_N towards a peer of ours.
      expect(peer.take()).to.deep.equal(["000000032820" + "0a0141", "000000032820" + "0a0142"]);
      peer.send("00000003200000000001");
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("stream-end-trailers")]);
    });

    it("reads stream-end-trailers as trailers and the end", async () => {
      const { connection, peer } = await world.connectScripted();
      const ticker = createTickerClient(connection);
      const first = ticker.last({});
      await world.scheduler.settle();
      peer.send("000000012860");
      await world.run(first);
      const trailers: unknown[] = [];
      const items = collect(ticker.watch({}, { onTrailers: (received) => trailers.push(...received) }));
      await world.scheduler.settle();
      peer.send("000000032820" + "0a0141");
      peer.send(vector("stream-end-trailers"));
      expect((await world.run(items)).map(({ symbol }) => symbol)).to.deep.equal(["A"]);
      expect(trailers).to.deep.equal([["x-cost", "3"]]);
    });
  });

  describe("failures", () => {
    const notFound = (): RpcError =>
      new RpcError(Code.NotFound, "no symbol NONE", { details: [errorDetail(LineSchema, { text: "hi" })] });

    it("are error-status to ours and error-text to others", async () => {
      const failing = serves({
        last: () => {
          throw notFound();
        },
      });
      const request = vector("unary-request-bare").replace("00000001", "00000005");
      for (const [setup, name] of [
        [vector(SETUP), "error-status"],
        [SETUP_UNKNOWN, "error-text"],
      ] as const) {
        const { peer } = await world.serveSetUp(failing, setup);
        peer.send(request);
        await world.scheduler.settle();
        expect(peer.take(), name).to.deep.equal([vector(name)]);
      }
    });

    it("read error-status as code, message and details, error-text as unknown", async () => {
      const { connection, peer } = await world.connectScripted();
      const ticker = createTickerClient(connection);
      const calls = [ticker.last({}), ticker.last({}), ticker.last({}), ticker.last({}), ticker.last({})].map(
        rejectionOf,
      );
      await world.scheduler.settle();
      peer.send(vector("error-status"));
      const status = (await world.run(calls[2] as Promise<unknown>)) as RpcError;
      expect(status).to.include({
        code: Code.NotFound,
        rawMessage: "no symbol NONE",
        initiator: "remote",
        retryable: false,
      });
      expect(status.message).to.equal("[not_found] no symbol NONE");
      expect(status.wireCode).to.equal(0x201);
      expect(findDetails(status, LineSchema).map(({ text }) => text)).to.deep.equal(["hi"]);

      peer.send(vector("error-text").replace("00000005", "00000001"));
      const text = (await world.run(calls[0] as Promise<unknown>)) as RpcError;
      expect(text).to.include({
        code: Code.Unknown,
        rawMessage: "no symbol NONE",
        initiator: "remote",
        wireCode: 0x201,
      });

      peer.send(vector("error-deadline"));
      const deadline = (await world.run(calls[3] as Promise<unknown>)) as RpcError;
      expect(deadline).to.include({
        code: Code.DeadlineExceeded,
        rawMessage: "deadline exceeded",
        initiator: "remote",
      });

      peer.send(vector("error-rejected"));
      const rejected = (await world.run(calls[4] as Promise<unknown>)) as RpcError;
      expect(rejected).to.include({
        code: Code.Unavailable,
        rawMessage: "server is draining",
        retryable: true,
        wireCode: 0x202,
      });
      peer.send("000000032860");
      await world.run(rejectionOf(calls[1] as Promise<unknown>));
    });

    it("carry trailers that were set beside the status", async () => {
      const { peer } = await world.serveSetUp(
        serves({
          last: (_request, context) => {
            context.responseTrailers.set("x-cost", "3");
            throw new RpcError(Code.NotFound, "no", { trailers: Metadata.from({ "x-why": "x" }) });
          },
        }),
      );
      peer.send(vector("unary-request-bare"));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([
        "000000012c0000000201" + // ERROR[APPLICATION_ERROR] stream 1
          "00" + // Envelope
          "2a0a0a05782d776879120178" + // trailers: x-why: x
          "2a0b0a06782d636f7374120133" + // trailers: x-cost: 3
          "3206" +
          "0805" +
          "12026e6f", // status: 5, "no"
      ]);
    });

    it("is error-deadline when the server's own clock says so", async () => {
      let reason: unknown;
      const { peer } = await world.serveSetUp(
        serves({
          last: (_request, { signal }) =>
            new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => {
                reason = signal.reason;
                reject(signal.reason as Error);
              });
            }),
        }),
      );
      peer.send(vector("unary-request-rpc").replace("00000001", "00000007"));
      await world.scheduler.advance(1_999);
      expect(peer.take()).to.deep.equal([]);
      await world.scheduler.advance(1);
      expect(peer.take()).to.deep.equal([vector("error-deadline")]);
      expect(RpcError.is(reason, Code.DeadlineExceeded)).to.equal(true);
    });

    it("is error-rejected for a request that comes while the server drains", async () => {
      let answer: ((quote: object) => void) | undefined;
      const { server, peer } = await world.serveSetUp(
        serves({
          last: () =>
            new Promise((resolve) => {
              answer = resolve;
            }),
        }),
      );
      peer.send(vector("unary-request-bare"));
      await world.scheduler.settle();
      const closing = server.close({ graceMs: 1_000 });
      await world.scheduler.settle();
      // ERROR[CONNECTION_CLOSE] stream 0: a peer of ours is told at once.
      expect(peer.take()).to.deep.equal(["000000002c0000000102" + "73657276657220697320647261696e696e67"]);
      peer.send(vector("unary-request-bare").replace("00000001", "00000009"));
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("error-rejected")]);
      answer?.({});
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal(["000000012860"]);
      // The peer is the one to close; this one doesn't.
      await world.scheduler.advance(1_000);
      await world.run(closing);
    });
  });

  describe("a client stream without messages", () => {
    it("is empty-client-stream and its end, to ours", async () => {
      const { connection, peer } = await world.connectScripted();
      const ticker = createTickerClient(connection);
      const calls = [1, 2, 3, 4, 5].map(() => ticker.last({}).catch(() => undefined));
      await world.scheduler.settle();
      peer.take();
      const summary = ticker.upload([]);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([vector("empty-client-stream"), vector("empty-client-stream-end")]);
      peer.send("0000000b2820" + "0800");
      peer.send("0000000b2840");
      expect((await world.run(summary)).count).to.equal(0);
      for (const id of ["01", "03", "05", "07", "09"]) peer.send(`000000${id}2860`);
      await world.run(Promise.all(calls));
    });

    it("is read as a stream that ends without a message", async () => {
      const received: unknown[] = [];
      const { peer } = await world.serveSetUp(
        serves({
          async upload(quotes) {
            for await (const quote of quotes) received.push(quote);
            return { count: received.length + 7 };
          },
        }),
      );
      peer.send(vector("empty-client-stream"));
      peer.send(vector("empty-client-stream-end"));
      await world.scheduler.settle();
      const [requestN, ...answer] = peer.take();
      expect(requestN?.slice(0, 12)).to.equal("0000000b2000"); // the server asked before the end came
      expect(answer).to.deep.equal(["0000000b2820" + "0807", "0000000b2840"]);
      expect(received).to.deep.equal([]);
    });

    it("fails failed_precondition to any other peer, and nothing is sent", async () => {
      const { connection, peer } = await world.connectScripted({}, false);
      const error = (await world.run(rejectionOf(createTickerClient(connection).upload([])))) as RpcError;
      expect(error).to.include({
        code: Code.FailedPrecondition,
        rawMessage: "this peer can't receive a stream without messages",
      });
      expect(peer.take()).to.deep.equal([]);
    });

    it("waits for the hello, or for its absence", async () => {
      const { connecting, peer } = world.dialScripted({ confirm: false });
      const connection = await world.run(connecting);
      peer.take();
      const summary = createTickerClient(connection).upload([]);
      await world.scheduler.advance(100);
      expect(peer.take()).to.deep.equal([]);
      peer.send(HELLO);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([
        vector("empty-client-stream").replace("0000000b", "00000001"),
        vector("empty-client-stream-end").replace("0000000b", "00000001"),
      ]);
      peer.send("000000012860");
      await world.run(summary);
    });

    it("waits within its deadline", async () => {
      const { connecting, peer } = world.dialScripted({ confirm: false });
      const connection = await world.run(connecting);
      peer.take();
      const failure = rejectionOf(createTickerClient(connection).upload([], { timeoutMs: 100 }));
      await world.scheduler.advance(100);
      expect(await world.run(failure)).to.include({ code: Code.DeadlineExceeded });
      peer.send(HELLO);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
    });
  });

  after(() => {
    expect([...produced].sort()).to.deep.equal(VECTORS.map(({ name }) => name).sort());
  });
});

function mimeType(name: string): string {
  const bytes = new TextEncoder().encode(name);
  return [bytes.length, ...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
