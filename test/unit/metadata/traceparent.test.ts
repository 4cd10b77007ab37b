// SPDX-License-Identifier: Apache-2.0
// W3C Trace Context §traceparent.

import { expect } from "chai";
import { formatTraceparent, parseTraceparent } from "../../../runtime/src/metadata/traceparent.js";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID = "00f067aa0ba902b7";

describe("traceparent", () => {
  it("is formatted in version 00 and read back", () => {
    const sampled = { traceId: TRACE_ID, spanId: SPAN_ID, sampled: true };
    expect(formatTraceparent(sampled)).to.equal(`00-${TRACE_ID}-${SPAN_ID}-01`);
    expect(parseTraceparent(formatTraceparent(sampled))).to.deep.equal(sampled);
    expect(formatTraceparent({ ...sampled, sampled: false })).to.equal(`00-${TRACE_ID}-${SPAN_ID}-00`);
  });

  it("of a later version may have more fields, and unknown flags count for nothing", () => {
    expect(parseTraceparent(`01-${TRACE_ID}-${SPAN_ID}-03-what-else`)?.sampled).to.equal(true);
    expect(parseTraceparent(`cc-${TRACE_ID}-${SPAN_ID}-fe`)?.sampled).to.equal(false);
  });

  it("that isn't valid is none", () => {
    const invalid = [
      "",
      `ff-${TRACE_ID}-${SPAN_ID}-01`, // forbidden version
      `00-${TRACE_ID}-${SPAN_ID}-01-more`, // version 00 has four fields
      `00-${TRACE_ID}-${SPAN_ID}-1`,
      `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
      `00-${"0".repeat(32)}-${SPAN_ID}-01`,
      `00-${TRACE_ID}-${"0".repeat(16)}-01`,
      ` 00-${TRACE_ID}-${SPAN_ID}-01`,
      `01-${TRACE_ID}-${SPAN_ID}-01more`,
    ];
    for (const text of invalid) expect(parseTraceparent(text), text).to.equal(undefined);
  });

  it("can't be made of other ids", () => {
    expect(() => formatTraceparent({ traceId: "abc", spanId: SPAN_ID, sampled: true })).to.throw(
      RangeError,
      "traceId abc",
    );
  });
});
