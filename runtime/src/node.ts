// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/node`: everything of `rsocket-rpc`, with `connect` and `serve` over Node's sockets.

import { constants } from "node:os";
import type { Dialer, LinkRefusal } from "./engine/link.js";
import { formatOf } from "./metadata/formats.js";
import type { MetadataMode } from "./metadata/mode.js";
import {
  CHANNEL_OPTIONS,
  type ChannelOptions,
  type ClientChannel,
  createChannelChecked,
} from "./resilience/create-channel.js";
import { Code } from "./rpc/code.js";
import {
  CONNECT_OPTIONS,
  type CompositeMetadata,
  type ConnectOptions,
  connectPrepared,
  prepareConnect,
} from "./rpc/connect.js";
import type { Connection } from "./rpc/connection.js";
import { nameOf } from "./rpc/describe.js";
import { RpcError } from "./rpc/error.js";
import { SERVE_OPTIONS, type ServeOptions, type Server, serveChecked } from "./rpc/serve.js";
import { hostAndPort, parseUrl, socketPath, withoutQuery } from "./rpc/url.js";
import type { ListenerFactory } from "./rsocket/serve.js";
import { checkGrace, checkOptions, type Kinds, readOptions, resolveLimits } from "./rsocket/settings.js";
import type { TlsDialOptions, TlsServerOptions, UpgradeRequest } from "./transports/addresses.js";
import { warn } from "./transports/node-servers.js";
import { listenTcp, tcpDialer } from "./transports/tcp.js";
import { listenTls, tlsDialer } from "./transports/tls.js";
import { checkServerTls } from "./transports/tls-options.js";
import { refusalsTo } from "./transports/tls-servers.js";
import { listenUds, udsDialer } from "./transports/uds.js";
import { checkAllowed } from "./transports/upgrade-request.js";
import { listenWs, wsDialer } from "./transports/ws.js";

export * from "./index.js";
export type {
  HandshakeLimits,
  Pem,
  TcpAddress,
  TcpListenOptions,
  TlsDialOptions,
  TlsIdentity,
  TlsListener,
  TlsListenOptions,
  TlsServerOptions,
  UdsAddress,
  UpgradableServer,
  WsUpgradeOptions,
} from "./transports/addresses.js";
export { secretsEqual, type TokenTable, tokenTable } from "./transports/secrets.js";
export { listenTcp, tcpDialer } from "./transports/tcp.js";
export { listenTls, tlsDialer } from "./transports/tls.js";
export { listenUds, udsDialer } from "./transports/uds.js";
export { attachWebSocket, listenWs, type WsDialOptions, type WsListenOptions, wsDialer } from "./transports/ws.js";

/** The schemes of this door. */
const SCHEMES = ["tcp", "tls", "unix", "ws", "wss"];
/** Those that have a host and a port, and no more. */
const SOCKET_PROTOCOLS = ["tcp:", "tls:"];
/** Those that encrypt. */
const TLS_PROTOCOLS = ["tls:", "wss:"];
const DEFAULT_PORTS: Readonly<Record<string, number>> = { "ws:": 80, "wss:": 443 };

/** What the options of Node's clients have beside, or in the place of, those that run everywhere. */
export interface NodeClientOptions {
  /** `rpc` for rsocket-rpc peers and our own; `composite` for Spring, brokers and the routers of other drivers. */
  readonly metadataMode?: MetadataMode | CompositeMetadata;
  /** Sent with the request that opens a WebSocket. */
  readonly webSocketHeaders?: Readonly<Record<string, string>>;
  /** For `tls://` and `wss://`: which servers to trust, and who this client is. */
  readonly tls?: TlsDialOptions;
}

const NODE_CLIENT_OPTIONS: Kinds = { webSocketHeaders: "object", tls: "object" };
const NODE_CONNECT_OPTIONS: Kinds = { ...CONNECT_OPTIONS, ...NODE_CLIENT_OPTIONS };
const NODE_CHANNEL_OPTIONS: Kinds = { ...CHANNEL_OPTIONS, ...NODE_CLIENT_OPTIONS };

/** Options of `connect` in Node. */
export interface NodeConnectOptions extends Omit<ConnectOptions, "metadataMode">, NodeClientOptions {}

