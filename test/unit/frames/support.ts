// SPDX-License-Identifier: Apache-2.0
// Frames through the codec, with what every test wants to be sure of: the prefix is right, nothing else was read.

import { expect } from "chai";
import { createBatch, SlabPool, SlabWriter } from "../../../runtime/src/bytes/slab.js";
import { decodeFrame } from "../../../runtime/src/frames/decode.js";
import { encodeFrame } from "../../../runtime/src/frames/encode.js";
import { FrameFormatError } from "../../../runtime/src/frames/errors.js";
import type { Frame } from "../../../runtime/src/frames/frame.js";

/** Slabs full of 0xee: a byte that an encoder forgets shows. */
export function createWriter(): SlabWriter {
  return new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength).fill(0xee)));
}

/** Everything written, prefixes included, in one piece. */
export function takeAll(writer: SlabWriter): Uint8Array {
  const batch = createBatch();
  writer.takeInto(batch, Number.POSITIVE_INFINITY);
  return new Uint8Array(Buffer.concat(batch.chunks));
}

/** What `encode` writes as its one frame, without the prefix, which is checked. */
export function encoded(encode: (writer: SlabWriter) => void): Uint8Array {
  const writer = createWriter();
  encode(writer);
  const bytes = takeAll(writer);
  const [high = 0, middle = 0, low = 0] = bytes;
  expect((high << 16) | (middle << 8) | low, "the length prefix").to.equal(bytes.length - 3);
  return bytes.subarray(3);
}

/** A frame object as bytes, without the prefix. */
export function encodedFrame(frame: Frame): Uint8Array {
  return encoded((writer) => encodeFrame(writer, frame));
}

const MARGIN_BYTES = 32;

/**
 * Decodes `bytes[0, end)` twice, inside a larger buffer: once with 0x00 around it, once with 0xff. Undefined stands for
 * a FrameFormatError. Throws when anything else is thrown, when the surroundings change what is read, or when a view
 * reaches out of the frame.
 */
export function decodeBetweenCanaries(bytes: Uint8Array, end: number = bytes.length): Frame | undefined {
  const zeros = decodeAmid(0x00, bytes, end);
  const ones = decodeAmid(0xff, bytes, end);
  if (zeros instanceof FrameFormatError || ones instanceof FrameFormatError) {
    if (String(zeros) !== String(ones)) throw new Error(`canaries make a difference: ${zeros} / ${ones}`);
    return undefined;
  }
  const fields: Readonly<Record<string, unknown>> = { ...ones };
  for (const [name, value] of Object.entries(zeros)) {
    const other = fields[name];
    if (!(value instanceof Uint8Array && other instanceof Uint8Array)) {
      if (value !== other) throw new Error(`canaries make a difference to ${name}: ${value} / ${other}`);
    } else if (value.byteOffset !== other.byteOffset || value.length !== other.length) {
      throw new Error(`canaries make a difference to where ${name} stands`);
    } else if (value.byteOffset < MARGIN_BYTES || value.byteOffset + value.length > MARGIN_BYTES + end) {
      throw new Error(`${name} reaches out of its frame`);
    }
  }
  return zeros;
}

function decodeAmid(canary: number, bytes: Uint8Array, end: number): Frame | FrameFormatError {
  const buffer = new Uint8Array(end + 2 * MARGIN_BYTES).fill(canary);
  buffer.set(bytes.subarray(0, end), MARGIN_BYTES);
  const { stackTraceLimit } = Error;
  // Tens of thousands of errors are made here, and nobody looks where.
  Error.stackTraceLimit = 0;
  try {
    return decodeFrame(buffer, MARGIN_BYTES, MARGIN_BYTES + end);
  } catch (error) {
    if (error instanceof FrameFormatError) return error;
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
