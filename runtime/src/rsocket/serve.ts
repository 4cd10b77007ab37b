// SPDX-License-Identifier: Apache-2.0
// Accepts connections: SETUP, an answer of the application, requests (RSocket 1.0 §Connection Establishment).

import { checkOption, checkOptions, type Kinds } from "../bytes/options.js";
import { Acceptor } from "../engine/acceptor.js";
import type { FrameLink, LinkRefusal, Listener } from "../engine/link.js";
import { sharedPool } from "../engine/pool.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { ResumeFrame, SetupFrame } from "../frames/frame.js";
import { checkGrace } from "../session/setting-rules.js";
import {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  resolveSettings,
  SETTINGS,
} from "../session/settings.js";
import { serverOpening } from "../session/setup.js";
import { type CloseReason, type ConnectionHooks, RSocketConnection, type RSocketConnectionInit } from "./connection.js";
import { HookedOwner } from "./hooked-owner.js";
import type { LeaseStrategy, ServerLeaseOptions } from "./lease.js";
import { type LeaseSetup, serverLeases } from "./lease-grants.js";
import { extensionHandlerOf, handlerOf, pushHandlerOf, type Responder } from "./responder.js";
import { type ServeResumptionOptions, type Session, Sessions } from "./sessions.js";
import { print } from "./thrown.js";

export type { SetupFrame } from "../frames/frame.js";
export type { ServeResumptionOptions, Session, SessionEvent, SessionStore } from "./sessions.js";

/** Refuses a SETUP; thrown by an acceptor. */
export class SetupRejection extends Error {
  override readonly name: string = "SetupRejection";
  /** INVALID_SETUP, UNSUPPORTED_SETUP or REJECTED_SETUP (RSocket 1.0 §Error Codes). */
  readonly code: number;
  /** The data of the ERROR frame; the message as text unless given. */
  readonly data: Uint8Array;

  constructor(message: string, code: number = ErrorCode.REJECTED_SETUP, data?: Uint8Array) {
    super(message);
    this.code = code;
    this.data = data ?? new TextEncoder().encode(message);
  }
}

/** Opens a listener whose links go to `onLink`; `onRefused` hears of connections that didn't become links. */
export type ListenerFactory = (
  onLink: (link: FrameLink) => void,
  onRefused?: (refusal: LinkRefusal) => void,
) => Promise<Listener>;

/** @internal What the RPC level does with a connection that was accepted. */
export interface ServeHooks {
  /**
   * Looks at the SETUP before the application does; returns what answers requests, or rejects with SetupRejection.
   * `connection.accept` is called when it resolves.
   */
  accept(setup: SetupFrame, connection: RSocketConnection): Promise<ConnectionHooks> | ConnectionHooks;
  /** Why a SETUP was refused beyond what the peer hears, or what a store of sessions threw; never called for SetupRejection. */
  onAcceptError(error: unknown): void;
  /** A connection ended before it was a link. */
  onLinkRefused?(refusal: LinkRefusal): void;
  /** A connection is over, whether it was accepted or not. */
  onConnectionClosed?(connection: RSocketConnection, reason: CloseReason): void;
}

/** Options of `serveRSocket`. */
export interface ServeRSocketOptions {
  /** Where: one for each address. */
  readonly listeners: readonly ListenerFactory[];
  /**
   * Called for each sound SETUP: returns what answers the client's requests, or throws a SetupRejection. Frames behind
   * SETUP wait for it. Requests to the client are made on `connection`.
   */
  accept(setup: SetupFrame, connection: RSocketConnection): Responder | Promise<Responder>;
  /** Connections of clients that ask for it outlive their links. Off: such a SETUP is refused. */
  readonly resume?: boolean | ServeResumptionOptions;
  readonly settings?: ConnectionSettingsInit;
  /** Grants requests to clients that honour leases; without it a SETUP that asks for them is refused. */
  readonly lease?: LeaseStrategy | ServerLeaseOptions | undefined;
  readonly scheduler?: Scheduler;
}