/** Options of `createChannel` in Node. */
export interface NodeChannelOptions extends Omit<ChannelOptions, "metadataMode">, NodeClientOptions {}

/** How a server ends with its process. */
export interface DrainOptions {
  /** Close when the process gets one of these signals, e.g. `SIGTERM`. A second one ends the process as ever. */
  readonly onSignals?: readonly string[];
  /** Calls that run may end within this time, then they are cancelled. 30 s. */
  readonly graceMs?: number;
  /**
   * False: the process is yours to end. By default it exits, with `process.exitCode` or 0, when the servers that the
   * signal closed are closed: by itself if nothing else keeps it, a second later otherwise.
   */
  readonly exit?: boolean;
}

/** Options of `serve` in Node. */
export interface NodeServeOptions extends ServeOptions {
  /** What happens when the process is told to end. */
  readonly drain?: DrainOptions;
  /**
   * Origins of web pages that may open a WebSocket, e.g. `https://app.example.com`, or a function that decides. Unless
   * given, a page must come from the host that it connects to; requests without Origin don't come from a page and are let in.
   */
  readonly allowedOrigins?: readonly string[] | ((origin: string, request: UpgradeRequest) => boolean);
  /** For `tls://` and `wss://`: who this server is, and what clients must show. */
  readonly tls?: TlsServerOptions;
}

/**
 * Connects to `tcp://host:port`, `tls://host:port`, `unix:/path/to.sock`, `ws://host:port/path` or `wss://host/path` and
 * resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, or time is up; RpcError `invalid_argument` for a wrong URL.
 * @example
 * const connection = await connect("tcp://127.0.0.1:7000");
 * const ticker = createTickerClient(connection);
 */
export async function connect(url: string | URL, options: NodeConnectOptions = {}): Promise<Connection> {
  checkOptions(options, NODE_CONNECT_OPTIONS);
  const dialer = dialerOf(addressOf(url), options);
  const read = everywhere(options, CONNECT_OPTIONS);
  return await connectPrepared(dialer, read, prepareConnect(read));
}

/**
 * A channel to a URL as `connect` takes it, that outlives its connections: it dials at the first call, and again whenever
 * a connection ends.
 * @throws RpcError `invalid_argument` for a wrong URL, RangeError for a wrong option.
 * @example
 * const channel = createChannel("tcp://127.0.0.1:7000");
 * const ticker = createTickerClient(channel);
 */
export function createChannel(url: string | URL, options: NodeChannelOptions = {}): ClientChannel {
  checkOptions(options, NODE_CHANNEL_OPTIONS);
  return createChannelChecked(dialerOf(addressOf(url), options), everywhere(options, CHANNEL_OPTIONS));
}

/**
 * What `connect` and `createChannel` dial a URL with: for `connectWith` and `createChannelWith`, with something of one's
 * own in between.
 * @throws RpcError `invalid_argument` for a wrong URL.
 * @example
 * const dialer = urlDialer("tcp://127.0.0.1:7000");
 * const connection = await connectWith({ dial: async (signal) => watched(await dialer.dial(signal)) });
 */
export function urlDialer(
  url: string | URL,
  options: Pick<NodeConnectOptions, "webSocketHeaders" | "tls"> = {},
): Dialer {
  return dialerOf(addressOf(url), options);
}

/**
 * Serves on one or several URLs at once, of the kinds that `connect` takes; port 0 lets the system choose (see
 * `server.urls`). In the place of a URL may be anything that opens a listener, such as `attachWebSocket`.
 * @throws Error of the system when an address can't be had; TypeError when there is nowhere to serve, when a service comes
 * twice, or when a certificate can't be used; RangeError for a wrong option; RpcError `invalid_argument` for a wrong URL, or one that lacks `tls` or doesn't encrypt in spite of it.
 * @example
 * const server = await serve(["tcp://127.0.0.1:7000", "ws://127.0.0.1:7001/rpc"], { services: [implementTicker(…)] });
 */
