// SPDX-License-Identifier: Apache-2.0
// What cases hold answers against, and how they wait.

import { randomUUID } from "node:crypto";
import { expect } from "chai";
import { type Code, codeName, RpcError, type Scheduler, type Timer } from "rsocket-rpc";
import { systemScheduler } from "rsocket-rpc/rsocket";
import type { TestServiceClient } from "../support/gen/interop_rsocket.js";
import type { Wire } from "./wire.js";

/** What should have happened by now has had this long, on a busy machine, too. */
const PATIENCE_MS = 2_000;

/** The time that cases wait by: virtual where a conversation is had again. */
let time: Scheduler = systemScheduler;

/** From now on cases wait by `scheduler`'s time. */
export function waitBy(scheduler: Scheduler): void {
  time = scheduler;
}

/** Milliseconds of the time that cases wait by. */
export function nowMs(): number {
  return time.now();
}

/** How many keys each case has made. */
const keyCounts = new Map<string, number>();

/**
 * A key that no other case uses, in no other run; with INTEROP_SEED in the environment `<name>-1`, `<name>-2`, …, so that
 * a conversation can be had again to the byte.
 */
export function freshKey(name: string): string {
  if (process.env["INTEROP_SEED"] === undefined) return randomUUID();
  const count = (keyCounts.get(name) ?? 0) + 1;
  keyCounts.set(name, count);
  return `${name}-${count}`;
}

/** Numbers begin anew: as in a process that has just started. */
export function forgetKeys(): void {
  keyCounts.clear();
}

/** Bytes in which a piece that is lost, doubled or out of its place shows. */
export function pattern(byteLength: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i++) bytes[i] = i * 31 + (i >>> 8) * 7 + (i >>> 16) + seed;
  return bytes;
}

/** @throws Error saying where the bytes differ: showing 20 MiB helps nobody. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  if (actual.length !== expected.length) {
    throw new Error(`${what} has ${actual.length} bytes, expected ${expected.length}`);
  }
  if (Buffer.compare(actual, expected) === 0) return;
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  throw new Error(`${what} differs at byte ${at}: ${actual[at]}, expected ${expected[at]}`);
}

/** The RpcError that `promise` fails with. @throws Error when it doesn't, or with another error. */
export async function failureOf(promise: Promise<unknown>): Promise<RpcError> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (RpcError.is(error)) return error;
    throw error;
  }
  throw new Error(`the call succeeded with ${value === undefined ? "nothing" : "an answer"}, expected it to fail`);
}

/** The code that a call failed with is one of `codes`. */
export function expectCode(error: RpcError, ...codes: readonly Code[]): void {
  const wanted = codes.map(codeName).join(" or ");
  if (!codes.includes(error.code)) throw new Error(`the call failed with ${error.message}, expected ${wanted}`);
}

/** A status as the server's handler gave it: peers of other makes carry the message alone. */
export function expectStatus(error: RpcError, code: Code, message: string, wire: Wire): void {
  if (wire.isOurs) expectCode(error, code);
  expect(error.rawMessage, "message").to.equal(message);
  expect(error.initiator, "initiator").to.equal("remote");
}

/** Waits until `holds`. @throws Error with `what` when it doesn't within two seconds. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endsAtMs = nowMs() + PATIENCE_MS;
  while (!(await holds())) {
    if (nowMs() > endsAtMs) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await pause(10);
  }
}

/** The server's handler has been told that the call with `key` was given up: it keeps count of that under another key. */
export async function expectHandlerTold(client: TestServiceClient, key: string): Promise<void> {
  await eventually("the server's handler is told", async () => {
    const { count } = await client.fired({ key: `cancelled:${key}` });
    return count === 1;
  });
}

/** Settles as `promise` does. @throws Error with `what` when it takes longer. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = time.setTimer(timeoutMs, () => reject(new Error(`${what}: not within ${timeoutMs} ms`)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer?.cancel();
  }
}

/** Lets time pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => void time.setTimer(ms, resolve));
}

/** Resolves when `signal` is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
