// SPDX-License-Identifier: Apache-2.0
// The Envelope of `rsocket-rpc/lite` beside that of the whole runtime: the same bytes, the same verdicts.

import { expect } from "chai";
import { details } from "../../../runtime/src/lite/details.js";
import { decodeEnvelope, type Told } from "../../../runtime/src/lite/envelope.js";
import { readErrorData } from "../../../runtime/src/lite/errors.js";
import { metadata, pairsOf } from "../../../runtime/src/lite/headers.js";
import { errorData, requestMetadata, setupMetadata } from "../../../runtime/src/lite/metadata.js";
import { type Envelope, encodeEnvelope as encodeWhole } from "../../../runtime/src/metadata/envelope.js";
import { decodeEnvelope as decodeWhole } from "../../../runtime/src/metadata/envelope-reader.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { bytesOf, hex, hexOf, repeat, textHex } from "../../support/frames-dsl.js";
import { Random } from "../../support/rng.js";

const HEADERS = [
  { key: "x-user", value: bytesOf(textHex("ann")) },
  { key: "x-ids-bin", value: bytesOf(repeat("ab", 300)) },
  { key: "", value: new Uint8Array(0) },
];
const TOLD: Envelope = {
  hello: { version: 1 },
  headers: HEADERS,
  trailers: [{ key: "x-cost", value: bytesOf("33") }],
  status: { code: -5, message: "ä", details: [{ typeUrl: "type/a.B", value: bytesOf("0a026869") }] },
};

/** RPC metadata of `method`, up to its own part: version, service, method, no tracing. */
const RPC_METADATA = hex`0001 0003 612e42 0001 63 0000`;
const method = { service: "a.B", name: "c" };

/** The entry that holds an Envelope: the length of its mime type less one, the mime type, the Envelope behind its length. */
function entryOf(envelope: Uint8Array): string {
  return `17${textHex("message/x.rsocket-rpc.v1")}${envelope.length.toString(16).padStart(6, "0")}${hexOf(envelope)}`;
}

describe("the Envelope of rsocket-rpc/lite", () => {
  it("is written as the whole runtime writes it", () => {
    for (const timeoutMs of [0, 1, 127, 128, 300, 16_384, 0x7fffffff]) {
      const said = HEADERS.slice(0, 2); // no key is empty
      const headers = said.map(({ key, value }) => [key, key.endsWith("-bin") ? value : "ann"] as const);
      expect(hexOf(requestMetadata(method, timeoutMs, true, metadata.say({ headers })))).to.equal(
        `${RPC_METADATA}${entryOf(encodeWhole({ timeoutMs, noMessage: true, headers: said }))}`,
      );
    }
    for (const say of [undefined, metadata.say({})]) {
      expect(hexOf(requestMetadata(method, 5, false, say))).to.equal(
        `${RPC_METADATA}${entryOf(encodeWhole({ timeoutMs: 5 }))}`,
      );
      expect(hexOf(requestMetadata(method, Infinity, false, say))).to.equal(RPC_METADATA);
    }
    const tracing = { "x-b3-traceid": "5" };
    const rawMetadata = bytesOf("00ff");
    expect(hexOf(requestMetadata(method, Infinity, false, metadata.say({ tracing, rawMetadata })))).to.equal(
      `${hex`0001 0003 612e42 0001 63 0011 000c`}${textHex("x-b3-traceid")}${hex`0001 35 00ff`}`,
    );
    expect(hexOf(setupMetadata(undefined, undefined))).to.equal(entryOf(bytesOf("0a020801")));
    for (const status of [
      { code: 5, message: "ä", details: [] },
      { code: 300, message: "x".repeat(200), details: [] },
    ])
      expect(hexOf(errorData(status.code, status.message, true))).to.equal(`00${hexOf(encodeWhole({ status }))}`);
    expect(hexOf(errorData(5, "ä", false))).to.equal(textHex("ä"));
  });

  it("is read as the whole runtime reads it, cut off or changed anywhere too", () => {
    const seed = Date.now() >>> 0;
    const random = new Random(seed);
    const bytes = encodeWhole(TOLD);
    expect(read(bytes)).to.deep.equal({ ...TOLD, hello: true });
    for (let i = 0; i < 20_000; i++) {
      const changed = bytes.slice(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length);
      for (let n = random.below(3); n >= 0 && changed.length > 0; n--)
        changed[random.below(changed.length)] = random.below(256);
      const whole = verdict(() => decodeWhole(changed));
      const lite = verdict(() => read(changed));
      // What only servers read it doesn't look at.
      if (whole === undefined || lite === undefined) continue;
      const { hello, headers = [], trailers = [], status } = whole;
      const told = {
        ...(hello && { hello: true }),
        headers,
        trailers,
        ...(status && { status }),
      };
      expect(lite, `seed ${seed}, ${hexOf(changed)}`).to.deep.equal(told);
    }
  });

  for (const [what, digits] of [
    ["a tag without a number", hex`00 00`],
    ["a tag of more than 32 bits", hex`8a80808010 00`],
    ["a length beyond the end", hex`32 05 0801`],
    ["a number without end", hex`32 0b 08 ffffffffffffffffffff`],
    ["a number that is cut off", hex`08 80`],
    ["64 bits that are cut off", hex`79 00000000000000`],
    ["32 bits that are cut off", hex`7d 000000`],
    ["a group that doesn't end", hex`7b`],
    ["another group's end", hex`7b 74`],
    ["a number where a message stands", hex`30 00`],
    ["a message where a number stands", hex`32 02 0a00`],
    ["a text that isn't UTF-8", hex`32 03 1201ff`],
    ["8193 details", hex`32 82 80 01 ${repeat("1a00", 8_193)}`],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => decodeEnvelope(bytesOf(digits), details)).to.throw(RangeError, / at byte \d/);
      expect(() => readErrorData(bytesOf(`00${digits}`), details)).to.throw(RangeError, / at byte \d/);
    });
  }

  it("refuses 129 headers, and as many trailers, where they are read", () => {
    for (const [tag, name] of [
      ["22", "headers"],
      ["2a", "trailers"],
    ] as const) {
      expect(pairsOf(bytesOf(repeat(`${tag}00`, 128)))[name]).to.have.length(128);
      const tooMany = bytesOf(repeat(`${tag}00`, 129));
      expect(() => pairsOf(tooMany)).to.throw(RangeError, /more than 128/);
      expect(decodeEnvelope(tooMany)).to.deep.equal({});
    }
  });

  it("passes over fields that it doesn't know, of every other type", () => {
    const unknown = hex`7801 790000000000000000 7a0161 7d00000000 7b 0801 7c`;
    expect(decodeEnvelope(bytesOf(`${unknown}0a020801${unknown}`))).to.deep.equal({ hello: true });
  });
});

/** With the headers and trailers read, too. */
function read(bytes: Uint8Array): Omit<Envelope, "hello"> & Pick<Told, "hello"> {
  const { headers, trailers } = pairsOf(bytes);
  return { ...decodeEnvelope(bytes, details), headers, trailers };
}

function verdict<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof MetadataFormatError || error instanceof RangeError) return undefined;
    throw error;
  }
}
