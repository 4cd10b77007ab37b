// SPDX-License-Identifier: Apache-2.0
// The one interface between connections and transports: a duplex of whole frames.

import type { FrameBatch } from "../bytes/slab.js";

export type { FrameBatch } from "../bytes/slab.js";
export { forEachFrame } from "../bytes/slab.js";

/** The certificate that the other end showed, as X.509 says it (RFC 5280). */
export interface PeerCertificate {
  /** Whom it names: `{ CN: "ann", O: "acme" }`, by short names; several of one name are a list. */
  readonly subject: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Who signed it. */
  readonly issuer: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** `DNS:example.com`, `IP:127.0.0.1`, `URI:spiffe://example.com/ann`, `email:ann@example.com`. */
  readonly subjectAltNames: readonly string[];
  /** SHA-256 of `raw`, in hex with colons. */
  readonly fingerprint256: string;
  /** In hex. */
  readonly serialNumber: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** The certificate in DER; the caller's own copy. */
  readonly raw: Uint8Array;
  /** It was checked against the authorities that count here. False only where checking was switched off. */
  readonly authorized: boolean;
}

/** The HTTP request that opened a WebSocket, as the server saw it (RFC 6455 §4.2.1). */
export interface UpgradeRequest {
  /** Path and query: `/rpc?token=x`. */
  readonly url: string;
  /** By name in lower case; a header that came several times is joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Of the Cookie header, by name; the first of a name counts. Values are percent-decoded where they can be. */
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** The origin of the page, `https://app.example.com`; undefined when no page opened it. */
  readonly origin: string | undefined;
}

/** What a transport knows of the other end. */
export interface LinkInfo {
  /** `tcp`, `tls`, `unix`, `ws`, `wss`, `in-process`, … */
  readonly transport: string;
  /** The other end's address, e.g. `127.0.0.1:52114`; empty when the transport has none. */
  readonly remoteAddress: string;
  /** This end's address. */
  readonly localAddress: string;
  /** Whether nobody between the ends can read along. */
  readonly isSecure: boolean;
  /** What the other end showed of itself over TLS, if it did. */
  readonly certificate?: PeerCertificate | undefined;
  /** The request that opened a WebSocket, as the server saw it. */
  readonly upgrade?: UpgradeRequest;
}

/** A transport's half: it takes frames to the other end. Made by a dialer or a listener, one per connection. */
export interface FrameLink {
  readonly info: LinkInfo;
  /**
   * Who is told. Set before anything is read; frames that came before wait for it. A handler that is set later takes over,
   * also in the middle of a read whose `onFrame` returned false: what wasn't passed on goes to the new one.
   */
  setHandler(handler: LinkHandler): void;
  /**
   * Sends the frames of `batch` in one write. The bytes belong to the link from then on, the batch itself doesn't.
   * @returns false: send nothing more until `onDrain`. This batch was taken all the same.
   */
  send(batch: FrameBatch): boolean;
  /** Bytes taken by `send` that haven't left this process yet, if the transport can tell. */
  readonly unsentBytes?: number | undefined;
  /** Stops reading, soon: frames at hand may still come until the next `onFrame` returned false. */
  pause(): void;
  /** Reads on. */
  resume(): void;
  /** Sends what was taken, then closes; when the other end doesn't follow within a second, tears down. */
  close(): void;
  /** Tears the link down at once. */
  abort(): void;
}

/** A connection's half: it takes what the transport brings. */
export interface LinkHandler {
  /** The largest frame that is accepted now. */
  readonly maxFrameBytes: number;
  /** Something was read; frames follow. */
  onReadStart(): void;
  /**
   * One frame without prefix, `bytes[start, end)`: views may be kept, nothing is written. They pin the read chunk.
   * @returns false: stop until `resume`.
   */
  onFrame(bytes: Uint8Array, start: number, end: number): boolean;
  /**
   * A long frame in the pieces that it came in, as `onFrame` otherwise; of lent ones nothing but copies may be kept.
   * @returns undefined: it is wanted in one piece, and is passed to `onFrame`.
   */
  onPieces?(pieces: readonly Uint8Array[], areLent: boolean): boolean | undefined;
  /** What was read is passed on but for so many bytes of an unfinished frame. */
  onReadEnd(partialBytes: number): void;
  /** What was read can't be cut into frames. The link goes on to be closed by the handler. */
  onMalformed(message: string): void;
  /** The link takes frames again. */
  onDrain(): void;
  /** The other end sends nothing more, but what is sent to it still arrives. Told by links that can tell; `close` is due. */
  onPeerEnd?(): void;
  /** The link is gone; told once. `error` when it wasn't closed in order. */
  onClose(error?: Error): void;
}

/** A connection that ended before it was a link: at TLS, or at the request for a WebSocket. */
export interface LinkRefusal {
  /** What is known of the other end. */
  readonly info: LinkInfo;
  /** In words, for a log. */
  readonly reason: string;
  /** There were too many, whoever it was. */
  readonly isForWantOfRoom: boolean;
  /** The error behind it; none of those that were too many, too slow, or from a page of another site. */
  readonly cause?: unknown;
}

/** Opens links to one address. */
export interface Dialer {
  /**
   * Resolves with an open link. `signal` gives up. `lost` is what the latest link of a connection told that is to be resumed:
   * only the server at its `remoteAddress` has the session. Undefined for a connection that begins.
   */
  dial(signal: AbortSignal, lost?: LinkInfo): Promise<FrameLink>;
}

/** @internal What a dialer needs of a signal that is told to nobody else. An AbortSignal costs a third of what a call does. */
export interface GiveUp {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

const undemanding = /*@__PURE__*/ new WeakSet<Dialer["dial"]>();

/** @internal A dialer for which any GiveUp is signal enough. */
export function undemandingDialer(dial: (giveUp: GiveUp) => Promise<FrameLink>): Dialer {
  undemanding.add(dial);
  return { dial };
}

/** @internal Whether it is one; with another `dial` in its place it is none. */
export function isUndemanding({ dial }: Dialer): boolean {
  return undemanding.has(dial);
}

/** Accepts links at one address. */
export interface Listener {
  /** Where it listens, as a URL with the port that was bound. */
  readonly url: string;
  /** Takes no more links. Those that are open live on. */
  close(): Promise<void>;
}
