// SPDX-License-Identifier: Apache-2.0
// Runs the cells of one peer: starts servers as they are needed, lets the client run the cases of a place, and takes down
// what it says, a line a case. Whoever hangs or dies loses the case that it was at; the others are run without it.

import { fileURLToPath } from "node:url";
import { type Cell, casesAt, exceptionFor, type Place, placesOf, placeText, skipAt } from "./cells.js";
import type { PeerFile, Role, Transport } from "./peer-file.js";
import { NotListening, Program, startListening } from "./process.js";
import { RecordingRelay } from "./relay.js";

/** What a run is told. */
export interface RunOptions {
  /** Undefined: all. */
  readonly onlyCases: readonly string[] | undefined;
  /** A tenth of the calls in all places but one. */
  readonly isWhole: boolean;
  /** Fewer places with an mtu. */
  readonly isShort: boolean;
  /** Our client is one of `rsocket-rpc/lite`, which has mode `rpc` alone, and no server. */
  readonly isLite?: boolean;
  /** No other place is begun then. */
  readonly isTimeOver: () => boolean;
  /** Certificates. */
  readonly pem: Pems;
  /** A folder for sockets. */
  readonly folder: string;
  /** Who says nothing for longer is stuck. */
  readonly silenceMs: number;
  readonly say: (line: string) => void;
}

