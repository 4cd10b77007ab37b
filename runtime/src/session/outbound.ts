// SPDX-License-Identifier: Apache-2.0
// What waits to be written: stream 0 first, then frames in order, large payloads a fragment at a time, in turns.

import { Fifo } from "../bytes/fifo.js";
import { InPlace } from "../bytes/in-place.js";
import type { MessageBytes } from "../bytes/pieces.js";
import type { FrameBatch, SlabPool } from "../bytes/slab.js";
import { SlabWriter } from "../bytes/slab.js";
import { encodeError, encodePayloadFrame, encodeRequestN, payloadFrameBytes } from "../frames/encode.js";
import { Flag, FrameType, LENGTH_PREFIX_BYTES } from "../frames/layout.js";
import type { Fragmenter } from "./fragmenter.js";
import { writePayloadFrame } from "./payload-frame.js";
import type { ResumeStore } from "./resume-store.js";
import type { Limits } from "./settings.js";

/** As much as is handed to the link at once: enough for one write, little enough that a KEEPALIVE never waits long. */
const BATCH_BYTES = 262_144;
/** What a thing that waits behind a payload counts beside its bytes: the objects for it outweigh a short message by far. */
const QUEUED_BYTES = 256;

/** What a stream sends behind a payload that is still being fragmented. */
type Queued =
  | { readonly kind: "payload"; readonly fragments: Fragmenter; readonly payloadBytes: number }
  | { readonly kind: "complete"; readonly metadata: Uint8Array | undefined }
  | { readonly kind: "error"; readonly code: number; readonly data: Uint8Array };

/**
 * The frames of one stream that can't be written yet because a payload of it is being fragmented:
 * between the fragments of a payload nothing else is sent for its stream.
 */
export class StreamBacklog {
  readonly streamId: number;
  readonly onEmpty: () => void;
  /** What is to be sent, the next in front. */
  readonly queue: Fifo<Queued> = new Fifo();
  /** REQUEST_N held back until the payload is whole. */
  requestN = 0;
  /** CANCEL of a channel's responder, held back likewise. */
  cancel = false;
  /** Some frame of this stream was written from here. */
  started = false;
  /** It is among those that take turns. */
  active = false;
  /** Its turns begin when so many bytes have been taken: frames of its stream are among them. */
  behindByte = 0;

  constructor(streamId: number, onEmpty: () => void) {
    this.streamId = streamId;
    this.onEmpty = onEmpty;
  }
}

function countedBytes(queued: Queued): number {
  return QUEUED_BYTES + (queued.kind === "payload" ? queued.fragments.bytesLeft : 0);
}

/** All outgoing bytes of one connection. Frames are encoded at once where possible, and always leave in whole. */
export class OutboundQueue {
  readonly #pool: SlabPool;
  readonly #limits: Limits;
  readonly #fragmentBytes: number;
  readonly #priority: SlabWriter;
  readonly #data: SlabWriter;
  #place: InPlace | undefined;
  // Fragments, written and taken within one poll: none waits where its stream could still be cancelled.
  #written: SlabWriter | undefined;
  // Streams in the middle of a large payload, in turns; those behind wait whole until there is room.
  readonly #active: StreamBacklog[] = [];
  readonly #waiting: StreamBacklog[] = [];
  #activeBytes = 0;
  #backlogBytes = 0;
  #peerCausedBytes = 0;
  #turn = 0;
  /** Bytes of short frames ever encoded for streams; with `takenBytes` it tells whether one has left. */
  encodedBytes = 0;

  constructor(pool: SlabPool, limits: Limits, fragmentBytes: number) {
    this.#pool = pool;
    this.#limits = limits;
    this.#fragmentBytes = fragmentBytes;
    this.#priority = new SlabWriter(pool);
    this.#data = new SlabWriter(pool);
  }

  /** Where frames of stream 0 are written. */
  get priority(): SlabWriter {
    return this.#priority;
  }

  /** Where short frames of streams are written. */
  get data(): SlabWriter {
    return this.#data;
  }

  /** Bytes that wait, encoded or not. */
  get byteLength(): number {
    return this.#priority.byteLength + this.#data.byteLength + this.#backlogBytes;
  }

  /** Of those, about as many as the peer made us write. */
  get peerCausedBytes(): number {
    return this.#peerCausedBytes;
  }

  /** Bytes of short frames that were handed to the link. */
  get takenBytes(): number {
    return this.encodedBytes - this.#data.byteLength;
  }

