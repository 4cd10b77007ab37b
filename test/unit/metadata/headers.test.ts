// SPDX-License-Identifier: Apache-2.0
// Headers: the rules of their keys and values, on the way out and on the way in.

import { expect } from "chai";
import type { Header } from "../../../runtime/src/metadata/envelope.js";
import { MetadataError, MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { fromWireHeaders, Metadata, type MetadataInit, toWireHeaders } from "../../../runtime/src/metadata/headers.js";
import { bytesOf, textHex } from "../../support/frames-dsl.js";
import { thrownBy } from "./support.js";

const text = (key: string, value: string): Header => ({ key, value: bytesOf(textHex(value)) });

describe("Metadata", () => {
  it("is empty at first", () => {
    const metadata = new Metadata();
    expect([metadata.isEmpty, metadata.size, [...metadata]]).to.deep.equal([true, 0, []]);
    expect([metadata.get("a"), metadata.getAll("a"), metadata.has("a"), metadata.delete("a")]).to.deep.equal([
      undefined,
      [],
      false,
      false,
    ]);
    expect([metadata.getBinary("a-bin"), metadata.getAllBinary("a-bin")]).to.deep.equal([undefined, []]);
    expect(toWireHeaders(metadata)).to.deep.equal([]);
  });

  it("keeps texts, and bytes under keys that end in -bin", () => {
    const metadata = new Metadata().set("x-user", "ann").set("x-id-bin", bytesOf("ababab"));
    expect(metadata.get("x-user")).to.equal("ann");
    expect(metadata.getBinary("x-id-bin")).to.deep.equal(bytesOf("ababab"));
    expect([metadata.size, metadata.isEmpty]).to.deep.equal([2, false]);
  });

  it("lower-cases the ASCII letters of keys, and nothing else", () => {
    const metadata = new Metadata().set("X-User", "ann");
    expect([...metadata]).to.deep.equal([["x-user", "ann"]]);
    expect([metadata.get("x-USER"), metadata.has("X-USER"), metadata.delete("X-uSER")]).to.deep.equal([
      "ann",
      true,
      true,
    ]);
    const kelvin = "\u212a"; // toLowerCase makes it a k
    expect(() => metadata.set(kelvin, "v")).to.throw(MetadataError);
    expect(metadata.set("k", "v").get(kelvin)).to.equal(undefined);
  });

  it("keeps several values of a key in order; set replaces them all, in the place of the first", () => {
    const metadata = new Metadata().append("a", "1").append("b", "2").append("a", "3").append("c", "4");
    expect(metadata.get("a")).to.equal("1");
    expect(metadata.getAll("a")).to.deep.equal(["1", "3"]);
    expect([...metadata]).to.deep.equal([
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
      ["c", "4"],
    ]);
    expect([...metadata.set("a", "5")]).to.deep.equal([
      ["a", "5"],
      ["b", "2"],
      ["c", "4"],
    ]);
    expect(metadata.delete("a")).to.equal(true);
    expect([...metadata]).to.deep.equal([
      ["b", "2"],
      ["c", "4"],
    ]);
  });

  it("is made from a record, from pairs, from a Map, and from another one, which it doesn't change", () => {
    const sources: MetadataInit[] = [
      { A: "1", b: "2" },
      [
        ["a", "1"],
        ["b", "2"],
      ],
      new Map([
        ["a", "1"],
        ["b", "2"],
      ]),
    ];
    for (const source of sources)
      expect([...Metadata.from(source)]).to.deep.equal([
        ["a", "1"],
        ["b", "2"],
      ]);
    const first = Metadata.from({ a: "1" });
    const second = Metadata.from(first).append("b", "2");
    expect([first.size, second.size]).to.deep.equal([1, 2]);
    expect(Metadata.from(new Metadata()).isEmpty).to.equal(true);
  });

  it("refuses to be made from anything else", () => {
    for (const source of [null, undefined, 7, "a"]) {
      expect(() => Metadata.from(source as unknown as MetadataInit), String(source)).to.throw(
        MetadataError,
        "expected",
      );
    }
    expect(() => Metadata.from({ a: undefined } as unknown as MetadataInit)).to.throw(
      MetadataError,
      'header "a" holds undefined',
    );
    expect(() => Metadata.from({ a: 7 } as unknown as MetadataInit)).to.throw(
      MetadataError,
      'header "a" holds a number',
    );
  });

  it("treats hostile keys as keys", () => {
    const init = JSON.parse('{"__proto__":"x","constructor":"y","tostring":"z"}') as Record<string, string>;
    const metadata = Metadata.from(init);
    expect([metadata.get("__proto__"), metadata.get("constructor"), metadata.get("tostring")]).to.deep.equal([
      "x",
      "y",
      "z",
    ]);
    expect(metadata.get("hasOwnProperty")).to.equal(undefined);
    expect(Object.getPrototypeOf(metadata)).to.equal(Metadata.prototype);
    expect(fromWireHeaders(toWireHeaders(metadata)).get("__proto__")).to.equal("x");
  });

  it("refuses keys beyond 1 … 64 of a-z 0-9 _ . -, naming them", () => {
    for (const key of ["", "k".repeat(65), "a b", ":path", "a\n", "schlüssel", "a/b", "a=b", "\0"]) {
      const error = thrownBy(() => new Metadata().set(key, "v"));
      expect(error, JSON.stringify(key)).to.be.instanceOf(MetadataError);
      expect(error, JSON.stringify(key)).to.be.instanceOf(TypeError);
      expect((error as MetadataError).key).to.equal(key);
    }
    expect(new Metadata().set("k".repeat(64), "v").size).to.equal(1);
    expect(() => new Metadata().set("K".repeat(1_000_000), "v"))
      .to.throw(MetadataError)
      .with.property("message")
      .of.length.below(200);
  });

  it("refuses reserved keys on the way out", () => {
    for (const key of ["rsocket-", "rsocket-x", "grpc-status", "GRPC-Timeout", "grpc-x-bin"]) {
      expect(() => new Metadata().append(key, "v"), key).to.throw(MetadataError, "is reserved");
    }
    expect(new Metadata().set("grpc", "v").set("x-grpc-y", "v").size).to.equal(2);
  });

  it("refuses values that would not arrive as they are, without repeating them", () => {
    for (const value of ["a\r\nx-admin: 1", "\n", "\0", "secret\r", "\ud800", "a\udc00b"]) {
      const error = thrownBy(() => new Metadata().set("x-key", value));
      expect(error, JSON.stringify(value)).to.be.instanceOf(MetadataError).with.property("key", "x-key");
      expect((error as Error).message, JSON.stringify(value))
        .to.match(/has U\+[0-9A-F]{4} at index \d+/)
        .and.not.contain("secret");
    }
    expect(new Metadata().set("x-key", "tab\t 漢字🚀 ok").get("x-key")).to.equal("tab\t 漢字🚀 ok");
    expect(new Metadata().set("x-key", "").get("x-key")).to.equal("");
  });

  it("keeps texts and bytes apart by the key", () => {
    const metadata = new Metadata();
    expect(() => metadata.set("x-user", bytesOf("00"))).to.throw(
      MetadataError,
      'header "x-user" holds bytes, expected text',
    );
    expect(() => metadata.set("x-id-bin", "text")).to.throw(MetadataError, "holds a string, expected a Uint8Array");
    expect(() => metadata.get("x-id-bin")).to.throw(MetadataError, "read it with getBinary");
    expect(() => metadata.getAll("X-ID-BIN")).to.throw(MetadataError, "read it with getBinary");
    expect(() => metadata.getBinary("x-user" as "x-bin")).to.throw(MetadataError, "read it with get");
  });

  it("keeps 128 headers and refuses one more", () => {
    const metadata = new Metadata();
    for (let i = 0; i < 128; i++) metadata.append("a", String(i));
    expect(() => metadata.append("b", "v")).to.throw(MetadataError, 'header "b" is one too many, expected at most 128');
    expect(metadata.set("a", "only").size).to.equal(1);
  });

  it("stays as it was when a change is refused", () => {
    const metadata = Metadata.from({ a: "1" });
    expect(() => metadata.set("a", "\n")).to.throw(MetadataError);
    expect([...metadata]).to.deep.equal([["a", "1"]]);
  });
});

describe("headers of a peer", () => {
  it("are read in order, duplicates included", () => {
    const wire = [text("a", "1"), text("x", "漢"), text("a", "2"), { key: "b-bin", value: bytesOf("00ff") }];
    expect([...fromWireHeaders(wire)]).to.deep.equal([
      ["a", "1"],
      ["x", "漢"],
      ["a", "2"],
      ["b-bin", bytesOf("00ff")],
    ]);
    expect(fromWireHeaders([]).isEmpty).to.equal(true);
  });

  it("survive a round trip byte for byte", () => {
    const wire = [
      text("x-user", "ann"),
      { key: "x-id-bin", value: bytesOf("ababab") },
      text("empty", ""),
      text("long", "l".repeat(3_000)),
    ];
    expect(toWireHeaders(fromWireHeaders(wire))).to.deep.equal(wire);
  });

  it("don't hold on to the chunk they came in", () => {
    const chunk = bytesOf("00010203");
    const value = fromWireHeaders([{ key: "a-bin", value: chunk.subarray(1, 3) }]).getBinary("a-bin");
    chunk.fill(9);
    expect(value).to.deep.equal(bytesOf("0102"));
  });

  it("with a reserved prefix are dropped", () => {
    const wire = [
      text("rsocket-x", "1"),
      text("grpc-status", "0"),
      text("a", "1"),
      { key: "grpc-x", value: bytesOf("ff") },
    ];
    expect([...fromWireHeaders(wire)]).to.deep.equal([["a", "1"]]);
  });

  it("against the rules are malformed", () => {
    const bad: [string, Header][] = [
      ["upper case", text("X-User", "v")],
      ["empty key", text("", "v")],
      ["long key", text("k".repeat(65), "v")],
      ["pseudo header", text(":path", "v")],
      ["line break in the key", text("a\nb", "v")],
      ["CR LF", text("a", "v\r\nx-admin: 1")],
      ["NUL", text("a", "\0")],
      ["not UTF-8", { key: "a", value: bytesOf("ff") }],
      ["cut UTF-8", { key: "a", value: bytesOf("c3") }],
    ];
    for (const [what, header] of bad)
      expect(() => fromWireHeaders([header]), what).to.throw(MetadataFormatError, "expected");
  });

  it("may be 128 and no more, reserved ones counted", () => {
    expect(fromWireHeaders(Array.from({ length: 128 }, () => text("a", ""))).size).to.equal(128);
    expect(() => fromWireHeaders(Array.from({ length: 129 }, () => text("grpc-a", "")))).to.throw(
      MetadataFormatError,
      "at most 128",
    );
  });
});
