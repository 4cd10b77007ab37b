// SPDX-License-Identifier: Apache-2.0
// The metadata of a client that only calls: what `metadata/` reads and writes, in as little code as these cases take.

import { readUint24, writeUint24 } from "../bytes/integers.js";
import { encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { checkMetadataBytes, ENTRY_HEADER_BYTES, encodeEnvelopeEntry } from "../metadata/entry.js";
import type { Envelope, Header } from "../metadata/envelope.js";
import { decodeEnvelope } from "../metadata/envelope-reader.js";
import { MetadataFormatError } from "../metadata/errors.js";

const LENGTH_BYTES = 3;
/** The well-known id of authentication entries, 0x7c, and of their type "bearer", 0x01, each marked as an id. */
const AUTHENTICATION = 0xfc;
const BEARER = 0x81;
/** Both ids, and the length between them. */
const BEARER_HEADER_BYTES = 5;

/** The metadata of SETUP: hello, headers, and a bearer token behind them. @throws MetadataError above 64 KiB. */
export function setupMetadata(headers: readonly Header[], bearerToken: string | undefined): Uint8Array {
  const entry = encodeEnvelopeEntry({ hello: { version: 1 }, headers });
  if (bearerToken === undefined) return entry;
  const tokenBytes = utf8ByteLength(bearerToken);
  const metadata = new Uint8Array(checkMetadataBytes(entry.length + BEARER_HEADER_BYTES + tokenBytes));
  metadata.set(entry);
  metadata[entry.length] = AUTHENTICATION;
  const at = writeUint24(metadata, entry.length + 1, 1 + tokenBytes);
  metadata[at] = BEARER;
  encodeUtf8Into(bearerToken, metadata, at + 1);
  return metadata;
}

/**
 * The Envelope of metadata that begins with our entry; nothing stands behind it in an answer, and nothing there is looked at.
 * @throws MetadataFormatError when it is malformed.
 */
export function readEnvelope(metadata: Uint8Array): Envelope {
  const lengthAt = ENTRY_HEADER_BYTES - LENGTH_BYTES;
  const end = ENTRY_HEADER_BYTES + readUint24(metadata, lengthAt);
  if (metadata.length >= ENTRY_HEADER_BYTES && end <= metadata.length) {
    return decodeEnvelope(metadata, ENTRY_HEADER_BYTES, end);
  }
  throw new MetadataFormatError(`an entry that ends at byte ${end}`, `at most ${metadata.length}`, lengthAt);
}
