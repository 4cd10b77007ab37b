// SPDX-License-Identifier: Apache-2.0
// Bits of `Flag` as constants: bundlers put each in the place of its name, and leave the table out.

/** I: a receiver that doesn't understand the frame drops it. */
export const IGNORE = 0x200;
/** M: metadata is present. */
export const METADATA = 0x100;
/** F: more fragments follow. */
export const FOLLOWS = 0x080;
/** R on KEEPALIVE: an answer is wanted. */
export const RESPOND = 0x080;
/** C: the sender's half of the stream is complete. */
export const COMPLETE = 0x040;
/** N: the frame carries an item. */
export const NEXT = 0x020;
