// SPDX-License-Identifier: Apache-2.0
// What the metadata of a REQUEST_* frame means in each mode: the route, our Envelope, and the application's own part.
//
//   rpc         version, service, method | tracing map | [our entry] [other entries]   or   | the application's bytes
//   composite   routing entry | [tracing entry] | [our entry] [other entries]; read in any order

import { writeBytes, writeUint16 } from "../bytes/integers.js";
import { allocate } from "./allocate.js";
import {
  type CompositeEntry,
  CompositeReader,
  compositeHeaderBytes,
  MAX_ENTRIES,
  readCompositeEntries,
  writeCompositeHeader,
} from "./composite.js";
import {
  checkMetadataBytes,
  decodeOnlyEnvelope,
  ENTRY_HEADER_BYTES,
  ENVELOPE_MIME_TYPE,
  readEnvelopeEntries,
  startsWithEnvelopeEntry,
  writeEnvelopeEntry,
} from "./entry.js";
import { type Envelope, envelopeBytes } from "./envelope.js";
import { MetadataError, MetadataFormatError } from "./errors.js";
import { MimeTypeId, ROUTING_MIME_TYPE, TRACING_ZIPKIN_MIME_TYPE } from "./mime-types.js";
import type { MetadataMode } from "./mode.js";
import { readFirstRoutingTag } from "./routing.js";
import { checkTracing, readRpcMetadata, rpcUserStart, splitRoute, tracingFault } from "./rpc-metadata.js";

const NO_BYTES = new Uint8Array(0);
const NO_ENTRIES: readonly CompositeEntry[] = [];
const TRACING_LENGTH_BYTES = 2;

/** What a request says beside its message and its route. Bytes are views of what was read. */
export interface RequestDetails {
  readonly envelope: Envelope | undefined;
  /**
   * The application's own bytes. `rpc` mode: the user metadata, or what stands behind our entry in it.
   * `composite` mode: the whole metadata.
   */
  readonly userMetadata: Uint8Array;
  /** `rpc` mode: the tracing map. `composite` mode: the payload of the first Zipkin entry. Empty without one. */
  readonly tracing: Uint8Array;
  /** The entries that none of the other fields speaks for, in order: authentication, tracing, the application's own. */
  readonly entries: readonly CompositeEntry[];
}

/** What a request says beside its message. */
export interface RequestMetadata extends RequestDetails {
  /** The service's full protobuf name; empty for a route that names none. */
  readonly service: string;
  readonly method: string;
}

/**
 * The metadata of a request. `route` is what `encodeRpcRoute` (mode `rpc`) or `encodeCompositeRoute` (mode `composite`)
 * gave; with nothing else to say it is returned itself, else the result is to be sent and not kept.
 * @param rawMetadata the application's own bytes; in `composite` mode, and beside an Envelope, whole composite entries
 * @param tracing a tracing map in `rpc` mode, a Zipkin payload in `composite` mode
 * @throws MetadataError when `rawMetadata` must be entries and isn't, or all together is above 64 KiB and not the application's alone
 * @throws RangeError when a tracing map is above 32,767 bytes
 */
export function encodeRequestMetadata(
  mode: MetadataMode,
  route: Uint8Array,
  envelope: Envelope | undefined,
  rawMetadata: Uint8Array = NO_BYTES,
  tracing: Uint8Array = NO_BYTES,
): Uint8Array {
  if (envelope === undefined && rawMetadata.length === 0 && tracing.length === 0) return route;
  if (rawMetadata.length > 0 && (envelope !== undefined || mode === "composite")) checkEntries(rawMetadata);
  const envelopeLength = envelope === undefined ? 0 : envelopeBytes(envelope);
  const tracingBytes = tracing.length === 0 || mode === "rpc" ? tracing.length : zipkinHeaderBytes() + tracing.length;
  const entryBytes = envelope === undefined ? 0 : ENTRY_HEADER_BYTES + envelopeLength;
  const byteLength = route.length + tracingBytes + entryBytes + rawMetadata.length;
  const metadata = allocate(envelope === undefined ? byteLength : checkMetadataBytes(byteLength));
  let at = writeBytes(metadata, 0, route);
  if (tracing.length > 0)
    at = mode === "rpc" ? writeTracingMap(metadata, at, tracing) : writeZipkin(metadata, at, tracing);
  if (envelope !== undefined) at = writeEnvelopeEntry(envelope, envelopeLength, metadata, at);
  writeBytes(metadata, at, rawMetadata);
  return metadata;
}

/**
 * Reads the metadata of a request; undefined and empty metadata name no rpc and are refused.
 * @throws MetadataFormatError when it is cut off, of another version, without a route, or has two Envelopes or too many entries.
 */
