// SPDX-License-Identifier: Apache-2.0
// Connections that aren't links yet: counted, timed, and let go of whatever becomes of them.

import { EventEmitter } from "node:events";
import type { Server, Socket } from "node:net";
import { expect } from "chai";
import { Handshakes } from "../../../runtime/src/transports/handshakes.js";

class FakeSocket extends EventEmitter {
  readonly remotePort = 1;
  readonly localAddress = "::1";
  readonly localPort = 2;
  isDestroyed = false;
  readonly remoteAddress: string | undefined;

  constructor(remoteAddress: string | undefined) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.emit("close");
  }
}

describe("handshakes", () => {
  const kind = { transport: "tls", isSecure: true };
  let told: string[];
  let server: EventEmitter;
  let nowMs: number;
  beforeEach(() => {
    told = [];
    nowMs = 0;
    server = new EventEmitter();
  });

  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;

  function watch(limits: { handshakeTimeoutMs?: number; maxHandshakes?: number } = {}): Handshakes {
    const handshakes = new Handshakes(
      limits,
      kind,
      ({ reason }) => told.push(reason),
      () => nowMs,
    );
    handshakes.watch(server as Server);
    return handshakes;
  }

  function accept(remoteAddress: string | undefined): FakeSocket {
    const socket = new FakeSocket(remoteAddress);
    server.emit("connection", socket);
    return socket;
  }

  it("of peers that have reset already don't begin, and are no news", () => {
    const before = timers();
    const handshakes = watch({ maxHandshakes: 2 });
    const sockets = Array.from({ length: 100 }, () => accept(undefined));
    expect(sockets.every((socket) => socket.isDestroyed)).to.equal(true);
    expect([handshakes.count, timers() - before, told]).to.deep.equal([0, 0, []]);
  });

  it("between the same addresses are each counted, and leave no timer", () => {
    const before = timers();
    const handshakes = watch({ maxHandshakes: 2 });
    const [first, second, third] = [accept("::1"), accept("::1"), accept("::1")];
    expect([first.isDestroyed, second.isDestroyed, third.isDestroyed]).to.deep.equal([false, false, true]);
    expect([handshakes.count, told]).to.deep.equal([2, ["server is full: more than 2 handshakes at once"]]);
    first.emit("close");
    expect(handshakes.count).to.equal(1);
    // The second is that of the addresses still.
    const addresses = { remoteAddress: "[::1]:1", localAddress: "[::1]:2" };
    expect(handshakes.end(addresses)).to.equal(second as unknown as Socket);
    expect([handshakes.count, handshakes.end(addresses), timers() - before]).to.deep.equal([0, undefined, 0]);
  });

  it("that take a second make room, the oldest first: whoever opens many and says nothing keeps nobody out", () => {
    const before = timers();
    const handshakes = watch({ maxHandshakes: 2 });
    const sockets = [accept("::1"), accept("::2")];
    nowMs = 999;
    sockets.push(accept("::3"));
    nowMs = 1_000;
    sockets.push(accept("::4"), accept("::5"), accept("::6"));
    expect(sockets.map(({ isDestroyed }) => isDestroyed)).to.deep.equal([true, true, true, false, false, true]);
    expect(told).to.deep.equal(Array(4).fill("server is full: more than 2 handshakes at once"));
    expect(handshakes.count).to.equal(2);
    handshakes.close();
    expect(timers() - before).to.equal(0);
  });

  it("are ended by close", () => {
    const before = timers();
    const handshakes = watch();
    const sockets = [accept("::1"), accept("::2")];
    handshakes.close();
    expect(sockets.every((socket) => socket.isDestroyed)).to.equal(true);
    expect([handshakes.count, timers() - before, told]).to.deep.equal([0, 0, []]);
  });

  it("have limits that are numbers of at least 1", () => {
    expect(() => watch({ handshakeTimeoutMs: Number.NaN })).to.throw(RangeError, /handshakeTimeoutMs is NaN/);
    expect(() => watch({ handshakeTimeoutMs: 0 })).to.throw(RangeError, /handshakeTimeoutMs is 0, expected a number/);
    expect(() => watch({ maxHandshakes: -1 })).to.throw(RangeError, /maxHandshakes is -1/);
    watch({ handshakeTimeoutMs: Number.POSITIVE_INFINITY, maxHandshakes: Number.POSITIVE_INFINITY });
  });
});
