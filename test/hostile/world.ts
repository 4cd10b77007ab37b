// SPDX-License-Identifier: Apache-2.0
// The attacked server and its honest client as child processes, and what the runner asks them.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { PROFILES, type ProfileName } from "./profiles.js";
import type { Ports } from "./raw-peer.js";

/** All servers of the attacked process. */
export const PROFILE_NAMES: readonly ProfileName[] = Object.keys(PROFILES) as ProfileName[];

/** What a child is asked. */
export interface Question {
  readonly id: number;
  /** Collect garbage first. */
  readonly collect: boolean;
}

/** What the attacked process says when it listens. */
export interface Started {
  readonly ca: string;
  readonly ports: Readonly<Record<ProfileName, Ports>>;
}

/** How the attacked process is. */
export interface Condition {
  /** What keeps it busy, by kind: sockets, timers, … */
  readonly open: Readonly<Record<string, number>>;
  readonly connections: number;
  readonly handlers: number;
  readonly sessions: number;
  readonly counts: {
    readonly begun: number;
    readonly ended: number;
    readonly itemsMade: number;
    readonly sourcesClosed: number;
    readonly fired: number;
  };
  readonly rssBytes: number;
  /** Processor time that it has used. */
  readonly cpuMs: number;
}

/** How the honest client was served since it was asked before. */
export interface Probes {
  readonly count: number;
  readonly slowestMs: number;
  readonly failures: readonly string[];
  /** The longest time that its own process couldn't run. */
  readonly ownDelayMs: number;
}

/** Both children. */
export class World {
  readonly ports: Started["ports"];
  readonly #server: Child;
  readonly #honest: Child;

  private constructor(server: Child, honest: Child, { ports }: Started) {
    this.#server = server;
    this.#honest = honest;
    this.ports = ports;
  }

  /** Starts both, and lets them run warm. */
  static async start(): Promise<World> {
    const server = new Child("server.ts", []);
    const started = (await server.firstMessage()) as Started;
    const { tcp, tls, ws } = started.ports.standard;
    const urls = [`tcp://127.0.0.1:${tcp}`, `tls://127.0.0.1:${tls}`, `ws://127.0.0.1:${ws}/rpc`];
    const honest = new Child("honest.ts", [started.ca, ...urls]);
    await honest.firstMessage();
    return new World(server, honest, started);
  }

  /** The attacked process's id. */
  get serverPid(): number {
    return this.#server.process.pid as number; // it was started
  }

  /** Whether the attacked process lives. */
  get isAlive(): boolean {
    return this.#server.process.exitCode === null && this.#server.process.signalCode === null;
  }

  /** What the attacked process has printed. */
  get output(): string {
    return this.#server.output;
  }

  /** How the attacked process is. */
  condition(collect = false): Promise<Condition> {
    return this.#server.ask<Condition>(collect);
  }

  /** How the honest client was served since the last time. */
  probes(): Promise<Probes> {
    return this.#honest.ask<Probes>(false);
  }

  /** The most memory that the attacked process has had since `forgetPeak`; undefined where the system doesn't tell. */
  peakBytes(): number | undefined {
    try {
      const text = readFileSync(`/proc/${this.serverPid}/status`, "utf8");
      return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1]) * 1_024;
    } catch {
      return undefined;
    }
  }

  /** So long the attacked process has been ready to run and had no core, since it began: the machine's doing. */
  starvedMs(): number {
    try {
      return Number(readFileSync(`/proc/${this.serverPid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
    } catch {
      return 0;
    }
  }

  /** The peak begins anew. */
  forgetPeak(): void {
    try {
      writeFileSync(`/proc/${this.serverPid}/clear_refs`, "5");
    } catch {
      // Then there is no peak either.
    }
  }

  /** Ends both. */
  async stop(): Promise<void> {
    await Promise.all([this.#server.stop(), this.#honest.stop()]);
  }
}

/** A process of this folder that answers questions. */
export class Child {
  readonly process: ChildProcess;
  output = "";
  #nextId = 0;

  constructor(file: string, args: readonly string[]) {
    this.process = fork(new URL(file, import.meta.url), args, {
      execArgv: ["--import", "tsx", "--expose-gc"],
      silent: true,
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (chunk: Uint8Array) => {
        this.output = (this.output + String(chunk)).slice(-20_000);
      });
    }
  }

  /** What it says when it is ready. */
  async firstMessage(): Promise<unknown> {
    return await Promise.race([
      once(this.process, "message").then(([message]) => message as unknown),
      once(this.process, "exit").then(() => Promise.reject(new Error(`it ended: ${this.output}`))),
    ]);
  }

  /** Its answer. */
  async ask<T>(collect: boolean): Promise<T> {
    const id = this.#nextId++;
    const { process: child } = this;
    return await new Promise<T>((resolve, reject) => {
      const finish = (): void => {
        child.off("message", onMessage).off("exit", onExit);
      };
      const onMessage = (answer: T & Question): void => {
        if (answer.id !== id) return;
        finish();
        resolve(answer);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        finish();
        reject(new Error(`the process ended with ${code ?? signal}: ${this.output}`));
      };
      child.on("message", onMessage).on("exit", onExit);
      child.send({ id, collect } satisfies Question, (error) => {
        if (error === null) return;
        finish();
        reject(new Error(`the process is gone: ${this.output}`));
      });
    });
  }

  /** Ends it. */
  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, "exit");
    this.process.disconnect();
    await ended;
  }
}
