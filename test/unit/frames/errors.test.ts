// SPDX-License-Identifier: Apache-2.0
// Error codes (RSocket 1.0 §Error Codes), names of types, and the numbers of the layout.

import { expect } from "chai";
import { ErrorCode, errorCodeName, errorCodeScope, FrameFormatError } from "../../../runtime/src/frames/errors.js";
import { FrameType, frameTypeName, MAX_FRAME_BYTES, MAX_SENT_FRAME_BYTES } from "../../../runtime/src/frames/layout.js";
import { LEGAL_FLAGS } from "../../support/legal-flags.js";

describe("error codes", () => {
  it("stand on the connection, on streams, or nowhere (ERR-01)", () => {
    const SCOPES: readonly (readonly [number, string])[] = [
      [0x000, "reserved"],
      [0x001, "connection"],
      [0x004, "connection"],
      [0x005, "reserved"],
      [0x100, "reserved"],
      [0x101, "connection"],
      [0x102, "connection"],
      [0x103, "reserved"],
      [0x200, "reserved"],
      [0x201, "stream"],
      [0x204, "stream"],
      [0x205, "reserved"],
      [0x300, "reserved"],
      [0x301, "stream"],
      [0x80000000, "stream"],
      [0xfffffffe, "stream"],
      [0xffffffff, "reserved"],
    ];
    for (const [code, scope] of SCOPES) expect(errorCodeScope(code), errorCodeName(code)).to.equal(scope);
  });

  it("are called by their name and number, others by their number", () => {
    expect(errorCodeName(ErrorCode.REJECTED_SETUP)).to.equal("REJECTED_SETUP (0x003)");
    expect(errorCodeName(ErrorCode.APPLICATION_ERROR)).to.equal("APPLICATION_ERROR (0x201)");
    expect(errorCodeName(0)).to.equal("0x000");
    expect(errorCodeName(0x301)).to.equal("0x301");
    expect(errorCodeName(0xfffffffe)).to.equal("0xfffffffe");
  });
});

describe("frame types", () => {
  it("are called by their name, others by their number", () => {
    expect(frameTypeName(FrameType.REQUEST_FNF)).to.equal("REQUEST_FNF");
    expect(frameTypeName(FrameType.EXT)).to.equal("EXT");
    expect(frameTypeName(0)).to.equal("RESERVED");
    expect(frameTypeName(0x0f)).to.equal("0x0f");
    expect(frameTypeName(0x3e)).to.equal("0x3e");
  });

  it("have each their flags, but the reserved one", () => {
    const types = Object.values(FrameType).filter((type) => type !== FrameType.RESERVED);
    expect([...LEGAL_FLAGS.keys()]).to.deep.equal(types);
  });
});

describe("the largest frame", () => {
  it("is what three bytes of length can say; of those sent, its length with prefix is (Q-FRAME-MAX)", () => {
    expect(MAX_FRAME_BYTES).to.equal(16_777_215);
    expect(MAX_SENT_FRAME_BYTES).to.equal(MAX_FRAME_BYTES - 3);
  });
});

describe("FrameFormatError", () => {
  it("is an Error with a name of its own, and fatal unless told otherwise", () => {
    const error = new FrameFormatError("no");
    expect(error).to.be.instanceOf(Error);
    expect(String(error)).to.equal("FrameFormatError: no");
    expect(error.mayIgnore).to.equal(false);
    expect(new FrameFormatError("no", true).mayIgnore).to.equal(true);
  });
});
