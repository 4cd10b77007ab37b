// SPDX-License-Identifier: Apache-2.0
// Fragments of one payload, joined (RSocket 1.0 §Fragmentation And Reassembly, FRAG-01 … FRAG-06).

/** A fragment below this is copied: a view would pin the whole read chunk it came in. */
const COPY_BYTES = 4_096;
/** What an empty fragment counts: it costs us work and its sender nothing. */
const EMPTY_FRAGMENT_COUNT = 64;

const NO_BYTES = new Uint8Array(0);

/** A joined payload. */
export interface Reassembled {
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** Collects the fragments of one payload and joins them with one exact allocation each for metadata and data. */
export class Reassembler {
  /** Fragments so far; an empty one counts 64. */
  fragmentCount = 0;
  metadataBytes = 0;
  dataBytes = 0;
  #hasMetadata = false;
  readonly #metadata: Uint8Array[] = [];
  readonly #data: Uint8Array[] = [];

  /** Bytes that are held. */
  get byteLength(): number {
    return this.metadataBytes + this.dataBytes;
  }

  /** Takes the next fragment's parts; they may be views. */
  push(metadata: Uint8Array | undefined, data: Uint8Array): void {
    const byteLength = (metadata?.length ?? 0) + data.length;
    this.fragmentCount += byteLength === 0 ? EMPTY_FRAGMENT_COUNT : 1;
    if (metadata !== undefined) {
      this.#hasMetadata = true;
      this.metadataBytes += keep(this.#metadata, metadata);
    }
    this.dataBytes += keep(this.#data, data);
  }

  /** The whole payload. */
  join(): Reassembled {
    return {
      metadata: this.#hasMetadata ? joinParts(this.#metadata, this.metadataBytes) : undefined,
      data: joinParts(this.#data, this.dataBytes),
    };
  }
}

function keep(parts: Uint8Array[], part: Uint8Array): number {
  if (part.length > 0) parts.push(part.length < COPY_BYTES ? part.slice() : part);
  return part.length;
}

function joinParts(parts: readonly Uint8Array[], byteLength: number): Uint8Array {
  const [only] = parts;
  if (only === undefined) return NO_BYTES;
  if (parts.length === 1) return only;
  const joined = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
