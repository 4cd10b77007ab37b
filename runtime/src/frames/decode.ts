// SPDX-License-Identifier: Apache-2.0
// Bytes into frames (RSocket 1.0 §Frame Types). `decodeFrame` makes an object and is meant for connection frames,
// logs and tests; the payload of a stream's frame is read in place by `readPayloadStart`.

import { readUint16, readUint24, readUint31, readUint32, readUint63 } from "../bytes/integers.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import { FrameFormatError } from "./errors.js";
import type { Frame, ResumeFrame, SetupFrame } from "./frame.js";
import { readFlags, readFrameType, readStreamId } from "./header.js";
import { Flag, FrameType, frameTypeName, HEADER_BYTES, METADATA_LENGTH_BYTES } from "./layout.js";

/** The parts of a frame that has metadata and data. */
interface Body {
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/**
 * Reads one frame without its length prefix, `bytes[start, end)`.
 *
 * Byte fields are views of `bytes`: they live as long as it does and must not be written.
 * Undefined flag bits and reserved bits are ignored (HDR-02, HDR-05).
 * @throws FrameFormatError (scope: the connection) on a type that RSocket 1.0 doesn't define or a frame cut short.
 */
export function decodeFrame(bytes: Uint8Array, start = 0, end: number = bytes.length): Frame {
  if (end - start < HEADER_BYTES) {
    throw new FrameFormatError(
      `frame of ${end - start} bytes, expected at least ${HEADER_BYTES} (RSocket 1.0 §Framing)`,
    );
  }
  const streamId = readStreamId(bytes, start);
  const type = readFrameType(bytes, start);
  const flags = readFlags(bytes, start);
  const body = start + HEADER_BYTES;
  const reader = new FrameReader(bytes, body, end, type, flags);
  switch (type) {
    case FrameType.SETUP:
      return decodeSetup(reader, streamId, flags);
    case FrameType.LEASE:
      return {
        type,
        streamId,
        ttlMs: reader.uint31("ttl"),
        requestCount: reader.uint31("number of requests"),
        metadata: (flags & Flag.METADATA) !== 0 || reader.left > 0 ? reader.rest() : undefined,
      };
    case FrameType.KEEPALIVE:
      return {
        type,
        streamId,
        respond: (flags & Flag.RESPOND) !== 0,
        lastReceivedPosition: reader.uint63("position"),
        data: reader.rest(),
      };
    case FrameType.REQUEST_RESPONSE:
    case FrameType.REQUEST_FNF:
      return { type, streamId, follows: (flags & Flag.FOLLOWS) !== 0, ...reader.body() };
    case FrameType.REQUEST_STREAM:
    case FrameType.REQUEST_CHANNEL:
      return {
        type,
        streamId,
        follows: (flags & Flag.FOLLOWS) !== 0,
        complete: type === FrameType.REQUEST_CHANNEL && (flags & Flag.COMPLETE) !== 0,
        initialRequestN: reader.uint31("initial request n"),
        ...reader.body(),
      };
    case FrameType.REQUEST_N:
      return { type, streamId, requestN: reader.uint31("request n") };
    case FrameType.CANCEL:
      return { type, streamId };
    case FrameType.PAYLOAD:
      return {
        type,
        streamId,
        follows: (flags & Flag.FOLLOWS) !== 0,
        complete: (flags & Flag.COMPLETE) !== 0,
        next: (flags & Flag.NEXT) !== 0,
        ...reader.body(),
      };
    case FrameType.ERROR:
      return { type, streamId, code: reader.uint32("error code"), data: reader.rest() };
    case FrameType.METADATA_PUSH:
      return { type, streamId, metadata: reader.rest() };
    case FrameType.RESUME:
      return decodeResume(reader, streamId);
    case FrameType.RESUME_OK:
      return { type, streamId, lastReceivedClientPosition: reader.uint63("client position") };
    case FrameType.EXT:
      return {
        type,
        streamId,
        mayIgnore: (flags & Flag.IGNORE) !== 0,
        extendedType: reader.uint31("extended type"),
        ...reader.body(),
      };
    default:
      throw new FrameFormatError(
        `frame type ${frameTypeName(type)} on stream ${streamId} is not defined (RSocket 1.0 §Frame Types)`,
        (flags & Flag.IGNORE) !== 0,
      );
  }
}

/**
 * Where the data of a REQUEST_* or PAYLOAD frame begins: `at` is where its metadata length would stand, `end` the
 * frame's end. With M the metadata is `[at + 3, result)`. Returns -1 when the metadata doesn't fit the frame (META-02).
 */
export function readPayloadStart(bytes: Uint8Array, at: number, end: number, flags: number): number {
  if ((flags & Flag.METADATA) === 0) return at;
  if (at + METADATA_LENGTH_BYTES > end) return -1;
  const dataStart = at + METADATA_LENGTH_BYTES + readUint24(bytes, at);
  return dataStart > end ? -1 : dataStart;
}

/** `bytes[start, end)` as a plain Uint8Array, also when `bytes` is a subclass whose `subarray` isn't plain. */
export function viewOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

function decodeSetup(reader: FrameReader, streamId: number, flags: number): SetupFrame {
  const majorVersion = reader.uint16("major version");
  const minorVersion = reader.uint16("minor version");
  const keepaliveIntervalMs = reader.uint31("keepalive interval");
  const maxLifetimeMs = reader.uint31("max lifetime");
  const resumeToken =
    (flags & Flag.RESUME_ENABLE) === 0 ? undefined : reader.take(reader.uint16("token length"), "resume token");
  const metadataMimeType = reader.text(reader.uint8("mime length"), "metadata mime type");
  const dataMimeType = reader.text(reader.uint8("mime length"), "data mime type");
  return {
    type: FrameType.SETUP,
    streamId,
    majorVersion,
    minorVersion,
    keepaliveIntervalMs,
    maxLifetimeMs,
    resumeToken,
    lease: (flags & Flag.LEASE) !== 0,
    metadataMimeType,
    dataMimeType,
    ...reader.body(),
  };
}

function decodeResume(reader: FrameReader, streamId: number): ResumeFrame {
  return {
    type: FrameType.RESUME,
    streamId,
    majorVersion: reader.uint16("major version"),
    minorVersion: reader.uint16("minor version"),
    resumeToken: reader.take(reader.uint16("token length"), "resume token"),
    lastReceivedServerPosition: reader.uint63("server position"),
    firstAvailableClientPosition: reader.uint63("client position"),
  };
}

/** Reads fields one after another and knows the frame's end. */
class FrameReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #type: number;
  readonly #flags: number;
  #at: number;

