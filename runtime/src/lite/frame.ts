// SPDX-License-Identifier: Apache-2.0
// Frames into bytes, each an array of its own: what a WebSocket sends as one message (RSocket 1.0 §Frame Types).

import { writeUint24, writeUint32 } from "../bytes/integers.js";
import { writeHeader } from "../frames/header.js";
import {
  Flag,
  FrameType,
  HEADER_BYTES,
  INITIAL_REQUEST_N_BYTES,
  LENGTH_PREFIX_BYTES,
  METADATA_LENGTH_BYTES,
} from "../frames/layout.js";

const PREFIX_AND_HEADER_BYTES = LENGTH_PREFIX_BYTES + HEADER_BYTES;

/** A frame with its length prefix; of its body, numbers are unsigned 32-bit ones. */
export function frameOf(
  streamId: number,
  type: number,
  flags: number,
  ...body: readonly (number | Uint8Array)[]
): Uint8Array {
  let byteLength = PREFIX_AND_HEADER_BYTES;
  for (const part of body) byteLength += typeof part === "number" ? 4 : part.length;
  const frame = new Uint8Array(byteLength);
  writeHeader(frame, 0, byteLength - LENGTH_PREFIX_BYTES, streamId, type, flags);
  let at = PREFIX_AND_HEADER_BYTES;
  for (const part of body) {
    if (typeof part === "number") {
      writeUint32(frame, at, part);
      at += 4;
    } else {
      frame.set(part, at);
      at += part.length;
    }
  }
  return frame;
}

/** Metadata as it stands in front of data: its length, then itself. */
export function withLength(metadata: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(METADATA_LENGTH_BYTES + metadata.length);
  bytes.set(metadata, writeUint24(bytes, 0, metadata.length));
  return bytes;
}

/**
 * Calls `send` with the frames of one payload, each of at most `fragmentBytes` with its prefix: the first of `type`, with
 * `initialN` unless that is negative, PAYLOADs behind it. All metadata goes before any data, N is on every PAYLOAD
 * (RSocket 1.0 §Fragmentation And Reassembly).
 */
export function forEachFragment(
  streamId: number,
  type: number,
  initialN: number,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
  fragmentBytes: number,
  send: (frame: Uint8Array) => void,
): void {
  let frameType = type;
  let metadataLeft = metadata;
  let dataAt = 0;
  do {
    const body: (number | Uint8Array)[] = [];
    let room = fragmentBytes - PREFIX_AND_HEADER_BYTES;
    if (frameType !== FrameType.PAYLOAD && initialN >= 0) {
      body.push(initialN);
      room -= INITIAL_REQUEST_N_BYTES;
    }
    let flags = frameType === FrameType.PAYLOAD ? Flag.NEXT : 0;
    if (metadataLeft !== undefined) {
      const part = metadataLeft.subarray(0, room - METADATA_LENGTH_BYTES);
      metadataLeft = part.length < metadataLeft.length ? metadataLeft.subarray(part.length) : undefined;
      body.push(withLength(part));
      room -= METADATA_LENGTH_BYTES + part.length;
      flags |= Flag.METADATA;
    }
    const dataEnd = Math.min(data.length, dataAt + Math.max(0, room));
    body.push(data.subarray(dataAt, dataEnd));
    dataAt = dataEnd;
    if (metadataLeft !== undefined || dataAt < data.length) flags |= Flag.FOLLOWS;
    send(frameOf(streamId, frameType, flags, ...body));
    frameType = FrameType.PAYLOAD;
  } while (metadataLeft !== undefined || dataAt < data.length);
}
