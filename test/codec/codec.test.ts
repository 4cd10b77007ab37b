// SPDX-License-Identifier: Apache-2.0
// What a generated codec refuses and how it says so, its limits, and where it writes to.

import { spawnSync } from "node:child_process";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { readUnknown } from "../../runtime/dist/codec/read-fields.js";
import { MessageReader, readTag } from "../../runtime/dist/codec/reader.js";
import { beginMessage, MessageWriter } from "../../runtime/dist/codec/writer.js";
import { encodeMessage } from "../../runtime/dist/rpc/codec.js";
import { fromHex, toHex } from "../../runtime/src/bytes/hex.js";
import { ROOT } from "../codegen/support/workspace.js";
import { joinMessage } from "../support/message-bytes.js";
import { type AnyMessage, type Subject, subject } from "./support/codecs.js";
import { difference } from "./support/identical.js";

type Init = Record<string, unknown>;

const scalars = subject("codec.v1.Scalars");
const nested = subject("codec.v1.Nested");
const lists = subject("codec.v1.Lists");
const maps = subject("codec.v1.Maps");
const choices = subject("codec.v1.Choices");
const known = subject("codec.v1.Known");

const encode = ({ codec }: Subject, value: Init): Uint8Array => joinMessage(encodeMessage(codec, value as AnyMessage));

