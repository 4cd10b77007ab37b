// SPDX-License-Identifier: Apache-2.0
// The contract of links over MessagePorts: two ends in one thread, and one end in another thread.

import { MessageChannel } from "node:worker_threads";
import type { FrameLink } from "../../runtime/src/engine/link.js";
import { systemScheduler } from "../../runtime/src/engine/scheduler.js";
import { openPortLink, type PortLike } from "../../runtime/src/transports/message-port.js";
import { linkContract } from "./link-contract.js";

linkContract("MessagePort", async () => ({
  open: async () => {
    const { port1, port2 } = new MessageChannel();
    const [client, server] = await Promise.all([linkOver(port1), linkOver(port2)]);
    return { client, server };
  },
  close: async () => {},
}));

function linkOver(port: PortLike): Promise<FrameLink> {
  return new Promise((onOpen, onFailed) => {
    openPortLink(port, systemScheduler, { onOpen, onFailed });
  });
}
