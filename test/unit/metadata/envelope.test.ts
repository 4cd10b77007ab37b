// SPDX-License-Identifier: Apache-2.0
// The Envelope codec against the .proto, as protobuf-es reads it, and against hostile bytes.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { create, createFileRegistry, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import {
  type Envelope,
  type ErrorDetail,
  encodeEnvelope,
  envelopeBytes,
  type Header,
  writeEnvelope,
} from "../../../runtime/src/metadata/envelope.js";
import { decodeEnvelope } from "../../../runtime/src/metadata/envelope-reader.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { bytesOf, hex, hexOf, textHex } from "../../support/frames-dsl.js";
import { Random } from "../../support/rng.js";
import { cuts, thrownBy } from "./support.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const VECTORS: [hex: string, envelope: Envelope][] = [
  ["", {}],
  [hex`0a020801`, { hello: { version: 1 } }],
  [hex`0a00`, { hello: { version: 0 } }],
  [hex`0a07 0801 1002 1a0161`, { hello: { version: 1, features: 2, agent: "a" } }],
  [hex`1000`, { timeoutMs: 0 }],
  [hex`10d00f`, { timeoutMs: 2_000 }],
  [hex`10ffffffff0f`, { timeoutMs: 0xffffffff }],
  [hex`1801`, { noMessage: true }],
  [hex`2200`, { headers: [{ key: "", value: new Uint8Array(0) }] }],
  [
    hex`22 0d 0a06 782d75736572 1203 616e6e  22 0f 0a08 782d69642d62696e 1203 ababab`,
    {
      headers: [
        { key: "x-user", value: bytesOf(textHex("ann")) },
        { key: "x-id-bin", value: bytesOf("ababab") },
      ],
    },
  ],
  [hex`2a 0b 0a06 782d636f7374 1201 33`, { trailers: [{ key: "x-cost", value: bytesOf("33") }] }],
  [hex`3200`, { status: { code: 0, message: "", details: [] } }],
  [hex`32 0b 08 ffffffffffffffffff01`, { status: { code: -1, message: "", details: [] } }],
  [hex`32 0b 08 80808080f8ffffffff01`, { status: { code: -0x80000000, message: "", details: [] } }],
  [
    hex`32 3c 0805 12 0e ${textHex("no symbol NONE")} 1a 28 0a 20 ${textHex("type.googleapis.com/demo.v1.Line")} 12 04 0a026869`,
    {
      status: {
        code: 5,
        message: "no symbol NONE",
        details: [{ typeUrl: "type.googleapis.com/demo.v1.Line", value: bytesOf("0a026869") }],
      },
    },
  ],
];

describe("the Envelope", () => {
  for (const [bytes, envelope] of VECTORS) {
    it(`is written and read as ${bytes === "" ? "nothing at all" : bytes}`, () => {
      expect(hexOf(encodeEnvelope(envelope))).to.equal(bytes);
      expect(decodeEnvelope(bytesOf(bytes))).to.deep.equal(envelope);
    });
  }

  it("is written in the order of field numbers, with defaults left out, into the bytes it is given", () => {
    const status = { code: 0, message: "", details: [] };
    const envelope: Envelope = {
      status,
      trailers: [],
      headers: [],
      noMessage: false,
      timeoutMs: 1,
      hello: { version: 0, features: 0, agent: "" },
    };
    const target = new Uint8Array(envelopeBytes(envelope) + 2);
    expect(writeEnvelope(envelope, target, 1)).to.equal(target.length - 1);
    expect(hexOf(target)).to.equal("00 0a00 1001 3200 00".replaceAll(" ", ""));
    expect(
      hexOf(encodeEnvelope({ hello: undefined, timeoutMs: undefined, noMessage: undefined, status: undefined })),
    ).to.equal("");
  });

  it("refuses numbers that its fields can't hold", () => {
    for (const timeoutMs of [-1, 1.5, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => encodeEnvelope({ timeoutMs }), String(timeoutMs)).to.throw(RangeError, `timeoutMs is ${timeoutMs}`);
    }
    expect(() => encodeEnvelope({ hello: { version: -1 } })).to.throw(RangeError, "hello.version is -1");
    expect(() => encodeEnvelope({ hello: { version: 1, features: 0.5 } })).to.throw(
      RangeError,
      "hello.features is 0.5",
    );
    expect(() => encodeEnvelope({ status: { code: 2 ** 31, message: "", details: [] } })).to.throw(
      RangeError,
      "status.code",
    );
  });

  it("reads only the range that it is given", () => {
    expect(decodeEnvelope(bytesOf("ffff1005ff"), 2, 4)).to.deep.equal({ timeoutMs: 5 });
  });
});

