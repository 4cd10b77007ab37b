// SPDX-License-Identifier: Apache-2.0
// What an attack is, and how one is carried out: while an honest client is served, within bounds, leaving nothing behind.

import { expect } from "chai";
import { ErrorCode } from "../../runtime/src/frames/errors.js";
import type { SeenFrame } from "../support/frames-dsl.js";
import { keepalive, setup, simple, unary } from "./bytes.js";
import type { ProfileName } from "./profiles.js";
import { type Ports, RawPeer, type TransportName } from "./raw-peer.js";
import type { Condition, World } from "./world.js";

export { ErrorCode };

/** The name of an ERROR's code. */
export type CodeName = keyof typeof ErrorCode;

/** What the server must do. */
export type Outcome =
  /** ERROR on stream 0, then the connection is closed. */
  | { readonly ends: CodeName; readonly saying: RegExp }
  /** The connection is closed; a WebSocket with this status, if given. */
  | { readonly closes: true; readonly status?: number }
  /** ERROR on a stream; the connection is as good as before. `isOfOtherMode`: its requests say their routes otherwise. */
  | {
      readonly refuses: number;
      readonly code: CodeName;
      readonly saying: RegExp;
      readonly isOfOtherMode?: true;
    }
  /** An answer on a stream; the connection is as good as before. */
  | { readonly serves: number }
  /** Nothing: the connection is as good as before. */
  | "ignored";

interface Common {
  /** Its number in threats.ts. */
  readonly threat: number;
  readonly name: string;
  /** All unless given. */
  readonly over?: readonly TransportName[];
  /** Who is attacked; `standard` unless given. */
  readonly at?: ProfileName;
  /** Not among the quick ones. */
  readonly isLong?: boolean;
}

/** An attack that is one burst of bytes. */
export interface Attack extends Common {
  /** A sound SETUP goes first, unless false. */
  readonly opens?: boolean;
  /** Frames in hex. */
  readonly sends?: readonly string[];
  /** Bytes in hex behind them, which no transport frames: only where frames lie in a stream of bytes. */
  readonly bytes?: string;
  readonly outcome: Outcome;
}

/** An attack that is a program. */
export interface Assault extends Common {
  /** The memory that it may cost at its height, when that is more than 64 MiB, in MiB. */
  readonly costsMiB?: number;
  /** Longer than the honest client may wait for an answer: only where it is the machine that is busy. */
  readonly timeoutMs?: number;
  run(scene: Scene): Promise<void>;
}

/** Transports that carry a stream of bytes. */
export const STREAMS: readonly TransportName[] = ["tcp", "tls"];
const ALL: readonly TransportName[] = ["tcp", "tls", "ws"];
const MIB = 1_048_576;
const MAX_GROWTH_MIB = 64;
/** Among the other tests the machine is busy with more than this: `npm run hostile` measures by itself. */
const MAX_WAIT_MS = process.env["HOSTILE"] === "all" ? 600 : 2_000;
/** What is closed may take so long to be gone, on a machine that has other things to do. */
const SETTLE_MS = 20_000;

/** The transports of an attack. */
export function transportsOf({ over = ALL }: Common): readonly TransportName[] {
  return over;
}

/** What an attack works with. */
export class Scene {
  readonly transport: TransportName;
  readonly ports: Ports;
  readonly world: World;
  readonly #peers: RawPeer[] = [];
  readonly #cleanups: (() => void)[] = [];

  constructor(world: World, transport: TransportName, at: ProfileName) {
    this.world = world;
    this.transport = transport;
    this.ports = world.ports[at];
  }

  /** A connection that has said nothing. */
  async connect(): Promise<RawPeer> {
    const peer = await RawPeer.open(this.transport, this.ports);
    this.#peers.push(peer);
    return peer;
  }

  /** A connection that is set up. */
  async open(opening: string = setup()): Promise<RawPeer> {
    const peer = await this.connect();
    peer.send(opening);
    return peer;
  }

  /** Called when the attack is over. */
  onEnd(cleanup: () => void): void {
    this.#cleanups.push(cleanup);
  }

  /** How the server is. */
  condition(collect = false): Promise<Condition> {
    return this.world.condition(collect);
  }

  /** Resolves when the server is as `isSo` says. */
  async until(what: string, isSo: (condition: Condition) => boolean, withinMs = SETTLE_MS): Promise<Condition> {
    return await until(this.world, what, isSo, withinMs);
  }

