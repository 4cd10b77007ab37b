// SPDX-License-Identifier: Apache-2.0
// What is refused because it can't be meant, in words.

import { MAX_31_BIT } from "../frames/layout.js";
import { nameOf } from "../rpc/describe.js";

/** @throws RangeError unless it `isFine`. */
export function check(isFine: boolean, what: string, value: unknown, expected: string): void {
  if (isFine) return;
  throw new RangeError(`${what} is ${nameOf(value)}, expected ${expected}`);
}

/** What a server has too much of, in words. */
export function tooMuch(what: string, most: number): string {
  return `${what} above the limit of ${most}`;
}

/** @throws RangeError unless `value` is a number in the range; a whole one where 0 is none. */
export function checkRange(what: string, value: number, least: number, most: number = MAX_31_BIT): void {
  const isFine = least > 0 ? Number.isInteger(value) : typeof value === "number";
  check(
    isFine && value >= least && value <= most,
    what,
    value,
    `${least > 0 ? "a whole number " : ""}${least} … ${most}`,
  );
}
