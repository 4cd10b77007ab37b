// SPDX-License-Identifier: Apache-2.0
// Links over TCP (RSocket 1.0 §Transport Protocol).

import { createServer, type Socket } from "node:net";
import type { Dialer, FrameLink, LinkInfo, Listener } from "../engine/link.js";
import type { TcpAddress, TcpListenOptions } from "./addresses.js";
import { createByteStreamLink } from "./byte-stream.js";
import { type Opening, socketDialer } from "./dial.js";
import { LentReads } from "./lent-reads.js";
import { addressesOf, authority, createListener, handOver, listen, portOf, reset, warn } from "./node-servers.js";

export type { TcpAddress, TcpListenOptions } from "./addresses.js";

/** Opens links to `address`. `dial` rejects with an Error naming the address, its cause the error of the system. */
export function tcpDialer(address: TcpAddress): Dialer {
  return socketDialer(() => openTcp(address));
}

/**
 * Listens at `address` and hands each link to `onLink`; `onError` is told what went wrong with a single link, or while
 * accepting. `close` resolves when the port is free again, whatever links live on.
 * @throws Error naming the address when it can't be had, its cause the error of the system.
 */
export async function listenTcp(
  options: TcpListenOptions,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): Promise<Listener> {
  // Keepalive of TCP stays off: KEEPALIVE frames do more.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    handOver(createTcpLink(socket), onLink, onError);
  });
  await listen(server, options);
  server.on("error", onError);
  return createListener(server, `tcp://${authority(options.host, portOf(server))}`);
}

function openTcp({ host, port }: TcpAddress): Opening {
  const reads = new LentReads({ host, port, noDelay: true, allowHalfOpen: true });
  const { socket } = reads;
  return {
    socket,
    giveUp: () => socket.destroy(),
    event: "connect",
    address: authority(host, port),
    createLink: () => createTcpLink(socket, reads),
  };
}

function createTcpLink(socket: Socket, reads?: LentReads): FrameLink {
  const info: LinkInfo = { transport: "tcp", ...addressesOf(socket), isSecure: false };
  return createByteStreamLink(socket, info, { reset: () => reset(socket), reads });
}
