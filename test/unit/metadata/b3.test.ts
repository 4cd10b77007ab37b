// SPDX-License-Identifier: Apache-2.0
// A trace by B3 names in both modes.

import { expect } from "chai";
import { formatOf } from "../../../runtime/src/metadata/formats.js";
import { hexOf, textHex } from "../../support/frames-dsl.js";

const TRACE_ID = "463ac35c9f6413ad";
const SPAN_ID = "a2fb4a1d1a96d312";

describe("a trace by B3 names", () => {
  it("is a tracing map in rpc mode, whatever its names", () => {
    const map = formatOf("rpc").encodeTracing([["traceparent", "00-…"]]);
    expect(hexOf(map)).to.equal(`000b${textHex("traceparent")}0006${textHex("00-…")}`);
    expect([...formatOf("rpc").decodeTracing(map)]).to.deep.equal([["traceparent", "00-…"]]);
  });

  it("is a Zipkin payload in composite mode", () => {
    const entries: [string, string][] = [
      ["x-b3-traceid", TRACE_ID],
      ["x-b3-spanid", SPAN_ID],
      ["x-b3-parentspanid", SPAN_ID],
      ["x-b3-sampled", "1"],
    ];
    const payload = formatOf("composite").encodeTracing(entries);
    expect(hexOf(payload)).to.equal(`a4${TRACE_ID}${SPAN_ID}${SPAN_ID}`); // I S P
    expect([...formatOf("composite").decodeTracing(payload)]).to.deep.equal(entries);
  });

  it("keeps the sampling decision without ids", () => {
    for (const entry of [
      ["x-b3-flags", "1"],
      ["x-b3-sampled", "1"],
      ["x-b3-sampled", "0"],
    ] as const) {
      expect([...formatOf("composite").decodeTracing(formatOf("composite").encodeTracing([entry]))]).to.deep.equal([
        entry,
      ]);
    }
    expect(hexOf(formatOf("composite").encodeTracing([]))).to.equal("00");
    expect(formatOf("composite").decodeTracing(new Uint8Array(0)).size).to.equal(0);
  });
});
