// SPDX-License-Identifier: Apache-2.0
// Links over WebSocket with the `ws` package (RSocket 1.0 §Transport Protocol, FRM-02).

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { WebSocket } from "ws";
import type { Dialer, FrameLink, Listener } from "../engine/link.js";
import type { TcpListenOptions, WsUpgradeOptions } from "./addresses.js";
import { addressesOf, authority, createListener, listen, portOf, reasonOf, warn } from "./node-servers.js";
import { createWsLink } from "./ws-link.js";
import { acceptUpgrade, MAX_FRAME_BYTES } from "./ws-upgrade.js";

export type { UpgradeRequest, WsUpgradeOptions } from "./addresses.js";
export { acceptUpgrade } from "./ws-upgrade.js";

/** Long enough for bad networks; Node's 60 s hold too many sockets of those who never say anything. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** How often Node looks for requests that take too long, at least; its own 30 s would be added to the time above. */
const HANDSHAKE_CHECK_MS = 1_000;

/** How to dial. */
export interface WsDialOptions {
  /** Sent with the request that opens the WebSocket. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Subprotocols to offer. None unless given: servers that know of none answer with none, and then no link opens. */
  readonly protocols?: readonly string[];
  /** The largest message that is read at all; handlers may allow less. 16,777,215 unless given. */
  readonly maxFrameBytes?: number;
}

/** Where to listen, and which requests become links. */
export interface WsListenOptions extends TcpListenOptions, WsUpgradeOptions {
  /** Time for the request that opens a WebSocket, from the first byte of the connection; 10 s unless given. */
  readonly handshakeTimeoutMs?: number;
}

/**
 * Opens links to `url`, a `ws://` or `wss://` one. `dial` rejects with an Error naming it, its cause that of the system
 * or an Error with the server's status.
 */
export function wsDialer(url: string, options: WsDialOptions = {}): Dialer {
  return { dial: (signal) => dialWs(url, options, signal) };
}

/**
 * Listens with a server of its own and hands a link to `onLink` for each WebSocket opened at `path`; other requests are
 * refused. `onError` is told what went wrong with a single link, or while accepting. `close` resolves when the port is
 * free again, whatever links live on.
 * @throws Error naming the address when it can't be had, its cause the error of the system.
 */
export async function listenWs(
  options: WsListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): Promise<Listener> {
  const { host, port, backlog, path, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const timeouts = {
    headersTimeout: handshakeTimeoutMs,
    requestTimeout: handshakeTimeoutMs,
    connectionsCheckingInterval: Math.min(HANDSHAKE_CHECK_MS, handshakeTimeoutMs),
  };
  const server = createServer({ ...timeouts, noDelay: true }, answerPlainRequest);
  acceptUpgrade(server, options, onLink, onError);
  await listen(server, { host, port, ...(backlog === undefined ? {} : { backlog }) });
  server.on("error", onError);
  const listener = createListener(server, `ws://${authority(host, portOf(server))}${path}`);
  return {
    url: listener.url,
    close: async () => {
      await listener.close();
      // Those that didn't become links.
      server.closeAllConnections();
    },
  };
}

function answerPlainRequest(_request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { Upgrade: "websocket", Connection: "close", "Content-Length": 0 }).end();
}

function dialWs(
  url: string,
  { headers, protocols, maxFrameBytes }: WsDialOptions,
  signal: AbortSignal,
): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const webSocket = new WebSocket(url, [...(protocols ?? [])], {
      perMessageDeflate: false,
      maxPayload: maxFrameBytes ?? MAX_FRAME_BYTES,
      // Text is refused, whatever it says.
      skipUTF8Validation: true,
      ...(headers === undefined ? {} : { headers }),
    });
    let socket: Socket | undefined;
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      // The error listener stays: giving up while it opens is an error to `ws`.
      webSocket.off("upgrade", onUpgrade).off("open", onOpen);
    };
    const onAbort = (): void => {
      settle();
      webSocket.terminate();
      reject(signal.reason);
    };
    const onUpgrade = (response: IncomingMessage): void => {
      socket = response.socket;
    };
    const onOpen = (): void => {
      settle();
      webSocket.off("error", onError);
      if (socket === undefined) return reject(new Error("a WebSocket opened without an upgrade"));
      resolve(createWsLink(webSocket, socket, infoOf(url, socket), false));
    };
    const onError = (cause: Error): void => {
      settle();
      reject(new Error(`can't connect to ${withoutSecrets(url)}: ${reasonOf(cause)}`, { cause }));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    webSocket.on("upgrade", onUpgrade).on("open", onOpen).on("error", onError);
  });
}

function infoOf(url: string, socket: Socket): FrameLink["info"] {
  return { transport: "ws", ...addressesOf(socket), isSecure: new URL(url).protocol === "wss:" };
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
