// SPDX-License-Identifier: Apache-2.0
// Servers of the interop matrix as processes, each over every transport, and how clients reach them.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MetadataMode } from "rsocket-rpc";
import { tlsWorld } from "../support/tls-world.js";
import { compilePrograms, type RunningServer, startServer } from "./programs.js";

/** What each server listens at, in this order. */
export const TRANSPORTS: readonly { readonly name: string }[] = [
  { name: "TCP" },
  { name: "WebSocket" },
  { name: "TLS" },
  { name: "WebSocket with TLS" },
  { name: "a Unix socket" },
];
/** Both modes of metadata. */
export const MODES: readonly MetadataMode[] = ["rpc", "composite"];

/** Servers by name, with the files that they and their clients need. */
export class InteropServers {
  readonly #folder = mkdtempSync(join(tmpdir(), "interop-"));
  readonly #running = new Map<string, RunningServer>();

  /** Compiles the programs and starts a server for each name, with these arguments beside the usual ones. */
  async start(told: ReadonlyMap<string, readonly string[]>): Promise<void> {
    await Promise.all([compilePrograms(), this.#writeCertificates()]);
    const security = ["--cert", this.#file("cert.pem"), "--key", this.#file("key.pem")];
    const started = [...told].map(async ([name, args]) => {
      this.#running.set(name, await startServer(this.#placesOf(name), [...args, ...security]));
    });
    await Promise.all(started);
  }

  /** Where a server listens over a transport; empty before it is up. */
  urlOf(name: string, transport = 0): string {
    return this.#running.get(name)?.urls[transport] ?? "";
  }

  /** The client's arguments for a URL. Who gives certificates for one that doesn't encrypt is refused. */
  connectTo(url: string): readonly string[] {
    return ["--connect", url, ...(/^(tls|wss):/.test(url) ? ["--ca", this.#file("ca.pem")] : [])];
  }

  /** SIGTERM to all; their exit codes. */
  async stop(): Promise<readonly (number | null)[]> {
    const codes = await Promise.all([...this.#running.values()].map((server) => server.stop()));
    rmSync(this.#folder, { recursive: true });
    return codes;
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  // In the order of TRANSPORTS. Sockets of the file system have a name of their own for each server.
  #placesOf(server: string): readonly string[] {
    return [
      "tcp://127.0.0.1:0",
      "ws://127.0.0.1:0/rpc",
      "tls://127.0.0.1:0",
      "wss://127.0.0.1:0/rpc",
      `unix:${this.#file(`${server}.sock`)}`,
    ];
  }

  async #writeCertificates(): Promise<void> {
    const { ca, server } = await tlsWorld();
    writeFileSync(this.#file("ca.pem"), ca);
    writeFileSync(this.#file("cert.pem"), server.cert);
    writeFileSync(this.#file("key.pem"), server.key, { mode: 0o600 });
  }
}
