// SPDX-License-Identifier: Apache-2.0
// Composite metadata (RSocket extension "Composite Metadata").

import { expect } from "chai";
import {
  CompositeReader,
  encodeCompositeEntry,
  readCompositeEntries,
} from "../../../runtime/src/metadata/composite.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";
import { cuts, thrownBy } from "./support.js";

const TWO_ENTRIES = hex`
  85 000002 6869        // id 0x05 application/json, 2 bytes
  02 612f62 000001 ff   // 3 - 1, "a/b", 1 byte
`;

describe("composite metadata", () => {
  it("writes a well-known type as its id (CM-02)", () => {
    expect(hexOf(encodeCompositeEntry("application/json", bytesOf("6869")))).to.equal("850000026869");
    expect(hexOf(encodeCompositeEntry(0x05, bytesOf("6869")))).to.equal("850000026869");
  });

  it("writes any other type as length - 1 and text (CM-02)", () => {
    expect(hexOf(encodeCompositeEntry("a/b", bytesOf("ff")))).to.equal("02612f62000001ff");
    expect(hexOf(encodeCompositeEntry("x", new Uint8Array(0)))).to.equal("0078000000");
    const longest = encodeCompositeEntry("m".repeat(128), new Uint8Array(0));
    expect(longest[0]).to.equal(127);
    expect(longest.length).to.equal(1 + 128 + 3);
  });

  it("refuses a type that has no place in seven bits or isn't ASCII", () => {
    for (const mimeType of ["", "m".repeat(129), "text/ö", "a\u0000", -1, 128, 1.5]) {
      expect(() => encodeCompositeEntry(mimeType, new Uint8Array(0)), String(mimeType)).to.throw(
        RangeError,
        /expected/,
      );
    }
  });

  it("refuses a payload that three bytes of length can't say", () => {
    const tooLong = { length: 0x1000000 } as Uint8Array; // never read: the length alone decides
    expect(() => encodeCompositeEntry("a/b", tooLong)).to.throw(
      RangeError,
      "16777216 bytes, expected at most 16777215",
    );
  });

  it("reads entries in order, well-known ones by their name (CM-02, CM-03)", () => {
    const entries = readCompositeEntries(bytesOf(TWO_ENTRIES));
    expect(entries.map(({ mimeType, payload }) => [mimeType, hexOf(payload)])).to.deep.equal([
      ["application/json", "6869"],
      ["a/b", "ff"],
    ]);
  });

  it("reads a well-known type that was sent as text (WK-01)", () => {
    // 16 - 1, "application/json", no bytes
    const entries = readCompositeEntries(bytesOf("0f6170706c69636174696f6e2f6a736f6e000000"));
    expect(entries.map(({ mimeType }) => mimeType)).to.deep.equal(["application/json"]);
  });

  it("keeps several entries of one type, and ids that nobody has assigned (CM-03, CM-04, WK-02)", () => {
    // id 0x2b twice, no bytes and one
    const entries = readCompositeEntries(bytesOf("ab000000ab00000101"));
    expect(entries.map(({ mimeType, payload }) => [mimeType, hexOf(payload)])).to.deep.equal([
      [0x2b, ""],
      [0x2b, "01"],
    ]);
  });

  it("reads only the range that it is given", () => {
    const bytes = bytesOf(`ffff${TWO_ENTRIES}ffffff`);
    expect(readCompositeEntries(bytes, 2, bytes.length - 3).length).to.equal(2);
    expect(readCompositeEntries(bytes, 4, 4)).to.deep.equal([]);
  });

  it("is lazy: an entry behind a good one may be bad until it is asked for", () => {
    const reader = new CompositeReader(bytesOf("850000026869ff"));
    expect(reader.next()).to.equal(true);
    expect(hexOf(reader.payload)).to.equal("6869");
    expect(() => reader.next()).to.throw(MetadataFormatError);
  });

  it("refuses every cut that isn't between entries, and says where (CM-05)", () => {
    const whole = bytesOf(TWO_ENTRIES);
    for (const { bytes, end } of cuts(whole)) {
      const error = thrownBy(() => readCompositeEntries(bytes));
      if (end === 0 || end === 6) expect(error, `${end} bytes`).to.equal(undefined);
      else expect(error, `${end} bytes`).to.be.instanceOf(MetadataFormatError);
    }
    expect(() => readCompositeEntries(bytesOf("850000036869"))).to.throw(
      "a composite entry is cut off: 2 bytes at byte 4, expected 3",
    );
  });

  it("refuses a type with a byte beyond ASCII", () => {
    expect(() => readCompositeEntries(bytesOf("0161ff000000"))).to.throw("the byte 255 at byte 2, expected ASCII");
  });

  it("refuses entry number 65, or whatever the limit is", () => {
    const entry = "85000000";
    expect(readCompositeEntries(bytesOf(entry.repeat(64))).length).to.equal(64);
    expect(() => readCompositeEntries(bytesOf(entry.repeat(65)))).to.throw(
      "composite entry number 65 at byte 256, expected at most 64",
    );
    expect(() => readCompositeEntries(bytesOf(entry.repeat(10_000)))).to.throw(MetadataFormatError);
    expect(() => readCompositeEntries(bytesOf(entry.repeat(3)), 0, 12, 2)).to.throw("at most 2");
  });
});
