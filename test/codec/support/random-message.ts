// SPDX-License-Identifier: Apache-2.0
// Random messages of any type, as create() takes them; random damage to the bytes of one.

import { create, type DescField, type DescMessage, type MessageInitShape, ScalarType } from "@bufbuild/protobuf";
import { isWrapperDesc } from "@bufbuild/protobuf/wkt";
import type { Random } from "../../support/rng.js";

/** What create() takes for a message of any type. */
export type Init = MessageInitShape<DescMessage>;

const MAX_DEPTH = 3;
const KEYS = ["__proto__", "constructor", "toString", "hasOwnProperty", "", "0", "10", "2", "é", "🚀", "key"];
const INT32 = [0, 1, -1, 127, 128, 16_383, 16_384, 2_097_152, 268_435_456, 2_147_483_647, -2_147_483_648];
const UINT32 = [0, 1, 127, 128, 300, 65_535, 2_147_483_648, 4_294_967_295];
const INT64 = [0n, 1n, -1n, 127n, 128n, -64n, 2n ** 31n, 2n ** 32n, 2n ** 35n, -(2n ** 63n), 2n ** 63n - 1n];
const UINT64 = [0n, 1n, 127n, 2n ** 28n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];
const DOUBLES = [0, -0, 1, 0.1, -2.5, Number.NaN, Infinity, -Infinity, 5e-324, Number.MAX_VALUE];
const FLOATS = [0, -0, 1, 0.5, -2.25, Number.NaN, Infinity, -Infinity, Math.fround(1e-45), Math.fround(3.4e38), 0.1];

/** What may stand where another value is expected: of every type, and what is nearly right. */
const WRONG: readonly (() => unknown)[] = [
  ...[undefined, null, 0, 1, -1, 1.5, -0, Number.NaN, Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, true, false],
  ...[0n, 1n, -1n, 2n ** 63n, 2n ** 64n, "", "0", "-1", "0x10", "1e3", " 7 ", "abc", "\ud800x"],
].map((value) => () => value);
const WRONG_OBJECTS: typeof WRONG = [
  ...[() => [], () => [1], () => [undefined], () => [null], () => [{}], () => [[1]], () => ({}), () => ({ a: 1 })],
  ...[
    () => ({ 1: undefined }),
    () => ({ length: 1, 0: {} }),
    () => ({ length: 2 }),
    () => Object.create(null) as unknown,
  ],
  ...[() => ({ case: "x", value: 1 }), () => ({ case: undefined }), () => ({ $typeName: "google.protobuf.Empty" })],
  ...[() => new Date(5), () => new Map([["a", 1]]), () => new Set([1]), () => () => 1, () => Object(5) as unknown],
  ...[() => new Uint8Array(2), () => Buffer.from("hi"), () => new Uint16Array([300]), () => new BigInt64Array(2)],
];

/** The same with one of its values, at any depth, replaced by whatever it may be. */
export function deface(random: Random, init: Init): Init {
  return defaced(random, init, 0) as Init;
}

function defaced(random: Random, value: unknown, depth: number): unknown {
  const isLeaf = typeof value !== "object" || value === null || ArrayBuffer.isView(value);
  const keys = isLeaf ? [] : Object.keys(value).filter((key) => !key.startsWith("$"));
  if (keys.length === 0 || (depth > 0 && random.oneIn(4)))
    return depth === 0 ? value : random.pick(random.oneIn(2) ? WRONG : WRONG_OBJECTS)();
  const key = random.pick(keys);
  const wrong = defaced(random, (value as Init)[key as never], depth + 1);
  Object.defineProperty(value, key, { value: wrong, enumerable: true, writable: true, configurable: true });
  return value;
}

/** What create() may be given for a message of type `desc`: any fields, some of them messages made by create(). */
export function randomInit(random: Random, desc: DescMessage, depth = 0): Init {
  const init: Record<string, unknown> = {};
  for (const member of desc.members) {
    if (member.kind === "oneof") {
      if (!random.oneIn(3)) init[member.localName] = randomCase(random, random.pick(member.fields), depth);
      else if (random.oneIn(3)) init[member.localName] = { case: undefined };
    } else if (isRequired(member) || random.oneIn(3)) init[member.localName] = randomField(random, member, depth);
    else if (random.oneIn(8)) init[member.localName] = undefined;
  }
  return random.oneIn(4) ? create(desc, init as Init) : (init as Init);
}

function isRequired(field: DescField): boolean {
  return field.presence === 3;
}

function randomCase(random: Random, field: DescField, depth: number): unknown {
  return { case: field.localName, value: randomValue(random, field, depth) };
}