/** What a server holds at one moment. */
export interface RSocketServerStats {
  /** Connections with a link, accepted or about to be. */
  readonly connections: number;
  /** Sessions that can be resumed, with or without a link. */
  readonly sessions: number;
  /** Streams of both sides that haven't ended. */
  readonly streams: number;
  /** Bytes that wait to be sent, here and in the transports. */
  readonly bytesQueued: number;
  /** Bytes of messages that have come in part. */
  readonly bytesUnfinished: number;
  /** Sent bytes that are kept until their receipt is known, for all sessions. */
  readonly bytesResumable: number;
}

/** A server on the payload level. */
export interface RSocketServer {
  /** Where it listens, with the ports that were bound. */
  readonly urls: readonly string[];
  /** Connections that are open. */
  readonly connections: ReadonlySet<RSocketConnection>;
  /** Those that can be resumed, with or without a link. */
  readonly sessions: readonly Session[];
  /** What is going on at this moment. Costs a walk over all connections. */
  stats(): RSocketServerStats;
  /** Takes no more connections, closes those that are open in order, within `graceMs`. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const KNOWN: Kinds = {
  listeners: "list",
  accept: "function",
  resume: "boolean|object",
  settings: "object",
  lease: "object",
  scheduler: "object",
};

/** Serves on the payload level. @throws what a listener threw; then none of them stays open. */
export async function serveRSocket(options: ServeRSocketOptions): Promise<RSocketServer> {
  checkOptions(options, KNOWN);
  checkOption("listeners", options.listeners, "list", true);
  checkOption("accept", options.accept, "function", true);
  if (options.settings !== undefined) checkOptions(options.settings, SETTINGS, "settings.");
  return await openServer(options.listeners, options, {
    async accept(setup, connection) {
      const responder = await options.accept(setup, connection);
      return {
        onRequest: handlerOf(responder),
        onMetadataPush: pushHandlerOf(responder),
        onExtension: extensionHandlerOf(responder),
      };
    },
    onAcceptError: (error) => print("the acceptor threw", error),
  });
}

/** What clients are told when the server closes; ours know the words. */
const DRAINING = "server is draining";

/** @internal `serveRSocket` with hooks. */
export async function openServer(
  factories: readonly ListenerFactory[],
  {
    settings,
    resume,
    lease,
    scheduler = systemScheduler,
  }: Pick<ServeRSocketOptions, "settings" | "resume" | "lease" | "scheduler">,
  hooks: ServeHooks,
): Promise<RSocketServer> {
  const server = new ServerCore(resolveSettings(settings), scheduler, serverLeases(lease), hooks, resume);
  const onLink = (link: FrameLink): void => server.take(link);
  const onRefused = (refusal: LinkRefusal): void => hooks.onLinkRefused?.(refusal);
  const opened = await Promise.allSettled(factories.map(async (factory) => await factory(onLink, onRefused)));
  const listeners = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failed = opened.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    server.listeners = listeners;
    // Some may have connected meanwhile.
    await server.close().catch(() => {});
    throw failed.reason;
  }
  server.listeners = listeners;
  return server;
}

class ServerCore implements RSocketServer {
  readonly connections = new Set<RSocketConnection>();
  listeners: readonly Listener[] = [];
  readonly #settings: ConnectionSettings;
  readonly #scheduler: Scheduler;
  readonly #lease: LeaseSetup | undefined;
  readonly #hooks: ServeHooks;
  readonly #acceptor: Acceptor;
  readonly #sessions: Sessions | undefined;
  // Those that are let in for a RESUME alone: the server is full.
  #returningCount = 0;
  #closing: Promise<void> | undefined;

  constructor(
    settings: ConnectionSettings,
    scheduler: Scheduler,
    lease: LeaseSetup | undefined,
    hooks: ServeHooks,
    resume: ServeRSocketOptions["resume"] = false,
  ) {
    this.#settings = settings;
    this.#scheduler = scheduler;
    this.#lease = lease;
    this.#hooks = hooks;
    this.#acceptor = new Acceptor(scheduler, settings.limits);
    if (resume !== false) {
      const onFault = (error: unknown): void => hooks.onAcceptError(error);
      this.#sessions = new Sessions(resume === true ? {} : resume, settings.limits, scheduler, onFault);
    }
  }

