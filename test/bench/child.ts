// SPDX-License-Identifier: Apache-2.0
// One end of a contestant in a process of its own: `child.js server MODULE SETTING` or `child.js client MODULE SETTING PORT`.
// Answers the commands of the parent in order, each with one message.

import { readFileSync, writeFileSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { Session } from "node:inspector/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { BenchClient, Contestant, Setting } from "./contestant.js";
import { carryOne, holdOpen, type LoadResult, runLoad, type Until } from "./load.js";
import type { Scenario } from "./scenarios.js";

/** What a parent may ask. */
export type Command =
  | { readonly name: "run"; readonly scenario: Scenario; readonly until: Until }
  | { readonly name: "hold"; readonly kind: "idle-connections" | "idle-streams"; readonly count: number }
  | { readonly name: "carry"; readonly payloadBytes: number }
  | { readonly name: "resetPeak" }
  | { readonly name: "peak" }
  | { readonly name: "usage" }
  | { readonly name: "settle" }
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
  readonly hold: undefined;
  readonly carry: undefined;
  readonly resetPeak: undefined;
  readonly peak: number;
  readonly usage: Usage;
  readonly settle: Usage;
  readonly profileStart: undefined;
  readonly profileStop: Profiler.Profile;
}

/** How an answer travels. */
export type Reply = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: string };

/** The profiler's distance between samples: fine enough to see a function of 1 % in a second of load. */
const SAMPLE_MICROS = 100;

/** What is collected and given back to the system takes a moment. */
const SETTLE_MS = 300;

let client: BenchClient | undefined;
let open: (() => Promise<BenchClient>) | undefined;
let session: Session | undefined;

async function start(): Promise<Answers["start"]> {
  const [role, moduleName, settingJson, port] = process.argv.slice(2);
  const moduleUrl = new URL(`contestants/${moduleName}.js`, import.meta.url).href; // a file of its own beside this one in dist/
  const { default: contestant } = (await import(moduleUrl)) as { default: Contestant };
  const setting = JSON.parse(settingJson ?? "{}") as Setting;
  if (role === "server") return { port: (await contestant.serve(setting)).port };
  open = () => contestant.connect(Number(port), setting);
  client = await open();
  return { port: Number(port) };
}

async function execute(command: Command): Promise<unknown> {
  switch (command.name) {
    case "run":
      return await runLoad(...endsOfClient(), command.scenario, command.until);
    case "hold":
      return await holdOpen(...endsOfClient(), command.kind, command.count);
    case "carry":
      return await carryOne(endsOfClient()[0], command.payloadBytes);
    case "resetPeak":
      return writeFileSync("/proc/self/clear_refs", "5"); // proc(5): the highest resident size begins anew
    case "peak":
      return peakBytes();
    case "usage":
      return usage();
    case "settle":
      return await settle();
    case "profileStart":
      return await startProfile();
    case "profileStop":
      return (await session?.post("Profiler.stop"))?.profile;
  }
}

function endsOfClient(): [BenchClient, () => Promise<BenchClient>] {
  if (client === undefined || open === undefined) throw new Error("a server was asked for a load, expected a client");
  return [client, open];
}

/** The usage when all garbage is gone. */
async function settle(): Promise<Usage> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  }
  return usage();
}

/** The highest resident size; Linux alone tells it so that it can begin anew. */
function peakBytes(): number {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
  return Number(kibibytes) * 1024;
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
