// SPDX-License-Identifier: Apache-2.0
// The keys of maps. They are properties' names, so texts; numbers and booleans are read from them as protobuf-es does.
// (Keys of 64 bits and texts need nothing: the functions that write such values take texts.)

import { writeBool, writeFixed32, writeInt32, writeSfixed32, writeSint32, writeUint32 } from "./write-scalars.js";
import type { MessageWriter } from "./writer.js";

/** int32. */
export function writeInt32Key(w: MessageWriter, key: string): void {
  writeInt32(w, numberOf(key));
}

/** uint32. */
export function writeUint32Key(w: MessageWriter, key: string): void {
  writeUint32(w, numberOf(key));
}

/** sint32. */
export function writeSint32Key(w: MessageWriter, key: string): void {
  writeSint32(w, numberOf(key));
}

/** fixed32. */
export function writeFixed32Key(w: MessageWriter, key: string): void {
  writeFixed32(w, numberOf(key));
}

/** sfixed32. */
export function writeSfixed32Key(w: MessageWriter, key: string): void {
  writeSfixed32(w, numberOf(key));
}

/** bool. */
export function writeBoolKey(w: MessageWriter, key: string): void {
  writeBool(w, key === "false" ? false : key);
}

// Hexadecimal too, as protobuf-es does. A text that no number begins goes on as it is, to be refused.
function numberOf(key: string): number | string {
  const number = Number.parseInt(key, /^\s*[+-]?0x/i.test(key) ? 16 : 10);
  return Number.isFinite(number) ? number : key;
}