/** Paths of PEM files. */
export interface Pems {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const OUR_START_SECONDS = 20;
/** From a lost connection to the end of the process that had it. */
const DYING_MS = 500;
const OURS = fileURLToPath(new URL("../dist/", import.meta.url));
/** What a server is told so that a case can be run at all. */
const TOLD: Readonly<Record<string, readonly string[]>> = { lease: ["--lease", "5"], resume: ["--resume"] };

/** A line that a client prints of a case. */
interface Told {
  readonly verdict: "PASS" | "FAIL" | "SKIP";
  readonly why: string;
  /** Of one that failed, where somebody could read along. */
  readonly frames?: string;
}

/** All cells of one role, in order. Never rejects because of the peer. */
export async function runRole(peer: PeerFile, role: Role, options: RunOptions): Promise<Cell[]> {
  const servers = new Servers(peer, role, options);
  const cells: Cell[] = [];
  const places = placesOf(peer, role, options.isShort).filter(
    ({ mode }) => !options.isLite || (role === "server" && mode === "rpc"),
  );
  try {
    for (const [index, place] of places.entries()) {
      if (options.isTimeOver()) {
        options.say(`${peer.name} as ${placeText(place)}: NOT RUN, the time is over`);
        continue;
      }
      const added = await runPlace(peer, place, servers, options, options.isWhole && index === 0);
      if (added.length === 0) continue;
      cells.push(...added);
      options.say(`${peer.name} as ${placeText(place)}: ${countText(added)}`);
    }
  } finally {
    await servers.stop();
  }
  return cells;
}

/** `20 passed, 1 failed, 6 skipped, 0 faults`, without what there is none of. */
export function countText(cells: readonly Cell[]): string {
  const count = (verdict: Cell["verdict"]): number => cells.filter((cell) => cell.verdict === verdict).length;
  const counts = [
    [count("PASS"), "passed"],
    [count("FAIL"), "failed"],
    [count("SKIP"), "skipped"],
    [count("FAULT"), "known faults"],
  ] as const;
  return counts
    .filter(([number]) => number > 0)
    .map(([number, what]) => `${number} ${what}`)
    .join(", ");
}

async function runPlace(
  peer: PeerFile,
  place: Place,
  servers: Servers,
  options: RunOptions,
  isWhole: boolean,
): Promise<Cell[]> {
  const { onlyCases } = options;
  const names = casesAt(place, peer).filter((name) => onlyCases?.includes(name) ?? true);
  const told = new Map<string, Told>();
  for (const name of names) {
    const why = skipAt(name, place, peer);
    if (why !== undefined) told.set(name, { verdict: "SKIP", why });
  }
  const left = names.filter((name) => !told.has(name));
  // Known faults, too, so that the frames that are kept of them are their own.
  const isAlone = (name: string): boolean =>
    TOLD[name] !== undefined || exceptionFor(name, place, peer.faults) !== undefined;
  const batches = [left.filter((name) => !isAlone(name)), ...left.filter(isAlone).map((name) => [name])];
  for (const batch of batches) await runBatch(batch, place, servers, options, isWhole, told);
  // A busy machine loses cases that are about time. What fails twice, by itself the second time, has failed.
  const failedBefore = new Map<string, string>();
  for (const name of names.filter((one) => told.get(one)?.verdict === "FAIL")) {
    if (exceptionFor(name, place, peer.faults) !== undefined) continue;
    const why = told.get(name)?.why ?? "";
    await runBatch([name], place, servers, options, isWhole, told);
    if (told.get(name)?.verdict !== "PASS") continue;
    failedBefore.set(name, why);
    options.say(`${peer.name} as ${placeText(place)}: ${name} PASSED AT THE SECOND ATTEMPT`);
  }
  return names.map((name) => {
    const cell = cellOf(name, place, peer, told.get(name), options);
    const why = failedBefore.get(name);
    return why === undefined ? cell : { ...cell, failedBefore: why };
  });
}

// Runs again from behind a case at which somebody hung or died.
async function runBatch(
  batch: readonly string[],
  place: Place,
  servers: Servers,
  options: RunOptions,
  isWhole: boolean,
  told: Map<string, Told>,
): Promise<void> {
  let left = [...batch];
  while (left.length > 0) {
    const added = await runClient(left, place, servers, options, isWhole).catch((error: unknown) => {
      if (!(error instanceof NotListening)) throw error;
      return new Map(left.map((name) => [name, { verdict: "FAIL", why: error.message } as const]));
    });
    for (const [name, one] of added) told.set(name, one);
    left = left.filter((name) => !added.has(name));
    if (added.size === 0) break;
  }
}

// The cases that the client got through, and the one at which it or the server was lost.
async function runClient(
  names: readonly string[],
  place: Place,
  servers: Servers,
  options: RunOptions,
  isWhole: boolean,
): Promise<Map<string, Told>> {
  const server = await servers.at(place, TOLD[names[0] ?? ""] ?? []);
  const relay = await RecordingRelay.start(server.urlOf(place.transport));
  const url = relay?.url ?? server.urlOf(place.transport);
  const isEncrypted = place.transport === "tls" || place.transport === "wss";
  const client = servers.client([
    ...["--connect", url, "--case", names.join(","), "--mode", place.mode],
    ...(place.mtu === undefined ? [] : ["--mtu", String(place.mtu)]),
    ...(isWhole ? [] : ["--quick"]),
    ...(isEncrypted ? ["--ca", options.pem.ca] : []),
  ]);
  const told = new Map<string, Told>();
  let sinceMs = performance.now();
  let read = 0;
  let lastSaidMs = sinceMs;
  for (;;) {
    for (; read < client.lines.length; read++) {
      const found = readLine(client.lines[read] ?? "", names);
      if (found === undefined) continue;
      const [name, one] = found;
      told.set(name, one);
      lastSaidMs = performance.now();
      // The connection of a server that dies is lost before its process has ended.
      if (one.verdict === "FAIL" && /connect/.test(one.why)) await server.program.endsWithin(DYING_MS);
      // A server that died takes the rest with it: the rest is for a new one.
      if (one.verdict === "FAIL" && server.program.hasEnded) {
        told.set(name, {
          ...one,
          why: `${one.why}; the server ended with ${server.program.exit}: ${server.program.errors}`,
        });
        client.kill();
      }
      if (one.verdict === "FAIL") told.set(name, withFrames(told.get(name) ?? one, relay, sinceMs));
      if (one.verdict === "FAIL" && exceptionFor(name, place, servers.peer.faults) === undefined) {
        options.say(`${servers.peer.name} as ${placeText(place)}: FAIL ${name}: ${told.get(name)?.why}`);
        if (relay !== undefined) options.say(relay.describe(sinceMs));
        if (server.program.errors !== "") options.say(`the server's errors:\n${server.program.errors}`);
      }
      sinceMs = performance.now() - 50; // the line may be read behind the next connection
      if (client.hasEnded || server.program.hasEnded) break;
    }
    if (told.size === names.length || client.hasEnded || (told.size > 0 && server.program.hasEnded)) break;
    const leftMs = lastSaidMs + options.silenceMs - performance.now();
    if (leftMs <= 0) break;
    await client.next(leftMs);
  }
  const current = names.find((name) => !told.has(name));
  const hasServerEnded = server.program.hasEnded;
  // Behind a case that ended the server, the others are for a new one.
  if (current !== undefined && (told.size === 0 || !hasServerEnded)) {
    const end = client.hasEnded
      ? `the client ended with ${client.exit}`
      : `the client said nothing for ${options.silenceMs} ms`;
    const how = hasServerEnded ? `${end}; the server ended with ${server.program.exit}` : end;
    const failed: Told = { verdict: "FAIL", why: `${how}${client.errors === "" ? "" : `: ${client.errors}`}` };
    told.set(current, withFrames(failed, relay, sinceMs));
    options.say(`${servers.peer.name} as ${placeText(place)}: FAIL ${current}: ${how}`);
    if (relay !== undefined) options.say(relay.describe(sinceMs));
  }
  await client.stop();
  await relay?.close();
  if (server.program.hasEnded) servers.forget(server);
  return told;
}

function withFrames(told: Told, relay: RecordingRelay | undefined, sinceMs: number): Told {
  const frames = relay?.describe(sinceMs) ?? "";
  return frames === "" ? told : { ...told, frames };
}

function readLine(line: string, names: readonly string[]): [name: string, told: Told] | undefined {
  const [, verdict, name = "", why = ""] = /^(PASS|FAIL|SKIP) ([\w]+)(?:: (.*))?$/.exec(line) ?? [];
  if (verdict === undefined || !names.includes(name)) return undefined;
  return [name, { verdict: verdict as Told["verdict"], why: verdict === "PASS" ? "" : why }];
}

function cellOf(name: string, place: Place, peer: PeerFile, told: Told | undefined, { isLite, say }: RunOptions): Cell {
  const { verdict, why, frames }: Told = told ?? { verdict: "FAIL", why: "the client said nothing of it" };
  const fault = exceptionFor(name, place, peer.faults);
  // What rsocket-rpc/lite goes without says nothing of the peer.
  if (fault === undefined || (isLite && verdict === "SKIP")) return { ...place, name, verdict, why };
  if (verdict === "FAIL") {
    return { ...place, name, verdict: "FAULT", why: fault.why, said: why, ...(frames === undefined ? {} : { frames }) };
  }
  say(
    `${peer.name} as ${placeText(place)}: ${name} is said to fail, and was ${verdict}: take it out of peer.json's faults`,
  );
  return { ...place, name, verdict, why };
}

/** A server that is up. */
export interface ListeningServer {
  readonly key: string;
  readonly program: Program;
  urlOf(transport: Transport): string;
}

/** Servers of one role, by what they were told: each is started when it is first needed. */
export class Servers {
  readonly peer: PeerFile;
  readonly #role: Role;
  readonly #options: RunOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #running = new Map<string, ListeningServer>();

