// SPDX-License-Identifier: Apache-2.0
// Mime types of one stream's data (RSocket extension "Per Stream Data MIME Types"): what a request is, what it accepts.
//
//   mime-type entry = id or name            accept-mime-types entry = id or name, repeated

import { CompositeReader, encodeEntry, MAX_ENTRIES, mimeTypeOf } from "./composite.js";
import { MetadataFormatError } from "./errors.js";
import { idOrNameBytes, idOrNameEnd, readIdOrName, writeIdOrName } from "./id-or-name.js";
import {
  ACCEPT_MIME_TYPES_MIME_TYPE,
  idOrNameOf,
  MIME_TYPE_MIME_TYPE,
  MimeTypeId,
  mimeTypeOfIdOrName,
} from "./mime-types.js";

/** What a request says of its data. A mime type that is a number is an id that nobody has assigned. */
export interface StreamMimeTypes {
  /** Of the data that the requester sends on this stream. */
  readonly dataMimeType: string | number;
  /** What the answers may be, best first; empty when the requester doesn't say. */
  readonly accepted: readonly (string | number)[];
}

/**
 * A whole mime-type entry: what the data of this stream is, when it isn't what SETUP said. Beside a request it speaks of
 * the request's data; beside an answer, of the answers' (MT-01, MT-04).
 * @throws RangeError when the name isn't 1 … 128 ASCII characters, or an id has more than 7 bits.
 */
export function encodeMimeTypeEntry(mimeType: string | number): Uint8Array {
  return encodeEntry(MimeTypeId.MIME_TYPE, encodeMimeTypes([mimeType]));
}

/**
 * A whole accept-mime-types entry: what the answers may be, best first. Only for requests (MT-05, MT-06).
 * @throws RangeError as `encodeMimeTypeEntry`, and for an empty list.
 */
export function encodeAcceptMimeTypesEntry(mimeTypes: readonly (string | number)[]): Uint8Array {
  if (mimeTypes.length === 0) throw new RangeError("the list of accepted mime types is empty, expected at least one");
  return encodeEntry(MimeTypeId.ACCEPT_MIME_TYPES, encodeMimeTypes(mimeTypes));
}

/** The mime types of the payload of either entry, in order. @throws MetadataFormatError when one is cut off or isn't ASCII. */
export function readMimeTypes(bytes: Uint8Array, start = 0, end: number = bytes.length): (string | number)[] {
  const mimeTypes: (string | number)[] = [];
  for (let at = start; at < end; ) {
    const nameEnd = idOrNameEnd(bytes, at, end);
    mimeTypes.push(mimeTypeOfIdOrName(readIdOrName(bytes, at, nameEnd)));
    at = nameEnd;
  }
  return mimeTypes;
}

/**
 * What the composite metadata of a request says of its data; without a word of it `setupDataMimeType` applies (MT-03).
 * Of a repeated entry the first counts.
 * @throws MetadataFormatError when the metadata isn't composite entries, or a mime-type entry doesn't hold exactly one.
 */
export function readRequestMimeTypes(
  metadata: Uint8Array | undefined,
  setupDataMimeType: string,
  maxEntries: number = MAX_ENTRIES,
): StreamMimeTypes {
  let dataMimeType: string | number | undefined;
  let accepted: readonly (string | number)[] | undefined;
  if (metadata === undefined) return { dataMimeType: setupDataMimeType, accepted: [] };
  const reader = new CompositeReader(metadata, 0, metadata.length, maxEntries);
  while (reader.next()) {
    const mimeType = mimeTypeOf(reader);
    if (mimeType === MIME_TYPE_MIME_TYPE) dataMimeType ??= onlyMimeType(metadata, reader);
    else if (mimeType === ACCEPT_MIME_TYPES_MIME_TYPE) {
      accepted ??= readMimeTypes(metadata, reader.payloadStart, reader.payloadEnd);
    }
  }
  return { dataMimeType: dataMimeType ?? setupDataMimeType, accepted: accepted ?? [] };
}

/**
 * What the composite metadata of an answer says of its data; without a word of it, it is what was `expected`. A responder
 * has nothing to accept: such an entry is ignored, whatever it holds (MT-05).
 * @throws MetadataFormatError as `readRequestMimeTypes`.
 */
export function readResponseMimeType(
  metadata: Uint8Array | undefined,
  expected: string,
  maxEntries: number = MAX_ENTRIES,
): string | number {
  if (metadata === undefined) return expected;
  const reader = new CompositeReader(metadata, 0, metadata.length, maxEntries);
  let found: string | number | undefined;
  while (reader.next()) {
    if (mimeTypeOf(reader) === MIME_TYPE_MIME_TYPE) found ??= onlyMimeType(metadata, reader);
  }
  return found ?? expected;
}

function encodeMimeTypes(mimeTypes: readonly (string | number)[]): Uint8Array {
  const idsOrNames = mimeTypes.map(idOrNameOf);
  const payload = new Uint8Array(idsOrNames.reduce<number>((sum, idOrName) => sum + idOrNameBytes(idOrName), 0));
  let at = 0;
  for (const idOrName of idsOrNames) at = writeIdOrName(payload, at, idOrName);
  return payload;
}

function onlyMimeType(bytes: Uint8Array, { payloadStart, payloadEnd }: CompositeReader): string | number {
  const [mimeType, another] = readMimeTypes(bytes, payloadStart, payloadEnd);
  if (mimeType !== undefined && another === undefined) return mimeType;
  throw new MetadataFormatError(
    mimeType === undefined ? "an empty mime-type entry" : "a mime-type entry with several",
    "exactly one mime type",
    payloadStart,
  );
}
