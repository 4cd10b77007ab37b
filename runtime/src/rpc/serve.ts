// SPDX-License-Identifier: Apache-2.0
// Serves calls on every listener: reads SETUP, asks `accept`, says hello, dispatches.

import { type Scheduler, systemScheduler, type Timer } from "../engine/scheduler.js";
import { encodeEnvelopeEntry } from "../metadata/entry.js";
import { formatOfMimeType } from "../metadata/formats.js";
import { fromWireHeaders, type Metadata } from "../metadata/headers.js";
import { readSetupMetadata } from "../metadata/setup-metadata.js";
import type { ConnectionHooks } from "../rsocket/connection.js";
import { ErrorCode } from "../rsocket/errors.js";
import type { LeaseStrategy, ServerLeaseOptions } from "../rsocket/lease.js";
import {
  type ListenerFactory,
  openServer,
  type RSocketServer,
  type RSocketServerStats,
  type ServeResumptionOptions,
  type Session,
  type SetupFrame,
  SetupRejection,
} from "../rsocket/serve.js";
import { checkClosing, checkOption, checkOptions, type Kinds, resolveSettings } from "../rsocket/settings.js";
import { composeInterceptors, type Interceptor } from "./call.js";
import { type CallSettings, type Compatibility, discardsUnknownFields } from "./compatibility.js";
import { type Connection, peerOf, RpcConnection } from "./connection.js";
import type { ContextValues } from "./context-values.js";
import { RpcError } from "./error.js";
import { Incidents, type IncidentTotals } from "./incidents.js";
import { guardedObserver, type Observer } from "./observer.js";
import { CALL_OPTIONS, checkServices } from "./options.js";
import { Router } from "./router.js";
import type { BoundService } from "./service.js";
import { encodeErrorData } from "./status-codec.js";

/** A client's SETUP, as `accept` sees it. */
export interface Setup {
  /** The token of a bearer authentication entry. */
  readonly bearerToken: string | undefined;
  /** User name and password of a simple authentication entry. */
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Headers of a client of ours. */
  readonly headers: Metadata;
  /** Values that every call of this connection begins with. */
  readonly values: ContextValues;
  /** The metadata as it came; empty when there was none. */
  readonly metadata: Uint8Array;
  /** The data as it came. */
  readonly data: Uint8Array;
  /** What the client's metadata is: `message/x.rsocket.composite-metadata.v0` in `composite` mode. */
  readonly metadataMimeType: string;
  /** What its data is: of our clients `application/binary`, in `composite` mode `application/x-protobuf`. */
  readonly dataMimeType: string;
}

/** Options of `serve`. */
export interface ServeOptions extends Omit<CallSettings, "keepaliveIntervalMs" | "maxLifetimeMs"> {
  /** What is served, as `implementX` of generated files gives it; each service once. */
  readonly services: readonly BoundService[];
  /** Around every call served, and around those made to clients. The first is outermost. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * Called for each new connection before any call of it. Throw an RpcError to refuse it: the client sees code and
   * message. What the client sends meanwhile waits.
   */
  accept?(setup: Setup, connection: Connection): void | Promise<void>;
  /**
   * How many calls clients may make that honour leases (RSocket 1.0 §Lease Semantics): `fixedRateLease`, `adaptiveLease` or
   * one of your own. Without it a SETUP that asks for leases is refused.
   */
  readonly lease?: LeaseStrategy | ServerLeaseOptions;
  /**
   * Connections of clients that ask for it outlive their links: what runs goes on when the client is back, over whichever
   * of these listeners. Off: such clients are refused.
   */
  readonly resume?: boolean | ServeResumptionOptions;
  /** Told of faults that have no caller; those that it has no method for are printed. */
  readonly observer?: Observer;
  /** What differs for the driver of the clients. */
  readonly compatibility?: Compatibility;
  /** The world; tests put virtual time here. */
  readonly scheduler?: Scheduler;
}

