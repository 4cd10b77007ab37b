// SPDX-License-Identifier: Apache-2.0
// What is run with a peer: each case in both roles, over each transport, in each mode, whole and in fragments.

import { CASES } from "../cases/table.js";
import type { Exception, Mode, PeerFile, Role, Transport } from "./peer-file.js";

/** The same for all cells of a line in the table. */
export interface Place {
  readonly role: Role;
  readonly transport: Transport;
  readonly mode: Mode;
  /** The longest frame that either end sends; undefined: as each does when nobody tells it. */
  readonly mtu: number | undefined;
}

/** How a case went with a peer; FAULT: it failed, as its peer.json says that it does. */
export type CellVerdict = "PASS" | "FAIL" | "SKIP" | "FAULT";

/** One case at one place. */
export interface Cell extends Place {
  readonly name: string;
  readonly verdict: CellVerdict;
  /** Unless it passed; for a pass that peer.json calls a fault, that it does. */
  readonly why: string;
  /** Why it failed at first, when it passed at the second attempt. */
  readonly failedBefore?: string;
  /** Of a fault: what the client said of it. */
  readonly said?: string;
  /** Of a fault: what passed on its connections, a line a frame. */
  readonly frames?: string;
}

/** Both ends send no frame longer than this, for the cases that have something to cut. */
const MTUS = [64, 16_384];
const IN_FRAGMENTS = ["large_unary", "server_streaming", "ping_pong", "concurrent_large_unary"];

/** All places that a peer has, in the order in which they are run. `isShort`: pieces over the first transport only. */
export function placesOf(peer: PeerFile, role: Role, isShort = false): Place[] {
  if (peer[role] === undefined) return [];
  const whole = peer.transports[role].flatMap((transport) =>
    peer.modes[role].map((mode): Place => ({ role, transport, mode, mtu: undefined })),
  );
  if (peer.own !== undefined) return whole;
  // Below a transport frames are the same in both modes: pieces are tried in the first.
  const inPieces = whole.filter(
    ({ mode, transport }) => mode === peer.modes[role][0] && (!isShort || transport === peer.transports[role][0]),
  );
  return [...whole, ...inPieces.flatMap((place) => MTUS.map((mtu) => ({ ...place, mtu })))];
}

/** The names of a peer's cases at a place. */
export function casesAt({ mtu }: Place, { own }: PeerFile): readonly string[] {
  if (own !== undefined) return own.cases;
  return mtu === undefined ? [...CASES.keys()] : IN_FRAGMENTS;
}

/** The first of `exceptions` that a case at a place falls under. */
export function exceptionFor(name: string, place: Place, exceptions: readonly Exception[]): Exception | undefined {
  return exceptions.find(
    (one) =>
      (one.case === "*" || one.case === name) &&
      (one.role === "both" || one.role === place.role) &&
      (one.transport === undefined || one.transport === place.transport) &&
      (one.mode === undefined || one.mode === place.mode) &&
      (one.mtu === undefined || one.mtu === place.mtu),
  );
}

/** Why a case isn't run at a place; undefined when it is. */
export function skipAt(name: string, place: Place, peer: PeerFile): string | undefined {
  const exception = exceptionFor(name, place, peer.skips);
  if (exception !== undefined) return exception.why;
  const isMissing = name === "composite_routing" && !peer.modes[place.role].includes("composite");
  return isMissing ? "the peer has no composite metadata" : undefined;
}

/** `server tcp rpc`, with the mtu when there is one. */
export function placeText({ role, transport, mode, mtu }: Place): string {
  return `${role} ${transport} ${mode}${mtu === undefined ? "" : ` mtu ${mtu}`}`;
}