describe("reading an Envelope", () => {
  const read = (digits: string): Envelope => decodeEnvelope(bytesOf(digits.replace(/\s+/g, "")));

  it("takes fields in any order, and the last of a scalar", () => {
    expect(read("1801 1005 1006 1800")).to.deep.equal({ timeoutMs: 6, noMessage: false });
    expect(read("22 06 1201ff 0a0161 22 06 0a0161 0a0162")).to.deep.equal({
      headers: [
        { key: "a", value: bytesOf("ff") },
        { key: "b", value: new Uint8Array(0) },
      ],
    });
  });

  it("merges a message that comes twice", () => {
    expect(read("0a04 0801 1002  0a05 0803 1a0161")).to.deep.equal({ hello: { version: 3, features: 2, agent: "a" } });
    expect(read("32 07 0805 120161 1a00  32 05 120162 1a00")).to.deep.equal({
      status: {
        code: 5,
        message: "b",
        details: [
          { typeUrl: "", value: new Uint8Array(0) },
          { typeUrl: "", value: new Uint8Array(0) },
        ],
      },
    });
  });

  it("skips unknown fields of every wire type, groups included, in every message", () => {
    const unknown = hex`
      3805                   // 7 varint
      f80fff01               // 255 varint
      39 0102030405060708    // 7, 64 bits
      3d 01020304            // 7, 32 bits
      3a 03 010203           // 7, bytes
      3b 0801 43 44 3c       // 7, a group with a field and group 8 in it
      fa ffff ff0f 00        // 2^29 - 1, no bytes
    `;
    expect(read(`${unknown}1005${unknown}`)).to.deep.equal({ timeoutMs: 5 });
    const inMessage = (tag: string, content: string): string => {
      const body = content + unknown;
      return `${tag}${(body.length / 2).toString(16).padStart(2, "0")}${body}`;
    };
    expect(read(inMessage("0a", "0801"))).to.deep.equal({ hello: { version: 1 } });
    expect(read(inMessage("22", "0a0161"))).to.deep.equal({ headers: [{ key: "a", value: new Uint8Array(0) }] });
    expect(read(inMessage("32", "0805"))).to.deep.equal({ status: { code: 5, message: "", details: [] } });
  });

  it("takes the low 32 bits of a longer number, and any bit of a bool", () => {
    expect(read("10 8180808010")).to.deep.equal({ timeoutMs: 1 });
    expect(read("10 ffffffffffffffffff01")).to.deep.equal({ timeoutMs: 0xffffffff });
    expect(read("18 80808080808080808001")).to.deep.equal({ noMessage: true });
    expect(read("18 8000")).to.deep.equal({ noMessage: false });
    expect(read("10 8500")).to.deep.equal({ timeoutMs: 5 });
  });

  it("refuses what no reader could understand", () => {
    const bad: [what: string, digits: string][] = [
      ["field number 0", "0005"],
      ["wire type 6", "3e"],
      ["wire type 7", "3f"],
      ["a tag above 32 bits", "ffffffff1f00"],
      ["a tag of six bytes", "88808080800000"],
      ["a number of eleven bytes", "10ffffffffffffffffffff01"],
      ["a bool of eleven bytes", "18ffffffffffffffffffff01"],
      ["an unknown number of eleven bytes", "38ffffffffffffffffffff01"],
      ["hello as a number", "0801"],
      ["timeout_ms as bytes", "120101"],
      ["timeout_ms as 32 bits", "1501000000"],
      ["no_message as bytes", "1a0101"],
      ["a header as a number", "2001"],
      ["a key as a number", "22020801"],
      ["a value as 64 bits", "2209110102030405060708"],
      ["a status as a group", "3334"],
      ["status.code as bytes", "32030a0101"],
      ["a detail as a number", "32021801"],
      ["a type_url that isn't UTF-8", "32051a030a01ff"],
      ["a message that isn't UTF-8", "32031201ff"],
      ["a key that isn't UTF-8", "22030a01ff"],
      ["a length beyond the end", "0a020801".slice(0, 6)],
      ["a length beyond the message around it", "22030a02616161"],
      ["a length of 2^32 - 1", "0affffffff0f"],
      ["a length of six bytes", "0a808080808000"],
      ["64 bits cut off", "3901020304050607"],
      ["32 bits cut off", "3d010203"],
      ["a group without end", "3b0801"],
      ["an end without a group", "3c"],
      ["the end of another group", "3b44"],
    ];
    for (const [what, digits] of bad) {
      expect(
        thrownBy(() => decodeEnvelope(bytesOf(digits))),
        what,
      ).to.be.instanceOf(MetadataFormatError);
    }
  });

  it("says which field is bad, where, and what was expected", () => {
    expect(() => read("1005 1a0101")).to.throw("Envelope field 3: wire type 2 at byte 2, expected 0");
    expect(() => read("22020801")).to.throw("Header field 1: wire type 0 at byte 2, expected 2");
    expect(() => read("0a0508")).to.throw(
      "Envelope field 1: 5 bytes announced, 1 left at byte 0, expected no more than are left",
    );
  });

  it("refuses groups nested deeper than 100, however deep, and reads 100", () => {
    const nested = (depth: number): string => "3b".repeat(depth) + "3c".repeat(depth);
    expect(read(nested(100))).to.deep.equal({});
    expect(() => read(nested(101))).to.throw(MetadataFormatError, "at most 100");
    expect(() => read(nested(100_000))).to.throw(MetadataFormatError, "at most 100");
  });

  it("refuses 129 headers or trailers, and details without end", () => {
    expect(read("2200".repeat(128) + "2a00".repeat(128)).headers?.length).to.equal(128);
    expect(() => read("2200".repeat(129))).to.throw(MetadataFormatError, "at most 128");
    expect(() => read("2a00".repeat(129))).to.throw(MetadataFormatError, "at most 128");
    expect(() => read(`32021a00`.repeat(8_193))).to.throw(MetadataFormatError, "at most 8192");
  });

  it("takes no longer for a message that comes 100,000 times", () => {
    const details = "32021a00".repeat(8_000);
    const envelope = read(details + "3200".repeat(100_000));
    expect(envelope.status?.details.length).to.equal(8_000);
  }).timeout(2_000);

  it("refuses or reads every cut, never a byte beyond it", () => {
    for (const [digits] of VECTORS) {
      for (const { bytes, end } of cuts(bytesOf(digits))) {
        const error = thrownBy(() => decodeEnvelope(bytes, 0, end));
        if (error !== undefined) expect(error, `${digits} at ${end}`).to.be.instanceOf(MetadataFormatError);
        // What stands behind the range has no say.
        const alone = thrownBy(() => decodeEnvelope(bytes.slice(0, end)));
        expect((error as Error | undefined)?.message, `${digits} at ${end}`).to.equal(
          (alone as Error | undefined)?.message,
        );
      }
    }
  });

  it("treats hostile keys as keys", () => {
    const envelope = read(`22 0b 0a 09 ${textHex("__proto__")}`);
    expect(envelope.headers).to.deep.equal([{ key: "__proto__", value: new Uint8Array(0) }]);
    expect(Object.getPrototypeOf(envelope)).to.equal(Object.prototype);
  });
});

