// SPDX-License-Identifier: Apache-2.0
// Time, tasks and randomness: everything that the layers below take as an argument.

/** A timer that was set. */
export interface Timer {
  /** It doesn't fire any more. */
  cancel(): void;
}

/** The world as a connection sees it. Tests put virtual time in its place. */
export interface Scheduler {
  /** Milliseconds of a monotonic clock. */
  now(): number;
  /** Runs `task` when the current callback and its microtasks are done: what was queued meanwhile leaves as one write. */
  defer(task: () => void): void;
  /** Runs `task` after the event loop has had a turn: timers have fired and sockets were read. */
  yield(task: () => void): void;
  /** Runs `task` after `delayMs`. */
  setTimer(delayMs: number, task: () => void): Timer;
}

/** Node turns longer delays into 1 ms. */
const MAX_DELAY_MS = 0x7fffffff;

interface NodeGlobals {
  readonly process?: { nextTick?: (task: () => void) => void };
  readonly setImmediate?: (task: () => void) => void;
}

/**
 * The scheduler of this platform. In Node `defer` is `process.nextTick`; never a microtask, because user code that
 * waits for nothing would keep them coming and the socket would not be read. Elsewhere both are tasks by MessageChannel.
 */
export const systemScheduler: Scheduler = createSystemScheduler();

interface PlatformTimer extends Timer {
  readonly handle: ReturnType<typeof setTimeout>;
}

// One for all timers, not a closure: a connection has several, and it would keep what it calls, cancelled or not.
function cancel(this: PlatformTimer): void {
  clearTimeout(this.handle);
}

function createSystemScheduler(): Scheduler {
  const { process, setImmediate } = globalThis as NodeGlobals;
  const task = setImmediate ?? createTaskQueue();
  return {
    now: () => performance.now(),
    defer: process?.nextTick ?? task,
    yield: task,
    setTimer(delayMs, timed) {
      const timer: PlatformTimer = { handle: setTimeout(timed, Math.min(Math.max(0, delayMs), MAX_DELAY_MS)), cancel };
      return timer;
    },
  };
}

// A message to oneself is a task without the delay that browsers give timers.
function createTaskQueue(): (task: () => void) => void {
  const tasks: (() => void)[] = [];
  let channel: MessageChannel | undefined;
  return (task) => {
    channel ??= new MessageChannel();
    channel.port1.onmessage ??= () => tasks.shift()?.();
    tasks.push(task);
    channel.port2.postMessage(0);
  };
}
