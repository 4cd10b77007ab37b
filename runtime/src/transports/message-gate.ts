// SPDX-License-Identifier: Apache-2.0
// What transports of whole messages share: one message is one frame (FRM-02), kept while the handler is paused.

import type { LinkHandler } from "../engine/link.js";

/** A frame without body (RSocket 1.0 §Framing Format). */
const LEAST_FRAME_BYTES = 6;

/**
 * Passes messages on to a handler, one frame each. It keeps what comes before there is a handler, while the handler
 * wants none, and up to `maxHeldBytes`: more is as if it couldn't be read.
 */
export class MessageGate {
  /** Nothing is passed on before `release`. */
  isPaused = false;
  /** What comes is dropped. */
  isDeaf = false;
  /** A message was refused for its size, or would have been. */
  hasOversize = false;
  /** Bytes that are kept. */
  heldBytes = 0;
  handler: LinkHandler | undefined;
  readonly #maxHeldBytes: number;
  #held: Uint8Array[] = [];

  constructor(maxHeldBytes: number) {
    this.#maxHeldBytes = maxHeldBytes;
  }

  /** Something is kept. */
  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** Takes the next message. */
  push(message: Uint8Array): void {
    if (this.isDeaf) return;
    const { handler } = this;
    if (handler === undefined || this.isPaused || this.#held.length > 0) this.#hold(message);
    else this.#pass(message, handler);
  }

  /** Passes on what was kept; to the last message, or until the handler wants no more. */
  release(toTheLast: boolean): void {
    const { handler } = this;
    if (handler === undefined) return;
    const held = this.#held;
    let count = 0;
    for (const message of held) {
      if (this.isDeaf || (this.isPaused && !toTheLast)) break;
      this.heldBytes -= message.length;
      count++;
      this.#pass(message, handler);
    }
    if (this.isDeaf) this.clear();
    else held.splice(0, count);
  }

  /** What comes can't be read as frames: tells the handler, once, and drops the rest. */
  refuse(reason: string): void {
    if (this.isDeaf) return;
    this.isDeaf = true;
    this.handler?.onMalformed(reason);
  }

  /** Forgets what was kept. */
  clear(): void {
    this.#held = [];
    this.heldBytes = 0;
  }

  #hold(message: Uint8Array): void {
    this.#held.push(message);
    this.heldBytes += message.length;
    if (this.heldBytes <= this.#maxHeldBytes) return;
    this.clear();
    this.refuse(`more than ${this.#maxHeldBytes} bytes came while reading was paused`);
  }

  #pass(message: Uint8Array, handler: LinkHandler): void {
    const byteLength = message.length;
    const { maxFrameBytes } = handler;
    if (byteLength < LEAST_FRAME_BYTES || byteLength > maxFrameBytes) {
      this.hasOversize = byteLength > maxFrameBytes;
      this.refuse(
        `message of ${byteLength} bytes, expected ${LEAST_FRAME_BYTES} … ${maxFrameBytes} (RSocket 1.0 §Framing)`,
      );
    } else if (!handler.onFrame(message, 0, byteLength)) this.isPaused = true;
  }
}
