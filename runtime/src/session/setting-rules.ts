// SPDX-License-Identifier: Apache-2.0
// What settings of a connection have to be, whoever fills them in: apart from the limits, so that a small client carries no others.

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

/** What is held of unfinished messages, unless given: as much as by default, and one of the largest in any case. */
export function reassemblyBytesOf(limits: {
  readonly maxReassemblyBytes: number;
  readonly maxMessageBytes: number;
  readonly maxMetadataBytes: number;
}): number {
  return Math.max(limits.maxReassemblyBytes, limits.maxMessageBytes + limits.maxMetadataBytes);
}
