// SPDX-License-Identifier: Apache-2.0
// SETUP in both modes: hello and headers, credentials, the application's own bytes.

import { expect } from "chai";
import type { Envelope } from "../../../runtime/src/metadata/envelope.js";
import { MetadataError, MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import {
  encodeSetupMetadata,
  readSetupMetadata,
  type SetupMetadata,
} from "../../../runtime/src/metadata/setup-metadata.js";
import { bytesOf, hex, hexOf, textHex } from "../../support/frames-dsl.js";
import { cuts, extensionFrame, metadataAt, thrownBy } from "./support.js";

const NO_BYTES = new Uint8Array(0);
const MARK = hex`17 ${textHex("message/x.rsocket-rpc.v1")}`;
const HELLO: Envelope = { hello: { version: 1 } };
const HELLO_ENTRY = hex`${MARK} 000004 0a020801`;
const BEARER_ENTRY = hex`fc 000007 81 ${textHex("secret")}`;
const SIMPLE_ENTRY = hex`fc 000008 80 0003 ${textHex("ann")} ${textHex("pw")}`;
const CUSTOM_ENTRY = hex`fc 000004 01 6162 ff`; // type "ab"
const SIMPLE = { username: "ann", password: "pw" };
const NOTHING: SetupMetadata = {
  envelope: undefined,
  bearerToken: undefined,
  simple: undefined,
  raw: NO_BYTES,
  entries: [],
};
const MODES = ["rpc", "composite"] as const;

describe("the metadata of SETUP", () => {
  it("reproduces and reads the vector setup-hello", () => {
    const vector = metadataAt(extensionFrame("setup-hello"), 56);
    expect(hexOf(encodeSetupMetadata("rpc", { envelope: HELLO }) ?? NO_BYTES)).to.equal(hexOf(vector));
    expect(readSetupMetadata("rpc", vector)).to.deep.equal({ ...NOTHING, envelope: HELLO });
  });

  it("is absent when there is nothing to say, and absent or empty reads as nothing", () => {
    for (const mode of MODES) {
      expect(encodeSetupMetadata(mode, {})).to.equal(undefined);
      expect(readSetupMetadata(mode, undefined)).to.deep.equal(NOTHING);
      expect(readSetupMetadata(mode, NO_BYTES)).to.deep.equal(NOTHING);
    }
  });

  it("has credentials behind our entry, in both modes", () => {
    for (const mode of MODES) {
      const bytes = encodeSetupMetadata(mode, { envelope: HELLO, bearerToken: "secret", simple: SIMPLE }) ?? NO_BYTES;
      expect(hexOf(bytes)).to.equal(HELLO_ENTRY + BEARER_ENTRY + SIMPLE_ENTRY);
      const raw = mode === "rpc" ? NO_BYTES : bytes;
      expect(readSetupMetadata(mode, bytes)).to.deep.equal({
        envelope: HELLO,
        bearerToken: "secret",
        simple: SIMPLE,
        raw,
        entries: [],
      });
    }
  });

  it("without hello still begins with our entry in rpc mode, or the credentials would not be found", () => {
    const rpc = encodeSetupMetadata("rpc", { bearerToken: "secret" }) ?? NO_BYTES;
    expect(hexOf(rpc)).to.equal(`${MARK}000000${BEARER_ENTRY}`);
    expect(readSetupMetadata("rpc", rpc)).to.deep.equal({ ...NOTHING, envelope: {}, bearerToken: "secret" });
    expect(hexOf(encodeSetupMetadata("composite", { bearerToken: "secret" }) ?? NO_BYTES)).to.equal(BEARER_ENTRY);
  });

  it("in rpc mode is the application's own when it doesn't begin with our entry", () => {
    for (const digits of ["00", BEARER_ENTRY, BEARER_ENTRY + HELLO_ENTRY, MARK.slice(0, -2)]) {
      const raw = bytesOf(digits);
      expect(encodeSetupMetadata("rpc", { raw })).to.equal(raw);
      expect(readSetupMetadata("rpc", raw)).to.deep.equal({ ...NOTHING, raw });
    }
    for (const parts of [{ envelope: HELLO }, { bearerToken: "x" }, { simple: SIMPLE }]) {
      expect(() => encodeSetupMetadata("rpc", { ...parts, raw: bytesOf("00") })).to.throw(
        MetadataError,
        "can't be sent together",
      );
    }
  });

  it("in composite mode is entries in any order, the application's among them", () => {
    const other = hex`85 000001 ff`;
    const bytes = encodeSetupMetadata("composite", { envelope: HELLO, raw: bytesOf(other) }) ?? NO_BYTES;
    expect(hexOf(bytes)).to.equal(HELLO_ENTRY + other);
    const mixed = bytesOf(other + BEARER_ENTRY + CUSTOM_ENTRY + HELLO_ENTRY);
    expect(readSetupMetadata("composite", mixed)).to.deep.equal({
      envelope: HELLO,
      bearerToken: "secret",
      simple: undefined,
      raw: mixed,
      entries: [
        { mimeType: "application/json", payload: bytesOf("ff") },
        { mimeType: "message/x.rsocket.authentication.v0", payload: bytesOf("016162ff") },
      ],
    });
    expect(() => encodeSetupMetadata("composite", { raw: bytesOf("00") })).to.throw(
      MetadataError,
      "isn't composite entries",
    );
  });

  it("carries headers in the Envelope", () => {
    const envelope: Envelope = { ...HELLO, headers: [{ key: "x-user", value: bytesOf(textHex("ann")) }] };
    const bytes = encodeSetupMetadata("rpc", { envelope }) ?? NO_BYTES;
    expect(readSetupMetadata("rpc", bytes).envelope).to.deep.equal(envelope);
  });

  it("that names a client twice in the same way is refused: one could be checked, the other believed", () => {
    for (const entry of [BEARER_ENTRY, SIMPLE_ENTRY]) {
      expect(() => readSetupMetadata("rpc", bytesOf(HELLO_ENTRY + entry + entry))).to.throw(
        MetadataFormatError,
        "a second",
      );
      expect(() => readSetupMetadata("composite", bytesOf(entry + entry))).to.throw(MetadataFormatError, "a second");
    }
    expect(() => readSetupMetadata("rpc", bytesOf(HELLO_ENTRY + HELLO_ENTRY))).to.throw(
      MetadataFormatError,
      "a second Envelope",
    );
  });

  it("malformed or of too many entries is refused", () => {
    const whole = bytesOf(HELLO_ENTRY + SIMPLE_ENTRY);
    for (const { bytes, end } of cuts(whole)) {
      const error = thrownBy(() => readSetupMetadata("rpc", bytes));
      // Before byte 25 it is the application's; behind our entry it is whole.
      if (end < 25 || end === HELLO_ENTRY.length / 2) expect(error, `${end} bytes`).to.equal(undefined);
      else expect(error, `${end} bytes`).to.be.instanceOf(MetadataFormatError);
    }
    expect(() => readSetupMetadata("composite", bytesOf("85000000".repeat(65)))).to.throw(
      MetadataFormatError,
      "at most 64",
    );
    expect(() => readSetupMetadata("composite", bytesOf("85000000".repeat(3)), 2)).to.throw(
      MetadataFormatError,
      "at most 2",
    );
  });

  it("above 64 KiB isn't sent", () => {
    expect(() => encodeSetupMetadata("composite", { bearerToken: "t".repeat(65_536) })).to.throw(
      MetadataError,
      "expected at most 65536",
    );
  });
});
