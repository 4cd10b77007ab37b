// SPDX-License-Identifier: Apache-2.0
// What is read of the request that opens a WebSocket, and from which pages it may come.

import type { IncomingMessage } from "node:http";
import { expect } from "chai";
import { isAllowed, parseCookies, pathOf, upgradeRequestOf } from "../../../runtime/src/transports/upgrade-request.js";

const requestOf = (headers: IncomingMessage["headers"], url?: string) =>
  upgradeRequestOf({ headers, ...(url === undefined ? {} : { url }) } as IncomingMessage);

describe("a request that opens a WebSocket", () => {
  it("has a URL, an origin and headers by name, those that came more than once joined", () => {
    const request = requestOf({ host: "a", origin: "https://a", "set-cookie": ["x=1", "y=2"] }, "/rpc?x=1");
    expect([request.url, request.origin]).to.deep.equal(["/rpc?x=1", "https://a"]);
    expect(request.headers).to.deep.equal({ host: "a", origin: "https://a", "set-cookie": "x=1, y=2" });
    expect(requestOf({}).url).to.equal("/");
  });

  it("has cookies by name: the first of a name, without quotes, as they were before they were escaped", () => {
    const { cookies } = requestOf({ cookie: `a=1; a=2; b="x y"; c=%C3%BC;d=%zz ; =e; f; g=` });
    expect({ ...cookies }).to.deep.equal({ a: "1", b: "x y", c: "ü", d: "%zz", "": "e", g: "" });
    expect({ ...requestOf({}).cookies }).to.deep.equal({});
  });

  it("has no cookie that isn't there, whatever objects are born with", () => {
    expect(parseCookies("a=1")["constructor"]).to.equal(undefined);
    expect(Object.entries(parseCookies("__proto__=1"))).to.deep.equal([["__proto__", "1"]]);
  });

  it("has a path without its query", () => {
    expect(["/rpc", "/rpc?a=/b?c", "?a"].map(pathOf)).to.deep.equal(["/rpc", "/rpc", ""]);
  });

  for (const [origin, host, isEncrypted, expected] of [
    [undefined, "example.com", true, true],
    ["https://example.com", "example.com", true, true],
    ["https://example.com", "example.com:443", true, true],
    ["https://example.com:8443", "example.com:8443", true, true],
    ["https://example.com", "example.com:8443", true, false],
    ["https://other.example.com", "example.com", true, false],
    ["http://example.com", "example.com", true, false],
    ["http://example.com", "example.com", false, true],
    ["https://example.com", "example.com:443", false, true],
    ["http://example.com", "example.com:443", false, false],
    ["null", "example.com", true, false],
    ["no url", "example.com", true, false],
    ["https://example.com", undefined, true, false],
    ["https://example.com", "no host", true, false],
  ] as const) {
    const over = isEncrypted ? "TLS" : "TCP";
    it(`${expected ? "may" : "may not"} come from a page of ${origin} to ${host} over ${over}, unless origins are named`, () => {
      const headers = { ...(origin === undefined ? {} : { origin }), ...(host === undefined ? {} : { host }) };
      expect(isAllowed(requestOf(headers), isEncrypted, undefined)).to.equal(expected);
    });
  }

  it("may come from the origins that are named, and no others, the host's own included", () => {
    const request = requestOf({ origin: "https://example.com", host: "example.com" });
    expect(isAllowed(request, true, ["https://app.example.com"])).to.equal(false);
    expect(isAllowed(request, true, ["https://app.example.com", "https://example.com"])).to.equal(true);
  });

  it("may come from where a function says, which sees the whole request", () => {
    const request = requestOf({ origin: "https://example.com" }, "/rpc");
    const asked: unknown[] = [];
    const answer = (allowed: boolean) =>
      isAllowed(request, true, (...args) => {
        asked.push(args);
        return allowed;
      });
    expect([answer(true), answer(false)]).to.deep.equal([true, false]);
    expect(asked[0]).to.deep.equal(["https://example.com", request]);
  });
});
