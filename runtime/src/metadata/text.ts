// SPDX-License-Identifier: Apache-2.0
// Texts that may not be longer than so many bytes.

import { utf8ByteLength } from "../bytes/utf8.js";

/** No UTF-16 unit takes more bytes in UTF-8. */
const MAX_BYTES_PER_UNIT = 3;

/** The longest beginning of `text` that takes at most `maxBytes` in UTF-8; a character is kept whole or left out. */
export function truncateUtf8(text: string, maxBytes: number): string {
  if (text.length * MAX_BYTES_PER_UNIT <= maxBytes || utf8ByteLength(text) <= maxBytes) return text;
  let byteLength = 0;
  let end = 0;
  // By code point, so that no surrogate pair is cut. It ends after `maxBytes` steps, however long the text is.
  for (const character of text) {
    byteLength += utf8ByteLength(character);
    if (byteLength > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}
