// SPDX-License-Identifier: Apache-2.0
// `npm run interop`: our server and client against peers of other makes, each case in both roles. Results go to
// results.json, and from there into docs/interop.md.
//
//   npm run interop -- [--peer NAME[,NAME]] [--case NAME[,NAME]] [--all] [--check] [--lite] [--seconds N] [--record]
//
// Without --peer those that CI has the tools for, with --all all of them, the first place of each with all of the calls, and
// the example that the guide shows of a peer: it must print what its example.txt says.
// --check writes nothing, and cuts frames to pieces over one transport only. --lite runs the client of rsocket-rpc/lite
// against the servers that know mode rpc, and writes nothing. --seconds N begins nothing after N seconds, and says what that
// left out. --record writes transcripts instead of results. Ends with 1 when a cell failed that isn't known to, or when a
// peer couldn't be installed. INTEROP_MISSING in the environment names a file that gets a line for each peer that wasn't run
// for want of a toolchain.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { tlsWorld } from "../../support/tls-world.js";
import { CASES } from "../cases/table.js";
import { compilePrograms } from "../programs.js";
import type { Cell } from "./cells.js";
import { install, missingTools, toolVersions } from "./install.js";
import { type PeerFile, readPeers } from "./peer-file.js";
import { killAll } from "./process.js";
import { recordPeer } from "./record.js";
import { writePeerResult } from "./results.js";
import { countText, type Pems, type RunOptions, runRole } from "./run-peer.js";

/** An example starts a JVM or two. */
const EXAMPLE_MS = 180_000;
/** A case has 60 s of its own. */
const SILENCE_MS = 75_000;

const { values } = parseArgs({
  options: {
    peer: { type: "string" },
    case: { type: "string" },
    all: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    lite: { type: "boolean", default: false },
    seconds: { type: "string", default: "36000" },
    record: { type: "boolean", default: false },
  },
});

const startedAtMs = performance.now();
const folder = mkdtempSync(join(tmpdir(), "interop-matrix-"));
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    say(`ended by ${signal}`);
    process.exit(1);
  });
}
process.on("exit", () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});

if (values.lite && values.record) fail("--record writes what the whole runtime says, it goes without --lite");
const peers = chosenPeers();
for (const name of values.case?.split(",") ?? []) if (!CASES.has(name)) fail(`--case ${name} is unknown`);
await compilePrograms();
const options: RunOptions = {
  onlyCases: values.case?.split(","),
  isWhole: values.all,
  pem: await writeCertificates(),
  folder,
  isShort: values.check,
  isLite: values.lite,
  isTimeOver: () => performance.now() - startedAtMs > 1_000 * Number(values.seconds),
  silenceMs: SILENCE_MS,
  say,
};
const cells: Cell[] = [];
const missing: string[] = [];
const broken: string[] = [];
for (const peer of peers) cells.push(...(await runPeer(peer)));
say("");
for (const line of missing) say(line);
for (const line of broken) say(line);
const { INTEROP_MISSING } = process.env;
if (INTEROP_MISSING !== undefined) writeFileSync(INTEROP_MISSING, missing.map((line) => `${line}\n`).join(""));
const toolchains = missing.length === 0 ? "" : `, ${missing.length} peers without their toolchain`;
say(`${peers.length} peers: ${countText(cells) || "nothing was run"}${toolchains}`);
process.exitCode = broken.length > 0 || cells.some(({ verdict }) => verdict === "FAIL") ? 1 : 0;

async function runPeer(peer: PeerFile): Promise<Cell[]> {
  const tools = missingTools(peer);
  if (tools.length > 0) {
    missing.push(`${peer.name} WAS NOT RUN, toolchain missing: ${tools.join(", ")}`);
    say(missing.at(-1) ?? "");
    return [];
  }
  try {
    if (await install(peer)) say(`${peer.name} ${peer.version} installed`);
  } catch (error) {
    broken.push(`${peer.name} COULDN'T BE INSTALLED: ${(error as Error).message}`);
    say(broken.at(-1) ?? "");
    return [];
  }
  if (values.record) {
    await recordPeer(peer, options);
    return [];
  }
  const all = (await Promise.all([runRole(peer, "server", options), runRole(peer, "client", options)])).flat();
  say(`${peer.name}: ${countText(all)}`);
  const isPartial = options.onlyCases !== undefined || values.lite;
  if (!values.check && !isPartial) await writePeerResult(peer, all, await toolVersions(peer), values.all);
  if (values.all && !isPartial) await runExample(peer);
  return all;
}

async function runExample({ name, folder: own }: PeerFile): Promise<void> {
  const example = join(own, "example.ts");
  if (!existsSync(example)) return;
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", example], {
      timeout: EXAMPLE_MS,
    });
    const expected = readFileSync(join(own, "example.txt"), "utf8");
    if (stdout !== expected) throw new Error(`it said\n${stdout}expected\n${expected}`);
    say(`${name}: its example said what it should`);
  } catch (error) {
    broken.push(`${name}: ITS EXAMPLE FAILED: ${(error as Error).message}`);
    say(broken.at(-1) ?? "");
  }
}

function chosenPeers(): PeerFile[] {
  const all = readPeers().filter(({ modes }) => !values.lite || modes.server.includes("rpc"));
  const names = values.peer?.split(",");
  for (const name of names ?? []) {
    if (!all.some((peer) => peer.name === name))
      fail(`--peer ${name} is unknown, there are ${all.map((one) => one.name).join(", ")}`);
  }
  if (names !== undefined) return all.filter((peer) => names.includes(peer.name));
  return values.all ? all : all.filter((peer) => peer.inCi);
}

async function writeCertificates(): Promise<Pems> {
  const { ca, server } = await tlsWorld();
  const pem = { ca: join(folder, "ca.pem"), cert: join(folder, "cert.pem"), key: join(folder, "key.pem") };
  writeFileSync(pem.ca, ca);
  writeFileSync(pem.cert, server.cert);
  writeFileSync(pem.key, server.key, { mode: 0o600 });
  return pem;
}

function say(line: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0).padStart(4);
  console.log(line === "" ? "" : `${seconds} s  ${line}`);
}

function fail(line: string): never {
  console.error(`interop: ${line}`);
  process.exit(2);
}
