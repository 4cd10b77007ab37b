// SPDX-License-Identifier: Apache-2.0
// The metadata of a request that says more than its route, which both modes lay out in the same order.
//
//   route | [trace] | [our entry] | [the application's bytes]

import { writeBytes } from "../bytes/integers.js";
import { allocate } from "./allocate.js";
import { checkMetadataBytes, ENTRY_HEADER_BYTES, writeEnvelopeEntry } from "./entry.js";
import { type Envelope, envelopeBytes } from "./envelope.js";

/** How a mode writes a trace behind the route. */
export interface TraceLayout {
  /** So many bytes more than the trace itself. */
  readonly headerBytes: number;
  /** Writes it at `at`; returns the offset behind it. */
  write(metadata: Uint8Array, at: number, tracing: Uint8Array): number;
}

/** All parts in one piece, to be sent and not kept. @throws MetadataError above 64 KiB that aren't the application's alone. */
export function joinRequest(
  route: Uint8Array,
  trace: TraceLayout,
  tracing: Uint8Array,
  envelope: Envelope | undefined,
  rawMetadata: Uint8Array,
): Uint8Array {
  const tracingBytes = tracing.length === 0 ? 0 : trace.headerBytes + tracing.length;
  const envelopeLength = envelope === undefined ? 0 : envelopeBytes(envelope);
  const entryBytes = envelope === undefined ? 0 : ENTRY_HEADER_BYTES + envelopeLength;
  const byteLength = route.length + tracingBytes + entryBytes + rawMetadata.length;
  const metadata = allocate(envelope === undefined ? byteLength : checkMetadataBytes(byteLength));
  let at = writeBytes(metadata, 0, route);
  if (tracing.length > 0) at = trace.write(metadata, at, tracing);
  if (envelope !== undefined) at = writeEnvelopeEntry(envelope, envelopeLength, metadata, at);
  writeBytes(metadata, at, rawMetadata);
  return metadata;
}
