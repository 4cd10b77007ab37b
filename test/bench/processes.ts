// SPDX-License-Identifier: Apache-2.0
// A contestant as its parent sees it: two child processes, started together, measured together.
import { type ChildProcess, fork, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { tlsWorld } from "../support/tls-world.js";
import type { Answers, Command, Reply } from "./child.js";
import type { Setting, TlsIdentity } from "./contestant.js";
import type { Until } from "./load.js";
import type { ContestantEntry, Program, Scenario } from "./scenarios.js";

/** One measured window of one contestant. CPU covers all work from before the first call to after the last. */
export interface Measurement {
  readonly operations: number;
  readonly elapsedMs: number;
  readonly operationsPerSecond: number;
  readonly clientMicrosPerOperation: number;
  readonly serverMicrosPerOperation: number;
  readonly cpuMicrosPerOperation: number;
  readonly p50Micros: number | undefined;
  readonly p99Micros: number | undefined;
  readonly clientResidentBytes: number;
  readonly serverResidentBytes: number;
}

/** What one idle connection or stream, or a message on its way, keeps resident on both sides. */
export interface IdleMeasurement {
  readonly clientBytes: number;
  readonly serverBytes: number;
}

/** Thousands of connections or streams are open by then. */
const HOLD_MS = 60_000;

/** A child that hasn't answered so long after it should have is given up, and so is one that doesn't exit. */
const ANSWER_GRACE_MS = 15_000;
const EXIT_GRACE_MS = 2000;

/** Nobody but the benchmark trusts it. */
async function createIdentity(): Promise<TlsIdentity> {
  const { ca, server } = await tlsWorld();
  return { ca, cert: server.cert, key: server.key };
}

/** A child process that answers one command at a time. */
class Child {
  readonly #process: ChildProcess;
  readonly #title: string;
  #settle: { resolve(value: unknown): void; reject(error: Error): void } | undefined;

  constructor(
    role: "server" | "client",
    entry: ContestantEntry,
    transport: Setting["transport"],
    identity: TlsIdentity | undefined,
    ...rest: string[]
  ) {
    this.#title = `${role} of ${entry.name}`;
    const setting: Setting = { transport, feature: entry.feature, identity };
    const args = [role, entry.module, JSON.stringify(setting), ...rest];
    if (entry.program === undefined) {
      // Plain Node on compiled files: a loader that transforms sources wraps each closure, which costs in every call.
      const file = fileURLToPath(new URL(`./${entry.folder}/dist/child.js`, import.meta.url));
      this.#process = fork(file, args, { execArgv: [] });
      this.#process.on("message", (reply: Reply) => this.#receive(reply));
    } else this.#process = this.#startProgram(entry.program, args);
    this.#process.on("error", (error) => this.#settle?.reject(error));
    this.#process.on("exit", (code, signal) =>
      this.#settle?.reject(new Error(`the ${this.#title} exited with ${code ?? signal} instead of an answer`)),
    );
  }

  /** The answer to nothing: what the child sends when it is ready. */
  started(): Promise<Answers["start"]> {
    return this.#wait("start", 0) as Promise<Answers["start"]>;
  }

  /** @param busyMs how long the command may keep the child busy. */
  ask<N extends Command["name"]>(command: Command & { name: N }, busyMs = 0): Promise<Answers[N]> {
    if (this.#process.stdin === null) this.#process.send(command);
    else this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    return this.#wait(command.name, busyMs) as Promise<Answers[N]>;
  }

  async stop(): Promise<void> {
    this.#settle = undefined;
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = new Promise((resolve) => this.#process.once("exit", resolve));
    const kill = setTimeout(() => this.#process.kill("SIGKILL"), EXIT_GRACE_MS);
    if (this.#process.connected) this.#process.disconnect();
    this.#process.stdin?.end();
    await exited;
    clearTimeout(kill);
  }

  /** Talks in lines of JSON: its standard input ends when it shall leave. */
  #startProgram({ folder, command: [file = "", ...before] }: Program, args: readonly string[]): ChildProcess {
    const cwd = fileURLToPath(new URL(`./more/${folder}/`, import.meta.url));
    const child = spawn(file, [...before, ...args], { cwd, stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.on("error", () => {}); // its exit says why
    createInterface(child.stdout).on("line", (line) => this.#receive(JSON.parse(line) as Reply));
    return child;
  }

  #wait(commandName: string, busyMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const giveUp = (): void =>
        reject(new Error(`the ${this.#title} didn't answer ${commandName} within ${busyMs + ANSWER_GRACE_MS} ms`));
      const timer = setTimeout(giveUp, busyMs + ANSWER_GRACE_MS);
      this.#settle = {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  #receive(reply: Reply): void {
    const settle = this.#settle;
    this.#settle = undefined;
    if (reply.ok) settle?.resolve(reply.value);
    else settle?.reject(new Error(`the ${this.#title} failed: ${reply.error}`));
  }
}

/** Client and server of one contestant, alive until `stop`. */
export class Pair {
  readonly #server: Child;
  readonly #client: Child;

  private constructor(server: Child, client: Child) {
    this.#server = server;
    this.#client = client;
  }

  /** Starts both processes and connects them. Leaves nothing running when it rejects. */
  static async start(contestant: ContestantEntry, transport: Setting["transport"]): Promise<Pair> {
    const identity = transport === "tls" ? await createIdentity() : undefined;
    const server = new Child("server", contestant, transport, identity);
    let client: Child | undefined;
    try {
      const { port } = await server.started();
      client = new Child("client", contestant, transport, identity, String(port));
      await client.started();
      return new Pair(server, client);
    } catch (error) {
      await Promise.all([server.stop(), client?.stop()]);
      throw error;
    }
  }

  /** Runs a load and says what it cost both processes. */
  async measure(scenario: Scenario, until: Until): Promise<Measurement> {
    const before = await this.#server.ask({ name: "usage" });
    const load = await this.#client.ask({ name: "run", scenario, until }, until.maximumMs);
    const server = await this.#server.ask({ name: "usage" });
    const client = await this.#client.ask({ name: "usage" });
    const clientMicrosPerOperation = load.cpuMicros / load.operations;
    const serverMicrosPerOperation = (server.cpuMicros - before.cpuMicros) / load.operations;
    return {
      operations: load.operations,
      elapsedMs: load.elapsedMs,
      operationsPerSecond: (load.operations / load.elapsedMs) * 1000,
      clientMicrosPerOperation,
      serverMicrosPerOperation,
      cpuMicrosPerOperation: clientMicrosPerOperation + serverMicrosPerOperation,
      p50Micros: load.p50Micros,
      p99Micros: load.p99Micros,
      clientResidentBytes: client.residentBytes,
      serverResidentBytes: server.residentBytes,
    };
  }

  /** Opens idle things and says what both processes keep for each, when all garbage is gone. */
  async measureIdle(kind: "idle-connections" | "idle-streams", count: number): Promise<IdleMeasurement> {
    const before = await this.#settle();
    await this.#client.ask({ name: "hold", kind, count }, HOLD_MS);
    const after = await this.#settle();
    return {
      clientBytes: (after.client - before.client) / count,
      serverBytes: (after.server - before.server) / count,
    };
  }

  /** How much higher the memory of both processes gets while one message is on its way. */
  async measureMessage(payloadBytes: number): Promise<IdleMeasurement> {
    const before = await this.#settle();
    await Promise.all([this.#client.ask({ name: "resetPeak" }), this.#server.ask({ name: "resetPeak" })]);
    await this.#client.ask({ name: "carry", payloadBytes }, HOLD_MS);
    const [client, server] = await Promise.all([
      this.#client.ask({ name: "peak" }),
      this.#server.ask({ name: "peak" }),
    ]);
    return { clientBytes: client - before.client, serverBytes: server - before.server };
  }

  async #settle(): Promise<{ readonly client: number; readonly server: number }> {
    const [client, server] = await Promise.all([
      this.#client.ask({ name: "settle" }),
      this.#server.ask({ name: "settle" }),
    ]);
    return { client: client.residentBytes, server: server.residentBytes };
  }

  /** The CPU profiles of both processes while `work` runs. */
  async profile<T>(
    work: () => Promise<T>,
  ): Promise<{ result: T; client: Answers["profileStop"]; server: Answers["profileStop"] }> {
    await Promise.all([this.#client.ask({ name: "profileStart" }), this.#server.ask({ name: "profileStart" })]);
    const result = await work();
    const [client, server] = await Promise.all([
      this.#client.ask({ name: "profileStop" }),
      this.#server.ask({ name: "profileStop" }),
    ]);
    return { result, client, server };
  }

  async stop(): Promise<void> {
    await Promise.all([this.#client.stop(), this.#server.stop()]);
  }
}
