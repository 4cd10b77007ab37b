// SPDX-License-Identifier: Apache-2.0
// The frames that open a connection, the only ones that are read as objects at run time (RSocket 1.0 §SETUP, §RESUME).

import type { ResumeFrame, SetupFrame } from "./frame.js";
import { FrameReader } from "./frame-reader.js";
import { readFlags, readStreamId } from "./header.js";
import { Flag, FrameType, HEADER_BYTES } from "./layout.js";

/**
 * Reads a SETUP frame without its length prefix, `bytes[start, end)`. Byte fields are views of `bytes`.
 * @throws FrameFormatError when it is cut short.
 */
export function decodeSetup(bytes: Uint8Array, start: number, end: number): SetupFrame {
  const streamId = readStreamId(bytes, start);
  const flags = readFlags(bytes, start);
  const reader = new FrameReader(bytes, start + HEADER_BYTES, end, FrameType.SETUP, flags);
  const majorVersion = reader.uint16("major version");
  const minorVersion = reader.uint16("minor version");
  const keepaliveIntervalMs = reader.uint31("keepalive interval");
  const maxLifetimeMs = reader.uint31("max lifetime");
  const resumeToken =
    (flags & Flag.RESUME_ENABLE) === 0 ? undefined : reader.take(reader.uint16("token length"), "resume token");
  const metadataMimeType = reader.text(reader.uint8("mime length"), "metadata mime type");
  const dataMimeType = reader.text(reader.uint8("mime length"), "data mime type");
  return {
    type: FrameType.SETUP,
    streamId,
    majorVersion,
    minorVersion,
    keepaliveIntervalMs,
    maxLifetimeMs,
    resumeToken,
    lease: (flags & Flag.LEASE) !== 0,
    metadataMimeType,
    dataMimeType,
    ...reader.body(),
  };
}

/** Reads a RESUME frame likewise. @throws FrameFormatError when it is cut short. */
export function decodeResume(bytes: Uint8Array, start: number, end: number): ResumeFrame {
  const reader = new FrameReader(bytes, start + HEADER_BYTES, end, FrameType.RESUME, readFlags(bytes, start));
  return {
    type: FrameType.RESUME,
    streamId: readStreamId(bytes, start),
    majorVersion: reader.uint16("major version"),
    minorVersion: reader.uint16("minor version"),
    resumeToken: reader.take(reader.uint16("token length"), "resume token"),
    lastReceivedServerPosition: reader.uint63("server position"),
    firstAvailableClientPosition: reader.uint63("client position"),
  };
}
