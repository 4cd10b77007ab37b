// SPDX-License-Identifier: Apache-2.0
// A handler that keeps what a link tells it, and complains when the link breaks its rules.

import type { LinkHandler } from "../../runtime/src/engine/link.js";

/** Above the frames of every shape, and the default of connections. */
const MAX_FRAME_BYTES = 4_194_304;

/** Records a link's calls. `violations` must be empty at the end. */
export class LinkRecorder implements LinkHandler {
  maxFrameBytes: number = MAX_FRAME_BYTES;
  /** Views of the frames, in order. */
  readonly frames: Uint8Array[] = [];
  readonly malformed: string[] = [];
  readonly partialBytes: number[] = [];
  /** What `onClose` was told, one entry a call. */
  readonly closes: (Error | undefined)[] = [];
  drains = 0;
  /** Calls that came when they mustn't. */
  readonly violations: string[] = [];
  /** Decides what `onFrame` returns, and does what a test wants to be done within it. */
  whenFrame: (frame: Uint8Array) => boolean = () => true;
  /** What a test wants to be done within `onDrain`. */
  whenDrained: () => void = () => {};
  #inRead = false;
  #depth = 0;
  #waiting: { readonly condition: () => boolean; readonly resolve: () => void }[] = [];

  /** Resolves as soon as `condition` holds; it is looked at after each call of the link. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  /** Resolves when `count` frames have come. */
  untilFrames(count: number): Promise<void> {
    return this.until(() => this.frames.length >= count);
  }

  /** Resolves when the link is closed. */
  untilClosed(): Promise<void> {
    return this.until(() => this.closes.length > 0);
  }

  onReadStart(): void {
    if (this.#inRead) this.violations.push("onReadStart within a read");
    this.#inRead = true;
    this.#called("onReadStart");
  }

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.#inRead) this.violations.push("onFrame outside of a read");
    if (this.malformed.length > 0) this.violations.push("onFrame after onMalformed");
    if (Object.getPrototypeOf(bytes) !== Uint8Array.prototype)
      this.violations.push("a frame that is no plain Uint8Array");
    const frame = bytes.subarray(start, end);
    this.frames.push(frame);
    return this.#called("onFrame", () => this.whenFrame(frame)) ?? true;
  }

  onReadEnd(partialBytes: number): void {
    if (!this.#inRead) this.violations.push("onReadEnd without onReadStart");
    this.#inRead = false;
    this.partialBytes.push(partialBytes);
    this.#called("onReadEnd");
  }

  onMalformed(message: string): void {
    this.malformed.push(message);
    this.#called("onMalformed");
  }

  onDrain(): void {
    this.drains++;
    this.#called("onDrain", () => this.whenDrained());
  }

  onClose(error?: Error): void {
    this.closes.push(error);
    this.#called("onClose");
  }

  // No call of the handler may lead to another one: what it does within them may not come back to it at once.
  #called<Result>(name: string, action?: () => Result): Result | undefined {
    if (this.#depth > 0) this.violations.push(`${name} within another call`);
    if (this.closes.length > (name === "onClose" ? 1 : 0)) this.violations.push(`${name} after onClose`);
    this.#depth++;
    try {
      return action?.();
    } finally {
      this.#depth--;
      this.#look();
    }
  }

  #look(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wait of waiting) {
      if (wait.condition()) wait.resolve();
      else this.#waiting.push(wait);
    }
  }
}

/** Lets the event loop turn: whatever was on the way locally has come, or never will. */
export async function turns(count = 30): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
