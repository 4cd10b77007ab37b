// SPDX-License-Identifier: Apache-2.0
// A frame on a stream whose data may stand in several pieces.

import { InPlace } from "../bytes/in-place.js";
import { writeUint24 } from "../bytes/integers.js";
import { checkOption } from "../bytes/options.js";
import { type MessageBytes, Pieces } from "../bytes/pieces.js";
import type { SlabWriter } from "../bytes/slab.js";
import { encodePayloadFrame, payloadFrameBytes } from "../frames/encode.js";
import { LENGTH_PREFIX_BYTES } from "../frames/layout.js";

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/** Written as it is, anything else would make a frame that nobody can read. @throws RangeError naming what it is. */
export function checkPayload(data: MessageBytes, metadata?: Uint8Array, name = "data"): void {
  // As most messages are: encoded where they will stand, and nothing beside.
  if (metadata === undefined && data instanceof InPlace) return;
  // Of whatever realm.
  if (!(data instanceof Uint8Array || data instanceof InPlace || data instanceof Pieces))
    checkOption(name, data, "bytes", true);
  checkOption("metadata", metadata, "bytes");
}

/**
 * Writes a frame as `encodePayloadFrame` does, with `data[start, end)`; the pieces' long parts go by reference. A message
 * in its place is sent whole.
 */
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
  // Not by its class: realms have one each.
  if (ArrayBuffer.isView(data)) {
    const part = start === 0 && end === data.length ? data : data.subarray(start, end);
    return encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, part);
  }
  const headBytes = payloadFrameBytes(initialRequestN, metadata, NO_BYTES);
  if (data instanceof InPlace && !data.settle(writer, LENGTH_PREFIX_BYTES + headBytes)) {
    return encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, data.copy());
  }
  encodePayloadFrame(writer, streamId, type, flags, initialRequestN, metadata, NO_BYTES);
  // The prefix stands where it was just written, and doesn't count the data yet.
  writeUint24(writer.bytes, writer.position - headBytes - LENGTH_PREFIX_BYTES, headBytes + end - start);
  if (data instanceof InPlace) writer.reserve(data.length);
  else data.forEach(start, end, (part, isLast) => writer.append(part, isLast));
}
