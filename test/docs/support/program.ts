// SPDX-License-Identifier: Apache-2.0
// Example programs as their users start them: each a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";

/** The top of the repository. */
export const root: URL = new URL("../../../", import.meta.url);

/** The pages of the guide, in their order. */
export const guidePages: readonly string[] = readdirSync(new URL("docs/guide", root))
  .filter((name) => name.endsWith(".md"))
  .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));

export interface Program {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  output(): string;
  /** Resolves when it has printed `text`; rejects when it ends before. */
  prints(text: string): Promise<void>;
}

/** Starts a file with arguments; its input is open when `withInput` is set. */
export function start(file: string, args: readonly string[] = [], withInput = false): Program {
  const child = spawn(process.execPath, ["--import", "tsx", file, ...args], {
    cwd: root,
    stdio: [withInput ? "pipe" : "ignore", "pipe", "pipe"],
  });
  let output = "";
  let isOver = false;
  let wake = (): void => {};
  const take = (chunk: Buffer): void => {
    output += String(chunk);
    wake();
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  child.once("close", () => {
    isOver = true;
    wake();
  });
  return {
    child,
    output: () => output,
    async prints(text) {
      while (!output.includes(text)) {
        if (isOver) throw new Error(`${file} ended without printing "${text}":\n${output}`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

export interface Run {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Runs a file to its own end: a socket or a timer that is left open would keep it from ending. */
export async function run(file: string): Promise<Run> {
  const { child, output } = start(file);
  await once(child, "close");
  return { exitCode: child.exitCode, output: output() };
}
