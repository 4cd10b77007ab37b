// SPDX-License-Identifier: Apache-2.0
// Clients and servers in virtual time, opposite each other or opposite a scripted peer, and the look at what they left.

import { getEventListeners } from "node:events";
import { expect } from "chai";
import {
  type Connection,
  type ConnectOptions,
  connectWith,
  type ServeOptions,
  type Server,
  serveWith,
} from "rsocket-rpc";
import type { FrameLink, LinkHandler, LinkInfo, RSocketConnection } from "rsocket-rpc/rsocket";
import {
  type InProcessServer,
  type ScriptedPeer,
  scriptedPeer,
  serveInProcess,
  VirtualScheduler,
} from "rsocket-rpc/testing";
import type { LiteSession } from "../../runtime/src/lite/session.js";

/** SETUP of a client of ours, `rpc` mode, 20 s / 90 s, with its hello. */
export const SETUP_OURS =
  "0000000005000001000000004e2000015f90126170706c69636174696f6e2f62696e617279126170706c69636174696f6e2f62696e617279" +
  "000020176d6573736167652f782e72736f636b65742d7270632e76310000040a020801";
/** SETUP of any other client, `rpc` mode, 20 s / 90 s, no metadata. */
export const SETUP_UNKNOWN =
  "0000000004000001000000004e2000015f90126170706c69636174696f6e2f62696e617279126170706c69636174696f6e2f62696e617279";
/** METADATA_PUSH with a server's hello. */
export const HELLO = "000000003100176d6573736167652f782e72736f636b65742d7270632e76310000040a020801";
/** KEEPALIVE with R, position 0, no data. */
export const KEEPALIVE_R = "000000000c800000000000000000";
/** Its answer. */
export const KEEPALIVE = "000000000c000000000000000000";

/** What a test knows of a client that a scripted server stands opposite. */
export interface ScriptedServerSide {
  readonly connection: Connection;
  readonly peer: ScriptedPeer;
  /** The client's link. */
  readonly gate: LinkGate;
}

/** A client that connects to a scripted server. */
export interface DialedScripted {
  readonly connecting: Promise<Connection>;
  readonly peer: ScriptedPeer;
  readonly gate: LinkGate;
}

/** A link that says, when it is told to, that it takes nothing more. */
export class LinkGate {
  #isShut = false;
  #handler: LinkHandler | undefined;

  constructor(link: FrameLink) {
    const { send, setHandler } = link;
    link.send = (batch) => send.call(link, batch) && !this.#isShut;
    link.setHandler = (handler) => {
      this.#handler = handler;
      setHandler.call(link, handler);
    };
  }

  /** Whatever is sent from now on is the last. */
  shut(): void {
    this.#isShut = true;
  }

  /** The link takes frames again. */
  open(): void {
    this.#isShut = false;
    this.#handler?.onDrain();
  }
}

/** What a test knows of a server that a scripted client stands opposite. */
export interface ScriptedClientSide {
  readonly server: Server;
  readonly peer: ScriptedPeer;
  /** The server has stopped reading from the first client. */
  isPaused(): boolean;
  /** Another scripted client of the same server. */
  connect(): ScriptedPeer;
}

/** One test's programs, all in the same virtual time. */
export class RpcWorld {
  readonly scheduler: VirtualScheduler = new VirtualScheduler();
  /** The test has handlers that never end. */
  expectsRunningHandlers = false;
  readonly #servers: Server[] = [];
  readonly #connections: Connection[] = [];
  readonly #peers: ScriptedPeer[] = [];
  readonly #signals: AbortSignal[] = [];

  constructor() {
    worlds.push(this);
  }

  /** Runs what is due now until `promise` is settled. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.run(promise);
  }

  /** A server without a network; connect to it with `connect`. */
  async serve(options: ServeOptions): Promise<InProcessServer> {
    const server = await this.run(serveInProcess({ scheduler: this.scheduler, ...options }));
    this.#servers.push(server);
    return server;
  }

  /** A connection to `server`. */
  async connect(server: InProcessServer, options: ConnectOptions = {}): Promise<Connection> {
    const connection = await this.run(server.connect({ scheduler: this.scheduler, ...options }));
    this.#connections.push(connection);
    return connection;
  }

  /** A server and one connection to it. */
  async pair(
    serve: ServeOptions,
    connect: ConnectOptions = {},
  ): Promise<{ server: InProcessServer; connection: Connection }> {
    const server = await this.serve(serve);
    return { server, connection: await this.connect(server, connect) };
  }

