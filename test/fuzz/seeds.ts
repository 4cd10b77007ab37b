// SPDX-License-Identifier: Apache-2.0
// What inputs are made from: frames that real peers sent, cut into what each target reads.

import { readdirSync, readFileSync } from "node:fs";
import { bytesOf, hexOf, type SeenFrame, seeFrame } from "../support/frames-dsl.js";
import { SPECIMENS } from "../unit/frames/catalogue.js";

const DATA = new URL("../vectors/data/", import.meta.url);
/** Longer ones are mostly payload, and slow to change. */
const MAX_SEED_BYTES = 400;
/** Files whose hex is no frame. */
const METADATA_FILES: ReadonlySet<string> = new Set(["20-metadata.json", "21-tracing-map.json"]);

interface Vector {
  readonly hex: string;
}

const files = readdirSync(DATA)
  .filter((file) => file.endsWith(".json"))
  .sort();

function vectorsOf(file: string): string[] {
  const vectors = JSON.parse(readFileSync(new URL(file, DATA), "utf8")) as Vector[];
  // The one file whose hex begins with the length prefix of the byte stream.
  return vectors.map(({ hex }) => (file === "11-tcp-framing.json" ? hex.slice(6) : hex));
}

function distinct(hexes: readonly string[]): Uint8Array[] {
  return [...new Set(hexes)].filter((hex) => hex.length > 0 && hex.length <= 2 * MAX_SEED_BYTES).map(bytesOf);
}

function seen(frame: Uint8Array): SeenFrame | undefined {
  try {
    return seeFrame(frame);
  } catch {
    return undefined;
  }
}

/** Frames without length prefix: the captured ones, and one of each kind by hand. */
export const frames: readonly Uint8Array[] = distinct([
  ...files.filter((file) => !METADATA_FILES.has(file)).flatMap(vectorsOf),
  ...SPECIMENS.map(({ hex }) => hex),
]);

/** Metadata of requests, answers and METADATA_PUSH, and of vectors of metadata alone. */
export const metadata: readonly Uint8Array[] = distinct([
  ...frames.map((frame) => hexOf(seen(frame)?.metadata ?? new Uint8Array(0))),
  ...[...METADATA_FILES].flatMap(vectorsOf),
]);

/** Envelopes: behind the mark of their composite entry, and behind the zero byte of ERROR data. */
export const envelopes: readonly Uint8Array[] = distinct([
  ...metadata.map((bytes) => hexOf(bytes)).map((hex) => hex.slice(hex.indexOf("7270632e7631") + 18)),
  ...frames.map((frame) => (seen(frame)?.type === "ERROR" ? hexOf(frame).slice(22) : "")),
  "0a020801",
  "0a0908011002 1a0361626310d00f".replace(" ", ""),
  "10e807220a0a0161120576616c7565",
  "320a0805120474657874",
]);

/** `frames` that stand on a stream, by the side that may send them as a requester. */
export const streamFrames: readonly Uint8Array[] = frames.filter((frame) => (seen(frame)?.streamId ?? 0) !== 0);
