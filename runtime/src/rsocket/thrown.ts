// SPDX-License-Identifier: Apache-2.0
// Words for what was thrown. User code may throw anything, so nothing here may throw.

/** A flood of faults is told once a second of each kind and method, with how many there were. */
const PRINT_INTERVAL_MS = 1_000;
/** By text: as many as there are methods, times the kinds. */
const printed = new Map<string, { atMs: number; unprinted: number }>();

/** Prints what user code threw, which would be lost else; `text` says what it was. */
export function print(text: string, error: unknown): void {
  const nowMs = performance.now();
  const last = printed.get(text);
  if (last !== undefined && nowMs - last.atMs < PRINT_INTERVAL_MS) {
    last.unprinted++;
    return;
  }
  const more = last?.unprinted ?? 0;
  printed.set(text, { atMs: nowMs, unprinted: 0 });
  console.error(`rsocket-rpc: ${text}${more > 0 ? ` (and ${more} times more before)` : ""}:`, error);
}

/** Calls the user's code, and prints what it throws: it is no fault of the connection. `what` names it. */
export function callGuarded(what: string, call: () => unknown): void {
  guard(call, (error) => print(`${what} threw`, error));
}

/** Calls the user's code. What it throws goes to `onThrow`; so does what it rejects with, as an async function fits, too. */
export function guard(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const returned = call();
    if (isThenable(returned)) returned.then(undefined, onThrow);
  } catch (error) {
    onThrow(error);
  }
}

/** A promise of whatever make: of another realm, or of a library that has its own. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "something that can't be put into words";
  }
}
