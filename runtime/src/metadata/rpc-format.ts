// SPDX-License-Identifier: Apache-2.0
// The mode `rpc`: RPC metadata v1, as all rsocket-rpc peers read it.
//
//   version, service, method | tracing map | [our entry] [other entries]   or   | the application's bytes

import { writeBytes, writeUint16 } from "../bytes/integers.js";
import { CompositeReader, checkEntries, MAX_ENTRIES } from "./composite.js";
import { readEnvelope, startsWithEnvelopeEntry } from "./entry.js";
import type { Envelope } from "./envelope.js";
import { MetadataFormatError } from "./errors.js";
import type { MetadataFormat, RequestDetails, RequestMetadata } from "./format.js";
import { BINARY_MIME_TYPE } from "./mode.js";
import { joinRequest, type TraceLayout } from "./request-bytes.js";
import {
  checkTracing,
  encodeRpcRoute,
  readRpcMetadata,
  rpcRouteEnd,
  rpcUserStart,
  tracingFault,
} from "./rpc-metadata.js";
import { encodeTracingMap, readTracingMap } from "./tracing.js";

const NO_BYTES = new Uint8Array(0);
const TRACING_LENGTH_BYTES = 2;

/** RPC metadata v1. */
export const rpcMetadata: MetadataFormat = {
  mode: "rpc",
  mimeTypes: { metadataMimeType: BINARY_MIME_TYPE, dataMimeType: BINARY_MIME_TYPE },
  maxRouteLength: Number.POSITIVE_INFINITY,
  routes: new WeakMap(),
  encodeRoute: encodeRpcRoute,
  encodeRequest,
  routeEnd: (metadata) => rpcRouteEnd(metadata, 0, metadata.length),
  readDetails,
  readRequest,
  encodeTracing: encodeTracingMap,
  decodeTracing: (bytes) => readTracingMap(bytes),
};

// The route ends with the length of its own tracing map, 0: it is written over.
const TRACING_MAP: TraceLayout = {
  headerBytes: 0,
  write(metadata, at, tracing) {
    checkTracing(tracing);
    return writeBytes(metadata, writeUint16(metadata, at - TRACING_LENGTH_BYTES, tracing.length), tracing);
  },
};

function encodeRequest(
  route: Uint8Array,
  envelope: Envelope | undefined,
  rawMetadata: Uint8Array = NO_BYTES,
  tracing: Uint8Array = NO_BYTES,
): Uint8Array {
  if (envelope === undefined && rawMetadata.length === 0 && tracing.length === 0) return route;
  if (rawMetadata.length > 0 && envelope !== undefined) checkEntries(rawMetadata);
  return joinRequest(route, TRACING_MAP, tracing, envelope, rawMetadata);
}

function readDetails(
  bytes: Uint8Array,
  routeEnd: number,
  maxEntries: number = MAX_ENTRIES,
): RequestDetails | undefined {
  if (isBare(bytes, routeEnd)) return undefined;
  const end = bytes.length;
  const userStart = rpcUserStart(bytes, routeEnd, end);
  if (userStart < 0) throw tracingFault(routeEnd);
  const tracing = view(bytes, Math.min(routeEnd + TRACING_LENGTH_BYTES, userStart), userStart);
  if (!startsWithEnvelopeEntry(bytes, userStart, end)) {
    return { envelope: undefined, userMetadata: view(bytes, userStart, end), tracing };
  }
  const envelope = readEnvelope(bytes, userStart, end, maxEntries);
  return { envelope, userMetadata: view(bytes, firstEntryEnd(bytes, userStart), end), tracing };
}

function readRequest(bytes: Uint8Array = NO_BYTES, maxEntries?: number): RequestMetadata {
  if (bytes.length === 0) throw new MetadataFormatError("the request has no metadata", "a service and a method");
  const { service, method, routeEnd } = readRpcMetadata(bytes);
  const { envelope, userMetadata = NO_BYTES, tracing = NO_BYTES } = readDetails(bytes, routeEnd, maxEntries) ?? {};
  return { service, method, envelope, userMetadata, tracing };
}

// Nothing behind the route but, perhaps, the length of no tracing: the old JavaScript client leaves even that out.
function isBare(metadata: Uint8Array, routeEnd: number): boolean {
  if (routeEnd === metadata.length) return true;
  return (
    routeEnd + TRACING_LENGTH_BYTES === metadata.length && metadata[routeEnd] === 0 && metadata[routeEnd + 1] === 0
  );
}

function firstEntryEnd(bytes: Uint8Array, start: number): number {
  const reader = new CompositeReader(bytes, start);
  reader.next();
  return reader.payloadEnd;
}

function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === end ? NO_BYTES : bytes.subarray(start, end);
}
