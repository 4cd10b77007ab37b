// SPDX-License-Identifier: Apache-2.0
// Calls that share a signal share one listener on it: ten thousand calls are no leak, and no warning of one.

class Listeners extends Set<() => void> {
  handleEvent(): void {
    for (const abort of this) abort();
  }
}

const listenersOf = /*@__PURE__*/ new WeakMap<AbortSignal, Listeners>();

/** Calls `abort` when `signal` is aborted, unless `stopListening` comes first. */
export function listenForAbort(signal: AbortSignal, abort: () => void): void {
  const listeners = listenersOf.get(signal) ?? new Listeners();
  if (listeners.size === 0) {
    listenersOf.set(signal, listeners);
    signal.addEventListener("abort", listeners);
  }
  listeners.add(abort);
}

/** `abort` isn't called any more; with the last of them the listener goes. */
export function stopListening(signal: AbortSignal, abort: () => void): void {
  const listeners = listenersOf.get(signal);
  if (listeners?.delete(abort) && listeners.size === 0) signal.removeEventListener("abort", listeners);
}