  constructor(bytes: Uint8Array, at: number, end: number, type: number, flags: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = end;
    this.#type = type;
    this.#flags = flags;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  uint8(field: string): number {
    return this.#bytes[this.#advance(1, field)] ?? 0;
  }

  uint16(field: string): number {
    return readUint16(this.#bytes, this.#advance(2, field));
  }

  uint31(field: string): number {
    return readUint31(this.#bytes, this.#advance(4, field));
  }

  uint32(field: string): number {
    return readUint32(this.#bytes, this.#advance(4, field));
  }

  uint63(field: string): number {
    return readUint63(this.#bytes, this.#advance(8, field));
  }

  take(byteLength: number, field: string): Uint8Array {
    const at = this.#advance(byteLength, field);
    return viewOf(this.#bytes, at, at + byteLength);
  }

  text(byteLength: number, field: string): string {
    const at = this.#advance(byteLength, field);
    return decodeUtf8(this.#bytes, at, at + byteLength);
  }

  rest(): Uint8Array {
    return this.take(this.left, "data");
  }

  body(): Body {
    if ((this.#flags & Flag.METADATA) === 0) return { metadata: undefined, data: this.rest() };
    const byteLength = readUint24(this.#bytes, this.#advance(METADATA_LENGTH_BYTES, "metadata length"));
    return { metadata: this.take(byteLength, "metadata"), data: this.rest() };
  }

  #advance(byteLength: number, field: string): number {
    if (byteLength > this.left) {
      throw new FrameFormatError(
        `${frameTypeName(this.#type)} is cut short: ${field} needs ${byteLength} bytes, ${this.left} are left ` +
          "(RSocket 1.0 §Frame Types)",
        (this.#flags & Flag.IGNORE) !== 0,
      );
    }
    const at = this.#at;
    this.#at += byteLength;
    return at;
  }
}
