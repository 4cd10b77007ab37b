// SPDX-License-Identifier: Apache-2.0
// Turns upgrade requests of an HTTP server into links, and refuses the others (RFC 6455 §4.2, WS-02).

import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { checkOption, checkOptions } from "../bytes/options.js";
import type { FrameLink, LinkRefusal, Listener } from "../engine/link.js";
import type { UpgradableServer, WsUpgradeOptions } from "./addresses.js";
import { refuse } from "./http-answers.js";
import { authority, handOver, warn } from "./node-servers.js";
import { checkAllowed, isAllowed, pathOf, upgradeRequestOf } from "./upgrade-request.js";
import { webSocketInfoOf } from "./ws-info.js";
import { createWsLink } from "./ws-link.js";

/** No frame is larger (FRM-04). */
export const MAX_FRAME_BYTES = 0xff_ffff;
/** What a log needs of the name of a site, or of a path: it comes from anybody. */
const MAX_TOLD = 100;
/** The one there is (RFC 6455 §4.1). */
const VERSION = 13;
/** Echoed when a client offers it (WS-02). */
const SUBPROTOCOL = "rsocket";

type OnRefused = (refusal: LinkRefusal) => void;

interface Upgrade {
  (request: IncomingMessage, socket: Duplex, head: Buffer): void;
  readonly onRefused: OnRefused;
}

/** What is accepted on a server that isn't ours, by path: one listener for all, which knows whose a request is. */
interface Paths {
  readonly byPath: Map<string, Upgrade>;
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

const pathsOfServers = new WeakMap<UpgradableServer, Paths>();

/**
 * Serves WebSockets at `path` of an HTTP or HTTPS server that is there already and stays its owner's: what `serve` takes
 * in the place of a URL. Requests for other paths are left to others that listen for upgrades, and refused with 404 when
 * there are none.
 * @throws TypeError for what is no HTTP server, RangeError for an unknown option; when it is opened Error if the path is taken,
 * RangeError for one that is none, TypeError for an origin that no page has.
 * @example
 * const httpServer = createServer(app).listen(8080);
 * const server = await serve([attachWebSocket(httpServer, { path: "/rpc" }), "tcp://127.0.0.1:7000"], { services });
 */
export function attachWebSocket(
  server: UpgradableServer,
  options: WsUpgradeOptions,
): (onLink: (link: FrameLink) => void, onRefused?: (refusal: LinkRefusal) => void) => Promise<Listener> {
  if (typeof server?.on !== "function" || typeof server.listenerCount !== "function") {
    throw new TypeError(
      "attachWebSocket got no HTTP server for its first argument, expected what createServer returns",
    );
  }
  checkOptions(options, { path: "string", maxFrameBytes: "number", allowedOrigins: "list|function" });
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
 * @throws Error when the path is taken; TypeError for an origin that no page has.
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
  if (typeof path !== "string" || !/^\/[^?#]*$/.test(path)) {
    throw new RangeError(`path is ${JSON.stringify(path)}, expected one that begins with / and has no ? and #`);
  }
  checkOption("maxFrameBytes", options.maxFrameBytes, "number");
  checkAllowed(options.allowedOrigins);
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
  const onUpgrade: Paths["onUpgrade"] = (request, socket, head) => {
    const path = pathOf(request.url ?? "/");
    const upgrade = byPath.get(path);
    if (upgrade !== undefined) return upgrade(request, socket, head);
    if (server.listenerCount("upgrade") > 1) return;
    refuse(socket, 404);
    // Whoever serves at another path here is the nearest to be told.
    const [first] = byPath.values();
    first?.onRefused(refusalOf(request, `nothing is served at ${JSON.stringify(path.slice(0, MAX_TOLD))}`));
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
  const expectedOrigin =
    allowedOrigins === undefined
      ? "one of the host that it connects to, or the option allowedOrigins"
      : "one that allowedOrigins lets in";
  webSockets.on("wsClientError", (error: Error, socket: Duplex, request: IncomingMessage) => {
    refuse(socket, 400, `Sec-WebSocket-Version: ${VERSION}\r\n`);
    onRefused(refusalOf(request, `the request for a WebSocket is malformed: ${error.message}`));
  });
  const accept = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    try {
      const upgrade = upgradeRequestOf(request);
      if (!isAllowed(upgrade, request.socket instanceof TLSSocket, allowedOrigins)) {
        refuse(socket, 403);
        const page = JSON.stringify(upgrade.origin?.slice(0, MAX_TOLD));
        return onRefused(refusalOf(request, `a page of ${page} may not open a WebSocket, expected ${expectedOrigin}`));
      }
      webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        handOver(createWsLink(webSocket, socket, webSocketInfoOf(request.socket, upgrade), true), onLink, onError);
      });
    } catch (error) {
      socket.destroy();
      onError(error);
    }
  };
  return Object.assign(accept, { onRefused });
}

function refusalOf(request: IncomingMessage, reason: string): LinkRefusal {
  return { info: webSocketInfoOf(request.socket, upgradeRequestOf(request)), reason, isForWantOfRoom: false };
}

function urlOf(server: UpgradableServer, path: string): string {
  const address = server.address?.() ?? null;
  // Before it listens, or at a pipe: what there is to say, and a URL relative to pages of the same server.
  if (address === null || typeof address === "string") return path;
  const scheme = "setSecureContext" in server ? "wss" : "ws";
  return `${scheme}://${authority(address.address, address.port)}${path}`;
}
