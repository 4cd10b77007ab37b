// SPDX-License-Identifier: Apache-2.0
// Whether the other end of a browser's port is there. Browsers tell a page nothing of a worker that was terminated; but the
// platform takes locks away from whoever has gone (Web Locks API). So each end holds a lock and tells the other its name,
// and whoever gets that lock knows.

import { toHex } from "../bytes/hex.js";

/** The part of `navigator.locks` that is needed. */
export interface LockManager {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly ifAvailable?: boolean },
    callback: (lock: unknown) => unknown,
  ): Promise<unknown>;
}

/** What becomes of locks. */
export interface PresenceListener {
  /** A lock is held, and the other end may know its name. */
  onHeld(name: string): void;
  /** The other end's lock was given up: it is gone. */
  onGone(): void;
}

/** Names are ours alone: whatever a peer names, no lock of the program is touched. */
const NAME = /^rsocket-rpc-port [0-9a-f]{32}$/;
const NAME_BYTES = 16;

/** Whether `text` may be the name of such a lock. */
export function isLockName(text: unknown): text is string {
  return typeof text === "string" && NAME.test(text);
}

/** The platform's locks for a port; undefined where there are none, and in Node, whose ports tell themselves. */
export function locksFor(port: object): LockManager | undefined {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: LockManager } };
  return "on" in port ? undefined : navigator?.locks;
}

/** One end's lock, and its look at the other's. Where locks are refused, as in sandboxed frames, nothing is told. */
export class PortPresence {
  readonly #locks: LockManager;
  readonly #listener: PresenceListener;
  readonly #over = new AbortController();
  #release: () => void = () => {};

  constructor(locks: LockManager, listener: PresenceListener) {
    this.#locks = locks;
    this.#listener = listener;
  }

  /** Takes a lock that nobody else knows, until `end`. */
  hold(): void {
    const bytes = crypto.getRandomValues(new Uint8Array(NAME_BYTES));
    const name = `rsocket-rpc-port ${toHex(bytes)}`;
    const { signal } = this.#over;
    const held = this.#request(name, { signal }, () => {
      if (signal.aborted) return;
      this.#listener.onHeld(name);
      return new Promise<void>((resolve) => {
        this.#release = resolve;
      });
    });
    held.catch(() => {});
  }

  /** Hears when the lock `name` is given up. */
  watch(name: string): void {
    this.#watch(name).catch(() => {});
  }

  /** Gives the lock up and hears no more. */
  end(): void {
    this.#over.abort();
    this.#release();
  }

  async #watch(name: string): Promise<void> {
    const { signal } = this.#over;
    // The lock of another origin isn't seen from here: it would seem to be free.
    const isSeen = await this.#request(name, { ifAvailable: true }, (lock) => lock === null);
    if (isSeen !== true || signal.aborted) return;
    await this.#request(name, { signal }, () => {});
    if (!signal.aborted) this.#listener.onGone();
  }

  // Where it is forbidden it may throw or reject.
  async #request(...args: Parameters<LockManager["request"]>): Promise<unknown> {
    return await this.#locks.request(...args);
  }
}