export function readRequestMetadata(
  mode: MetadataMode,
  bytes: Uint8Array | undefined,
  maxEntries: number = MAX_ENTRIES,
): RequestMetadata {
  if (bytes === undefined || bytes.length === 0) {
    throw new MetadataFormatError("the request has no metadata", "a service and a method");
  }
  return mode === "rpc" ? readRpcRequest(bytes, maxEntries) : readCompositeRequest(bytes, maxEntries);
}

/**
 * What stands behind the route of RPC metadata v1, for a router that found the method by the bytes before `routeEnd`
 * (see `rpcRouteEnd`) and needs no names.
 * @throws MetadataFormatError when it is cut off, or has two Envelopes or too many entries.
 */
export function readRpcRequestDetails(
  bytes: Uint8Array,
  routeEnd: number,
  maxEntries: number = MAX_ENTRIES,
): RequestDetails {
  const end = bytes.length;
  const userStart = rpcUserStart(bytes, routeEnd, end);
  if (userStart < 0) throw tracingFault(routeEnd);
  const tracing = view(bytes, Math.min(routeEnd + TRACING_LENGTH_BYTES, userStart), userStart);
  if (!startsWithEnvelopeEntry(bytes, userStart, end)) {
    return { envelope: undefined, userMetadata: view(bytes, userStart, end), tracing, entries: NO_ENTRIES };
  }
  const { envelope, rest } = readEnvelopeEntries(bytes, userStart, end, maxEntries);
  const userMetadata = rest.length === 0 ? NO_BYTES : view(bytes, firstEntryEnd(bytes, userStart), end);
  return { envelope, userMetadata, tracing, entries: rest };
}

function readRpcRequest(bytes: Uint8Array, maxEntries: number): RequestMetadata {
  const { service, method, routeEnd } = readRpcMetadata(bytes);
  const { envelope, userMetadata, tracing, entries } = readRpcRequestDetails(bytes, routeEnd, maxEntries);
  return { service, method, envelope, userMetadata, tracing, entries };
}

function readCompositeRequest(bytes: Uint8Array, maxEntries: number): RequestMetadata {
  const reader = new CompositeReader(bytes, 0, bytes.length, maxEntries);
  const entries: CompositeEntry[] = [];
  let route: string | undefined;
  let tracing: Uint8Array | undefined;
  let envelope: Envelope | undefined;
  while (reader.next()) {
    const { mimeType } = reader;
    if (mimeType === ENVELOPE_MIME_TYPE) {
      envelope = decodeOnlyEnvelope(reader, bytes, envelope);
    } else if (mimeType === ROUTING_MIME_TYPE && route === undefined) {
      route = readFirstRoutingTag(bytes, reader.payloadStart, reader.payloadEnd);
    } else {
      if (mimeType === TRACING_ZIPKIN_MIME_TYPE) tracing ??= reader.payload;
      entries.push({ mimeType, payload: reader.payload });
    }
  }
  if (route === undefined) throw new MetadataFormatError("the request has no routing entry", ROUTING_MIME_TYPE);
  const { service, method } = splitRoute(route);
  return { service, method, envelope, userMetadata: bytes, tracing: tracing ?? NO_BYTES, entries };
}

// The route ends with the length of its own tracing map, 0: it is written over.
function writeTracingMap(metadata: Uint8Array, at: number, tracing: Uint8Array): number {
  checkTracing(tracing);
  return writeBytes(metadata, writeUint16(metadata, at - TRACING_LENGTH_BYTES, tracing.length), tracing);
}

function writeZipkin(metadata: Uint8Array, at: number, payload: Uint8Array): number {
  return writeBytes(metadata, writeCompositeHeader(metadata, at, MimeTypeId.TRACING_ZIPKIN, payload.length), payload);
}

function zipkinHeaderBytes(): number {
  return compositeHeaderBytes(MimeTypeId.TRACING_ZIPKIN);
}

/** Refuses bytes that the peer would have to read as entries and couldn't. @throws MetadataError */
export function checkEntries(rawMetadata: Uint8Array): void {
  try {
    readCompositeEntries(rawMetadata);
  } catch (error) {
    if (!(error instanceof MetadataFormatError)) throw error;
    throw new MetadataError(`raw metadata isn't composite entries, which it must be here: ${error.message}`);
  }
}

function firstEntryEnd(bytes: Uint8Array, start: number): number {
  const reader = new CompositeReader(bytes, start);
  reader.next();
  return reader.payloadEnd;
}

function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return start === end ? NO_BYTES : bytes.subarray(start, end);
}
