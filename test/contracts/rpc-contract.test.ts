// SPDX-License-Identifier: Apache-2.0
// The contract of calls and connections, on every transport, plain and in the smallest fragments.

import { rpcContract } from "./rpc-contract.js";
import { rpcConnectionContract } from "./rpc-contract-connections.js";
import { rpcFairnessContract } from "./rpc-contract-fairness.js";
import { TRANSPORTS } from "./rpc-contract-world.js";

for (const transport of TRANSPORTS) {
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
