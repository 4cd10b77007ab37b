// SPDX-License-Identifier: Apache-2.0
// Messages into bytes and back: the contract that generated codecs fill, and protobuf-es's reflection behind it.

import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { refused } from "../codec/faults.js";
import { beginMessage, forEachPiece, MessageWriter, release } from "../codec/writer.js";
import { type EncodedMessage, InPlace, type MessageBytes, Pieces } from "../rsocket/payload.js";

/** Takes an encoded message, piece by piece. */
export interface ByteSink {
  /** The next bytes; they belong to the sink from then on. */
  push(value: Uint8Array): void;
}

/** Two functions for one message type. `Init` is what may be passed for a message: any subset of its fields. */
export interface Codec<T, Init = T> {
  /** The message's full protobuf name. */
  readonly typeName: string;
  /** Writes `value`. Throws when a field holds what it can't. */
  encode(value: Init, sink: ByteSink): void;
  /**
   * Reads a message; it may keep views of `bytes`. Fields that it doesn't know it keeps, to write them again, unless
   * `discardUnknownFields`. Throws when they are no such message.
   */
  decode(bytes: Uint8Array, discardUnknownFields?: boolean): T;
  /** Writes `value` straight into a buffer, as `encode` does into a sink. Generated codecs have it. */
  readonly write?: (value: Init, writer: MessageWriter) => void;
}

/** A codec by protobuf-es's reflection over a message's descriptor. */
export function messageCodec<D extends DescMessage>(schema: D): Codec<MessageShape<D>, MessageInitShape<D>> {
  return {
    typeName: schema.typeName,
    encode(value, sink) {
      sink.push(toBinary(schema, create(schema, value)));
    },
    decode(bytes, discardUnknownFields) {
      return fromBinary(schema, bytes, discardUnknownFields === true ? WITHOUT_UNKNOWN_FIELDS : undefined);
    },
  };
}

const WITHOUT_UNKNOWN_FIELDS = { readUnknownFields: false } as const;

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/** Collects one message after another. A message that comes in one piece isn't copied. */
class MessageSink implements ByteSink {
  #message: Uint8Array = NO_BYTES;

