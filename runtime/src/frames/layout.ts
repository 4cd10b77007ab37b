// SPDX-License-Identifier: Apache-2.0
// Numbers of the frame format (RSocket 1.0 §Framing, §Frame Types): types, flags, sizes.

/** The frame types, by their 6-bit number. */
export const FrameType = {
  RESERVED: 0x00,
  SETUP: 0x01,
  LEASE: 0x02,
  KEEPALIVE: 0x03,
  REQUEST_RESPONSE: 0x04,
  REQUEST_FNF: 0x05,
  REQUEST_STREAM: 0x06,
  REQUEST_CHANNEL: 0x07,
  REQUEST_N: 0x08,
  CANCEL: 0x09,
  PAYLOAD: 0x0a,
  ERROR: 0x0b,
  METADATA_PUSH: 0x0c,
  RESUME: 0x0d,
  RESUME_OK: 0x0e,
  EXT: 0x3f,
} as const;
/** One of the frame types' numbers. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** The flag bits; some have another name on another frame type. */
export const Flag = {
  /** I: a receiver that doesn't understand the frame drops it. */
  IGNORE: 0x200,
  /** M: metadata is present. */
  METADATA: 0x100,
  /** F: more fragments follow. */
  FOLLOWS: 0x080,
  /** R on SETUP: the client asks for resumption. */
  RESUME_ENABLE: 0x080,
  /** R on KEEPALIVE: an answer is wanted. */
  RESPOND: 0x080,
  /** C: the sender's half of the stream is complete. */
  COMPLETE: 0x040,
  /** L on SETUP: the client honours leases. */
  LEASE: 0x040,
  /** N: the frame carries an item. */
  NEXT: 0x020,
} as const;

/** Stream id and type with flags, in front of every frame. */
export const HEADER_BYTES = 6;
/** The length in front of each frame on a byte stream; it doesn't count itself. */
export const LENGTH_PREFIX_BYTES = 3;
/** The length in front of metadata where data follows it. */
export const METADATA_LENGTH_BYTES = 3;
/** The initial request n of REQUEST_STREAM and REQUEST_CHANNEL. */
export const INITIAL_REQUEST_N_BYTES = 4;
/** What three bytes of length can say: the largest frame on any transport. */
export const MAX_FRAME_BYTES = 0xffffff;
/** The largest frame that is sent: rsocket-java counts the length prefix (Q-FRAME-MAX). */
export const MAX_SENT_FRAME_BYTES = 16_777_212;
/** The largest stream id and the largest n of REQUEST_N; as n it means "without bound". */
export const MAX_31_BIT = 0x7fffffff;
/** The version in SETUP and RESUME. */
export const MAJOR_VERSION = 1;
/** The version in SETUP and RESUME. */
export const MINOR_VERSION = 0;

/** The name of a frame type, for logs and messages. */
export function frameTypeName(type: number): string {
  for (const [name, number] of Object.entries(FrameType)) if (number === type) return name;
  return `0x${type.toString(16).padStart(2, "0")}`;
}
