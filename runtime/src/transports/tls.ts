// SPDX-License-Identifier: Apache-2.0
// Links over TLS 1.2 and newer: TCP's frames, encrypted (RSocket 1.0 §Transport Protocol, RFC 8446).

import { connect as connectSocket, type Server, type Socket } from "node:net";
import { type ConnectionOptions, connect, createServer, type TLSSocket, type Server as TlsServer } from "node:tls";
import type { Dialer, FrameLink } from "../engine/link.js";
import type { TcpAddress, TlsDialOptions, TlsListener, TlsListenOptions, TlsServerOptions } from "./addresses.js";
import { createByteStreamLink } from "./byte-stream.js";
import { withCertificate } from "./certificates.js";
import { dialSocket } from "./dial.js";
import { Handshakes } from "./handshakes.js";
import { addressesOf, authority, createListener, handOver, listen, portOf, reasonOf, warn } from "./node-servers.js";
import { reset } from "./tcp.js";
import { dialOptionsOf, renewedOptionsOf, serverOptionsOf } from "./tls-options.js";

export type { Pem, TlsDialOptions, TlsIdentity, TlsListener, TlsListenOptions, TlsServerOptions } from "./addresses.js";

/**
 * Opens links to `address` whose certificate is checked: `dial` rejects with an Error naming the address and what is wrong.
 * A server that refuses this end's certificate is heard of only when the link is in use (RFC 8446 §4.4.2.4).
 * @throws TypeError when a certificate or a key can't be used.
 */
export function tlsDialer(address: TcpAddress, options: TlsDialOptions = {}): Dialer {
  const tlsOptions = dialOptionsOf(address.host, options);
  return { dial: (signal) => dialTls(address, tlsOptions, signal) };
}

/**
 * Listens at `address` and hands each link to `onLink` when its handshake is done and its client is let in; `onError` is
 * told of handshakes that failed, of single links, and of accepting. `close` resolves when the port is free again,
 * whatever links live on.
 * @throws TypeError when the options can't be used; Error naming the address when it can't be had.
 */
export async function listenTls(
  options: TlsListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): Promise<TlsListener> {
  const server = createServer({ ...serverOptionsOf(options), noDelay: true, allowHalfOpen: true });
  const handshakes = new Handshakes(options);
  handshakes.watch(server);
  server.on("secureConnection", (socket: TLSSocket) => {
    const below = handshakes.end(addressesOf(socket));
    if (isRefused(socket)) return refuse(socket, onError);
    handOver(createTlsLink(socket, below ?? socket, {}), onLink, onError);
  });
  tellFailedHandshakes(server, onError);
  await listen(server, options);
  server.on("error", onError);
  return withIdentity(createListener(server, `tls://${authority(options.host, portOf(server))}`), server, options);
}

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

function dialTls({ host, port }: TcpAddress, options: ConnectionOptions, signal: AbortSignal): Promise<FrameLink> {
  return dialSocket(signal, () => {
    const below = connectSocket({ host, port, noDelay: true, allowHalfOpen: true });
    const socket = connect({ ...options, socket: below });
    // What breaks below breaks what is above, which tells.
    below.on("error", (error) => socket.destroy(error));
    const address = authority(host, port);
    return {
      socket,
      event: "secureConnect",
      address,
      createLink: () => createTlsLink(socket, below, { explainSilentEnd: (cause) => silentEnd(address, cause) }),
    };
  });
}

function createTlsLink(
  socket: TLSSocket,
  below: Socket,
  options: Pick<Parameters<typeof createByteStreamLink>[2] & object, "explainSilentEnd">,
): FrameLink {
  const info = withCertificate({ transport: "tls", ...addressesOf(socket), isSecure: true }, socket);
  return createByteStreamLink(socket, info, {
    ...options,
    // Without a reset of TCP the end would look orderly to Node. When TLS has ended, so has TCP, unknown to its socket.
    reset: () => (socket.writableEnded ? socket.destroy() : reset(below)),
  });
}

// To a client TLS 1.3 is open before the server has seen its certificate.
function silentEnd(address: string, cause: Error | undefined): Error {
  const how = cause === undefined ? "ended the connection without an answer" : reasonOf(cause);
  return new Error(`${address}: ${how}; it may have refused this client's certificate, or demand one`, { cause });
}

function codeError(code: string): Error {
  return Object.assign(new Error(code), { code });
}