describe("the Envelope and protobuf-es", () => {
  let schema: DescMessage;

  before(() => {
    const image = execFileSync("node_modules/.bin/buf", ["build", "proto", "-o", "-"], {
      cwd: ROOT,
      maxBuffer: 1 << 26,
    });
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
    const found = registry.getMessage("rsocket.rpc.v1.Envelope");
    if (found === undefined) throw new Error("no rsocket.rpc.v1.Envelope in proto/");
    schema = found;
  });

  it("write the same bytes and read each other's, for 1,000 random Envelopes", () => {
    const random = new Random();
    for (let i = 0; i < 1_000; i++) {
      const envelope = randomEnvelope(random);
      const message = `seed ${random.seed}, Envelope ${i}`;
      const ours = encodeEnvelope(envelope);
      const theirs = toBinary(schema, create(schema, initOf(envelope)));
      expect(hexOf(ours), message).to.equal(hexOf(theirs));
      expect(initOf(decodeEnvelope(theirs)), message).to.deep.equal(initOf(envelope));
    }
  }).timeout(10_000);

  it("agree on 5,000 mutations: what we read they read the same, all else is refused by its type of error", () => {
    const random = new Random();
    let read = 0;
    for (let i = 0; i < 5_000; i++) {
      const bytes = mutate(random, encodeEnvelope(randomEnvelope(random)));
      const message = `seed ${random.seed}, mutation ${i}: ${hexOf(bytes)}`;
      const ours = attempt(() => decodeEnvelope(bytes));
      if (!(ours instanceof Error)) {
        const theirs = attempt(() => fromBinary(schema, bytes, { readUnknownFields: false }));
        if (theirs instanceof Error) expect.fail(`they refuse it: ${theirs.message}; ${message}`);
        expect(hexOf(encodeEnvelope(ours)), message).to.equal(hexOf(toBinary(schema, theirs)));
        read++;
        continue;
      }
      // They refuse less: a field may end behind the message it is in, or have another wire type.
      expect(ours, message).to.be.instanceOf(MetadataFormatError);
    }
    expect(read, `seed ${random.seed}`).to.be.above(500);
  }).timeout(10_000);
});

