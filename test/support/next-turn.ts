// SPDX-License-Identifier: Apache-2.0
// Waiting for what the event loop does next.

/** A turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
