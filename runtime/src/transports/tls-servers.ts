// SPDX-License-Identifier: Apache-2.0
// What servers over TLS have in common: clients that aren't let in, handshakes that fail, identities that are renewed.

import type { Server, Socket } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import type { LinkInfo, LinkRefusal } from "../engine/link.js";
import type { TlsListener, TlsServerOptions } from "./addresses.js";
import { addressesOf, reasonOf } from "./node-servers.js";
import { renewedOptionsOf } from "./tls-options.js";

/** @internal A client showed a certificate that nobody vouches for: it isn't who it says. */
export function isRefused(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}

type OnRefused = (refusal: LinkRefusal) => void;

/** @internal Ends a connection whose client isn't who it says. */
export function refuse(socket: TLSSocket, transport: string, onRefused: OnRefused): void {
  const info = infoOf(socket, transport);
  // A string, whatever its type says.
  const cause = codeError(String(socket.authorizationError));
  socket.destroy();
  const reason = `the certificate of ${info.remoteAddress} was refused: ${reasonOf(cause)}`;
  onRefused({ info, reason, isForWantOfRoom: false, cause });
}

/** @internal Tells why handshakes failed, but of those that just ended: they are no news, and they may be many. */
export function tellFailedHandshakes(server: Server, transport: string, onRefused: OnRefused): void {
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    const info = infoOf(socket, transport);
    // Set when Node has ended it because of its certificate, of which `error` says nothing.
    const { authorizationError } = socket;
    socket.destroy();
    if (authorizationError == null && (error as { readonly code?: unknown }).code === "ECONNRESET") return;
    const cause = authorizationError == null ? error : codeError(String(authorizationError));
    const client = info.remoteAddress === "" ? "a client" : info.remoteAddress;
    const reason = `the TLS handshake with ${client} failed: ${reasonOf(cause)}`;
    onRefused({ info, reason, isForWantOfRoom: false, cause });
  });
}

/**
 * @internal Tells `onError` of refusals that have an error behind them, and of those of pages, whose browsers say nothing of
 * why: those of scanners are no news.
 */
export function refusalsTo(onError: (error: unknown) => void): OnRefused {
  return ({ info, reason, cause }) => {
    if (cause !== undefined || info.upgrade?.origin !== undefined) onError(new Error(reason, { cause }));
  };
}

// What Node has ended knows its addresses no more; the socket of TCP below it does, when it was asked before. Node has no
// documented way there: where this one ends, the address is empty.
function infoOf(socket: TLSSocket & { readonly _parent?: Socket }, transport: string): LinkInfo {
  return {
    transport,
    ...addressesOf(socket.remoteAddress === undefined ? (socket._parent ?? socket) : socket),
    isSecure: true,
  };
}

/** @internal `listener` of `server`, which began with the identity in `options`. */
export function withIdentity<L extends object>(
  listener: L,
  server: Pick<TlsServer, "setSecureContext">,
  options: TlsServerOptions,
): L & Pick<TlsListener, "setIdentity"> {
  return { ...listener, setIdentity: (identity) => server.setSecureContext(renewedOptionsOf(options, identity)) };
}

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
