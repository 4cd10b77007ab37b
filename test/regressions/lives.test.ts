// SPDX-License-Identifier: Apache-2.0
// Beginnings and ends of connections and calls that went wrong: what was left open, left unheard or left waiting.

import { getEventListeners, once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect } from "chai";
import { Code, type Connection, RpcError } from "rsocket-rpc";
import { callFireAndForget, callUnary } from "rsocket-rpc/codegen";
import { tcpDialer } from "rsocket-rpc/node";
import { connectRSocket, type FrameLink, type LinkHandler } from "rsocket-rpc/rsocket";
import { VirtualScheduler } from "rsocket-rpc/testing";
import { TurnBudget } from "../../runtime/src/engine/turn-budget.js";
import { IncomingItems } from "../../runtime/src/rsocket/iterate.js";
import { nextTurn } from "../support/next-turn.js";
import { leavesNoTrace, RpcWorld, rejectionOf } from "../support/rpc-world.js";
import { blobOf, blobs, fatalsDuring, Get, Put, SILENT_OBSERVER, textOf } from "./support.js";

let world: RpcWorld;
function renewWorld(): void {
  world = new RpcWorld();
}

/** How `promise` has ended by now. */
function watch(promise: Promise<unknown>): () => unknown {
  let outcome: unknown = "pending";
  promise.then(
    () => {
      outcome = "fulfilled";
    },
    (error: unknown) => {
      outcome = error;
    },
  );
  return () => outcome;
}

