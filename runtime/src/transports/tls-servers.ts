// SPDX-License-Identifier: Apache-2.0
// What servers over TLS have in common: clients that aren't let in, handshakes that fail, identities that are renewed.

import type { Server } from "node:net";
import type { TLSSocket, Server as TlsServer } from "node:tls";
import type { TlsListener, TlsServerOptions } from "./addresses.js";
import { addressesOf, reasonOf } from "./node-servers.js";
import { renewedOptionsOf } from "./tls-options.js";

/** @internal A client showed a certificate that nobody vouches for: it isn't who it says. */
export function isRefused(socket: TLSSocket): boolean {
  return !socket.authorized && socket.getPeerX509Certificate() !== undefined;
}

/** @internal Ends a connection whose client isn't who it says. */
export function refuse(socket: TLSSocket, onError: (error: unknown) => void): void {
  const { remoteAddress } = addressesOf(socket);
  // A string, whatever its type says.
  const reason = String(socket.authorizationError);
  socket.destroy();
  onError(new Error(`the certificate of ${remoteAddress} was refused: ${reasonOf(codeError(reason))}`));
}

/** @internal Tells why handshakes failed, but of those that just ended: they are no news, and they may be many. */
export function tellFailedHandshakes(server: Server, onError: (error: unknown) => void): void {
  server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
    const { remoteAddress } = addressesOf(socket);
    // Set when Node has ended it because of its certificate, of which `error` says nothing.
    const { authorizationError } = socket;
    socket.destroy();
    if (authorizationError == null && (error as { readonly code?: unknown }).code === "ECONNRESET") return;
    const cause = authorizationError == null ? error : codeError(String(authorizationError));
    const client = remoteAddress === "" ? "a client" : remoteAddress;
    onError(new Error(`the TLS handshake with ${client} failed: ${reasonOf(cause)}`, { cause }));
  });
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
