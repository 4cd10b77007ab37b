// SPDX-License-Identifier: Apache-2.0
// Zipkin entries (RSocket extension "Tracing (Zipkin)") and the tracing map of RPC metadata v1.

import { expect } from "chai";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { readRpcMetadata } from "../../../runtime/src/metadata/rpc-metadata.js";
import {
  encodeTracingMap,
  encodeZipkinEntry,
  encodeZipkinTrace,
  readTracingMap,
  readZipkinTrace,
  type ZipkinTrace,
} from "../../../runtime/src/metadata/tracing.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";
import { AFTER_HEADER, AFTER_INITIAL_N, cuts, metadataAt, readVectors, thrownBy, type Vector } from "./support.js";

interface MapVector extends Vector {
  readonly map: Readonly<Record<string, string>>;
}

describe("the tracing map", () => {
  for (const vector of readVectors<MapVector>("21-tracing-map")) {
    it(`reproduces and reads "${vector.name}": ${vector.meaning}`, () => {
      expect(hexOf(encodeTracingMap(Object.entries(vector.map)))).to.equal(vector.hex);
      expect(Object.fromEntries(readTracingMap(bytesOf(vector.hex)))).to.deep.equal(vector.map);
    });
  }

  it("is found in the requests of an rsocket-rpc client with a tracer", () => {
    const b3 = [
      ["x-b3-traceid", "463ac35c9f6413ad"],
      ["x-b3-spanid", "a2fb4a1d1a96d312"],
    ];
    const requests: [name: string, lengthAt: number, user: string][] = [
      ["unary/02", AFTER_HEADER, ""],
      ["unary+user/02", AFTER_HEADER, "756d"],
      ["fnf/02", AFTER_HEADER, ""],
      ["stream/02", AFTER_INITIAL_N, ""],
      ["bidi/02", AFTER_INITIAL_N, ""],
      ["bidi/05", AFTER_HEADER, ""],
    ];
    const frames = new Map(readVectors("12-tracing").map((vector) => [vector.name, bytesOf(vector.hex)]));
    for (const [name, lengthAt, user] of requests) {
      const metadata = metadataAt(frames.get(name) ?? new Uint8Array(0), lengthAt);
      const { service, tracingStart, tracingEnd, userStart, userEnd } = readRpcMetadata(metadata);
      expect(service, name).to.equal("io.rsocket.rpc.SimpleService");
      expect([...readTracingMap(metadata, tracingStart, tracingEnd)], name).to.deep.equal(b3);
      expect(hexOf(metadata.subarray(userStart, userEnd)), name).to.equal(user);
    }
  });

  it("takes the last value of a repeated key, and `__proto__` as a key like any other", () => {
    expect([...readTracingMap(bytesOf("00016b00016100016b000162"))]).to.deep.equal([["k", "b"]]);
    const hostile = encodeTracingMap([["__proto__", "x"]]);
    expect([...readTracingMap(hostile)]).to.deep.equal([["__proto__", "x"]]);
    expect(({} as Record<string, unknown>)["x"]).to.equal(undefined);
  });

  it("refuses every cut inside an entry", () => {
    for (const { bytes, end } of cuts(bytesOf("00016b000176"))) {
      if (end > 0)
        expect(
          thrownBy(() => readTracingMap(bytes)),
          `${end} bytes`,
        ).to.be.instanceOf(MetadataFormatError);
    }
  });

  it("refuses to send a text above 32,767 bytes, whose length old peers read as negative", () => {
    expect(encodeTracingMap([["k", "v".repeat(32_767)]]).length).to.equal(4 + 1 + 32_767);
    expect(() => encodeTracingMap([["k", "v".repeat(32_768)]])).to.throw(
      RangeError,
      "32768 bytes, expected at most 32767",
    );
  });
});

describe("a Zipkin entry", () => {
  const full: ZipkinTrace = {
    sampling: "sampled",
    ids: { traceId: "463ac35c9f6413ad48485a3953bb6124", spanId: "a2fb4a1d1a96d312", parentSpanId: "0020000000000001" },
  };
  const fullHex = hex`
    ac                                   // I S T P
    463ac35c9f6413ad48485a3953bb6124     // trace id, 128 bits
    a2fb4a1d1a96d312                     // span id
    0020000000000001                     // parent span id
  `;

  it("carries the flags alone when there are no ids (TZ-02)", () => {
    const flags: [ZipkinTrace["sampling"], string][] = [
      ["undecided", "00"],
      ["debug", "40"],
      ["sampled", "20"],
      ["not_sampled", "10"],
    ];
    for (const [sampling, byte] of flags) {
      expect(hexOf(encodeZipkinTrace({ sampling }))).to.equal(byte);
      expect(readZipkinTrace(bytesOf(byte))).to.deep.equal({ sampling });
    }
  });

  it("carries ids of 64 and 128 bits, with and without parent (TZ-01)", () => {
    expect(hexOf(encodeZipkinTrace(full))).to.equal(fullHex);
    expect(readZipkinTrace(bytesOf(fullHex))).to.deep.equal(full);
    const short: ZipkinTrace = { sampling: "debug", ids: { traceId: "463ac35c9f6413ad", spanId: "a2fb4a1d1a96d312" } };
    expect(hexOf(encodeZipkinTrace(short))).to.equal("c0463ac35c9f6413ada2fb4a1d1a96d312");
    expect(readZipkinTrace(encodeZipkinTrace(short))).to.deep.equal(short);
    expect(hexOf(encodeZipkinEntry(short)).slice(0, 8)).to.equal("fd000011");
  });

  it("ignores S under D, N under either, and the low two bits (TZ-03)", () => {
    expect(readZipkinTrace(bytesOf("70")).sampling).to.equal("debug");
    expect(readZipkinTrace(bytesOf("30")).sampling).to.equal("sampled");
    expect(readZipkinTrace(bytesOf("13")).sampling).to.equal("not_sampled");
  });

  it("refuses every cut", () => {
    for (const { bytes, end } of cuts(bytesOf(fullHex))) {
      expect(
        thrownBy(() => readZipkinTrace(bytes)),
        `${end} bytes`,
      ).to.be.instanceOf(MetadataFormatError);
    }
  });

  it("refuses ids that aren't hex of the right length, naming them", () => {
    const ids = { traceId: "463ac35c9f6413ad", spanId: "a2fb4a1d1a96d312" };
    expect(() => encodeZipkinTrace({ sampling: "debug", ids: { ...ids, traceId: "abc" } })).to.throw(
      RangeError,
      'traceId is "abc"',
    );
    expect(() => encodeZipkinTrace({ sampling: "debug", ids: { ...ids, spanId: "zz".repeat(8) } })).to.throw(
      RangeError,
      "spanId",
    );
    expect(() => encodeZipkinTrace({ sampling: "debug", ids: { ...ids, parentSpanId: "" } })).to.throw(
      RangeError,
      "parentSpanId",
    );
  });
});
