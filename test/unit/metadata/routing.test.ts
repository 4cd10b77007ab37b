// SPDX-License-Identifier: Apache-2.0
// Routing entries (RSocket extension "Routing").

import { expect } from "chai";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { encodeRoutingEntry, readFirstRoutingTag, readRoutingTags } from "../../../runtime/src/metadata/routing.js";
import { bytesOf, hexOf, textHex } from "../../support/frames-dsl.js";
import { cuts, thrownBy } from "./support.js";

describe("routing", () => {
  it("writes tags in order behind one byte of length (RT-01)", () => {
    // id 0x7e, 7 bytes: "a", "", "é!"
    expect(hexOf(encodeRoutingEntry(["a", "", "é!"]))).to.equal("fe000007" + "0161" + "00" + "03c3a921");
    expect(hexOf(encodeRoutingEntry([]))).to.equal("fe000000");
  });

  it("carries a tag of 255 bytes and refuses one of 256", () => {
    expect(encodeRoutingEntry(["t".repeat(255)]).length).to.equal(4 + 1 + 255);
    expect(() => encodeRoutingEntry(["t".repeat(256)])).to.throw(RangeError, "256 bytes, expected at most 255");
    expect(() => encodeRoutingEntry(["é".repeat(128)])).to.throw(RangeError, "256 bytes");
  });

  it("reads all tags, or the first one alone (RT-03)", () => {
    const payload = bytesOf(`01610003c3a921`);
    expect(readRoutingTags(payload)).to.deep.equal(["a", "", "é!"]);
    expect(readFirstRoutingTag(payload)).to.equal("a");
    expect(readFirstRoutingTag(bytesOf(`05${textHex("a.b.c")}`))).to.equal("a.b.c");
  });

  it("reads 255 tags of 255 bytes by walking over them", () => {
    const payload = bytesOf(`ff${"61".repeat(255)}`.repeat(255));
    expect(readFirstRoutingTag(payload)).to.equal("a".repeat(255));
    expect(readRoutingTags(payload).length).to.equal(255);
  });

  it("refuses a payload without tags, and every cut inside a tag", () => {
    expect(() => readFirstRoutingTag(new Uint8Array(0))).to.throw(MetadataFormatError, "at least one");
    for (const { bytes, end } of cuts(bytesOf("026162026364"))) {
      if (end === 0 || end === 3) continue;
      expect(
        thrownBy(() => readFirstRoutingTag(bytes)),
        `${end} bytes`,
      ).to.be.instanceOf(MetadataFormatError);
      expect(
        thrownBy(() => readRoutingTags(bytes)),
        `${end} bytes`,
      ).to.be.instanceOf(MetadataFormatError);
    }
  });
});
