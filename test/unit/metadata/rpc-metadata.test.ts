// SPDX-License-Identifier: Apache-2.0
// RPC metadata v1, as rsocket-rpc peers write it (RPC-01), and routes of composite mode.

import { expect } from "chai";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import {
  encodeCompositeRoute,
  encodeRpcMetadata,
  encodeRpcRoute,
  mayReadAsComposite,
  readRpcMetadata,
  rpcRouteEnd,
  rpcUserStart,
  splitRoute,
} from "../../../runtime/src/metadata/rpc-metadata.js";
import { bytesOf, hex, hexOf, textHex } from "../../support/frames-dsl.js";
import { cuts, readVectors, thrownBy, type Vector } from "./support.js";

interface MetadataVector extends Vector {
  readonly service: string;
  readonly method: string;
  readonly tracing: string;
  readonly user: string;
}

describe("RPC metadata v1", () => {
  for (const vector of readVectors<MetadataVector>("20-metadata")) {
    it(`RPC-01: reproduces and reads "${vector.name}": ${vector.meaning}`, () => {
      const { service, method, tracing, user } = vector;
      const encoded = encodeRpcMetadata({ service, method, tracing: bytesOf(tracing), user: bytesOf(user) });
      expect(hexOf(encoded)).to.equal(vector.hex);
      if (tracing === "" && user === "") expect(hexOf(encodeRpcRoute(service, method))).to.equal(vector.hex);
      const bytes = bytesOf(vector.hex);
      const read = readRpcMetadata(bytes);
      expect([read.service, read.method]).to.deep.equal([service, method]);
      expect(hexOf(bytes.subarray(read.tracingStart, read.tracingEnd))).to.equal(tracing);
      expect(hexOf(bytes.subarray(read.userStart, read.userEnd))).to.equal(user);
    });

    it(`refuses each cut of "${vector.name}" but the one behind the method`, () => {
      const whole = bytesOf(vector.hex);
      const routeEnd = rpcRouteEnd(whole, 0, whole.length);
      const userStart = rpcUserStart(whole, routeEnd, whole.length);
      for (const { bytes, end } of cuts(whole)) {
        const error = thrownBy(() => readRpcMetadata(bytes));
        // Of user metadata each beginning is user metadata.
        if (end === routeEnd || end >= userStart) expect(error, `${end} bytes`).to.equal(undefined);
        else expect(error, `${end} bytes`).to.be.instanceOf(MetadataFormatError);
        expect(rpcRouteEnd(bytes, 0, end), `${end} bytes`).to.equal(end < routeEnd ? -1 : routeEnd);
      }
    });
  }

  it("RPC-01: may end right after the method, as the old JS client sends it", () => {
    const bytes = bytesOf(hex`0001 0001 53 0001 6d`);
    const { service, method, tracingStart, tracingEnd, userStart, userEnd } = readRpcMetadata(bytes);
    expect([service, method]).to.deep.equal(["S", "m"]);
    expect([tracingStart, tracingEnd, userStart, userEnd]).to.deep.equal([8, 8, 8, 8]);
  });

  it("of any other version is refused clearly", () => {
    for (const version of ["0000", "0002", "8001", "ffff"]) {
      const bytes = bytesOf(`${version}00015300016d0000`);
      expect(rpcRouteEnd(bytes, 0, bytes.length)).to.equal(-1);
      const number = Number.parseInt(version, 16);
      expect(() => readRpcMetadata(bytes)).to.throw(MetadataFormatError, `version ${number} at byte 0, expected 1`);
    }
  });

  it("names the part that is cut off", () => {
    expect(() => readRpcMetadata(new Uint8Array(0))).to.throw("RPC metadata of 0 bytes");
    expect(() => readRpcMetadata(bytesOf("000100"))).to.throw("cut off in its route");
    expect(() => readRpcMetadata(bytesOf("0001ffff6162"))).to.throw("cut off in its route");
    expect(() => readRpcMetadata(bytesOf("00010001530001"))).to.throw("cut off in its route");
    expect(() => readRpcMetadata(bytesOf("000100015300016d00"))).to.throw("cut off in its tracing map");
    expect(() => readRpcMetadata(bytesOf("000100015300016d0002ff"))).to.throw("tracing map at byte 8");
  });

  it("reads lengths as unsigned, and only the range that it is given", () => {
    const service = "s".repeat(0x8001);
    const bytes = bytesOf(`ffff 0001 8001 ${textHex(service)} 0001 6d 0000 ff`.replaceAll(" ", ""));
    const read = readRpcMetadata(bytes, 2, bytes.length - 1);
    expect([read.service, read.method, read.userStart, read.userEnd]).to.deep.equal([
      service,
      "m",
      bytes.length - 1,
      bytes.length - 1,
    ]);
    expect(rpcRouteEnd(bytes, 2, bytes.length - 1)).to.equal(bytes.length - 3);
  });

  it("is never sent with a part above 32,767 bytes, which Java and Kotlin read as negative", () => {
    const longest = "n".repeat(32_767);
    expect(encodeRpcRoute(longest, longest).length).to.equal(8 + 2 * 32_767);
    expect(() => encodeRpcRoute(`${longest}n`, "m")).to.throw(
      RangeError,
      /the service "n+…" has 32768 bytes, expected at most 32767/,
    );
    expect(() => encodeRpcRoute("S", `${longest}n`)).to.throw(RangeError, /the method "n+…" has 32768 bytes/);
    const tracing = new Uint8Array(32_768);
    expect(() => encodeRpcMetadata({ service: "S", method: "m", tracing })).to.throw(
      RangeError,
      "the tracing map has 32768 bytes",
    );
    expect(() => encodeRpcRoute("é".repeat(16_384), "m")).to.throw(RangeError, "has 32768 bytes");
  });

  it("may carry more user metadata than that", () => {
    const user = new Uint8Array(40_000).fill(7);
    const { userStart, userEnd } = readRpcMetadata(encodeRpcMetadata({ service: "S", method: "m", user }));
    expect(userEnd - userStart).to.equal(40_000);
  });

  it("may be misread by rsocket-rpc-java 0.3.0 from 5 + 256 × service bytes on", () => {
    // Measured with that peer: a service of one letter, 326 bytes in all, of which 9 are the route.
    expect(mayReadAsComposite(1, 260)).to.equal(false);
    expect(mayReadAsComposite(1, 261)).to.equal(true);
    expect(mayReadAsComposite(28, 7_172)).to.equal(false);
    expect(mayReadAsComposite(28, 7_173)).to.equal(true);
  });
});

