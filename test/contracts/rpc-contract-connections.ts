// SPDX-License-Identifier: Apache-2.0
// What connections promise on every transport: how they begin, refuse, drain and end.

import { expect } from "chai";
import { Code, ConnectError, compositeMetadata, RpcError } from "rsocket-rpc";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../examples/hello/gen/ticker_rsocket.js";
import { ConnectError as LiteConnectError } from "../../runtime/src/lite/errors.js";
import { nextTurn } from "../support/next-turn.js";
import { collect, rejectionOf, rsocketOf } from "../support/rpc-world.js";
import { type ContractTransport, ContractWorld, deferred, eventually, loseLink } from "./rpc-contract-world.js";

/** Declares the suite of connections for one transport and one size of fragments. */
export function rpcConnectionContract(transport: ContractTransport, fragmentBytes: number): void {
  let world: ContractWorld;
  const ticker = (handler: Partial<TickerHandler>) => implementTicker({ ...unimplementedTicker, ...handler });
  const isLite = transport.isLite === true;

  beforeEach(() => {
    world = new ContractWorld(transport, fragmentBytes);
  });
  afterEach(async function () {
    await world.end(this.currentTest?.state === "failed");
  });

  describe("connect", () => {
    it("resolves when the server has accepted, and accept sees who it is", async () => {
      const seen: unknown[] = [];
      const { connect } = await world.serve({
        accept: async ({ bearerToken, credentials, headers, metadataMimeType }, connection) => {
          await nextTurn();
          seen.push(bearerToken, credentials, [...headers], metadataMimeType, connection.peer.transport.length > 0);
        },
      });
      await connect({ bearerToken: "abc", headers: { "x-app": "test" } });
      expect(seen.splice(0)).to.deep.equal(["abc", undefined, [["x-app", "test"]], "application/binary", true]);
      if (isLite) return;
      await connect({ credentials: { username: "ann", password: "secret" }, metadataMode: compositeMetadata });
      expect(seen).to.deep.equal([
        undefined,
        { username: "ann", password: "secret" },
        [],
        "message/x.rsocket.composite-metadata.v0",
        true,
      ]);
    });

    it("rejects with code and text when it was refused", async () => {
      const { connect, server } = await world.serve({
        accept: async () => {
          await nextTurn();
          throw new RpcError(Code.Unauthenticated, "unknown token");
        },
      });
      for (const hello of isLite ? [true] : [true, false]) {
        const error = (await rejectionOf(connect({ hello }))) as ConnectError;
        expect(error).to.be.instanceOf(isLite ? LiteConnectError : ConnectError);
        expect(error).to.include({ initiator: "remote", wireCode: 0x003 });
        // Without our extension only the text arrives.
        expect(error.code).to.equal(hello ? Code.Unauthenticated : Code.PermissionDenied);
        expect(error.rawMessage).to.match(/unknown token$/);
      }
      await eventually(() => expect(server.connectionCount).to.equal(0));
    });

    it("rejects when accept throws something unexpected, which the peer isn't told", async () => {
      const told: unknown[] = [];
      const { connect } = await world.serve({
        observer: { onAcceptError: (error) => told.push(error) },
        accept: () => {
          throw new Error("password of the database");
        },
      });
      const error = (await rejectionOf(connect({}))) as ConnectError;
      expect(error.message)
        .to.match(/internal error/)
        .and.not.match(/password/);
      expect(String(told)).to.equal("Error: password of the database");
    });

    it("rejects when time is up, and the server forgets the connection", async () => {
      const { connect, server } = await world.serve({ accept: () => new Promise(() => {}) });
      const startedAt = performance.now();
      const error = (await rejectionOf(connect({ timeoutMs: 30 }))) as ConnectError;
      expect(performance.now() - startedAt).to.be.within(29, 300);
      expect(error).to.be.instanceOf(isLite ? LiteConnectError : ConnectError);
      expect(error.message).to.match(/not connected after 30 ms/);
      await eventually(() => expect(server.connectionCount).to.equal(0));
    });

    it("rejects on abort, before and while it connects", async () => {
      const { connect, server } = await world.serve({ accept: () => new Promise(() => {}) });
      const controller = new AbortController();
      const connecting = rejectionOf(connect({ signal: controller.signal }));
      await eventually(() => expect(server.connectionCount).to.equal(1));
      controller.abort(new Error("not today"));
      for (const error of [await connecting, await rejectionOf(connect({ signal: controller.signal }))]) {
        expect(error).to.be.instanceOf(isLite ? LiteConnectError : ConnectError);
        expect((error as ConnectError).message).to.match(/not today/);
      }
      await eventually(() => expect(server.connectionCount).to.equal(0));
    });
  });

  if (!isLite) {
    describe("connect without waiting for the server", () => {
      it("with confirm: false resolves at once; calls wait for the server", async () => {
        const accepted = deferred();
        const { connect } = await world.serve({
          services: [ticker({ last: () => ({ price: 1 }) })],
          accept: () => accepted.promise,
        });
        const connection = await connect({ confirm: false });
        const answer = createTickerClient(connection).last({});
        await nextTurn();
        accepted.resolve();
        expect((await answer).price).to.equal(1);
      });

      it("with confirm: false a refusal ends the connection, and calls in flight", async () => {
        const { connect } = await world.serve({
          accept: () => Promise.reject(new RpcError(Code.PermissionDenied, "no")),
        });
        const connection = await connect({ confirm: false });
        const error = (await rejectionOf(createTickerClient(connection).last({}))) as RpcError;
        expect(error).to.include({ code: Code.Unavailable, initiator: "remote" });
        const { initiator, code, error: reason } = await connection.closed;
        expect({ initiator, code }).to.deep.equal({ initiator: "remote", code: 0x003 });
        expect(reason).to.be.instanceOf(Error);
      });
    });

    describe("both ends", () => {
      it("the server calls the client on the same connection, from within a handler", async () => {
        const lines: string[] = [];
        const { connect } = await world.serve({
          services: [
            ticker({
              last: async ({ name }, { connection }) => {
                await createAlertsClient(connection).notify({ text: `asked for ${name}` });
                return { symbol: name };
              },
            }),
          ],
        });
        const connection = await connect({
          services: [implementAlerts({ notify: ({ text }) => void lines.push(text) })],
        });
        expect((await createTickerClient(connection).last({ name: "ACME" })).symbol).to.equal("ACME");
        await eventually(() => expect(lines).to.deep.equal(["asked for ACME"]));
      });

      it("a partial service answers unimplemented where it is one", async () => {
        const { connect } = await world.serve({ services: [ticker({ last: () => ({ price: 1 }) })] });
        const client = createTickerClient(await connect({}));
        expect((await client.last({})).price).to.equal(1);
        const error = (await rejectionOf(collect(client.watch({})))) as RpcError;
        expect(error).to.include({ code: Code.Unimplemented, rawMessage: "unknown method demo.v1.Ticker.Watch" });
      });

      it("a service named twice is an error, on both sides", async () => {
        const services = [ticker({}), ticker({})];
        expect(await rejectionOf(world.serve({ services }))).to.be.instanceOf(TypeError);
        const { connect } = await world.serve({});
        const error = (await rejectionOf(connect({ services }))) as TypeError;
        expect(error.message).to.equal("service demo.v1.Ticker is served twice");
      });
    });
  }

  describe("the end", () => {
    const waiting = (): { handler: Partial<TickerHandler>; calls: (() => void)[]; reasons: unknown[] } => {
      const calls: (() => void)[] = [];
      const reasons: unknown[] = [];
      const handler: Partial<TickerHandler> = {
        last: (_request, { signal }) =>
          new Promise((resolve, reject) => {
            calls.push(() => resolve({ price: 7 }));
            signal.addEventListener("abort", () => {
              reasons.push(signal.reason);
              reject(signal.reason);
            });
          }),
      };
      return { handler, calls, reasons };
    };

    it("of a server that drains: calls in flight end, new ones are refused as safe to repeat", async () => {
      const { handler, calls, reasons } = waiting();
      const { connect, server } = await world.serve({ services: [ticker(handler)] });
      const connection = await connect({});
      const client = createTickerClient(connection);
      const inFlight = client.last({});
      await eventually(() => expect(calls).to.have.length(1));
      const closing = server.close({ graceMs: 5_000 });
      // The client hears at once that the server drains: no new call goes out.
      await eventually(() => expect(rsocketOf(connection).isOpen).to.equal(false));
      expect(await rejectionOf(client.last({}))).to.include({ code: Code.Unavailable, retryable: true });
      calls[0]?.();
      expect((await inFlight).price).to.equal(7);
      await closing;
      expect(reasons).to.deep.equal([]);
      const { initiator, code, reason, error } = await connection.closed;
      expect({ initiator, code, error }).to.deep.equal({ initiator: "remote", code: 0x102, error: undefined });
      expect(reason).to.match(/server is draining/);
    });

    it("of a server whose grace is over: what still runs is given up, on both sides", async () => {
      const { handler, calls, reasons } = waiting();
      const { connect, server } = await world.serve({ services: [ticker(handler)] });
      const connection = await connect({});
      const inFlight = rejectionOf(createTickerClient(connection).last({}));
      await eventually(() => expect(calls).to.have.length(1));
      await server.close({ graceMs: 30 });
      const error = (await inFlight) as RpcError;
      expect(error).to.include({ code: Code.Unavailable, initiator: "remote", wireCode: 0x203 });
      expect(reasons).to.have.length(1);
      await connection.closed;
    });

    it("of a client that closes: its handlers' calls end, the server's are told", async () => {
      const { handler, calls, reasons } = waiting();
      const { connect, server } = await world.serve({ services: [ticker(handler)] });
      const connection = await connect({});
      const client = createTickerClient(connection);
      const inFlight = rejectionOf(client.last({}));
      await eventually(() => expect(calls).to.have.length(1));
      await connection.close();
      expect(RpcError.is(await inFlight)).to.equal(true);
      await eventually(() => expect(reasons).to.have.length(1));
      expect(RpcError.is(reasons[0], Code.Cancelled)).to.equal(true);
      await eventually(() => expect(server.connectionCount).to.equal(0));
    });

    it("of a client that lets its calls end first", async () => {
      const { handler, calls, reasons } = waiting();
      const { connect } = await world.serve({ services: [ticker(handler)] });
      const connection = await connect({});
      const inFlight = createTickerClient(connection).last({});
      await eventually(() => expect(calls).to.have.length(1));
      const closing = connection.close({ graceMs: 5_000 });
      await nextTurn();
      calls[0]?.();
      expect((await inFlight).price).to.equal(7);
      await closing;
      expect(reasons).to.deep.equal([]);
    });

    it("calls after it fail at once, each with the same reason", async () => {
      const { connect } = await world.serve({ services: [ticker({})] });
      const connection = await connect({});
      await connection.close();
      const client = createTickerClient(connection);
      const failures = [
        await rejectionOf(client.last({})),
        await rejectionOf(client.upload([])),
        await rejectionOf(client.log({})),
        thrownBy(() => client.watch({})[Symbol.asyncIterator]()),
        thrownBy(() => client.chat([])[Symbol.asyncIterator]()),
        await rejectionOf(client.last({})),
      ];
      for (const error of failures) {
        expect(error).to.include({ code: Code.Unavailable, rawMessage: "closed", initiator: "local", retryable: true });
      }
    });

    it("by a lost link: calls in flight fail unavailable before `closed` resolves, on both sides", async () => {
      const { handler, calls, reasons } = waiting();
      const { connect, server } = await world.serve({ services: [ticker(handler)] });
      const connection = await connect({});
      const order: string[] = [];
      const inFlight = createTickerClient(connection)
        .last({})
        .catch((error: unknown) => {
          order.push("call");
          return error;
        });
      void connection.closed.then(() => order.push("closed"));
      await eventually(() => expect(calls).to.have.length(1));
      loseLink(connection);
      const error = (await inFlight) as RpcError;
      expect(error).to.include({ code: Code.Unavailable, retryable: false });
      const { error: reason } = await connection.closed;
      expect(reason).to.be.instanceOf(Error);
      await eventually(() => expect(reasons).to.have.length(1));
      expect(RpcError.is(reasons[0], Code.Unavailable)).to.equal(true);
      await eventually(() => expect(server.connectionCount).to.equal(0));
    });

    it("is waited for by `await using`, and told to all who wait", async () => {
      const { connect } = await world.serve({});
      const connection = await connect({});
      const [first, second] = await Promise.all([
        connection.closed,
        connection.closed,
        connection[Symbol.asyncDispose](),
        connection.close(),
      ]);
      expect(first).to.equal(second);
      expect(first).to.deep.include({ initiator: "local", code: 0x102, reason: "closed", error: undefined });
    });
  });
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