describe("a generated codec refuses to write", () => {
  const refusals: readonly (readonly [Subject, Init, string])[] = [
    [scalars, { aInt32: 1.5 }, "codec.v1.Scalars.aInt32: got 1.5, expected an integer of 32 bits"],
    [scalars, { aUint32: -1 }, "codec.v1.Scalars.aUint32: got -1, expected an unsigned integer of 32 bits"],
    [scalars, { aSint32: 2 ** 31 }, "codec.v1.Scalars.aSint32: got 2147483648, expected an integer of 32 bits"],
    [
      scalars,
      { aInt64: 2n ** 63n },
      "codec.v1.Scalars.aInt64: got 9223372036854775808n, expected an integer of 64 bits",
    ],
    [scalars, { aUint64: -1n }, "codec.v1.Scalars.aUint64: got -1n, expected an unsigned integer of 64 bits"],
    [scalars, { aInt64: "x" }, 'codec.v1.Scalars.aInt64: got "x", expected an integer of 64 bits'],
    [scalars, { aFloat: 1e39 }, "codec.v1.Scalars.aFloat: got 1e+39, expected a number of 32 bits"],
    [scalars, { aBytes: "abc" }, 'codec.v1.Scalars.aBytes: got "abc", expected a Uint8Array'],
    [scalars, { aColor: "RED" }, 'codec.v1.Scalars.aColor: got "RED", expected an integer of 32 bits'],
    [
      nested,
      { others: [{}, { left: { depth: true } }] },
      "codec.v1.Nested.others[1].left.depth: got true, expected an integer of 32 bits",
    ],
    [nested, { left: 5 }, "codec.v1.Nested.left: got 5, expected a message"],
    [lists, { someInt32: [1, 2, null] }, "codec.v1.Lists.someInt32[2]: got null, expected an integer of 32 bits"],
    [
      maps,
      { toMaps: { "a b": { toInt32: { c: 0.5 } } } },
      'codec.v1.Maps.toMaps["a b"].toInt32.c: got 0.5, expected an integer of 32 bits',
    ],
    // create() makes messages and bytes of the items of arrays that stand for lists, and of nothing else.
    [maps, { toMaps: [{ toInt32: { a: 1 } }] }, "codec.v1.Maps.toMaps[0]: got an Object, expected codec.v1.Maps"],
    [maps, { toBytes: [[1, 2]] }, "codec.v1.Maps.toBytes[0]: got an Array, expected a Uint8Array"],
    [
      nested,
      { others: { length: 1, 0: { depth: 1 } } },
      'codec.v1.Nested.others["0"]: got an Object, expected codec.v1.Nested',
    ],
    [maps, { byInt32: { x: "y" } }, 'codec.v1.Maps.byInt32: got "x", expected an integer of 32 bits'],
    [
      choices,
      { one: { case: "oneInt32", value: "x" } },
      'codec.v1.Choices.one.value: got "x", expected an integer of 32 bits',
    ],
    [
      subject("codec.v2.Required"),
      { name: "a" },
      "codec.v2.Required.count: got undefined, expected a value: the field is required",
    ],
  ];
  for (const [type, value, message] of refusals) {
    it(message, () => {
      expect(() => encode(type, value)).to.throw(TypeError, message);
      expect(() => toBinary(type.schema, create(type.schema, value as AnyMessage))).to.throw();
      // What is frozen can be explained, too.
      expect(() => encode(type, Object.freeze(value))).to.throw(TypeError, message);
    });
  }

  it("what stands in a message as no create() puts it there", () => {
    const message = create(nested.schema) as unknown as { others: unknown[] };
    message.others.push({ depth: 1 });
    expect(() => encode(nested, message as never)).to.throw(
      TypeError,
      "codec.v1.Nested.others[0]: got an Object, expected codec.v1.Nested",
    );
    expect(() => toBinary(nested.schema, message as never)).to.throw();
  });

  // What protobuf-es writes of these is not what was meant.
  const safer: typeof refusals = [
    [scalars, { aBytes: new Uint16Array(2) }, "codec.v1.Scalars.aBytes: got a Uint16Array, expected a Uint8Array"],
    [nested, { others: 5 }, "codec.v1.Nested.others: got 5, expected a list"],
    [nested, { others: {} }, "codec.v1.Nested.others: got an Object, expected a list"],
    [lists, { someInt32: new Set([1]) }, "codec.v1.Lists.someInt32: got a Set, expected a list"],
    [known, { timestamp: new Date(5) }, "codec.v1.Known.timestamp: got a Date, expected a message"],
    [nested, { left: Promise.resolve() }, "codec.v1.Nested.left: got a Promise, expected a message"],
    [nested, { others: [{}, new Map()] }, "codec.v1.Nested.others[1]: got a Map, expected a message"],
    [maps, { toMaps: { a: new Set() } }, "codec.v1.Maps.toMaps.a: got a Set, expected a message"],
    [nested, { left: new Uint8Array(2) }, "codec.v1.Nested.left: got a Uint8Array, expected a message"],
    [lists, { someString: ["a", undefined] }, "codec.v1.Lists.someString[1]: got undefined, expected a text"],
  ];
  for (const [type, value, message] of safer) {
    it(`${message} (protobuf-es doesn't)`, () => {
      expect(() => encode(type, value)).to.throw(TypeError, message);
      expect(() => toBinary(type.schema, create(type.schema, value as AnyMessage))).to.not.throw();
    });
  }

  it("a Map, of which protobuf-es would send no entry", () => {
    expect(() => encode(maps, { toInt32: new Map([["a", 1]]) })).to.throw(TypeError, "toInt32: got a Map");
  });

  it("undefined as a text, which protobuf-es would send as the word", () => {
    const message = { ...create(scalars.schema), aString: undefined };
    expect(() => encode(scalars, message as never)).to.throw(TypeError, "aString: got undefined, expected a text");
  });

  it("and is as usable afterwards as before", () => {
    expect(() => encode(scalars, { aInt32: {} })).to.throw(TypeError);
    expect(toHex(encode(scalars, { aInt32: 1 }))).to.equal("1801");
  });
});

