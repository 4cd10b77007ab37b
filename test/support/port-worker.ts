// SPDX-License-Identifier: Apache-2.0
// The other thread of the tests of ports: what it does with its port is in `workerData`.

import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createBatch } from "../../runtime/src/bytes/slab.js";
import type { FrameLink, LinkHandler } from "../../runtime/src/engine/link.js";
import { systemScheduler } from "../../runtime/src/engine/scheduler.js";
import { openPortLink } from "../../runtime/src/transports/message-port.js";

/** What a worker of the tests does: sends back what comes, reads nothing until told, or ends in its own way. */
export interface PortWorkerData {
  readonly role: "echo" | "stopped" | "exit" | "throw";
  /** Its port, unless it is the one to its parent. */
  readonly port?: MessagePort;
  /** A message here tells the worker that is stopped to read. */
  readonly signal?: MessagePort;
}

const { role, port = parentPort, signal } = workerData as PortWorkerData;
if (port === null) throw new Error("this is no worker");
if (role === "exit") process.exit(3);
if (role === "throw") throw new Error("a bug of the worker");

openPortLink(port, systemScheduler, {
  onOpen: (link) => {
    if (role === "stopped" && signal !== undefined) {
      link.pause();
      link.setHandler(echoTo(link));
      signal.once("message", () => link.resume());
    } else link.setHandler(echoTo(link));
  },
  onFailed: (error) => {
    throw error;
  },
});

function echoTo(link: FrameLink): LinkHandler {
  return {
    maxFrameBytes: 4_194_304,
    onReadStart() {},
    onFrame(bytes, start, end) {
      const batch = createBatch();
      const frame = new Uint8Array(3 + end - start);
      frame.set([(end - start) >>> 16, (end - start) >>> 8, end - start]);
      frame.set(bytes.subarray(start, end), 3);
      batch.chunks.push(frame);
      batch.byteLength = frame.length;
      return link.send(batch);
    },
    onReadEnd() {},
    onMalformed: () => link.abort(),
    onDrain: () => link.resume(),
    onClose() {},
  };
}
