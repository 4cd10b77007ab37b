// SPDX-License-Identifier: Apache-2.0
// The live streams of a connection by id, and what may still come for those that have ended.

import { MAX_31_BIT } from "../frames/layout.js";
import type { Stream } from "./stream.js";

/** Frames that may be under way for a stream's end beside its unused credit: a REQUEST_N, CANCEL or COMPLETE or two. */
const LATE_FRAMES = 8;
/** An idle connection keeps little; a busy one doubles soon. */
const FIRST_SLOTS = 4;
/** Streams take at most a quarter of the slots, and ids come in order: few meet. Beyond 65,536 the map takes the rest. */
const SLOTS_PER_STREAM = 4;
const MAX_SLOTS = 65_536;

/**
 * Streams by id. Those of both sides share it, since their ids differ in the lowest bit.
 *
 * A stream stands in the slot of its id's low bits, until a newer one needs it: then it has lived long, and goes into a map.
 * A map for all would be made anew every few hundred calls, and its leftovers would keep ended streams until the next full
 * collection.
 */
export class StreamTable {
  #slots: (Stream | undefined)[] = new Array<Stream | undefined>(FIRST_SLOTS).fill(undefined);
  #others: Map<number, Stream> | undefined;
  // The highest id that the map has had: those of new streams are above it, and needn't be looked for.
  #highestOther = 0;
  #size = 0;
  #inboundCount = 0;
  #lateAllowance = 0;

  /** All streams. */
  get size(): number {
    return this.#size;
  }

  /** Streams that the peer opened. */
  get inboundCount(): number {
    return this.#inboundCount;
  }

  /** The live stream with this id. */
  get(id: number): Stream | undefined {
    const stream = this.#slots[id & (this.#slots.length - 1)];
    return stream !== undefined && stream.id === id ? stream : this.#other(id);
  }

  /** True when the id is in use. */
  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  /** Adds a stream under its id, which isn't in use. */
  add(stream: Stream): void {
    if (SLOTS_PER_STREAM * ++this.#size > this.#slots.length && this.#slots.length < MAX_SLOTS) this.#grow();
    this.#place(stream);
    if (!stream.isRequester) this.#inboundCount++;
  }

  /** Removes an ended stream; frames that the peer sent before it heard of the end are free. */
  remove(stream: Stream): void {
    const slot = stream.id & (this.#slots.length - 1);
    if (this.#slots[slot] === stream) this.#slots[slot] = undefined;
    else if (this.#others?.delete(stream.id) !== true) return;
    this.#size--;
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

  /** The streams of this moment, by id: safe to end while going through. */
  snapshot(): Stream[] {
    const streams = [...(this.#others?.values() ?? [])];
    for (const stream of this.#slots) if (stream !== undefined) streams.push(stream);
    return streams.sort((one, other) => one.id - other.id);
  }

  #other(id: number): Stream | undefined {
    return id > this.#highestOther ? undefined : this.#others?.get(id);
  }

  #place(stream: Stream): void {
    const slot = stream.id & (this.#slots.length - 1);
    const older = this.#slots[slot];
    this.#slots[slot] = stream;
    if (older === undefined) return;
    this.#others ??= new Map();
    this.#others.set(older.id, older);
    if (older.id > this.#highestOther) this.#highestOther = older.id;
  }

  #grow(): void {
    const streams = this.snapshot();
    this.#slots = new Array<Stream | undefined>(2 * this.#slots.length).fill(undefined);
    this.#others = undefined;
    for (const stream of streams) this.#place(stream);
  }
}
