// SPDX-License-Identifier: Apache-2.0
// Items of one stream that wait for their consumer, without holding much more than their bytes.

/** An item as it came. */
export interface Item {
  readonly data: Uint8Array;
  readonly metadata: Uint8Array | undefined;
}

/** Whose first items are looked at one by one … */
const LOOKED_AT = 4;
/** … and the others each so many: what a view lies in takes long to tell, and chunks come one after another. */
const LOOK_EVERY = 8;

/**
 * A queue of items. Taking and adding cost the same however many wait. Chunks of which the lesser part waits are let go,
 * but for those of the last 8 items: they may still fill up.
 */
export class WaitingItems {
  /** Bytes of data and metadata that wait. */
  byteLength = 0;
  #items: Item[] = [];
  #head = 0;
  // Of the items from here on it is open how much of their chunks they are; the first of them lies in this one.
  #openFrom = 0;
  #chunk: ArrayBufferLike | undefined;

  /** Items that wait. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Takes an item; its bytes may be views. */
  push(item: Item): void {
    const { length } = this.#items;
    if (length < LOOKED_AT || length % LOOK_EVERY === 0) this.#lookAt(item.data.buffer);
    this.#items.push(item);
    this.byteLength += byteLengthOf(item);
  }

  /** The one that has waited longest. */
  shift(): Item | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    this.byteLength -= byteLengthOf(item);
    // What was consumed is let go, at a constant cost per item.
    if (2 * this.#head >= this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#openFrom = Math.max(0, this.#openFrom - this.#head);
      this.#head = 0;
      if (this.#items.length === 0) this.#chunk = undefined;
    }
    return item;
  }

  /** Drops them all. */
  clear(): void {
    this.#items = [];
    this.byteLength = this.#head = this.#openFrom = 0;
    this.#chunk = undefined;
  }

  #lookAt(chunk: ArrayBufferLike): void {
    if (chunk === this.#chunk) return; // and so are those between
    this.#chunk = chunk;
    const items = this.#items;
    let start = Math.max(this.#openFrom, this.#head);
    while (start < items.length) {
      const { buffer } = (items[start] as Item).data;
      if (buffer === chunk) break;
      let end = start + 1;
      while (items[end]?.data.buffer === buffer) end++;
      this.#leaveChunk(start, end);
      start = end;
    }
    this.#openFrom = start;
  }

  // Nothing more comes in the chunk of these: if they are the lesser part of it, they are copied.
  #leaveChunk(start: number, end: number): void {
    const items = this.#items;
    let held = 0;
    for (let i = start; i < end; i++) held += byteLengthOf(items[i] as Item);
    if (2 * held >= (items[start] as Item).data.buffer.byteLength) return;
    for (let i = start; i < end; i++) {
      const { data, metadata } = items[i] as Item;
      items[i] = { data: data.slice(), metadata: metadata?.slice() };
    }
  }
}

/** Bytes of an item. */
export function byteLengthOf({ data, metadata }: Item): number {
  return data.length + (metadata?.length ?? 0);
}
