// SPDX-License-Identifier: Apache-2.0
// Trace context in its three forms: Zipkin entries (RSocket extension "Tracing (Zipkin)"), the tracing map of RPC
// metadata v1, and the text of a `traceparent` header (W3C Trace Context).

import { fromHex, toHex } from "../bytes/hex.js";
import { readUint16, writeBytes, writeUint16 } from "../bytes/integers.js";
import { decodeUtf8, encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { encodeCompositeEntry } from "./composite.js";
import { MetadataFormatError, quote } from "./errors.js";
import { MimeTypeId } from "./mime-types.js";

const ZipkinFlag = {
  IDS: 0x80,
  DEBUG: 0x40,
  SAMPLED: 0x20,
  NOT_SAMPLED: 0x10,
  LONG_TRACE_ID: 0x08,
  PARENT: 0x04,
} as const;
const ID_BYTES = 8;
const LONG_ID_BYTES = 16;
/** Java and Kotlin read the lengths of RPC metadata as signed. */
const MAX_PART_BYTES = 0x7fff;

/** Whether a trace is recorded. */
export type ZipkinSampling = "undecided" | "debug" | "sampled" | "not_sampled";

/** What a Zipkin entry says. Ids are lower-case hex: `traceId` 16 or 32 digits, the others 16. */
export interface ZipkinTrace {
  readonly sampling: ZipkinSampling;
  /** Absent when only the sampling decision travels (TZ-02). */
  readonly ids?: { readonly traceId: string; readonly spanId: string; readonly parentSpanId?: string } | undefined;
}

/** A whole Zipkin tracing entry. @throws RangeError when an id isn't hex of the right length. */
export function encodeZipkinEntry(trace: ZipkinTrace): Uint8Array {
  return encodeCompositeEntry(MimeTypeId.TRACING_ZIPKIN, encodeZipkinTrace(trace));
}

/** The payload of a Zipkin tracing entry. @throws RangeError as `encodeZipkinEntry`. */
export function encodeZipkinTrace({ sampling, ids }: ZipkinTrace): Uint8Array {
  if (ids === undefined) return Uint8Array.of(samplingFlags(sampling));
  const traceId = idBytes("traceId", ids.traceId, ids.traceId.length === 2 * LONG_ID_BYTES ? LONG_ID_BYTES : ID_BYTES);
  const spanId = idBytes("spanId", ids.spanId, ID_BYTES);
  const parentId = ids.parentSpanId === undefined ? undefined : idBytes("parentSpanId", ids.parentSpanId, ID_BYTES);
  const payload = new Uint8Array(1 + traceId.length + spanId.length + (parentId?.length ?? 0));
  payload[0] =
    samplingFlags(sampling) |
    ZipkinFlag.IDS |
    (traceId.length === LONG_ID_BYTES ? ZipkinFlag.LONG_TRACE_ID : 0) |
    (parentId === undefined ? 0 : ZipkinFlag.PARENT);
  const at = writeBytes(payload, writeBytes(payload, 1, traceId), spanId);
  if (parentId !== undefined) writeBytes(payload, at, parentId);
  return payload;
}

/** Reads the payload of a Zipkin tracing entry, `bytes[start, end)`. @throws MetadataFormatError when it is cut off. */
export function readZipkinTrace(bytes: Uint8Array, start = 0, end: number = bytes.length): ZipkinTrace {
  if (start >= end) throw new MetadataFormatError("an empty Zipkin entry", "at least the flags", start);
  const flags = bytes[start] ?? 0;
  const sampling = samplingOf(flags);
  if ((flags & ZipkinFlag.IDS) === 0) return { sampling };
  const spanStart = start + 1 + ((flags & ZipkinFlag.LONG_TRACE_ID) === 0 ? ID_BYTES : LONG_ID_BYTES);
  const parentStart = spanStart + ID_BYTES;
  const hasParent = (flags & ZipkinFlag.PARENT) !== 0;
  const idsEnd = hasParent ? parentStart + ID_BYTES : parentStart;
  if (idsEnd > end) throw new MetadataFormatError(`a Zipkin entry of ${end - start} bytes`, `${idsEnd - start}`, start);
  const traceId = toHex(bytes.subarray(start + 1, spanStart));
  const spanId = toHex(bytes.subarray(spanStart, parentStart));
  if (!hasParent) return { sampling, ids: { traceId, spanId } };
  return { sampling, ids: { traceId, spanId, parentSpanId: toHex(bytes.subarray(parentStart, idsEnd)) } };
}

/**
 * The tracing map of RPC metadata v1: u16 length and key, u16 length and value, repeated, in the order given.
 * @throws RangeError when a key or value is above 32,767 bytes.
 */
export function encodeTracingMap(entries: Iterable<readonly [key: string, value: string]>): Uint8Array {
  const parts: string[] = [];
  let byteLength = 0;
  for (const [key, value] of entries) {
    parts.push(key, value);
    byteLength += 2 * 2 + partBytes(key) + partBytes(value);
  }
  const map = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) at = encodeUtf8Into(part, map, writeUint16(map, at, utf8ByteLength(part)));
  return map;
}

/** Reads a tracing map, `bytes[start, end)`. Of a repeated key the last value counts. @throws MetadataFormatError when cut off. */
export function readTracingMap(bytes: Uint8Array, start = 0, end: number = bytes.length): Map<string, string> {
  const map = new Map<string, string>();
  for (let at = start; at < end; ) {
    const keyEnd = partEnd(bytes, at, end);
    const valueEnd = partEnd(bytes, keyEnd, end);
    map.set(decodeUtf8(bytes, at + 2, keyEnd), decodeUtf8(bytes, keyEnd + 2, valueEnd));
    at = valueEnd;
  }
  return map;
}

function samplingFlags(sampling: ZipkinSampling): number {
  switch (sampling) {
    case "undecided":
      return 0;
    case "debug":
      return ZipkinFlag.DEBUG;
    case "sampled":
      return ZipkinFlag.SAMPLED;
    case "not_sampled":
      return ZipkinFlag.NOT_SAMPLED;
  }
}

// S is ignored under D, N under either (TZ-03).
function samplingOf(flags: number): ZipkinSampling {
  if ((flags & ZipkinFlag.DEBUG) !== 0) return "debug";
  if ((flags & ZipkinFlag.SAMPLED) !== 0) return "sampled";
  return (flags & ZipkinFlag.NOT_SAMPLED) !== 0 ? "not_sampled" : "undecided";
}

function idBytes(name: string, id: string, byteLength: number): Uint8Array {
  if (id.length === 2 * byteLength && /^[0-9a-fA-F]*$/.test(id)) return fromHex(id);
  throw new RangeError(`${name} is ${quote(id)}, expected ${name === "traceId" ? "16 or 32" : "16"} hex digits`);
}

function partBytes(part: string): number {
  const byteLength = utf8ByteLength(part);
  if (byteLength <= MAX_PART_BYTES) return byteLength;
  throw new RangeError(`the tracing text ${quote(part)} has ${byteLength} bytes, expected at most ${MAX_PART_BYTES}`);
}

function partEnd(bytes: Uint8Array, at: number, end: number): number {
  const behind = at + 2 + readUint16(bytes, at);
  if (at + 2 <= end && behind <= end) return behind;
  throw new MetadataFormatError("the tracing map is cut off", "u16 length and text", at);
}
