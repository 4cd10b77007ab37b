// SPDX-License-Identifier: Apache-2.0
// Where to dial and to listen, in types that name nothing of Node: they are part of what users import.

import type { Listener, UpgradeRequest } from "../engine/link.js";

export type { UpgradeRequest } from "../engine/link.js";

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

/** Where a Unix socket is. */
export interface UdsAddress {
  /** The file, by an absolute path of at most 107 bytes (103 on macOS): that is what the system has room for. */
  readonly path: string;
}

/** Certificates or a key: PEM as text or bytes, or what `readFile` gives. Several in one text are taken, too. */
export type Pem = string | Uint8Array;

/** Who this end is: a certificate and its key. */
export interface TlsIdentity {
  /** The certificate, with those of its issuers behind it up to, but without, one that the other end knows. */
  readonly cert: Pem;
  readonly key: Pem;
  /** Opens `key` when it is encrypted. */
  readonly passphrase?: string;
}

/** How to open TLS; all may be left out. */
export interface TlsDialOptions extends Partial<TlsIdentity> {
  /** Authorities that may vouch for the server. Unless given, those that Node brings along: the public ones. */
  readonly ca?: Pem | readonly Pem[];
  /** The name that the server is asked for (SNI), and that its certificate must be for; the host that is dialed unless given. */
  readonly servername?: string;
  /** The lowest version; `TLSv1.2` unless given. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** The highest version; the newest unless given. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
  /**
   * True: believes any server, so that anybody on the way may read and change everything. The process is warned once.
   * For a test server with a certificate of its own, give that certificate as `ca` instead.
   */
  readonly dangerouslyAcceptAnyCertificate?: boolean;
}

/** How to answer TLS. */
export interface TlsServerOptions extends TlsIdentity {
  /**
   * What clients must show: nothing (`none`, unless given); a certificate or nothing (`request`); a certificate
   * (`require`). One that none of `ca` vouches for is refused either way, before SETUP.
   */
  readonly clientCertificate?: "none" | "request" | "require";
  /** Authorities that may vouch for clients; needed by `request` and `require`. */
  readonly ca?: Pem | readonly Pem[];
  /**
   * Who to be for the name that a client asks for (SNI, RFC 6066 §3); undefined: the one above. Asked for each
   * handshake, so that it may answer with a renewed certificate; it should return the same object while nothing changed.
   */
  sni?(serverName: string): TlsIdentity | undefined | Promise<TlsIdentity | undefined>;
  /** The lowest version; `TLSv1.2` unless given. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** The highest version; the newest unless given. */
  readonly maxVersion?: "TLSv1.2" | "TLSv1.3";
}

/** What connections may cost that aren't links yet; `serve` has the same in its option `limits`. `Infinity` switches one off. */
export interface HandshakeLimits {
  /** Time for what comes before a link, TLS and the upgrade request together; 10 s unless given. */
  readonly handshakeTimeoutMs?: number;
  /**
   * How many connections may be at that at once; for one more the oldest is closed, if it has taken a second, else that one.
   * 1,000 unless given: a slow second of 1,000 newcomers.
   */
  readonly maxHandshakes?: number;
}

/** Where and how to listen for TLS. */
export interface TlsListenOptions extends TcpListenOptions, TlsServerOptions, HandshakeLimits {}

/** A listener whose certificate can be renewed. */
export interface TlsListener extends Listener {
  /** Who to be for connections to come; those that are open stay. @throws Error when it can't be used; all stays as it was. */
  setIdentity(identity: TlsIdentity): void;
}

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
  address?(): { readonly address: string; readonly port: number } | string | null;
}
