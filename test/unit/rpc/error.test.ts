// SPDX-License-Identifier: Apache-2.0
// The one error that calls fail with: what it says, where it says it was made, and across copies of the package.

import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect } from "chai";
import type * as Runtime from "rsocket-rpc";
import { type CallOptions, Code, codeName, errorDetail, findDetails, Metadata, RpcError } from "rsocket-rpc";
import { LineSchema, SymbolSchema } from "../../../examples/hello/gen/ticker_pb.js";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../../support/rpc-world.js";

describe("RpcError", () => {
  it("says code and message, and keeps the message alone", () => {
    const error = new RpcError(Code.NotFound, "no symbol NONE");
    expect(error).to.include({
      name: "RpcError",
      scope: "call",
      message: "[not_found] no symbol NONE",
      rawMessage: "no symbol NONE",
      initiator: "local",
      retryable: false,
      wireCode: undefined,
    });
    expect(error.trailers.isEmpty).to.equal(true);
    expect(error.details).to.deep.equal([]);
    expect("cause" in error).to.equal(false);
    expect(new RpcError(Code.Internal, "x", { cause: 5 }).cause).to.equal(5);
  });

  it("takes trailers and headers as calls take headers: one that is there, an object, or pairs", () => {
    const metadata = new Metadata().set("x-a", "b");
    for (const init of [metadata, { "X-A": "b" }, [["x-a", "b"] as const], new Map([["x-a", "b"]])]) {
      const { trailers, headers } = new RpcError(Code.NotFound, "x", { trailers: init, headers: init });
      expect([...trailers]).to.deep.equal([["x-a", "b"]]);
      expect([...headers]).to.deep.equal([["x-a", "b"]]);
    }
  });

  it("has gRPC's sixteen codes, by number and name", () => {
    expect(Object.values(Code)).to.deep.equal(Array.from({ length: 16 }, (_, i) => i + 1));
    expect(Object.values(Code).map(codeName).join(" ")).to.equal(
      "cancelled unknown invalid_argument deadline_exceeded not_found already_exists permission_denied resource_exhausted " +
        "failed_precondition aborted out_of_range unimplemented internal unavailable data_loss unauthenticated",
    );
  });

  it("is recognised, by any of its codes too", () => {
    const error: unknown = new RpcError(Code.NotFound, "x");
    expect(RpcError.is(error)).to.equal(true);
    expect(RpcError.is(error, Code.Unavailable, Code.NotFound)).to.equal(true);
    expect(RpcError.is(error, Code.Unavailable)).to.equal(false);
    for (const other of [
      new Error("x"),
      undefined,
      null,
      "RpcError",
      { name: "RpcError", code: 5 },
      Object.create(null),
    ]) {
      expect(RpcError.is(other)).to.equal(false);
    }
  });

  it("makes an RpcError of anything thrown", () => {
    const own = new RpcError(Code.DataLoss, "x");
    expect(RpcError.from(own)).to.equal(own);
    expect(RpcError.from(new Error("x"))).to.include({ code: Code.Internal, rawMessage: "x" });
    expect(RpcError.from("x")).to.include({ code: Code.Internal, rawMessage: "x" });
    expect(RpcError.from(undefined)).to.include({ code: Code.Internal, rawMessage: "undefined" });
    expect(RpcError.from(Object.create(null))).to.include({ code: Code.Internal });
    expect(RpcError.from(Symbol("x"))).to.include({ code: Code.Internal, rawMessage: "Symbol(x)" });
    expect(RpcError.from(AbortSignal.abort().reason)).to.include({ code: Code.Cancelled });
    expect(RpcError.from(new DOMException("late", "TimeoutError"))).to.include({
      code: Code.DeadlineExceeded,
      rawMessage: "late",
    });
  });

  it("finds details by type, and leaves out what can't be decoded", () => {
    const broken = { typeUrl: "type.googleapis.com/demo.v1.Line", value: Uint8Array.of(0x0a, 0xff) };
    const error = new RpcError(Code.Internal, "x", {
      details: [
        errorDetail(LineSchema, { text: "a" }),
        broken,
        errorDetail(SymbolSchema, { name: "b" }),
        { ...errorDetail(LineSchema, { text: "c" }), typeUrl: "example.com/x/demo.v1.Line" },
      ],
    });
    expect(findDetails(error, LineSchema).map(({ text }) => text)).to.deep.equal(["a", "c"]);
    expect(findDetails(error, SymbolSchema).map(({ name }) => name)).to.deep.equal(["b"]);
  });

  describe("of another copy of the package", () => {
    let folder: string;
    let other: typeof Runtime;

    before(async () => {
      const dist = dirname(createRequire(import.meta.url).resolve("rsocket-rpc"));
      folder = mkdtempSync(join(tmpdir(), "rsocket-rpc-copy-"));
      cpSync(dist, join(folder, "dist"), { recursive: true });
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      symlinkSync(
        fileURLToPath(new URL("../../../node_modules", import.meta.url)),
        join(folder, "node_modules"),
        "dir",
      );
      other = (await import(pathToFileURL(join(folder, "dist", "index.js")).href)) as typeof Runtime;
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it("is recognised, both ways, though its class is another", () => {
      expect(other.RpcError).to.not.equal(RpcError);
      const foreign = new other.RpcError(Code.NotFound, "x");
      expect(foreign).to.not.be.instanceOf(RpcError);
      expect(RpcError.is(foreign, Code.NotFound)).to.equal(true);
      expect(other.RpcError.is(new RpcError(Code.NotFound, "x"), Code.NotFound)).to.equal(true);
      expect(RpcError.from(foreign)).to.equal(foreign);
    });

    it("thrown in a handler answers with its status, details and trailers", async () => {
      const world = new RpcWorld();
      const thrown = new other.RpcError(Code.NotFound, "no", {
        details: [errorDetail(LineSchema, { text: "hi" })],
        trailers: new other.Metadata().set("x-why", "none"),
      });
      const { connection } = await world.pair({
        services: [implementTicker({ ...unimplementedTicker, last: () => Promise.reject(thrown) })],
      });
      const error = await world.run(
        createTickerClient(connection)
          .last({})
          .catch((caught: unknown) => caught as RpcError),
      );
      expect(error).to.include({ code: Code.NotFound, rawMessage: "no" });
      expect(findDetails(error as RpcError, LineSchema)[0]?.text).to.equal("hi");
      expect((error as RpcError).trailers.get("x-why")).to.equal("none");
      await world.leaveNoTrace();
    });

    it("and its headers can be passed to a call", async () => {
      const world = new RpcWorld();
      const seen: unknown[] = [];
      const { connection } = await world.pair({
        services: [
          implementTicker({ ...unimplementedTicker, log: (_line, { headers }) => void seen.push(...headers) }),
        ],
      });
      const headers = new other.Metadata().set("x-a", "1") as unknown as Metadata;
      await world.run(createTickerClient(connection).log({}, { headers }));
      await world.scheduler.settle();
      expect(seen).to.deep.equal([["x-a", "1"]]);
      await world.leaveNoTrace();
    });
  });

  it("is the same class for require and import", () => {
    const required = createRequire(import.meta.url)("rsocket-rpc") as typeof Runtime;
    expect(required.RpcError).to.equal(RpcError);
  });
});

describe("the stack of a failed call", () => {
  afterEach(leavesNoTrace);

  const connect = async (): Promise<{ world: RpcWorld; ticker: ReturnType<typeof createTickerClient> }> => {
    const world = new RpcWorld();
    const { connection } = await world.pair({
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: ({ name }) => (name === "" ? Promise.reject(new RpcError(Code.NotFound, "no")) : new Promise(() => {})),
          upload: () => Promise.reject(new RpcError(Code.NotFound, "no")),
        }),
      ],
    });
    return { world, ticker: createTickerClient(connection) };
  };

  type Ticker = ReturnType<typeof createTickerClient>;
  const calls: Readonly<Record<string, (ticker: Ticker) => Promise<unknown>>> = {
    "last: a status of the handler": async function lineOfTheCaller(ticker) {
      return await ticker.last({});
    },
    "last: a wrong option": async function lineOfTheCaller(ticker) {
      return await ticker.last({}, { timeoutMs: -1 });
    },
    "upload: a status of the handler": async function lineOfTheCaller(ticker) {
      return await ticker.upload([{}]);
    },
    "log: a wrong option": async function lineOfTheCaller(ticker) {
      return await ticker.log({}, { prefetch: 0 });
    },
  };

  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: names the client's method and the caller's own line`, async () => {
      const { world, ticker } = await connect();
      const method = name.slice(0, name.indexOf(":"));
      const error = await world.run(call(ticker).catch((caught: unknown) => caught as RpcError));
      const { stack = "" } = error as RpcError;
      expect(stack).to.match(/^RpcError: \[/);
      expect(stack).to.match(new RegExp(`at async TickerClient\\.${method} `));
      expect(stack).to.match(/at async (Object\.)?lineOfTheCaller .*error\.test\.ts/);
    });
  }
});

describe("headers of an answer that fails", () => {
  /** Calls `make` of a server whose handler sets a header and then fails; what the caller gets. */
  async function failureOf(
    handler: Partial<TickerHandler>,
    make: (ticker: TickerClient, options: CallOptions) => Promise<unknown>,
  ): Promise<{ readonly error: RpcError; readonly told: readonly unknown[] }> {
    const world = new RpcWorld();
    const { connection } = await world.pair({ services: [implementTicker({ ...unimplementedTicker, ...handler })] });
    const told: unknown[] = [];
    const options = { onHeaders: (headers: Metadata) => told.push(...headers) };
    const error = (await world.run(rejectionOf(make(createTickerClient(connection), options)))) as RpcError;
    await world.leaveNoTrace();
    return { error, told };
  }

  it("come with the error, when no message has taken them along", async () => {
    const { error, told } = await failureOf(
      {
        last(_request, { responseHeaders, responseTrailers }) {
          responseHeaders.set("x-request-id", "7");
          responseTrailers.set("x-cost", "1");
          throw new RpcError(Code.NotFound, "no", { headers: new Metadata().set("x-of", "somewhere else") });
        },
      },
      (ticker, options) => ticker.last({}, options),
    );
    expect([...error.headers]).to.deep.equal([["x-request-id", "7"]]);
    expect([...error.trailers]).to.deep.equal([["x-cost", "1"]]);
    expect(told).to.deep.equal([]);
  });

  it("were told before, when one has", async () => {
    const { error, told } = await failureOf(
      {
        async *watch(_request, { responseHeaders }) {
          responseHeaders.set("x-request-id", "7");
          yield {};
          throw new RpcError(Code.Aborted, "enough");
        },
      },
      (ticker, options) => collect(ticker.watch({}, options)),
    );
    expect(told).to.deep.equal([["x-request-id", "7"]]);
    expect([...error.headers]).to.deep.equal([]);
  });

  it("are left out above the limit for details, and the error is told all the same", async () => {
    const { error } = await failureOf(
      {
        upload(_quotes, { responseHeaders }) {
          responseHeaders.set("x-long", "x".repeat(16_384));
          throw new RpcError(Code.Aborted, "enough");
        },
      },
      (ticker, options) => ticker.upload([{}], options),
    );
    expect(error).to.include({ code: Code.Aborted, rawMessage: "enough" });
    expect([...error.headers]).to.deep.equal([]);
  });
});
