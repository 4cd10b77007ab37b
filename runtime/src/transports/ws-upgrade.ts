// SPDX-License-Identifier: Apache-2.0
// Turns upgrade requests of an HTTP server into links, and refuses the others (RFC 6455 §4.2, WS-02).

import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { FrameLink, LinkInfo } from "../engine/link.js";
import type { UpgradableServer, UpgradeRequest, WsUpgradeOptions } from "./addresses.js";
import { addressesOf, warn } from "./node-servers.js";
import { createWsLink } from "./ws-link.js";

/** No frame is larger (FRM-04). */
export const MAX_FRAME_BYTES = 0xff_ffff;
/** Echoed when a client offers it (WS-02). */
const SUBPROTOCOL = "rsocket";

/**
 * Hands a link to `onLink` for each WebSocket that is opened at `path` of `server`, which stays its owner's. Requests for
 * other paths are refused with 404, unless somebody else listens for upgrades, too.
 * @returns stops it; links that are open live on.
 */
export function acceptUpgrade(
  server: UpgradableServer,
  options: WsUpgradeOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): () => void {
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Memory by the connection, and a lever for bombs.
    perMessageDeflate: false,
    maxPayload: options.maxFrameBytes ?? MAX_FRAME_BYTES,
    // Text is refused, whatever it says.
    skipUTF8Validation: true,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const upgrade = upgradeOf(request);
    if (pathOf(upgrade.url) !== options.path) {
      if (server.listenerCount("upgrade") === 1) refuse(socket, 404);
      return;
    }
    try {
      if (!isAllowed(upgrade, options.allowedOrigins)) return refuse(socket, 403);
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        onLink(createWsLink(webSocket, socket, infoOf(request.socket, upgrade), true));
      });
    } catch (error) {
      socket.destroy();
      onError(error);
    }
  };
  server.on("upgrade", onUpgrade);
  return () => {
    server.off("upgrade", onUpgrade);
  };
}

// A page may do what its user may, from any site that the user visits: hence its origin counts (RFC 6455 §10.2).
function isAllowed(request: UpgradeRequest, allowed: WsUpgradeOptions["allowedOrigins"]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (allowed === undefined) return isSameHost(origin, host);
  return typeof allowed === "function" ? allowed(origin, request) : allowed.includes(origin);
}

function isSameHost(origin: string, host: string | undefined): boolean {
  // `null` is the origin of sandboxed pages: no URL, never the same.
  if (host === undefined || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const target = `${page.protocol}//${host}`;
  // The scheme of the page says which port goes without saying.
  return URL.canParse(target) && new URL(target).host === page.host;
}

function upgradeOf({ url = "/", headers }: IncomingMessage): UpgradeRequest {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(", ") : value,
  ]);
  return { url, headers: Object.fromEntries(entries) };
}

function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

function infoOf(socket: Socket, upgrade: UpgradeRequest): LinkInfo {
  return { transport: "ws", ...addressesOf(socket), isSecure: "encrypted" in socket, upgrade };
}

function refuse(socket: Duplex, status: number): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
