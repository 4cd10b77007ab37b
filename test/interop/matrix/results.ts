// SPDX-License-Identifier: Apache-2.0
// results.json: how each cell of each peer went, when, with which versions and which wire code; and its page.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Cell, placeText } from "./cells.js";
import { wireDigest } from "./digest.js";
import { inputsDigest } from "./install.js";
import { intoPage } from "./page.js";
import type { Mode, PeerFile, Role, Transport } from "./peer-file.js";

/** The cells of one place: names that passed, and the others with their reasons. */
export interface PlaceResult {
  readonly role: Role;
  readonly transport: Transport;
  readonly mode: Mode;
  readonly mtu?: number;
  readonly pass: string;
  readonly fail?: Readonly<Record<string, string>>;
  readonly skip?: Readonly<Record<string, string>>;
  readonly fault?: Readonly<Record<string, string>>;
  /** Of those that passed: why they failed at the first attempt. */
  readonly again?: Readonly<Record<string, string>>;
}

/** What was found out about one peer. */
export interface PeerResult {
  readonly version: string;
  /** `2026-11-26` */
  readonly date: string;
  readonly commit: string;
  readonly node: string;
  readonly tools: Readonly<Record<string, string>>;
  /** The first place with all of its calls, not with a tenth. */
  readonly whole: boolean;
  readonly inCi: boolean;
  /** Digest of the code that decides what stands in frames. */
  readonly wire: string;
  /** Digest of what the peer is built from. */
  readonly inputs: string;
  readonly places: readonly PlaceResult[];
}

/** By peer. */
export type Results = Readonly<Record<string, PeerResult>>;

const FILE = fileURLToPath(new URL("../results.json", import.meta.url));
const EVIDENCE = fileURLToPath(new URL("../evidence", import.meta.url));
/** Enough for the last frames of some connections. */
const MAX_EVIDENCE_LENGTH = 16_000;
const PAGE = fileURLToPath(new URL("../../../docs/interop.md", import.meta.url));

/** What the file says. */
export function readResults(): Results {
  return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, "utf8")) as Results) : {};
}

/** The page as it is, and as the results want it. */
export function pages(results: Results = readResults()): { readonly actual: string; readonly expected: string } {
  const actual = readFileSync(PAGE, "utf8");
  return { actual, expected: intoPage(actual, results) };
}

/** Puts one peer's cells into the file and its page. */
export async function writePeerResult(
  peer: PeerFile,
  cells: readonly Cell[],
  tools: Readonly<Record<string, string>>,
  whole: boolean,
): Promise<void> {
  const result: PeerResult = {
    version: peer.version,
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: process.versions.node,
    tools,
    whole,
    inCi: peer.inCi,
    wire: await wireDigest(),
    inputs: inputsDigest(peer),
    places: placeResults(cells),
  };
  const all = Object.entries({ ...readResults(), [peer.name]: result }).sort(([a], [b]) => (a < b ? -1 : 1));
  const results = Object.fromEntries(all);
  writeFileSync(FILE, `${JSON.stringify(results, undefined, 1)}\n`);
  writeFileSync(PAGE, pages(results).expected);
  writeEvidence(peer.name, cells);
}

// A file for each fault of a peer: what was said when it failed, at the first place where it did and somebody could read along.
function writeEvidence(peer: string, cells: readonly Cell[]): void {
  mkdirSync(EVIDENCE, { recursive: true });
  for (const name of readdirSync(EVIDENCE)) if (name.startsWith(`${peer}-as-`)) rmSync(`${EVIDENCE}/${name}`);
  const seen = new Set<string>();
  for (const cell of cells) {
    const { name, role, verdict, why, said, frames } = cell;
    const file = `${peer}-as-${role}-${name}.txt`;
    if (verdict !== "FAULT" || frames === undefined || seen.has(file)) continue;
    seen.add(file);
    const title = `${name}, ${peer} as ${placeText(cell)}: ${why}\n\nThe client said: ${said}`;
    const text = `${title}\n\n> goes to the server, < to the client\n${frames}`;
    writeFileSync(`${EVIDENCE}/${file}`, `${text.slice(0, MAX_EVIDENCE_LENGTH)}\n`);
  }
}

function placeResults(cells: readonly Cell[]): PlaceResult[] {
  const byPlace = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = [cell.role, cell.transport, cell.mode, cell.mtu].join(" ");
    byPlace.set(key, [...(byPlace.get(key) ?? []), cell]);
  }
  return [...byPlace.values()].map((group) => {
    const { role, transport, mode, mtu } = group[0] as Cell; // no group is empty
    const names = (verdict: Cell["verdict"]): [string, string][] =>
      group.filter((cell) => cell.verdict === verdict).map(({ name, why }) => [name, firstLine(why)]);
    const again = group.flatMap(({ name, failedBefore: why }) => (why === undefined ? [] : [[name, firstLine(why)]]));
    const reasons = (["FAIL", "SKIP", "FAULT"] as const)
      .map((verdict): [string, Record<string, string>] => [verdict.toLowerCase(), Object.fromEntries(names(verdict))])
      .concat([["again", Object.fromEntries(again)]])
      .filter(([, found]) => Object.keys(found).length > 0);
    return {
      ...{ role, transport, mode, ...(mtu === undefined ? {} : { mtu }) },
      pass: names("PASS")
        .map(([name]) => name)
        .join(" "),
      ...Object.fromEntries(reasons),
    };
  });
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short=12", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return ""; // a copy without its history
  }
}
