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

/** A call that has no stream yet: its caller has given no message, or an interceptor holds it. */
export type UnopenedCall = Pick<WaitingCall, "fail">;

const NONE: readonly WaitingCall[] = [];

/** First come, first served; at most `maxCalls`. */
export class Admission {
  readonly #maxCalls: number;
  #calls: Set<WaitingCall> | undefined;
  // They wait for user code, not for room.
  #unopened: Set<UnopenedCall> | undefined;

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

  /** `call` is told when the connection ends, unless it is withdrawn before. */
  addUnopened(call: UnopenedCall): void {
    this.#unopened ??= new Set();
    this.#unopened.add(call);
  }

  /** The call waits no more, and is told nothing. */
  withdraw(call: WaitingCall | UnopenedCall): void {
    this.#calls?.delete(call as WaitingCall);
    this.#unopened?.delete(call);
  }

  /** Admits calls as long as `hasRoom` says so. */
  admitWhile(hasRoom: () => boolean): void {
    for (const call of this.#calls ?? NONE) {
      if (!hasRoom()) return;
      this.withdraw(call);
      call.admit();
    }
  }

  /** Fails all; asks for the error only if there are any. */
  failAll(errorOf: () => ConnectionError): void {
    // One that fails may withdraw another.
    for (const calls of [this.#calls, this.#unopened]) {
      for (const call of calls ?? NONE) {
        this.withdraw(call);
        call.fail(errorOf());
      }
    }
  }
}
