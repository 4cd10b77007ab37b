// SPDX-License-Identifier: Apache-2.0
// Words for what user code passes and throws. It may be anything, so nothing here may throw.

export { messageOf } from "../rsocket/thrown.js";

/** What a value is: `an Array`, `a demo.v1.Quote`, `undefined`, `5`. */
export function nameOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  if (typeof value !== "object" || value === null) return String(value);
  try {
    const typed = value as { readonly $typeName?: unknown; readonly constructor?: { readonly name?: unknown } };
    const name = String(typed.$typeName ?? typed.constructor?.name ?? "object");
    return `${/^[AEIO]/i.test(name) ? "an" : "a"} ${name}`;
  } catch {
    return "an object";
  }
}
