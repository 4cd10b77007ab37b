// SPDX-License-Identifier: Apache-2.0
// What the cases measure and wait with.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const PATIENCE_MS = 2_000;

/** The case can't be run here: the reason is printed. */
export class Skipped extends Error {}

let keys = 0;

/** A key that nobody has used; the same in every run when INTEROP_SEED is set. */
export function freshKey(name) {
  return process.env.INTEROP_SEED === undefined ? `${name}-${randomUUID()}` : `${name}-${++keys}`;
}

/** Bytes of which none is where another would do. */
export function pattern(length, seed = 7) {
  return Buffer.from(Uint8Array.from({ length }, (_, at) => at * 31 + seed));
}

/** Fails without printing megabytes. */
export function expectBytes(actual, expected, what) {
  assert.equal(actual.length, expected.length, `bytes of ${what}`);
  assert.ok(expected.equals(actual), `content of ${what}`);
}

/** What `promise` rejects with. */
export async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("the call succeeded, expected it to fail");
}

export async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @throws Error with `what` when `promise` takes longer. */
export async function within(ms, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export async function eventually(what, holds) {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await pause(10);
  }
}

/** The server's handler knows that the call with `key` was given up. */
export function expectHandlerTold(client, key) {
  const told = async () => (await client.unary("Fired", { key: `cancelled:${key}` })).count === 1;
  return eventually("the server's handler is told", told);
}
