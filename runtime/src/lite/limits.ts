// SPDX-License-Identifier: Apache-2.0
// What a server can move in a client that only calls: the limits of `session/settings.ts` that are left, with its defaults.

import type { Limits } from "../session/settings.js";
import { check } from "./check.js";

/** Every buffer and counter that a server can move here; `Limits` says what each is. */
export type LiteLimits = Pick<
  Limits,
  | "maxMessageBytes"
  | "maxReassemblyBytes"
  | "maxFragments"
  | "maxMetadataBytes"
  | "maxSurplusItems"
  | "maxSurplusBytes"
  | "maxUnconsumedBytes"
  | "maxWaitingBytes"
  | "producerPauseBytes"
  | "maxPeerCausedBytes"
  | "stallTimeoutMs"
  | "maxQueuedCalls"
  | "controlBurst"
  | "controlsPerSecond"
  | "meaninglessBurst"
  | "meaninglessPerSecond"
  | "requestNBurst"
  | "requestNsPerSecond"
>;

/** The same numbers as a whole runtime's: tests compare them. */
const STANDARD: { -readonly [Name in keyof LiteLimits]: number } = {
  /** As many as the largest message may have. */
  maxFragments: 0,
  /** 16 MiB, or what the largest message may have. */
  maxReassemblyBytes: 0,
  maxMessageBytes: 4_194_304,
  maxMetadataBytes: 65_536,
  maxSurplusItems: 64,
  maxSurplusBytes: 262_144,
  maxUnconsumedBytes: 16_777_216,
  maxWaitingBytes: 268_435_456,
  producerPauseBytes: 1_048_576,
  maxPeerCausedBytes: 25_165_824,
  stallTimeoutMs: 30_000,
  maxQueuedCalls: 10_000,
  controlBurst: 2_000,
  controlsPerSecond: 500,
  meaninglessBurst: 5_000,
  meaninglessPerSecond: 1_000,
  requestNBurst: 1_000,
  requestNsPerSecond: 1_000,
};

/** The standard limits with those of `changes` in their place. @throws RangeError naming one that is none. */
export function liteLimits(changes: Partial<LiteLimits> = {}): LiteLimits {
  const limits = { ...STANDARD };
  for (const [name, value] of Object.entries(changes) as [keyof LiteLimits, number | undefined][]) {
    const isFine = value === undefined || (typeof value === "number" && value > 0);
    check(Object.hasOwn(limits, name) && isFine, `limit ${name}`, value, "a known name and a number above 0");
    limits[name] = value ?? limits[name];
  }
  // As the whole runtime does: tests compare them.
  const { maxMessageBytes, maxMetadataBytes } = limits;
  limits.maxFragments ||= Math.max(16_384, maxMessageBytes / 32);
  limits.maxReassemblyBytes ||= Math.max(16_777_216, maxMessageBytes + maxMetadataBytes);
  return limits;
}
