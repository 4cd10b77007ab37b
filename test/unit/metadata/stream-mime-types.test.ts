// SPDX-License-Identifier: Apache-2.0
// Mime types of one stream's data (RSocket extension "Per Stream Data MIME Types").

import { expect } from "chai";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { formatOf } from "../../../runtime/src/metadata/formats.js";
import { encodeCompositeRoute } from "../../../runtime/src/metadata/rpc-metadata.js";
import {
  encodeAcceptMimeTypesEntry,
  encodeMimeTypeEntry,
  readMimeTypes,
  readRequestMimeTypes,
  readResponseMimeType,
} from "../../../runtime/src/metadata/stream-mime-types.js";
import { bytesOf, hexOf, textHex } from "../../support/frames-dsl.js";
import { cuts, thrownBy } from "./support.js";

// application/json is id 0x05; "text/x-me" has 9 characters
const JSON_ENTRY = "fa00000185";
const OWN = `08${textHex("text/x-me")}`;
const OWN_ENTRY = `fa00000a${OWN}`;
const ACCEPT_ENTRY = `fb00000c85${OWN}a1`; // JSON, our own, text/plain
const UNKNOWN_ENTRY = "fa000001f0"; // id 0x70: nobody has assigned it
const ROUTE = hexOf(encodeCompositeRoute("a.B", "C"));

describe("mime types of a stream", () => {
  it("MT-01: a mime-type entry holds one id or name, without a length of 24 bits", () => {
    expect(hexOf(encodeMimeTypeEntry("application/json"))).to.equal(JSON_ENTRY);
    expect(hexOf(encodeMimeTypeEntry(0x05))).to.equal(JSON_ENTRY);
    expect(hexOf(encodeMimeTypeEntry("text/x-me"))).to.equal(OWN_ENTRY);
    expect(readMimeTypes(bytesOf("85"))).to.deep.equal(["application/json"]);
    expect(readMimeTypes(bytesOf(OWN))).to.deep.equal(["text/x-me"]);
    expect(() => encodeMimeTypeEntry("")).to.throw(RangeError, "1 … 128");
    expect(() => encodeMimeTypeEntry(128)).to.throw(RangeError, "0 … 127");
  });

  it("MT-02: an accept-mime-types entry holds a list, whose order is kept", () => {
    expect(hexOf(encodeAcceptMimeTypesEntry(["application/json", "text/x-me", "text/plain"]))).to.equal(ACCEPT_ENTRY);
    expect(readRequestMimeTypes(bytesOf(ACCEPT_ENTRY), "a/b").accepted).to.deep.equal([
      "application/json",
      "text/x-me",
      "text/plain",
    ]);
    expect(() => encodeAcceptMimeTypesEntry([])).to.throw(RangeError, "at least one");
  });

  it("MT-03: without a mime-type entry the type of SETUP applies", () => {
    expect(readRequestMimeTypes(undefined, "a/b")).to.deep.equal({ dataMimeType: "a/b", accepted: [] });
    expect(readRequestMimeTypes(bytesOf(ROUTE), "a/b").dataMimeType).to.equal("a/b");
    expect(readResponseMimeType(undefined, "a/b")).to.equal("a/b");
    expect(readResponseMimeType(bytesOf(ROUTE), "a/b")).to.equal("a/b");
  });

  it("MT-04: an answer of another type says so, and is read so", () => {
    expect(readResponseMimeType(bytesOf(ROUTE + OWN_ENTRY), "a/b")).to.equal("text/x-me");
    expect(readRequestMimeTypes(bytesOf(ROUTE + JSON_ENTRY), "a/b").dataMimeType).to.equal("application/json");
  });

  it("MT-05: what a responder says it accepts is ignored, even when it can't be read", () => {
    expect(readResponseMimeType(bytesOf(ACCEPT_ENTRY), "a/b")).to.equal("a/b");
    expect(readResponseMimeType(bytesOf(`fb0000017f${JSON_ENTRY}`), "a/b")).to.equal("application/json");
  });

  it("are ids when nobody has assigned them, and the first of several entries counts", () => {
    expect(readRequestMimeTypes(bytesOf(UNKNOWN_ENTRY + JSON_ENTRY), "a/b").dataMimeType).to.equal(0x70);
    expect(readResponseMimeType(bytesOf(UNKNOWN_ENTRY + JSON_ENTRY), "a/b")).to.equal(0x70);
    expect(readRequestMimeTypes(bytesOf(`${ACCEPT_ENTRY}fb00000185`), "a/b").accepted.length).to.equal(3);
  });

  it("are refused when an entry holds none, two, or is cut off", () => {
    for (const read of [readRequestMimeTypes, readResponseMimeType]) {
      expect(() => read(bytesOf("fa000000"), "a/b")).to.throw(MetadataFormatError, "an empty mime-type entry");
      expect(() => read(bytesOf("fa0000028585"), "a/b")).to.throw(MetadataFormatError, "exactly one");
      expect(() => read(bytesOf(`${JSON_ENTRY.repeat(3)}`), "a/b", 2)).to.throw(MetadataFormatError, "at most 2");
    }
    for (const { bytes, end } of cuts(bytesOf(OWN))) {
      if (end > 0)
        expect(
          thrownBy(() => readMimeTypes(bytes)),
          `at ${end}`,
        ).to.be.instanceOf(MetadataFormatError);
    }
  });
});

describe("the mime types of a call in composite mode", () => {
  const composite = formatOf("composite");

  it("may be protobuf by any of its names, or anything the answer may be", () => {
    for (const name of ["application/x-protobuf", "application/vnd.google.protobuf", "Application/Protobuf; x=1"]) {
      expect(composite.readRequest(bytesOf(ROUTE + hexOf(encodeMimeTypeEntry(name)))).method, name).to.equal("C");
      const accept = hexOf(encodeAcceptMimeTypesEntry(["application/json", name]));
      expect(composite.readRequest(bytesOf(accept + ROUTE)).method, name).to.equal("C");
    }
    expect(composite.readRequest(bytesOf(ROUTE + hexOf(encodeAcceptMimeTypesEntry(["*/*"])))).method).to.equal("C");
  });

  it("may not be something that would be misread as protobuf, or that isn't accepted", () => {
    expect(() => composite.readRequest(bytesOf(ROUTE + JSON_ENTRY))).to.throw(
      MetadataFormatError,
      'the request\'s data is "application/json", expected application/x-protobuf',
    );
    expect(() => composite.readRequest(bytesOf(UNKNOWN_ENTRY + ROUTE))).to.throw(MetadataFormatError, "unknown id 112");
    expect(() => composite.readRequest(bytesOf(ROUTE + ACCEPT_ENTRY))).to.throw(
      MetadataFormatError,
      'nothing but "application/json", "text/x-me", "text/plain"',
    );
  });

  it("MT-06: aren't named by our requests, which are what SETUP says", () => {
    expect(composite.mimeTypes.dataMimeType).to.equal("application/x-protobuf");
    const request = composite.encodeRequest(bytesOf(ROUTE), { timeoutMs: 5 });
    expect(readRequestMimeTypes(request, "setup").dataMimeType).to.equal("setup");
  });
});
