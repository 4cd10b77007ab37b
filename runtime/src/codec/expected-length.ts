// SPDX-License-Identifier: Apache-2.0
// How long a message is, as far as its beginning says.

import { BYTES, MAX_DEPTH } from "./constants.js";
import { skip } from "./read-fields.js";
import { MessageReader, readTag, readUint32 } from "./reader.js";

/** For short fields behind a long one. */
const SPARE_BYTES = 1_024;

/**
 * Where the field ends that reaches beyond `start`, the beginning of a message, and a bit: most often the message ends
 * there, too. 0 when none does, or `start` is no beginning of a message.
 */
export function expectedMessageBytes(start: Uint8Array): number {
  const r = new MessageReader();
  r.begin(start);
  try {
    while (r.at < r.end) {
      const tag = readTag(r);
      if ((tag & 7) !== BYTES) skip(r, tag, MAX_DEPTH);
      else {
        const byteLength = readUint32(r);
        r.at += byteLength;
        if (r.at > r.end) return r.at + SPARE_BYTES;
      }
    }
  } catch {
    // Cut off within something short, or no message.
  }
  return 0;
}
