// SPDX-License-Identifier: Apache-2.0
// The mode `composite`: composite metadata with a routing entry, for Spring, brokers and the routers of other drivers.
//
//   routing entry | [entries of a trace] | [our entry] [other entries]; read in any order

import { writeBytes } from "../bytes/integers.js";
import { CompositeReader, checkEntries, MAX_ENTRIES, mimeTypeOf } from "./composite.js";
import { encodeTraceEntries, isTraceEntry, readTraceEntries } from "./composite-tracing.js";
import { decodeOnlyEnvelope, ENVELOPE_MIME_TYPE } from "./entry.js";
import type { Envelope } from "./envelope.js";
import { MetadataFormatError, quote } from "./errors.js";
import type { MetadataFormat, RequestMetadata } from "./format.js";
import { ACCEPT_MIME_TYPES_MIME_TYPE, MIME_TYPE_MIME_TYPE, ROUTING_MIME_TYPE } from "./mime-types.js";
import { BINARY_MIME_TYPE, COMPOSITE_METADATA_MIME_TYPE, PROTOBUF_MIME_TYPE } from "./mode.js";
import { joinRequest, type TraceLayout } from "./request-bytes.js";
import { readFirstRoutingTag } from "./routing.js";
import { encodeCompositeRoute, splitRoute } from "./rpc-metadata.js";
import { readRequestMimeTypes, readResponseMimeType } from "./stream-mime-types.js";

const NO_BYTES = new Uint8Array(0);
/** A routing tag holds 255 bytes, one of which is the dot between service and method. */
const MAX_ROUTE_LENGTH = 255;

/**
 * Composite metadata with a routing entry: what `metadataMode` takes for Spring, brokers and the routers of other drivers.
 * @example
 * const connection = await connect("wss://api.example.com/rsocket", { metadataMode: compositeMetadata });
 */
export const compositeMetadata: MetadataFormat = {
  mode: "composite",
  mimeTypes: { metadataMimeType: COMPOSITE_METADATA_MIME_TYPE, dataMimeType: PROTOBUF_MIME_TYPE },
  maxRouteLength: MAX_ROUTE_LENGTH,
  routes: new WeakMap(),
  encodeRoute: encodeCompositeRoute,
  encodeRequest,
  // The whole metadata of a bare call; all others are read.
  routeEnd: (metadata) => metadata.length,
  readDetails: (metadata) => ({ envelope: undefined, userMetadata: metadata, tracing: NO_BYTES }),
  readRequest,
  foreignMimeTypeOf,
  encodeTracing: encodeTraceEntries,
  // The entries were counted when the request was read.
  decodeTracing: (metadata) => readTraceEntries(metadata, Number.POSITIVE_INFINITY),
};

const TRACE_ENTRIES: TraceLayout = { headerBytes: 0, write: writeBytes };

/** What protobuf messages are called: by us, by the table of well-known types, by Spring, and by those who don't say. */
const PROTOBUF_MIME_TYPES: readonly string[] = [
  PROTOBUF_MIME_TYPE,
  "application/vnd.google.protobuf",
  "application/protobuf",
  "application/octet-stream",
  BINARY_MIME_TYPE,
];
const ANY_MIME_TYPES: readonly string[] = ["*/*", "application/*"];

function encodeRequest(
  route: Uint8Array,
  envelope: Envelope | undefined,
  rawMetadata: Uint8Array = NO_BYTES,
  tracing: Uint8Array = NO_BYTES,
): Uint8Array {
  if (envelope === undefined && rawMetadata.length === 0 && tracing.length === 0) return route;
  if (rawMetadata.length > 0) checkEntries(rawMetadata);
  return joinRequest(route, TRACE_ENTRIES, tracing, envelope, rawMetadata);
}

function readRequest(bytes: Uint8Array = NO_BYTES, maxEntries: number = MAX_ENTRIES): RequestMetadata {
  if (bytes.length === 0) throw new MetadataFormatError("the request has no metadata", "a service and a method");
  const reader = new CompositeReader(bytes, 0, bytes.length, maxEntries);
  let route: string | undefined;
  let hasTrace = false;
  let saysMimeTypes = false;
  let envelope: Envelope | undefined;
  while (reader.next()) {
    const mimeType = mimeTypeOf(reader);
    if (mimeType === ENVELOPE_MIME_TYPE) envelope = decodeOnlyEnvelope(reader, bytes, envelope);
    else if (mimeType === ROUTING_MIME_TYPE) {
      route ??= readFirstRoutingTag(bytes, reader.payloadStart, reader.payloadEnd);
    } else if (mimeType === MIME_TYPE_MIME_TYPE || mimeType === ACCEPT_MIME_TYPES_MIME_TYPE) saysMimeTypes = true;
    else if (!hasTrace) hasTrace = isTraceEntry(mimeType);
  }
  if (route === undefined) throw new MetadataFormatError("the request has no routing entry", ROUTING_MIME_TYPE);
  if (saysMimeTypes) checkMimeTypes(bytes, maxEntries);
  const { service, method } = splitRoute(route);
  return { service, method, envelope, userMetadata: bytes, tracing: hasTrace ? bytes : NO_BYTES };
}

// Protobuf goes both ways: other data would be misread, and an answer that isn't accepted need not be computed.
function checkMimeTypes(metadata: Uint8Array, maxEntries: number): void {
  const { dataMimeType, accepted } = readRequestMimeTypes(metadata, PROTOBUF_MIME_TYPE, maxEntries);
  if (!isProtobuf(dataMimeType)) {
    throw new MetadataFormatError(`the request's data is ${textOf(dataMimeType)}`, PROTOBUF_MIME_TYPE);
  }
  if (accepted.length === 0 || accepted.some((mimeType) => isProtobuf(mimeType) || isAny(mimeType))) return;
  throw new MetadataFormatError(
    `the request accepts nothing but ${accepted.slice(0, MAX_NAMED).map(textOf).join(", ")}`,
    PROTOBUF_MIME_TYPE,
  );
}

// What isn't entries is the application's: it says nothing of mime types.
function foreignMimeTypeOf(metadata: Uint8Array): string | undefined {
  try {
    const mimeType = readResponseMimeType(metadata, PROTOBUF_MIME_TYPE);
    return isProtobuf(mimeType) ? undefined : textOf(mimeType);
  } catch {
    return undefined;
  }
}

/** Of the mime types that a peer accepts, so many are repeated. */
const MAX_NAMED = 4;

function isProtobuf(mimeType: string | number): boolean {
  return PROTOBUF_MIME_TYPES.includes(essenceOf(mimeType));
}

function isAny(mimeType: string | number): boolean {
  return ANY_MIME_TYPES.includes(essenceOf(mimeType));
}

// Without parameters. An id that nobody has assigned has none, and is like no name.
function essenceOf(mimeType: string | number): string {
  return typeof mimeType === "number" ? "" : (mimeType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function textOf(mimeType: string | number): string {
  return typeof mimeType === "number" ? `of the unknown id ${mimeType}` : quote(mimeType);
}
