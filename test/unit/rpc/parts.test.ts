// SPDX-License-Identifier: Apache-2.0
// The small parts: context values, messages and codecs, addresses, options, words for anything.

import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import type { Pieces } from "../../../runtime/src/bytes/pieces.js";
import { writeBytes, writeTag } from "../../../runtime/src/codec/write-scalars.js";
import { checkCallOptions } from "../../../runtime/src/rpc/call-options.js";
import { type Codec, checkMessage, encodeMessage, messageCodec } from "../../../runtime/src/rpc/codec.js";
import { ContextValues, createContextKey } from "../../../runtime/src/rpc/context-values.js";
import { messageOf, nameOf } from "../../../runtime/src/rpc/describe.js";
import { RpcError } from "../../../runtime/src/rpc/error.js";
import { generatedCodec } from "../../../runtime/src/rpc/generated-codec.js";
import { hostAndPort, parseUrl } from "../../../runtime/src/rpc/url.js";
import { hexOf } from "../../support/frames-dsl.js";
import { joinMessage } from "../../support/message-bytes.js";

describe("context values", () => {
  const USER = createContextKey("user", "nobody");

  it("have their key's default until they are set", () => {
    const values = new ContextValues();
    expect(values.get(USER)).to.equal("nobody");
    expect(values.set(USER, "ann")).to.equal(values);
    expect(values.get(USER)).to.equal("ann");
  });

  it("begin as their parent's, live, and change nothing there", () => {
    const parent = new ContextValues();
    const values = new ContextValues(parent);
    parent.set(USER, "ann");
    expect(values.get(USER)).to.equal("ann");
    values.set(USER, "bob");
    expect(parent.get(USER)).to.equal("ann");
    expect(new ContextValues(values).get(USER)).to.equal("bob");
  });

  it("may be undefined, which hides the parent's", () => {
    const KEY = createContextKey<string | undefined>("key", "default");
    const values = new ContextValues(new ContextValues().set(KEY, "parent")).set(KEY, undefined);
    expect(values.get(KEY)).to.equal(undefined);
  });

  it("of keys with the same name are different", () => {
    const other = createContextKey("user", "somebody");
    const values = new ContextValues().set(USER, "ann");
    expect(values.get(other)).to.equal("somebody");
  });
});

describe("messages", () => {
  const pieces: Codec<readonly Uint8Array[]> = {
    typeName: "x.Pieces",
    encode(value, sink) {
      for (const piece of value) sink.push(piece);
    },
    decode: (bytes) => [bytes],
  };

  it("are joined from the pieces that a codec gives; one piece isn't copied", () => {
    const one = Uint8Array.of(1, 2);
    expect(encodeMessage(pieces, [one])).to.equal(one);
    expect(
      hexOf(joinMessage(encodeMessage(pieces, [one, Uint8Array.of(3), new Uint8Array(0), Uint8Array.of(4, 5)]))),
    ).to.equal("0102030405");
    expect(encodeMessage(pieces, [])).to.have.length(0);
  });

  it("of generated codecs have long fields as they are, and are copied as long as they are short", () => {
    const codec = generatedCodec<{ a: Uint8Array; b: Uint8Array }, { a: Uint8Array; b: Uint8Array }>(
      "x.Two",
      (writer, { a, b }) => {
        writeBytes(writeTag(writer, 10), a, false);
        writeBytes(writeTag(writer, 18), b, false);
      },
      () => ({}),
    );
    const long = new Uint8Array(4_096).fill(0x61);
    const short = Uint8Array.of(7);
    const message = encodeMessage(codec, { a: long, b: short }) as Pieces;
    expect(message.length).to.equal(3 + 4_096 + 3);
    const parts: Uint8Array[] = [];
    message.forEach(0, message.length, (part) => parts.push(part));
    expect(parts.map(hexOf)).to.deep.equal(["0a8020", hexOf(long), "120107"]);
    expect(parts[1], "the very same").to.equal(long);
    expect(encodeMessage(codec, { a: long.subarray(1), b: short })).to.be.instanceOf(Uint8Array);
  });

  it("of a codec that throws leave nothing behind for the next", () => {
    const broken: Codec<undefined> = {
      typeName: "x.Broken",
      encode(_value, sink) {
        sink.push(Uint8Array.of(9));
        throw new Error("broken");
      },
      decode: () => undefined,
    };
    expect(() => encodeMessage(broken, undefined)).to.throw("broken");
    expect(hexOf(joinMessage(encodeMessage(pieces, [Uint8Array.of(1)])))).to.equal("01");
  });

  it("by reflection take init shapes and messages, and read what others wrote", () => {
    const codec = messageCodec(EmptySchema);
    expect(codec.typeName).to.equal("google.protobuf.Empty");
    expect(encodeMessage(codec, {})).to.have.length(0);
    expect(encodeMessage(codec, create(EmptySchema))).to.have.length(0);
    expect(codec.decode(new Uint8Array(0)).$typeName).to.equal("google.protobuf.Empty");
  });

  it("are checked to be some: records and messages of the type", () => {
    const message = { $typeName: "x.Y", a: 1 };
    for (const value of [{}, { a: 1 }, message, Object.create(null) as object])
      expect(checkMessage(value, "x.Y")).to.equal(value);
    expect(checkMessage(undefined, "google.protobuf.Empty")).to.deep.equal({});
    for (const [value, name] of [
      [undefined, "undefined"],
      [null, "null"],
      [5, "5"],
      ["a", '"a"'],
      [() => {}, "a function"],
      [[], "an Array"],
      [new Map(), "a Map"],
      [Promise.resolve(), "a Promise"],
      [new Date(5), "a Date"],
      [{ $typeName: "x.Z" }, "a x.Z"],
      [(async function* () {})(), "an AsyncGenerator"],
    ] as const) {
      expect(() => checkMessage(value, "x.Y")).to.throw(TypeError, /^got .*, expected x\.Y$/);
      if (name !== "an AsyncGenerator") expect(() => checkMessage(value, "x.Y")).to.throw(`got ${name}, expected x.Y`);
    }
  });
});

