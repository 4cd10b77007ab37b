// SPDX-License-Identifier: Apache-2.0
// Runs other programs: none hangs a test, and what they say is in the error when they fail.

import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** Longer than any of them takes on a busy machine. */
const TIMEOUT_MS = 120_000;

/** How a program ended. */
export interface Ended {
  readonly exitCode: number | null;
  /** What it wrote to both outputs. */
  readonly output: string;
}

/** Where and how a program runs. */
export interface RunOptions {
  readonly cwd: string;
  /** Their programs are found before those of the machine. */
  readonly folders?: readonly string[];
  /** Added to what the tests' own environment holds. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a program to its end. */
export function run(
  command: string,
  args: readonly string[],
  { cwd, folders = [], timeoutMs = TIMEOUT_MS, env: more = {} }: RunOptions,
): Promise<Ended> {
  // What the tests themselves run under (tsx) is nothing that a user's program has.
  const { NODE_OPTIONS: _, ...rest } = process.env;
  const env = { ...rest, ...more, NO_COLOR: "1", PATH: [...folders, process.env["PATH"] ?? ""].join(delimiter) };
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], timeout: timeoutMs });
    let output = "";
    const onData = (chunk: unknown): void => {
      output += String(chunk);
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("error", reject);
    child.once("close", (exitCode) => resolve({ exitCode, output }));
  });
}

/** The same for a program that must succeed; resolves to what it wrote. */
export async function succeed(...args: Parameters<typeof run>): Promise<string> {
  const { exitCode, output } = await run(...args);
  if (exitCode !== 0) throw new Error(`${args[0]} ${args[1].join(" ")} ended with ${exitCode}: ${output}`);
  return output;
}

/** A server that says where it listens. */
export interface Started {
  /** What `pattern` found in its first lines. */
  readonly found: string;
  /** Ends it, as an operator would. */
  stop(): Promise<number | null>;
}

/** Starts a program of Node and waits until what it writes matches `pattern`, whose first group is `found`. */
export function startNode(args: readonly string[], cwd: string, pattern: RegExp): Promise<Started> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const stop = (): Promise<number | null> => {
    child.kill("SIGTERM");
    return ended;
  };
  let output = "";
  return new Promise((resolve, reject) => {
    const onData = (chunk: unknown): void => {
      output += String(chunk);
      const found = pattern.exec(output)?.[1];
      if (found !== undefined) resolve({ found, stop });
    };
    child.stdout.on("data", onData);
    child.stderr.on("data", onData);
    child.once("close", (exitCode) => reject(new Error(`${args.join(" ")} ended with ${exitCode}: ${output}`)));
  });
}

/** Where the repository's own programs are: buf, protoc-gen-es. */
export const OUR_PROGRAMS: string = join(ROOT, "node_modules/.bin");
