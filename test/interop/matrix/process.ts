// SPDX-License-Identifier: Apache-2.0
// Programs of peers: each in a process group of its own, given a time, and gone with all that it started when it is over.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** As much of what a program says of itself as is shown when something failed. */
const SHOWN_CHARACTERS = 1_500;
/** Between SIGTERM and SIGKILL. */
const GRACE_MS = 3_000;

const running = new Set<Program>();

/** A program that runs. */
export class Program {
  /** Lines of its standard output. */
  readonly lines: string[] = [];
  /** Resolves when it and its output are at an end. */
  readonly ended: Promise<unknown>;
  readonly #child: ChildProcess;
  #errors = "";
  #hasEnded = false;

  /** `command` is a shell's; `args` are given to it as they are. */
  constructor(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn("sh", ["-c", `exec ${command} "$@"`, "sh", ...args], {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true, // a group of its own
    });
    const { stdout, stderr } = this.#child;
    if (stdout === null || stderr === null) throw new Error(`${command} has no output`);
    createInterface({ input: stdout }).on("line", (line) => this.lines.push(line));
    stderr.on("data", (chunk: Uint8Array) => {
      this.#errors = (this.#errors + String(chunk)).slice(-SHOWN_CHARACTERS);
    });
    running.add(this);
    this.ended = new Promise<void>((resolve) => {
      this.#child.on("error", (error) => {
        this.#errors += error.message;
        resolve();
      });
      this.#child.on("close", () => resolve());
    }).then(() => {
      this.#hasEnded = true;
      running.delete(this);
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The exit code, the signal that ended it, or `running`. */
  get exit(): string {
    const { exitCode, signalCode } = this.#child;
    return exitCode === null ? (signalCode ?? "running") : `exit code ${exitCode}`;
  }

  /** The end of what it wrote to its standard error. */
  get errors(): string {
    return this.#errors.trim();
  }

  /** Resolves at the next output, at the end, or after `timeoutMs`. */
  async next(timeoutMs: number): Promise<void> {
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), timeoutMs);
    try {
      await Promise.race([once(this.#child.stdout ?? this.#child, "data", { signal: over.signal }), this.ended]);
    } catch {
      // The time is over.
    } finally {
      clearTimeout(timer);
    }
    await new Promise((resolve) => setImmediate(resolve)); // the line behind the data
  }

  /** Resolves at the end, or after `timeoutMs`. */
  async endsWithin(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const isOver = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.ended, isOver]);
    clearTimeout(timer);
  }

  /** Asks the program to end, and sees to it. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return this.kill();
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    await this.ended;
    clearTimeout(timer);
    this.kill(); // what it has left behind
  }

  /** Ends it with all that it started. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  #signal(name: NodeJS.Signals): void {
    const { pid } = this.#child;
    try {
      if (pid !== undefined) process.kill(-pid, name);
    } catch {
      // Nobody is left in the group.
    }
  }
}

/** Ends whatever runs: for the end of this process, however it comes. */
export function killAll(): void {
  for (const program of running) program.kill();
}

/** What a server said when it didn't listen. */
export class NotListening extends Error {
  override readonly name: string = "NotListening";
}

/** Starts a server and waits until it listens at each place. @returns it with the URLs, in the order of `listen`. @throws NotListening */
export async function startListening(
  make: () => Program,
  listen: readonly string[],
  timeoutMs: number,
): Promise<{ readonly program: Program; readonly urls: readonly string[] }> {
  const program = make();
  const untilMs = performance.now() + timeoutMs;
  const found = (): string[] =>
    program.lines.filter((line) => line.startsWith("LISTENING ")).map((line) => line.slice("LISTENING ".length).trim());
  while (found().length < listen.length) {
    const leftMs = untilMs - performance.now();
    if (program.hasEnded || leftMs <= 0) {
      const how = program.hasEnded ? `ended with ${program.exit}` : `didn't listen within ${timeoutMs} ms`;
      await program.stop();
      throw new NotListening(`the server ${how}: ${program.errors || program.lines.join(" | ") || "it said nothing"}`);
    }
    await program.next(leftMs);
  }
  const urls = found();
  return { program, urls: listen.map((url) => urls.find((one) => schemeOf(one) === schemeOf(url)) ?? "") };
}

function schemeOf(url: string): string {
  return url.slice(0, url.indexOf(":"));
}
