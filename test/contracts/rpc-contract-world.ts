// SPDX-License-Identifier: Apache-2.0
// The programs of one contract test: a server, a client, a raw peer, over one transport, in real time.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectSocket, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { expect } from "chai";
import {
  type Connection,
  type ConnectOptions,
  connectWith,
  type LeaseStrategy,
  listenPort,
  portDialer,
  type Scheduler,
  type ServeOptions,
  type Server,
  serveWith,
} from "rsocket-rpc";
import { connect, serve } from "rsocket-rpc/node";
import { createInProcessPair, type FrameLink, type Listener, systemScheduler, type Timer } from "rsocket-rpc/rsocket";
import { ScriptedPeer } from "rsocket-rpc/testing";
import { WebSocket } from "ws";
import { createAuthority } from "../../examples/hello/certificates.js";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
  unimplementedTicker,
} from "../../examples/hello/gen/ticker_rsocket.js";
import { bytesOf, uint } from "../support/frames-dsl.js";
import { nextTurn } from "../support/next-turn.js";
import { expectQuiet, rsocketOf } from "../support/rpc-world.js";

/** A peer that sends and gets frames as hex, and reads only while it wants. */
export interface RawPeer {
  /** Frames that came, without prefix. */
  readonly received: readonly string[];
  send(...frames: readonly string[]): void;
  /** Waits for a frame that satisfies `matches`. */
  until(matches: (frame: string) => boolean): Promise<string>;
  pause(): void;
  resume(): void;
  /** Ends the connection without a word. */
  destroy(): void;
}

/** A server over one transport, with ways to reach it. */
export interface Reachable {
  readonly server: Server;
  connect(options: ConnectOptions): Promise<Connection>;
  /** A raw connection, before any frame. */
  connectRaw(): Promise<RawPeer>;
}

/** A transport under test. */
export interface ContractTransport {
  readonly name: string;
  /** Its clients serve nothing and know one metadata mode: those of `rsocket-rpc/lite`. */
  readonly isLite?: boolean;
  serve(options: ServeOptions): Promise<Reachable>;
}

/** The system's scheduler, which counts the timers that are armed. */
export class CountingScheduler implements Scheduler {
  readonly #armed = new Set<Timer>();

  get timerCount(): number {
    return this.#armed.size;
  }

  now(): number {
    return systemScheduler.now();
  }

  defer(task: () => void): void {
    systemScheduler.defer(task);
  }

  yield(task: () => void): void {
    systemScheduler.yield(task);
  }

  setTimer(delayMs: number, task: () => void): Timer {
    const timer = systemScheduler.setTimer(delayMs, () => {
      this.#armed.delete(counted);
      task();
    });
    const counted: Timer = {
      cancel: () => {
        this.#armed.delete(counted);
        timer.cancel();
      },
    };
    this.#armed.add(counted);
    return counted;
  }
}

/** Who calls whom. */
export type Direction = "the client calls the server" | "the server calls the client";

/** What either side may be told. */
export type CallerOptions = Omit<ConnectOptions, "lease" | "resume">;

/** The side that calls and the side that is called. */
export interface Calling {
  readonly ticker: TickerClient;
  readonly caller: Connection;
  readonly callee: Connection;
  readonly reachable: Reachable;
}

/** One test's programs. */
export class ContractWorld {
  readonly transport: ContractTransport;
  readonly scheduler: CountingScheduler = new CountingScheduler();
  readonly #fragmentBytes: number;
  readonly #lease: LeaseStrategy | undefined;
  readonly #servers: Server[] = [];
  readonly #connections: Connection[] = [];
  readonly #raw: RawPeer[] = [];

  constructor(transport: ContractTransport, fragmentBytes: number, lease?: LeaseStrategy) {
    this.transport = transport;
    this.#lease = lease;
    this.#fragmentBytes = fragmentBytes;
  }

  /** A server with `options`. */
  async serve(options: Partial<ServeOptions>): Promise<Reachable> {
    const { scheduler } = this;
    const fragmentBytes = this.#fragmentBytes;
    const lease = this.#lease;
    const ofServer = lease === undefined ? {} : { lease };
    const ofClient = lease === undefined ? {} : { lease: { strategy: lease } };
    const reachable = await this.transport.serve({ services: [], scheduler, fragmentBytes, ...ofServer, ...options });
    this.#servers.push(reachable.server);
    return {
      server: reachable.server,
      connect: async (connectOptions) => {
        const connection = await reachable.connect({ scheduler, fragmentBytes, ...ofClient, ...connectOptions });
        this.#connections.push(connection);
        return connection;
      },
      connectRaw: async () => {
        const peer = await reachable.connectRaw();
        this.#raw.push(peer);
        return peer;
      },
    };
  }

