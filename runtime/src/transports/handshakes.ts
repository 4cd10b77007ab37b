// SPDX-License-Identifier: Apache-2.0
// Connections that aren't links yet: how many a server has at once, and how long they may take.

import type { Server, Socket } from "node:net";
import type { LinkInfo, LinkRefusal } from "../engine/link.js";
import type { HandshakeLimits } from "./addresses.js";
import { addressesOf } from "./node-servers.js";

/** Long enough for bad networks; Node's 60 s and 120 s hold too many sockets of those who never say anything. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
const MAX_HANDSHAKES = 1_000;
/** When there are too many, one that has taken so long makes room for another: most take a few round trips, the silent for ever. */
const ROOM_AFTER_MS = 1_000;
/** Node turns longer delays into 1 ms. */
const MAX_DELAY_MS = 0x7fffffff;

type Addresses = Pick<LinkInfo, "remoteAddress" | "localAddress">;
type LinkKind = Pick<LinkInfo, "transport" | "isSecure">;

interface Handshake {
  /** The TCP socket, whatever was laid over it. */
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
  readonly addresses: Addresses;
  readonly sinceMs: number;
}

/** @internal Closes those that take too long, and those that are too many. */
export class Handshakes {
  readonly #timeoutMs: number;
  readonly #maxCount: number;
  readonly #kind: LinkKind;
  readonly #onRefused: (refusal: LinkRefusal) => void;
  readonly #now: () => number;
  // The oldest first.
  readonly #running = new Set<Handshake>();
  // By both addresses, which TLS over a socket has in common with it: Node tells of no other way from one to the other.
  readonly #byAddresses = new Map<string, Handshake>();

  /**
   * `kind`: what they would become. `onRefused` is told of each that is closed. `now` is for tests.
   * @throws RangeError for a limit that is no number of at least 1.
   */
  constructor(
    { handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS, maxHandshakes = MAX_HANDSHAKES }: HandshakeLimits,
    kind: LinkKind,
    onRefused: (refusal: LinkRefusal) => void,
    now: () => number = () => performance.now(),
  ) {
    this.#now = now;
    checkLimit("handshakeTimeoutMs", handshakeTimeoutMs);
    checkLimit("maxHandshakes", maxHandshakes);
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
    const handshake = this.#byAddresses.get(keyOf(addresses));
    if (handshake !== undefined) this.#forget(handshake);
    return handshake?.socket;
  }

  /** Closes all that are running: nobody waits for links any more. */
  close(): void {
    for (const handshake of this.#running) {
      this.#forget(handshake);
      handshake.socket.destroy();
    }
  }

  #begin(socket: Socket): void {
    // Gone already, reset by its peer: it never becomes a link, and is no news.
    if (socket.remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const addresses = addressesOf(socket);
    const sinceMs = this.#now();
    if (this.#running.size >= this.#maxCount) {
      const [oldest] = this.#running;
      const makesRoom = oldest !== undefined && sinceMs - oldest.sinceMs >= ROOM_AFTER_MS;
      const last = makesRoom ? oldest : { socket, addresses };
      if (makesRoom) this.#forget(oldest);
      last.socket.destroy();
      this.#refused(last.addresses, `server is full: more than ${this.#maxCount} handshakes at once`, true);
      if (!makesRoom) return;
    }
    // Node's own limits leave a TLS handshake open, and begin anew with each phase.
    const timer = setTimeout(
      () => {
        socket.destroy();
        this.#refused(addresses, `the handshake took more than ${this.#timeoutMs} ms`, false);
      },
      Math.min(this.#timeoutMs, MAX_DELAY_MS),
    );
    const handshake = { socket, timer, addresses, sinceMs };
    this.#running.add(handshake);
    this.#byAddresses.set(keyOf(addresses), handshake);
    socket.once("close", () => this.#forget(handshake));
  }

  #forget(handshake: Handshake): void {
    clearTimeout(handshake.timer);
    this.#running.delete(handshake);
    // The system may have given the same port to another one meanwhile.
    const key = keyOf(handshake.addresses);
    if (this.#byAddresses.get(key) === handshake) this.#byAddresses.delete(key);
  }

  #refused(addresses: Addresses, reason: string, isForWantOfRoom: boolean): void {
    this.#onRefused({ info: { ...this.#kind, ...addresses }, reason, isForWantOfRoom });
  }
}

function keyOf({ remoteAddress, localAddress }: Addresses): string {
  return `${remoteAddress} ${localAddress}`;
}

function checkLimit(name: string, value: number): void {
  if (value >= 1) return;
  throw new RangeError(`${name} is ${String(value)}, expected a number of at least 1`);
}
