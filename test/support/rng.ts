// SPDX-License-Identifier: Apache-2.0
// Random numbers that a seed repeats; a test that fails says which. `SEED=… npx mocha …` runs it again.

/** Random numbers (xorshift32): quick, even enough for tests, the same on every machine. */
export class Random {
  readonly seed: number;
  #state: number;

  constructor(seed: number = chooseSeed()) {
    this.seed = seed;
    // 0 would stay 0.
    this.#state = seed | 0 || 1;
  }

  /** 0 … 2^32-1. */
  uint32(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  /** 0 … bound-1. */
  below(bound: number): number {
    return this.uint32() % bound;
  }

  /** `least` … `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True one time in `n`. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of `choices`. */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError("nothing to choose from");
    return choice;
  }

  /** `byteLength` bytes. */
  bytes(byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength);
    for (let i = 0; i < byteLength; i++) bytes[i] = this.uint32() >>> 13;
    return bytes;
  }

  /** Up to `maxLength` characters of one to four bytes in UTF-8. */
  text(maxLength: number): string {
    const characters = ["a", "Z", "-", " ", "\u0000", "é", "ж", "漢", "🚀", "\ufeff"];
    return Array.from({ length: this.below(maxLength + 1) }, () => this.pick(characters)).join("");
  }
}

/** A test with random numbers, whose failure names their seed: `it("…", random((rng) => …))`. */
export function random(run: (rng: Random) => void): () => void {
  return () => {
    const rng = new Random();
    try {
      run(rng);
    } catch (error) {
      if (error instanceof Error) error.message = `SEED=${rng.seed}: ${error.message}`;
      throw error;
    }
  };
}

export function chooseSeed(): number {
  const wanted = process.env["SEED"];
  return wanted === undefined ? (Date.now() & 0x7fffffff) + 1 : Number(wanted);
}
