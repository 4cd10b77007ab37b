// SPDX-License-Identifier: Apache-2.0
// Links over WebSocket with the `ws` package (RSocket 1.0 §Transport Protocol, FRM-02).

import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  validateHeaderName,
  validateHeaderValue,
} from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { WebSocket } from "ws";
import type { Dialer, FrameLink, LinkRefusal } from "../engine/link.js";
import type {
  HandshakeLimits,
  TcpListenOptions,
  TlsDialOptions,
  TlsListener,
  TlsServerOptions,
  WsUpgradeOptions,
} from "./addresses.js";
import { type Opening, socketDialer } from "./dial.js";
import { Handshakes } from "./handshakes.js";
import { refuse as refuseRequest } from "./http-answers.js";
import { addressesOf, authority, createListener, listen, portOf, warn } from "./node-servers.js";
import { dialOptionsOf, serverOptionsOf } from "./tls-options.js";
import { isRefused, refusalsTo, refuse, tellFailedHandshakes, withIdentity } from "./tls-servers.js";
import { webSocketInfoOf } from "./ws-info.js";
import { createWsLink } from "./ws-link.js";
import { acceptUpgrade, MAX_FRAME_BYTES } from "./ws-upgrade.js";

export type { UpgradeRequest, WsUpgradeOptions } from "./addresses.js";
export { acceptUpgrade, attachWebSocket } from "./ws-upgrade.js";

/** How to dial. */
export interface WsDialOptions {
  /** Sent with the request that opens the WebSocket. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Subprotocols to offer. None unless given: servers that know of none answer with none, and then no link opens. */
  readonly protocols?: readonly string[];
  /** The largest message that is read at all; handlers may allow less. 16,777,215 unless given. */
  readonly maxFrameBytes?: number;
  /** How to open TLS, for `wss://`. */
  readonly tls?: TlsDialOptions;
}

/** Where to listen, and which requests become links. */
export interface WsListenOptions extends TcpListenOptions, WsUpgradeOptions, HandshakeLimits {
  /** How to answer TLS, for `wss://`; without it, there is none. */
  readonly tls?: TlsServerOptions;
}

/**
 * Opens links to `url`, a `ws://` or `wss://` one. `dial` rejects with an Error naming it, its cause that of the system
 * or an Error with the server's status.
 * @throws TypeError when a header can't be sent, or a certificate or a key can't be used.
 */
export function wsDialer(url: string, options: WsDialOptions = {}): Dialer {
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  const { hostname, protocol } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  // The host stays that of the URL.
  const { host: _, ...tlsOptions } = protocol === "wss:" ? dialOptionsOf(host, options.tls ?? {}) : {};
  return socketDialer(() => openWs(url, options, tlsOptions));
}

/**
 * Listens with a server of its own, over TLS when `tls` is given, and hands a link to `onLink` for each WebSocket opened
 * at `path`; other requests are refused. `onError` is told what went wrong with a single link, or while accepting,
 * `onRefused` of handshakes that failed, or were too many or too slow, and of pages of other sites; unless given, `onError`
 * of the first and the last. `close` resolves when the port is free again, whatever links live on.
 * @throws TypeError when the options of TLS can't be used; Error naming the address when it can't be had.
 */
export async function listenWs(
  options: WsListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
  onRefused: (refusal: LinkRefusal) => void = refusalsTo(onError),
): Promise<TlsListener> {
  const { host, path, tls } = options;
  const server = tls === undefined ? createPlainServer() : createTlsServer(tls, onRefused);
  const scheme = tls === undefined ? "ws" : "wss";
  const handshakes = new Handshakes(options, { transport: scheme, isSecure: tls !== undefined }, onRefused);
  handshakes.watch(server);
  const onOpen = (link: FrameLink): void => {
    handshakes.end(link.info);
    onLink(link);
  };
  acceptUpgrade(server, options, onOpen, onError, onRefused);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    // Those that just end are no news, and they may be many.
    if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
    const info = { transport: scheme, ...addressesOf(socket), isSecure: tls !== undefined };
    refuseRequest(socket, error.code === "HPE_HEADER_OVERFLOW" ? 431 : 400);
    onRefused({ info, reason: `the request isn't HTTP: ${error.message}`, isForWantOfRoom: false });
  });
  await listen(server, options);
  server.on("error", onError);
  const listener = createListener(server, `${scheme}://${authority(host, portOf(server))}${path}`, () => {
    handshakes.close();
    server.closeAllConnections();
  });
  const { url } = listener;
  if (tls !== undefined && "setSecureContext" in server) return withIdentity(listener, server, tls);
  const setIdentity = (): void => {
    throw new TypeError(`${url} has no TLS, so no certificate either`);
  };
  return { ...listener, setIdentity };
}

// All times are those of the handshakes; Node's own go on where those are longer.
const SERVER_OPTIONS = { noDelay: true, headersTimeout: 0, requestTimeout: 0 } as const;

function createPlainServer(): Server {
  return createServer(SERVER_OPTIONS, answerPlainRequest);
}

function createTlsServer(tls: TlsServerOptions, onRefused: (refusal: LinkRefusal) => void): SecureServer {
  const server = createSecureServer({ ...serverOptionsOf(tls), ...SERVER_OPTIONS }, answerPlainRequest);
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    if (isRefused(socket)) refuse(socket, "wss", onRefused);
  });
  tellFailedHandshakes(server, "wss", onRefused);
  return server;
}

function answerPlainRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: "websocket", Connection: "close", "Content-Length": 0 }).end();
}

function openWs(
  url: string,
  { headers, protocols, maxFrameBytes }: WsDialOptions,
  tlsOptions: Omit<ReturnType<typeof dialOptionsOf>, "host">,
): Opening {
  const webSocket = new WebSocket(url, [...(protocols ?? [])], {
    ...tlsOptions,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes ?? MAX_FRAME_BYTES,
    // Text is refused, whatever it says.
    skipUTF8Validation: true,
    ...(headers === undefined ? {} : { headers }),
  });
  let socket: Socket | undefined;
  webSocket.once("upgrade", (response) => {
    socket = response.socket;
  });
  return {
    socket: webSocket,
    event: "open",
    address: withoutSecrets(url),
    giveUp: () => webSocket.terminate(),
    createLink: () => {
      if (socket === undefined) throw new Error("a WebSocket opened without an upgrade");
      return createWsLink(webSocket, socket, webSocketInfoOf(socket), false);
    },
  };
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