  get sessions(): readonly Session[] {
    return this.#sessions?.all ?? [];
  }

  stats(): RSocketServerStats {
    let [connections, streams, bytesQueued, bytesUnfinished] = [0, 0, 0, 0];
    for (const connection of this.connections) {
      if (connection.isLive) connections++; // the streams of a session without a link live all the same
      streams += connection.streamCount;
      bytesQueued += connection.queuedBytes + connection.unsentBytes;
      bytesUnfinished += connection.unfinishedBytes;
    }
    return {
      connections,
      sessions: this.sessions.length,
      streams,
      bytesQueued,
      bytesUnfinished,
      bytesResumable: this.#sessions?.ledger.bytes ?? 0,
    };
  }

  get urls(): readonly string[] {
    return this.listeners.map((listener) => listener.url);
  }

  take(link: FrameLink): void {
    const refusal = this.#closing === undefined ? this.#acceptor.admit(link.info.remoteAddress) : DRAINING;
    // It may be a session's client, whose old link still counts: there are no more of these than sessions.
    const mayReturn = this.#closing === undefined && this.#returningCount < (this.#sessions?.count ?? 0);
    const connection = this.#createConnection(link, refusal, mayReturn);
    connection.start();
    // Any other one too many hears so at once: waiting for its SETUP would be another way to use us up.
    if (refusal !== undefined && !mayReturn) rejectWith(connection, new SetupRejection(refusal));
  }

  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    checkGrace(graceMs);
    if (this.#closing === undefined) this.#closing = this.#closeAll(graceMs);
    // Who has less patience than before is heard.
    else for (const connection of this.connections) void connection.close({ graceMs, message: DRAINING });
    await this.#closing;
  }

  async #closeAll(graceMs: number): Promise<void> {
    const listening = Promise.allSettled(this.listeners.map(async (listener) => await listener.close()));
    await Promise.all([...this.connections].map((connection) => connection.close({ graceMs, message: DRAINING })));
    for (const result of await listening) if (result.status === "rejected") throw result.reason;
  }

  #createConnection(link: FrameLink, refusal: string | undefined, mayReturn: boolean): RSocketConnection {
    const sessions = this.#sessions;
    const owner = new ServedOwner(this, link.info.remoteAddress, refusal, (it) => ({
      link,
      settings: this.#settings,
      scheduler: this.#scheduler,
      pool: sharedPool,
      owner: it,
      opening: serverOpening,
      lease: this.#lease,
      resumption: sessions === undefined ? undefined : { ledger: sessions.ledger },
    }));
    if (refusal !== undefined && mayReturn) {
      this.#returningCount++;
      owner.endReturn = () => void this.#returningCount--;
    }
    const { connection } = owner;
    owner.unwatch = this.#acceptor.watch(connection, ErrorCode.INVALID_SETUP, ErrorCode.REJECTED_SETUP);
    this.connections.add(connection);
    return connection;
  }

  // ── what a connection's owner passes on ─────────────────────────────────────────────────────────────────────────

  setUp(owner: ServedOwner, setup: SetupFrame): void {
    const { connection } = owner;
    try {
      if (this.#closing !== undefined) throw new SetupRejection(DRAINING);
      const refusal = this.#sessions?.refuse(setup);
      if (refusal !== undefined) throw new SetupRejection(refusal);
      // Before the application answers: nothing may go out ahead of a refusal.
      const identity = setup.resumeToken === undefined ? undefined : this.#sessions?.identify(connection.info);
      const hooks = this.#hooks.accept(setup, connection);
      const begin = (given: ConnectionHooks): void => this.#begin(owner, setup, given, identity);
      // Not by its class: where the global one was replaced, what async functions return is none of it.
      if ("then" in hooks) hooks.then(begin, (error: unknown) => this.#refuse(connection, error));
      else begin(hooks);
    } catch (error) {
      this.#refuse(connection, error);
    }
  }

  resume(connection: RSocketConnection, frame: ResumeFrame): string | undefined {
    return this.#closing === undefined ? this.#sessions?.resume(connection, frame) : DRAINING;
  }

  detached(connection: RSocketConnection): void {
    this.#sessions?.detached(connection);
  }

  enterAt(remoteAddress: string): void {
    this.#acceptor.enter(remoteAddress);
  }

  leaveFrom(remoteAddress: string): void {
    this.#acceptor.leave(remoteAddress);
  }

  closed(connection: RSocketConnection, reason: CloseReason): void {
    this.#hooks.onConnectionClosed?.(connection, reason);
  }

  #begin(owner: ServedOwner, setup: SetupFrame, hooks: ConnectionHooks, identity: string | undefined): void {
    const { connection } = owner;
    owner.hooks = hooks;
    owner.endWatch();
    try {
      // Another may have come with the same token while this one was being accepted.
      const refusal = this.#sessions?.refuse(setup);
      if (refusal !== undefined) return rejectWith(connection, new SetupRejection(refusal));
      if (identity !== undefined) this.#sessions?.add(connection, setup, identity);
      connection.accept();
    } catch (error) {
      // Of the application's store.
      this.#hooks.onAcceptError(error);
      rejectWith(connection, new SetupRejection("internal error"));
    }
  }

  #refuse(connection: RSocketConnection, error: unknown): void {
    const rejection = error instanceof SetupRejection ? error : new SetupRejection("internal error");
    if (rejection !== error) this.#hooks.onAcceptError(error);
    rejectWith(connection, rejection);
  }
}

