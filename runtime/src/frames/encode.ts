// SPDX-License-Identifier: Apache-2.0
// Frames into bytes (RSocket 1.0 §Frame Types). Every frame is written with its 3-byte length prefix; links that
// carry messages slice past it. A frame that can't be said is a RangeError before anything of it is written (FRM-04).

import { writeUint16, writeUint24, writeUint32, writeUint63 } from "../bytes/integers.js";
import type { SlabWriter } from "../bytes/slab.js";
import { REFERENCE_BYTES } from "../bytes/slab.js";
import { encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import type { Frame, SetupFrame } from "./frame.js";
import { writeHeader } from "./header.js";
import {
  Flag,
  FrameType,
  HEADER_BYTES,
  INITIAL_REQUEST_N_BYTES,
  LENGTH_PREFIX_BYTES,
  MAX_31_BIT,
  MAX_FRAME_BYTES,
  METADATA_LENGTH_BYTES,
} from "./layout.js";

const NO_BYTES = new Uint8Array(0);
const PREFIX_AND_HEADER_BYTES = LENGTH_PREFIX_BYTES + HEADER_BYTES;
/** Up to here a loop of byte stores is cheaper than a call of `set`. */
const LOOP_BYTES = 24;

/**
 * A frame on a stream that carries metadata and data: REQUEST_* and PAYLOAD.
 *
 * `flags` without M, which follows from `metadata`. `initialRequestN` is written when it is not negative.
 * `data` of 8 KiB and more is passed on by reference, all else is copied.
 * @throws RangeError when the frame would have more than 16,777,215 bytes.
 */
export function encodePayloadFrame(
  writer: SlabWriter,
  streamId: number,
  type: number,
  flags: number,
  initialRequestN: number,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
): void {
  const fixedBytes =
    HEADER_BYTES +
    (initialRequestN >= 0 ? INITIAL_REQUEST_N_BYTES : 0) +
    (metadata === undefined ? 0 : METADATA_LENGTH_BYTES + metadata.length);
  checkFrameBytes(fixedBytes + data.length);
  const byReference = data.length >= REFERENCE_BYTES;
  let at = writer.reserve(LENGTH_PREFIX_BYTES + fixedBytes + (byReference ? 0 : data.length));
  const bytes = writer.bytes;
  const allFlags = metadata === undefined ? flags : flags | Flag.METADATA;
  writeHeader(bytes, at, fixedBytes + data.length, streamId, type, allFlags);
  at += PREFIX_AND_HEADER_BYTES;
  if (initialRequestN >= 0) {
    writeUint32(bytes, at, initialRequestN);
    at += INITIAL_REQUEST_N_BYTES;
  }
  if (metadata !== undefined) {
    writeUint24(bytes, at, metadata.length);
    at = copyInto(bytes, at + METADATA_LENGTH_BYTES, metadata);
  }
  if (byReference) writer.pushReference(data);
  else copyInto(bytes, at, data);
}

/** The bytes that `encodePayloadFrame` needs, without the length prefix. */
export function payloadFrameBytes(
  initialRequestN: number,
  metadata: Uint8Array | undefined,
  data: { readonly length: number },
): number {
  return (
    HEADER_BYTES +
    (initialRequestN >= 0 ? INITIAL_REQUEST_N_BYTES : 0) +
    (metadata === undefined ? 0 : METADATA_LENGTH_BYTES + metadata.length) +
    data.length
  );
}

/** §SETUP. @throws RangeError on a mime type above 255 bytes, a token above 65,535, a frame above 16,777,215. */
export function encodeSetup(writer: SlabWriter, setup: Omit<SetupFrame, "type" | "streamId">): void {
  const { resumeToken, metadata, data } = setup;
  const metadataMimeBytes = mimeTypeBytes(setup.metadataMimeType);
  const dataMimeBytes = mimeTypeBytes(setup.dataMimeType);
  if (resumeToken !== undefined) checkTokenBytes(resumeToken.length);
  const bodyBytes =
    12 +
    (resumeToken === undefined ? 0 : 2 + resumeToken.length) +
    (2 + metadataMimeBytes + dataMimeBytes) +
    (metadata === undefined ? 0 : METADATA_LENGTH_BYTES + metadata.length) +
    data.length;
  const flags =
    (resumeToken === undefined ? 0 : Flag.RESUME_ENABLE) |
    (setup.lease ? Flag.LEASE : 0) |
    (metadata === undefined ? 0 : Flag.METADATA);
  let at = begin(writer, bodyBytes, 0, FrameType.SETUP, flags);
  const bytes = writer.bytes;
  writeUint16(bytes, at, setup.majorVersion);
  writeUint16(bytes, at + 2, setup.minorVersion);
  writeUint32(bytes, at + 4, setup.keepaliveIntervalMs);
  writeUint32(bytes, at + 8, setup.maxLifetimeMs);
  at += 12;
  if (resumeToken !== undefined) {
    writeUint16(bytes, at, resumeToken.length);
    at = copyInto(bytes, at + 2, resumeToken);
  }
  bytes[at] = metadataMimeBytes;
  at = encodeUtf8Into(setup.metadataMimeType, bytes, at + 1);
  bytes[at] = dataMimeBytes;
  at = encodeUtf8Into(setup.dataMimeType, bytes, at + 1);
  if (metadata !== undefined) {
    writeUint24(bytes, at, metadata.length);
    at = copyInto(bytes, at + METADATA_LENGTH_BYTES, metadata);
  }
  copyInto(bytes, at, data);
}

/** §REQUEST_N; `n` is 1 … 2^31-1. */
export function encodeRequestN(writer: SlabWriter, streamId: number, n: number): void {
  const at = begin(writer, 4, streamId, FrameType.REQUEST_N, 0);
  writeUint32(writer.bytes, at, n);
}

/** §CANCEL. */
export function encodeCancel(writer: SlabWriter, streamId: number): void {
  begin(writer, 0, streamId, FrameType.CANCEL, 0);
}

/** §ERROR. `code` is unsigned. @throws RangeError on a frame above 16,777,215 bytes. */
export function encodeError(writer: SlabWriter, streamId: number, code: number, data: Uint8Array): void {
  const at = begin(writer, 4 + data.length, streamId, FrameType.ERROR, 0);
  writeUint32(writer.bytes, at, code);
  copyInto(writer.bytes, at + 4, data);
}

/** §KEEPALIVE; an answer carries exactly the data it answers. @throws RangeError on a frame above 16,777,215 bytes. */
export function encodeKeepalive(
  writer: SlabWriter,
  respond: boolean,
  lastReceivedPosition: number,
  data: Uint8Array,
): void {
  const at = begin(writer, 8 + data.length, 0, FrameType.KEEPALIVE, respond ? Flag.RESPOND : 0);
  writeUint63(writer.bytes, at, lastReceivedPosition);
  copyInto(writer.bytes, at + 8, data);
}

/** §METADATA_PUSH: the metadata has no length field. @throws RangeError on a frame above 16,777,215 bytes. */
export function encodeMetadataPush(writer: SlabWriter, metadata: Uint8Array): void {
  const at = begin(writer, metadata.length, 0, FrameType.METADATA_PUSH, Flag.METADATA);
  copyInto(writer.bytes, at, metadata);
}

/** §LEASE: the metadata has no length field. @throws RangeError on a frame above 16,777,215 bytes. */
export function encodeLease(
  writer: SlabWriter,
  ttlMs: number,
  requestCount: number,
  metadata: Uint8Array | undefined,
): void {
  const flags = metadata === undefined ? 0 : Flag.METADATA;
  const at = begin(writer, 8 + (metadata?.length ?? 0), 0, FrameType.LEASE, flags);
  writeUint32(writer.bytes, at, ttlMs);
  writeUint32(writer.bytes, at + 4, requestCount);
  copyInto(writer.bytes, at + 8, metadata ?? NO_BYTES);
}

/** §RESUME. Positions are bytes, below 2^53. @throws RangeError on a token above 65,535 bytes. */
export function encodeResume(
  writer: SlabWriter,
  resumeToken: Uint8Array,
  lastReceivedServerPosition: number,
  firstAvailableClientPosition: number,
  majorVersion = 1,
  minorVersion = 0,
): void {
  checkTokenBytes(resumeToken.length);
  let at = begin(writer, 6 + resumeToken.length + 16, 0, FrameType.RESUME, 0);
  const bytes = writer.bytes;
  writeUint16(bytes, at, majorVersion);
  writeUint16(bytes, at + 2, minorVersion);
  writeUint16(bytes, at + 4, resumeToken.length);
  at = copyInto(bytes, at + 6, resumeToken);
  writeUint63(bytes, at, lastReceivedServerPosition);
  writeUint63(bytes, at + 8, firstAvailableClientPosition);
}

/** §RESUME_OK. */
export function encodeResumeOk(writer: SlabWriter, lastReceivedClientPosition: number): void {
  const at = begin(writer, 8, 0, FrameType.RESUME_OK, 0);
  writeUint63(writer.bytes, at, lastReceivedClientPosition);
}

/** §EXT. @throws RangeError when `extendedType` isn't 1 … 2^31-1, and on a frame above 16,777,215 bytes. */
export function encodeExt(
  writer: SlabWriter,
  streamId: number,
  mayIgnore: boolean,
  extendedType: number,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
): void {
  if (!Number.isInteger(extendedType) || extendedType < 1 || extendedType > MAX_31_BIT) {
    throw new RangeError(`extended type ${extendedType}, expected 1 … 2^31-1 (RSocket 1.0 §EXT)`);
  }
  encodePayloadFrame(writer, streamId, FrameType.EXT, mayIgnore ? Flag.IGNORE : 0, extendedType, metadata, data);
}

/**
 * Any frame object, as its type's function writes it: with those flags only that its type defines (HDR-01), and on
 * stream 0 if its type stands only there, whatever `streamId` says.
 * @throws RangeError like the function of its type.
 */
export function encodeFrame(writer: SlabWriter, frame: Frame): void {
  switch (frame.type) {
    case FrameType.SETUP:
      return encodeSetup(writer, frame);
    case FrameType.LEASE:
      return encodeLease(writer, frame.ttlMs, frame.requestCount, frame.metadata);
    case FrameType.KEEPALIVE:
      return encodeKeepalive(writer, frame.respond, frame.lastReceivedPosition, frame.data);
    case FrameType.REQUEST_RESPONSE:
    case FrameType.REQUEST_FNF: {
      const flags = frame.follows ? Flag.FOLLOWS : 0;
      return encodePayloadFrame(writer, frame.streamId, frame.type, flags, -1, frame.metadata, frame.data);
    }
    case FrameType.REQUEST_STREAM:
    case FrameType.REQUEST_CHANNEL: {
      const complete = frame.complete && frame.type === FrameType.REQUEST_CHANNEL;
      const flags = (frame.follows ? Flag.FOLLOWS : 0) | (complete ? Flag.COMPLETE : 0);
      const { streamId, type, initialRequestN, metadata, data } = frame;
      return encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, data);
    }
    case FrameType.REQUEST_N:
      return encodeRequestN(writer, frame.streamId, frame.requestN);
    case FrameType.CANCEL:
      return encodeCancel(writer, frame.streamId);
    case FrameType.PAYLOAD: {
      const flags =
        (frame.follows ? Flag.FOLLOWS : 0) | (frame.complete ? Flag.COMPLETE : 0) | (frame.next ? Flag.NEXT : 0);
      return encodePayloadFrame(writer, frame.streamId, frame.type, flags, -1, frame.metadata, frame.data);
    }
    case FrameType.ERROR:
      return encodeError(writer, frame.streamId, frame.code, frame.data);
    case FrameType.METADATA_PUSH:
      return encodeMetadataPush(writer, frame.metadata);
    case FrameType.RESUME:
      return encodeResume(
        writer,
        frame.resumeToken,
        frame.lastReceivedServerPosition,
        frame.firstAvailableClientPosition,
        frame.majorVersion,
        frame.minorVersion,
      );
    case FrameType.RESUME_OK:
      return encodeResumeOk(writer, frame.lastReceivedClientPosition);
    case FrameType.EXT:
      return encodeExt(writer, frame.streamId, frame.mayIgnore, frame.extendedType, frame.metadata, frame.data);
  }
}

