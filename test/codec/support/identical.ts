// SPDX-License-Identifier: Apache-2.0
// Whether two objects can't be told apart: values, the order of properties, and what is inherited.

/** Where `a` and `b` differ, and how; undefined when they don't. */
export function difference(a: unknown, b: unknown, path = "message"): string | undefined {
  if (Object.is(a, b)) return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null)
    return `${path}: ${shown(a)} and ${shown(b)}`;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return bytesDifference(a, b, path);
  const [keysOfA, keysOfB] = [Reflect.ownKeys(a), Reflect.ownKeys(b)];
  if (keysOfA.length !== keysOfB.length || keysOfA.some((key, index) => key !== keysOfB[index]))
    return `${path}: properties ${keysOfA.map(String).join()} and ${keysOfB.map(String).join()}`;
  for (const key of keysOfA) {
    const [ofA, ofB] = [Object.getOwnPropertyDescriptor(a, key), Object.getOwnPropertyDescriptor(b, key)];
    if (
      ofA?.enumerable !== ofB?.enumerable ||
      ofA?.writable !== ofB?.writable ||
      ofA?.configurable !== ofB?.configurable
    )
      return `${path}.${String(key)}: other attributes`;
    const found = difference(ofA?.value, ofB?.value, `${path}.${String(key)}`);
    if (found !== undefined) return found;
  }
  return difference(Object.getPrototypeOf(a), Object.getPrototypeOf(b), `prototype of ${path}`);
}

function bytesDifference(a: Uint8Array, b: Uint8Array, path: string): string | undefined {
  if (a.constructor !== b.constructor) return `${path}: ${a.constructor.name} and ${b.constructor.name}`;
  if (a.length === b.length && a.every((byte, index) => byte === b[index])) return undefined;
  return `${path}: bytes ${shown(a)} and ${shown(b)}`;
}

function shown(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length}:${Array.from(value.subarray(0, 20)).join()}`;
  return typeof value === "bigint" ? `${value}n` : Object.is(value, -0) ? "-0" : String(JSON.stringify(value));
}
