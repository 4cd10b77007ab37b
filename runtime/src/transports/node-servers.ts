// SPDX-License-Identifier: Apache-2.0
// What servers over Node's sockets have in common: binding, addresses, errors that nobody asked for.

import type { AddressInfo, ListenOptions, Server, Socket } from "node:net";
import type { FrameLink, LinkInfo, Listener } from "../engine/link.js";
import type { TcpListenOptions } from "./addresses.js";
import { tlsReasonOf } from "./tls-errors.js";

/** Of each kind: often enough to be seen, seldom enough not to fill a disk. */
const WARNING_INTERVAL_MS = 60_000;
/** More than go wrong in one program; those that a peer makes up beyond that share one. */
const MAX_WARNING_KINDS = 50;
/** So much of a text tells its kind. */
const KIND_LENGTH = 200;

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
export function listen(server: Server, { host, port, backlog }: TcpListenOptions): Promise<void> {
  // Without one Node would listen at all addresses of the machine.
  if (typeof host !== "string" || host === "") {
    throw new RangeError(
      `host is ${JSON.stringify(host)}, expected a name or an address, such as 127.0.0.1 or 0.0.0.0`,
    );
  }
  return bind(server, { host, port, ...(backlog === undefined ? {} : { backlog }) }, authority(host, port));
}

/** @internal Binds `server` to what is called `address`. @throws Error naming it. */
export function bind(server: Server, options: ListenOptions, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error): void => {
      reject(new Error(`can't listen at ${address}: ${reasonOf(cause)}`, { cause }));
    };
    server.once("error", onError);
    server.listen(options, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

/** @internal Hands a link to whoever wants links; one that throws loses it. */
export function handOver(link: FrameLink, onLink: (link: FrameLink) => void, onError: (error: unknown) => void): void {
  try {
    onLink(link);
  } catch (error) {
    link.abort();
    onError(error);
  }
}

/** @internal The port that was bound. */
export function portOf(server: Server): number {
  // Not a string: that is the address of a pipe. Not null: it listens.
  return (server.address() as AddressInfo).port;
}

/** @internal A listener for a server that listens at `url`; `onClose` ends what hasn't become a link. */
export function createListener(server: Server, url: string, onClose: () => void = () => {}): Listener {
  return {
    url,
    // The system has the port back when `close` returns; its callback would wait for the last link.
    close: async () => {
      if (server.listening) server.close();
      onClose();
    },
  };
}

/** @internal Tears `socket` down so that the other end sees no orderly end. */
export function reset(socket: Socket): void {
  // A socket whose FIN is out can't be reset any more: Node would mark it destroyed and leave it open.
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

/** @internal What to say about `error` in one line: several attempts (one for each address of a name) have no text. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return error.errors.map(reasonOf).join(", ");
  if (!(error instanceof Error)) return String(error);
  return tlsReasonOf(error) ?? error.message;
}

/** @internal For errors that nobody asked for. A process without file descriptors has thousands of them a second. */
export const warn: (error: unknown) => void = createWarn();

/** @internal Prints, of each kind of error, one a minute, with how many like it there were before it. */
export function createWarn(): (error: unknown, nowMs?: number) => void {
  const warned = new Map<string, { readonly atMs: number; unprinted: number }>();
  return (error, nowMs = performance.now()) => {
    const given = kindOf(error);
    const kind = warned.has(given) || warned.size < MAX_WARNING_KINDS ? given : "others";
    const last = warned.get(kind);
    if (last !== undefined && nowMs - last.atMs < WARNING_INTERVAL_MS) {
      last.unprinted++;
      return;
    }
    warned.set(kind, { atMs: nowMs, unprinted: 0 });
    const more = last === undefined || last.unprinted === 0 ? "" : ` (and ${last.unprinted} more like it before)`;
    process.emitWarning(`a link couldn't be accepted: ${reasonOf(error)}${more}`, "RSocketWarning");
  };
}

// By its code, or by its text without what a peer can choose: addresses, and what stands in quotes.
function kindOf(error: unknown): string {
  const { code, cause } = (error ?? {}) as { readonly code?: unknown; readonly cause?: unknown };
  const known = code ?? (cause as { readonly code?: unknown } | undefined | null)?.code;
  if (typeof known === "string") return known;
  return reasonOf(error)
    .slice(0, KIND_LENGTH)
    .replace(/"(?:[^"\\]|\\.)*"|\d+/g, "");
}