  /** A client and a server, of which one has `handler` and the other calls it. */
  async call(direction: Direction, handler: Partial<TickerHandler>, caller: CallerOptions = {}): Promise<Calling> {
    const services = [implementTicker({ ...unimplementedTicker, ...handler })];
    const toServer = direction === "the client calls the server";
    let ofServer: Connection | undefined;
    const accept: ServeOptions["accept"] = (_setup, connection) => void (ofServer = connection);
    const reachable = await this.serve(toServer ? { services, accept } : { ...caller, services: [], accept });
    const ofClient = await reachable.connect(toServer ? caller : { services });
    // `connect` resolves when the server has accepted.
    const peer = ofServer as unknown as Connection;
    this.#connections.push(peer);
    const calling = toServer ? { caller: ofClient, callee: peer } : { caller: peer, callee: ofClient };
    return { ...calling, ticker: createTickerClient(calling.caller), reachable };
  }

  /** Ends everything; nothing may be left. */
  async end(failed: boolean): Promise<void> {
    for (const peer of this.#raw) peer.destroy();
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all(this.#servers.map((server) => server.close()));
    if (failed) return;
    await eventually(() => {
      for (const connection of this.#connections) expectQuiet(connection);
      for (const server of this.#servers) {
        expect(server.connectionCount, "connections").to.equal(0);
        expect(server.runningHandlers, "running handlers").to.equal(0);
      }
      expect(this.scheduler.timerCount, "timers").to.equal(0);
    });
  }
}

/** Tears the link under `connection` down, as a lost network would. */
export function loseLink(connection: Connection): void {
  rsocketOf(connection).abort("link lost");
}

/** Repeats `check` until it passes, for a second at most. */
export async function eventually(check: () => void): Promise<void> {
  const endsAt = performance.now() + 1_000;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (performance.now() > endsAt) throw error;
      await nextTurn();
    }
  }
}

/** Something that a test waits for. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
}

/** A promise with its `resolve`. */
export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

// ── transports ────────────────────────────────────────────────────────────────────────────────────────────────────────

class RawFrames {
  readonly received: string[] = [];
  #waiting: (() => void) | undefined;

  push(frame: string): void {
    this.received.push(frame);
    this.#waiting?.();
  }

  async until(matches: (frame: string) => boolean): Promise<string> {
    for (let i = 0; ; i++) {
      while (i >= this.received.length) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
      }
      const frame = this.received[i];
      if (frame !== undefined && matches(frame)) return frame;
    }
  }
}

const inProcess: ContractTransport = {
  name: "in-process",
  async serve(options) {
    const scheduler = options.scheduler ?? systemScheduler;
    let take: ((link: FrameLink) => void) | undefined;
    const listener = { url: "in-process:", close: () => Promise.resolve() };
    const server = await serveWith(
      [
        (onLink) => {
          take = onLink;
          return Promise.resolve(listener);
        },
      ],
      options,
    );
    const open = (): FrameLink => {
      const [near, far] = createInProcessPair(scheduler);
      take?.(far);
      return near;
    };
    return {
      server,
      connect: (connectOptions) => connectWith({ dial: () => Promise.resolve(open()) }, connectOptions),
      connectRaw: () => Promise.resolve(rawInProcess(open())),
    };
  },
};

function rawInProcess(link: FrameLink): RawPeer {
  const frames = new RawFrames();
  const peer = new (class extends ScriptedPeer {
    override onFrame(bytes: Uint8Array, start: number, end: number): boolean {
      frames.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("hex"));
      return !paused;
    }
  })(link);
  let paused = false;
  return {
    received: frames.received,
    until: (matches) => frames.until(matches),
    send: (...sent) => {
      for (const frame of sent) peer.send(frame);
    },
    pause: () => {
      paused = true;
      link.pause();
    },
    resume: () => {
      paused = false;
      link.resume();
    },
    destroy: () => peer.abort(),
  };
}

const tcp: ContractTransport = {
  name: "TCP",
  async serve(options) {
    const server = await serve("tcp://127.0.0.1:0", options);
    const url = server.urls[0] ?? "";
    return {
      server,
      connect: (connectOptions) => connect(url, connectOptions),
      connectRaw: () => rawStream(connectSocket({ ...addressOf(url), noDelay: true }), "connect"),
    };
  },
};

const authority = createAuthority();
const identity = authority.then(({ issue }) => issue("CN=server", { names: ["IP:127.0.0.1"] }));

const tls: ContractTransport = {
  name: "TLS",
  async serve(options) {
    const { ca } = await authority;
    const server = await serve("tls://127.0.0.1:0", { ...options, tls: await identity });
    const url = server.urls[0] ?? "";
    return {
      server,
      connect: (connectOptions) => connect(url, { ...connectOptions, tls: { ca } }),
      connectRaw: () => rawStream(connectTls({ ...addressOf(url), ca }), "secureConnect"),
    };
  },
};

