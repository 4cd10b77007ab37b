// SPDX-License-Identifier: Apache-2.0
// What stands around a page of the tests: sites that serve it, and a network that can fail.

import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** The scripts of pages, bundled: name without ending → text. */
export async function bundlePages(...names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { outputFiles } = await build({
    entryPoints: names.map((name) => fileURLToPath(new URL(`pages/${name}.ts`, import.meta.url))),
    outdir: "/",
    bundle: true,
    format: "esm",
    write: false,
    logLevel: "silent",
  });
  return new Map(outputFiles.map(({ path, text }) => [path.slice(path.lastIndexOf("/") + 1, -".js".length), text]));
}

/** An HTTP server for pages; another port is another origin. */
export interface Site {
  readonly origin: string;
  close(): void;
}

/** Serves `/name` as a page whose only content is the script of that name, and `/name.js`. */
export async function serveSite(scripts: ReadonlyMap<string, string>): Promise<Site> {
  const server = createServer((request, response) => {
    const [, name = "", ending] = /^\/(\w+)(\.js)?/.exec(request.url ?? "") ?? [];
    const script = scripts.get(name);
    if (script === undefined) response.writeHead(404).end();
    else if (ending === ".js") response.writeHead(200, { "content-type": "text/javascript" }).end(script);
    else {
      response.writeHead(200, { "content-type": "text/html" });
      response.end(`<!doctype html><link rel="icon" href="data:,"><script type="module" src="/${name}.js"></script>`);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** A way to `target` that can be cut. */
export class Network {
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  /** Where it is reached; the same after each `cut`. */
  port = 0;

  constructor(target: number) {
    this.#target = target;
  }

  /** Lets connections through. */
  async open(): Promise<void> {
    const server = createTcpServer((near) => {
      const far = connect(this.#target, "127.0.0.1");
      near.pipe(far).pipe(near);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket
          .on("error", () => {})
          .on("close", () => {
            this.#sockets.delete(socket);
            near.destroy();
            far.destroy();
          });
      }
    });
    server.listen(this.port, "127.0.0.1");
    await once(server, "listening");
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As when the machine at the other end dies: what is open breaks, and nothing new gets through. */
  cut(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}
