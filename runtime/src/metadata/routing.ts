// SPDX-License-Identifier: Apache-2.0
// Routing entries (RSocket extension "Routing"): tags of one length byte and up to 255 bytes of UTF-8.

import { decodeUtf8, encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { compositeHeaderBytes, writeCompositeHeader } from "./composite.js";
import { MetadataFormatError, quote } from "./errors.js";
import { MimeTypeId } from "./mime-types.js";

const MAX_TAG_BYTES = 0xff;

/** A routing entry with these tags, in order. @throws RangeError when a tag is above 255 bytes. */
export function encodeRoutingEntry(tags: readonly string[]): Uint8Array {
  let payloadBytes = 0;
  for (const tag of tags) payloadBytes += 1 + tagBytes(tag);
  const entry = new Uint8Array(compositeHeaderBytes(MimeTypeId.ROUTING) + payloadBytes);
  let at = writeCompositeHeader(entry, 0, MimeTypeId.ROUTING, payloadBytes);
  for (const tag of tags) {
    entry[at] = utf8ByteLength(tag);
    at = encodeUtf8Into(tag, entry, at + 1);
  }
  return entry;
}

/** The tags of a routing entry's payload `bytes[start, end)`, in order. @throws MetadataFormatError when one is cut off. */
export function readRoutingTags(bytes: Uint8Array, start = 0, end: number = bytes.length): string[] {
  const tags: string[] = [];
  for (let at = start; at < end; at = tagEnd(bytes, at, end)) tags.push(readTag(bytes, at, end));
  return tags;
}

/**
 * The first tag of a routing entry's payload: the route. The others are walked over, not decoded (RT-03).
 * @throws MetadataFormatError when there is none or any is cut off.
 */
export function readFirstRoutingTag(bytes: Uint8Array, start = 0, end: number = bytes.length): string {
  if (start >= end) throw new MetadataFormatError("a routing entry without tags", "at least one", start);
  for (let at = start; at < end; ) at = tagEnd(bytes, at, end);
  return readTag(bytes, start, end);
}

function tagBytes(tag: string): number {
  const byteLength = utf8ByteLength(tag);
  if (byteLength <= MAX_TAG_BYTES) return byteLength;
  throw new RangeError(`the routing tag ${quote(tag)} has ${byteLength} bytes, expected at most ${MAX_TAG_BYTES}`);
}

function tagEnd(bytes: Uint8Array, at: number, end: number): number {
  const byteLength = bytes[at] ?? 0;
  if (at + 1 + byteLength <= end) return at + 1 + byteLength;
  throw new MetadataFormatError(`a routing tag is cut off after ${end - at - 1} bytes`, `${byteLength} bytes`, at + 1);
}

function readTag(bytes: Uint8Array, at: number, end: number): string {
  return decodeUtf8(bytes, at + 1, tagEnd(bytes, at, end));
}
