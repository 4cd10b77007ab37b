// SPDX-License-Identifier: Apache-2.0
// What dialing a socket of Node has in common: it opens, fails, or is given up, and then nobody listens to it any more.

import type { Socket } from "node:net";
import type { FrameLink } from "../engine/link.js";
import { reasonOf } from "./node-servers.js";

/** @internal A socket that opens. */
export interface Opening {
  readonly socket: Socket;
  /** What it emits when it is open. */
  readonly event: "connect" | "secureConnect";
  /** Its address, for people. */
  readonly address: string;
  /** Makes the link when it is open. */
  createLink(): FrameLink;
}

/** @internal Resolves with the link, or rejects with an Error naming the address, or with the reason of `signal`. */
export function dialSocket(signal: AbortSignal, open: () => Opening): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { socket, event, address, createLink } = open();
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off(event, onOpen);
      // The error listener stays: a socket that is destroyed while it connects may still report one.
    };
    const onAbort = (): void => {
      settle();
      socket.destroy();
      reject(signal.reason);
    };
    const onOpen = (): void => {
      settle();
      socket.off("error", onError);
      resolve(createLink());
    };
    const onError = (cause: Error): void => {
      settle();
      reject(new Error(`can't connect to ${address}: ${reasonOf(cause)}`, { cause }));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on(event, onOpen);
    socket.on("error", onError);
  });
}
