// SPDX-License-Identifier: Apache-2.0
// Conversations with peers of other makes, kept as files: what each side sent in each case, in order.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { cutFrames } from "../../support/frames-dsl.js";
import type { Place } from "./cells.js";
import type { Direction, PassedFrame } from "./relay.js";

/** All cases of a peer at one place. */
export interface Transcript extends Place {
  readonly peer: string;
  readonly version: string;
  /** As in peer.json; empty: none. */
  readonly compat: string;
  /** By case: its connections in order, each with its frames. */
  readonly cases: ReadonlyMap<string, readonly (readonly PassedFrame[])[]>;
}

/** As it is written: frames as `>` or `<` and hex; or, when they are longer, `>z`, with their lengths,
 * through Brotli, in base64. */
interface Written extends Omit<Place, "mtu"> {
  readonly mtu?: number;
  readonly compat?: string;
  readonly peer: string;
  readonly version: string;
  readonly cases: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/** What isn't recorded, and why. */
export const UNRECORDED: ReadonlyMap<string, string> = new Map([
  ["concurrent_large_unary", "half a gigabyte"],
  ["many_small", "thousands of frames that are like those of large_unary"],
  ["big_message", "forty megabytes"],
  ["fragmented", "forty thousand frames; a place with an mtu has what matters"],
  ["peer_disconnects", "the cut isn't in the frames"],
  ["lease", "what is sent depends on the time of day"],
  ["resume", "tokens and cuts are those of one run"],
  ["composite_routing", "the same calls as in composite mode"],
]);

const FOLDER = fileURLToPath(new URL("../transcripts/", import.meta.url));
/** Of frames side by side that are written as they are. */
const PLAIN_BYTES = 200;
const LENGTH_BYTES = 3;

/** All that are kept. */
export function readTranscripts(): Transcript[] {
  return files().map((path) => read(readFileSync(path, "utf8")));
}

/** The size of all files together. */
export function transcriptBytes(): number {
  return files().reduce((sum, path) => sum + statSync(path).size, 0);
}

/** Replaces what is kept of a peer. */
export function writeTranscripts(peer: string, transcripts: readonly Transcript[]): void {
  const folder = join(FOLDER, peer);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const transcript of transcripts) {
    const { role, transport, mode, mtu } = transcript;
    const name = [role, transport, mode, ...(mtu === undefined ? [] : [mtu])].join("-");
    writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(written(transcript), undefined, 1)}\n`);
  }
}

function files(): string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER).flatMap((peer) => readdirSync(join(FOLDER, peer)).map((file) => join(FOLDER, peer, file)));
}

function read(text: string): Transcript {
  const { cases, mtu, compat = "", ...rest } = JSON.parse(text) as Written;
  const decoded = Object.entries(cases).map(([name, connections]) => {
    return [name, connections.map((frames) => frames.flatMap(decodeFrames))] as const;
  });
  return { ...rest, mtu, compat, cases: new Map(decoded) };
}

function written({ cases, mtu, compat, ...rest }: Transcript): Written {
  const encoded = [...cases].map(([name, connections]) => [name, connections.map(encodeFrames)] as const);
  const told = { ...(mtu === undefined ? {} : { mtu }), ...(compat === "" ? {} : { compat }) };
  return { ...rest, ...told, cases: Object.fromEntries(encoded) };
}

// Frames that go the same way, one behind the other, are squeezed together.
function encodeFrames(frames: readonly PassedFrame[]): string[] {
  const lines: string[] = [];
  let run: PassedFrame[] = [];
  const flush = (): void => {
    const byteLength = run.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (byteLength <= PLAIN_BYTES) lines.push(...run.map(({ direction, bytes }) => direction + hexText(bytes)));
    else lines.push(`${run[0]?.direction}z${squeezed(run)}`);
    run = [];
  };
  for (const frame of frames) {
    if (run.length > 0 && run[0]?.direction !== frame.direction) flush();
    run.push(frame);
  }
  flush();
  return lines;
}

function decodeFrames(line: string): PassedFrame[] {
  const direction = line.slice(0, 1) as Direction;
  if (!line.startsWith("z", 1)) return [{ direction, bytes: Buffer.from(line.slice(1), "hex") }];
  const bytes = brotliDecompressSync(Buffer.from(line.slice(2), "base64"));
  return cutFrames(bytes).map((frame) => ({ direction, bytes: frame }));
}

function squeezed(run: readonly PassedFrame[]): string {
  const parts = run.flatMap(({ bytes }) => {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUIntBE(bytes.length, 0, LENGTH_BYTES);
    return [length, bytes];
  });
  return brotliCompressSync(Buffer.concat(parts)).toString("base64");
}

function hexText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