// One folder for all: a server removes its file itself.
const folder = mkdtempSync(join(tmpdir(), "rsocket-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;

const unix: ContractTransport = {
  name: "Unix socket",
  async serve(options) {
    const path = join(folder, `${sockets++}`);
    const server = await serve(`unix:${path}`, options);
    return {
      server,
      connect: (connectOptions) => connect(`unix:${path}`, connectOptions),
      connectRaw: () => rawStream(connectSocket({ path }), "connect"),
    };
  },
};

function addressOf(url: string): { host: string; port: number } {
  return { host: "127.0.0.1", port: Number(new URL(url).port) };
}

async function rawStream(socket: Socket, event: "connect" | "secureConnect"): Promise<RawPeer> {
  await once(socket, event);
  const frames = new RawFrames();
  let held: Buffer = Buffer.alloc(0);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    let end = 0;
    while (end + 3 <= bytes.length && end + 3 + bytes.readUIntBE(end, 3) <= bytes.length) {
      const start = end + 3;
      end = start + bytes.readUIntBE(end, 3);
      frames.push(bytes.toString("hex", start, end));
    }
    held = bytes.subarray(end);
  });
  return {
    received: frames.received,
    until: (matches) => frames.until(matches),
    send: (...sent) => {
      for (const frame of sent) socket.write(bytesOf(uint(frame.length / 2, 3) + frame));
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    destroy: () => void socket.destroy(),
  };
}

const webSocket: ContractTransport = {
  name: "WebSocket",
  async serve(options) {
    const server = await serve("ws://127.0.0.1:0/rpc", options);
    const url = server.urls[0] ?? "";
    return { server, connect: (connectOptions) => connect(url, connectOptions), connectRaw: () => rawWebSocket(url) };
  },
};

/** A peer on a WebSocket. */
export async function rawWebSocket(url: string): Promise<RawPeer> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  const frames = new RawFrames();
  socket.on("error", () => {});
  socket.on("message", (data: Buffer) => frames.push(data.toString("hex")));
  return {
    received: frames.received,
    until: (matches) => frames.until(matches),
    send: (...sent) => {
      for (const frame of sent) socket.send(bytesOf(frame));
    },
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    destroy: () => socket.terminate(),
  };
}

const messagePort: ContractTransport = {
  name: "MessagePort",
  async serve(options) {
    let take: (link: FrameLink) => void = () => {};
    const listening: Promise<Listener>[] = [];
    const close = async (): Promise<void> => {
      for (const port of await Promise.all(listening)) await port.close();
    };
    const listener = { url: "message-port:", close };
    const server = await serveWith(
      [
        (onLink) => {
          take = onLink;
          return Promise.resolve(listener);
        },
      ],
      options,
    );
    const open = (): MessagePort => {
      const { port1, port2 } = new MessageChannel();
      listening.push(listenPort(port2, options.scheduler)((link) => take(link)));
      return port1;
    };
    return {
      server,
      connect: (connectOptions) => connectWith(portDialer(open(), connectOptions.scheduler), connectOptions),
      connectRaw: () => rawPort(open()),
    };
  },
};

// Frames in ArrayBuffers, each with its length in front; what was read is acknowledged.
async function rawPort(port: MessagePort): Promise<RawPeer> {
  const frames = new RawFrames();
  const held: ArrayBuffer[] = [];
  let isPaused = false;
  const read = (): void => {
    for (const buffer of isPaused ? [] : held.splice(0)) {
      const batch = Buffer.from(buffer);
      for (let end = 0; end < batch.length; ) {
        const start = end + 3;
        end = start + batch.readUIntBE(end, 3);
        frames.push(batch.toString("hex", start, end));
      }
      port.postMessage({ rsocket: "ack", byteLength: batch.length });
    }
  };
  port.on("message", (data: unknown) => {
    if (!(data instanceof ArrayBuffer)) return;
    held.push(data);
    read();
  });
  port.postMessage({ rsocket: "open", windowBytes: 65_536, isAnswer: false });
  return {
    received: frames.received,
    until: (matches) => frames.until(matches),
    send: (...sent) => {
      for (const frame of sent) port.postMessage(Uint8Array.from(bytesOf(uint(frame.length / 2, 3) + frame)).buffer);
    },
    pause: () => {
      isPaused = true;
    },
    resume: () => {
      isPaused = false;
      read();
    },
    destroy: () => port.close(),
  };
}

/** All of them: a new one is added here. */
export const TRANSPORTS: readonly ContractTransport[] = [inProcess, tcp, tls, unix, webSocket, messagePort];
