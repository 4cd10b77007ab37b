// SPDX-License-Identifier: Apache-2.0
// One attempt to get a link, or a connection: it ends in time, and nothing of it stays when nobody wants it any more.

import type { FrameLink } from "../engine/link.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import { ConnectionError } from "../session/errors.js";
import type { RSocketConnection } from "./connection.js";

/** The time and the caller's signal of one attempt to connect, and what there is when it fails. */
export class Attempt {
  readonly scheduler: Scheduler;
  connection: RSocketConnection | undefined;
  #link: FrameLink | undefined;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #timer: Timer;
  #reject: ((reason: unknown) => void) | undefined;
  readonly #onAbort = (): void => this.#giveUp(this.#caller?.reason);

  constructor(scheduler: Scheduler, timeoutMs: number, caller: AbortSignal | undefined) {
    this.scheduler = scheduler;
    this.#caller = caller;
    this.#timer = scheduler.setTimer(timeoutMs, () => {
      this.#giveUp(new ConnectionError(ErrorCode.CONNECTION_ERROR, `not connected after ${timeoutMs} ms`, "local"));
    });
    if (caller?.aborted === true) this.#onAbort();
    else caller?.addEventListener("abort", this.#onAbort);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `promise`, or the reason to give up. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      if (this.signal.aborted) reject(this.signal.reason);
      promise.then(resolve, reject);
    });
  }

  /** `link`, unless it comes too late. @throws the reason to give up. */
  dialed(link: FrameLink): FrameLink {
    this.#link = link;
    if (this.signal.aborted) this.discard();
    this.signal.throwIfAborted();
    return link;
  }

  /** Nobody wants what there is. */
  discard(): void {
    if (this.connection === undefined) this.#link?.abort();
    else this.connection.abort("connecting was given up");
  }

  end(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  #giveUp(reason: unknown): void {
    this.#controller.abort(reason);
    this.#reject?.(reason);
  }
}
