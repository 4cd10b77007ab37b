// SPDX-License-Identifier: Apache-2.0
// Toolchains and installs of peers: looked for, done again when something changed.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PeerFile } from "./peer-file.js";
import { Program } from "./process.js";

const PROTO = fileURLToPath(new URL("../../support/proto/interop.proto", import.meta.url));
const STAMP = "dist/.installed";
/** Where installs put things, and where nobody looks for inputs. */
const MADE = new Set(["dist", "node_modules", "target", ".venv", "__pycache__"]);
/** Of a single command: builds that fetch a compiler's libraries take their time. */
const COMMAND_MS = 900_000;
/** Programs that say their version otherwise than by `--version`. */
const VERSION_ARGUMENTS: Readonly<Record<string, string>> = { go: "version", java: "-version" };

/** Tools of a peer that this machine doesn't have. */
export function missingTools({ tools }: PeerFile): string[] {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return tools.filter((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
}

/** What the tools say of themselves, a line each; of those that don't, nothing. */
export async function toolVersions({ tools, folder }: PeerFile): Promise<Record<string, string>> {
  const versions: Record<string, string> = {};
  for (const tool of tools) {
    const program = new Program(tool, [VERSION_ARGUMENTS[tool] ?? "--version"], folder);
    const timer = setTimeout(() => program.kill(), 30_000);
    await program.ended;
    clearTimeout(timer);
    const line = [...program.lines, ...program.errors.split("\n")].find((text) => /\d/.test(text)) ?? "";
    // Without paths and times of a machine.
    versions[tool] = /\d+(\.\d+)+/.exec(line)?.[0] ?? "";
  }
  return versions;
}

/** A digest of all that a peer is built from: its inputs, its commands, and the schema. */
export function inputsDigest(peer: PeerFile): string {
  const hash = createHash("sha256");
  const globs = peer.inputs.map(globPattern);
  for (const path of filesFor(peer).filter((one) => globs.some((glob) => glob.test(one)))) {
    hash.update(`${path}\0`).update(readFileSync(join(peer.folder, path)));
  }
  hash.update(JSON.stringify([peer.version, peer.install, peer.server, peer.client])).update(readFileSync(PROTO));
  return hash.digest("hex").slice(0, 16);
}

/** Installs a peer unless it is. @returns whether it had to be. @throws Error with the end of what a command said. */
export async function install(peer: PeerFile): Promise<boolean> {
  const stamp = join(peer.folder, STAMP);
  const digest = inputsDigest(peer);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return false;
  mkdirSync(join(peer.folder, "dist"), { recursive: true });
  for (const command of peer.install) {
    const program = new Program("sh", ["-c", command], peer.folder, { PEER_PROTO: PROTO });
    const timer = setTimeout(() => program.kill(), COMMAND_MS);
    await program.ended;
    clearTimeout(timer);
    if (program.exit !== "exit code 0") {
      throw new Error(`${command}: ${program.exit}\n${program.lines.slice(-20).join("\n")}\n${program.errors}`);
    }
  }
  writeFileSync(stamp, digest);
  return true;
}

/** `*` is anything within a folder, `**` any folders; a name alone stands for a whole folder, too. */
function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  const source = escaped
    .replace(/\*\*\/?/g, "\0")
    .replaceAll("*", "[^/]*")
    .replaceAll("\0", "(?:.*/)?");
  return new RegExp(`^${source}${glob.endsWith("**") ? "[^/]*" : ""}(?:/.*)?$`);
}

// What several peers share lies beside them: `../../shared/**`.
function filesFor({ folder, inputs }: PeerFile): string[] {
  const outside = inputs.flatMap((glob) => /^(?:\.\.\/)+[^/*]+\//.exec(glob) ?? []);
  return [...filesBelow(folder), ...[...new Set(outside)].flatMap((prefix) => filesBelow(folder, prefix))];
}

function filesBelow(folder: string, prefix = ""): string[] {
  const entries = readdirSync(join(folder, prefix), { withFileTypes: true });
  return entries
    .flatMap((entry) => {
      if (MADE.has(entry.name)) return [];
      return entry.isDirectory() ? filesBelow(folder, `${prefix}${entry.name}/`) : [`${prefix}${entry.name}`];
    })
    .sort();
}