describe("connecting", () => {
  beforeEach(renewWorld);
  afterEach(leavesNoTrace);

  it("without confirmation to a server that refuses leaves no rejection unhandled", async () => {
    const fatals = await fatalsDuring(async () => {
      const accept = (): never => {
        throw new RpcError(Code.PermissionDenied, "no");
      };
      const server = await world.serve({ services: [], accept, observer: SILENT_OBSERVER });
      const connection = await world.connect(server, { confirm: false });
      expect((await world.run(connection.closed)).reason).to.contain("no");
      expect(RpcError.is(await rejectionOf(callUnary(connection, Get, blobOf(""))), Code.Unavailable)).to.equal(true);
    });
    expect(fatals).to.deep.equal([]);
  });

  it("without confirmation over a link that is lost leaves no rejection unhandled", async () => {
    const fatals = await fatalsDuring(async () => {
      const { connecting, peer } = world.dialScripted({ confirm: false });
      const connection = await world.run(connecting);
      peer.abort();
      expect((await world.run(connection.closed)).reason).to.contain("connection lost");
    });
    expect(fatals).to.deep.equal([]);
  });

  it("with confirmation to a server that refuses leaves no rejection unhandled either", async () => {
    const fatals = await fatalsDuring(async () => {
      const accept = (): never => {
        throw new RpcError(Code.PermissionDenied, "no");
      };
      const server = await world.serve({ services: [], accept, observer: SILENT_OBSERVER });
      const error = await world.run(rejectionOf(server.connect()));
      expect(RpcError.is(error, Code.PermissionDenied), String(error)).to.equal(true);
    });
    expect(fatals).to.deep.equal([]);
  });

  const never = (): Promise<string> => new Promise(() => {});

  it("ends when its time is up, though the token never comes", async () => {
    const outcome = watch(world.dialScripted({ bearerToken: never, timeoutMs: 1_000 }).connecting);
    await world.scheduler.advance(999);
    expect(outcome()).to.equal("pending");
    await world.scheduler.advance(1);
    expect(RpcError.is(outcome()), String(outcome())).to.equal(true);
    expect(String(outcome())).to.contain("not connected after 1000 ms");
  });

  it("ends when it is aborted, though the token never comes", async () => {
    const controller = new AbortController();
    const signal = world.signalOf(controller);
    const outcome = watch(world.dialScripted({ bearerToken: never, signal }).connecting);
    await world.scheduler.settle();
    controller.abort();
    await world.scheduler.settle();
    expect(RpcError.is(outcome(), Code.Cancelled), String(outcome())).to.equal(true);
  });

  it("with a wrong mime type is a RangeError, and closes the socket that was dialed", async () => {
    const server = createServer((socket) => socket.on("error", () => {}));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const accepted = once(server, "connection");
    const dialer = tcpDialer({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
    const error = await rejectionOf(connectRSocket({ dialer, setup: { metadataMimeType: "é" } }));
    expect(error).to.be.instanceOf(RangeError);
    // The server itself closes nothing: it ends only when the other side has closed its socket.
    await accepted;
    server.close();
    await once(server, "close");
  });
});

describe("closing", () => {
  beforeEach(renewWorld);
  afterEach(leavesNoTrace);

  const serve = async () => {
    const told: string[] = [];
    const get = async (request: { readonly bytes: Uint8Array }) => {
      await new Promise<void>((resolve) => world.scheduler.setTimer(5, resolve));
      return request;
    };
    const put = (request: { readonly bytes: Uint8Array }) => void told.push(textOf(request));
    const { server, connection } = await world.pair({ services: [blobs({ get, put })] });
    return { server, connection, told };
  };
  const close = async (connection: Connection): Promise<void> => {
    const outcome = watch(connection.close({ graceMs: 2_000 }));
    await world.scheduler.advance(100);
    expect(outcome()).to.equal("fulfilled");
  };

  it("within a grace doesn't overtake the calls made just before it: unary and fire-and-forget are served", async () => {
    const { connection, told } = await serve();
    const answer = callUnary(connection, Get, blobOf("a"));
    const sent = callFireAndForget(connection, Put, blobOf("b"));
    await close(connection);
    expect(textOf(await world.run(answer))).to.equal("a");
    await world.run(sent);
    expect(told).to.deep.equal(["b"]);
  });

  it("nor large ones, that go in fragments", async () => {
    const { connection, told } = await serve();
    const large = "x".repeat(300_000);
    const answer = callUnary(connection, Get, blobOf(large));
    const sent = callFireAndForget(connection, Put, blobOf(large));
    await close(connection);
    expect(textOf(await world.run(answer))).to.have.length(300_000);
    await world.run(sent);
    expect(told).to.deep.equal([large]);
  });

  it("without a grace lets a complete answer go out that is still being written", async () => {
    let close = (): Promise<void> => Promise.resolve();
    let closing: () => unknown = () => "not begun";
    const get = ({ bytes }: { readonly bytes: Uint8Array }) => {
      // Right behind the answer, which goes in fragments.
      queueMicrotask(() => {
        closing = watch(close());
      });
      return { bytes: new Uint8Array(2_000_000).fill(bytes[0] ?? 0) };
    };
    const { server, connection } = await world.pair({ services: [blobs({ get })] });
    close = () => server.close();
    const answer = await world.run(callUnary(connection, Get, { bytes: Uint8Array.of(7) }));
    expect(Buffer.from(answer.bytes).equals(Buffer.alloc(2_000_000, 7))).to.equal(true);
    await world.scheduler.settle();
    expect(closing()).to.equal("fulfilled");
  });
});

describe("many calls on one signal", () => {
  beforeEach(renewWorld);
  afterEach(leavesNoTrace);

  const serve = async () => {
    let go = (): void => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const get = async (request: { readonly bytes: Uint8Array }) => {
      await gate;
      return request;
    };
    return { ...(await world.pair({ services: [blobs({ get })] })), go: () => go() };
  };

  it("are no leak: no warning, one listener while they run, none behind them", async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    try {
      const { connection, go } = await serve();
      const signal = world.signalOf(new AbortController());
      const calls = Array.from({ length: 50 }, () => callUnary(connection, Get, blobOf("a"), { signal }));
      await world.scheduler.settle();
      expect(getEventListeners(signal, "abort")).to.have.length(1);
      go();
      await world.run(Promise.all(calls));
      expect(getEventListeners(signal, "abort")).to.have.length(0);
      // Warnings are told later.
      await nextTurn();
      expect(warnings).to.deep.equal([]);
    } finally {
      process.off("warning", onWarning);
    }
  });

  it("are all cancelled by it", async () => {
    const { connection, go } = await serve();
    const controller = new AbortController();
    const signal = world.signalOf(controller);
    const calls = Array.from({ length: 50 }, () => rejectionOf(callUnary(connection, Get, blobOf("a"), { signal })));
    await world.scheduler.settle();
    controller.abort();
    for (const error of await world.run(Promise.all(calls))) expect(RpcError.is(error, Code.Cancelled)).to.equal(true);
    go();
  });

  it("end one by one without taking the signal from the others", async () => {
    const { connection, go } = await serve();
    const controller = new AbortController();
    const signal = world.signalOf(controller);
    const timely = rejectionOf(callUnary(connection, Get, blobOf("a"), { signal, timeoutMs: 10 }));
    const patient = rejectionOf(callUnary(connection, Get, blobOf("a"), { signal }));
    await world.scheduler.advance(1_000);
    expect(RpcError.is(await timely, Code.DeadlineExceeded)).to.equal(true);
    controller.abort();
    expect(RpcError.is(await world.run(patient), Code.Cancelled)).to.equal(true);
    go();
  });
});

describe("a reader that is slow", () => {
  /** Takes everything and lets it go as slowly as the test says. */
  class SlowLink implements FrameLink {
    readonly info = { transport: "slow", remoteAddress: "", localAddress: "", isSecure: true };
    unsentBytes = 0;
    isAborted = false;
    #handler: LinkHandler | undefined;

    setHandler(handler: LinkHandler): void {
      this.#handler = handler;
    }

    send(batch: { readonly byteLength: number }): boolean {
      this.unsentBytes += batch.byteLength;
      return this.unsentBytes < 1_000;
    }

    pause(): void {}
    resume(): void {}

    close(): void {
      this.abort();
    }

    abort(): void {
      this.isAborted = true;
      this.#handler?.onClose();
    }
  }

  it("isn't given up as long as it reads, and is when it reads no more", async () => {
    const scheduler = new VirtualScheduler();
    const link = new SlowLink();
    const connection = await scheduler.run(
      connectRSocket({
        dialer: { dial: () => Promise.resolve(link) },
        settings: { limits: { stallTimeoutMs: 1_000 }, maxLifetimeMs: 600_001, keepaliveIntervalMs: 600_000 },
        confirm: false,
        scheduler,
      }),
    );
    connection.fireAndForget({ data: new Uint8Array(100_000) });
    await scheduler.settle();
    expect(link.unsentBytes).to.be.above(100_000);
    for (let second = 0; second < 60; second++) {
      link.unsentBytes -= 100;
      await scheduler.advance(500);
      link.unsentBytes -= 100;
      await scheduler.advance(500);
    }
    expect(connection.isOpen).to.equal(true);
    await scheduler.advance(2_000);
    expect(connection.closeReason?.reason).to.equal("the peer has read nothing for 1000 ms");
    expect(link.isAborted).to.equal(true);
    expect(scheduler.timerCount).to.equal(0);
  });
});

describe("answers as an iterator", () => {
  it("throw what throw() was given, once they are left", async () => {
    let abandoned = 0;
    const items = new IncomingItems<Uint8Array>(
      { decode: (data) => data, abandon: () => void abandoned++, undecodable: (error) => error },
      { budget: new TurnBudget(new VirtualScheduler()) },
    );
    items.receive(Uint8Array.of(1), undefined);
    const reason = new Error("enough");
    expect(await rejectionOf(items.throw(reason))).to.equal(reason);
    expect(abandoned).to.equal(1);
    expect(await items.next()).to.deep.equal({ done: true, value: undefined });
  });
});
