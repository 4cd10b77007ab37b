// SPDX-License-Identifier: Apache-2.0
// Calls that share a signal share one listener on it: ten thousand calls are no leak, and no warning of one.

interface Listeners {
  readonly calls: Set<() => void>;
  readonly onAbort: () => void;
}

const listenersOf = new WeakMap<AbortSignal, Listeners>();

/** Calls `abort` when `signal` is aborted, unless `stopListening` comes first. */
export function listenForAbort(signal: AbortSignal, abort: () => void): void {
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    const calls = new Set<() => void>();
    listeners = {
      calls,
      onAbort: () => {
        listenersOf.delete(signal);
        for (const call of [...calls]) call();
      },
    };
    signal.addEventListener("abort", listeners.onAbort, { once: true });
    listenersOf.set(signal, listeners);
  }
  listeners.calls.add(abort);
}

/** `abort` isn't called any more; with the last of them the listener goes. */
export function stopListening(signal: AbortSignal, abort: () => void): void {
  const listeners = listenersOf.get(signal);
  if (listeners === undefined || !listeners.calls.delete(abort) || listeners.calls.size > 0) return;
  listenersOf.delete(signal);
  signal.removeEventListener("abort", listeners.onAbort);
}
