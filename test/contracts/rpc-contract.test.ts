// SPDX-License-Identifier: Apache-2.0
// The contract of calls and connections, on every transport, plain and in the smallest fragments.

import type { LeaseStrategy } from "rsocket-rpc";
import { rpcContract } from "./rpc-contract.js";
import { rpcConnectionContract } from "./rpc-contract-connections.js";
import { rpcFairnessContract } from "./rpc-contract-fairness.js";
import { TRANSPORTS } from "./rpc-contract-world.js";

/** Two requests at a time, the next two when those are used up. */
const twoAtATime: LeaseStrategy = {
  attach: (connection) => {
    const grant = (): void => connection.grant({ requestCount: 2, ttlMs: 60_000 });
    return { start: grant, stop: () => {}, onRequest: () => connection.allowance === 0 && grant() };
  },
};

for (const transport of TRANSPORTS) {
  describe(`the contract of rpc: ${transport.name}, with leases for two calls at a time`, function () {
    this.timeout(10_000);
    rpcContract(transport, 65_536, twoAtATime);
  });
  for (const [how, fragmentBytes] of [
    ["plain", 65_536],
    ["in fragments of 64 bytes", 64],
  ] as const) {
    describe(`the contract of rpc: ${transport.name}, ${how}`, function () {
      // Far more than any needs: a machine that is busy with other things fails no promise.
      this.timeout(10_000);
      describe("connections", () => rpcConnectionContract(transport, fragmentBytes));
      describe("fairness", () => rpcFairnessContract(transport, fragmentBytes));
      rpcContract(transport, fragmentBytes);
    });
  }
}
