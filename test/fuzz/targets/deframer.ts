// SPDX-License-Identifier: Apache-2.0
// Any byte stream, cut and stopped anywhere: the same frames and the same fault as a reader sees that has it in one piece.
//
//   input = limit | size of a cut | how often to stop | the stream

import { LengthDeframer } from "../../../runtime/src/frames/deframer.js";
import { FrameFormatError } from "../../../runtime/src/frames/errors.js";
import { hexOf } from "../../support/frames-dsl.js";

const LIMITS = [6, 7, 64, 255, 256, 1_024, 65_536, 0xffffff];

export function run(input: Uint8Array): void {
  const [limit = 0, cut = 0, stop = 0] = input;
  const maxFrameBytes = LIMITS[limit % LIMITS.length] ?? 64;
  const stream = input.subarray(3);
  const expected = readInOnePiece(stream, maxFrameBytes);
  const frames: string[] = [];
  const deframer = new LengthDeframer(maxFrameBytes, (bytes, start, end) => {
    frames.push(hexOf(bytes.subarray(start, end)));
    return stop === 0 || frames.length % stop !== 0;
  });
  const fault = readInParts(deframer, stream, cut % 17, cut >= 128);
  const seen = frames.join(" ");
  if (seen !== expected.frames.join(" ")) throw new Error(`frames ${seen}, expected ${expected.frames.join(" ")}`);
  if (fault !== expected.isMalformed) throw new Error(`${fault ? "a" : "no"} fault, expected otherwise`);
  if (fault || deframer.heldBytes === expected.leftBytes) return;
  throw new Error(`${deframer.heldBytes} bytes are held, expected ${expected.leftBytes}`);
}

/** Cuts of `size` bytes, or of growing size for 0, given away or lent. True when the stream was refused. */
function readInParts(deframer: LengthDeframer, stream: Uint8Array, size: number, areLent: boolean): boolean {
  try {
    for (let at = 0, count = 1; at < stream.length; count++) {
      const end = Math.min(stream.length, at + (size === 0 ? count : size));
      const bytes = stream.slice(at, end);
      if (areLent) deframer.pushLent(bytes);
      else deframer.push(bytes);
      if (areLent) bytes.fill(0xee);
      at = end;
      deframer.resume();
    }
    // One frame may be passed on each time.
    for (let i = 0; i <= stream.length; i++) deframer.resume();
    return false;
  } catch (error) {
    if (error instanceof FrameFormatError) return true;
    throw error;
  }
}

interface Read {
  readonly frames: readonly string[];
  readonly isMalformed: boolean;
  readonly leftBytes: number;
}

function readInOnePiece(stream: Uint8Array, maxFrameBytes: number): Read {
  const frames: string[] = [];
  let at = 0;
  while (at + 3 <= stream.length) {
    const byteLength = ((stream[at] ?? 0) << 16) | ((stream[at + 1] ?? 0) << 8) | (stream[at + 2] ?? 0);
    if (byteLength < 6 || byteLength > maxFrameBytes) return { frames, isMalformed: true, leftBytes: 0 };
    if (at + 3 + byteLength > stream.length) break;
    frames.push(hexOf(stream.subarray(at + 3, at + 3 + byteLength)));
    at += 3 + byteLength;
  }
  return { frames, isMalformed: false, leftBytes: stream.length - at };
}
