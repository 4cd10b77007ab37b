// SPDX-License-Identifier: Apache-2.0
// The mode `composite`: composite metadata with a routing entry, for Spring, brokers and the routers of other drivers.
//
//   routing entry | [tracing entry] | [our entry] [other entries]; read in any order

import { writeBytes } from "../bytes/integers.js";
import { decodeZipkinTracing, encodeZipkinTracing } from "./b3.js";
import {
  CompositeReader,
  checkEntries,
  compositeHeaderBytes,
  MAX_ENTRIES,
  mimeTypeOf,
  writeCompositeHeader,
} from "./composite.js";
import { decodeOnlyEnvelope, ENVELOPE_MIME_TYPE } from "./entry.js";
import type { Envelope } from "./envelope.js";
import { MetadataFormatError } from "./errors.js";
import type { MetadataFormat, RequestMetadata } from "./format.js";
import { MimeTypeId, ROUTING_MIME_TYPE, TRACING_ZIPKIN_MIME_TYPE } from "./mime-types.js";
import { COMPOSITE_METADATA_MIME_TYPE, PROTOBUF_MIME_TYPE } from "./mode.js";
import { joinRequest, type TraceLayout } from "./request-bytes.js";
import { readFirstRoutingTag } from "./routing.js";
import { encodeCompositeRoute, splitRoute } from "./rpc-metadata.js";

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
  encodeTracing: encodeZipkinTracing,
  decodeTracing: decodeZipkinTracing,
};

const ZIPKIN_ENTRY: TraceLayout = {
  headerBytes: /*@__PURE__*/ compositeHeaderBytes(MimeTypeId.TRACING_ZIPKIN),
  write: (metadata, at, tracing) =>
    writeBytes(metadata, writeCompositeHeader(metadata, at, MimeTypeId.TRACING_ZIPKIN, tracing.length), tracing),
};

function encodeRequest(
  route: Uint8Array,
  envelope: Envelope | undefined,
  rawMetadata: Uint8Array = NO_BYTES,
  tracing: Uint8Array = NO_BYTES,
): Uint8Array {
  if (envelope === undefined && rawMetadata.length === 0 && tracing.length === 0) return route;
  if (rawMetadata.length > 0) checkEntries(rawMetadata);
  return joinRequest(route, ZIPKIN_ENTRY, tracing, envelope, rawMetadata);
}

function readRequest(bytes: Uint8Array = NO_BYTES, maxEntries: number = MAX_ENTRIES): RequestMetadata {
  if (bytes.length === 0) throw new MetadataFormatError("the request has no metadata", "a service and a method");
  const reader = new CompositeReader(bytes, 0, bytes.length, maxEntries);
  let route: string | undefined;
  let tracing: Uint8Array | undefined;
  let envelope: Envelope | undefined;
  while (reader.next()) {
    const mimeType = mimeTypeOf(reader);
    if (mimeType === ENVELOPE_MIME_TYPE) envelope = decodeOnlyEnvelope(reader, bytes, envelope);
    else if (mimeType === ROUTING_MIME_TYPE) {
      route ??= readFirstRoutingTag(bytes, reader.payloadStart, reader.payloadEnd);
    } else if (mimeType === TRACING_ZIPKIN_MIME_TYPE) tracing ??= reader.payload;
  }
  if (route === undefined) throw new MetadataFormatError("the request has no routing entry", ROUTING_MIME_TYPE);
  const { service, method } = splitRoute(route);
  return { service, method, envelope, userMetadata: bytes, tracing: tracing ?? NO_BYTES };
}