  /** `env` is for both programs. */
  constructor(peer: PeerFile, role: Role, options: RunOptions, env: NodeJS.ProcessEnv = {}) {
    this.peer = peer;
    this.#role = role;
    this.#options = options;
    this.#env = env;
  }

  /** The one for a place, told `told` beside. @throws NotListening */
  async at({ mtu }: Place, told: readonly string[]): Promise<ListeningServer> {
    const args = [...(mtu === undefined ? [] : ["--mtu", String(mtu)]), ...told];
    const key = args.join(" ");
    const known = this.#running.get(key);
    if (known !== undefined && !known.program.hasEnded) return known;
    const transports = this.peer.transports[this.#role];
    const listen = transports.map((transport) => this.#placeOf(transport, key));
    const { pem } = this.#options;
    const isEncrypted = transports.some((one) => one === "tls" || one === "wss");
    const all = [
      ...listen.flatMap((url) => ["--listen", url]),
      ...args,
      ...(isEncrypted ? ["--cert", pem.cert, "--key", pem.key] : []),
    ];
    const isTheirs = this.#role === "server";
    if (!isTheirs) all.push(...this.#compat);
    const timeoutMs = 1_000 * (isTheirs ? this.peer.startSeconds : OUR_START_SECONDS);
    const make = (): Program =>
      isTheirs ? new Program(this.peer.server ?? "false", all, this.peer.folder, this.#env) : this.#ourServer(all);
    const { program, urls } = await startListening(make, listen, timeoutMs);
    const server = { key, program, urlOf: (transport: Transport) => urls[transports.indexOf(transport)] ?? "" };
    this.#running.set(key, server);
    return server;
  }

  #ourServer(args: readonly string[]): Program {
    const { own, folder } = this.peer;
    if (own === undefined) return ourProgram("server", args, this.#env);
    return new Program(`"${process.execPath}" --import tsx ${own.server}`, args, folder, this.#env);
  }

  /** The client of such servers. */
  client(args: readonly string[]): Program {
    const lite = this.#options.isLite ? ["--lite"] : [];
    if (this.#role === "server") return ourProgram("client", [...args, ...this.#compat, ...lite], this.#env);
    return new Program(this.peer.client ?? "false", args, this.peer.folder, this.#env);
  }

  get #compat(): readonly string[] {
    return this.peer.compat === "" ? [] : ["--compat", this.peer.compat];
  }

  /** It has ended: the next call of `at` starts another. */
  forget({ key }: ListeningServer): void {
    this.#running.delete(key);
  }

  /** Ends all of them. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map(({ program }) => program.stop()));
  }

  #placeOf(transport: Transport, key: string): string {
    if (transport !== "unix") return `${transport}://127.0.0.1:0${transport.startsWith("w") ? "/" : ""}`;
    const name = `${this.peer.name}-${this.#role}${key.replaceAll(" ", "")}`;
    return `unix:${this.#options.folder}/${name}.sock`;
  }
}

/** One of our two programs, compiled before. */
export function ourProgram(name: "server" | "client", args: readonly string[], env: NodeJS.ProcessEnv = {}): Program {
  return new Program(`"${process.execPath}" "${OURS}${name}.js"`, args, OURS, env);
}
