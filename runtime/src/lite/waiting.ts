// SPDX-License-Identifier: Apache-2.0
// Messages of one call that wait for their consumer, counted where all of a connection's are.

/** Who counts the bytes. */
export interface WaitingCounter {
  unconsumedBytes: number;
}

/** A queue of messages. */
export interface Waiting {
  /** Messages that wait. */
  readonly length: number;
  /** Takes a message. */
  push(message: Uint8Array): void;
  /** The one that has waited longest. */
  shift(): Uint8Array | undefined;
  /** Drops them all. */
  clear(): void;
}

/** One whose bytes `counter` counts. Taking a message costs the same, in the mean, however many there are. */
export function createWaiting(counter: WaitingCounter): Waiting {
  let newer: Uint8Array[] = [];
  // The next one is the last.
  let older: Uint8Array[] = [];

  function shift(): Uint8Array | undefined {
    if (older.length === 0) {
      older = newer.reverse();
      newer = [];
    }
    const message = older.pop();
    counter.unconsumedBytes -= message?.length ?? 0;
    return message;
  }

  return {
    get length() {
      return newer.length + older.length;
    },
    push(message) {
      newer.push(message);
      counter.unconsumedBytes += message.length;
    },
    shift,
    clear() {
      while (shift() !== undefined);
    },
  };
}

/** What calls that have ended still hold, if nobody reads it: their iterators were dropped without `return`. */
export const dropped: FinalizationRegistry<Waiting> = /*@__PURE__*/ new FinalizationRegistry((waiting) =>
  waiting.clear(),
);
