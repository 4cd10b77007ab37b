// SPDX-License-Identifier: Apache-2.0
// A trace in composite metadata, by names and values: what B3 names say goes into a Zipkin entry, every other name is an
// entry of its own, as rsocket-java's Micrometer module writes and reads `traceparent` and `tracestate` (W3C Trace Context).

import { decodeUtf8, encodeUtf8 } from "../bytes/utf8.js";
import { CompositeReader, encodeEntry, joinEntries, MAX_ENTRIES, mimeTypeOf } from "./composite.js";
import { TRACING_ZIPKIN_MIME_TYPE } from "./mime-types.js";
import { encodeZipkinEntry, readZipkinTrace, type ZipkinSampling } from "./tracing.js";

const TRACE_ID = "x-b3-traceid";
const SPAN_ID = "x-b3-spanid";
const PARENT_SPAN_ID = "x-b3-parentspanid";
const SAMPLED = "x-b3-sampled";
const FLAGS = "x-b3-flags";
const ZIPKIN_NAMES: readonly string[] = [TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS];
/** Names that are entries of their own. Some writers spell B3 so, too. */
const TEXT_NAMES: readonly string[] = ["traceparent", "tracestate", "baggage", "b3", ...ZIPKIN_NAMES];

/**
 * A trace as composite entries, one behind the other: a Zipkin entry if there are B3 names (`x-b3-traceid`,
 * `x-b3-spanid`, `x-b3-parentspanid`, `x-b3-sampled`, `x-b3-flags`; ids in hex), then each other name, such as
 * `traceparent`, as an entry of that mime type whose payload is the value in UTF-8. Names are written in lower case.
 * @throws RangeError for ids that are no hex, and for names that aren't 1 … 128 ASCII characters.
 * @example
 * const metadata = concat(encodeRoutingEntry(["prices"]), encodeTraceEntries([["traceparent", formatTraceparent(span)]]));
 */
export function encodeTraceEntries(trace: Iterable<readonly [name: string, value: string]>): Uint8Array {
  const zipkin = new Map<string, string>();
  const entries: Uint8Array[] = [];
  for (const [name, value] of trace) {
    const lowerCase = name.toLowerCase();
    if (ZIPKIN_NAMES.includes(lowerCase)) zipkin.set(lowerCase, value);
    else entries.push(encodeEntry(lowerCase, encodeUtf8(value)));
  }
  if (zipkin.size > 0) entries.unshift(zipkinEntryOf(zipkin));
  return joinEntries(entries);
}

/**
 * The trace in composite metadata, by lower-case names: a Zipkin entry as B3 names, and the entries `traceparent`,
 * `tracestate`, `baggage`, `b3` and `x-b3-…`. The first of each counts. Empty when there is none.
 * @throws MetadataFormatError when the metadata isn't composite entries, or a Zipkin entry is cut off.
 */
export function readTraceEntries(metadata: Uint8Array, maxEntries: number = MAX_ENTRIES): Map<string, string> {
  const trace = new Map<string, string>();
  const reader = new CompositeReader(metadata, 0, metadata.length, maxEntries);
  while (reader.next()) {
    const mimeType = mimeTypeOf(reader);
    if (!isTraceEntry(mimeType)) continue;
    if (mimeType === TRACING_ZIPKIN_MIME_TYPE) readZipkin(reader.payload, trace);
    else setFirst(trace, mimeType.toLowerCase(), decodeUtf8(reader.payload));
  }
  return trace;
}

/** An entry that `readTraceEntries` reads. */
export function isTraceEntry(mimeType: string | number): mimeType is string {
  if (mimeType === TRACING_ZIPKIN_MIME_TYPE) return true;
  return typeof mimeType === "string" && TEXT_NAMES.includes(mimeType.toLowerCase());
}

function zipkinEntryOf(names: ReadonlyMap<string, string>): Uint8Array {
  const traceId = names.get(TRACE_ID);
  const spanId = names.get(SPAN_ID);
  const parentSpanId = names.get(PARENT_SPAN_ID);
  const sampling = samplingOf(names);
  if (traceId === undefined || spanId === undefined) return encodeZipkinEntry({ sampling });
  return encodeZipkinEntry({
    sampling,
    ids: { traceId, spanId, ...(parentSpanId === undefined ? {} : { parentSpanId }) },
  });
}

function readZipkin(payload: Uint8Array, trace: Map<string, string>): void {
  const { sampling, ids } = readZipkinTrace(payload);
  if (ids !== undefined) {
    setFirst(trace, TRACE_ID, ids.traceId);
    setFirst(trace, SPAN_ID, ids.spanId);
    if (ids.parentSpanId !== undefined) setFirst(trace, PARENT_SPAN_ID, ids.parentSpanId);
  }
  if (sampling === "debug") setFirst(trace, FLAGS, "1");
  else if (sampling !== "undecided") setFirst(trace, SAMPLED, sampling === "sampled" ? "1" : "0");
}

function setFirst(trace: Map<string, string>, name: string, value: string): void {
  if (!trace.has(name)) trace.set(name, value);
}

function samplingOf(names: ReadonlyMap<string, string>): ZipkinSampling {
  if (names.get(FLAGS) === "1") return "debug";
  const sampled = names.get(SAMPLED);
  if (sampled === undefined) return "undecided";
  return sampled === "1" || sampled === "true" ? "sampled" : "not_sampled";
}
