// SPDX-License-Identifier: Apache-2.0
// Authentication entries (RSocket extension "Authentication"): simple, bearer, and types of one's own.
//
//   id or name of the type | payload        simple = u16 length of the username | username | password

import { readUint16, writeBytes, writeUint16 } from "../bytes/integers.js";
import { decodeUtf8Strict, encodeUtf8, encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { encodeEntry } from "./composite.js";
import { MetadataFormatError } from "./errors.js";
import { idOrNameBytes, idOrNameEnd, readIdOrName, writeIdOrName } from "./id-or-name.js";
import { MimeTypeId } from "./mime-types.js";

const AUTH_SIMPLE = 0x00;
const AUTH_BEARER = 0x01;
const USERNAME_LENGTH_BYTES = 2;
const MAX_USERNAME_BYTES = 0xffff;

/** A user's name and password. Only for connections that nobody can listen to (AU-05). */
export interface SimpleCredentials {
  readonly username: string;
  readonly password: string;
}

/** What an authentication entry says. `name` of a custom one is its text, or an id that nobody has assigned. */
export type Authentication =
  | { readonly type: "simple"; readonly username: string; readonly password: string }
  | { readonly type: "bearer"; readonly token: string }
  | { readonly type: "custom"; readonly name: string | number; readonly payload: Uint8Array };

/** A whole authentication entry. @throws RangeError when a username is above 65,535 bytes or a custom name can't be written. */
export function encodeAuthEntry(authentication: Authentication): Uint8Array {
  return encodeEntry(MimeTypeId.AUTHENTICATION, encodeAuthentication(authentication));
}

/** The payload of an authentication entry. @throws RangeError as `encodeAuthEntry`. */
export function encodeAuthentication(authentication: Authentication): Uint8Array {
  switch (authentication.type) {
    case "simple":
      return withType(AUTH_SIMPLE, encodeSimple(authentication));
    case "bearer":
      return withType(AUTH_BEARER, encodeUtf8(authentication.token));
    case "custom":
      return withType(authentication.name, authentication.payload);
  }
}

/**
 * Reads the payload of an authentication entry, `bytes[start, end)`; a custom payload is a view of them.
 * Texts that aren't UTF-8 are refused: two different secrets must not read as the same one.
 * @throws MetadataFormatError, which never repeats a secret.
 */
export function readAuthentication(bytes: Uint8Array, start = 0, end: number = bytes.length): Authentication {
  const payloadStart = idOrNameEnd(bytes, start, end);
  const name = readIdOrName(bytes, start, payloadStart);
  if (name === AUTH_SIMPLE) return readSimple(bytes, payloadStart, end);
  if (name === AUTH_BEARER) return { type: "bearer", token: readSecret("token", bytes, payloadStart, end) };
  return { type: "custom", name, payload: bytes.subarray(payloadStart, end) };
}

function encodeSimple({ username, password }: SimpleCredentials): Uint8Array {
  const usernameBytes = utf8ByteLength(username);
  if (usernameBytes > MAX_USERNAME_BYTES) {
    throw new RangeError(`the username has ${usernameBytes} bytes, expected at most ${MAX_USERNAME_BYTES}`);
  }
  const payload = new Uint8Array(USERNAME_LENGTH_BYTES + usernameBytes + utf8ByteLength(password));
  const at = encodeUtf8Into(username, payload, writeUint16(payload, 0, usernameBytes));
  encodeUtf8Into(password, payload, at);
  return payload;
}

function withType(idOrName: string | number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(idOrNameBytes(idOrName) + payload.length);
  writeBytes(bytes, writeIdOrName(bytes, 0, idOrName), payload);
  return bytes;
}

function readSimple(bytes: Uint8Array, start: number, end: number): Authentication {
  const usernameStart = start + USERNAME_LENGTH_BYTES;
  const usernameEnd = usernameStart + readUint16(bytes, start);
  if (usernameStart > end || usernameEnd > end) {
    throw new MetadataFormatError("simple authentication is cut off", "u16 length and username", start);
  }
  return {
    type: "simple",
    username: readSecret("username", bytes, usernameStart, usernameEnd),
    password: readSecret("password", bytes, usernameEnd, end),
  };
}

function readSecret(part: string, bytes: Uint8Array, start: number, end: number): string {
  const text = decodeUtf8Strict(bytes, start, end);
  if (text === undefined) throw new MetadataFormatError(`the ${part} isn't UTF-8`, "UTF-8", start);
  return text;
}
