// SPDX-License-Identifier: Apache-2.0
// The byte that is a well-known id or the length of a name, as composite entries and authentication begin with it.
//
//   1 iiiiiii            a 7-bit id
//   0 nnnnnnn + name     a name of n + 1 bytes ASCII: 1 … 128, as all peers store it (requirement A17)

import { encodeUtf8Into } from "../bytes/utf8.js";
import { MetadataFormatError, quote } from "./errors.js";

const ID_FLAG = 0x80;
const MAX_ID = 0x7f;
/** What seven bits can say, plus one. */
export const MAX_NAME_BYTES = 128;
const VISIBLE_ASCII = /^[\x20-\x7e]{1,128}$/;

/** The bytes that `writeIdOrName` writes. @throws RangeError when the id has more than 7 bits or the name can't be written. */
export function idOrNameBytes(idOrName: string | number): number {
  if (typeof idOrName === "string") {
    if (VISIBLE_ASCII.test(idOrName)) return 1 + idOrName.length;
    throw new RangeError(
      `the name ${quote(idOrName)} has ${idOrName.length} characters, expected 1 … ${MAX_NAME_BYTES}, all ASCII`,
    );
  }
  if (Number.isInteger(idOrName) && idOrName >= 0 && idOrName <= MAX_ID) return 1;
  throw new RangeError(`the id is ${idOrName}, expected a whole number 0 … ${MAX_ID}`);
}

/** Writes an id or a name that `idOrNameBytes` has accepted; returns the offset behind it. */
export function writeIdOrName(target: Uint8Array, at: number, idOrName: string | number): number {
  if (typeof idOrName === "number") {
    target[at] = ID_FLAG | idOrName;
    return at + 1;
  }
  target[at] = idOrName.length - 1;
  return encodeUtf8Into(idOrName, target, at + 1);
}

/** The offset behind the id or name that begins at `at`. @throws MetadataFormatError when it is cut off by `end`. */
export function idOrNameEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) throw new MetadataFormatError("a type is missing", "an id or a name", at);
  const first = bytes[at] ?? 0;
  if ((first & ID_FLAG) !== 0) return at + 1;
  const nameEnd = at + 1 + first + 1;
  if (nameEnd <= end) return nameEnd;
  throw new MetadataFormatError(
    `the name of a type is cut off after ${end - at - 1} bytes`,
    `${first + 1} bytes`,
    at + 1,
  );
}

/** The id or name that begins at `at` and ends where `idOrNameEnd` says. @throws MetadataFormatError when a name isn't ASCII. */
export function readIdOrName(bytes: Uint8Array, at: number, nameEnd: number): string | number {
  const first = bytes[at] ?? 0;
  if ((first & ID_FLAG) !== 0) return first & MAX_ID;
  let name = "";
  for (let i = at + 1; i < nameEnd; i++) {
    const byte = bytes[i] ?? 0;
    if (byte >= 0x80) throw new MetadataFormatError(`the name of a type has the byte ${byte}`, "ASCII", i);
    name += String.fromCharCode(byte);
  }
  return name;
}
