// SPDX-License-Identifier: Apache-2.0
// Any bytes as one frame: a frame or a FrameFormatError, by these bytes alone; what is read is written to the same again.

import { describeFrame } from "../../../runtime/src/frames/describe.js";
import type { Frame } from "../../../runtime/src/frames/frame.js";
import { FrameType } from "../../../runtime/src/frames/layout.js";
import { hexOf, textHex } from "../../support/frames-dsl.js";
import { decodeBetweenCanaries, encodedFrame } from "../../unit/frames/support.js";

/** A mime type's length is one byte; bytes that are no UTF-8 are read as U+FFFD, which has three. */
const MAX_MIME_TYPE_BYTES = 255;

export function run(input: Uint8Array): void {
  const frame = decodeBetweenCanaries(input);
  if (frame === undefined) return;
  if (input.length === 0 || describeFrame(input).length === 0) throw new Error("a frame without a description");
  if (hasGrown(frame) || isReserved(frame)) return;
  // Undefined flags, reserved bits and trailing bytes are gone by now.
  const written = encodedFrame(frame);
  const again = decodeBetweenCanaries(written);
  if (again === undefined) throw new Error("what was read and written can't be read");
  const twice = encodedFrame(again);
  if (hexOf(written) !== hexOf(twice)) throw new Error(`written as ${hexOf(written)}, then as ${hexOf(twice)}`);
}

/** Nobody sends extended type 0 (EXT-01). */
function isReserved(frame: Frame): boolean {
  return frame.type === FrameType.EXT && frame.extendedType === 0;
}

function hasGrown(frame: Frame): boolean {
  if (frame.type !== FrameType.SETUP) return false;
  return [frame.metadataMimeType, frame.dataMimeType].some((text) => textHex(text).length / 2 > MAX_MIME_TYPE_BYTES);
}
