// SPDX-License-Identifier: Apache-2.0
// A lease for who must grant one and wants no limit (RSocket 1.0 §Lease Semantics, CONN-09).

import type { Timer } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import type { LeaseStrategy } from "./lease.js";

/** Half of the longest ttl, 12 days: no connection notices that it ends. */
const RENEWAL_MS = MAX_31_BIT / 2;

/**
 * As many requests as the peer likes: what a client grants to its server unless told otherwise.
 * @example
 * const server = await serve(url, { services, lease: { strategy: unlimitedLease(), required: true } });
 */
export function unlimitedLease(): LeaseStrategy {
  return {
    attach(connection) {
      let timer: Timer | undefined;
      const start = (): void => {
        timer?.cancel();
        connection.grant({ requestCount: MAX_31_BIT, ttlMs: MAX_31_BIT });
        timer = connection.scheduler.setTimer(RENEWAL_MS, start);
      };
      return { start, stop: () => timer?.cancel() };
    },
  };
}