  /** All connections are gone. */
  leave(): void {
    for (const peer of this.#peers) peer.destroy();
    for (const cleanup of this.#cleanups) cleanup();
  }
}

/** Carries out an attack and checks everything. */
export async function carryOut(world: World, attack: Attack | Assault, transport: TransportName): Promise<void> {
  const before = await settled(world);
  world.forgetPeak();
  await world.probes();
  const starvedMs = world.starvedMs();
  const scene = new Scene(world, transport, attack.at ?? "standard");
  try {
    await ("run" in attack ? attack.run(scene) : burst(scene, attack));
  } finally {
    scene.leave();
  }
  const peakBytes = world.peakBytes() ?? (await world.condition()).rssBytes;
  const probes = await world.probes();
  expect(probes.failures, "failures of the honest client").to.deep.equal([]);
  // What other programs of this machine took from either process is none of the server's doing.
  const waitedMs = probes.slowestMs - probes.ownDelayMs - (world.starvedMs() - starvedMs);
  expect(waitedMs, "milliseconds that the honest client waited").to.be.below(MAX_WAIT_MS);
  const growthMiB = (peakBytes - before.rssBytes) / MIB;
  const allowedMiB = "costsMiB" in attack ? (attack.costsMiB ?? MAX_GROWTH_MIB) : MAX_GROWTH_MIB;
  noteCosts(attack, transport, growthMiB, waitedMs);
  expect(growthMiB, "MiB by which memory grew").to.be.at.most(allowedMiB);
  await until(
    world,
    "what was there before",
    (after) => leftBehind(before, after) === undefined,
    SETTLE_MS,
    (after) => leftBehind(before, after),
  );
  expect(world.isAlive, world.output).to.equal(true);
}

/** What attacks have cost, for whoever wants to see it. */
export const costs: { name: string; transport: string; growthMiB: number; waitedMs: number }[] = [];

function noteCosts({ name }: Common, transport: TransportName, growthMiB: number, waitedMs: number): void {
  costs.push({ name, transport, growthMiB, waitedMs });
}

async function burst(scene: Scene, { opens = true, sends = [], bytes, outcome }: Attack): Promise<void> {
  const peer = await (opens ? scene.open() : scene.connect());
  peer.send(...sends);
  if (bytes !== undefined) peer.write(bytes);
  await expectOutcome(peer, outcome);
}

/** Checks what the server did, and that it serves on where it should. */
export async function expectOutcome(peer: RawPeer, outcome: Outcome): Promise<void> {
  if (outcome === "ignored") return await expectServed(peer);
  if ("closes" in outcome) {
    const { status } = await peer.ended();
    if (outcome.status !== undefined && peer.transport === "ws") expect(status).to.equal(outcome.status);
    return;
  }
  if ("serves" in outcome) {
    await peer.frame("an answer", ({ streamId, type }) => streamId === outcome.serves && type === "PAYLOAD");
    return await expectServed(peer);
  }
  if ("ends" in outcome) {
    expectError(await peer.frame(outcome.ends, (frame) => isError(frame, 0)), outcome.ends, outcome.saying);
    await peer.ended();
    return;
  }
  const refused = await peer.frame(outcome.code, (frame) => isError(frame, outcome.refuses));
  expectError(refused, outcome.code, outcome.saying);
  if (outcome.isOfOtherMode !== true) return await expectServed(peer);
  peer.send(keepalive("50524f4245"));
  await peer.frame("the answer to KEEPALIVE", ({ type, respond }) => type === "KEEPALIVE" && !respond);
}

/** A stream id that no attack uses. */
const PROBE_ID = 0x7ffffff1;
let probeCount = 0;

/** The connection serves a call. */
export async function expectServed(peer: RawPeer): Promise<void> {
  const streamId = PROBE_ID - 2 * (probeCount++ % 1_000);
  peer.send(unary(streamId, simple({ payload: "50524f4245" })));
  await peer.frame("the answer to a call", (frame) => frame.streamId === streamId && frame.type === "PAYLOAD");
}

/** ERROR on a stream. */
export function isError({ streamId, type }: SeenFrame, expectedId: number): boolean {
  return streamId === expectedId && type === "ERROR";
}

function expectError({ code, data }: SeenFrame, name: CodeName, saying: RegExp): void {
  const text = Buffer.from(data).toString();
  expect(`0x${code.toString(16)} ${text}`).to.match(new RegExp(`^0x${ErrorCode[name].toString(16)} `));
  expect(text).to.match(saying);
}

/** What is open of these must be as before: sockets, and timers. */
const WATCHED = ["TCPSocketWrap", "TLSWrap", "Timeout", "PipeWrap"];

function leftBehind(before: Condition, after: Condition): string | undefined {
  const left: string[] = [];
  if (after.connections > before.connections) left.push(`${after.connections - before.connections} connections`);
  if (after.handlers > before.handlers) left.push(`${after.handlers - before.handlers} handlers`);
  if (after.sessions > before.sessions) left.push(`${after.sessions - before.sessions} sessions`);
  if (after.counts.ended < after.counts.begun) left.push(`${after.counts.begun - after.counts.ended} handlers' ends`);
  for (const kind of WATCHED) {
    const more = (after.open[kind] ?? 0) - (before.open[kind] ?? 0);
    if (more > 0) left.push(`${more} × ${kind}`);
  }
  return left.length === 0 ? undefined : left.join(", ");
}

// Nothing but what belongs to the honest client is open.
async function settled(world: World): Promise<Condition> {
  return await until(
    world,
    "quiet",
    ({ connections, handlers }) => connections === ALL.length && handlers === 0,
    SETTLE_MS,
  );
}

async function until(
  world: World,
  what: string,
  isSo: (condition: Condition) => boolean,
  withinMs: number,
  describe: (condition: Condition) => string | undefined = (condition) => JSON.stringify(condition),
): Promise<Condition> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const condition = await world.condition();
    if (isSo(condition)) return condition;
    if (performance.now() > untilMs) throw new Error(`${what}: not within ${withinMs} ms, but ${describe(condition)}`);
    await sleep(20);
  }
}

/** Resolves after `durationMs`: servers have real clocks here. */
export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}
