// SPDX-License-Identifier: Apache-2.0
// How the client reaches the server: by its URL, or through something in between that can be cut.

import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Dialer } from "rsocket-rpc";
import { urlDialer } from "rsocket-rpc/node";
import type { Pem } from "./arguments.js";

/** A way to the server. */
export interface Reach {
  readonly dialer: Dialer;
  /** The same server, through something that can be cut; undefined where nothing goes in between. */
  readonly cuttable: (() => Promise<Cuttable>) | undefined;
}

/** How a connection is cut: with RST, as if the other end had died, or with FIN, as if it had closed it. */
export type CutKind = "reset" | "end";

/** A way to the server that can be cut: both ends lose their connections without a word. */
export interface Cuttable {
  readonly dialer: Dialer;
  /** With RST unless told otherwise. What is under way is lost. */
  cut(kind?: CutKind): void;
  close(): Promise<void>;
}

const WS_PORTS: Readonly<Record<string, number>> = { "ws:": 80, "wss:": 443 };
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Over any transport that has a URL. @throws RpcError `invalid_argument` for a wrong URL. */
export function reachByUrl(url: string, pem: Pem): Reach {
  const options = securityOf(pem);
  return {
    dialer: urlDialer(url, options),
    cuttable: async () => {
      const relay = await Relay.start(new URL(url));
      return { dialer: urlDialer(relay.url, options), cut: (kind) => relay.cut(kind), close: () => relay.close() };
    },
  };
}

/** The option `tls` of `serve` and of dialing, for tls:// and wss:// URLs; nothing when there are no files. */
export function securityOf(pem: Pem): object {
  return Object.keys(pem).length === 0 ? {} : { tls: pem };
}

/** Passes bytes on between the client and the server's address, whatever they mean: also those of TLS. */
class Relay {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #folder: string | undefined;

  private constructor(url: string, server: Server, target: NetConnectOpts, folder: string | undefined) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
    server.on("connection", (near: Socket) => this.#join(near, connect(target)));
  }

  static async start(url: URL): Promise<Relay> {
    const server = createServer({ noDelay: true });
    if (url.hostname === "") {
      const folder = mkdtempSync(join(tmpdir(), "relay-"));
      const path = join(folder, "socket");
      await listening(server, () => server.listen(path));
      return new Relay(`${url.protocol}${path}`, server, { path: decodeURIComponent(url.pathname) }, folder);
    }
    // Where it can be, the name stays the same: a certificate is made out to it.
    const near = LOOPBACK.includes(url.hostname) ? url.hostname : "127.0.0.1";
    await listening(server, () => server.listen(0, withoutBrackets(near)));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("the relay has no port");
    const relayUrl = new URL(url);
    relayUrl.hostname = near;
    relayUrl.port = String(address.port);
    const port = url.port === "" ? (WS_PORTS[url.protocol] ?? 0) : Number(url.port);
    const target = { host: withoutBrackets(url.hostname), port, noDelay: true };
    return new Relay(relayUrl.href, server, target, undefined);
  }

  cut(kind: CutKind = "reset"): void {
    for (const socket of this.#sockets) {
      // Sockets of the file system can't be reset: there the end is what the others see of a death.
      if (kind === "end") finish(socket);
      else if (this.#folder === undefined) socket.resetAndDestroy();
      else socket.destroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => {}); // what follows is `close`
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }
}

// FIN goes out; what still comes goes nowhere.
function finish(socket: Socket): void {
  socket.unpipe();
  socket.resume();
  socket.end();
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", resolve);
    listen();
  });
}

function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}
