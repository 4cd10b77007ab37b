// SPDX-License-Identifier: Apache-2.0
// Turns upgrade requests of an HTTP server into links, and refuses the others (RFC 6455 §4.2, WS-02).

import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import type { FrameLink, LinkRefusal, Listener } from "../engine/link.js";
import type { UpgradableServer, WsUpgradeOptions } from "./addresses.js";
import { authority, handOver, warn } from "./node-servers.js";
import { isAllowed, pathOf, upgradeRequestOf } from "./upgrade-request.js";
import { webSocketInfoOf } from "./ws-info.js";
import { createWsLink } from "./ws-link.js";

/** No frame is larger (FRM-04). */
export const MAX_FRAME_BYTES = 0xff_ffff;
/** What a log needs of the name of a site; it comes from anybody. */
const MAX_TOLD_ORIGIN = 100;
/** Echoed when a client offers it (WS-02). */
const SUBPROTOCOL = "rsocket";

type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** What is accepted on a server that isn't ours, by path: one listener for all, which knows whose a request is. */
interface Paths {
  readonly byPath: Map<string, Upgrade>;
  readonly onUpgrade: Upgrade;
}

const pathsOfServers = new WeakMap<UpgradableServer, Paths>();

/**
 * Serves WebSockets at `path` of an HTTP or HTTPS server that is there already and stays its owner's: what `serve` takes
 * in the place of a URL. Requests for other paths are left to others that listen for upgrades, and refused with 404 when
 * there are none.
 * @throws Error, when it is opened, if the path is taken.
 * @example
 * const httpServer = createServer(app).listen(8080);
 * const server = await serve([attachWebSocket(httpServer, { path: "/rpc" }), "tcp://127.0.0.1:7000"], { services });
 */
export function attachWebSocket(
  server: UpgradableServer,
  options: WsUpgradeOptions,
): (onLink: (link: FrameLink) => void, onRefused?: (refusal: LinkRefusal) => void) => Promise<Listener> {
  return async (onLink, onRefused) => {
    const stop = acceptUpgrade(server, options, onLink, warn, onRefused);
    return {
      // Asked for when it is wanted: the server may begin to listen later.
      get url() {
        return urlOf(server, options.path);
      },
      close: async () => stop(),
    };
  };
}

/**
 * Hands a link to `onLink` for each WebSocket that is opened at `path` of `server`, which stays its owner's. Requests for
 * other paths are refused with 404, unless somebody else listens for upgrades, too.
 * @throws Error when the path is taken.
 * @returns stops it; links that are open live on.
 */
export function acceptUpgrade(
  server: UpgradableServer,
  options: WsUpgradeOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
  onRefused: (refusal: LinkRefusal) => void = () => {},
): () => void {
  const { path } = options;
  if (!path.startsWith("/")) throw new RangeError(`path is ${JSON.stringify(path)}, expected one that begins with /`);
  const paths = pathsOfServers.get(server) ?? createPaths(server);
  if (paths.byPath.has(path)) throw new Error(`WebSockets at ${path} of this HTTP server are served already`);
  paths.byPath.set(path, createUpgrade(options, onLink, onError, onRefused));
  return () => {
    if (!paths.byPath.delete(path) || paths.byPath.size > 0) return;
    server.off("upgrade", paths.onUpgrade);
    pathsOfServers.delete(server);
  };
}

function createPaths(server: UpgradableServer): Paths {
  const byPath = new Map<string, Upgrade>();
  const onUpgrade: Upgrade = (request, socket, head) => {
    const upgrade = byPath.get(pathOf(request.url ?? "/"));
    if (upgrade !== undefined) upgrade(request, socket, head);
    else if (server.listenerCount("upgrade") === 1) refuse(socket, 404);
  };
  const paths = { byPath, onUpgrade };
  server.on("upgrade", onUpgrade);
  pathsOfServers.set(server, paths);
  return paths;
}

function createUpgrade(
  { maxFrameBytes = MAX_FRAME_BYTES, allowedOrigins }: WsUpgradeOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void,
  onRefused: (refusal: LinkRefusal) => void,
): Upgrade {
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Memory by the connection, and a lever for bombs.
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    // Text is refused, whatever it says.
    skipUTF8Validation: true,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  return (request, socket, head) => {
    try {
      const upgrade = upgradeRequestOf(request);
      if (!isAllowed(upgrade, request.socket instanceof TLSSocket, allowedOrigins)) {
        refuse(socket, 403);
        const reason = `a page of ${JSON.stringify(upgrade.origin?.slice(0, MAX_TOLD_ORIGIN))} may not open a WebSocket`;
        return onRefused({ info: webSocketInfoOf(request.socket, upgrade), reason, isForWantOfRoom: false });
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        handOver(createWsLink(webSocket, socket, webSocketInfoOf(request.socket, upgrade), true), onLink, onError);
      });
    } catch (error) {
      socket.destroy();
      onError(error);
    }
  };
}

function urlOf(server: UpgradableServer, path: string): string {
  const address = server.address?.() ?? null;
  // Before it listens, or at a pipe: what there is to say, and a URL relative to pages of the same server.
  if (address === null || typeof address === "string") return path;
  const scheme = "setSecureContext" in server ? "wss" : "ws";
  return `${scheme}://${authority(address.address, address.port)}${path}`;
}

function refuse(socket: Duplex, status: number): void {
  socket.on("error", () => socket.destroy());
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
