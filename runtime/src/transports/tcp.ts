// SPDX-License-Identifier: Apache-2.0
// Links over TCP (RSocket 1.0 §Transport Protocol).

import { connect, createServer, type Socket } from "node:net";
import type { Dialer, FrameLink, LinkInfo, Listener } from "../engine/link.js";
import type { TcpAddress, TcpListenOptions } from "./addresses.js";
import { createByteStreamLink } from "./byte-stream.js";
import { addressesOf, authority, createListener, listen, portOf, reasonOf, warn } from "./node-servers.js";

export type { TcpAddress, TcpListenOptions } from "./addresses.js";

/** Opens links to `address`. `dial` rejects with an Error naming the address, its cause the error of the system. */
export function tcpDialer(address: TcpAddress): Dialer {
  return { dial: (signal) => dialTcp(address, signal) };
}

/**
 * Listens at `address` and hands each link to `onLink`; `onError` is told what went wrong with a single link, or while
 * accepting. `close` resolves when the port is free again, whatever links live on.
 * @throws Error naming the address when it can't be had, its cause the error of the system.
 */
export async function listenTcp(
  { host, port, backlog }: TcpListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): Promise<Listener> {
  // Keepalive of TCP stays off: KEEPALIVE frames do more.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const link = createTcpLink(socket);
    try {
      onLink(link);
    } catch (error) {
      link.abort();
      onError(error);
    }
  });
  await listen(server, { host, port, ...(backlog === undefined ? {} : { backlog }) });
  server.on("error", onError);
  return createListener(server, `tcp://${authority(host, portOf(server))}`);
}

function dialTcp({ host, port }: TcpAddress, signal: AbortSignal): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off("connect", onConnect);
      // The error listener stays: a socket that is destroyed while it connects may still report one.
    };
    const onAbort = (): void => {
      settle();
      socket.destroy();
      reject(signal.reason);
    };
    const onConnect = (): void => {
      settle();
      socket.off("error", onError);
      resolve(createTcpLink(socket));
    };
    const onError = (cause: Error): void => {
      settle();
      reject(new Error(`can't connect to ${authority(host, port)}: ${reasonOf(cause)}`, { cause }));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("connect", onConnect);
    socket.on("error", onError);
  });
}

function createTcpLink(socket: Socket): FrameLink {
  const info: LinkInfo = { transport: "tcp", ...addressesOf(socket), isSecure: false };
  return createByteStreamLink(socket, info, () => reset(socket));
}

// A socket whose FIN is out can't be reset any more: Node would mark it destroyed and leave it open.
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
