// SPDX-License-Identifier: Apache-2.0
// Requests in both modes, from the vectors of our extension and against malformed ones.

import { expect } from "chai";
import type { Envelope } from "../../../runtime/src/metadata/envelope.js";
import { MetadataError, MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import type { RequestMetadata } from "../../../runtime/src/metadata/format.js";
import { formatOf } from "../../../runtime/src/metadata/formats.js";
import { encodeCompositeRoute, encodeRpcRoute, rpcRouteEnd } from "../../../runtime/src/metadata/rpc-metadata.js";
import { encodeTracingMap, encodeZipkinEntry } from "../../../runtime/src/metadata/tracing.js";
import { bytesOf, hex, hexOf, textHex } from "../../support/frames-dsl.js";
import { AFTER_HEADER, AFTER_INITIAL_N, cuts, extensionFrame, metadataAt, thrownBy } from "./support.js";

const NO_BYTES = new Uint8Array(0);
const MARK = hex`17 ${textHex("message/x.rsocket-rpc.v1")}`;
const RPC_ROUTE = encodeRpcRoute("demo.v1.Ticker", "Last");
const COMPOSITE_ROUTE = encodeCompositeRoute("demo.v1.Ticker", "Last");
const OTHER = hex`85 000001 ff`; // application/json, 1 byte
const DEADLINE: Envelope = { timeoutMs: 5 };
const DEADLINE_ENTRY = hex`${MARK} 000002 1005`;

const LAST: RequestMetadata = {
  service: "demo.v1.Ticker",
  method: "Last",
  envelope: undefined,
  userMetadata: NO_BYTES,
  tracing: NO_BYTES,
};
const FULL: Envelope = {
  timeoutMs: 2_000,
  headers: [
    { key: "x-user", value: bytesOf(textHex("ann")) },
    { key: "x-id-bin", value: bytesOf("ababab") },
  ],
};

describe("the metadata of a request in rpc mode", () => {
  it("of a bare call is the route itself, not a copy", () => {
    const vector = metadataAt(extensionFrame("unary-request-bare"), AFTER_HEADER);
    expect(formatOf("rpc").encodeRequest(RPC_ROUTE, undefined)).to.equal(RPC_ROUTE);
    expect(formatOf("rpc").encodeRequest(RPC_ROUTE, undefined, NO_BYTES, NO_BYTES)).to.equal(RPC_ROUTE);
    expect(hexOf(RPC_ROUTE)).to.equal(hexOf(vector));
    expect(formatOf("rpc").readRequest(vector)).to.deep.equal(LAST);
  });

  it("reproduces and reads the vector unary-request-rpc", () => {
    const vector = metadataAt(extensionFrame("unary-request-rpc"), AFTER_HEADER);
    expect(hexOf(formatOf("rpc").encodeRequest(RPC_ROUTE, FULL))).to.equal(hexOf(vector));
    expect(formatOf("rpc").readRequest(vector)).to.deep.equal({ ...LAST, envelope: FULL });
  });

  it("reproduces and reads the vector empty-client-stream", () => {
    const vector = metadataAt(extensionFrame("empty-client-stream"), AFTER_INITIAL_N);
    const route = encodeRpcRoute("demo.v1.Ticker", "Upload");
    expect(hexOf(formatOf("rpc").encodeRequest(route, { noMessage: true }))).to.equal(hexOf(vector));
    expect(formatOf("rpc").readRequest(vector)).to.deep.equal({
      ...LAST,
      method: "Upload",
      envelope: { noMessage: true },
    });
  });

  it("carries the application's bytes untouched when they don't begin with our entry", () => {
    const samples = [
      "00",
      "ff00ff",
      "17",
      MARK.slice(0, -2),
      `${MARK.slice(0, -2)}ff`,
      OTHER + DEADLINE_ENTRY,
      "00010001580001790000",
    ];
    for (const raw of samples) {
      const bytes = formatOf("rpc").encodeRequest(RPC_ROUTE, undefined, bytesOf(raw));
      expect(hexOf(bytes)).to.equal(hexOf(RPC_ROUTE) + raw);
      expect(formatOf("rpc").readRequest(bytes)).to.deep.equal({ ...LAST, userMetadata: bytesOf(raw) });
    }
  });

  it("writes the length of a tracing map over that of none", () => {
    const tracing = encodeTracingMap([["k", "v"]]);
    const route = hexOf(RPC_ROUTE).slice(0, -4);
    const bare = formatOf("rpc").encodeRequest(RPC_ROUTE, undefined, undefined, tracing);
    expect(hexOf(bare)).to.equal(`${route}000600016b000176`);
    expect(formatOf("rpc").readRequest(bare)).to.deep.equal({ ...LAST, tracing });
    const full = formatOf("rpc").encodeRequest(RPC_ROUTE, DEADLINE, bytesOf(OTHER), tracing);
    expect(hexOf(full)).to.equal(`${route}000600016b000176${DEADLINE_ENTRY}${OTHER}`);
    expect(hexOf(RPC_ROUTE).slice(-4), "the cached route stays").to.equal("0000");
    expect(formatOf("rpc").readRequest(full)).to.deep.equal({
      ...LAST,
      envelope: DEADLINE,
      tracing,
      userMetadata: bytesOf(OTHER),
    });
    expect(() => formatOf("rpc").encodeRequest(RPC_ROUTE, undefined, undefined, new Uint8Array(32_768))).to.throw(
      RangeError,
      "32768 bytes",
    );
  });

  it("may end right after the method", () => {
    expect(formatOf("rpc").readRequest(RPC_ROUTE.subarray(0, -2))).to.deep.equal(LAST);
  });

  it("is read behind its route for a router that found the method by its bytes", () => {
    const vector = metadataAt(extensionFrame("unary-request-rpc"), AFTER_HEADER);
    const routeEnd = rpcRouteEnd(vector, 0, vector.length);
    expect(hexOf(vector.subarray(0, routeEnd))).to.equal(hexOf(RPC_ROUTE.subarray(0, -2)));
    const { service, method, ...details } = formatOf("rpc").readRequest(vector);
    expect([service, method]).to.deep.equal(["demo.v1.Ticker", "Last"]);
    expect(formatOf("rpc").readDetails(vector, routeEnd)).to.deep.equal(details);
    expect(() => formatOf("rpc").readDetails(vector.subarray(0, routeEnd + 1), routeEnd)).to.throw(
      MetadataFormatError,
      "tracing map",
    );
  });

  it("that is missing or empty names no rpc", () => {
    expect(() => formatOf("rpc").readRequest(undefined)).to.throw(MetadataFormatError, "the request has no metadata");
    expect(() => formatOf("composite").readRequest(NO_BYTES)).to.throw(
      MetadataFormatError,
      "the request has no metadata",
    );
  });
});

describe("the metadata of a request in composite mode", () => {
  it("of a bare call is the routing entry itself", () => {
    expect(formatOf("composite").encodeRequest(COMPOSITE_ROUTE, undefined)).to.equal(COMPOSITE_ROUTE);
    expect(formatOf("composite").readRequest(COMPOSITE_ROUTE)).to.deep.equal({
      ...LAST,
      userMetadata: COMPOSITE_ROUTE,
    });
  });

  it("reproduces and reads the vector unary-request-composite", () => {
    const vector = metadataAt(extensionFrame("unary-request-composite"), AFTER_HEADER);
    expect(hexOf(formatOf("composite").encodeRequest(COMPOSITE_ROUTE, FULL))).to.equal(hexOf(vector));
    expect(formatOf("composite").readRequest(vector)).to.deep.equal({ ...LAST, envelope: FULL, userMetadata: vector });
  });

  it("has tracing behind the route, then our entry, then the application's entries", () => {
    const tracing = encodeZipkinEntry({ sampling: "sampled" });
    const bytes = formatOf("composite").encodeRequest(COMPOSITE_ROUTE, DEADLINE, bytesOf(OTHER), tracing);
    expect(hexOf(bytes)).to.equal(`${hexOf(COMPOSITE_ROUTE)}fd00000120${DEADLINE_ENTRY}${OTHER}`);
    expect(formatOf("composite").readRequest(bytes)).to.deep.equal({
      ...LAST,
      envelope: DEADLINE,
      tracing: bytes,
      userMetadata: bytes,
    });
  });

  it("is read with entries in any order", () => {
    const bytes = bytesOf(OTHER + DEADLINE_ENTRY + hexOf(COMPOSITE_ROUTE));
    const { service, method, envelope } = formatOf("composite").readRequest(bytes);
    expect([service, method, envelope]).to.deep.equal(["demo.v1.Ticker", "Last", DEADLINE]);
  });

  it("takes the first tag of the first routing entry, in each of the usual spellings", () => {
    for (const route of ["demo.v1.Ticker.Last", "demo.v1.Ticker/Last", "/demo.v1.Ticker/Last"]) {
      const tag = (route.length.toString(16).padStart(2, "0") + textHex(route)).toLowerCase();
      const payload = `${tag}0161`; // a surplus tag
      const bytes = bytesOf(`fe0000${(payload.length / 2).toString(16)}${payload}fe0000020162`);
      const { service, method } = formatOf("composite").readRequest(bytes);
      expect([service, method], route).to.deep.equal(["demo.v1.Ticker", "Last"]);
    }
  });

  it("without a routing entry, or with one without tags, is malformed", () => {
    expect(() => formatOf("composite").readRequest(bytesOf(OTHER))).to.throw(MetadataFormatError, "no routing entry");
    expect(() => formatOf("composite").readRequest(bytesOf("fe000000"))).to.throw(MetadataFormatError, "without tags");
  });
});

describe("malformed requests", () => {
  const whole = {
    rpc: metadataAt(extensionFrame("unary-request-rpc"), AFTER_HEADER),
    composite: metadataAt(extensionFrame("unary-request-composite"), AFTER_HEADER),
  } as const;

  it("cut off anywhere are refused, or mean what they say without our entry", () => {
    for (const mode of ["rpc", "composite"] as const) {
      for (const { bytes, end } of cuts(whole[mode])) {
        const error = thrownBy(() => formatOf(mode).readRequest(bytes));
        if (error !== undefined) {
          expect(error, `${mode} at ${end}`).to.be.instanceOf(MetadataFormatError);
          continue;
        }
        const { method, envelope, userMetadata } = formatOf(mode).readRequest(bytes);
        expect([method, envelope], `${mode} at ${end}`).to.deep.equal(["Last", undefined]);
        // In rpc mode the beginning of our mark is nothing but bytes of the application.
        if (mode === "rpc") expect(userMetadata.length, `at ${end}`).to.be.below(25);
        else expect(end).to.equal(COMPOSITE_ROUTE.length);
      }
    }
  });

  it("have two Envelopes, or too many entries", () => {
    const rpc = hexOf(RPC_ROUTE);
    const composite = hexOf(COMPOSITE_ROUTE);
    expect(() => formatOf("rpc").readRequest(bytesOf(rpc + DEADLINE_ENTRY + DEADLINE_ENTRY))).to.throw(
      MetadataFormatError,
      "second",
    );
    expect(() => formatOf("composite").readRequest(bytesOf(composite + DEADLINE_ENTRY + DEADLINE_ENTRY))).to.throw(
      MetadataFormatError,
      "second",
    );
    expect(() => formatOf("rpc").readRequest(bytesOf(rpc + DEADLINE_ENTRY + OTHER.repeat(64)))).to.throw(
      MetadataFormatError,
      "at most 64",
    );
    expect(() => formatOf("composite").readRequest(bytesOf(composite + OTHER.repeat(64)))).to.throw(
      MetadataFormatError,
      "at most 64",
    );
    expect(() => formatOf("composite").readRequest(bytesOf(composite + OTHER.repeat(2)), 2)).to.throw(
      MetadataFormatError,
      "at most 2",
    );
    expect(formatOf("composite").readRequest(bytesOf(composite + OTHER.repeat(63))).method).to.equal("Last");
    expect(formatOf("rpc").readRequest(bytesOf(rpc + OTHER.repeat(1_000))).userMetadata.length).to.equal(5_000);
  });

  it("aren't made: raw bytes that the peer would have to read as entries must be entries", () => {
    const raw = bytesOf("0102");
    expect(() => formatOf("rpc").encodeRequest(RPC_ROUTE, DEADLINE, raw)).to.throw(
      MetadataError,
      "raw metadata isn't composite entries",
    );
    expect(() => formatOf("composite").encodeRequest(COMPOSITE_ROUTE, undefined, raw)).to.throw(
      MetadataError,
      "raw metadata isn't",
    );
  });

  it("aren't made: 64 KiB is the most that a request of ours carries", () => {
    const envelope: Envelope = { headers: [{ key: "a", value: new Uint8Array(65_500) }] };
    expect(() => formatOf("rpc").encodeRequest(RPC_ROUTE, envelope)).to.throw(MetadataError, "expected at most 65536");
    const raw = new Uint8Array(70_000);
    expect(formatOf("rpc").encodeRequest(RPC_ROUTE, undefined, raw).length).to.equal(RPC_ROUTE.length + 70_000);
  });
});