describe("a generated codec takes", () => {
  it("what create() takes: numbers as texts, lists of numbers as bytes, absent fields, null", () => {
    const init = { aInt32: "7", aInt64: 7, aBytes: [1, 2], aString: null, aBool: undefined };
    const expected = toBinary(scalars.schema, create(scalars.schema, init as never));
    expect(toHex(encode(scalars, init))).to.equal(toHex(expected));
  });

  it("fields that are called as what every object inherits only when they are the object's own", () => {
    const inherited = subject("codec.v1.Inherited");
    expect(toHex(encode(inherited, {}))).to.equal("");
    // hasOwnProperty: 1, isPrototypeOf: 2, propertyIsEnumerable: 3, toLocaleString: 4
    const bytes = fromHex("0a0161 1002 1a020a00 220162");
    const message = inherited.codec.decode(bytes);
    expect(Object.entries(message)).to.deep.equal([
      ["$typeName", "codec.v1.Inherited"],
      ["hasOwnProperty", "a"],
      ["toLocaleString", ["b"]],
      ["isPrototypeOf", 2],
      ["propertyIsEnumerable", { $typeName: "codec.v1.Inherited", hasOwnProperty: "", toLocaleString: [] }],
    ]);
    expect(toHex(encode(inherited, message))).to.equal(toHex(fromHex("0a0161 1002 1a00 220162")));
  });

  it("a key __proto__ as an entry like any other", () => {
    // toInt32 (field 15): { "__proto__": 1 }
    const bytes = fromHex("7a0d 0a09 5f5f70726f746f5f5f 1001");
    const { toInt32 } = maps.codec.decode(bytes) as unknown as { toInt32: object };
    expect(Object.getPrototypeOf(toInt32)).to.equal(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(toInt32, "__proto__")?.value).to.equal(1);
    expect(toHex(encode(maps, { toInt32 }))).to.equal(toHex(bytes));
  });

  it("keys that every object inherits where Object.prototype is frozen", () => {
    const script = `
      import { MapsCodec } from ${JSON.stringify(new URL("gen/everything_codec.js", import.meta.url).href)};
      Object.freeze(Object.prototype);
      const bytes = Uint8Array.from([0x7a, 12, 0x0a, 8, ...new TextEncoder().encode("toString"), 0x10, 7]);
      console.log(JSON.stringify(MapsCodec.decode(bytes).toInt32));`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: ROOT,
      env: { ...process.env, NODE_OPTIONS: "" },
      encoding: "utf8",
    });
    expect([stdout, stderr]).to.deep.equal([`{"toString":7}\n`, ""]);
  });
});

describe("a generated codec reads no", () => {
  const refusals: readonly (readonly [string, Subject, string, string])[] = [
    ["messages more than 100 deep", nested, "", "messages in messages, 100 deep"],
    ["tag of more than 32 bits", scalars, "8880808010 01", "a tag of more than 32 bits at byte 0"],
    ["field 0", scalars, "00 01", "a field with the number 0 at byte 0"],
    ["varint of more than 10 bytes", scalars, "18 8080808080808080808001", "a number of more than 10 bytes at byte 1"],
    [
      "unknown varint of more than 10 bytes",
      scalars,
      "a006 8080808080808080808001",
      "a number of more than 10 bytes at byte 2",
    ],
    ["value that is cut off", scalars, "09 00000000", "a value that is cut off at byte 1"],
    ["text that isn't UTF-8", scalars, "7201ff", "a text that isn't UTF-8 at byte 2"],
    ["field of another wire type than its own", scalars, "1a00", "field 3 with the wire type 2 at byte 1"],
    ["length beyond the message", nested, "1202 3205 61", "5 bytes announced and 0 left at byte 4"],
    ["end of a group that didn't begin", scalars, "a406", "field 100 with the wire type 4 at byte 2"],
    ["group that doesn't end", scalars, "a306", "a value that is cut off at byte 2"],
  ];
  for (const [what, type, hex, message] of refusals) {
    it(what, () => {
      const bytes = hex === "" ? nestedMessages(100) : fromHex(hex);
      expect(() => type.codec.decode(bytes)).to.throw(RangeError, `not a ${type.codec.typeName}: ${message}`);
    });
  }

  it("message that it can't, but 100 deep it can, as protobuf-es", () => {
    const bytes = nestedMessages(99);
    expect(difference(nested.codec.decode(bytes), fromBinary(nested.schema, bytes))).to.equal(undefined);
    expect(() => fromBinary(nested.schema, nestedMessages(100))).to.throw(/recursion/);
  });
});

