// SPDX-License-Identifier: Apache-2.0
// An encoded message in one array, whatever pieces it is in.

import { type MessageBytes, Pieces } from "../../runtime/dist/rsocket/payload.js";

/** The bytes of `message`, copied only when they are in pieces. */
export function joinMessage(message: MessageBytes): Uint8Array {
  if (!(message instanceof Pieces)) return message;
  const parts: Uint8Array[] = [];
  message.forEach(0, message.length, (part) => parts.push(part));
  return new Uint8Array(Buffer.concat(parts));
}
