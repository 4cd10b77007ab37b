// SPDX-License-Identifier: Apache-2.0
// Links over TCP (RSocket 1.0 §Transport Protocol).

import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Dialer, FrameLink, LinkInfo, Listener } from "../engine/link.js";
import { createByteStreamLink } from "./byte-stream.js";

/** Often enough to be seen, seldom enough not to fill a disk. */
const WARNING_INTERVAL_MS = 60_000;

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
  const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
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

/** `host:port`, an IPv6 address in brackets. */
export function authority(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return "";
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** @internal What a socket tells of both ends. */
export function addressesOf(socket: Socket): Pick<LinkInfo, "remoteAddress" | "localAddress"> {
  return {
    remoteAddress: authority(socket.remoteAddress, socket.remotePort),
    localAddress: authority(socket.localAddress, socket.localPort),
  };
}

/** @internal Binds `server`. @throws Error naming the address. */
export function listen(server: Server, options: TcpListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      reject(new Error(`can't listen at ${authority(options.host, options.port)}: ${reasonOf(cause)}`, { cause }));
    };
    server.once("error", onError);
    server.listen({ ...options }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/** @internal The port that was bound. */
export function portOf(server: Server): number {
  // Not a string: that is the address of a pipe. Not null: it listens.
  return (server.address() as AddressInfo).port;
}

/** @internal */
export function createListener(server: Server, url: string): Listener {
  return {
    url,
    // The system has the port back when `close` returns; its callback would wait for the last link.
    close: async () => {
      if (server.listening) server.close();
    },
  };
}

/** @internal What to say about `error` in one line: several attempts (one for each address of a name) have no text. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join(", ");
  return error instanceof Error ? error.message : String(error);
}

let lastWarningMs = Number.NEGATIVE_INFINITY;

/** @internal For errors that nobody asked for. A process without file descriptors has thousands of them a second. */
export function warn(error: unknown): void {
  if (performance.now() - lastWarningMs < WARNING_INTERVAL_MS) return;
  lastWarningMs = performance.now();
  process.emitWarning(`a link couldn't be accepted: ${reasonOf(error)}`, "RSocketWarning");
}

function dialTcp({ host, port }: TcpAddress, signal: AbortSignal): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect({ host, port, noDelay: true, allowHalfOpen: false });
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
