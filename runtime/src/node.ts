// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/node`: everything of `rsocket-rpc`, with `connect` and `serve` over Node's sockets.

import type { Dialer } from "./engine/link.js";
import { type ChannelOptions, type ClientChannel, createChannelWith } from "./resilience/create-channel.js";
import { type ConnectOptions, connectWith } from "./rpc/connect.js";
import type { Connection } from "./rpc/connection.js";
import { type ServeOptions, type Server, serveWith } from "./rpc/serve.js";
import { hostAndPort, parseUrl } from "./rpc/url.js";
import type { ListenerFactory } from "./rsocket/serve.js";
import { resolveLimits } from "./rsocket/settings.js";
import { listenTcp, tcpDialer } from "./transports/tcp.js";
import { listenWs, wsDialer } from "./transports/ws.js";

export * from "./index.js";
export type { ListenerFactory } from "./rsocket/serve.js";
export { listenTcp, tcpDialer } from "./transports/tcp.js";
export { listenWs, wsDialer } from "./transports/ws.js";

/** The schemes of this door. */
const SCHEMES = ["tcp", "ws"];
const WS_PORT = 80;

/** Options of `connect` in Node. */
export interface NodeConnectOptions extends ConnectOptions {
  /** Sent with the request that opens a WebSocket. */
  readonly webSocketHeaders?: Readonly<Record<string, string>>;
}

/** Options of `createChannel` in Node. */
export interface NodeChannelOptions extends ChannelOptions {
  /** Sent with the requests that open WebSockets. */
  readonly webSocketHeaders?: Readonly<Record<string, string>>;
}

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
   * Origins of web pages that may open a WebSocket, e.g. `https://app.example.com`. Unless given, a page must come from
   * the host that it connects to; requests without Origin don't come from a page and are let in.
   */
  readonly allowedOrigins?: readonly string[];
}

/**
 * Connects to `tcp://host:port` or `ws://host:port/path` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, or time is up; RpcError `invalid_argument` for a wrong URL.
 * @example
 * const connection = await connect("tcp://127.0.0.1:7000");
 * const ticker = createTickerClient(connection);
 */
export async function connect(url: string | URL, options: NodeConnectOptions = {}): Promise<Connection> {
  return await connectWith(dialerOf(parseUrl(url, SCHEMES), options), options);
}

/**
 * A channel to `tcp://host:port` or `ws://host:port/path` that outlives its connections: it dials at the first call, and
 * again whenever a connection ends.
 * @throws RpcError `invalid_argument` for a wrong URL, RangeError for a wrong option.
 * @example
 * const channel = createChannel("tcp://127.0.0.1:7000");
 * const ticker = createTickerClient(channel);
 */
export function createChannel(url: string | URL, options: NodeChannelOptions = {}): ClientChannel {
  return createChannelWith(dialerOf(parseUrl(url, SCHEMES), options), options);
}

/**
 * Serves on one or several URLs at once; port 0 lets the system choose (see `server.urls`).
 * @throws Error of the system when an address can't be had; TypeError when a service comes twice.
 * @example
 * const server = await serve(["tcp://127.0.0.1:7000", "ws://127.0.0.1:7001/rpc"], { services: [implementTicker(…)] });
 */
export async function serve(urls: string | readonly string[], options: NodeServeOptions): Promise<Server> {
  const list = typeof urls === "string" ? [urls] : urls;
  const server = await serveWith(
    list.map((url) => listenerOf(parseUrl(url, SCHEMES), options)),
    options,
  );
  return options.drain === undefined ? server : drainOnSignals(server, options.drain);
}

function dialerOf(url: URL, { webSocketHeaders }: Pick<NodeConnectOptions, "webSocketHeaders">): Dialer {
  if (url.protocol === "tcp:") return tcpDialer(hostAndPort(url));
  return wsDialer(url.href, webSocketHeaders === undefined ? {} : { headers: webSocketHeaders });
}

function listenerOf(url: URL, options: NodeServeOptions): ListenerFactory {
  if (url.protocol === "tcp:") return (onLink) => listenTcp(hostAndPort(url), onLink);
  const { allowedOrigins } = options;
  const { maxMessageBytes, maxMetadataBytes } = resolveLimits(options.limits, options.preset);
  return (onLink) =>
    listenWs(
      {
        ...hostAndPort(url, WS_PORT),
        path: url.pathname,
        maxFrameBytes: maxMessageBytes + maxMetadataBytes + 64,
        ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      },
      onLink,
    );
}

/** Time for what the user does behind `server.closed`, such as to send the last metrics. */
const EXIT_DELAY_MS = 1_000;

/** Servers that a signal is closing. */
let drainingCount = 0;

// From the first signal on, and once it is closed, the signals do again what they do by themselves: end the process.
function drainOnSignals(server: Server, { onSignals = [], graceMs = 30_000, exit = true }: DrainOptions): Server {
  const forget = (): void => {
    for (const signal of onSignals) process.off(signal, drain);
  };
  const drain = (): void => {
    forget();
    drainingCount++;
    void server.close({ graceMs }).then(() => {
      if (--drainingCount === 0 && exit) setTimeout(() => process.exit(), EXIT_DELAY_MS).unref();
    });
  };
  for (const signal of onSignals) process.on(signal, drain);
  void server.closed.then(forget);
  return server;
}
