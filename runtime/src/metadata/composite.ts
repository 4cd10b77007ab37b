// SPDX-License-Identifier: Apache-2.0
// Composite metadata (RSocket extension "Composite Metadata"): entries, each with a mime type of its own.
//
//   entry = id or name of the mime type | u24 length | payload

import { readUint24, writeBytes, writeUint24 } from "../bytes/integers.js";
import { MetadataError, MetadataFormatError } from "./errors.js";
import { idOrNameBytes, idOrNameEnd, readIdOrName, writeIdOrName } from "./id-or-name.js";
import { idOrNameOf, mimeTypeOfIdOrName } from "./mime-types.js";

const LENGTH_BYTES = 3;
const MAX_PAYLOAD_BYTES = 0xffffff;
/** Entries in one frame's metadata, unless the reader is told otherwise: real peers send fewer than ten. */
export const MAX_ENTRIES = 64;

/** One entry as it was read. */
export interface CompositeEntry {
  /** The mime type; a number for an id that nobody has assigned (WK-02). */
  readonly mimeType: string | number;
  /** A view of the bytes that were read. */
  readonly payload: Uint8Array;
}

/**
 * An entry of `mimeType`: a name, written as its id if it is well known, or a 7-bit id. The result is freshly allocated.
 * @throws RangeError when the name isn't 1 … 128 ASCII characters or the payload is above 16,777,215 bytes.
 */
export function encodeCompositeEntry(mimeType: string | number, payload: Uint8Array): Uint8Array {
  return encodeEntry(idOrNameOf(mimeType), payload);
}

/** The same for an id, or a name that is written as it is. @throws RangeError as `encodeCompositeEntry`. */
export function encodeEntry(idOrName: string | number, payload: Uint8Array): Uint8Array {
  const entry = new Uint8Array(compositeHeaderBytes(idOrName) + payload.length);
  writeBytes(entry, writeCompositeHeader(entry, 0, idOrName, payload.length), payload);
  return entry;
}

/** Entries one behind the other, in one freshly allocated piece. */
export function joinEntries(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entry.length, 0));
  let at = 0;
  for (const entry of entries) at = writeBytes(bytes, at, entry);
  return bytes;
}

/** The bytes in front of an entry's payload. @throws RangeError as `encodeCompositeEntry`. */
export function compositeHeaderBytes(idOrName: string | number): number {
  return idOrNameBytes(idOrName) + LENGTH_BYTES;
}

/** Writes what stands in front of a payload of `payloadBytes`; returns the offset where the payload begins. */
export function writeCompositeHeader(
  target: Uint8Array,
  at: number,
  idOrName: string | number,
  payloadBytes: number,
): number {
  if (payloadBytes > MAX_PAYLOAD_BYTES) {
    throw new RangeError(
      `the payload of a composite entry has ${payloadBytes} bytes, expected at most ${MAX_PAYLOAD_BYTES}`,
    );
  }
  return writeUint24(target, writeIdOrName(target, at, idOrName), payloadBytes);
}

/** Walks over entries without making objects; each is decoded as far as it is asked for. */
export class CompositeReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #maxEntries: number;
  #count = 0;
  #start: number;
  #nameEnd = 0;
  /** Where the payload of the current entry begins. */
  payloadStart = 0;
  /** The offset behind the current entry. */
  payloadEnd: number;

  /** Reads `bytes[start, end)`, refusing more than `maxEntries`. */
  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length, maxEntries: number = MAX_ENTRIES) {
    this.#bytes = bytes;
    this.#end = end;
    this.#maxEntries = maxEntries;
    this.#start = this.payloadEnd = start;
  }

  /** Goes to the next entry; false behind the last one. @throws MetadataFormatError when it is cut off or one too many. */
  next(): boolean {
    if (this.payloadEnd >= this.#end) return false;
    this.#start = this.payloadEnd;
    if (++this.#count > this.#maxEntries) {
      throw new MetadataFormatError(
        `composite entry number ${this.#count}`,
        `at most ${this.#maxEntries}`,
        this.#start,
      );
    }
    this.#nameEnd = idOrNameEnd(this.#bytes, this.#start, this.#end);
    this.payloadStart = this.#nameEnd + LENGTH_BYTES;
    if (this.payloadStart > this.#end) {
      throw new MetadataFormatError("the length of a composite entry is cut off", "3 bytes", this.#nameEnd);
    }
    const payloadBytes = readUint24(this.#bytes, this.#nameEnd);
    this.payloadEnd = this.payloadStart + payloadBytes;
    if (this.payloadEnd <= this.#end) return true;
    const left = this.#end - this.payloadStart;
    throw new MetadataFormatError(`a composite entry is cut off: ${left} bytes`, `${payloadBytes}`, this.payloadStart);
  }

  /** The mime type of the current entry as it is written: an id, or a name. @throws MetadataFormatError when it isn't ASCII. */
  get idOrName(): string | number {
    return readIdOrName(this.#bytes, this.#start, this.#nameEnd);
  }

  /** A view of the current entry's payload. */
  get payload(): Uint8Array {
    return this.#bytes.subarray(this.payloadStart, this.payloadEnd);
  }
}

/** The mime type of a reader's current entry; a number for an unassigned id. @throws MetadataFormatError when it isn't ASCII. */
export function mimeTypeOf({ idOrName }: CompositeReader): string | number {
  return mimeTypeOfIdOrName(idOrName);
}

/** Refuses bytes that the peer would have to read as entries and couldn't. @throws MetadataError */
export function checkEntries(rawMetadata: Uint8Array): void {
  try {
    const reader = new CompositeReader(rawMetadata);
    while (reader.next()) void reader.idOrName;
  } catch (error) {
    if (!(error instanceof MetadataFormatError)) throw error;
    throw new MetadataError(`raw metadata isn't composite entries, which it must be here: ${error.message}`);
  }
}

/**
 * All entries of `bytes[start, end)`, in order; their payloads are views of `bytes`.
 * @throws MetadataFormatError when one is cut off, one has a name that isn't ASCII, or there are more than `maxEntries`.
 */
export function readCompositeEntries(
  bytes: Uint8Array,
  start = 0,
  end: number = bytes.length,
  maxEntries: number = MAX_ENTRIES,
): CompositeEntry[] {
  const reader = new CompositeReader(bytes, start, end, maxEntries);
  const entries: CompositeEntry[] = [];
  while (reader.next()) entries.push({ mimeType: mimeTypeOf(reader), payload: reader.payload });
  return entries;
}
