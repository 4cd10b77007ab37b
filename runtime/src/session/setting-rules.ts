// SPDX-License-Identifier: Apache-2.0
// What settings of a connection have to be, whoever fills them in.

import { checkOption, unknownName } from "../bytes/options.js";
import { MAX_31_BIT } from "../frames/layout.js";

/** The most fragments of a message, where nobody says otherwise. */
export function fragmentsOf(maxMessageBytes: number): number {
  return Math.max(16_384, maxMessageBytes / 32);
}

/** @throws RangeError unless `value` is a whole number in the range. */
export function checkSetting(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} is ${value}, expected a whole number ${least} … ${most}`);
  }
}

/** @throws RangeError unless `graceMs` is a number; what is below 0 is no time, Infinity no end. */
export function checkGrace(graceMs: number): void {
  if (typeof graceMs !== "number" || Number.isNaN(graceMs)) {
    throw new RangeError(`graceMs is ${String(graceMs)}, expected a number of milliseconds`);
  }
}

/** The limits of `changes` that are set. @throws RangeError naming one that isn't in `known`, or is no number above 0. */
export function givenLimits<Name extends string>(
  changes: Partial<Readonly<Record<Name, number | undefined>>>,
  known: Readonly<Record<Name, number>>,
): Partial<Record<Name, number>> {
  const given: Partial<Record<Name, number>> = {};
  for (const [name, value] of Object.entries<number | undefined>(changes)) {
    if (!Object.hasOwn(known, name)) throw unknownName(`limit ${name}`, known);
    if (value === undefined) continue;
    checkOption(`limit ${name}`, value, "number");
    if (!(value > 0)) throw new RangeError(`limit ${name} is ${value}, expected a number above 0`);
    given[name as Name] = value;
  }
  return given;
}

/** @throws RangeError unless `timeoutMs`, for connecting, is one. */
export function checkTimeout(timeoutMs: number): void {
  if (typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= MAX_31_BIT) return;
  throw new RangeError(`timeoutMs is ${String(timeoutMs)}, expected 0 … ${MAX_31_BIT}`);
}

/** What is held of unfinished messages, unless given: as much as by default, and one of the largest in any case. */
export function reassemblyBytesOf(limits: {
  readonly maxReassemblyBytes: number;
  readonly maxMessageBytes: number;
  readonly maxMetadataBytes: number;
}): number {
  return Math.max(limits.maxReassemblyBytes, limits.maxMessageBytes + limits.maxMetadataBytes);
}
