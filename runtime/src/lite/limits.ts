// SPDX-License-Identifier: Apache-2.0
// What a server can move in a client that only calls: the limits of `session/settings.ts` that are left, with its defaults.
// They are numbers in a row: pages that change none don't carry their names.

import type { Limits } from "../session/settings.js";
import { check } from "./check.js";
import type * as Limit from "./limit-places.js";

/** Their names, in order; `limit-places.ts` says the same. */
const NAMES = [
  "maxMessageBytes",
  "maxMetadataBytes",
  "maxFragments",
  "maxReassemblyBytes",
  "maxSurplusItems",
  "maxSurplusBytes",
  "maxUnconsumedBytes",
  "maxWaitingBytes",
  "producerPauseBytes",
  "maxPeerCausedBytes",
  "stallTimeoutMs",
  "maxQueuedCalls",
  "controlBurst",
  "controlsPerSecond",
  "meaninglessBurst",
  "meaninglessPerSecond",
  "requestNBurst",
  "requestNsPerSecond",
] as const;

/** What is limited by a burst and a rate. */
const BUDGETS = [
  ["controlBurst", "controlsPerSecond"],
  ["meaninglessBurst", "meaninglessPerSecond"],
  ["requestNBurst", "requestNsPerSecond"],
] as const;

/** Every buffer and counter that a server can move here; `Limits` says what each is. */
export type LiteLimits = Pick<Limits, (typeof NAMES)[number]>;

/** Where one of them stands. */
export type LimitPlace = (typeof Limit)[keyof typeof Limit];

type NumbersOf<Names> = { readonly [Place in keyof Names]: number };

/** A number for each. Made by `limits`. */
export type LimitsSupport = NumbersOf<typeof NAMES>;

/** The same numbers as a whole runtime's: tests compare them. */
export const STANDARD: LimitsSupport = [
  4_194_304, // maxMessageBytes
  65_536, // maxMetadataBytes
  131_072, // maxFragments
  16_777_216, // maxReassemblyBytes
  64, // maxSurplusItems
  262_144, // maxSurplusBytes
  16_777_216, // maxUnconsumedBytes
  268_435_456, // maxWaitingBytes
  1_048_576, // producerPauseBytes
  25_165_824, // maxPeerCausedBytes
  30_000, // stallTimeoutMs
  10_000, // maxQueuedCalls
  2_000, // controlBurst
  500, // controlsPerSecond
  5_000, // meaninglessBurst
  1_000, // meaninglessPerSecond
  1_000, // requestNBurst
  1_000, // requestNsPerSecond
];

/**
 * Limits for `connect`: those of `changes`, and the standard of all others.
 * @throws RangeError naming one that is none.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { limits: limits({ maxMessageBytes: 65_536 }) });
 */
export function limits(changes: Partial<LiteLimits>): LimitsSupport {
  for (const [name, value] of Object.entries(changes)) {
    const isKnown = (NAMES as readonly string[]).includes(name);
    check(
      isKnown && (value === undefined || (typeof value === "number" && value > 0)),
      `limit ${name}`,
      value,
      "a known name and a number above 0",
    );
  }
  const all = Object.fromEntries(NAMES.map((name, place) => [name, changes[name] ?? STANDARD[place]])) as Record<
    keyof LiteLimits,
    number
  >;
  // As the whole runtime does: tests compare them.
  all.maxFragments = changes.maxFragments ?? Math.max(16_384, all.maxMessageBytes / 32);
  all.maxReassemblyBytes =
    changes.maxReassemblyBytes ?? Math.max(16_777_216, all.maxMessageBytes + all.maxMetadataBytes);
  // Rates are multiplied by times, of which one may be 0: what has no end is a burst without one.
  for (const [burst, rate] of BUDGETS) if (all[rate] === Infinity) all[burst] = Infinity;
  return NAMES.map((name) => Math.min(all[name], Number.MAX_VALUE)) as unknown as LimitsSupport;
}
