// SPDX-License-Identifier: Apache-2.0
// What restart.mjs and rolling.mjs have in common: servers as processes, and the journal of the calls that ran in them.

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file in which each server writes the names of the calls that its handlers run. */
export class Journal {
  #folder = mkdtempSync(join(tmpdir(), "resilience-"));
  path = join(this.#folder, "journal");

  constructor() {
    writeFileSync(this.path, "");
  }

  /** How often each call ran, by name; the file is gone then. */
  end() {
    const runs = new Map();
    for (const name of readFileSync(this.path, "utf8").split("\n")) runs.set(name, (runs.get(name) ?? 0) + 1);
    runs.delete("");
    rmSync(this.#folder, { recursive: true });
    return runs;
  }
}

/** How many calls ran more than once. */
export function countTwice(runs) {
  return [...runs.values()].filter((count) => count > 1).length;
}

/** A server process that listens at `port` of this machine. */
export async function startServer(port, journal) {
  const args = [`tcp://127.0.0.1:${port}`, journal.path];
  const child = fork(new URL("server.mjs", import.meta.url), args, { execArgv: ["--import", "tsx"] });
  await once(child, "message");
  return child;
}

/** A port that nobody has at the moment. */
export async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Resolves after `durationMs`. */
export function sleep(durationMs) {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
