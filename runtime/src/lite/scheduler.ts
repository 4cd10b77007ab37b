// SPDX-License-Identifier: Apache-2.0
// Time and tasks of a page: what `engine/scheduler.ts` is to the whole runtime.

import type { Scheduler } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";

/** The scheduler of this platform. */
export const pageScheduler: Scheduler = {
  now: () => performance.now(),
  // Each frame is a message of its own, and whoever waits for items or ends gives way when a turn's are used up.
  defer: (task) => queueMicrotask(task),
  yield(task) {
    const { setImmediate } = globalThis as { readonly setImmediate?: (task: () => void) => void };
    if (setImmediate !== undefined) return setImmediate(task);
    // A message to oneself is a task without the delay that browsers give timers.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      task();
    };
    port2.postMessage(0);
  },
  setTimer(delayMs, timed) {
    // What is longer the platform takes for 1 ms.
    const handle = setTimeout(timed, Math.min(Math.max(0, delayMs), MAX_31_BIT));
    return { cancel: () => clearTimeout(handle) };
  },
};
