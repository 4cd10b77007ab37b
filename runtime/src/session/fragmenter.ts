// SPDX-License-Identifier: Apache-2.0
// One payload cut into frames (RSocket 1.0 §Fragmentation And Reassembly): a cursor over the payload, no copies.

import { InPlace } from "../bytes/in-place.js";
import type { EncodedMessage, MessageBytes } from "../bytes/pieces.js";
import type { SlabWriter } from "../bytes/slab.js";
import {
  Flag,
  FrameType,
  HEADER_BYTES,
  INITIAL_REQUEST_N_BYTES,
  LENGTH_PREFIX_BYTES,
  METADATA_LENGTH_BYTES,
} from "../frames/layout.js";
import { writePayloadFrame } from "./payload-frame.js";

const FIXED_BYTES = LENGTH_PREFIX_BYTES + HEADER_BYTES;

/**
 * Writes a payload as a first frame of `type` and PAYLOAD frames behind it. All metadata goes before any data (FRAG-02);
 * N is on every PAYLOAD, C on the last only (Q-FRAG says why). Every fragment but the last is exactly full, none is empty.
 */
export class Fragmenter {
  readonly streamId: number;
  readonly #type: number;
  readonly #initialRequestN: number;
  readonly #metadata: Uint8Array | undefined;
  readonly #data: EncodedMessage;
  readonly #complete: boolean;
  #metadataAt = 0;
  #dataAt = 0;
  /** The first frame has been written. */
  started = false;

  constructor(
    streamId: number,
    type: number,
    initialRequestN: number,
    metadata: Uint8Array | undefined,
    data: MessageBytes,
    complete: boolean,
  ) {
    this.streamId = streamId;
    this.#type = type;
    this.#initialRequestN = initialRequestN;
    this.#metadata = metadata;
    // It is sent later, and in parts.
    this.#data = data instanceof InPlace ? data.copy() : data;
    this.#complete = complete;
  }

  /** It begins with a request frame, not with an item. */
  get isRequest(): boolean {
    return this.#type !== FrameType.PAYLOAD;
  }

  /** Payload bytes not written yet. */
  get bytesLeft(): number {
    return (this.#metadata?.length ?? 0) - this.#metadataAt + this.#data.length - this.#dataAt;
  }

  /** Writes the next frame, of at most `fragmentBytes` with its prefix. True when it was the last. */
  writeNext(writer: SlabWriter, fragmentBytes: number): boolean {
    const type = this.started ? FrameType.PAYLOAD : this.#type;
    const initialRequestN = this.started ? -1 : this.#initialRequestN;
    let room = fragmentBytes - FIXED_BYTES - (initialRequestN >= 0 ? INITIAL_REQUEST_N_BYTES : 0);
    const metadata = this.#nextMetadata(room);
    if (metadata !== undefined) room -= METADATA_LENGTH_BYTES + metadata.length;
    const dataStart = this.#dataAt;
    this.#dataAt = Math.min(this.#data.length, dataStart + Math.max(0, room));
    const last = this.bytesLeft === 0;
    const flags =
      (type === FrameType.PAYLOAD ? Flag.NEXT : 0) | (last ? (this.#complete ? Flag.COMPLETE : 0) : Flag.FOLLOWS);
    writePayloadFrame(
      writer,
      this.streamId,
      type,
      flags,
      initialRequestN,
      metadata,
      this.#data,
      dataStart,
      this.#dataAt,
    );
    this.started = true;
    return last;
  }

  #nextMetadata(room: number): Uint8Array | undefined {
    const metadata = this.#metadata;
    if (metadata === undefined || (this.started && this.#metadataAt === metadata.length)) return undefined;
    const end = Math.min(metadata.length, this.#metadataAt + room - METADATA_LENGTH_BYTES);
    const part = metadata.subarray(this.#metadataAt, end);
    this.#metadataAt = end;
    return part;
  }
}