describe("a generated codec writes", () => {
  it("long bytes by reference, and lengths around them that count them", () => {
    const payload = new Uint8Array(5000).fill(1);
    const value = { left: { text: "a", payload, right: { payload: new Uint8Array(4096) } }, text: "z" };
    const pieces: Uint8Array[] = [];
    nested.codec.encode(value as never, pieces);
    expect(pieces.some((piece) => piece.buffer === payload.buffer)).to.equal(true);
    const expected = toBinary(nested.schema, create(nested.schema, value as never));
    expect(toHex(Uint8Array.from(pieces.flatMap((piece) => [...piece])))).to.equal(toHex(expected));
    expect(toHex(encode(nested, value))).to.equal(toHex(expected));
  });

  it("behind what is in the buffer, and elsewhere when the message outgrows it", () => {
    for (const room of [0, 1, 2, 10, 130, 4000]) {
      const buffer = new Uint8Array(8 + room);
      buffer.set([1, 2, 3, 4, 5, 6, 7, 8]);
      const writer = new MessageWriter();
      const value = { left: { left: { text: "é".repeat(100) }, text: "x".repeat(300) }, depth: 1 };
      beginMessage(writer, buffer, 8);
      nested.codec.write?.(value as never, writer);
      const expected = toBinary(nested.schema, create(nested.schema, value as never));
      expect(toHex(writer.bytes.subarray(writer.start, writer.at)), `${room}`).to.equal(toHex(expected));
      expect([...buffer.subarray(0, 8)]).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8]);
    }
  });

  it("messages one behind the other that don't disturb each other, and one amid another", () => {
    const inner = (): Uint8Array => encode(nested, { text: "inner" });
    let amid: Uint8Array | undefined;
    const value = {
      depth: 1,
      get text() {
        amid = inner();
        return "outer";
      },
    };
    const outer = encode(nested, value as never);
    const last = encode(nested, { text: "last" });
    expect(
      [outer, amid, last].map((bytes) => (nested.codec.decode(bytes ?? outer) as unknown as { text: string }).text),
    ).to.deep.equal(["outer", "inner", "last"]);
  });
});

describe("a generated codec names the field that was refused", () => {
  const thrownBy = ({ codec }: Subject, value: Init): string => {
    try {
      encodeMessage(codec, value as AnyMessage);
    } catch (error) {
      return error instanceof TypeError ? error.message : `no TypeError: ${String(error)}`;
    }
    return "nothing was thrown";
  };

  it("whatever objects stand where values are converted", () => {
    expect(thrownBy(scalars, { aInt64: {} })).to.match(/^codec\.v1\.Scalars\.aInt64: got an Object/);
    expect(thrownBy(scalars, { aInt32: {} })).to.match(/^codec\.v1\.Scalars\.aInt32: got an Object/);
    expect(thrownBy(scalars, { aDouble: new Date(0), aInt32: 1.5 })).to.match(/^codec\.v1\.Scalars\.aInt32: got 1\.5/);
    for (const field of ["aDouble", "aString", "aInt32", "aInt64"]) {
      const message = thrownBy(scalars, { [field]: Object.create(null) as unknown });
      expect(message).to.match(new RegExp(`^codec\\.v1\\.Scalars\\.${field}: `));
    }
  });

  it("of fields called like what every object inherits, only when they are the message's own", () => {
    const inherited = subject("codec.v2.Inherited");
    expect(toHex(encode(inherited, { text: "x" }))).to.equal("220178");
    expect(toHex(encode(inherited, { hasOwnProperty: "y", isPrototypeOf: 0, toLocaleString: {} }))).to.equal(
      "0a017910001a00",
    );
    expect(thrownBy(inherited, { isPrototypeOf: 1.5 })).to.match(/^codec\.v2\.Inherited\.isPrototypeOf: got 1\.5/);
    const again = inherited.codec.decode(fromHex("220178"));
    expect(toHex(encode(inherited, again as unknown as Init))).to.equal("220178");
  });
});

