// SPDX-License-Identifier: Apache-2.0
// What is thrown for values that can't be written and bytes that can't be read.

/** A text longer than this isn't shown. */
const SHOWN_UNITS = 40;

/** A value that no field of its kind can hold. Whoever catches it says where the value stands. */
export class RefusedValue extends TypeError {}

/** The error for a value that isn't what was `expected`. */
export function refused(value: unknown, expected: string): RefusedValue {
  return new RefusedValue(`got ${nameOf(value)}, expected ${expected}`);
}

/** The error for bytes that aren't a message; `at` is an offset into them. */
export function malformed(what: string, at: number): RangeError {
  return new RangeError(`${what} at byte ${at}`);
}

/** What a value is: `an Array`, `a demo.v1.Quote`, `undefined`, `5`, `"AB"`. It may be anything, so nothing here may throw. */
export function nameOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "string")
    return value.length <= SHOWN_UNITS ? JSON.stringify(value) : `a text of ${value.length} characters`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    const typed = value as { readonly $typeName?: unknown; readonly constructor?: { readonly name?: unknown } };
    const name = String(typed.$typeName ?? typed.constructor?.name ?? "object");
    return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
  } catch {
    return "an object";
  }
}

/** `Object`, `Array`, `Uint8Array`, `Map`: also of what comes from another realm. */
export function kindOfObject(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}
