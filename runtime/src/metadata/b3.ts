// SPDX-License-Identifier: Apache-2.0
// A trace as B3 names and values, which rsocket-rpc peers carry in a tracing map and all others in a Zipkin entry.

import { encodeZipkinTrace, readZipkinTrace, type ZipkinSampling } from "./tracing.js";

const TRACE_ID = "x-b3-traceid";
const SPAN_ID = "x-b3-spanid";
const PARENT_SPAN_ID = "x-b3-parentspanid";
const SAMPLED = "x-b3-sampled";
const FLAGS = "x-b3-flags";

/** The payload of a Zipkin entry that says what B3 names and values say. @throws RangeError for ids that are no hex. */
export function encodeZipkinTracing(entries: Iterable<readonly [key: string, value: string]>): Uint8Array {
  const map = new Map<string, string>();
  for (const [key, value] of entries) map.set(key.toLowerCase(), value);
  const traceId = map.get(TRACE_ID);
  const spanId = map.get(SPAN_ID);
  const parentSpanId = map.get(PARENT_SPAN_ID);
  const sampling = samplingOf(map);
  if (traceId === undefined || spanId === undefined) return encodeZipkinTrace({ sampling });
  return encodeZipkinTrace({
    sampling,
    ids: { traceId, spanId, ...(parentSpanId === undefined ? {} : { parentSpanId }) },
  });
}

/** What the payload of a Zipkin entry says by B3 names; empty for no payload. @throws MetadataFormatError when it is cut off. */
export function decodeZipkinTracing(bytes: Uint8Array): Map<string, string> {
  const map = new Map<string, string>();
  if (bytes.length === 0) return map;
  const { sampling, ids } = readZipkinTrace(bytes);
  if (ids !== undefined) {
    map.set(TRACE_ID, ids.traceId).set(SPAN_ID, ids.spanId);
    if (ids.parentSpanId !== undefined) map.set(PARENT_SPAN_ID, ids.parentSpanId);
  }
  if (sampling === "debug") map.set(FLAGS, "1");
  else if (sampling !== "undecided") map.set(SAMPLED, sampling === "sampled" ? "1" : "0");
  return map;
}

function samplingOf(map: ReadonlyMap<string, string>): ZipkinSampling {
  if (map.get(FLAGS) === "1") return "debug";
  const sampled = map.get(SAMPLED);
  if (sampled === undefined) return "undecided";
  return sampled === "1" || sampled === "true" ? "sampled" : "not_sampled";
}
