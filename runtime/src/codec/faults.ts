// SPDX-License-Identifier: Apache-2.0
// What is thrown for values that can't be written and bytes that can't be read.

/** A text longer than this isn't shown. */
const SHOWN_UNITS = 40;

/** A value that no field of its kind can hold. Whoever catches it says where the value stands. */
export class RefusedValue extends TypeError {}

/** The error for a value that isn't what was `expected`. */
export function refused(value: unknown, expected: string): RefusedValue {
  return new RefusedValue(`got ${shown(value)}, expected ${expected}`);
}

/** The error for bytes that aren't a message; `at` is an offset into them. */
export function malformed(what: string, at: number): RangeError {
  return new RangeError(`${what} at byte ${at}`);
}

function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value.length <= SHOWN_UNITS ? JSON.stringify(value) : `a text of ${value.length} characters`;
    case "bigint":
      return `${value}n`;
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      return value === null ? "null" : shownObject(value);
    default:
      return `a ${typeof value}`;
  }
}

function shownObject(value: object): string {
  const { $typeName } = value as { readonly $typeName?: unknown };
  if (typeof $typeName === "string") return $typeName;
  const name = Object.prototype.toString.call(value).slice(8, -1);
  return name === "Object" ? "an object" : `an object of ${name}`;
}
