// SPDX-License-Identifier: Apache-2.0
// Opens a connection for calls: SETUP with our hello and the caller's credentials, services for calls from the server.

import type { Dialer, LinkInfo } from "../engine/link.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import type { Envelope } from "../metadata/envelope.js";
import type { MetadataFormat } from "../metadata/format.js";
import { Metadata, type MetadataInit, toWireHeaders } from "../metadata/headers.js";
import { rpcMetadata } from "../metadata/rpc-format.js";
import { encodeSetupMetadata } from "../metadata/setup-metadata.js";
import { checkConnecting, openConnection } from "../rsocket/connect.js";
import type { ClientLeaseOptions } from "../rsocket/lease.js";
import type { ResumeOptions } from "../rsocket/restore-link.js";
import {
  type ConnectionSettings,
  checkOption,
  checkOptions,
  type Kinds,
  resolveSettings,
} from "../rsocket/settings.js";
import { composeInterceptors, type Interceptor } from "./call.js";
import { checkSignal } from "./call-options.js";
import { Code } from "./code.js";
import { type CallSettings, type Compatibility, discardsUnknownFields } from "./compatibility.js";
import { toConnectError } from "./connect-error.js";
import { type Connection, RpcConnection, type RpcConnectionInit } from "./connection.js";
import { nameOf } from "./describe.js";
import { RpcError } from "./error.js";
import { Incidents } from "./incidents.js";
import { guardedObserver, type Observer } from "./observer.js";
import { CALL_OPTIONS, checkServices } from "./options.js";
import { noServices } from "./refuse.js";
import type { BoundService } from "./service.js";

/** The type of `compositeMetadata`: a metadata mode that only programs carry which name it. */
export type CompositeMetadata = MetadataFormat;

/** Options of `connect`; all may be left out. */
export interface ConnectOptions extends CallSettings {
  /** Serves calls that the server makes to this client. */
  readonly services?: readonly BoundService[];
  /** Sent with SETUP; a function is asked once for the connection. */
  readonly bearerToken?: string | (() => string | Promise<string>);
  /** User name and password, sent with SETUP; over an encrypted transport, or to this machine itself. */
  readonly credentials?: { readonly username: string; readonly password: string };
  /** True: `credentials` may also go over a transport that others can read, `tcp:` or `ws:`, e.g. inside a service mesh. */
  readonly dangerouslySendCredentialsInClear?: boolean;
  /** Sent with SETUP, for `accept` on the server. */
  readonly headers?: MetadataInit;
  /** Around the calls of this client, and around those that it serves. */
  readonly interceptors?: readonly Interceptor[];
  /**
   * True, or how: this client asks the server for leases and makes no call without one (RSocket 1.0 §Lease Semantics).
   * Servers without leases refuse it.
   */
  readonly lease?: boolean | ClientLeaseOptions;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** For dialing and the server's acceptance together. 10 s. */
  readonly timeoutMs?: number;
  /** False: resolve when SETUP is on its way. By default it resolves when the server has accepted. */
  readonly confirm?: boolean;
  /**
   * The connection outlives its links: calls that run go on when there is a new one, over whatever network. The server must
   * offer it, or it refuses the connection. Off.
   */
  readonly resume?: boolean | ResumeOptions;
  /** `rpc` for rsocket-rpc peers and our own; `compositeMetadata` for Spring, brokers and the routers of other drivers. */
  readonly metadataMode?: "rpc" | CompositeMetadata;
  /** False: say nothing of our extension in SETUP. */
  readonly hello?: boolean;
  /** What differs for the driver of the server. */
  readonly compatibility?: Compatibility;
  /** Told of faults that have no caller; those that it has no method for are printed. */
  readonly observer?: Observer;
  /** The world; tests put virtual time here. */
  readonly scheduler?: Scheduler;
}

/** @internal What a client may say, of one connection or of a channel's. */
export const CLIENT_OPTIONS: Kinds = {
  ...CALL_OPTIONS,
  bearerToken: "string|function",
  credentials: "object",
  dangerouslySendCredentialsInClear: "boolean",
  headers: "object|list",
  timeoutMs: "number",
  metadataMode: "string|object",
  hello: "boolean",
};

/** @internal What one connection may be told. */
export const CONNECT_OPTIONS: Kinds = { ...CLIENT_OPTIONS, signal: "object", confirm: "boolean" };

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/**
 * Connects through `dialer` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, time is up, or on abort; RangeError for a wrong option, TypeError
 * when a service comes twice.
 * @example
 * const connection = await connectWith(portDialer(worker), { bearerToken });
 */
export async function connectWith(dialer: Dialer, options: ConnectOptions = {}): Promise<Connection> {
  checkDialer(dialer);
  checkOptions(options, CONNECT_OPTIONS);
  return await connectPrepared(dialer, options, prepareConnect(options));
}

/** @internal @throws TypeError for what doesn't dial, such as a URL. */
export function checkDialer(dialer: Partial<Dialer> | null | undefined): void {
  if (typeof dialer?.dial === "function") return;
  throw new TypeError(`${nameOf(dialer)} has no method dial, expected a dialer; connect and createChannel take URLs`);
}