export async function serve(
  where: string | URL | ListenerFactory | readonly (string | URL | ListenerFactory)[],
  options: NodeServeOptions,
): Promise<Server> {
  checkOptions(options, { ...SERVE_OPTIONS, drain: "object", allowedOrigins: "", tls: "object" });
  if (options.drain !== undefined) checkDrain(options.drain);
  const list = typeof where === "string" || typeof where === "function" || where instanceof URL ? [where] : where;
  if (!Array.isArray(list) || list.length === 0) {
    const got = Array.isArray(list) ? "an empty list" : nameOf(where);
    throw new TypeError(`serve got ${got} for its first argument, expected a URL, or several`);
  }
  const places = list.map((place) => (typeof place === "function" ? place : servedAt(place)));
  const urls = places.filter((place) => place instanceof URL);
  if (options.tls !== undefined && urls.length > 0 && !urls.some(isEncrypted)) throw unused(urls[0]);
  checkAllowed(options.allowedOrigins);
  if (options.allowedOrigins !== undefined && !urls.some(isWebSocket)) {
    throw new TypeError("allowedOrigins is given without a URL of ws:// or wss://; attachWebSocket has its own");
  }
  const factories = places.map((place) => {
    const open: ListenerFactory = place instanceof URL ? listenerOf(place, options) : place;
    const opened: ListenerFactory = (onLink, onRefused) => open(onLink, refusalsTold(onRefused, options));
    return opened;
  });
  const server = await serveChecked(factories, options);
  return options.drain === undefined ? server : drainOnSignals(server, options.drain);
}

// What a URL says and nobody would look at is told.
function addressOf(text: string | URL): URL {
  const url = parseUrl(text, SCHEMES);
  if (SOCKET_PROTOCOLS.includes(url.protocol)) checkBare(url, url.pathname.replace(/^\/$/, "") + url.search);
  else if (url.protocol !== "unix:" && url.hash !== "") throw needless(url, url.hash);
  return url;
}

function servedAt(text: string | URL): URL {
  const url = addressOf(text);
  if (url.protocol !== "unix:") checkBare(url, SOCKET_PROTOCOLS.includes(url.protocol) ? "" : url.search);
  return url;
}

function checkBare(url: URL, rest: string): void {
  if (rest + url.hash !== "") throw needless(url, rest + url.hash);
  if (url.username + url.password === "") return;
  const message = `a URL of ${url.host} names a user, expected the options credentials or bearerToken instead`;
  throw new RpcError(Code.InvalidArgument, message);
}

function needless(url: URL, rest: string): RpcError {
  const message = `a URL of ${url.host} ends in "${withoutQuery(rest)}", expected nothing there`;
  return new RpcError(Code.InvalidArgument, message);
}

// Modes have names here, where nobody counts the bytes of a bundle; clients elsewhere name the mode's value.
function everywhere<O extends NodeClientOptions>(options: O, known: Kinds) {
  const { metadataMode = "rpc" } = options;
  const mode: "rpc" | CompositeMetadata = metadataMode === "composite" ? formatOf(metadataMode) : metadataMode;
  return { ...readOptions<Omit<O, "metadataMode">>(options, known), metadataMode: mode };
}

function dialerOf(url: URL, { webSocketHeaders, tls }: Pick<NodeConnectOptions, "webSocketHeaders" | "tls">): Dialer {
  if (tls !== undefined && !isEncrypted(url)) throw unused(url);
  switch (url.protocol) {
    case "tcp:":
      return tcpDialer(hostAndPort(url));
    case "tls:":
      return tlsDialer(hostAndPort(url), tls);
    case "unix:":
      return udsDialer({ path: socketPath(url) });
    default:
      return wsDialer(url.href, {
        ...(webSocketHeaders === undefined ? {} : { headers: webSocketHeaders }),
        ...(tls === undefined ? {} : { tls }),
      });
  }
}

// What is wrong with a URL or with `tls` is said before anything is opened.
function listenerOf(url: URL, options: NodeServeOptions): ListenerFactory {
  if (url.protocol === "unix:") {
    const path = socketPath(url);
    return (onLink) => listenUds({ path }, onLink);
  }
  const { maxMessageBytes, maxMetadataBytes, handshakeTimeoutMs, maxHandshakes } = resolveLimits(
    options.limits,
    options.preset,
  );
  const address = hostAndPort(url, DEFAULT_PORTS[url.protocol]);
  const tls = isEncrypted(url) ? identityFor(url, options.tls) : undefined;
  if (url.protocol === "tcp:") return (onLink) => listenTcp(address, onLink);
  const guarded = { ...address, handshakeTimeoutMs, maxHandshakes };
  if (url.protocol === "tls:" && tls !== undefined) {
    return (onLink, onRefused) => listenTls({ ...guarded, ...tls }, onLink, warn, onRefused);
  }
  const { allowedOrigins } = options;
  const webSocket = {
    ...guarded,
    path: url.pathname,
    maxFrameBytes: maxMessageBytes + maxMetadataBytes + 64,
    ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
    ...(tls === undefined ? {} : { tls }),
  };
  return (onLink, onRefused) => listenWs(webSocket, onLink, warn, onRefused);
}

