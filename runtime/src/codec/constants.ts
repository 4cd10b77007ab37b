// SPDX-License-Identifier: Apache-2.0
// Numbers of codecs, in a file of their own: bundlers put them in the place of their names.

/** The first buffer of a writer that was given none. */
export const FIRST_BUFFER_BYTES = 1_024;
/** A `bytes` field of at least this many bytes is passed on by reference: below it a copy costs less than another piece. */
export const REFERENCE_BYTES = 4_096;
/** Bytes that are copied one by one: beyond it the call into the platform pays for itself. */
export const SHORT_BYTES = 24;
/** A UTF-16 unit takes three bytes at most: so short a text has a length of one byte in any case. */
export const SHORT_TEXT_UNITS = 42;
/** From here on a view costs so much less than a copy that it is worth a look at what it keeps. */
export const VIEW_BYTES = 4_096;
/** What of the memory that a view keeps must be its own: seven eighths. */
export const VIEW_SHARE = 0.875;

/** Messages in messages, the outermost included: protobuf's own limit, and protobuf-es's. */
export const MAX_DEPTH = 100;
/** Unknown fields that are kept of a message and all those in it: each takes 85 times the memory of its two bytes. */
export const MAX_UNKNOWN_FIELDS = 65_536;

/** A varint of 64 bits. */
export const MAX_VARINT_BYTES = 10;
/** Field numbers have 29 bits, so that a tag has 32. */
export const MAX_TAG_BYTES = 5;

/** For the tag that ends a group, between the end of a group's message and the return to the message around it. */
export const ENDED = -1;

/** Wire types: a number. */
export const VARINT = 0;
/** Eight bytes. */
export const FIXED64 = 1;
/** A value that begins with its length. */
export const BYTES = 2;
/** Fields up to a tag that ends them. */
export const GROUP = 3;
/** That tag. */
export const GROUP_END = 4;
/** Four bytes. */
export const FIXED32 = 5;
