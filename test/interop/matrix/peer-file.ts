// SPDX-License-Identifier: Apache-2.0
// peer.json: what a peer of another make is, how it is installed and started, and what it is known not to do.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { MetadataMode } from "rsocket-rpc";
import { CASES } from "../cases/table.js";

/** What the peer is in a conversation; ours is the other. */
export type Role = "server" | "client";
/** How it lays out metadata; `own`: as only it does, beside RPC. */
export type Mode = MetadataMode | "own";
/** By the schemes of URLs. */
export type Transport = "tcp" | "ws" | "tls" | "wss" | "unix";

/** Cells that are left out, or known to fail by the peer's own fault. What isn't named is meant whatever it is. */
export interface Exception {
  /** `*`: all of them. */
  readonly case: string;
  readonly role: Role | "both";
  readonly transport?: Transport;
  readonly mode?: Mode;
  readonly mtu?: number;
  readonly why: string;
  /** Of a fault: what the specification says instead. */
  readonly spec?: string;
  /** Of a fault: frames that show it, a word and hex each; `>` goes to the server. */
  readonly frames?: string;
  /** Of a fault: how the case went between this peer and others that aren't ours. */
  readonly also?: string;
}

/** One peer, as its file says, and the folder that it lies in. */
export interface PeerFile {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** Programs that must be there. */
  readonly tools: readonly string[];
  /** Shell commands, to be run in the folder. */
  readonly install: readonly string[];
  /** Globs of the files that make an old install stale. */
  readonly inputs: readonly string[];
  readonly server: string | undefined;
  readonly client: string | undefined;
  readonly transports: Readonly<Record<Role, readonly Transport[]>>;
  readonly modes: Readonly<Record<Role, readonly Mode[]>>;
  /** Names of rsocket-rpc/compat that our programs are told, with commas; empty: none. */
  readonly compat: string;
  /** For those that speak no RPC: a server of ours in their folder, and what is run with it instead of all cases. */
  readonly own: { readonly server: string; readonly cases: readonly string[] } | undefined;
  readonly inCi: boolean;
  /** How long a server may take to listen. */
  readonly startSeconds: number;
  readonly skips: readonly Exception[];
  readonly faults: readonly Exception[];
}

const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));
const TRANSPORTS = ["tcp", "ws", "tls", "wss", "unix"];
const MODES = ["rpc", "composite", "own"];
const ROLES = ["server", "client"];

/** All peers, by name. @throws Error that says what is wrong in which file. */
export function readPeers(folder: string = PEERS): PeerFile[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "peer.json")));
  return names
    .sort()
    .map((name) => readPeer(join(folder, name), readFileSync(join(folder, name, "peer.json"), "utf8")));
}

/** One peer by the text of its file. @throws Error that says what is wrong in which field. */
export function readPeer(folder: string, text: string): PeerFile {
  const place = `${folder.split("/").at(-1)}/peer.json`;
  const values = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const wrong = (field: string, expected: string): never => {
    throw new Error(`${place}: ${field} is ${JSON.stringify(values[field])}, expected ${expected}`);
  };
  const known = new Set([
    ..."name version tools install inputs server client compat own_server own_cases in_ci start_seconds skips faults".split(
      " ",
    ),
  ]);
  for (const role of ROLES) for (const list of ["transports", "modes"]) known.add(`${role}_${list}`);
  for (const field of Object.keys(values)) if (!known.has(field)) wrong(field, "no such field");
  const text_ = (field: string): string => {
    const value = values[field];
    return typeof value === "string" && value !== "" ? value : wrong(field, "a text");
  };
  const command = (field: string): string | undefined => (values[field] === undefined ? undefined : text_(field));
  const list = (field: string, allowed?: readonly string[]): string[] => {
    const value = values[field] ?? [];
    const isList = Array.isArray(value) && value.every((one) => typeof one === "string");
    if (!isList || (allowed !== undefined && value.some((one: string) => !allowed.includes(one)))) {
      wrong(field, `a list of ${allowed?.join(", ") ?? "texts"}`);
    }
    return value as string[];
  };
  const exceptions = (field: string): Exception[] => {
    const value = values[field] ?? [];
    if (!Array.isArray(value)) return wrong(field, "a list");
    for (const one of value as Exception[]) {
      const isCase = one.case === "*" || CASES.has(one.case);
      const isPlace =
        [...ROLES, "both"].includes(one.role) &&
        (one.transport === undefined || TRANSPORTS.includes(one.transport)) &&
        (one.mode === undefined || MODES.includes(one.mode));
      if (!isCase || !isPlace || typeof one.why !== "string" || one.why === "") {
        throw new Error(
          `${place}: ${field} has ${JSON.stringify(one)}, expected case, role, why and at most transport, mode, mtu`,
        );
      }
    }
    return value as Exception[];
  };
  return {
    folder,
    name: text_("name"),
    version: text_("version"),
    tools: list("tools"),
    install: list("install"),
    inputs: list("inputs"),
    server: command("server"),
    client: command("client"),
    transports: {
      server: list("server_transports", TRANSPORTS) as Transport[],
      client: list("client_transports", TRANSPORTS) as Transport[],
    },
    modes: {
      server: list("server_modes", MODES) as Mode[],
      client: list("client_modes", MODES) as Mode[],
    },
    own: values["own_server"] === undefined ? undefined : { server: text_("own_server"), cases: list("own_cases") },
    compat: values["compat"] === undefined ? "" : text_("compat"),
    inCi: typeof values["in_ci"] === "boolean" ? values["in_ci"] : wrong("in_ci", "true or false"),
    startSeconds: typeof values["start_seconds"] === "number" ? values["start_seconds"] : 20,
    skips: exceptions("skips"),
    faults: exceptions("faults"),
  };
}