// Where nobody hears of incidents, a wrong certificate or a page's wrong origin would be hard to find.
function refusalsTold(
  onRefused: ((refusal: LinkRefusal) => void) | undefined,
  { observer }: NodeServeOptions,
): (refusal: LinkRefusal) => void {
  if (observer?.onIncident !== undefined && onRefused !== undefined) return onRefused;
  const printed = refusalsTo(warn);
  return (refusal) => {
    onRefused?.(refusal);
    printed(refusal);
  };
}

function isWebSocket(url: URL): boolean {
  return Object.hasOwn(DEFAULT_PORTS, url.protocol);
}

function isEncrypted(url: URL): boolean {
  return TLS_PROTOCOLS.includes(url.protocol);
}

function identityFor(url: URL, tls: TlsServerOptions | undefined): TlsServerOptions {
  if (tls !== undefined) {
    checkServerTls(tls);
    return tls;
  }
  throw new RpcError(Code.InvalidArgument, `"${url.href}" needs the option tls with cert and key`);
}

// Whoever gives certificates means to be encrypted.
function unused(url: URL | undefined): RpcError {
  const message = `"${url?.href}" isn't encrypted, in spite of the option tls; expected tls:// or wss://`;
  return new RpcError(Code.InvalidArgument, message);
}

/** Nobody hears of them. */
const UNHEARD = ["SIGKILL", "SIGSTOP"];

function checkDrain(drain: DrainOptions): void {
  checkOptions(drain, { onSignals: "", graceMs: "", exit: "boolean" }, "drain.");
  const { onSignals = [], graceMs = 0 } = drain;
  checkGrace(graceMs);
  const known: readonly unknown[] = Object.keys(constants.signals);
  const wrong = Array.isArray(onSignals)
    ? onSignals.find((signal: unknown) => !known.includes(signal) || UNHEARD.includes(String(signal)))
    : onSignals;
  if (wrong === undefined) return;
  throw new RangeError(`drain.onSignals holds ${JSON.stringify(wrong)}, expected names of signals such as "SIGTERM"`);
}

/** Time for what the user does behind `server.closed`, such as to send the last metrics. */
const EXIT_DELAY_MS = 1_000;

/** Servers that a signal is closing. */
let drainingCount = 0;

// From the first signal on, and once it is closed, the signals do again what they do by themselves: end the process.
function drainOnSignals(server: Server, { onSignals = [], graceMs = 30_000, exit = true }: DrainOptions): Server {
  const forget = (): void => {
    for (const signal of onSignals) offSignal(signal, drain);
  };
  const drain = (): void => {
    forget();
    drainingCount++;
    // What fails while it closes shan't keep the process.
    const closed = server.close({ graceMs }).catch((error: unknown) => {
      process.emitWarning(`a server couldn't be closed in order: ${String(error)}`, "RSocketWarning");
    });
    void closed.then(() => {
      if (--drainingCount === 0 && exit) setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
    });
  };
  for (const signal of onSignals) onSignal(signal, drain);
  void server.closed.then(forget);
  return server;
}

/** What is done at each signal: one listener for all servers of the process, since Node warns of the eleventh. */
const drains = new Map<string, Set<() => void>>();

function onSignal(signal: string, drain: () => void): void {
  const known = drains.get(signal);
  if (known !== undefined) return void known.add(drain);
  drains.set(signal, new Set([drain]));
  process.on(signal, drainAll);
}

function offSignal(signal: string, drain: () => void): void {
  const known = drains.get(signal);
  if (known?.delete(drain) !== true || known.size > 0) return;
  drains.delete(signal);
  process.off(signal, drainAll);
}

function drainAll(signal: string): void {
  for (const drain of [...(drains.get(signal) ?? [])]) drain();
}