describe("a route of composite mode", () => {
  it("is one routing tag, service.method", () => {
    expect(hexOf(encodeCompositeRoute("demo.v1.Ticker", "Last"))).to.equal(
      `fe00001413${textHex("demo.v1.Ticker.Last")}`,
    );
    expect(() => encodeCompositeRoute("s".repeat(250), "method")).to.throw(
      RangeError,
      "257 bytes, expected at most 255",
    );
  });

  it("is read with a dot or a slash before the method, with or without a leading slash", () => {
    const last = { service: "demo.v1.Ticker", method: "Last" };
    for (const route of [
      "demo.v1.Ticker.Last",
      "demo.v1.Ticker/Last",
      "/demo.v1.Ticker/Last",
      "/demo.v1.Ticker.Last",
    ]) {
      expect(splitRoute(route), route).to.deep.equal(last);
    }
    expect(splitRoute("Ticker.Last")).to.deep.equal({ service: "Ticker", method: "Last" });
  });

  it("without a separator names no service", () => {
    expect(splitRoute("Last")).to.deep.equal({ service: "", method: "Last" });
    expect(splitRoute("/Last")).to.deep.equal({ service: "", method: "Last" });
    expect(splitRoute("/")).to.deep.equal({ service: "", method: "" });
    expect(splitRoute("")).to.deep.equal({ service: "", method: "" });
    expect(splitRoute("a/")).to.deep.equal({ service: "a", method: "" });
    expect(splitRoute("//b")).to.deep.equal({ service: "", method: "b" });
  });
});
