// SPDX-License-Identifier: Apache-2.0
// A token bucket: how often a server may do something that costs us.

/** Allows `burst` at once and `perSecond` after that. */
export interface Budget {
  /** Takes one; false when none is left. `nowMs` must not go backwards. */
  takeOne(nowMs: number): boolean;
  /** Gives one more than time alone would. */
  earn(): void;
}

/** A full one; `perSecond` is finite. */
export function createBudget(burst: number, perSecond: number): Budget {
  let tokens = burst;
  let filledAtMs = 0;
  return {
    takeOne(nowMs) {
      // What was earned may lie above the burst; time alone never leads there.
      if (tokens < burst) tokens = Math.min(burst, tokens + ((nowMs - filledAtMs) * perSecond) / 1_000);
      filledAtMs = nowMs;
      return tokens >= 1 && tokens-- >= 1;
    },
    earn() {
      tokens++;
    },
  };
}