/** A server's connection is set up, resumed and left with its server. */
class ServedOwner extends HookedOwner {
  readonly connection: RSocketConnection;
  /** Ends the watch over its SETUP. */
  unwatch: (() => void) | undefined;
  /** It came for a RESUME alone, and is gone or has resumed. */
  endReturn: (() => void) | undefined;
  readonly #server: ServerCore;
  readonly #refusal: string | undefined;
  // Where it counts for the limits of connections, while it has a link: whoever loses it finds room to come back.
  #place: string | undefined;

  /** `refusal`: why it isn't let in, unless it comes back. */
  constructor(
    server: ServerCore,
    remoteAddress: string,
    refusal: string | undefined,
    initOf: (owner: ServedOwner) => RSocketConnectionInit,
  ) {
    super();
    this.#server = server;
    this.#refusal = refusal;
    this.#place = refusal === undefined ? remoteAddress : undefined;
    // It tells nothing before it is started.
    this.connection = new RSocketConnection(initOf(this));
  }

  override onSetup(setup: SetupFrame): void {
    if (this.#refusal === undefined) this.#server.setUp(this, setup);
    else rejectWith(this.connection, new SetupRejection(this.#refusal));
  }

  onResume(frame: ResumeFrame): string | undefined {
    const reason = this.#server.resume(this.connection, frame);
    // The link is another connection's now, and this one never was one.
    if (reason === undefined) this.#leave();
    return reason;
  }

  endWatch(): void {
    this.unwatch?.();
    this.unwatch = undefined;
  }

  onDetached(): void {
    this.#leavePlace();
    this.#server.detached(this.connection);
  }

  onResumed(): void {
    this.#place = this.connection.info.remoteAddress;
    this.#server.enterAt(this.#place);
  }

  onClosed(reason: CloseReason): void {
    this.#leave();
    this.hooks?.onClosed?.(reason);
    this.#server.closed(this.connection, reason);
  }

  #leave(): void {
    this.endWatch();
    this.endReturn?.();
    this.endReturn = undefined;
    this.#server.connections.delete(this.connection);
    this.#leavePlace();
  }

  #leavePlace(): void {
    if (this.#place !== undefined) this.#server.leaveFrom(this.#place);
    this.#place = undefined;
  }
}

function rejectWith(connection: RSocketConnection, { code, data, message }: SetupRejection): void {
  connection.reject(code, data, message);
}
