// SPDX-License-Identifier: Apache-2.0
// Numbers of `FrameType` as constants: bundlers put each in the place of its name, and leave the table out.

/** Begins a connection. */
export const SETUP = 0x01;
/** A sign of life. */
export const KEEPALIVE = 0x03;
/** A request for one answer. */
export const REQUEST_RESPONSE = 0x04;
/** A request without an answer. */
export const REQUEST_FNF = 0x05;
/** A request for a stream. */
export const REQUEST_STREAM = 0x06;
/** The first of a stream of requests. */
export const REQUEST_CHANNEL = 0x07;
/** Credit. */
export const REQUEST_N = 0x08;
/** No more is wanted. */
export const CANCEL = 0x09;
/** An item, the end, or both. */
export const PAYLOAD = 0x0a;
/** Why a stream or the connection is over. */
export const ERROR = 0x0b;
/** Metadata of the connection. */
export const METADATA_PUSH = 0x0c;
/** The last of those with a number in a row. */
export const RESUME_OK = 0x0e;
