// SPDX-License-Identifier: Apache-2.0
// An interceptor that makes calls again when that is safe and likely to help.

import { type BackoffOptions, resolveBackoff } from "../engine/backoff.js";
import type { FailedAttempt, Interceptor } from "../rpc/call.js";
import { Code } from "../rpc/code.js";
import { checkOptions, type Kinds } from "../rsocket/settings.js";

/** Options of `retry`; all may be left out. */
export interface RetryOptions {
  /** Attempts in all, the first included. 4: what hasn't passed by then is better told than waited for. */
  readonly maxAttempts?: number;
  /**
   * The longest wait: `initialMs` (100) before the second attempt, each `factor` (2) times the one before, never above
   * `maxMs` (5,000). Each wait is drawn from 0 up to that, so that clients which failed together don't come together.
   */
  readonly backoff?: Partial<Omit<BackoffOptions, "jitter">>;
  /** Codes after which the handler may have run: only methods that may be called twice are called again. `unavailable`. */
  readonly codes?: readonly Code[];
  /** True: methods whose .proto promises nothing about repeated calls are called again, too. False. */
  readonly assumeIdempotent?: boolean;
  /** Numbers from 0 up to 1 for the waits; `Math.random` unless given. */
  readonly random?: () => number;
}

const KNOWN: Kinds = {
  maxAttempts: "number",
  backoff: "object",
  codes: "list",
  assumeIdempotent: "boolean",
  random: "function",
};
/** Each wait is drawn from all up to it, so there is no jitter to choose. */
const BACKOFF: Kinds = { initialMs: "number", factor: "number", maxMs: "number" };

/**
 * An interceptor that makes calls again, within their deadline: any call that the peer certainly didn't process
 * (`error.retryable`), and after one of `codes` those of methods whose .proto says
 * `option idempotency_level = IDEMPOTENT` or `NO_SIDE_EFFECTS`. Put it first: interceptors see each attempt.
 * @throws RangeError for a wrong option.
 * @example
 * const channel = createChannel(url, { interceptors: [retry({ maxAttempts: 3 })] });
 */
export function retry(options: RetryOptions = {}): Interceptor {
  checkOptions(options, KNOWN);
  if (options.backoff !== undefined) checkOptions(options.backoff, BACKOFF, "backoff.");
  const { maxAttempts = 4, codes = [Code.Unavailable], assumeIdempotent = false, random = Math.random } = options;
  if (!(Number.isInteger(maxAttempts) && maxAttempts >= 1)) {
    throw new RangeError(`maxAttempts is ${maxAttempts}, expected a whole number from 1 on`);
  }
  const known: readonly number[] = Object.values(Code);
  const wrong = codes.find((code) => !known.includes(code));
  if (wrong !== undefined)
    throw new RangeError(`codes hold ${JSON.stringify(wrong)}, expected such as Code.Unavailable`);
  const { initialMs, factor, maxMs } = resolveBackoff({ initialMs: 100, factor: 2, maxMs: 5_000, ...options.backoff });
  return (call, next) => {
    const mayRunTwice = assumeIdempotent || call.method.idempotency !== "unknown";
    call.retryWhen(({ error, attempt }: FailedAttempt) => {
      const isWorthAnother = error.retryable || (mayRunTwice && codes.includes(error.code));
      if (attempt >= maxAttempts || !isWorthAnother) return undefined;
      return random() * Math.min(initialMs * factor ** (attempt - 1), maxMs);
    });
    return next(call);
  };
}
