// SPDX-License-Identifier: Apache-2.0
// One attempt to get a link, or a connection: it ends in time, and nothing of it stays when nobody wants it any more.

import { type Dialer, type FrameLink, type GiveUp, isUndemanding, type LinkInfo } from "../engine/link.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import { ConnectionError } from "../session/errors.js";
import type { RSocketConnection } from "./connection.js";

/** The time and the caller's signal of one attempt to connect, and what there is when it fails. */
export class Attempt implements GiveUp {
  readonly scheduler: Scheduler;
  connection: RSocketConnection | undefined;
  aborted = false;
  reason: unknown;
  // Of the dialer.
  #listener: (() => void) | undefined;
  #link: FrameLink | undefined;
  readonly #caller: AbortSignal | undefined;
  readonly #timer: Timer;
  #reject: ((reason: unknown) => void) | undefined;
  readonly #onAbort = (): void => this.#giveUp(this.#caller?.reason);

  constructor(scheduler: Scheduler, timeoutMs: number, caller: AbortSignal | undefined) {
    this.scheduler = scheduler;
    this.#caller = caller;
    this.#timer = scheduler.setTimer(timeoutMs, () => {
      // A server that accepts nothing is another trouble than a host that can't be reached.
      const stage = this.#link ? ": the peer is silent" : "";
      const message = `not connected after ${timeoutMs} ms${stage}`;
      this.#giveUp(new ConnectionError(ErrorCode.CONNECTION_ERROR, message, "local"));
    });
    if (caller?.aborted === true) this.#onAbort();
    else caller?.addEventListener("abort", this.#onAbort);
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#listener = listener;
  }

  removeEventListener(): void {
    this.#listener = undefined;
  }

  /**
   * What `dialer` opens, in the place of a link that told `lost`. It hears when it is given up.
   * @throws the reason to give up, if there is one already.
   */
  dial(dialer: Dialer, lost?: LinkInfo): Promise<FrameLink> {
    if (this.aborted) throw this.reason;
    if (isUndemanding(dialer)) return dialer.dial(this as GiveUp as AbortSignal);
    const controller = new AbortController();
    this.#listener = () => controller.abort(this.reason);
    return dialer.dial(controller.signal, lost);
  }

  /** `promise`, or the reason to give up. With it the attempt ends. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = (reason: unknown): void => {
        this.#end();
        reject(reason);
      };
      this.#reject = fail;
      if (this.aborted) fail(this.reason);
      promise.then((value) => {
        this.#end();
        resolve(value);
      }, fail);
    });
  }

  /** `link`, unless it comes too late. @throws the reason to give up. */
  dialed(link: FrameLink): FrameLink {
    this.#link = link;
    if (!this.aborted) return link;
    this.discard();
    throw this.reason;
  }

  /** Nobody wants what there is. */
  discard(): void {
    if (this.connection === undefined) this.#link?.abort();
    else this.connection.abort("connecting was given up");
  }

  #end(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener("abort", this.#onAbort);
  }

  #giveUp(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#listener?.();
    this.#reject?.(reason);
  }
}
