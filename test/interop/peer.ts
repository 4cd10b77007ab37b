// SPDX-License-Identifier: Apache-2.0
// The server as one case sees it: connections to it, each watched, all of them closed when the case is over.

import {
  type Compatibility,
  type Connection,
  type ConnectOptions,
  compositeMetadata,
  connectWith,
  type Dialer,
  type MetadataMode,
  RpcError,
  type Scheduler,
} from "rsocket-rpc";
import { connectWith as connectLite, details, type LiteConnectOptions, limits, metadata } from "rsocket-rpc/lite";
import { createTestServiceClient, type TestServiceClient } from "../support/gen/interop_rsocket.js";
import type { CutKind, Cuttable, Reach } from "./reach.js";
import { Wire } from "./wire.js";

/** What server and client of the interop matrix raise: `big_message` fits, and answers of `concurrent_large_unary` may wait
 *  for a client that takes a second to begin to read. */
export const LIMITS = {
  maxMessageBytes: 33_554_432,
  maxReassemblyBytes: 67_108_864,
  maxPeerCausedBytes: 67_108_864,
} as const;

/** One connection, set up and accepted. */
export interface Session {
  readonly connection: Connection;
  readonly client: TestServiceClient;
  readonly wire: Wire;
}

/** A session that can be cut. */
export interface CuttableSession extends Session {
  /** The server dies, or closes, as far as this client can see. */
  cut(kind?: CutKind): void;
}

/** How a case talks to the server. */
export interface PeerOptions {
  readonly reach: Reach;
  readonly mode: MetadataMode;
  /** The longest frame that the client sends; the default of the runtime unless given. */
  readonly mtu: number | undefined;
  /** Where a case makes very many calls, or asks for very many messages: a tenth of them. */
  readonly quick: boolean;
  /** False: the client says nothing of our extension, and so the server isn't one of ours to it. */
  readonly hello: boolean;
  /** The client is one of `rsocket-rpc/lite`. */
  readonly lite?: boolean;
  /** The time of connections; that of the system unless given. */
  readonly scheduler?: Scheduler;
  /** What a server of another make needs. */
  readonly compatibility?: Compatibility;
}

/** Options that only the whole runtime has. */
const NOT_IN_LITE = ["services", "lease", "resume", "credentials", "interceptors"] as const;

/** The case can't be run here: the reason is printed. */
export class Skipped extends Error {
  override readonly name: string = "Skipped";
}

/** The server, for one case. */
export class Peer {
  readonly options: PeerOptions;
  readonly #others: Peer[] = [];
  readonly #connections: Connection[] = [];
  readonly #cuttables: Cuttable[] = [];

  constructor(options: PeerOptions) {
    this.options = options;
  }

  get mode(): MetadataMode {
    return this.options.mode;
  }

  /** The same server, talked to otherwise; what it opens is closed with this one's. */
  with(changes: Partial<PeerOptions>): Peer {
    const peer = new Peer({ ...this.options, ...changes });
    this.#others.push(peer);
    return peer;
  }

  /** A connection of its own. */
  connect(options: ConnectOptions = {}): Promise<Session> {
    return this.#open(this.options.reach.dialer, options);
  }

  /** A connection that can be cut. @throws Skipped where nothing goes in between. */
  async connectCuttable(options: ConnectOptions = {}): Promise<CuttableSession> {
    const { cuttable } = this.options.reach;
    if (cuttable === undefined) throw new Skipped("nothing goes between the ends of this transport");
    const between = await cuttable();
    this.#cuttables.push(between);
    return { ...(await this.#open(between.dialer, options)), cut: (kind) => between.cut(kind) };
  }

  /** `connecting`, which asks for something that not every server has. @throws Skipped when it refuses just that. */
  async ifOffered<T extends Session>(connecting: Promise<T>): Promise<T> {
    try {
      return await connecting;
    } catch (error) {
      if (!RpcError.is(error) || error.initiator !== "remote") throw error;
      await this.connect(); // who refuses everybody isn't excused
      throw new Skipped(`the server refuses it: ${error.rawMessage}`);
    }
  }

  /** Closes whatever the case has opened. */
  async close(): Promise<void> {
    await Promise.all(this.#others.map((other) => other.close()));
    await Promise.all(this.#connections.map((connection) => connection.close()));
    await Promise.all(this.#cuttables.map((cuttable) => cuttable.close()));
  }

  async #open(dialer: Dialer, options: ConnectOptions): Promise<Session> {
    const { mode, mtu, hello, scheduler, compatibility = {} } = this.options;
    const wire = new Wire();
    const watched: Dialer = { dial: async (signal) => wire.watch(await dialer.dial(signal)) };
    const common = {
      limits: LIMITS,
      compatibility,
      ...(mtu === undefined ? {} : { fragmentBytes: mtu }),
      ...(scheduler === undefined ? {} : { scheduler }),
      ...options,
    };
    const metadataMode = mode === "rpc" ? mode : compositeMetadata;
    const connection = this.options.lite
      ? await this.#openLite(watched, common)
      : await connectWith(watched, { metadataMode, hello, ...common });
    this.#connections.push(connection);
    return { connection, client: createTestServiceClient(connection), wire };
  }

  // Cases look at what both kinds of connection have: how they end.
  async #openLite(dialer: Dialer, options: ConnectOptions): Promise<Connection> {
    if (this.mode !== "rpc") throw new Skipped("rsocket-rpc/lite knows no composite metadata");
    const missing = NOT_IN_LITE.filter((name) => options[name] !== undefined && options[name] !== false);
    if (missing.length > 0) throw new Skipped(`rsocket-rpc/lite has no ${missing.join(", ")}`);
    return (await connectLite(dialer, {
      ...(options as LiteConnectOptions),
      metadata,
      details,
      limits: limits(options.limits ?? {}),
    })) as unknown as Connection;
  }
}
