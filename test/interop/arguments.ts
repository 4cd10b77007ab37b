// SPDX-License-Identifier: Apache-2.0
// The command lines of the interop server and client, and how they end when one is wrong.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Code, type Compatibility, type MetadataMode, RpcError } from "rsocket-rpc";
import * as compat from "rsocket-rpc/compat";
import { MIN_FRAGMENT_BYTES } from "../../runtime/src/session/settings.js";

/** Files of certificates and keys, read: PEM. */
export interface Pem {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What the server is told. */
export interface ServerArguments {
  readonly urls: readonly string[];
  readonly mtu: number | undefined;
  readonly pem: Pem;
  /** Sessions outlive their links, for clients that ask for it. */
  readonly resume: boolean;
  /** Requests a second that each connection may make whose client honours leases; undefined: no leases. */
  readonly lease: number | undefined;
  /** For peers of other makes that need one. */
  readonly compatibility: Compatibility;
}

/** What the client is told. */
export interface ClientArguments {
  readonly url: string;
  /** The cases to run, in the order of the table. */
  readonly names: readonly string[];
  readonly mtu: number | undefined;
  readonly mode: MetadataMode;
  readonly pem: Pem;
  /** The cases of many calls or messages make a tenth of them. */
  readonly quick: boolean;
  /** False: say nothing of our extension, as a client of another make. */
  readonly hello: boolean;
  /** The client is one of rsocket-rpc/lite. */
  readonly lite: boolean;
  /** Cases that this peer is known not to do, with the reason. */
  readonly skipped: ReadonlyMap<string, string>;
  /** For peers of other makes that need one. */
  readonly compatibility: Compatibility;
}

/** An argument is wrong: the message is the one line that is printed. */
export class WrongArgument extends Error {
  override readonly name: string = "WrongArgument";
}

/** The largest frame that the wire has a length for. */
const MAX_MTU = 0xffffff;
/** As many requests as a LEASE can allow. */
const MAX_LEASE = 0x7fffffff;

const COMMON = {
  mtu: { type: "string" },
  ca: { type: "string" },
  cert: { type: "string" },
  key: { type: "string" },
  compat: { type: "string", default: "" },
} as const;

/** @throws WrongArgument */
export function readServerArguments(args: readonly string[]): ServerArguments {
  const values = parsed(() =>
    parseArgs({
      args: [...args],
      options: {
        ...COMMON,
        listen: { type: "string", multiple: true },
        resume: { type: "boolean", default: false },
        lease: { type: "string" },
      },
    }),
  );
  if (values.listen === undefined) throw new WrongArgument("--listen URL is missing");
  return {
    urls: values.listen,
    mtu: mtuOf(values.mtu),
    pem: readPem(values),
    resume: values.resume,
    lease: values.lease === undefined ? undefined : wholeNumber("--lease", values.lease, 1, MAX_LEASE),
    compatibility: compatibilityOf(values.compat),
  };
}

/** `known`: the names of the cases, in order. @throws WrongArgument */
export function readClientArguments(args: readonly string[], known: readonly string[]): ClientArguments {
  const values = parsed(() =>
    parseArgs({
      args: [...args],
      options: {
        ...COMMON,
        connect: { type: "string" },
        case: { type: "string", default: "all" },
        mode: { type: "string", default: "rpc" },
        quick: { type: "boolean", default: false },
        "no-hello": { type: "boolean", default: false },
        lite: { type: "boolean", default: false },
        skip: { type: "string", multiple: true, default: [] },
      },
    }),
  );
  const { connect, mode } = values;
  if (connect === undefined) throw new WrongArgument("--connect URL is missing");
  if (mode !== "rpc" && mode !== "composite") {
    throw new WrongArgument(`--mode ${JSON.stringify(mode)} is unknown, expected rpc or composite`);
  }
  const wanted = values.case === "all" ? known : values.case.split(",");
  for (const name of wanted) checkName("--case", name, known);
  const skipped = values.skip.map((text) => readSkip(text, known));
  return {
    url: connect,
    names: known.filter((name) => wanted.includes(name)),
    mtu: mtuOf(values.mtu),
    mode,
    pem: readPem(values),
    quick: values.quick,
    hello: !values["no-hello"],
    lite: values.lite,
    skipped: new Map(skipped),
    compatibility: compatibilityOf(values.compat),
  };
}

/** Runs a program: a wrong argument or URL is one line and exit code 2, anything else one line and 1. */
export async function runProgram(name: string, program: (args: readonly string[]) => Promise<void>): Promise<void> {
  try {
    await program(process.argv.slice(2));
  } catch (error) {
    const isWrong = error instanceof WrongArgument || RpcError.is(error, Code.InvalidArgument);
    const message = RpcError.is(error) ? error.rawMessage : error instanceof Error ? error.message : String(error);
    console.error(`${name}: ${message.split("\n")[0]}`);
    process.exitCode = isWrong ? 2 : 1;
  }
}

function parsed<T>(parse: () => { readonly values: T }): T {
  try {
    return parse().values;
  } catch (error) {
    // Node's text goes on with advice about positional arguments, which there are none of here.
    throw new WrongArgument(`${(error as Error).message.split(". ")[0]}`);
  }
}

function mtuOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber("--mtu", text, MIN_FRAGMENT_BYTES, MAX_MTU);
}

/** What names of rsocket-rpc/compat, with commas between them, stand for together. @throws WrongArgument */
export function compatibilityOf(names: string): Compatibility {
  const known = new Map<string, Compatibility>(Object.entries(compat));
  const merged: Compatibility = {};
  for (const name of names.split(",")) {
    if (name !== "") checkName("--compat", name, [...known.keys()]);
    Object.assign(merged, known.get(name));
  }
  return merged;
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new WrongArgument(`${option} is ${JSON.stringify(text)}, expected a whole number ${least} … ${most}`);
}

function readSkip(text: string, known: readonly string[]): [name: string, why: string] {
  const at = text.indexOf("=");
  const name = text.slice(0, at < 0 ? text.length : at);
  checkName("--skip", name, known);
  if (at < 0 || at === text.length - 1) throw new WrongArgument(`--skip ${name} has no reason, expected ${name}=WHY`);
  return [name, text.slice(at + 1)];
}

function checkName(option: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new WrongArgument(`${option} ${JSON.stringify(name)} is unknown, expected one of all, ${known.join(", ")}`);
}

function readPem(values: { readonly [file in keyof Pem]?: string | undefined }): Pem {
  const pem: { -readonly [file in keyof Pem]: string } = {};
  for (const name of ["ca", "cert", "key"] as const) {
    const file = values[name];
    if (file === undefined) continue;
    try {
      pem[name] = readFileSync(file, "utf8");
    } catch (error) {
      throw new WrongArgument(`--${name}: ${(error as Error).message}`);
    }
  }
  return pem;
}
