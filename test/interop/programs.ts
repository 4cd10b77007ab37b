// SPDX-License-Identifier: Apache-2.0
// The two programs as processes, compiled once: a loader that compiles them anew for each run would take most of the time.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** What a program printed, and how it ended. */
export interface Run {
  readonly lines: readonly string[];
  readonly errors: string;
  readonly exitCode: number | null;
}

/** A server that is up. */
export interface RunningServer {
  readonly urls: readonly string[];
  /** All that it printed. */
  readonly lines: readonly string[];
  /** SIGTERM, and how it ended then. */
  stop(): Promise<number | null>;
}

const folder = fileURLToPath(new URL(".", import.meta.url));

/** Compiles both into dist/, with all that they import: a start takes half as long. ws is CommonJS and stays outside. */
export async function compilePrograms(): Promise<void> {
  await build({
    entryPoints: ["server.ts", "client.ts"],
    absWorkingDir: folder,
    outdir: "dist",
    bundle: true,
    external: ["ws"],
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "silent", // the error that is thrown says it all
  });
}

/** Runs the client, or the server with arguments that it refuses, to its end. */
export async function run(program: "client" | "server", args: readonly string[]): Promise<Run> {
  const { child, lines, errors } = start(program, args);
  await once(child, "close");
  return { lines, errors: errors(), exitCode: child.exitCode };
}

/** Starts the server and waits until it listens at every URL. @throws Error when it ends before. */
export async function startServer(listen: readonly string[], args: readonly string[]): Promise<RunningServer> {
  const { child, lines, errors } = start("server", [...listen.flatMap((url) => ["--listen", url]), ...args]);
  const urls = (): string[] => lines.filter((line) => line.startsWith("LISTENING ")).map((line) => line.slice(10));
  const closed = once(child, "close");
  while (urls().length < listen.length) {
    await Promise.race([once(child.stdout ?? child, "data"), closed]);
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}: ${errors()}`);
    await new Promise((resolve) => setImmediate(resolve)); // the line behind the data
  }
  return {
    urls: urls(),
    lines,
    stop: async () => {
      child.kill("SIGTERM");
      await closed;
      return child.exitCode;
    },
  };
}

function start(
  program: "client" | "server",
  args: readonly string[],
): { readonly child: ChildProcess; readonly lines: string[]; readonly errors: () => string } {
  const child = spawn(process.execPath, [`${folder}dist/${program}.js`, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  let errors = "";
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  child.stderr.on("data", (chunk: Uint8Array) => {
    errors += String(chunk);
  });
  return { child, lines, errors: () => errors };
}
