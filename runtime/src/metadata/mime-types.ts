// SPDX-License-Identifier: Apache-2.0
// Mime types that are one byte on the wire (RSocket extension "Well-known MIME Types").

/** By id, from 0x00 on. */
const LOW_IDS: readonly string[] = [
  "application/avro",
  "application/cbor",
  "application/graphql",
  "application/gzip",
  "application/javascript",
  "application/json",
  "application/octet-stream",
  "application/pdf",
  "application/vnd.apache.thrift.binary", // 0x08
  "application/vnd.google.protobuf",
  "application/xml",
  "application/zip",
  "audio/aac",
  "audio/mp3",
  "audio/mp4",
  "audio/mpeg3",
  "audio/mpeg", // 0x10
  "audio/ogg",
  "audio/opus",
  "audio/vorbis",
  "image/bmp",
  "image/gif",
  "image/heic-sequence",
  "image/heic",
  "image/heif-sequence", // 0x18
  "image/heif",
  "image/jpeg",
  "image/png",
  "image/tiff",
  "multipart/mixed",
  "text/css",
  "text/csv",
  "text/html", // 0x20
  "text/plain",
  "text/xml",
  "video/H264",
  "video/H265",
  "video/VP8",
  "application/x-hessian",
  "application/x-java-object",
  "application/cloudevents+json", // 0x28
  "application/x-capnp",
  "application/x-flatbuffers",
];

/** RSocket's own types end at 0x7F; from 0x2B to here nothing is assigned. */
const FIRST_HIGH_ID = 0x7a;

/** By id, from 0x7A on. */
const HIGH_IDS: readonly string[] = [
  "message/x.rsocket.mime-type.v0",
  "message/x.rsocket.accept-mime-types.v0",
  "message/x.rsocket.authentication.v0",
  "message/x.rsocket.tracing-zipkin.v0",
  "message/x.rsocket.routing.v0",
  "message/x.rsocket.composite-metadata.v0",
];

/** Ids of the entries that this layer writes itself. */
export const MimeTypeId = {
  MIME_TYPE: 0x7a,
  ACCEPT_MIME_TYPES: 0x7b,
  AUTHENTICATION: 0x7c,
  TRACING_ZIPKIN: 0x7d,
  ROUTING: 0x7e,
} as const;
/** The mime type of an entry that says what a stream's data is. */
export const MIME_TYPE_MIME_TYPE = "message/x.rsocket.mime-type.v0";
/** The mime type of an entry that says what answers may be. */
export const ACCEPT_MIME_TYPES_MIME_TYPE = "message/x.rsocket.accept-mime-types.v0";
/** The mime type of an authentication entry. */
export const AUTHENTICATION_MIME_TYPE = "message/x.rsocket.authentication.v0";
/** The mime type of a Zipkin tracing entry. */
export const TRACING_ZIPKIN_MIME_TYPE = "message/x.rsocket.tracing-zipkin.v0";
/** The mime type of a routing entry. */
export const ROUTING_MIME_TYPE = "message/x.rsocket.routing.v0";

// Made when somebody asks: a bundle that knows its ids is to do without the names.
let ids: ReadonlyMap<string, number> | undefined;

function idsByName(): ReadonlyMap<string, number> {
  return new Map([
    ...LOW_IDS.map((name, id) => [name, id] as const),
    ...HIGH_IDS.map((name, index) => [name, FIRST_HIGH_ID + index] as const),
  ]);
}

/** The mime type of a 7-bit id; undefined for the ids that nobody has assigned (WK-02). */
export function wellKnownMimeType(id: number): string | undefined {
  return id < FIRST_HIGH_ID ? LOW_IDS[id] : HIGH_IDS[id - FIRST_HIGH_ID];
}

/** The id of a mime type; undefined for those that travel as text. Exact: nothing is lower-cased. */
export function wellKnownMimeTypeId(name: string): number | undefined {
  ids ??= idsByName();
  return ids.get(name);
}

/** How a mime type is written: as its id if it is well known. */
export function idOrNameOf(mimeType: string | number): string | number {
  return typeof mimeType === "string" ? (wellKnownMimeTypeId(mimeType) ?? mimeType) : mimeType;
}

/** The mime type of what was written; a number for an id that nobody has assigned (WK-02). */
export function mimeTypeOfIdOrName(idOrName: string | number): string | number {
  return typeof idOrName === "number" ? (wellKnownMimeType(idOrName) ?? idOrName) : idOrName;
}
