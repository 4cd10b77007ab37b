// SPDX-License-Identifier: Apache-2.0
// What the examples with Java on the other side have in common.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const ATTEMPTS = 300;

/** Starts the class `main` of the peer whose `example.ts` is at `example`, with the port as its argument. */
export function java(
  example: string,
  classpath: string,
  main: string,
  port: string,
): ChildProcessByStdio<null, Readable, null> {
  const cwd = fileURLToPath(new URL("./", example));
  return spawn("java", ["-cp", classpath, main, port], { cwd, stdio: ["ignore", "pipe", "inherit"] });
}

/** Connects as soon as somebody listens: Java takes some seconds to start. */
export async function untilListening<T>(connecting: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await connecting();
    } catch (error) {
      if (attempt === ATTEMPTS || !String(error).includes("ECONNREFUSED")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