  push(value: Uint8Array): void {
    if (this.#message.length === 0) {
      this.#message = value;
      return;
    }
    const joined = new Uint8Array(this.#message.length + value.length);
    joined.set(this.#message);
    joined.set(value, this.#message.length);
    this.#message = joined;
  }

  take(): Uint8Array {
    const message = this.#message;
    this.#message = NO_BYTES;
    return message;
  }
}

const sink = /*@__PURE__*/ new MessageSink();

const EMPTY_TYPE = "google.protobuf.Empty";

/**
 * `value`, if it can be meant as a message of type `typeName`. Codecs take any object for one of which no field is set,
 * so a forgotten `await` or a message of another type would be sent as an empty message.
 * @throws TypeError saying what it is.
 */
export function checkMessage(value: unknown, typeName: string): unknown {
  if (typeof value === "object" && value !== null) {
    const { $typeName } = value as { readonly $typeName?: unknown };
    if ($typeName === typeName || ($typeName === undefined && isRecord(value))) return value;
  } else if (value === undefined && typeName === EMPTY_TYPE) return {};
  throw refused(value, typeName);
}

function isRecord(value: object): boolean {
  const isList = Symbol.iterator in value || Symbol.asyncIterator in value;
  return !(isList || value instanceof Promise || value instanceof Date);
}

/** Many short messages share one, and a message that is kept keeps no more than this. */
const SLAB_BYTES = 8_192;
/** A rest smaller than this is left: most messages would outgrow it. */
const SPARE_BYTES = 512;

// Lent to one message at a time: a getter of the user's may make another call amid its own message.
let spareWriter: MessageWriter | undefined;
let slab = NO_BYTES;
let slabAt = 0;

function lendWriter(bytes: Uint8Array, start: number): MessageWriter {
  const writer = spareWriter ?? new MessageWriter();
  spareWriter = undefined;
  beginMessage(writer, bytes, start);
  return writer;
}

function takeBack(writer: MessageWriter): void {
  release(writer);
  spareWriter = writer;
}

/** The message that `write` writes: a view of a slab, which nobody writes to again, or such views and long fields. */
function writeToSlab<Init>(write: (value: Init, writer: MessageWriter) => void, value: Init): EncodedMessage {
  const own = slab.length - slabAt < SPARE_BYTES ? new Uint8Array(SLAB_BYTES) : slab;
  const writer = lendWriter(own, own === slab ? slabAt : 0);
  slab = NO_BYTES;
  try {
    write(value, writer);
    const message = writer.references?.length ? piecesOf(writer) : writer.bytes.subarray(writer.start, writer.at);
    if (writer.bytes === own) {
      slab = own;
      slabAt = writer.at;
    }
    return message;
  } finally {
    takeBack(writer);
  }
}

// What stands in `lent` bytes is copied.
function piecesOf(writer: MessageWriter, lent?: Uint8Array): Pieces {
  const pieces: Uint8Array[] = [];
  forEachPiece(writer, (piece) => pieces.push(piece.buffer === lent?.buffer ? new Uint8Array(piece) : piece));
  return new Pieces(pieces);
}

/**
 * The message that `write` writes: in `place`, which is the frame's that is to be sent at once; elsewhere when it outgrows
 * that, or holds long fields. The place is given back then, and when anything is thrown.
 */
function writeInPlace<Init>(
  write: (value: Init, writer: MessageWriter) => void,
  value: Init,
  place: InPlace,
): MessageBytes {
  const { bytes } = place;
  const writer = lendWriter(bytes, place.start);
  let isKept = false;
  try {
    write(value, writer);
    if (writer.references?.length) return piecesOf(writer, bytes);
    if (writer.bytes !== bytes) return writer.bytes.subarray(writer.start, writer.at);
    place.length = writer.at - writer.start;
    isKept = true;
    return place;
  } finally {
    if (!isKept) place.giveBack();
    takeBack(writer);
  }
}

/** The bytes of one message; long `bytes` fields of it are sent from where they are. Throws what the codec throws. */
export function encodeMessage<Init>(codec: Codec<unknown, Init>, value: Init): EncodedMessage {
  const { write } = codec;
  if (write !== undefined) return writeToSlab(write, value);
  try {
    codec.encode(value, sink);
    return sink.take();
  } catch (error) {
    sink.take();
    throw error;
  }
}

/** The bytes of what a user gave for a message. Throws what `checkMessage` and the codec throw. */
export function encodeChecked<Init>(codec: Codec<unknown, Init>, value: unknown): EncodedMessage {
  return encodeMessage(codec, checkMessage(value, codec.typeName) as Init);
}

/** Where messages are written that are sent at once. */
export interface Places {
  placeFor(initialN: number, metadata: Uint8Array | undefined): InPlace | undefined;
}

/**
 * The same for a message that is sent at once, in a frame with such an `initialN` (-1: none) and `metadata`: it may stand
 * where its frame will be. When it isn't sent, it is given to `giveBack`.
 */
export function encodeToSend<Init>(
  codec: Codec<unknown, Init>,
  value: unknown,
  places: Places,
  initialN: number,
  metadata: Uint8Array | undefined,
): MessageBytes {
  const { write } = codec;
  const message = checkMessage(value, codec.typeName) as Init;
  const place = write === undefined ? undefined : places.placeFor(initialN, metadata);
  if (write === undefined || place === undefined) return encodeMessage(codec, message);
  return writeInPlace(write, message, place);
}

/** A message that was encoded to be sent isn't, or has been: nothing is left of it in its place. */
export function giveBack(data: MessageBytes): void {
  if (data instanceof InPlace) data.giveBack();
}