describe("words for anything", () => {
  const throwing = {
    get name() {
      throw new Error("no");
    },
  };

  it("name what a value is", () => {
    class Quote {}
    expect([undefined, null, 5, "a", true, 5n, Symbol("s"), "é".repeat(40), "é".repeat(41)].map(nameOf)).to.deep.equal([
      "undefined",
      "null",
      "5",
      '"a"',
      "true",
      "5n",
      "Symbol(s)",
      `"${"é".repeat(40)}"`,
      "a text of 41 characters",
    ]);
    expect([{}, [], new Quote(), new Error("x"), Object.create(null)].map(nameOf)).to.deep.equal([
      "an Object",
      "an Array",
      "a Quote",
      "an Error",
      "an object",
    ]);
    expect(nameOf({ constructor: throwing })).to.equal("an object");
  });

  it("say what was thrown", () => {
    expect([new Error("x"), "x", 5, undefined, Symbol("s"), { a: 1 }].map(messageOf)).to.deep.equal([
      "x",
      "x",
      "5",
      "undefined",
      "Symbol(s)",
      "[object Object]",
    ]);
    const wordless = "something that can't be put into words";
    expect(messageOf(Object.create(null))).to.equal(wordless);
    expect(
      messageOf({
        toString: () => {
          throw new Error("no");
        },
      }),
    ).to.equal(wordless);
    expect(messageOf(Object.create(Error.prototype, { message: { get: () => throwing.name } }))).to.equal(wordless);
  });
});

describe("addresses", () => {
  const SCHEMES = ["tcp", "ws"];

  it("are taken apart, IPv6 addresses without their brackets", () => {
    expect(hostAndPort(parseUrl("tcp://127.0.0.1:7000", SCHEMES))).to.deep.equal({ host: "127.0.0.1", port: 7000 });
    expect(hostAndPort(parseUrl("tcp://[::1]:0", SCHEMES))).to.deep.equal({ host: "::1", port: 0 });
    expect(hostAndPort(parseUrl(new URL("ws://example.com/rpc"), SCHEMES), 80)).to.deep.equal({
      host: "example.com",
      port: 80,
    });
  });

  for (const [text, message] of [
    ["", '"" is no URL, expected tcp:// or ws:// with host and port'],
    ["localhost:7000", '"localhost:7000" has scheme localhost, expected tcp:// or ws://'],
    ["http://localhost:7000", '"http://localhost:7000" has scheme http'],
    ["tcp://", '"tcp://" has no host'],
    ["tcp://a:99999", '"tcp://a:99999" is no URL'],
  ] as const) {
    it(`"${text}" is refused by name`, () => {
      expect(() => parseUrl(text, SCHEMES))
        .to.throw(RpcError, message)
        .with.property("code", 3);
    });
  }

  it("are refused without what may be secret in them", () => {
    for (const [text, shown] of [
      ["http://ann:pw@a:1/b?token=t", "http://…@a:1/b?…"],
      ["tcp://ann:p@w/d@a:99999#t", "tcp://…@a:99999#…"],
      ["ws://ann:pw@", "ws://…@"],
      ["tcp://ann:pw@a", "tcp://…@a"],
    ] as const) {
      const refused = (): unknown => hostAndPort(parseUrl(text, SCHEMES));
      expect(refused, text).to.throw(RpcError, `"${shown}" `).and.not.to.have.property("cause");
    }
  });

  it("without a port are refused where there is no usual one", () => {
    expect(() => hostAndPort(parseUrl("tcp://localhost", SCHEMES))).to.throw(
      RpcError,
      "has no port, expected one (0 lets the system choose)",
    );
  });
});

describe("call options", () => {
  it("at the ends of their ranges are taken", () => {
    for (const options of [
      {},
      { timeoutMs: 0 },
      { timeoutMs: 0x7fffffff },
      { timeoutMs: 0.5 },
      { prefetch: 1 },
      { prefetch: 0x7fffffff },
    ]) {
      expect(() => checkCallOptions(options)).to.not.throw();
    }
  });

  it("beyond them are refused by name", () => {
    for (const timeoutMs of [-1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
      expect(() => checkCallOptions({ timeoutMs })).to.throw(
        RangeError,
        `timeoutMs is ${timeoutMs}, expected 0 … 2147483647`,
      );
    }
    for (const prefetch of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
      expect(() => checkCallOptions({ prefetch })).to.throw(
        RangeError,
        `prefetch is ${prefetch}, expected a whole number 1 … 2147483647`,
      );
    }
  });
});
