// SPDX-License-Identifier: Apache-2.0
// The entry around an Envelope, its mark in ERROR data, and the vectors of our extension that hold either.

import { expect } from "chai";
import {
  ENTRY_HEADER_BYTES,
  ENVELOPE_MIME_TYPE,
  encodeEnvelopeEntry,
  encodeErrorEnvelope,
  encodeErrorText,
  encodeTimeoutEntry,
  readEnvelopeEntries,
  readErrorData,
  startsWithEnvelopeEntry,
} from "../../../runtime/src/metadata/entry.js";
import type { Envelope } from "../../../runtime/src/metadata/envelope.js";
import { MetadataError, MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { bytesOf, hex, hexOf, textHex } from "../../support/frames-dsl.js";
import { AFTER_HEADER, cuts, extensionFrame, metadataAt, thrownBy } from "./support.js";

const MARK = hex`17 6d6573736167652f782e72736f636b65742d7270632e7631`;
const HELLO = hex`${MARK} 000004 0a020801`;
const OTHER = hex`85 000001 ff`; // application/json, 1 byte

const header = (key: string, value: string) => ({ key, value: bytesOf(textHex(value)) });

describe("the entry", () => {
  it("is 28 bytes around the Envelope", () => {
    expect(textHex(ENVELOPE_MIME_TYPE)).to.equal(MARK.slice(2));
    expect(hexOf(encodeEnvelopeEntry({ hello: { version: 1 } }))).to.equal(HELLO);
    expect(hexOf(encodeEnvelopeEntry({}))).to.equal(`${MARK}000000`);
    expect(ENTRY_HEADER_BYTES).to.equal(28);
    expect(hexOf(encodeTimeoutEntry(2_000))).to.equal(`${MARK}00000310d00f`);
  });

  const metadata: [name: string, lengthAt: number, envelope: Envelope][] = [
    ["setup-hello", 56, { hello: { version: 1 } }],
    ["unary-answer", AFTER_HEADER, { headers: [header("x-cache", "hit")], trailers: [header("x-cost", "3")] }],
    ["stream-end-trailers", AFTER_HEADER, { trailers: [header("x-cost", "3")] }],
  ];
  for (const [name, lengthAt, envelope] of metadata) {
    it(`is reproduced and read in the vector ${name}`, () => {
      const bytes = metadataAt(extensionFrame(name), lengthAt);
      expect(hexOf(encodeEnvelopeEntry(envelope))).to.equal(hexOf(bytes));
      expect(startsWithEnvelopeEntry(bytes)).to.equal(true);
      expect(readEnvelopeEntries(bytes)).to.deep.equal({ envelope, rest: [] });
    });
  }

  it("is all of the METADATA_PUSH in the vector hello-answer", () => {
    const frame = extensionFrame("hello-answer");
    expect(hexOf(frame.subarray(6))).to.equal(HELLO);
    expect(readEnvelopeEntries(frame, 6)).to.deep.equal({ envelope: { hello: { version: 1 } }, rest: [] });
  });

  it("is recognised by its first 25 bytes and by nothing else", () => {
    expect(startsWithEnvelopeEntry(bytesOf(MARK))).to.equal(true);
    expect(startsWithEnvelopeEntry(bytesOf(`ff${MARK}ff`), 1)).to.equal(true);
    expect(startsWithEnvelopeEntry(bytesOf(`${MARK}ff`), 0, 24)).to.equal(false);
    for (const { bytes } of cuts(bytesOf(MARK))) expect(startsWithEnvelopeEntry(bytes)).to.equal(false);
    for (let i = 0; i < 25; i++) {
      const other = bytesOf(HELLO);
      other[i] = (other[i] ?? 0) ^ 1;
      expect(startsWithEnvelopeEntry(other), `byte ${i}`).to.equal(false);
    }
  });

  it("is found among other entries, which are kept in order", () => {
    for (const [digits, rest] of [
      [HELLO + OTHER, 1],
      [OTHER + HELLO, 1],
      [OTHER + HELLO + OTHER, 2],
      [HELLO, 0],
    ] as const) {
      const read = readEnvelopeEntries(bytesOf(digits));
      expect(read.envelope, digits).to.deep.equal({ hello: { version: 1 } });
      expect(read.rest, digits).to.deep.equal(
        Array(rest).fill({ mimeType: "application/json", payload: bytesOf("ff") }),
      );
    }
    expect(readEnvelopeEntries(bytesOf(OTHER)).envelope).to.equal(undefined);
    expect(readEnvelopeEntries(new Uint8Array(0))).to.deep.equal({ envelope: undefined, rest: [] });
  });

  it("twice in a frame is malformed", () => {
    expect(() => readEnvelopeEntries(bytesOf(HELLO + HELLO))).to.throw(MetadataFormatError, "a second Envelope");
    expect(() => readEnvelopeEntries(bytesOf(`${MARK}000000${MARK}000000`))).to.throw(
      MetadataFormatError,
      "a second Envelope",
    );
  });

  it("cut off anywhere is malformed", () => {
    for (const name of ["unary-answer", "stream-end-trailers"]) {
      for (const { bytes, end } of cuts(metadataAt(extensionFrame(name), AFTER_HEADER))) {
        if (end === 0) continue;
        expect(
          thrownBy(() => readEnvelopeEntries(bytes)),
          `${name} at ${end}`,
        ).to.be.instanceOf(MetadataFormatError);
      }
    }
    expect(() => readEnvelopeEntries(bytesOf(`${MARK}0000050a020801`))).to.throw(MetadataFormatError, "cut off");
  });

  it("above 64 KiB isn't sent", () => {
    const value = new Uint8Array(65_536 - 28 - 11); // tag, length 3, key 3, tag, length 3
    expect(encodeEnvelopeEntry({ headers: [{ key: "a", value }] }).length).to.equal(65_536);
    expect(() => encodeEnvelopeEntry({ headers: [{ key: "ab", value }] })).to.throw(
      MetadataError,
      "take 65537 bytes, expected at most 65536",
    );
  });
});

describe("the data of an ERROR", () => {
  const detail = { typeUrl: "type.googleapis.com/demo.v1.Line", value: bytesOf("0a026869") };
  const statuses: [name: string, envelope: Envelope][] = [
    ["error-status", { status: { code: 5, message: "no symbol NONE", details: [detail] } }],
    ["error-deadline", { status: { code: 4, message: "deadline exceeded", details: [] } }],
    ["error-rejected", { status: { code: 14, message: "server is draining", details: [] } }],
    ["setup-rejected", { status: { code: 16, message: "unknown token", details: [] } }],
  ];
  for (const [name, envelope] of statuses) {
    it(`is a zero byte and the Envelope in the vector ${name}`, () => {
      const data = extensionFrame(name).subarray(10);
      expect(hexOf(encodeErrorEnvelope(envelope))).to.equal(hexOf(data));
      expect(readErrorData(data)).to.deep.equal({ envelope });
    });
  }

  it("is text in the vector error-text", () => {
    const data = extensionFrame("error-text").subarray(10);
    expect(hexOf(encodeErrorText("no symbol NONE"))).to.equal(hexOf(data));
    expect(readErrorData(data)).to.deep.equal({ text: "no symbol NONE" });
  });

  it("without a byte is an empty text, with a zero byte alone an empty Envelope", () => {
    expect(readErrorData(new Uint8Array(0))).to.deep.equal({ text: "" });
    expect(readErrorData(bytesOf("00"))).to.deep.equal({ envelope: {} });
  });

  it("that isn't UTF-8 reads as text all the same", () => {
    expect(readErrorData(bytesOf("61ff62"))).to.deep.equal({ text: "a\ufffdb" });
  });

  it("that is no Envelope behind the zero byte is malformed, and said so without an exception", () => {
    for (const { bytes, end } of cuts(extensionFrame("error-status").subarray(10))) {
      if (end < 2) continue;
      expect(readErrorData(bytes).malformed, `${end} bytes`).to.be.instanceOf(MetadataFormatError);
    }
  });

  it("never begins with NUL when it is text, so no text is taken for an Envelope", () => {
    expect(hexOf(encodeErrorText("\0\0a\0"))).to.equal("6100");
    expect(hexOf(encodeErrorText("\0"))).to.equal("");
  });

  it("is at most 1 KiB of text, cut between characters", () => {
    expect(encodeErrorText("a".repeat(2_000)).length).to.equal(1_024);
    expect(encodeErrorText("é".repeat(2_000)).length).to.equal(1_024);
    expect(encodeErrorText(`a${"é".repeat(2_000)}`).length).to.equal(1_023);
    expect(hexOf(encodeErrorText("a🚀", 4))).to.equal("61");
  });
});