function attempt<T>(action: () => T): T | Error {
  try {
    return action();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function randomEnvelope(random: Random): Envelope {
  const text = (): string => (random.oneIn(3) ? "" : random.text(random.oneIn(10) ? 300 : 12));
  const bytes = (): Uint8Array => random.bytes(random.below(random.oneIn(20) ? 20_001 : 13));
  const number = (): number =>
    random.pick([
      0,
      1,
      127,
      128,
      16_383,
      16_384,
      0x1fffff,
      0x200000,
      0xfffffff,
      0x10000000,
      0xffffffff,
      random.uint32(),
    ]);
  const headers = (): Header[] => Array.from({ length: random.below(4) }, () => ({ key: text(), value: bytes() }));
  const details = (): ErrorDetail[] =>
    Array.from({ length: random.below(3) }, () => ({ typeUrl: text(), value: bytes() }));
  return {
    ...(random.oneIn(3) ? { hello: { version: number(), features: number(), agent: text() } } : {}),
    ...(random.oneIn(2) ? { timeoutMs: number() } : {}),
    ...(random.oneIn(3) ? { noMessage: random.oneIn(2) } : {}),
    ...(random.oneIn(2) ? { headers: headers() } : {}),
    ...(random.oneIn(3) ? { trailers: headers() } : {}),
    ...(random.oneIn(3) ? { status: { code: number() | 0, message: text(), details: details() } } : {}),
  };
}

/** An Envelope as protobuf-es takes it, with nothing absent that has a default. */
function initOf({
  hello,
  timeoutMs,
  noMessage = false,
  headers = [],
  trailers = [],
  status,
}: Envelope): Message & Record<string, unknown> {
  return {
    ...(hello === undefined
      ? {}
      : { hello: { version: hello.version, features: hello.features ?? 0, agent: hello.agent ?? "" } }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    noMessage,
    headers,
    trailers,
    ...(status === undefined ? {} : { status }),
  } as unknown as Message & Record<string, unknown>; // the schema is only known at run time
}

function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  let mutant = bytes.slice(0, 200);
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(mutant.length + 1);
    if (random.oneIn(3)) mutant = mutant.slice(0, at);
    else if (random.oneIn(2))
      mutant = Uint8Array.from([...mutant.subarray(0, at), ...random.bytes(random.below(5)), ...mutant.subarray(at)]);
    else if (at < mutant.length) mutant[at] = random.below(256);
  }
  return mutant;
}
