// SPDX-License-Identifier: Apache-2.0
// A frame on a stream whose data may stand in several pieces.

import { writeUint24 } from "../bytes/integers.js";
import { type MessageBytes, Pieces } from "../bytes/pieces.js";
import type { SlabWriter } from "../bytes/slab.js";
import { encodePayloadFrame, payloadFrameBytes } from "../frames/encode.js";
import { LENGTH_PREFIX_BYTES } from "../frames/layout.js";

const NO_BYTES = new Uint8Array(0);

/** Writes a frame as `encodePayloadFrame` does, with `data[start, end)`; the pieces' long parts go by reference. */
export function writePayloadFrame(
  writer: SlabWriter,
  streamId: number,
  type: number,
  flags: number,
  initialRequestN: number,
  metadata: Uint8Array | undefined,
  data: MessageBytes,
  start = 0,
  end: number = data.length,
): void {
  if (!(data instanceof Pieces)) {
    const part = start === 0 && end === data.length ? data : data.subarray(start, end);
    return encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, part);
  }
  encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, NO_BYTES);
  // The prefix stands where it was just written, and doesn't count the data yet.
  const headBytes = payloadFrameBytes(initialRequestN, metadata, NO_BYTES);
  writeUint24(writer.bytes, writer.position - headBytes - LENGTH_PREFIX_BYTES, headBytes + end - start);
  data.forEach(start, end, (part, isLast) => writer.append(part, isLast));
}
