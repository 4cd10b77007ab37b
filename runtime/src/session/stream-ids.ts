// SPDX-License-Identifier: Apache-2.0
// The ids of the streams this side opens (RSocket 1.0 §Stream Identifiers, SID-03 … SID-11).

import { MAX_31_BIT } from "../frames/layout.js";

/** Odd ids for a client, even ones for a server, without gaps; after 2^31-1 from the start again, skipping those in use. */
export class StreamIds {
  readonly #first: number;
  readonly #last: number;
  #next: number;
  #highest = 0;

  /** `next` and `last` are for tests of the wrap: the first id to hand out, and the one behind which it begins again. */
  constructor(side: "client" | "server", next: number | undefined = undefined, last: number = MAX_31_BIT) {
    this.#first = side === "client" ? 1 : 2;
    this.#last = last;
    this.#next = next ?? this.#first;
  }

  /** The highest id handed out so far, before any wrap; 2^31-1 after one. */
  get highest(): number {
    return this.#highest;
  }

  /** True when `id` belongs to this side. */
  owns(id: number): boolean {
    return (id & 1) === (this.#first & 1);
  }

  /** The next id that isn't `inUse`, or undefined when all are. */
  allocate(inUse: { has(id: number): boolean }): number | undefined {
    const start = this.#next;
    let id = start;
    while (inUse.has(id)) {
      id = this.#behind(id);
      if (id === start) return undefined;
    }
    this.#next = this.#behind(id);
    if (this.#next < id) this.#highest = MAX_31_BIT;
    else if (id > this.#highest) this.#highest = id;
    return id;
  }

  #behind(id: number): number {
    return id + 2 > this.#last ? this.#first : id + 2;
  }
}