function randomField(random: Random, field: DescField, depth: number): unknown {
  if (field.fieldKind === "list") {
    const length = depth === 0 && random.oneIn(16) ? 40 : random.below(4);
    return Array.from({ length }, () => randomValue(random, field, depth));
  }
  if (field.fieldKind !== "map") return randomValue(random, field, depth);
  const map: Record<string, unknown> = {};
  for (let count = random.below(4); count > 0; count--) {
    const key = String(randomKey(random, field.mapKey));
    const value = randomValue(random, field, depth);
    Object.defineProperty(map, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return map;
}

function randomKey(random: Random, type: ScalarType): unknown {
  return type === ScalarType.STRING ? random.pick(KEYS) : randomScalar(random, type);
}

function randomValue(random: Random, field: DescField, depth: number): unknown {
  const { message } = field;
  if (message === undefined) {
    if (field.enum !== undefined) return randomEnum(random, field.enum);
    return randomScalar(random, field.scalar ?? ScalarType.INT32);
  }
  if (field.fieldKind === "message" && field.oneof === undefined && isWrapperDesc(message))
    return randomScalar(random, message.fields[0]?.scalar ?? ScalarType.INT32);
  if (message.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value")
    return randomObject(random, depth);
  return depth >= MAX_DEPTH ? shallow(random, message, depth) : randomInit(random, message, depth + 1);
}

// Nothing but what must be there, so that recursion ends.
function shallow(random: Random, message: DescMessage, depth: number): Init {
  const required = message.fields.filter(isRequired);
  return Object.fromEntries(required.map((field) => [field.localName, randomValue(random, field, depth)])) as Init;
}

function randomEnum(random: Random, desc: NonNullable<DescField["enum"]>): number {
  if (desc.open && random.oneIn(4)) return random.pick(INT32);
  return random.pick(desc.values).number;
}

function randomObject(random: Random, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (let count = random.below(4); count > 0; count--) {
    const value = randomJson(random, depth + 1);
    Object.defineProperty(object, random.pick(KEYS), { value, enumerable: true, writable: true, configurable: true });
  }
  return object;
}

function randomJson(random: Random, depth: number): unknown {
  const kind = random.below(depth >= MAX_DEPTH ? 4 : 6);
  if (kind === 0) return null;
  if (kind === 1) return random.pick(DOUBLES);
  if (kind === 2) return random.text(8);
  if (kind === 3) return random.oneIn(2);
  if (kind === 4) return Array.from({ length: random.below(3) }, () => randomJson(random, depth + 1));
  return randomObject(random, depth);
}

function randomScalar(random: Random, type: ScalarType): unknown {
  switch (type) {
    case ScalarType.DOUBLE:
      return random.pick(DOUBLES);
    case ScalarType.FLOAT:
      return random.pick(FLOATS);
    case ScalarType.BOOL:
      return random.oneIn(2);
    case ScalarType.STRING:
      return randomText(random);
    case ScalarType.BYTES:
      return randomBytes(random);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return random.oneIn(2) ? random.pick(UINT32) : random.uint32() >>> random.below(32);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return random.oneIn(2) ? random.pick(INT32) : random.uint32() >> random.below(32);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return random.pick(UINT64);
    default:
      return random.pick(INT64);
  }
}

function randomText(random: Random): string {
  if (random.oneIn(4)) return "";
  if (random.oneIn(20)) return "a lone \ud800 surrogate";
  const length = random.pick([1, 4, 8, 31, 32, 33, 41, 42, 43, 44, 127, 128, 300]);
  return random.oneIn(2) ? random.text(length) : "abcdefghijklmnopqrstuvwxyz".repeat(12).slice(0, length);
}

function randomBytes(random: Random): Uint8Array {
  return random.bytes(random.oneIn(40) ? random.pick([4095, 4096, 5000]) : random.pick([0, 1, 3, 24, 25, 60]));
}

/** `bytes` with random damage: bytes changed, cut off, repeated or put in, varints prolonged. */
export function mutate(random: Random, bytes: Uint8Array): Uint8Array {
  let mutated = Array.from(bytes);
  for (let count = random.between(1, 3); count > 0; count--) {
    const at = random.below(mutated.length + 1);
    switch (random.below(6)) {
      case 0:
        mutated[Math.min(at, Math.max(0, mutated.length - 1))] = random.below(256);
        break;
      case 1:
        mutated = mutated.slice(0, at);
        break;
      case 2:
        mutated.splice(at, 0, ...random.bytes(random.between(1, 4)));
        break;
      case 3:
        mutated.splice(at, random.between(1, 4));
        break;
      case 4:
        mutated.splice(at, 0, ...mutated.slice(at, at + random.between(1, 40)));
        break;
      default:
        if (at < mutated.length) {
          const long = Array.from({ length: random.below(10) }, () => 0x80);
          mutated.splice(at, 1, (mutated[at] ?? 0) | 0x80, ...long, random.below(3));
        }
    }
  }
  return Uint8Array.from(mutated);
}
