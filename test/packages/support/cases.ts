// SPDX-License-Identifier: Apache-2.0
// Runs programs/cases.mjs as a client on some runtime, against programs/server.mjs on this Node.

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { project } from "./packed.js";
import { ROOT, run, type Started, startNode } from "./programs.js";

/** How a client loads the packages, and over which transport it calls. */
export interface Way {
  readonly program: string;
  readonly door: "node" | "web";
  readonly scheme: "tcp" | "ws";
}

/** All ways there are; other runtimes than Node take the web door. */
export const WAYS = {
  "import over TCP": { program: "client.mjs", door: "node", scheme: "tcp" },
  "import over WebSocket": { program: "client.mjs", door: "node", scheme: "ws" },
  "require over TCP": { program: "cjs/client.cjs", door: "node", scheme: "tcp" },
  "require over WebSocket": { program: "cjs/client.cjs", door: "node", scheme: "ws" },
  "rsocket-rpc/web": { program: "client.mjs", door: "web", scheme: "ws" },
} as const satisfies Record<string, Way>;

/** What a client has come to. */
export interface Outcome {
  readonly passed: number;
  /** "case: why". */
  readonly failed: readonly string[];
}

let folder: Promise<string> | undefined;

async function makeFolder(): Promise<string> {
  const made = await project("cases", "module", { ".": "esm", cjs: "cjs" }, {});
  for (const name of ["server.mjs", "cases.mjs", "client.mjs"]) cpSync(programOf(name), join(made, name));
  mkdirSync(join(made, "cjs"), { recursive: true });
  cpSync(programOf("client.cjs"), join(made, "cjs/client.cjs"));
  writeFileSync(join(made, "cjs/package.json"), JSON.stringify({ type: "commonjs" }));
  return made;
}

function programOf(name: string): string {
  return join(ROOT, "test/packages/programs", name);
}

function folderOfCases(): Promise<string> {
  folder ??= makeFolder();
  return folder;
}

/** Starts the server; `found` has its URLs, separated by spaces. */
export async function startServer(): Promise<Started> {
  return await startNode(["server.mjs"], await folderOfCases(), /listening (.+);/);
}

/** Runs all cases with the program and arguments of `runtime`. A client that doesn't end by itself has failed, too. */
export async function runClient(runtime: readonly string[], way: Way, urls: string): Promise<Outcome> {
  const [command = "", ...args] = runtime;
  const url = urls.split(" ").find((one) => one.startsWith(`${way.scheme}:`)) ?? "";
  const { exitCode, output } = await run(command, [...args, way.program, way.door, url], {
    cwd: await folderOfCases(),
  });
  const lines = output.split("\n").filter((line) => line !== "");
  const results = lines.flatMap((line) => (line.startsWith(`{"case":`) ? [JSON.parse(line) as Result] : []));
  const failed = results.flatMap(({ case: name, why }) => (why === undefined ? [] : [`${name}: ${why}`]));
  const others = lines.filter((line) => !line.startsWith(`{"case":`));
  if (exitCode !== 0 || others.length > 0) failed.push(`ended with ${exitCode}: ${others.join(" ").slice(0, 500)}`);
  return { passed: results.length - failed.length + (exitCode === 0 ? 1 : 0), failed };
}

interface Result {
  readonly case: string;
  readonly why?: string;
}
