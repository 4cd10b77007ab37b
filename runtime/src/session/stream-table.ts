// SPDX-License-Identifier: Apache-2.0
// The live streams of a connection by id, and what may still come for those that have ended.

import { MAX_31_BIT } from "../frames/layout.js";
import type { Stream } from "./stream.js";

/** Frames that may be under way for a stream's end beside its unused credit: a REQUEST_N, CANCEL or COMPLETE or two. */
const LATE_FRAMES = 8;

/** Streams by id. Those of both sides share it, since their ids differ in the lowest bit. */
export class StreamTable {
  readonly #streams = new Map<number, Stream>();
  #inboundCount = 0;
  #lateAllowance = 0;

  /** All streams. */
  get size(): number {
    return this.#streams.size;
  }

  /** Streams that the peer opened. */
  get inboundCount(): number {
    return this.#inboundCount;
  }

  /** The live stream with this id. */
  get(id: number): Stream | undefined {
    return this.#streams.get(id);
  }

  /** True when the id is in use. */
  has(id: number): boolean {
    return this.#streams.has(id);
  }

  /** Adds a stream under its id. */
  add(stream: Stream): void {
    this.#streams.set(stream.id, stream);
    if (!stream.isRequester) this.#inboundCount++;
  }

  /** Removes an ended stream; frames that the peer sent before it heard of the end are free. */
  remove(stream: Stream): void {
    if (!this.#streams.delete(stream.id)) return;
    if (!stream.isRequester) this.#inboundCount--;
    this.allowLate(stream.unusedCredit);
  }

  /** Something ended while `frameCount` frames may have been under way for it: so many are free, and a few more. */
  allowLate(frameCount: number): void {
    this.#lateAllowance = Math.min(this.#lateAllowance + frameCount + LATE_FRAMES, MAX_31_BIT);
  }

  /** Takes one late frame out of the allowance; false when it is used up. */
  takeLate(): boolean {
    if (this.#lateAllowance <= 0) return false;
    this.#lateAllowance--;
    return true;
  }

  /** The streams of this moment: safe to end while going through. */
  snapshot(): Stream[] {
    return [...this.#streams.values()];
  }
}
