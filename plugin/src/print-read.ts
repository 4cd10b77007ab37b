// SPDX-License-Identifier: Apache-2.0
// The function that reads the fields of a message: a new one as protobuf-es's create() makes it, then a case for each tag.
import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import {
  inheritsDefaults,
  isGroup,
  isImplicit,
  kindOf,
  kindOfScalar,
  literalProperty,
  type MessageCodec,
  type MessageCodecs,
  packedTagOf,
  propertyOf,
  tagOf,
  tagOfKind,
  targetOf,
  wrappedField,
  zeroOf,
  zeroOfScalar,
} from "./codec-model.js";
import type { Options } from "./options.js";

/** A message of which no field is set, as JavaScript: the properties that protobuf-es gives it, in its order. */
export function newMessage({ message, defaults }: MessageCodec): string {
  const properties = message.members.flatMap((member) => {
    const value = initialValue(member);
    return value === undefined ? [] : [literalProperty(member, value)];
  });
  const prototype = inheritsDefaults(message) ? [`__proto__: ${defaults}`] : [];
  return `{ ${[...prototype, `$typeName: ${JSON.stringify(message.typeName)}`, ...properties].join(", ")} }`;
}

function initialValue(member: DescField | DescOneof): string | undefined {
  if (member.kind === "oneof") return "{ case: undefined }";
  if (member.fieldKind === "list") return "[]";
  if (member.fieldKind === "map") return "{}";
  if (isEmptyBytes(member)) return "undefined";
  return member.fieldKind !== "message" && isImplicit(member) ? zeroOf(member) : undefined;
}

// An array that another takes the place of, as in most messages, would cost as much as all the rest of a small one.
function isEmptyBytes(member: DescField | DescOneof): boolean {
  return member.kind === "field" && member.fieldKind === "scalar" && isImplicit(member) && kindOf(member) === "Bytes";
}

/** What is made when all fields are read: the empty bytes of those that weren't there. */
export function readDefaults({ message }: MessageCodec): readonly string[] {
  return message.fields.filter(isEmptyBytes).map((field) => {
    const property = targetOf(field);
    return `if (${property} === undefined) ${property} = ${zeroOf(field)};`;
  });
}

/** What messages of this type inherit, as JavaScript. */
export function inheritedDefaults({ members }: DescMessage): string {
  const properties = members.flatMap((member) =>
    member.kind === "field" && (member.fieldKind === "scalar" || member.fieldKind === "enum")
      ? [literalProperty(member, pure(zeroOf(member)))]
      : [],
  );
  return properties.length === 0 ? "{}" : `{ ${properties.join(", ")} }`;
}

// A bundler keeps what a call is part of, unless it is told that the call does nothing else.
function pure(value: string): string {
  return /^(?:new|BigInt)\b/.test(value) ? `/*@__PURE__*/ ${value}` : value;
}

/** The cases of the switch over tags. `r` is the reader, `m` the message. */
export function readCases({ message }: MessageCodec, codecs: MessageCodecs, options: Options): readonly string[] {
  return message.fields.flatMap((field) => {
    const packedTag = packedTagOf(field);
    const cases = [`case ${tagOf(field)}: ${readField(field, codecs, options)} break;`];
    if (packedTag !== undefined)
      cases.push(`case ${packedTag}: wire.readPacked(r, ${targetOf(field)}, ${readerOf(field, options)}); break;`);
    return cases;
  });
}

function readField(field: DescField, codecs: MessageCodecs, options: Options): string {
  const property = targetOf(field);
  if (field.fieldKind === "list") return `${property}.push(${readValue(field, "undefined", codecs, options)});`;
  if (field.fieldKind === "map") return readEntry(field, codecs, options);
  if (field.fieldKind === "enum" && !field.enum.open) return readClosedEnum(field);
  return setField(field, readValue(field, begun(field), codecs, options));
}

function setField(field: DescField, value: string): string {
  const { localName, oneof } = field;
  if (oneof === undefined) return `${targetOf(field)} = ${value};`;
  return `${targetOf(oneof)} = { case: ${JSON.stringify(localName)}, value: ${value} };`;
}

// What a message field holds already: it is added to.
function begun(field: DescField): string {
  const { localName, oneof } = field;
  if (oneof === undefined) return propertyOf(field);
  return `${targetOf(oneof)}.case === ${JSON.stringify(localName)} ? ${targetOf(oneof)}.value : undefined`;
}

