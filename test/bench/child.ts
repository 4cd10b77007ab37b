// SPDX-License-Identifier: Apache-2.0
// One end of a contestant in a process of its own: `child.js server NAME` or `child.js client NAME PORT`.
// Answers the commands of the parent in order, each with one message.

import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import type { BenchClient, Contestant } from "./contestant.js";
import { type LoadResult, runLoad, type Until } from "./load.js";
import type { Scenario } from "./scenarios.js";

/** What a parent may ask. */
export type Command =
  | { readonly name: "run"; readonly scenario: Scenario; readonly until: Until }
  | { readonly name: "usage" }
  | { readonly name: "profileStart" }
  | { readonly name: "profileStop" };

/** CPU since the start of the process, user + system, and the resident memory now. */
export interface Usage {
  readonly cpuMicros: number;
  readonly residentBytes: number;
}

/** What each command answers; `start` is the first message, unasked. */
export interface Answers {
  readonly start: { readonly port: number };
  readonly run: LoadResult;
  readonly usage: Usage;
  readonly profileStart: undefined;
  readonly profileStop: Profiler.Profile;
}

/** How an answer travels. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string };

/** The profiler's distance between samples: fine enough to see a function of 1 % in a second of load. */
const SAMPLE_MICROS = 100;

let client: BenchClient | undefined;
let session: Session | undefined;

async function start(): Promise<Answers["start"]> {
  const [role, contestantName, port] = process.argv.slice(2);
  const moduleUrl = new URL(`contestants/${contestantName}.js`, import.meta.url).href; // a file of its own beside this one in dist/
  const module = (await import(moduleUrl)) as { default: Contestant };
  if (role === "server") return { port: (await module.default.serve()).port };
  client = await module.default.connect(Number(port));
  return { port: Number(port) };
}

async function execute(command: Command): Promise<unknown> {
  switch (command.name) {
    case "run":
      if (client === undefined) throw new Error("a server was asked to run a load, expected a client");
      return await runLoad(client, command.scenario, command.until);
    case "usage":
      return usage();
    case "profileStart":
      return await startProfile();
    case "profileStop":
      return (await session?.post("Profiler.stop"))?.profile;
  }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { cpuMicros: user + system, residentBytes: process.memoryUsage.rss() };
}

async function startProfile(): Promise<undefined> {
  session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROS });
  await session.post("Profiler.start");
}

function answer(value: Promise<unknown>): void {
  const ignoreLostParent = (): void => {};
  const send = (reply: Reply): void => void process.send?.(reply, undefined, undefined, ignoreLostParent);
  value.then(
    (result) => send({ ok: true, value: result }),
    (error: unknown) =>
      send({ ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
}

process.on("message", (command: Command) => answer(execute(command)));
process.on("disconnect", () => process.exit());
answer(start());
