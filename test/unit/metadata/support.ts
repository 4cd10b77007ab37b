// SPDX-License-Identifier: Apache-2.0
// Captured frames by name, metadata cut out of them without our codec, cuts, and random numbers with a printed seed.

import { readFileSync } from "node:fs";
import { bytesOf } from "../../support/frames-dsl.js";

/** One captured frame or piece of metadata. */
export interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly meaning: string;
}

/** The vectors of `test/vectors/data/<file>.json`. */
export function readVectors<T extends Vector = Vector>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(`../../vectors/data/${file}.json`, import.meta.url), "utf8")) as T[];
}

/** The frame of one vector of our extension. */
export function extensionFrame(name: string): Uint8Array {
  const vector = readVectors("rpc-extension").find((one) => one.name === name);
  if (vector === undefined) throw new Error(`no vector ${name}`);
  return bytesOf(vector.hex);
}

/** The metadata of a frame that has a metadata length, which stands at `lengthAt`. */
export function metadataAt(frame: Uint8Array, lengthAt: number): Uint8Array {
  const [high = 0, middle = 0, low = 0] = frame.subarray(lengthAt, lengthAt + 3);
  return frame.subarray(lengthAt + 3, lengthAt + 3 + ((high << 16) | (middle << 8) | low));
}

/** Where the metadata length stands: REQUEST_RESPONSE, REQUEST_FNF and PAYLOAD; REQUEST_STREAM and REQUEST_CHANNEL. */
export const AFTER_HEADER = 6;
export const AFTER_INITIAL_N = 10;

/** All beginnings of `bytes` but the whole, each in an array of its own with garbage behind it that must not be read. */
export function* cuts(bytes: Uint8Array): Generator<{ readonly bytes: Uint8Array; readonly end: number }> {
  for (let end = 0; end < bytes.length; end++) {
    const cut = new Uint8Array(end + 64).fill(0xff);
    cut.set(bytes.subarray(0, end));
    yield { bytes: cut.subarray(0, end), end };
  }
}

/** What `action` throws; undefined when it doesn't. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
    return undefined;
  } catch (error) {
    return error;
  }
}
