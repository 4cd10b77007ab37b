// SPDX-License-Identifier: Apache-2.0
// A lease for who must grant one and wants no limit (RSocket 1.0 §Lease Semantics, CONN-09).

import type { Timer } from "../engine/scheduler.js";
import type { LeaseStrategy } from "./lease.js";

const MOST = 0x7fffffff;
/** Half of the longest ttl, 12 days: no connection notices that it ends. */
const RENEWAL_MS = MOST / 2;

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
        connection.grant({ requestCount: MOST, ttlMs: MOST });
        timer = connection.scheduler.setTimer(RENEWAL_MS, start);
      };
      return { start, stop: () => timer?.cancel() };
    },
  };
}
