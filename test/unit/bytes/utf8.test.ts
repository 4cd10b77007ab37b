// SPDX-License-Identifier: Apache-2.0
// UTF-8 in and out of byte ranges, judged by the platform's encoder and decoder.

import { expect } from "chai";
import {
  decodeUtf8,
  decodeUtf8Strict,
  encodeUtf8,
  encodeUtf8Into,
  utf8ByteLength,
} from "../../../runtime/src/bytes/utf8.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { type Random, random } from "../../support/rng.js";

const encoder = new TextEncoder();

// What stands behind the place that a text is written to must stay.
function writtenBetweenCanaries(text: string): string {
  const byteLength = utf8ByteLength(text);
  const target = new Uint8Array(byteLength + 8).fill(0xee);
  expect(encodeUtf8Into(text, target, 4), "the offset behind it").to.equal(4 + byteLength);
  expect([hexOf(target.subarray(0, 4)), hexOf(target.subarray(-4))]).to.deep.equal(["eeeeeeee", "eeeeeeee"]);
  return hexOf(target.subarray(4, -4));
}

// All 16-bit units, so that lone and swapped surrogates come up; short and long, for both paths of the decoder.
function randomUnits(rng: Random): string {
  const units = Array.from({ length: rng.below(80) }, () => {
    if (rng.oneIn(3)) return rng.between(0xd7f0, 0xe010);
    return rng.oneIn(2) ? rng.below(0x80) : rng.below(0x10000);
  });
  return String.fromCharCode(...units);
}

describe("utf8", () => {
  const TEXTS: readonly (readonly [what: string, text: string, hex: string])[] = [
    ["nothing", "", ""],
    ["ASCII", "a/b", "612f62"],
    ["the last character of one byte", "\u007f", "7f"],
    ["the first and last of two", "\u0080\u07ff", "c280dfbf"],
    ["the first and last of three", "\u0800\uffff", "e0a080efbfbf"],
    ["the neighbours of the surrogates", "\ud7ff\ue000", "ed9fbfee8080"],
    ["the first and last of four", "\u{10000}\u{10ffff}", "f0908080f48fbfbf"],
    ["ASCII in front of more", "abé🚀c", "6162c3a9f09f9a8063"],
    ["a byte order mark, which is kept", "\ufeffa", "efbbbf61"],
  ];
  for (const [what, text, bytes] of TEXTS) {
    it(`writes and reads ${what}`, () => {
      expect(hexOf(encodeUtf8(text))).to.equal(bytes);
      expect(writtenBetweenCanaries(text)).to.equal(bytes);
      expect(decodeUtf8(bytesOf(bytes))).to.equal(text);
      expect(decodeUtf8Strict(bytesOf(bytes))).to.equal(text);
    });
  }

  it("writes a lone surrogate as U+FFFD, wherever it stands", () => {
    const LONE: readonly (readonly [string, string])[] = [
      ["\ud83d", "efbfbd"],
      ["\ude80", "efbfbd"],
      ["a\ud83d", "61efbfbd"],
      ["\ud83da", "efbfbd61"],
      ["\ude80\ud83d", "efbfbdefbfbd"],
      ["\ud83d\ud83d\ude80", "efbfbdf09f9a80"],
    ];
    for (const [text, bytes] of LONE) {
      expect(hexOf(encodeUtf8(text))).to.equal(bytes);
      expect(writtenBetweenCanaries(text)).to.equal(bytes);
    }
  });

  it(
    "writes every text as the platform does, into exactly the bytes that it announced",
    random((rng) => {
      for (let round = 0; round < 2_000; round++) {
        const text = randomUnits(rng);
        expect(writtenBetweenCanaries(text), JSON.stringify(text)).to.equal(hexOf(encoder.encode(text)));
      }
    }),
  );

  it(
    "reads every byte as the platform does, U+FFFD for what is no UTF-8",
    random((rng) => {
      const platform = new TextDecoder("utf-8", { ignoreBOM: true });
      for (let round = 0; round < 2_000; round++) {
        const bytes = rng.oneIn(2) ? rng.bytes(rng.below(100)) : encoder.encode(randomUnits(rng));
        // One bit wrong in otherwise sound text.
        if (bytes.length > 0 && rng.oneIn(2)) bytes[rng.below(bytes.length)] = rng.below(256);
        expect(decodeUtf8(bytes), hexOf(bytes)).to.equal(platform.decode(bytes));
      }
    }),
  );

  it("reads strictly: undefined for anything that is no UTF-8, short or long", () => {
    const FAULTS: readonly (readonly [what: string, hex: string])[] = [
      ["a continuation byte alone", "80"],
      ["a character cut short", "e282"],
      ["an overlong slash", "c0af"],
      ["an overlong NUL", "c080"],
      ["a surrogate", "eda080"],
      ["above U+10FFFF", "f4908080"],
      ["a byte that never occurs", "ff"],
    ];
    const long = "61".repeat(60);
    for (const [what, fault] of FAULTS) {
      for (const bytes of [fault, `61${fault}`, `${fault}61`, long + fault, fault + long]) {
        expect(decodeUtf8Strict(bytesOf(bytes)), what).to.equal(undefined);
        expect(decodeUtf8(bytesOf(bytes)), what).to.contain("\ufffd");
      }
    }
  });

  it("reads strictly what is sound, also U+FFFD itself", () => {
    expect(decodeUtf8Strict(bytesOf("efbfbd"))).to.equal("\ufffd");
    expect(decodeUtf8Strict(bytesOf("61".repeat(200)))).to.equal("a".repeat(200));
  });

  it("keeps to its range: nothing of what stands around it is read", () => {
    for (const length of [0, 1, 47, 48, 49, 200]) {
      const bytes = new Uint8Array(length + 20).fill(0xee);
      bytes.fill(0x61, 10, 10 + length);
      expect(decodeUtf8(bytes, 10, 10 + length)).to.equal("a".repeat(length));
      expect(decodeUtf8Strict(bytes, 10, 10 + length)).to.equal("a".repeat(length));
    }
    const cut = bytesOf("ee c3a9 ee".replaceAll(" ", ""));
    expect(decodeUtf8(cut, 1, 2), "half a character isn't completed from behind the end").to.equal("\ufffd");
    expect(decodeUtf8Strict(cut, 1, 2)).to.equal(undefined);
    expect(decodeUtf8(cut, 1, 3)).to.equal("é");
  });
});
