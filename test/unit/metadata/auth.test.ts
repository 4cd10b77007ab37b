// SPDX-License-Identifier: Apache-2.0
// Authentication entries (RSocket extension "Authentication").

import { expect } from "chai";
import {
  type Authentication,
  encodeAuthEntry,
  encodeAuthentication,
  readAuthentication,
} from "../../../runtime/src/metadata/auth.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";
import { cuts, thrownBy } from "./support.js";

const SIMPLE = hex`
  80                  // id 0x00 simple
  0004 75736572       // "user"
  70617373            // "pass", the rest
`;
const BEARER = hex`
  81 736563726574     // id 0x01 bearer, "secret"
`;
const CUSTOM = hex`
  02 617063 0102      // 3 - 1, "apc", payload
`;

describe("authentication", () => {
  it("writes simple, bearer and custom types (AU-02, AU-03, AU-04)", () => {
    expect(hexOf(encodeAuthentication({ type: "simple", username: "user", password: "pass" }))).to.equal(SIMPLE);
    expect(hexOf(encodeAuthentication({ type: "bearer", token: "secret" }))).to.equal(BEARER);
    expect(hexOf(encodeAuthentication({ type: "custom", name: "apc", payload: bytesOf("0102") }))).to.equal(CUSTOM);
    expect(hexOf(encodeAuthentication({ type: "custom", name: 0x22, payload: bytesOf("01") }))).to.equal("a201");
  });

  it("stands in an entry of the id 0x7C", () => {
    expect(hexOf(encodeAuthEntry({ type: "bearer", token: "secret" }))).to.equal(`fc000007${BEARER}`);
  });

  it("reads what it writes", () => {
    const all: Authentication[] = [
      { type: "simple", username: "user", password: "pass" },
      { type: "simple", username: "", password: "" },
      { type: "simple", username: "ü🚀", password: "漢" },
      { type: "bearer", token: "secret" },
      { type: "bearer", token: "" },
      { type: "custom", name: "apc", payload: bytesOf("0102") },
      { type: "custom", name: 0x7f, payload: new Uint8Array(0) },
    ];
    for (const one of all) expect(readAuthentication(encodeAuthentication(one))).to.deep.equal(one);
  });

  it("keeps a username of 65,535 bytes and refuses a longer one", () => {
    const longest: Authentication = { type: "simple", username: "u".repeat(65_535), password: "p" };
    expect(readAuthentication(encodeAuthentication(longest))).to.deep.equal(longest);
    expect(() => encodeAuthentication({ ...longest, username: "u".repeat(65_536) })).to.throw(
      RangeError,
      "65536 bytes",
    );
  });

  it("refuses a cut in the type or the username", () => {
    for (const { bytes, end } of cuts(bytesOf(SIMPLE))) {
      if (end >= 7) continue; // type, length, username: what follows is the password
      expect(
        thrownBy(() => readAuthentication(bytes)),
        `${end} bytes`,
      ).to.be.instanceOf(MetadataFormatError);
    }
    for (const { bytes, end } of cuts(bytesOf(CUSTOM))) {
      if (end >= 4) continue;
      expect(
        thrownBy(() => readAuthentication(bytes)),
        `${end} bytes`,
      ).to.be.instanceOf(MetadataFormatError);
    }
  });

  it("refuses secrets that aren't UTF-8: two different ones must not read as the same", () => {
    expect(() => readAuthentication(bytesOf("81ff"))).to.throw(MetadataFormatError, "the token isn't UTF-8");
    expect(() => readAuthentication(bytesOf("800001c361"))).to.throw(MetadataFormatError, "the username isn't UTF-8");
    expect(() => readAuthentication(bytesOf("80000161ff"))).to.throw(MetadataFormatError, "the password isn't UTF-8");
  });
});
