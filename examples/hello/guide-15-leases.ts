// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/15-leases.md.

import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const ticker = implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name, price: 42 }) });

// #region serve
import { fixedRateLease, serve } from "rsocket-rpc/node";

const server = await serve("tcp://127.0.0.1:0", {
  services: [ticker],
  lease: fixedRateLease({ requestsPerSecond: 5 }), // of each connection
});
// #endregion
const url = server.urls[0] ?? "";

// #region connect
import { connect } from "rsocket-rpc/node";

const connection = await connect(url, { lease: true });
const client = createTickerClient(connection);

const began = performance.now();
for (let i = 0; i < 6; i++) await client.last({ name: "ACME" }, { timeoutMs: 5_000 });
console.log("the sixth call waited:", performance.now() - began > 500); // true
console.log("left of this lease:", connection.lease?.allowance); // 4
// #endregion
await connection.close();

// #region impatient
import { Code, RpcError } from "rsocket-rpc/node";

const impatient = await connect(url, {
  lease: {
    waitForLease: false,
    onLease: ({ requestCount }) => console.log("granted:", requestCount), // 5
  },
});
try {
  for (;;) await createTickerClient(impatient).last({ name: "ACME" });
} catch (error) {
  console.log(RpcError.is(error, Code.Unavailable) && error.retryable); // true
}
// #endregion
await impatient.close();
await server.close();

// #region adaptive
import { adaptiveLease } from "rsocket-rpc/node";

const lease = adaptiveLease({ maxLimit: 500 });
const careful = await serve("tcp://127.0.0.1:0", {
  services: [ticker],
  lease: { strategy: lease, required: true }, // clients that don't honour leases are refused
});
console.log("calls at once:", lease.limit); // 20, to begin with
// #endregion
await careful.close();

// #region strategy
import type { LeaseStrategy, Timer } from "rsocket-rpc/node";

/** `size` calls at a time; the next when those have been used, unless the house is full: then we look again later. */
function batches(size: number, isFull: () => boolean): LeaseStrategy {
  return {
    attach(connection) {
      let timer: Timer | undefined;
      const grant = (): void => {
        const requestCount = isFull() ? 0 : size;
        connection.grant({ requestCount, ttlMs: 60_000 });
        timer?.cancel();
        timer = connection.scheduler.setTimer(requestCount === 0 ? 100 : 50_000, grant);
      };
      return {
        start: grant,
        onRequest: () => connection.allowance === 0 && grant(),
        onRefused: () => console.warn("asked without a lease:", connection.remoteAddress),
        stop: () => timer?.cancel(),
      };
    },
  };
}
// #endregion

const batched = await serve("tcp://127.0.0.1:0", { services: [ticker], lease: batches(2, () => false) });
const last = await connect(batched.urls[0] ?? "", { lease: true });
for (let i = 0; i < 5; i++) await createTickerClient(last).last({ name: "ACME" });
console.log("five calls, two at a time");
await last.close();
await batched.close();