function readClosedEnum(field: DescField & { readonly fieldKind: "enum" }): string {
  const values = [...new Set(field.enum.values.map(({ number }) => number))];
  return (
    `v = wire.readInt32(r); if (${JSON.stringify(values)}.includes(v)) ${setField(field, "v")} ` +
    `else wire.keepUnknownValue(r, m, ${tagOf(field)}, v);`
  );
}

/** Whether the cases of a message need the variable `v`. */
export function hasClosedEnum({ fields }: DescMessage): boolean {
  return fields.some((field) => field.fieldKind === "enum" && !field.enum.open);
}

function readValue(field: DescField, held: string, codecs: MessageCodecs, options: Options): string {
  const wrapped = wrappedField(field);
  if (wrapped !== undefined) {
    const zero = wrapped.scalar === undefined ? "undefined" : zeroOfScalar(wrapped.scalar);
    const group = isGroup(field) ? `, ${field.number}` : "";
    return `wire.readWrapped(r, ${tagOf(wrapped)}, ${functionOf(wrapped, options)}, ${held} ?? ${zero}${group})`;
  }
  if (field.message === undefined) return scalarOf(field, options);
  const read = codecs.get(field.message)?.read ?? "";
  if (kindOf(field) === "Json" && isGroup(field)) return `wire.readJson(r, ${read}, ${held}, ${field.number})`;
  const rest = held === "undefined" ? "" : `, ${held}`;
  if (kindOf(field) === "Group") return `wire.readGroup(r, ${field.number}, ${read}${rest})`;
  return `wire.read${kindOf(field)}(r, ${read}${rest})`;
}

function isLongAsString(field: DescField): boolean {
  return (
    (field.fieldKind === "scalar" || (field.fieldKind === "list" && field.listKind === "scalar")) && field.longAsString
  );
}

function scalarOf(field: DescField, options: Options): string {
  const call = `${functionOf(field, options)}(r)`;
  return isLongAsString(field) ? `String(${call})` : call;
}

// The function that reads an item of a list.
function readerOf(field: DescField, options: Options): string {
  return isLongAsString(field) ? `() => ${scalarOf(field, options)}` : functionOf(field, options);
}

function functionOf(field: DescField, options: Options): string {
  const kind = kindOf(field);
  if (kind === "Bytes") return bytesReader(options);
  if (kind === "String") return stringReader(field);
  return `wire.read${kind}`;
}

function bytesReader({ bytesFields }: Options): string {
  return bytesFields === "view" ? "wire.readBytesView" : "wire.readBytes";
}

function stringReader(field: DescField): string {
  return "utf8Validation" in field && field.utf8Validation ? "wire.readString" : "wire.readLooseString";
}

function readEntry(field: DescField & { readonly fieldKind: "map" }, codecs: MessageCodecs, options: Options): string {
  const keyKind = kindOfScalar(field.mapKey);
  const keyReader = keyKind === "String" ? stringReader(field) : `wire.read${keyKind}`;
  const zeroKey = keyKind === "String" ? '""' : keyKind === "Bool" ? '"false"' : '"0"';
  const key = `${tagOfKind(1, keyKind)}, ${keyReader}, ${zeroKey}`;
  const valueTag = tagOfKind(2, kindOf(field));
  return `wire.readEntry(r, ${targetOf(field)}, ${key}, ${valueTag}, ${entryValue(field, codecs, options)});`;
}

// The function that reads an entry's value, and what stands for a value that the entry doesn't say.
function entryValue(field: DescField & { readonly fieldKind: "map" }, codecs: MessageCodecs, options: Options): string {
  if (field.message !== undefined) {
    const read = codecs.get(field.message)?.read ?? "";
    return kindOf(field) === "Json" ? `wire.readJson, wire.noEntries, ${read}` : `wire.readMessage, ${read}, ${read}`;
  }
  if (field.enum !== undefined) return `wire.readInt32, ${field.enum.values[0]?.number ?? 0}`;
  const zero = field.scalar === ScalarType.BYTES ? "wire.noBytes" : zeroOfScalar(field.scalar ?? ScalarType.INT32);
  return `${functionOf(field, options)}, ${zero}`;
}
