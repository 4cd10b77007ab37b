// SPDX-License-Identifier: Apache-2.0
// Connections that aren't links yet: how many a server has at once, and how long they may take.

import type { Server, Socket } from "node:net";
import type { LinkInfo, LinkRefusal } from "../engine/link.js";
import type { HandshakeLimits } from "./addresses.js";
import { addressesOf } from "./node-servers.js";

/** Long enough for bad networks; Node's 60 s and 120 s hold too many sockets of those who never say anything. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HANDSHAKES = 1_000;
/** Node turns longer delays into 1 ms. */
const MAX_DELAY_MS = 0x7fffffff;

type Addresses = Pick<LinkInfo, "remoteAddress" | "localAddress">;
type LinkKind = Pick<LinkInfo, "transport" | "isSecure">;

interface Handshake {
  /** The TCP socket, whatever was laid over it. */
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

/** @internal Closes those that take too long, and those that are too many. */
export class Handshakes {
  readonly #timeoutMs: number;
  readonly #maxCount: number;
  readonly #kind: LinkKind;
  readonly #onRefused: (refusal: LinkRefusal) => void;
  // By both addresses, which TLS over a socket has in common with it: Node tells of no other way from one to the other.
  readonly #running = new Map<string, Handshake>();

  /** `kind`: what they would become. `onRefused` is told of each that is closed. */
  constructor(
    { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS, maxHandshakes = MAX_HANDSHAKES }: HandshakeLimits,
    kind: LinkKind,
    onRefused: (refusal: LinkRefusal) => void,
  ) {
    this.#kind = kind;
    this.#onRefused = onRefused;
    this.#timeoutMs = handshakeTimeoutMs;
    this.#maxCount = maxHandshakes;
  }

  /** How many are running. */
  get count(): number {
    return this.#running.size;
  }

  /** Counts the connections that `server` accepts from now on. */
  watch(server: Server): void {
    server.on("connection", (socket: Socket) => this.#begin(socket));
  }

  /** The handshake between these addresses is done; returns its TCP socket. */
  end(addresses: Addresses): Socket | undefined {
    const key = keyOf(addresses);
    const handshake = this.#running.get(key);
    clearTimeout(handshake?.timer);
    this.#running.delete(key);
    return handshake?.socket;
  }

  #begin(socket: Socket): void {
    const addresses = addressesOf(socket);
    if (this.#running.size >= this.#maxCount) {
      socket.destroy();
      this.#refused(addresses, `server is full: more than ${this.#maxCount} handshakes at once`, true);
      return;
    }
    const key = keyOf(addresses);
    // Node's own limits leave a TLS handshake open, and begin anew with each phase.
    const timer = setTimeout(
      () => {
        socket.destroy();
        this.#refused(addresses, `the handshake took more than ${this.#timeoutMs} ms`, false);
      },
      Math.min(this.#timeoutMs, MAX_DELAY_MS),
    );
    this.#running.set(key, { socket, timer });
    socket.once("close", () => {
      if (this.#running.get(key)?.socket !== socket) return;
      clearTimeout(timer);
      this.#running.delete(key);
    });
  }

  #refused(addresses: Addresses, reason: string, isForWantOfRoom: boolean): void {
    this.#onRefused({ info: { ...this.#kind, ...addresses }, reason, isForWantOfRoom });
  }
}

function keyOf({ remoteAddress, localAddress }: Addresses): string {
  return `${remoteAddress} ${localAddress}`;
}
