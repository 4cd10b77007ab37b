// SPDX-License-Identifier: Apache-2.0
// Bytes into an object for any frame (RSocket 1.0 §Frame Types), for logs and tests. At run time frames are read in place,
// but for those that open a connection, which have a module of their own.

import { decodeResume, decodeSetup } from "./decode-opening.js";
import { FrameFormatError } from "./errors.js";
import type { Frame } from "./frame.js";
import { FrameReader } from "./frame-reader.js";
import { readFlags, readFrameType, readStreamId } from "./header.js";
import { Flag, FrameType, frameTypeName, HEADER_BYTES } from "./layout.js";

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
      return decodeSetup(bytes, start, end);
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
      return decodeResume(bytes, start, end);
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
