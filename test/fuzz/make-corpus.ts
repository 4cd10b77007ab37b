// SPDX-License-Identifier: Apache-2.0
// Writes the part of the corpus that is made from captured conversations: `npx tsx test/fuzz/make-corpus.ts`. Inputs that
// once broke something stand beside it, by names of their own.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { Option } from "./connection-world.js";
import { KIND, stepOfBytes } from "./script.js";
import { envelopes, frames, metadata } from "./seeds.js";

interface Vector {
  readonly name: string;
  readonly direction: string;
  readonly hex: string;
}

const CORPUS = new URL("./corpus/", import.meta.url);
/** Of each kind so many, spread over all there are. */
const COUNT = 12;
const MAX_FRAMES = 30;
const MAX_FRAME_BYTES = 300;
const PEERS = ["go", "java", "java-rpc-0.3", "js-rpc", "powersync", "py", "rpc-extension", "rust", "spring"];

function write(target: string, name: string, input: Uint8Array): void {
  const folder = new URL(`${target}/`, CORPUS);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.hex`, folder), `${hexOf(input)}\n`);
}

function spread<T>(all: readonly T[], count: number): T[] {
  return all.filter((_, i) => Math.floor((i * count) / all.length) > Math.floor(((i - 1) * count) / all.length));
}

function number(i: number): string {
  return String(i).padStart(2, "0");
}

for (const [target, seeds] of Object.entries({
  frame: frames,
  composite: metadata,
  "rpc-metadata": metadata,
  envelope: envelopes,
})) {
  for (const [i, seed] of spread(seeds, COUNT).entries()) write(target, `captured-${number(i)}`, seed);
}

/** What one side said, a conversation each. */
function conversationsOf(peer: string, direction: string): Map<string, Uint8Array[]> {
  const file = new URL(`../vectors/data/${peer}.json`, import.meta.url);
  const conversations = new Map<string, Uint8Array[]>();
  for (const vector of JSON.parse(readFileSync(file, "utf8")) as Vector[]) {
    const name = vector.name.split("/")[0] ?? "";
    const said = conversations.get(name) ?? [];
    conversations.set(name, said);
    if (vector.direction === direction && vector.hex.length > 0) said.push(bytesOf(vector.hex));
  }
  return conversations;
}

/** Who is silent opens requests and answers what comes, so that there is something to say. */
const OWN_STEPS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  server: [
    [KIND["act"], 0, 8, 0],
    [KIND["act"], 1, 3, 0],
  ],
  client: [0, 1, 2, 3].map((interaction) => [KIND["open"], interaction, 4]),
};

for (const [target, direction] of Object.entries({ server: "client->server", client: "server->client" })) {
  for (const peer of PEERS) {
    const [first] = spread(
      [...conversationsOf(peer, direction).values()].filter((said) => said.length > 2),
      1,
    );
    const said = (first ?? []).filter((frame) => frame.length <= MAX_FRAME_BYTES).slice(0, MAX_FRAMES);
    if (said.length === 0) continue;
    const own = OWN_STEPS[target] ?? [];
    const steps = said.flatMap((frame, i) => [...stepOfBytes("frame", frame), ...(own[i] ?? [])]);
    const opening = target === "client" ? own.flat() : [];
    write(target, `captured-${peer}`, Uint8Array.from([Option.ANSWERS, 0, ...opening, ...steps, KIND["close"], 1]));
  }
}

/** Frames behind their lengths, cut every third byte. */
const stream = spread(frames, COUNT).flatMap((frame) => [0, frame.length >>> 8, frame.length & 0xff, ...frame]);
write("deframer", "captured", Uint8Array.from([6, 3, 0, ...stream]));
write("deframer", "captured-with-stops", Uint8Array.from([6, 7, 2, ...stream]));
write("deframer", "too-short", Uint8Array.from([6, 1, 0, 0, 0, 5, 1, 2, 3, 4, 5]));
write("deframer", "too-long", Uint8Array.from([2, 2, 0, 0, 0, 65, ...new Array<number>(65).fill(1)]));
