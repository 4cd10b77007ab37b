// SPDX-License-Identifier: Apache-2.0
// Frames that are to be ignored, anywhere between those of honest streams: these don't notice (HDR-02, HDR-03, HDR-05,
// UNX-01, UNX-07 ff.).
//
//   input = side | how often a frame stands between two honest ones | kind, a, b of each frame

import { uint } from "../../support/frames-dsl.js";
import { expectNoTraceYet } from "../../support/no-trace.js";
import type { InboundCall } from "../../support/probe.js";
import { openClient, openServer, type Probe } from "../../support/probe.js";

/** What an honest client says to a server: one stream of each kind. */
const TO_SERVER = [
  "00000001 1000 61", // REQUEST_RESPONSE
  "00000003 1400 62", // REQUEST_FNF
  "00000005 1800 00000001 63", // REQUEST_STREAM for 1
  "00000005 2000 00000002", // REQUEST_N 2
  "00000007 1c80 00000005 64", // REQUEST_CHANNEL for 5, F
  "00000007 28a0 65", // PAYLOAD, F N
  "00000007 2820 66", // PAYLOAD, N: the last fragment
  "00000007 2820 67", // PAYLOAD, N
  "00000007 2840", // PAYLOAD, C
  "00000009 1800 00000001 68", // REQUEST_STREAM for 1
  "00000009 2400", // CANCEL
];

/** What an honest server answers to a client that asked on streams 1, 3, 5 and 7. */
const TO_CLIENT = [
  "00000001 2860 61", // PAYLOAD, N C
  "00000005 2820 62", // PAYLOAD, N
  "00000005 28a0 63", // PAYLOAD, F N
  "00000005 2860 64", // PAYLOAD, N C: the last fragment
  "00000007 2000 00000003", // REQUEST_N 3
  "00000007 2820 65", // PAYLOAD, N
  "00000007 2c00 00000201 6e6f", // ERROR, APPLICATION_ERROR
];
const FREE_ID = 1_000;

/** A frame that means nothing to whoever gets it; `live` is an id that is in use. */
type Nothing = (a: number, b: number, live: number) => string;

const ANYWHERE: readonly Nothing[] = [
  // EXT and undefined types with I.
  (a, b) => `${uint(a % 3 === 0 ? 0 : FREE_ID + a, 4)}fe00${uint(b, 4)}6162`,
  (a, b, live) => `${uint(live, 4)}fe00${uint(a * 256 + b, 4)}`,
  (a, b) => `${uint(FREE_ID + a, 4)}${uint(((0x0f + (b % 0x30)) << 10) | 0x200, 2)}6162`,
  (a, b, live) => `${uint(a % 2 === 0 ? 0 : live, 4)}${uint(((0x0f + (b % 0x30)) << 10) | 0x200, 2)}`,
  // Ids that nobody has opened.
  (a, b) => `${uint(FREE_ID + a, 4)}2820${uint(b, 1)}`,
  (a, b) => `${uint(FREE_ID + a, 4)}2000${uint(b, 4)}`,
  (a) => `${uint(FREE_ID + a, 4)}2400`,
  (a, b) => `${uint(FREE_ID + a, 4)}2c00${uint(0x201 + (b % 4), 4)}6e6f`,
  // What doesn't belong on stream 0.
  (a, b) => `000000002000${uint(a * 256 + b, 4)}`,
  () => "000000002400",
  (a) => `000000002820${uint(a, 1)}`,
  // An answer to no question, a word that nobody understands.
  (a) => `000000000c00${uint(a, 8)}`,
  (a) => `000000002c00${uint(0x301 + a, 4)}`,
  // REQUEST_N 0 releases nothing; frames that are cut short, with I.
  (_a, _b, live) => `${uint(live, 4)}200000000000`,
  (a) => `${uint(FREE_ID + a, 4)}22000000`,
  (_a, b) => `000000000e00${uint(b, 2)}`,
];
const TO_SERVER_ONLY: readonly Nothing[] = [
  () => "00000000080000002710000000ff", // LEASE unasked
  () => "0000000004000001000000004e2000015f90016d0164", // SETUP once more
  () => "0000000038000000000000000000", // RESUME_OK
  // A request on an id that is in use.
  (a, b, live) => (live === FREE_ID ? "000000002400" : `${uint(live, 4)}${a % 2 === 0 ? "1000" : "1400"}${uint(b, 1)}`),
];

export function run(input: Uint8Array): void {
  const [side = 0, often = 1, ...choices] = input;
  const isServer = side % 2 === 0;
  const alone = converse(isServer, [], 0);
  const among = converse(isServer, choices, 1 + (often % 4));
  if (among !== alone) throw new Error(`with frames that are to be ignored: ${among}; without: ${alone}`);
}

function converse(isServer: boolean, choices: readonly number[], often: number): string {
  const log: string[] = [];
  const probe = isServer ? openServer({ onRequest: (call) => answer(call, log) }) : openClient();
  if (!isServer) ask(probe, log);
  const kinds = isServer ? [...ANYWHERE, ...TO_SERVER_ONLY] : ANYWHERE;
  let at = 0;
  for (const frame of isServer ? TO_SERVER : TO_CLIENT) {
    const id = Number(`0x${frame.slice(0, 8)}`);
    // A stream that isn't open yet can't be in use.
    const isRequest = isServer && frame.slice(9, 10) === "1";
    for (let i = 0; i < often && at < choices.length; i++, at += 3) {
      const [kind = 0, a = 0, b = 0] = choices.slice(at, at + 3);
      const nothing = kinds[kind % kinds.length] as Nothing; // the remainder is an index
      probe.receive(nothing(a, b, isRequest ? FREE_ID : id));
    }
    probe.receive(frame.replaceAll(" ", ""));
    log.push(...sentOf(probe));
  }
  const { state, streamCount } = probe.connection;
  log.push(`${state} ${streamCount}`);
  expectNoTraceYet();
  return log.join(" | ");
}

// Echoes of KEEPALIVE aren't the streams'.
function sentOf(probe: Probe): string[] {
  return probe.sent().filter((frame) => !frame.startsWith("000000000c"));
}

function ask(probe: Probe, log: string[]): void {
  for (const interaction of ["request_response", "fire_and_forget", "request_stream", "request_channel"] as const) {
    const { sink } = probe.open(interaction, { data: "61", n: 5 });
    sink.onEntry = (entry) => log.push(`${interaction}: ${entry}`);
  }
  probe.sent();
}

function answer({ stream, sink, data }: InboundCall, log: string[]): void {
  log.push(`${stream.interaction} ${stream.id} ${data}`);
  const say = (): void => {
    while (stream.isSendOpen && stream.credit > 0) stream.next(Uint8Array.of(0x7a));
  };
  sink.onEntry = (entry) => {
    log.push(`${stream.id}: ${entry}`);
    say();
  };
  say();
}