describe("a generated codec takes no more time than bytes", () => {
  it("for a google.protobuf.Struct whose field comes again and again", () => {
    const delimited = subject("codec.v2023.Delimited");
    const entry = (i: number): string => `0a0a0a04${toHex(new TextEncoder().encode(String(1000 + i)))}12022001`;
    const entries = Array.from({ length: 4_000 }, (_, i) => entry(i)).join("");
    // json, then an empty json, in a group each
    const bytes = fromHex(`23${entries}24${"2324".repeat(100_000)}`);
    const startedMs = performance.now();
    const { json } = delimited.codec.decode(bytes) as unknown as { json: object };
    expect(Object.keys(json)).to.have.length(4_000);
    // One entry at a time it takes 50 ms; all of them for each field would take minutes.
    expect(performance.now() - startedMs).to.be.below(5_000);
  });

  it("for fields that a message of many fields doesn't have", () => {
    const reader = new MessageReader();
    const known = Array.from({ length: 3_000 }, (_, i) => i + 1);
    const bytes = fromHex("f8ff0301".repeat(300_000)); // field 8191
    reader.begin(bytes, true);
    const startedMs = performance.now();
    while (reader.at < reader.end) readUnknown(reader, readTag(reader), undefined, known);
    expect(performance.now() - startedMs).to.be.below(1_000);
    for (const number of [1, 2, 1_500, 3_000]) {
      reader.begin(fromHex("00"), true);
      expect(() => readUnknown(reader, number << 3, undefined, known)).to.throw(`field ${number} with the wire type 0`);
    }
  });
});

describe("a generated codec writes maps", () => {
  it("whose keys are texts of numbers, hexadecimal ones too, as protobuf-es does", () => {
    for (const key of ["0x10", "-0x10", "12", "7 apples"]) {
      const value = { byInt32: { [key]: "a" } };
      const expected = toBinary(maps.schema, create(maps.schema, value as never));
      expect(toHex(encode(maps, value)), key).to.equal(toHex(expected));
    }
  });
});

describe("a generated codec gives bytes", () => {
  it("that are copies: what was read may change", () => {
    const bytes = encode(nested, { payload: new Uint8Array([1, 2, 3]) }).slice();
    const { payload } = nested.codec.decode(bytes) as unknown as { payload: Uint8Array };
    bytes.fill(0);
    expect([...payload]).to.deep.equal([1, 2, 3]);
    expect(payload.buffer.byteLength).to.equal(3);
  });

  it("and unknown fields unless they are to be dropped", () => {
    const bytes = fromHex("a00605 0801");
    expect(nested.codec.decode(bytes).$unknown).to.have.length(1);
    expect(nested.codec.decode(bytes, true)).to.not.have.property("$unknown");
    expect(toHex(encode(nested, nested.codec.decode(bytes)))).to.equal("0801a00605");
  });
});

describe("a generated codec keeps", () => {
  const unknown = (count: number): Uint8Array =>
    Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 0x78 : 1));

  it("what a closed enum doesn't have as an unknown field, and not beside others, as protobuf-es", () => {
    const closed = subject("codec.v2.Closed");
    for (const [hex, kept] of [
      ["0863", "0863"],
      ["0863 0862", "0863 0862"],
      ["0863 f87f01", "f87f01"],
    ] as const) {
      const bytes = fromHex(hex);
      const message = closed.codec.decode(bytes);
      expect(difference(message, fromBinary(closed.schema, bytes))).to.equal(undefined);
      expect(toHex(encode(closed, message))).to.equal(toHex(fromHex(kept)));
    }
  });

  it("65,536 unknown fields of a message, and refuses more unless they are dropped", () => {
    expect(nested.codec.decode(unknown(65_536)).$unknown).to.have.length(65_536);
    const more = unknown(65_537);
    expect(() => nested.codec.decode(more)).to.throw(RangeError, "more than 65536 unknown fields at byte 131073");
    expect(nested.codec.decode(more, true)).to.not.have.property("$unknown");
  });

  it("as many of messages within it: they count together", () => {
    const half = unknown(40_000);
    const within = Uint8Array.from([0x12, ...varint(half.length), ...half]);
    expect(nested.codec.decode(within)).to.have.property("left");
    const both = Uint8Array.from([...half, ...within]);
    expect(() => nested.codec.decode(both)).to.throw(RangeError, "more than 65536 unknown fields");
    expect(nested.codec.decode(within)).to.have.property("left");
  });
});

/** `depth` messages within one, by field 2. */
function nestedMessages(depth: number): Uint8Array {
  let bytes: number[] = [];
  for (let i = 0; i < depth; i++) bytes = [0x12, ...varint(bytes.length), ...bytes];
  return Uint8Array.from(bytes);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
