// SPDX-License-Identifier: Apache-2.0
// Where to dial and to listen, in types that name nothing of Node: they are part of what users import.

import type { LinkInfo } from "../engine/link.js";

/** Where a TCP server is. */
export interface TcpAddress {
  /** A name, or an IPv4 or IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Where to listen; port 0 lets the system choose. */
export interface TcpListenOptions extends TcpAddress {
  /** Connections that the system accepts ahead of us; 511 unless given. */
  readonly backlog?: number;
}

/** What an upgrade request says of itself. */
export type UpgradeRequest = NonNullable<LinkInfo["upgrade"]>;

/** Which requests become links. */
export interface WsUpgradeOptions {
  /** The path of the URL, exactly; what follows `?` is not looked at. */
  readonly path: string;
  /** The largest message that is read at all; handlers may allow less. 16,777,215 unless given. */
  readonly maxFrameBytes?: number;
  /**
   * Origins of web pages that may open a WebSocket, e.g. `https://app.example.com`, or a function that decides. Unless
   * given, a page must come from the host that it connects to. Requests without Origin aren't a page's: they are let in.
   */
  readonly allowedOrigins?: readonly string[] | ((origin: string, request: UpgradeRequest) => boolean);
}

/** How a server that isn't ours is seen: Node's `http.Server` or `https.Server`. */
export interface UpgradableServer {
  // biome-ignore lint/suspicious/noExplicitAny: the types of an EventEmitter's arguments are any in Node, too
  on(event: "upgrade", listener: (...args: any[]) => void): unknown;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  off(event: "upgrade", listener: (...args: any[]) => void): unknown;
  listenerCount(event: "upgrade"): number;
}
