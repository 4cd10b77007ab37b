// SPDX-License-Identifier: Apache-2.0
// Makes a call again when that is safe: for docs/guide/9-metadata-and-interceptors.md, and to be copied.

// #region retry
import { setTimeout as sleep } from "node:timers/promises";
import { type CallMethod, type CallOptions, Code, RpcError } from "rsocket-rpc/node";

/**
 * `call`, made again while it fails for a reason that passes: `maxAttempts` times at most, and within `timeoutMs`, which is
 * the deadline of all attempts together.
 */
export async function retry<T>(
  method: Pick<CallMethod, "idempotency">,
  call: (options: CallOptions) => Promise<T>,
  { timeoutMs = 10_000, maxAttempts = 4, backoffMs = 50, signal }: RetryOptions = {},
): Promise<T> {
  const endsAtMs = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call({ timeoutMs: Math.max(0, endsAtMs - performance.now()), signal });
    } catch (error) {
      const waitMs = backoffMs * 2 ** (attempt - 1) * (0.8 + 0.4 * Math.random());
      const hasTime = performance.now() + waitMs < endsAtMs;
      if (attempt >= maxAttempts || !hasTime || !isWorthAnother(error, method)) throw error;
      await sleep(waitMs, undefined, signal === undefined ? {} : { signal }).catch((reason: unknown) => {
        throw RpcError.from(reason);
      });
    }
  }
}

/** Not processed for certain; or perhaps processed, by a method that may be called twice. */
function isWorthAnother(error: unknown, { idempotency }: Pick<CallMethod, "idempotency">): boolean {
  if (!RpcError.is(error)) return false;
  return error.retryable || (error.code === Code.Unavailable && idempotency !== "unknown");
}
// #endregion

/** How long and how often. */
export interface RetryOptions {
  readonly timeoutMs?: number;
  readonly maxAttempts?: number;
  /** Before the second attempt; it doubles each time, ± 20 %. */
  readonly backoffMs?: number;
  readonly signal?: AbortSignal;
}
