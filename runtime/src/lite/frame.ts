// SPDX-License-Identifier: Apache-2.0
// Frames into bytes, each an array of its own: what a WebSocket sends as one message (RSocket 1.0 §Frame Types).

import { encodeUtf8 } from "../bytes/utf8.js";
import { HEADER_BYTES, LENGTH_PREFIX_BYTES, METADATA_LENGTH_BYTES } from "../frames/layout.js";
import { type Bytes, concat, uint } from "./bytes.js";
import * as Flag from "./flags.js";
import * as FrameType from "./frame-types.js";

const PREFIX_AND_HEADER_BYTES = LENGTH_PREFIX_BYTES + HEADER_BYTES;

/** A frame with its length prefix. */
export function frameOf(streamId: number, type: number, flags: number, ...body: readonly Bytes[]): Uint8Array {
  const frame = concat([0, 0, 0], uint(streamId, 4), uint((type << 10) | flags, 2), ...body);
  frame.set(uint(frame.length - LENGTH_PREFIX_BYTES, LENGTH_PREFIX_BYTES));
  return frame;
}

/** An ERROR with a text. */
export function errorFrame(streamId: number, code: number, text: string): Uint8Array {
  return frameOf(streamId, FrameType.ERROR, 0, uint(code, 4), encodeUtf8(text));
}

/**
 * Calls `send` with the frames of one payload, each of at most `fragmentBytes` with its prefix: the first of `type`, with
 * `head` in front of the payload, PAYLOADs behind it. All metadata goes before any data, N is on every PAYLOAD
 * (RSocket 1.0 §Fragmentation And Reassembly).
 */
export function forEachFragment(
  streamId: number,
  type: number,
  head: Bytes,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
  fragmentBytes: number,
  send: (frame: Uint8Array) => void,
): void {
  let frameType = type;
  let before = head;
  let metadataLeft = metadata;
  let dataLeft = data;
  do {
    const body = [before];
    let room = fragmentBytes - PREFIX_AND_HEADER_BYTES - before.length;
    let flags = frameType === FrameType.PAYLOAD ? Flag.NEXT : 0;
    if (metadataLeft !== undefined) {
      const part = metadataLeft.subarray(0, room - METADATA_LENGTH_BYTES);
      metadataLeft = part.length < metadataLeft.length ? metadataLeft.subarray(part.length) : undefined;
      body.push(uint(part.length, METADATA_LENGTH_BYTES), part);
      room -= METADATA_LENGTH_BYTES + part.length;
      flags |= Flag.METADATA;
    }
    const part = dataLeft.subarray(0, Math.max(0, room));
    dataLeft = dataLeft.subarray(part.length);
    if (metadataLeft !== undefined || dataLeft.length > 0) flags |= Flag.FOLLOWS;
    send(frameOf(streamId, frameType, flags, ...body, part));
    frameType = FrameType.PAYLOAD;
    before = [];
  } while (metadataLeft !== undefined || dataLeft.length > 0);
}
