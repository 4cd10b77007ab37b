// SPDX-License-Identifier: Apache-2.0
// A queue whose first is taken at the same cost however many there are: an array's `shift` moves all the others.

/** Things in the order in which they came. */
export class Fifo<T> {
  #things: T[] = [];
  #head = 0;

  /** How many there are. */
  get length(): number {
    return this.#things.length - this.#head;
  }

  /** The one that has been there longest. */
  get first(): T | undefined {
    return this.#things[this.#head];
  }

  push(thing: T): void {
    this.#things.push(thing);
  }

  /** Takes the first. */
  shift(): T | undefined {
    const { first } = this;
    if (this.length === 0) return undefined;
    // What was taken is let go in one step with as many again.
    if (2 * ++this.#head >= this.#things.length) {
      this.#things.splice(0, this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Takes all. */
  takeAll(): T[] {
    const things = this.#things.slice(this.#head);
    this.#things = [];
    this.#head = 0;
    return things;
  }
}