  /** A server opposite a scripted client that has sent nothing yet. */
  async serveScripted(options: ServeOptions): Promise<ScriptedClientSide> {
    let take: ((link: FrameLink) => void) | undefined;
    const listener = { url: "scripted:", close: () => Promise.resolve() };
    const server = await this.run(
      serveWith(
        [
          (onLink) => {
            take = onLink;
            return Promise.resolve(listener);
          },
        ],
        { scheduler: this.scheduler, ...options },
      ),
    );
    this.#servers.push(server);
    let first: FrameLink | undefined;
    const paused = new Set<FrameLink>();
    const connect = (): ScriptedPeer => {
      const [link, peer] = scriptedPeer(this.scheduler);
      const { pause, resume } = link;
      link.pause = () => {
        paused.add(link);
        pause.call(link);
      };
      link.resume = () => {
        paused.delete(link);
        resume.call(link);
      };
      first ??= link;
      this.#peers.push(peer);
      take?.(link);
      return peer;
    };
    return { server, peer: connect(), connect, isPaused: () => first !== undefined && paused.has(first) };
  }

  /** A server opposite a scripted client that is set up; what came by then is taken. */
  async serveSetUp(options: ServeOptions, setup: string = SETUP_OURS): Promise<ScriptedClientSide> {
    const side = await this.serveScripted(options);
    side.peer.send(setup);
    await this.scheduler.settle();
    side.peer.take();
    return side;
  }

  /** A client that connects to a scripted server over a link that tells `info`: the promise of its connection, and the server. */
  dialScripted(options: ConnectOptions = {}, info: Partial<LinkInfo> = {}): DialedScripted {
    const [link, peer] = scriptedPeer(this.scheduler);
    Object.assign(link, { info: { ...link.info, ...info } });
    const gate = new LinkGate(link);
    this.#peers.push(peer);
    const connecting = connectWith({ dial: () => Promise.resolve(link) }, { scheduler: this.scheduler, ...options });
    connecting.then(
      (connection) => this.#connections.push(connection),
      () => {},
    );
    return { connecting, peer, gate };
  }

  /** A client that a scripted server has accepted, as a peer of ours or another; what it sent by then is taken. */
  async connectScripted(options: ConnectOptions = {}, isOurs = true): Promise<ScriptedServerSide> {
    const { connecting, peer, gate } = this.dialScripted(options);
    await this.scheduler.settle();
    if (isOurs) peer.send(HELLO);
    peer.send(KEEPALIVE);
    const connection = await this.run(connecting);
    peer.take();
    return { connection, peer, gate };
  }

  /** A signal that must have no listener when the test is over. */
  signalOf(controller: AbortController): AbortSignal {
    this.#signals.push(controller.signal);
    return controller.signal;
  }

  /** Tears the link under `connection` down, as a lost network would. */
  lose(connection: Connection): void {
    rsocketOf(connection).abort("link lost");
  }

  /** Streams that live on a connection. */
  streamCount(connection: Connection): number {
    return rsocketOf(connection).streamCount;
  }

  /** Ends everything and looks at what is left: streams, queued bytes, handlers, timers, listeners. */
  async leaveNoTrace(): Promise<void> {
    for (const peer of this.#peers) if (!peer.isClosed) peer.abort();
    await this.scheduler.settle();
    const closing = [
      ...this.#connections.map((connection) => connection.close()),
      ...this.#servers.map((server) => server.close()),
    ];
    // Farewells to peers that read nothing take a second of virtual time.
    await this.scheduler.advance(2_000);
    await this.run(Promise.all(closing));
    for (const connection of this.#connections) expectQuiet(connection);
    for (const server of this.#servers) {
      if (!this.expectsRunningHandlers) expect(server.runningHandlers, "running handlers").to.equal(0);
      expect(server.connectionCount, "connections").to.equal(0);
    }
    for (const signal of this.#signals) expect(getEventListeners(signal, "abort"), "listeners").to.have.length(0);
    expect(this.scheduler.timerCount, "timers").to.equal(0);
  }
}

/** No stream lives and no byte waits on this connection. */
export function expectQuiet(connection: Connection): void {
  const rsocket = rsocketOf(connection);
  expect(rsocket.streamCount, "streams").to.equal(0);
  expect(rsocket.queuedBytes, "bytes to be written").to.equal(0);
}

/** The payload-level connection under `connection`; of a lite one what stands in its place. */
export function rsocketOf(connection: Pick<Connection, "channelCore">): RSocketConnection {
  const { rsocket, session } = connection.channelCore as unknown as {
    rsocket?: RSocketConnection;
    session: LiteSession;
  };
  if (rsocket !== undefined) return rsocket;
  return Object.create(session, {
    streamCount: { get: () => session.calls.size },
    isOpen: { get: () => session.endReason === undefined },
    abort: { value: (message: string) => session.onLinkEnd(new Error(message)) },
  }) as RSocketConnection;
}

let worlds: RpcWorld[] = [];

/** For `afterEach`: looks at what the test's worlds have left, unless the test failed half-way. */
export async function leavesNoTrace(this: Mocha.Context): Promise<void> {
  const made = worlds;
  worlds = [];
  if (this.currentTest?.state === "failed") return;
  for (const world of made) await world.leaveNoTrace();
}

/** What `promise` rejects with; fails when it doesn't. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the promise was fulfilled, expected a rejection");
}

/** All items of a stream. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
