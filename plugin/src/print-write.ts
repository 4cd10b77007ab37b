// SPDX-License-Identifier: Apache-2.0
// The function that writes the fields of a message, one statement after another, in the order of their numbers.
import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import {
  inheritsDefaults,
  isGroup,
  isImplicit,
  isRequired,
  kindOf,
  kindOfScalar,
  type MessageCodec,
  type MessageCodecs,
  packedTagOf,
  propertyOf,
  tagOf,
  tagOfKind,
  targetOf,
  wrappedField,
  zeroOf,
} from "./codec-model.js";

/** Statements of the function's body. `w` is the writer, `m` the message, `x` whether it is one as create() makes them. */
export function writeStatements(codec: MessageCodec, codecs: MessageCodecs): readonly string[] {
  const { message } = codec;
  const typeName = JSON.stringify(message.typeName);
  if (message.fields.length === 0) return [`if (m.$typeName === ${typeName}) wire.writeUnknown(w, m);`];
  const statements = [`const x = wire.isExact(m, ${typeName}, exact);`];
  const fields = [...message.fields].sort((a, b) => a.number - b.number);
  if (fields.some(usesValue)) statements.push("let v;");
  const oneofs = new Map(message.oneofs.map((oneof, index) => [oneof, `o${index}`]));
  const begun = new Set<DescOneof>();
  for (const field of fields) {
    const { oneof } = field;
    if (oneof !== undefined && !begun.has(oneof)) {
      begun.add(oneof);
      statements.push(`const ${oneofs.get(oneof)} = wire.caseOf(${propertyOf(oneof)}, x);`);
    }
    statements.push(...writeField(field, oneof === undefined ? undefined : oneofs.get(oneof), message, codecs));
  }
  statements.push("if (x) wire.writeUnknown(w, m);");
  return statements;
}

function usesValue(field: DescField): boolean {
  return field.oneof === undefined && field.fieldKind !== "list" && field.fieldKind !== "map";
}

function writeField(
  field: DescField,
  oneof: string | undefined,
  message: DescMessage,
  codecs: MessageCodecs,
): readonly string[] {
  if (field.fieldKind === "list") return [writeList(field, codecs)];
  if (field.fieldKind === "map") return [writeMap(field, codecs)];
  if (oneof !== undefined)
    return [`if (${oneof}.case === ${JSON.stringify(field.localName)}) ${writeValue(field, `${oneof}.value`, codecs)}`];
  const condition = isSet(field, message);
  const write = `if (${condition}) ${writeValue(field, "v", codecs)}`;
  return isRequired(field) ? [write, "else throw wire.unset();"] : [write];
}

// Whether the field is to be written, with its value in `v` from then on.
function isSet(field: DescField, message: DescMessage): string {
  const property = propertyOf(field);
  if (isImplicit(field)) return `(v = ${property}) != null ? ${isNotZero(field, "v")} : x`;
  // What every object inherits is no default: such a field is set when it is the message's own.
  if (!inheritsDefaults(message) || property !== targetOf(field))
    return `(v = ${property}) !== undefined && (v !== null || x)`;
  const isOwn = `wire.isSet(m, ${JSON.stringify(field.localName)}, x)`;
  // What was asked for last is what an error names.
  return `${isOwn} && ((v = ${property}), true)`;
}

function isNotZero(field: DescField, value: string): string {
  if (field.fieldKind === "enum") return `${value} !== ${zeroOf(field)}`;
  switch (field.scalar) {
    case ScalarType.STRING:
      return `${value} !== ""`;
    case ScalarType.BOOL:
      return `${value} !== false`;
    case ScalarType.BYTES:
      return `wire.hasBytes(${value}, x)`;
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return `!Object.is(${value}, 0)`; // -0 is something
    default:
      return `${value} != 0`; // 0, 0n and "0"
  }
}

function writeValue(field: DescField, value: string, codecs: MessageCodecs): string {
  const wrapped = wrappedField(field);
  if (wrapped !== undefined) return writeWrapped(field, wrapped, value);
  const rest = restOf(field, codecs);
  const group = isGroup(field) ? `, ${tagOf(field)}` : "";
  return `wire.write${kindOf(field)}(wire.writeTag(w, ${tagOf(field)}), ${value}${rest}${group});`;
}

// What follows the value: whether the message is exact, and the function for the fields of one inside.
function restOf(field: DescField, codecs: MessageCodecs): string {
  if (field.message !== undefined) return `, x, ${codecs.get(field.message)?.write ?? ""}`;
  return field.scalar === ScalarType.BYTES ? ", x" : "";
}

function writeWrapped(field: DescField, wrapped: DescField, value: string): string {
  if (isGroup(field)) {
    const [begin, end] = [`wire.writeTag(w, ${tagOf(field)});`, `wire.writeTag(w, ${tagOf(field) + 1});`];
    return `{ ${begin} if (${isNotZero(wrapped, value)}) ${writeScalar(wrapped, value)} ${end} }`;
  }
  return (
    `{ const at = wire.openLength(wire.writeTag(w, ${tagOf(field)})); ` +
    `if (${isNotZero(wrapped, value)}) ${writeScalar(wrapped, value)} wire.closeLength(w, at); }`
  );
}

function writeScalar(field: DescField, value: string): string {
  const rest = field.scalar === ScalarType.BYTES ? ", x" : "";
  return `wire.write${kindOf(field)}(wire.writeTag(w, ${tagOf(field)}), ${value}${rest});`;
}

function writeList(field: DescField & { readonly fieldKind: "list" }, codecs: MessageCodecs): string {
  const list = propertyOf(field);
  const packedTag = field.packed ? packedTagOf(field) : undefined;
  if (packedTag !== undefined) return `wire.writePacked(w, ${packedTag}, ${list}, x, wire.write${kindOf(field)});`;
  const of = field.message === undefined ? "" : `, ${codecs.get(field.message)?.write ?? ""}`;
  return `wire.writeList(w, ${tagOf(field)}, ${list}, x, wire.write${kindOf(field)}${of});`;
}

/** Keys that are no texts yet: properties' names are. */
const KEY_KINDS = new Set(["Int32", "Uint32", "Sint32", "Fixed32", "Sfixed32", "Bool"]);

function writeMap(field: DescField & { readonly fieldKind: "map" }, codecs: MessageCodecs): string {
  const keyKind = kindOfScalar(field.mapKey);
  const key = `${tagOfKind(1, keyKind)}, wire.write${keyKind}${KEY_KINDS.has(keyKind) ? "Key" : ""}`;
  const of = field.message === undefined ? "" : `, ${codecs.get(field.message)?.write ?? ""}`;
  const value = `${tagOfKind(2, kindOf(field))}, wire.write${kindOf(field)}${of}`;
  return `wire.writeMap(w, ${tagOf(field)}, ${propertyOf(field)}, x, ${key}, ${value});`;
}