/** What a server holds at one moment, and what it has refused. */
export interface ServerStats extends RSocketServerStats, IncidentTotals {
  /** Handlers that haven't ended yet. */
  readonly handlers: number;
}

/** A running server. */
export interface Server {
  /** Where it listens, with the ports that were bound. */
  readonly urls: readonly string[];
  /** Connections that are open. */
  readonly connectionCount: number;
  /** Handlers that haven't ended yet. */
  readonly runningHandlers: number;
  /** Connections that can be resumed, with or without a link now. */
  readonly sessions: readonly Session[];
  /** What is going on at this moment, and what was refused since it began. Costs a walk over all connections. */
  stats(): ServerStats;
  /** Resolves when it has been closed, by `close` or by a signal; never rejects. */
  readonly closed: Promise<void>;
  /**
   * Takes no new connections and calls, lets those that run end within `graceMs` (0 unless given), cancels the rest.
   * Clients of ours hear of it at once, so that their channels go elsewhere; new calls that cross that word are refused
   * such that the channels make them once more. Resolves when all is over.
   */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** `await using server = await serve(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>;
}

// Each client says in SETUP how often it will be heard.
const { keepaliveIntervalMs: _, maxLifetimeMs: __, ...SERVED } = CALL_OPTIONS;

/** @internal What a server may be told. */
export const SERVE_OPTIONS: Kinds = { ...SERVED, accept: "function" };

/**
 * Serves on what `factories` open.
 * @throws RangeError for a wrong option, TypeError when a service comes twice, and what a listener throws.
 * @example
 * const server = await serveWith([listenPort(worker)], { services: [implementTicker(…)] });
 */
export async function serveWith(factories: readonly ListenerFactory[], options: ServeOptions): Promise<Server> {
  checkOptions(options, SERVE_OPTIONS);
  return await serveChecked(factories, options);
}

/** @internal `serveWith` for options that were looked at. */
export async function serveChecked(factories: readonly ListenerFactory[], options: ServeOptions): Promise<Server> {
  checkOption("the first argument", factories, "list", true);
  checkOption("services", options.services, "list", true);
  checkServices(options.services);
  const settings = resolveSettings(options);
  const interceptors = composeInterceptors(options.interceptors ?? []);
  const { maxRunningHandlers } = settings.limits;
  const { services, compatibility = {} } = options;
  const router = new Router({ services, interceptors, maxRunningHandlers, compatibility });
  const observer = guardedObserver(options.observer);
  const scheduler = options.scheduler ?? systemScheduler;
  const incidents = new Incidents(observer, scheduler);
  const discardUnknownFields = discardsUnknownFields(options);
  const calls = { router, interceptors, observer, incidents, compatibility, discardUnknownFields };
  const core = await openServer(
    factories,
    {
      settings: options,
      lease: options.lease,
      ...(options.resume === undefined ? {} : { resume: options.resume }),
      scheduler,
    },
    {
      accept: (frame, rsocket) => {
        const format = formatOfMimeType(frame.metadataMimeType);
        return acceptConnection(frame, new RpcConnection(rsocket, format, calls), options);
      },
      onAcceptError: (error) => observer.onAcceptError?.(error),
      onLinkRefused: (refusal) => incidents.linkRefused(refusal),
      onConnectionClosed: ({ info }, { code, reason, initiator }) =>
        incidents.closed(code, reason, initiator, () => peerOf(info)),
    },
  );
  return new RpcServer(core, router, incidents, scheduler);
}

class RpcServer implements Server {
  readonly #core: RSocketServer;
  readonly #router: Router;
  readonly #incidents: Incidents;
  readonly #scheduler: Scheduler;
  readonly closed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(core: RSocketServer, router: Router, incidents: Incidents, scheduler: Scheduler) {
    this.#core = core;
    this.#router = router;
    this.#incidents = incidents;
    this.#scheduler = scheduler;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get urls(): readonly string[] {
    return this.#core.urls;
  }

  get connectionCount(): number {
    return this.#core.connections.size;
  }

  get sessions(): readonly Session[] {
    return this.#core.sessions;
  }

  get runningHandlers(): number {
    return this.#router.runningHandlers;
  }

  stats(): ServerStats {
    return { ...this.#core.stats(), handlers: this.#router.runningHandlers, ...this.#incidents.totals };
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkClosing(options);
    const { graceMs = 0 } = options;
    const untilMs = this.#scheduler.now() + graceMs;
    try {
      await this.#core.close({ graceMs });
      // Handlers of fire-and-forget calls outlive their streams.
      if (graceMs > 0) await this.#handlersEnd(untilMs - this.#scheduler.now());
    } finally {
      this.#router.giveUpUnanswered("server is closed");
      this.#resolveClosed();
    }
  }

  async #handlersEnd(withinMs: number): Promise<void> {
    let timer: Timer | undefined;
    const timeIsUp = new Promise<void>((resolve) => {
      timer = this.#scheduler.setTimer(Math.max(0, withinMs), resolve);
    });
    // Somebody with less patience may have closed it meanwhile.
    await Promise.race([this.#router.idle(), timeIsUp, this.closed]);
    timer?.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

// Who lets everybody in does so at once: what comes behind SETUP needn't wait.
function acceptConnection(
  frame: SetupFrame,
  connection: RpcConnection,
  options: ServeOptions,
): ConnectionHooks | Promise<ConnectionHooks> {
  const read = readSetup(frame, connection);
  return options.accept === undefined ? greet(connection, read) : acceptAsked(connection, read, options);
}

async function acceptAsked(
  connection: RpcConnection,
  read: ReadSetup,
  options: ServeOptions,
): Promise<ConnectionHooks> {
  try {
    const answer: unknown = await options.accept?.(read.setup, connection);
    // Whoever says no by a comparison means it.
    if (answer === false) throw new TypeError("accept returned false, expected an RpcError to be thrown as a refusal");
  } catch (error) {
    throw refusal(error, read.hasHello, connection);
  }
  return greet(connection, read);
}

function greet(connection: RpcConnection, { hasHello, version }: ReadSetup): ConnectionHooks {
  const { peer } = connection.rsocket;
  if (!hasHello) peer.settleUnknown();
  else {
    peer.receiveHello(version);
    // Before any other frame of this session: until it has come the client takes us for a server without it.
    connection.rsocket.metadataPush(serverHello());
    connection.resumeGreeting = serverHello;
  }
  return connection;
}

let hello: Uint8Array | undefined;

function serverHello(): Uint8Array {
  hello ??= encodeEnvelopeEntry({ hello: { version: 1 } });
  return hello;
}

interface ReadSetup {
  readonly setup: Setup;
  readonly hasHello: boolean;
  readonly version: number;
}

function readSetup(frame: SetupFrame, connection: RpcConnection): ReadSetup {
  const metadata = frame.metadata ?? new Uint8Array(0);
  try {
    const { envelope, bearerToken, simple } = readSetupMetadata(connection.format.mode, metadata);
    const setup: Setup = {
      bearerToken,
      credentials: simple,
      headers: fromWireHeaders(envelope?.headers ?? []),
      values: connection.values,
      metadata,
      data: frame.data,
      metadataMimeType: frame.metadataMimeType,
      dataMimeType: frame.dataMimeType,
    };
    return { setup, hasHello: envelope?.hello !== undefined, version: envelope?.hello?.version ?? 0 };
  } catch (error) {
    throw new SetupRejection(error instanceof Error ? error.message : String(error), ErrorCode.INVALID_SETUP);
  }
}

function refusal(error: unknown, hasHello: boolean, { rsocket, observer }: RpcConnection): unknown {
  if (!RpcError.is(error)) return error;
  const onFault = (fault: unknown): void => observer.onAcceptError?.(fault);
  const data = encodeErrorData(error, hasHello, rsocket.settings.limits, undefined, undefined, onFault);
  return new SetupRejection(error.rawMessage, ErrorCode.REJECTED_SETUP, data);
}
