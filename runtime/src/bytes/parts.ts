// SPDX-License-Identifier: Apache-2.0
// Bytes that come in parts and are held until they are whole, without holding much more than them.

/** Bytes below this are copied: a view would pin the whole read chunk they came in. */
const COPY_BYTES = 4_096;

/** None. */
export const NO_BYTES: Uint8Array = /*@__PURE__*/ new Uint8Array(0);

/** A view pins the chunk that it was read in: one that is mostly other frames would cost more than it counts. */
export function isWorthItsChunk(bytes: Uint8Array): boolean {
  return bytes.length >= COPY_BYTES && 2 * bytes.length >= bytes.buffer.byteLength;
}

/** What is expected gets memory when this part of it has come: an announcement alone allocates nothing. */
const EXPECTED_GROWTH = 8;

/** Bytes that come in parts. Small parts are gathered: an object each would outweigh a flood of 1-byte fragments. */
export class Parts {
  byteLength = 0;
  readonly #parts: Uint8Array[] = [];
  #gathered: Uint8Array = NO_BYTES;
  #gatheredBytes = 0;
  #expectedBytes = 0;
  // Where they stand together, as far as they have come.
  #whole: Uint8Array | undefined;

  /** All together are likely to be so many bytes; lent parts are then copied to where they will stand. */
  expect(byteLength: number): void {
    this.#expectedBytes = byteLength;
  }

  /** Takes the next part; it may be a view, and is copied if it is lent. */
  push(part: Uint8Array, isLent = false): void {
    if (part.length === 0) return;
    if (isLent) this.#makeWhole(this.byteLength + part.length);
    if (this.#whole !== undefined && this.#fitsWhole(this.#whole, part)) return;
    this.byteLength += part.length;
    if (!isLent && isWorthItsChunk(part)) {
      this.#closeGathered();
      this.#parts.push(part);
      return;
    }
    if (this.#gatheredBytes + part.length > this.#gathered.length) {
      this.#closeGathered();
      // As much again as there is: at most half of what is held is unused, and there are few parts.
      this.#gathered = new Uint8Array(Math.max(part.length, Math.min(this.byteLength, COPY_BYTES)));
    }
    this.#gathered.set(part, this.#gatheredBytes);
    this.#gatheredBytes += part.length;
  }

  /** What there is, in order. Nothing is pushed behind it. */
  take(): readonly Uint8Array[] {
    this.#closeWhole();
    this.#closeGathered();
    return this.#parts;
  }

  /** All in one piece: with more than one part, in an allocation of exactly its length. Nothing is pushed behind it. */
  join(): Uint8Array {
    return joinParts(this.take());
  }

  #makeWhole(byteLength: number): void {
    const expectedBytes = this.#expectedBytes;
    if (this.#whole !== undefined || expectedBytes < byteLength || expectedBytes > EXPECTED_GROWTH * byteLength) return;
    this.#whole = fill(new Uint8Array(expectedBytes), this.take());
    this.#parts.length = 0;
  }

  #fitsWhole(whole: Uint8Array, part: Uint8Array): boolean {
    const end = this.byteLength + part.length;
    if (end > whole.length) {
      this.#expectedBytes = 0;
      this.#closeWhole();
      return false;
    }
    whole.set(part, this.byteLength);
    this.byteLength = end;
    return true;
  }

  #closeWhole(): void {
    const whole = this.#whole;
    if (whole === undefined) return;
    this.#parts.push(whole.length === this.byteLength ? whole : whole.subarray(0, this.byteLength));
    this.#whole = undefined;
  }

  #closeGathered(): void {
    if (this.#gatheredBytes > 0) this.#parts.push(this.#gathered.subarray(0, this.#gatheredBytes));
    this.#gathered = NO_BYTES;
    this.#gatheredBytes = 0;
  }
}

/** `parts` in one piece; a single one is passed on as it is. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  const [first = NO_BYTES] = parts;
  if (parts.length <= 1) return first;
  return fill(new Uint8Array(lengthOf(parts)), parts);
}

/** `bytes` with `parts` in front, one behind the other. */
function fill(bytes: Uint8Array, parts: readonly Uint8Array[]): Uint8Array {
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** The sum of their lengths. */
export function lengthOf(parts: readonly { readonly length: number }[]): number {
  let byteLength = 0;
  for (const part of parts) byteLength += part.length;
  return byteLength;
}
