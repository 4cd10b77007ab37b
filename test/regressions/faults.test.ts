// SPDX-License-Identifier: Apache-2.0
// Faults that reached further than they should: from one call to another, or to the whole process.

import { expect } from "chai";
import { Code, RpcError } from "rsocket-rpc";
import { callServerStream, callUnary } from "rsocket-rpc/codegen";
import { collect, leavesNoTrace, RpcWorld, rejectionOf } from "../support/rpc-world.js";
import {
  type Blob,
  type BlobHandlers,
  blobOf,
  blobs,
  fatalsDuring,
  Get,
  SILENT_OBSERVER,
  textOf,
  Watch,
} from "./support.js";

describe("a fault stays where it happened", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  const pair = async (handlers: BlobHandlers, connect: object = {}) =>
    await world.pair({ services: [blobs(handlers)], observer: SILENT_OBSERVER }, connect);

  /** What the call fails with; it fails now, not when its time is up. */
  const failureOf = async (promise: Promise<unknown>): Promise<RpcError> => {
    const error = await world.run(rejectionOf(promise));
    if (!RpcError.is(error)) throw new Error(`${String(error)}, expected an RpcError`);
    return error;
  };

  describe("one RpcError for all calls", () => {
    const NOT_FOUND = new RpcError(Code.NotFound, "no such thing");

    it("collects nothing of its callers: each gets its own trailers, and 200 calls are answered", async () => {
      const fatals = await fatalsDuring(async () => {
        const { connection } = await pair({
          get: async (request, context) => {
            await Promise.resolve();
            context.responseTrailers.set("x-user", textOf(request));
            throw NOT_FOUND;
          },
        });
        for (let i = 0; i < 200; i++) {
          const error = await failureOf(callUnary(connection, Get, blobOf(`user ${i}`)));
          expect([error.code, [...error.trailers]]).to.deep.equal([Code.NotFound, [["x-user", `user ${i}`]]]);
        }
      });
      expect(fatals).to.deep.equal([]);
      expect([...NOT_FOUND.trailers]).to.deep.equal([]);
    });
  });

  describe("an error that isn't what it should be", () => {
    // JavaScript keeps to no type, and a program may load two copies of the package.
    const brand = Symbol.for("rsocket-rpc.RpcError");
    const code = (value: unknown): Code => value as Code;
    const text = (value: unknown): string => value as string;
    const detail = (value: unknown): [never] => [value as never];
    const errors: Readonly<Record<string, { readonly make: () => unknown; readonly code: Code }>> = {
      "a code that is a name": { make: () => new RpcError(code("NOT_FOUND"), "m"), code: Code.Unknown },
      "a code that is no whole number": { make: () => new RpcError(code(1.5), "m"), code: Code.Unknown },
      "no code": { make: () => new RpcError(code(undefined), "m"), code: Code.Unknown },
      "a code of HTTP": { make: () => new RpcError(code(404), "m"), code: Code.Unknown },
      "no message": { make: () => new RpcError(Code.NotFound, text(undefined)), code: Code.NotFound },
      "a message that is an object": { make: () => new RpcError(Code.NotFound, text({})), code: Code.NotFound },
      "a detail without type and value": {
        make: () => new RpcError(Code.NotFound, "m", { details: detail({ type: "x" }) }),
        code: Code.NotFound,
      },
      "a detail that is undefined": {
        make: () => new RpcError(Code.NotFound, "m", { details: detail(undefined) }),
        code: Code.NotFound,
      },
      "another copy's brand and nothing else of it": {
        make: () => Object.assign(new Error("m"), { [brand]: true, code: Code.NotFound }),
        code: Code.NotFound,
      },
      "another copy's brand on a plain object": { make: () => ({ [brand]: true }), code: Code.Unknown },
    };
    for (const [name, { make, code: expected }] of Object.entries(errors)) {
      for (const hello of [true, false]) {
        const caller = hello ? "one of ours" : "any other peer";
        it(`with ${name} is answered to ${caller}, and the process lives`, async () => {
          const fatals = await fatalsDuring(async () => {
            const { server, connection } = await pair(
              {
                get: async (request) => {
                  await Promise.resolve();
                  if (textOf(request) === "fine") return request;
                  throw make();
                },
              },
              { hello },
            );
            const error = await failureOf(callUnary(connection, Get, blobOf("odd")));
            expect(error.code).to.equal(hello ? expected : Code.Unknown);
            expect(textOf(await world.run(callUnary(connection, Get, blobOf("fine"))))).to.equal("fine");
            expect(server.runningHandlers).to.equal(0);
          });
          expect(fatals).to.deep.equal([]);
        });
      }
    }
  });

  describe("a streaming handler", () => {
    // What JavaScript may return, whatever the types say.
    const returning = (result: unknown): BlobHandlers => ({
      get: (request) => request,
      watch: () => result as Iterable<Blob>,
    });

    it("that returns a promise which rejects fails its call, and leaves no rejection unhandled", async () => {
      const fatals = await fatalsDuring(async () => {
        const handlers: BlobHandlers = {
          watch: (async () => {
            await Promise.resolve();
            throw new Error("boom");
          }) as unknown as NonNullable<BlobHandlers["watch"]>,
        };
        const { connection } = await pair(handlers);
        const error = await failureOf(collect(callServerStream(connection, Watch, blobOf(""))));
        expect(error.code).to.equal(Code.Internal);
        expect(error.message).not.to.contain("boom");
      });
      expect(fatals).to.deep.equal([]);
    });

    const wrong: Readonly<Record<string, unknown>> = {
      "an iterator that gives no object": { [Symbol.iterator]: () => ({ next: () => undefined }) },
      "an iterator that gives a number": { [Symbol.iterator]: () => ({ next: () => 7 }) },
      "an iterator without next": { [Symbol.iterator]: () => ({}) },
      "an async iterator that gives no object": { [Symbol.asyncIterator]: () => ({ next: async () => undefined }) },
      "an async iterator that gives no promise": { [Symbol.asyncIterator]: () => ({ next: () => null }) },
      "no iterator at all": { [Symbol.iterator]: () => undefined },
    };
    for (const [name, result] of Object.entries(wrong)) {
      it(`with ${name} fails its own call only`, async () => {
        const fatals = await fatalsDuring(async () => {
          const { server, connection } = await pair(returning(result));
          const error = await failureOf(collect(callServerStream(connection, Watch, blobOf(""))));
          expect(error.code).to.equal(Code.Internal);
          expect(textOf(await world.run(callUnary(connection, Get, blobOf("fine"))))).to.equal("fine");
          expect(server.runningHandlers).to.equal(0);
        });
        expect(fatals).to.deep.equal([]);
      });
    }
  });
});
