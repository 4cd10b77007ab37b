// SPDX-License-Identifier: Apache-2.0
// An encoded message in one array, whatever pieces it is in.

/** What `encodeMessage` gives, of the sources or of what is built from them. */
type Encoded =
  | Uint8Array
  | {
      readonly length: number;
      forEach(start: number, end: number, visit: (part: Uint8Array) => void): void;
    };

/** The bytes of `message`, copied only when they are in pieces. */
export function joinMessage(message: Encoded): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const parts: Uint8Array[] = [];
  message.forEach(0, message.length, (part) => parts.push(part));
  return new Uint8Array(Buffer.concat(parts));
}
