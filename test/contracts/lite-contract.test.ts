// SPDX-License-Identifier: Apache-2.0
// The same contract, kept by clients of `rsocket-rpc/lite`.

import type { Connection, ConnectOptions } from "rsocket-rpc";
import { serve } from "rsocket-rpc/node";
import { WebSocket as PlatformWebSocket } from "ws";
import { connectOver } from "../../runtime/src/lite/connect.js";
import { dialWebSocket } from "../../runtime/src/lite/websocket.js";
import { details, limits, metadata } from "../../runtime/src/lite.js";
import { rpcContract } from "./rpc-contract.js";
import { rpcConnectionContract } from "./rpc-contract-connections.js";
import { rpcFairnessContract } from "./rpc-contract-fairness.js";
import { type ContractTransport, rawWebSocket } from "./rpc-contract-world.js";

/** Of `ws`, which has what a page's WebSocket has. */
const WebSocketClass = PlatformWebSocket as unknown as typeof WebSocket;

const overWebSocket: ContractTransport = {
  name: "lite over WebSocket",
  isLite: true,
  async serve(options) {
    const server = await serve("ws://127.0.0.1:0/rpc", options);
    const url = server.urls[0] ?? "";
    return {
      server,
      // What calls and their end look like is the same; the rest of a Connection isn't asked for.
      connect: async ({ limits: changes = {}, ...connectOptions }: ConnectOptions) =>
        (await connectOver((signal, begin) => dialWebSocket(url, signal, begin, WebSocketClass), {
          metadata,
          details,
          ...connectOptions,
          limits: limits(changes),
        })) as unknown as Connection,
      connectRaw: () => rawWebSocket(url),
    };
  },
};

for (const [how, fragmentBytes] of [
  ["plain", 65_536],
  ["in fragments of 64 bytes", 64],
] as const) {
  describe(`the contract of rpc: ${overWebSocket.name}, ${how}`, function () {
    this.timeout(10_000);
    describe("connections", () => rpcConnectionContract(overWebSocket, fragmentBytes));
    describe("fairness", () => rpcFairnessContract(overWebSocket, fragmentBytes));
    rpcContract(overWebSocket, fragmentBytes);
  });
}
