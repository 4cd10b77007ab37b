// SPDX-License-Identifier: Apache-2.0
// Words for what was thrown. User code may throw anything, so nothing here may throw.

/** Calls the user's code, and prints what it throws: it is no fault of the connection. `what` names it. */
export function callGuarded(what: string, call: () => unknown): void {
  guard(call, (error) => console.error(`rsocket-rpc: ${what} threw:`, error));
}

/** Calls the user's code. What it throws goes to `onThrow`; so does what it rejects with, as an async function fits, too. */
export function guard(call: () => unknown, onThrow: (error: unknown) => void): void {
  try {
    const returned = call();
    if (returned instanceof Promise) returned.catch(onThrow);
  } catch (error) {
    onThrow(error);
  }
}

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "something that can't be put into words";
  }
}
