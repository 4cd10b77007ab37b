// SPDX-License-Identifier: Apache-2.0
// Two links joined within one process: for tests, and for a client and a server that share it.

import { copyBatch } from "../bytes/slab.js";
import type { FrameBatch, FrameLink, LinkHandler, LinkInfo } from "../engine/link.js";

/** Where an in-process link runs its deliveries: after the event loop had a turn, as bytes from a socket would come. */
export interface DeliveryScheduler {
  /** Runs `task` after the event loop has had a turn. */
  yield(task: () => void): void;
}

/** Bytes passed on per turn of the event loop, as much as a socket's read brings. */
const TURN_BYTES = 65_536;
/** Above this much on the way the sender is told to stop. */
const HIGH_WATER_BYTES = 262_144;

/** Two ends of one connection. Bytes are copied at the border: neither end sees what the other changes later. */
export function createInProcessPair(scheduler: DeliveryScheduler): [FrameLink, FrameLink] {
  const first = new InProcessLink(scheduler);
  const second = new InProcessLink(scheduler);
  first.join(second);
  second.join(first);
  return [first, second];
}

class InProcessLink implements FrameLink {
  readonly info: LinkInfo = { transport: "in-process", remoteAddress: "", localAddress: "", isSecure: true };
  readonly #scheduler: DeliveryScheduler;
  #other: InProcessLink | undefined;
  #handler: LinkHandler | undefined;
  // What the other end sent: whole frames with prefix, one array a batch.
  readonly #inbox: Uint8Array[] = [];
  #inboxBytes = 0;
  #offset = 0;
  #deliveryRequested = false;
  #paused = false;
  #otherIsBlocked = false;
  #closing = false;
  // What comes is dropped: it can't be cut into frames.
  #isDeaf = false;
  #otherHasClosed = false;
  #closed = false;
  readonly #deliver = (): void => this.#deliverNow();

  constructor(scheduler: DeliveryScheduler) {
    this.#scheduler = scheduler;
  }

  join(other: InProcessLink): void {
    this.#other = other;
  }

  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
    this.#requestDelivery();
  }

  send(batch: FrameBatch): boolean {
    if (this.#closing || this.#closed || this.#other === undefined) return true;
    return this.#other.#take(copyBatch(batch));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#requestDelivery();
  }

  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#otherEnds();
    this.#scheduler.yield(() => this.#finish(undefined));
  }

  abort(): void {
    if (this.#closed) return;
    this.#closing = true;
    const other = this.#other;
    this.#scheduler.yield(() => {
      this.#finish(undefined);
      if (other !== undefined) other.#finish(new Error("the other end aborted"));
    });
  }

  #take(bytes: Uint8Array): boolean {
    this.#inbox.push(bytes);
    this.#inboxBytes += bytes.length;
    this.#requestDelivery();
    this.#otherIsBlocked = this.#inboxBytes > HIGH_WATER_BYTES;
    return !this.#otherIsBlocked;
  }

  #otherEnds(): void {
    const other = this.#other;
    if (other === undefined) return;
    other.#otherHasClosed = true;
    other.#requestDelivery();
  }

  #requestDelivery(): void {
    if (this.#deliveryRequested || this.#closed) return;
    this.#deliveryRequested = true;
    this.#scheduler.yield(this.#deliver);
  }

  #deliverNow(): void {
    this.#deliveryRequested = false;
    const handler = this.#handler;
    if (handler === undefined || this.#closed) return;
    if (this.#isDeaf || this.#closing) this.#forgetInbox();
    if (this.#inboxBytes > 0 && !this.#paused) this.#guard(() => this.#read(handler));
    this.#drainOther();
    if (this.#inboxBytes > 0) {
      if (!this.#paused) this.#requestDelivery();
    } else if (this.#otherHasClosed) this.#finish(undefined);
  }

  #read(handler: LinkHandler): void {
    handler.onReadStart();
    this.#passOn(handler);
    handler.onReadEnd(0);
  }

  #passOn(handler: LinkHandler): void {
    let budget = TURN_BYTES;
    while (budget > 0 && !this.#paused && !this.#closing && !this.#isDeaf) {
      const [batch] = this.#inbox;
      if (batch === undefined) return;
      const start = this.#offset + 3;
      const byteLength = ((batch[start - 3] ?? 0) << 16) | ((batch[start - 2] ?? 0) << 8) | (batch[start - 1] ?? 0);
      const end = start + byteLength;
      this.#inboxBytes -= byteLength + 3;
      budget -= byteLength + 3;
      this.#offset = end;
      if (end >= batch.length) {
        this.#inbox.shift();
        this.#offset = 0;
      }
      const { maxFrameBytes } = handler;
      if (byteLength > maxFrameBytes) {
        this.#isDeaf = true;
        handler.onMalformed(`frame length ${byteLength}, expected 6 … ${maxFrameBytes} (RSocket 1.0 §Framing)`);
      } else if (!handler.onFrame(batch, start, end)) this.#paused = true;
    }
  }

  #drainOther(): void {
    if (!this.#otherIsBlocked || this.#inboxBytes > HIGH_WATER_BYTES / 2) return;
    this.#otherIsBlocked = false;
    const other = this.#other;
    if (other !== undefined && !other.#closed) other.#guard(() => other.#handler?.onDrain());
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forgetInbox();
    this.#handler?.onClose(error);
    if (!this.#closing) {
      this.#closing = true;
      this.#otherEnds();
    }
  }

  #forgetInbox(): void {
    this.#inbox.length = 0;
    this.#inboxBytes = 0;
    this.#offset = 0;
  }

  // A handler that throws loses its link and nothing else: what it threw comes back through its `onClose`.
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#closing = true;
      this.#finish(error instanceof Error ? error : new Error(String(error)));
      const other = this.#other;
      if (other !== undefined) other.#finish(new Error("the other end aborted"));
    }
  }
}
