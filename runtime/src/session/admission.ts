// SPDX-License-Identifier: Apache-2.0
// Calls that wait, unencoded and in order, until the write queue has room.

import type { ConnectionError } from "./errors.js";

/** A call that waits. It is told one of both, once, or withdrawn. */
export interface WaitingCall {
  /** There is room: encode and open the stream now. */
  admit(): void;
  /** The connection ended meanwhile; nothing was sent. */
  fail(error: ConnectionError): void;
}

const NONE: readonly WaitingCall[] = [];

/** First come, first served; at most `maxCalls`. */
export class Admission {
  readonly #maxCalls: number;
  #calls: Set<WaitingCall> | undefined;

  constructor(maxCalls: number) {
    this.#maxCalls = maxCalls;
  }

  /** Calls that wait. */
  get size(): number {
    return this.#calls?.size ?? 0;
  }

  /** Lets `call` wait; false when too many do. */
  add(call: WaitingCall): boolean {
    if (this.size >= this.#maxCalls) return false;
    this.#calls ??= new Set();
    this.#calls.add(call);
    return true;
  }

  /** The call waits no more, and is told nothing. */
  withdraw(call: WaitingCall): void {
    this.#calls?.delete(call);
  }

  /** Admits calls as long as `hasRoom` says so. */
  admitWhile(hasRoom: () => boolean): void {
    for (const call of this.#calls ?? NONE) {
      if (!hasRoom()) return;
      this.withdraw(call);
      call.admit();
    }
  }

  /** Fails all. */
  failAll(error: ConnectionError): void {
    // One that fails may withdraw another.
    for (const call of this.#calls ?? NONE) {
      this.withdraw(call);
      call.fail(error);
    }
  }
}