const CREDENTIALS: Kinds = { username: "string", password: "string" };

/** @internal Options that were checked, and what all connections made with them have in common. */
export interface Prepared {
  readonly settings: ConnectionSettings;
  readonly format: MetadataFormat;
  readonly calls: RpcConnectionInit;
}

/** @internal @throws RangeError for a wrong option, TypeError when a service comes twice. */
export function prepareConnect(options: ConnectOptions): Prepared {
  const settings = resolveSettings(options);
  const { credentials } = options;
  if (credentials !== undefined) {
    checkOptions(credentials, CREDENTIALS, "credentials.");
    for (const name of ["username", "password"] as const) {
      checkOption(`credentials.${name}`, credentials[name], "string", true);
    }
  }
  checkSignal(options.signal);
  checkConnecting(options);
  const format = formatIn(options);
  const observer = guardedObserver(options.observer);
  const interceptors = composeInterceptors(options.interceptors ?? []);
  const { maxRunningHandlers } = settings.limits;
  const { services = [], compatibility = {} } = options;
  checkServices(services);
  const served = { services, interceptors, maxRunningHandlers, compatibility };
  const calls: RpcConnectionInit = {
    router: services[0]?.createRouter(served) ?? noServices,
    interceptors,
    observer,
    incidents: new Incidents(observer, options.scheduler ?? systemScheduler),
    compatibility,
    discardUnknownFields: discardsUnknownFields(options),
    tellsEnd: true,
  };
  return { settings, format, calls };
}

/** @internal `connectWith`, one of several times. @throws RangeError for a wrong option, at once; ConnectError. */
export function connectPrepared(
  dialer: Dialer,
  options: ConnectOptions,
  { settings, format, calls }: Prepared,
): Promise<Connection> {
  const { bearerToken: token, signal, timeoutMs, confirm, resume, scheduler, lease } = options;
  const { metadataMimeType, dataMimeType } = format.mimeTypes;
  const setupOf = (bearerToken: string | undefined) => {
    return { metadataMimeType, dataMimeType, metadata: setupMetadata(format, options, bearerToken), data: NO_BYTES };
  };
  // Within the time for connecting: asking for a token may take as long as it likes.
  const setup = typeof token === "function" ? async () => setupOf(textOf(await token())) : () => setupOf(token);
  let connection: RpcConnection | undefined;
  const opened = openConnection(
    { dialer, setup, signal, timeoutMs, confirm, resume, scheduler, lease },
    settings,
    (rsocket) => {
      checkConfidential(rsocket.info, options);
      connection = new RpcConnection(rsocket, format, calls);
      return connection;
    },
  );
  return opened.then(
    // It has made the connection by then.
    () => connection as unknown as Connection,
    (error: unknown) => {
      throw toConnectError(error, signal);
    },
  );
}

// Without it the connection would be one that shows nothing.
function textOf(token: unknown): string {
  if (typeof token === "string") return token;
  throw new RpcError(Code.InvalidArgument, `bearerToken gave ${typeof token}, expected string`);
}

// JavaScript may say anything.
function formatIn({ metadataMode = "rpc" }: ConnectOptions): MetadataFormat {
  if (metadataMode === "rpc") return rpcMetadata;
  if (typeof metadataMode === "object") return metadataMode;
  throw new RangeError(`metadataMode is ${JSON.stringify(metadataMode)}, expected "rpc" or compositeMetadata`);
}

/** Hosts that nobody else reads the traffic of. */
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|\[::ffff:127(?:\.\d{1,3}){3}\])(?::\d+)?$/;

// A password outlives the connection (RSocket extension "Authentication" wants it encrypted: AU-05).
function checkConfidential({ isSecure, transport, remoteAddress }: LinkInfo, options: ConnectOptions): void {
  const { credentials, dangerouslySendCredentialsInClear = false } = options;
  if (credentials === undefined || isSecure || dangerouslySendCredentialsInClear || LOOPBACK.test(remoteAddress))
    return;
  throw new RpcError(
    Code.InvalidArgument,
    `credentials would go to ${remoteAddress} in clear over ${transport}; ` +
      "expected an encrypted transport, or the option dangerouslySendCredentialsInClear",
  );
}

function setupMetadata(
  { mode }: MetadataFormat,
  { credentials, headers, hello = true }: ConnectOptions,
  bearerToken: string | undefined,
): Uint8Array | undefined {
  const wireHeaders = headers === undefined ? [] : toWireHeaders(Metadata.from(headers));
  const envelope: Envelope = {
    ...(hello ? { hello: { version: 1 } } : {}),
    ...(wireHeaders.length > 0 ? { headers: wireHeaders } : {}),
  };
  const hasEnvelope = hello || wireHeaders.length > 0;
  return encodeSetupMetadata(mode, {
    envelope: hasEnvelope ? envelope : undefined,
    bearerToken,
    simple: credentials,
  });
}
