// SPDX-License-Identifier: Apache-2.0
// Writes transcripts: each case by itself, in a process of its own, with keys that are the same in every run.

import { casesAt, type Place, placesOf, placeText, skipAt } from "./cells.js";
import type { PeerFile } from "./peer-file.js";
import type { Program } from "./process.js";
import { type PassedFrame, RecordingRelay } from "./relay.js";
import { type RunOptions, Servers } from "./run-peer.js";
import { type Transcript, UNRECORDED, writeTranscripts } from "./transcript.js";

/** What shows that a WebSocket carries the same frames. */
const SAMPLE = ["large_unary", "ping_pong", "status_code_and_message", "call_back"];
/** For the end of the conversation behind the end of the case. */
const FAREWELL_MS = 100;
const RECORDED_MTU = 16_384;
/** Given to both programs. */
export const SEED = { INTEROP_SEED: "1" } as const;

/** Records all that a peer can do over TCP in each mode, a sample over WebSocket, and fragments. */
export async function recordPeer(peer: PeerFile, options: RunOptions): Promise<void> {
  if (peer.own !== undefined) return options.say(`${peer.name} speaks no RPC: there is nothing to replay`);
  const transcripts: Transcript[] = [];
  for (const role of ["server", "client"] as const) {
    for (const place of placesOf(peer, role).filter((one) => isRecorded(one, peer))) {
      const cases = await recordPlace(peer, place, options);
      options.say(`${peer.name} as ${placeText(place)}: ${cases.size} cases recorded`);
      if (cases.size > 0)
        transcripts.push({ ...place, peer: peer.name, version: peer.version, compat: peer.compat, cases });
    }
  }
  writeTranscripts(peer.name, transcripts);
}

function isRecorded({ role, transport, mode, mtu }: Place, peer: PeerFile): boolean {
  const isFirst = mode === peer.modes[role][0];
  if (mtu !== undefined) return transport === "tcp" && mtu === RECORDED_MTU;
  const hasTcp = peer.transports[role].includes("tcp");
  return transport === "tcp" || (transport === "ws" && (isFirst || !hasTcp));
}

async function recordPlace(peer: PeerFile, place: Place, options: RunOptions): Promise<Map<string, PassedFrame[][]>> {
  const isSample = place.transport === "ws" && peer.transports[place.role].includes("tcp");
  const names = casesAt(place, peer).filter(
    (name) => !UNRECORDED.has(name) && skipAt(name, place, peer) === undefined && (!isSample || SAMPLE.includes(name)),
  );
  // A server of its own: what it remembers is in what it answers.
  const servers = new Servers(peer, place.role, options, SEED);
  const cases = new Map<string, PassedFrame[][]>();
  try {
    for (const name of names) {
      const connections = await recordCase(name, place, servers, options);
      if (connections !== undefined) cases.set(name, connections);
    }
  } finally {
    await servers.stop();
  }
  return cases;
}

async function recordCase(
  name: string,
  place: Place,
  servers: Servers,
  { say }: RunOptions,
): Promise<PassedFrame[][] | undefined> {
  const server = await servers.at(place, []);
  const relay = await RecordingRelay.start(server.urlOf(place.transport), true);
  if (relay === undefined) return undefined;
  const mtu = place.mtu === undefined ? [] : ["--mtu", String(place.mtu)];
  const client = servers.client(["--connect", relay.url, "--case", name, "--mode", place.mode, "--quick", ...mtu]);
  const timer = setTimeout(() => client.kill(), 90_000);
  await client.ended;
  clearTimeout(timer);
  await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
  await relay.close();
  if (hasPassed(client, name)) return relay.recordings.map(({ frames }) => frames);
  say(`${servers.peer.name} as ${placeText(place)}: ${name} isn't recorded: ${client.lines[0] ?? client.errors}`);
  return undefined;
}

function hasPassed({ lines }: Program, name: string): boolean {
  return lines.includes(`PASS ${name}`);
}
