// SPDX-License-Identifier: Apache-2.0
// Frames into bytes, each an array of its own: what a WebSocket sends as one message (RSocket 1.0 §Frame Types).

import { encodeUtf8 } from "../bytes/utf8.js";
import { type Bytes, concat, uint } from "./bytes.js";
import * as FrameType from "./frame-types.js";

/** A frame, without the length that stands in front of it on a stream of bytes. */
export function frameOf(streamId: number, type: number, flags: number, ...body: readonly Bytes[]): Uint8Array {
  return concat(uint(streamId, 4), uint((type << 10) | flags, 2), ...body);
}

/** An ERROR with a text. */
export function errorFrame(streamId: number, code: number, text: string): Uint8Array {
  return frameOf(streamId, FrameType.ERROR, 0, uint(code, 4), encodeUtf8(text));
}