// Reserves the whole frame, writes prefix and header, returns where the body begins.
function begin(writer: SlabWriter, bodyBytes: number, streamId: number, type: number, flags: number): number {
  checkFrameBytes(HEADER_BYTES + bodyBytes);
  const at = writer.reserve(PREFIX_AND_HEADER_BYTES + bodyBytes);
  writeHeader(writer.bytes, at, HEADER_BYTES + bodyBytes, streamId, type, flags);
  return at + PREFIX_AND_HEADER_BYTES;
}

function copyInto(target: Uint8Array, at: number, source: Uint8Array): number {
  const count = source.length;
  if (count > LOOP_BYTES) target.set(source, at);
  // biome-ignore lint/style/noNonNullAssertion: i is within source
  else for (let i = 0; i < count; i++) target[at + i] = source[i]!;
  return at + count;
}

// Three bytes of length can't say more: without this check a longer frame would go out with its length cut off.
function checkFrameBytes(byteLength: number): void {
  if (byteLength <= MAX_FRAME_BYTES) return;
  throw new RangeError(`frame of ${byteLength} bytes, expected at most ${MAX_FRAME_BYTES} (RSocket 1.0 §Framing)`);
}

function checkTokenBytes(byteLength: number): void {
  if (byteLength <= 0xffff) return;
  throw new RangeError(`resume token of ${byteLength} bytes, expected at most 65535 (RSocket 1.0 §RESUME)`);
}

function mimeTypeBytes(mimeType: string): number {
  const byteLength = utf8ByteLength(mimeType);
  if (byteLength > 255) {
    throw new RangeError(
      `mime type of ${byteLength} bytes, expected at most 255 (RSocket 1.0 §SETUP): ${mimeType.slice(0, 64)}…`,
    );
  }
  return byteLength;
}