  /** Payloads of streams that are being fragmented or wait for it. */
  get backlogCount(): number {
    return this.#active.length + this.#waiting.length;
  }

  /** Counts bytes as caused by the peer until they leave. */
  addPeerCaused(byteLength: number): void {
    this.#peerCausedBytes += byteLength;
  }

  /**
   * Where the message of a frame may be written that follows at once, with such an `initialRequestN` and `metadata`;
   * undefined while another message has the place.
   */
  placeFor(initialRequestN: number, metadata: Uint8Array | undefined): InPlace | undefined {
    this.#place ??= new InPlace(this.#data);
    if (this.#place.isTaken) return undefined;
    this.#place.begin(LENGTH_PREFIX_BYTES + payloadFrameBytes(initialRequestN, metadata, NO_BYTES));
    return this.#place;
  }

  /** True when a payload is short enough for one frame. */
  fits(initialRequestN: number, metadata: Uint8Array | undefined, data: MessageBytes): boolean {
    return LENGTH_PREFIX_BYTES + payloadFrameBytes(initialRequestN, metadata, data) <= this.#fragmentBytes;
  }

  /** Writes a frame that fits. */
  writePayload(
    streamId: number,
    type: number,
    flags: number,
    initialRequestN: number,
    metadata: Uint8Array | undefined,
    data: MessageBytes,
  ): void {
    const before = this.#data.byteLength;
    writePayloadFrame(this.#data, streamId, type, flags, initialRequestN, metadata, data);
    this.encodedBytes += this.#data.byteLength - before;
  }

  /** Counts what was written to `data` directly. */
  countEncoded(before: number): void {
    this.encodedBytes += this.#data.byteLength - before;
  }

  /** Queues a payload that doesn't fit one frame, or that stands behind one. */
  queuePayload(backlog: StreamBacklog, fragments: Fragmenter): void {
    this.#enqueue(backlog, { kind: "payload", fragments, payloadBytes: fragments.bytesLeft });
  }

  /** Queues the end of a stream behind its payloads. */
  queueComplete(backlog: StreamBacklog, metadata: Uint8Array | undefined): void {
    this.#enqueue(backlog, { kind: "complete", metadata });
  }

  /** Queues an error behind a stream's payloads. */
  queueError(backlog: StreamBacklog, code: number, data: Uint8Array): void {
    this.#enqueue(backlog, { kind: "error", code, data });
  }

  /** Forgets what a stream still wanted to send. */
  drop(backlog: StreamBacklog): void {
    const before = this.byteLength;
    if (backlog.active) this.#activeBytes -= activeBytesOf(backlog);
    remove(backlog.active ? this.#active : this.#waiting, backlog);
    for (const queued of backlog.queue.takeAll()) this.#backlogBytes -= countedBytes(queued);
    if (before > 0) this.#peerCausedBytes = Math.floor(this.#peerCausedBytes * (this.byteLength / before));
    backlog.active = false;
    this.#activate();
  }

  /** Forgets everything but stream 0's frames. */
  clearStreams(): void {
    this.#data.clear();
    this.#active.length = 0;
    this.#waiting.length = 0;
    this.#activeBytes = 0;
    this.#backlogBytes = 0;
    this.#peerCausedBytes = 0;
  }

  /** Moves what `encode` writes into `batch`, ahead of everything that waits. */
  takeAlone(batch: FrameBatch, encode: (writer: SlabWriter) => void): void {
    const writer = new SlabWriter(this.#pool);
    encode(writer);
    writer.takeInto(batch, Number.POSITIVE_INFINITY);
  }

  /** Moves frames of stream 0 into `batch`; false when there are none. */
  takePriority(batch: FrameBatch): boolean {
    this.#priority.takeInto(batch, BATCH_BYTES);
    return batch.byteLength > 0;
  }

  /** Moves frames of stream 0, then such as were sent before, into `batch`; false when there are none. */
  takeAgain(batch: FrameBatch, store: ResumeStore): boolean {
    this.#priority.takeInto(batch, BATCH_BYTES);
    store.takeUnsent(batch, BATCH_BYTES);
    return batch.byteLength > 0;
  }

  /** Moves the next frames into `batch`, and keeps those of streams in `store`, if given; false when there are none. */
  takeInto(batch: FrameBatch, store?: ResumeStore): boolean {
    this.#priority.takeInto(batch, BATCH_BYTES);
    const firstChunk = batch.chunks.length;
    const before = this.byteLength;
    // Neither a flood of short frames nor one of fragments keeps the other waiting.
    this.#data.takeInto(batch, this.#active.length > 0 ? BATCH_BYTES / 2 : BATCH_BYTES);
    this.#writeFragments(BATCH_BYTES - batch.byteLength);
    this.#written?.takeInto(batch, Number.POSITIVE_INFINITY);
    store?.append(batch, firstChunk);
    const left = this.byteLength;
    // Bytes leave in order, and those caused by the peer are mixed evenly among them.
    this.#peerCausedBytes = left === 0 ? 0 : Math.floor(this.#peerCausedBytes * (left / before));
    return batch.byteLength > 0;
  }

  #enqueue(backlog: StreamBacklog, queued: Queued): void {
    backlog.queue.push(queued);
    this.#backlogBytes += countedBytes(queued);
    if (backlog.queue.length > 1) return;
    backlog.behindByte = this.encodedBytes;
    this.#waiting.push(backlog);
    this.#activate();
  }

  #activate(): void {
    for (;;) {
      const [next] = this.#waiting;
      if (next === undefined) return;
      const byteLength = activeBytesOf(next);
      const fits = this.#activeBytes + byteLength <= this.#limits.maxFragmentingBytes;
      if (!fits && this.#active.length > 0) return;
      this.#waiting.shift();
      next.active = true;
      this.#active.push(next);
      this.#activeBytes += byteLength;
    }
  }

  get #fragments(): SlabWriter {
    this.#written ??= new SlabWriter(this.#pool);
    return this.#written;
  }

  // One frame of each stream in turn, as long as the batch has room for more.
  #writeFragments(budget: number): void {
    if (this.#active.length === 0) return;
    let skipped = 0;
    while (skipped < this.#active.length && this.#fragments.byteLength < budget) {
      if (this.#turn >= this.#active.length) this.#turn = 0;
      const backlog = this.#active[this.#turn];
      if (backlog === undefined) return;
      if (backlog.behindByte > this.takenBytes) {
        skipped++;
        this.#turn++;
        continue;
      }
      skipped = 0;
      this.#writeNext(backlog);
      if (backlog.queue.length > 0 && backlog.active) this.#turn++;
    }
  }

  #writeNext(backlog: StreamBacklog): void {
    const queued = backlog.queue.first;
    if (queued === undefined) return;
    backlog.started = true;
    const isFinished = this.#writeQueued(backlog.streamId, queued);
    // What was held back follows behind a whole payload.
    if (isFinished && backlog.requestN > 0) {
      encodeRequestN(this.#fragments, backlog.streamId, backlog.requestN);
      backlog.requestN = 0;
    }
    if (isFinished) this.#finishFirst(backlog, queued);
  }

  // True when nothing of it is left.
  #writeQueued(streamId: number, queued: Queued): boolean {
    if (queued.kind === "payload") return this.#writeFragment(queued.fragments);
    if (queued.kind === "complete") {
      encodePayloadFrame(this.#fragments, streamId, FrameType.PAYLOAD, Flag.COMPLETE, -1, queued.metadata, NO_BYTES);
    } else encodeError(this.#fragments, streamId, queued.code, queued.data);
    return true;
  }

  #writeFragment(fragments: Fragmenter): boolean {
    const before = fragments.bytesLeft;
    const last = fragments.writeNext(this.#fragments, this.#fragmentBytes);
    this.#backlogBytes -= before - fragments.bytesLeft;
    return last;
  }

  // The first of a stream's queued things is out: the next has to wait its turn.
  #finishFirst(backlog: StreamBacklog, queued: Queued): void {
    this.#activeBytes -= queued.kind === "payload" ? queued.payloadBytes : 0;
    remove(this.#active, backlog);
    backlog.active = false;
    backlog.queue.shift();
    this.#backlogBytes -= QUEUED_BYTES;
    if (backlog.queue.length > 0) this.#waiting.push(backlog);
    this.#activate();
    if (backlog.queue.length === 0) backlog.onEmpty();
  }
}

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

function activeBytesOf(backlog: StreamBacklog): number {
  const { first } = backlog.queue;
  return first?.kind === "payload" ? first.payloadBytes : 0;
}

function remove(list: StreamBacklog[], backlog: StreamBacklog): void {
  const index = list.indexOf(backlog);
  if (index >= 0) list.splice(index, 1);
}
