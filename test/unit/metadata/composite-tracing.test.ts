// SPDX-License-Identifier: Apache-2.0
// A trace by names in both modes (RSocket extension "Tracing (Zipkin)", and entries as Micrometer writes them).

import { expect } from "chai";
import { encodeTraceEntries, readTraceEntries } from "../../../runtime/src/metadata/composite-tracing.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { formatOf } from "../../../runtime/src/metadata/formats.js";
import { encodeCompositeRoute } from "../../../runtime/src/metadata/rpc-metadata.js";
import { bytesOf, hexOf, textHex } from "../../support/frames-dsl.js";

const TRACE_ID = "463ac35c9f6413ad";
const SPAN_ID = "a2fb4a1d1a96d312";
const TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
// 0x0a: a name of 11 characters; 55 bytes
const TRACEPARENT_ENTRY = `0a${textHex("traceparent")}000037${textHex(TRACEPARENT)}`;

describe("a trace by names", () => {
  it("is a tracing map in rpc mode, whatever its names", () => {
    const map = formatOf("rpc").encodeTracing([["traceparent", "00-…"]]);
    expect(hexOf(map)).to.equal(`000b${textHex("traceparent")}0006${textHex("00-…")}`);
    expect([...formatOf("rpc").decodeTracing(map)]).to.deep.equal([["traceparent", "00-…"]]);
  });

  it("is a Zipkin entry for B3 names in composite mode", () => {
    const trace: [string, string][] = [
      ["x-b3-traceid", TRACE_ID],
      ["x-b3-spanid", SPAN_ID],
      ["x-b3-parentspanid", SPAN_ID],
      ["x-b3-sampled", "1"],
    ];
    const entries = encodeTraceEntries(trace);
    expect(hexOf(entries)).to.equal(`fd000019a4${TRACE_ID}${SPAN_ID}${SPAN_ID}`); // I S P
    expect([...readTraceEntries(entries)]).to.deep.equal(trace);
  });

  it("is an entry of its own for every other name, behind the Zipkin entry", () => {
    const entries = encodeTraceEntries([
      ["Traceparent", TRACEPARENT],
      ["tracestate", "a=b"],
      ["X-B3-Sampled", "0"],
    ]);
    expect(hexOf(entries)).to.equal(`fd00000110${TRACEPARENT_ENTRY}09${textHex("tracestate")}000003${textHex("a=b")}`);
    expect([...readTraceEntries(entries)]).to.deep.equal([
      ["x-b3-sampled", "0"],
      ["traceparent", TRACEPARENT],
      ["tracestate", "a=b"],
    ]);
    expect(() => encodeTraceEntries([["käse", "1"]])).to.throw(RangeError, "all ASCII");
  });

  it("keeps the sampling decision without ids", () => {
    for (const entry of [
      ["x-b3-flags", "1"],
      ["x-b3-sampled", "1"],
      ["x-b3-sampled", "0"],
    ] as const) {
      expect([...readTraceEntries(encodeTraceEntries([entry]))]).to.deep.equal([entry]);
    }
    expect(encodeTraceEntries([]).length).to.equal(0);
    expect(readTraceEntries(new Uint8Array(0)).size).to.equal(0);
  });

  it("is read from text entries of any spelling, the first of each name, between entries of other types", () => {
    const other = "85000001ff"; // application/json
    const second = `0a${textHex("traceparent")}000001${textHex("2")}`;
    const spelled = `0b${textHex("X-B3-TraceId")}000010${textHex(TRACE_ID)}`;
    expect([...readTraceEntries(bytesOf(other + TRACEPARENT_ENTRY + second + spelled + other))]).to.deep.equal([
      ["traceparent", TRACEPARENT],
      ["x-b3-traceid", TRACE_ID],
    ]);
  });

  it("isn't read from entries that are cut off", () => {
    expect(() => readTraceEntries(bytesOf("fd000002a400"))).to.throw(MetadataFormatError, "Zipkin entry of 2 bytes");
    expect(() => readTraceEntries(bytesOf(TRACEPARENT_ENTRY.slice(0, -2)))).to.throw(MetadataFormatError, "cut off");
  });

  it("stands in a request as its sender wrote it, in any order", () => {
    const route = hexOf(encodeCompositeRoute("a.B", "C"));
    const { tracing } = formatOf("composite").readRequest(bytesOf(`${TRACEPARENT_ENTRY + route}fd00000120`));
    expect([...formatOf("composite").decodeTracing(tracing)]).to.deep.equal([
      ["traceparent", TRACEPARENT],
      ["x-b3-sampled", "1"],
    ]);
    expect(formatOf("composite").readRequest(bytesOf(route)).tracing.length).to.equal(0);
  });
});
