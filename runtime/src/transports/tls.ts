// SPDX-License-Identifier: Apache-2.0
// Links over TLS 1.2 and newer: TCP's frames, encrypted (RSocket 1.0 §Transport Protocol, RFC 8446).

import { connect as connectSocket, type Socket } from "node:net";
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls";
import type { Dialer, FrameLink, LinkRefusal } from "../engine/link.js";
import type { TcpAddress, TlsDialOptions, TlsListener, TlsListenOptions } from "./addresses.js";
import { createByteStreamLink } from "./byte-stream.js";
import { withCertificate } from "./certificates.js";
import { type Opening, socketDialer } from "./dial.js";
import { Handshakes } from "./handshakes.js";
import {
  addressesOf,
  authority,
  createListener,
  handOver,
  listen,
  portOf,
  reasonOf,
  reset,
  warn,
} from "./node-servers.js";
import { dialOptionsOf, serverOptionsOf } from "./tls-options.js";
import { isRefused, refusalsTo, refuse, tellFailedHandshakes, withIdentity } from "./tls-servers.js";

export type { Pem, TlsDialOptions, TlsIdentity, TlsListener, TlsListenOptions, TlsServerOptions } from "./addresses.js";

/**
 * Opens links to `address` whose certificate is checked: `dial` rejects with an Error naming the address and what is wrong.
 * A server that refuses this end's certificate is heard of only when the link is in use (RFC 8446 §4.4.2.4).
 * @throws TypeError when a certificate or a key can't be used.
 */
export function tlsDialer(address: TcpAddress, options: TlsDialOptions = {}): Dialer {
  const tlsOptions = dialOptionsOf(address.host, options);
  return socketDialer(() => openTls(address, tlsOptions));
}

/**
 * Listens at `address` and hands each link to `onLink` when its handshake is done and its client is let in; `onError` is
 * told what went wrong with a single link, or while accepting, `onRefused` of handshakes that failed, or were too many or too
 * slow; unless given, `onError` of the first. `close` resolves when the port is free again, whatever links live on.
 * @throws TypeError when the options can't be used; Error naming the address when it can't be had.
 */
export async function listenTls(
  options: TlsListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
  onRefused: (refusal: LinkRefusal) => void = refusalsTo(onError),
): Promise<TlsListener> {
  // Whoever ends its half amid the handshake is no client: probes of load balancers would be held until it takes too long.
  const server = createServer({ ...serverOptionsOf(options), noDelay: true, allowHalfOpen: false });
  const handshakes = new Handshakes(options, { transport: "tls", isSecure: true }, onRefused);
  handshakes.watch(server);
  server.on("secureConnection", (socket: TLSSocket) => {
    socket.allowHalfOpen = true;
    const below = handshakes.end(addressesOf(socket));
    if (isRefused(socket)) return refuse(socket, "tls", onRefused);
    handOver(createTlsLink(socket, below ?? socket, {}), onLink, onError);
  });
  tellFailedHandshakes(server, "tls", onRefused);
  await listen(server, options);
  server.on("error", onError);
  const listener = createListener(server, `tls://${authority(options.host, portOf(server))}`, () => handshakes.close());
  return withIdentity(listener, server, options);
}

function openTls({ host, port }: TcpAddress, options: ConnectionOptions): Opening {
  const below = connectSocket({ host, port, noDelay: true, allowHalfOpen: true });
  const socket = connect({ ...options, socket: below });
  // What breaks below breaks what is above, which tells.
  below.on("error", (error) => socket.destroy(error));
  const address = authority(host, port);
  return {
    socket,
    event: "secureConnect",
    address,
    giveUp: () => socket.destroy(),
    createLink: () => createTlsLink(socket, below, { explainSilentEnd: (cause) => silentEnd(address, cause) }),
  };
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
