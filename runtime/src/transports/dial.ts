// SPDX-License-Identifier: Apache-2.0
// What dialing a socket of Node has in common: it opens, fails, or is given up, and then nobody listens to it any more.

import type { EventEmitter } from "node:events";
import { type Dialer, type FrameLink, type GiveUp, undemandingDialer } from "../engine/link.js";
import { reasonOf } from "./node-servers.js";

/** @internal A socket, or a WebSocket, that opens. */
export interface Opening {
  readonly socket: EventEmitter;
  /** What it emits when it is open. */
  readonly event: "connect" | "secureConnect" | "open";
  /** Its address, for people. */
  readonly address: string;
  /** Nobody wants it any more. */
  giveUp(): void;
  /** Makes the link when it is open. What it throws is what `dial` rejects with. */
  createLink(): FrameLink;
}

/** @internal A dialer of what `open` begins to open. It rejects with an Error naming the address, or with the signal's reason. */
export function socketDialer(open: () => Opening): Dialer {
  return undemandingDialer((signal) => dialSocket(signal, open));
}

function dialSocket(signal: GiveUp, open: () => Opening): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const { socket, event, address, giveUp, createLink } = open();
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      socket.off(event, onOpen);
      // The error listener stays: a socket that is given up while it opens may still report one.
    };
    const onAbort = (): void => {
      settle();
      giveUp();
      reject(signal.reason);
    };
    const onOpen = (): void => {
      settle();
      socket.off("error", onError);
      try {
        resolve(createLink());
      } catch (error) {
        reject(error);
      }
    };
    const onError = (cause: Error): void => {
      settle();
      reject(new Error(`can't connect to ${address}: ${reasonOf(cause)}`, { cause }));
    };
    signal.addEventListener("abort", onAbort);
    socket.on(event, onOpen);
    socket.on("error", onError);
  });
}
