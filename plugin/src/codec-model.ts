// SPDX-License-Identifier: Apache-2.0
// Which messages get a codec, what it is called, and how each of their fields stands in JavaScript and on the wire.
import { type DescField, type DescFile, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { Edition, FeatureSet_FieldPresence, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { messageNames } from "./message-names.js";

/** A message and what is declared for it in the file of codecs. */
export interface MessageCodec {
  readonly message: DescMessage;
  /** `OrderCodec` */
  readonly constant: string;
  /** `writeOrder` */
  readonly write: string;
  /** `readOrder` */
  readonly read: string;
  /** `defaultsOfOrder`: what messages inherit, where protobuf-es tells by inheritance what is set. */
  readonly defaults: string;
}

/** The codecs of a file's messages, in the order in which its services reach them. */
export type MessageCodecs = ReadonlyMap<DescMessage, MessageCodec>;

/** Names and numbers codecs for all messages that the services of `file` send, and all that these hold. */
export function nameCodecs(file: DescFile, taken: Set<string>): MessageCodecs {
  const codecs = new Map<DescMessage, MessageCodec>();
  for (const message of reachableMessages(file)) {
    const { shape } = messageNames(message);
    for (let attempt = 0; ; attempt++) {
      const suffix = attempt === 0 ? "" : `$${attempt}`;
      const codec = {
        message,
        constant: `${shape}Codec${suffix}`,
        write: `write${shape}${suffix}`,
        read: `read${shape}${suffix}`,
        defaults: `defaultsOf${shape}${suffix}`,
      };
      const names = [codec.constant, codec.write, codec.read, codec.defaults];
      if (names.some((name) => taken.has(name))) continue;
      for (const name of names) taken.add(name);
      codecs.set(message, codec);
      break;
    }
  }
  return codecs;
}

function reachableMessages(file: DescFile): Iterable<DescMessage> {
  const reached = new Set<DescMessage>();
  const waiting = file.services.flatMap(({ methods }) => methods.flatMap(({ input, output }) => [input, output]));
  for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
    if (reached.has(message)) continue;
    reached.add(message);
    for (const field of message.fields) {
      const { message: held } = field;
      if (held !== undefined && wrappedField(field) === undefined) waiting.push(held);
    }
  }
  return reached;
}

/** Whether messages inherit the defaults of fields that aren't set, so that what is their own is set: protobuf-es's
 *  rule for proto2, and in editions for messages with a number, text or the like of explicit presence. */
export function inheritsDefaults({ file, fields }: DescMessage): boolean {
  if (file.edition === Edition.EDITION_PROTO3) return false;
  if (file.edition === Edition.EDITION_PROTO2) return true;
  return fields.some((field) => !isImplicit(field) && field.fieldKind !== "message" && field.oneof === undefined);
}

/** Whether a field that holds its zero value is none. */
export function isImplicit({ presence }: DescField): boolean {
  return presence === FeatureSet_FieldPresence.IMPLICIT;
}

/** Whether a message without the field can't be sent. */
export function isRequired({ presence }: DescField): boolean {
  return presence === FeatureSet_FieldPresence.LEGACY_REQUIRED;
}

/** The field inside a wrapper message (google.protobuf.StringValue and the like) of which `field` holds the value alone. */
export function wrappedField(field: DescField): DescField | undefined {
  if (field.fieldKind !== "message" || field.oneof !== undefined || !isWrapperDesc(field.message)) return undefined;
  return field.message.fields[0];
}

/** Whether the field holds plain JSON for messages google.protobuf.Struct. */
export function isJson(field: DescField): boolean {
  return field.message?.typeName === "google.protobuf.Struct" && field.parent.typeName !== "google.protobuf.Value";
}

/** The kind of one value of a field, as the names of the runtime's functions have it: `Int32`, `String`, `Message`. */
export function kindOf(field: DescField): string {
  if (field.message !== undefined) return isJson(field) ? "Json" : isGroup(field) ? "Group" : "Message";
  return field.enum !== undefined ? "Int32" : kindOfScalar(field.scalar ?? ScalarType.INT32);
}

/** `Int32`, `String`, … */
export function kindOfScalar(scalar: ScalarType): string {
  const name = ScalarType[scalar];
  return name.charAt(0) + name.slice(1).toLowerCase();
}

/** Whether the field's messages stand between two tags instead of behind a length. */
export function isGroup(field: DescField): boolean {
  return "delimitedEncoding" in field && field.delimitedEncoding;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const GROUP = 3;
const FIXED32 = 5;

/** The tag of one value of the field: its number and its wire type. */
export function tagOf(field: DescField): number {
  return tag(field.number, isGroup(field) ? GROUP : field.fieldKind === "map" ? BYTES : wireTypeOf(kindOf(field)));
}

/** The tag of a list in one piece; undefined where there can't be one. */
export function packedTagOf(field: DescField): number | undefined {
  const packable = field.fieldKind === "list" && field.message === undefined && wireTypeOf(kindOf(field)) !== BYTES;
  return packable ? tag(field.number, BYTES) : undefined;
}

/** The tag of field `number` that holds a value of `kind`. */
export function tagOfKind(number: number, kind: string): number {
  return tag(number, wireTypeOf(kind));
}

function tag(number: number, wireType: number): number {
  return ((number << 3) | wireType) >>> 0;
}

function wireTypeOf(kind: string): number {
  switch (kind) {
    case "String":
    case "Bytes":
    case "Message":
    case "Json":
      return BYTES;
    case "Double":
    case "Fixed64":
    case "Sfixed64":
      return FIXED64;
    case "Float":
    case "Fixed32":
    case "Sfixed32":
      return FIXED32;
    default:
      return VARINT;
  }
}

/** The value that a field has when it isn't set, as JavaScript. */
export function zeroOf(field: DescField): string {
  if (field.fieldKind !== "scalar" && field.fieldKind !== "enum") return "undefined";
  const value = field.getDefaultValue();
  if (value !== undefined) return literal(field.fieldKind === "scalar" && field.longAsString ? String(value) : value);
  if (field.fieldKind === "enum") return literal(field.enum.values[0]?.number ?? 0);
  return zeroOfScalar(field.scalar, field.longAsString);
}

/** What a file of codecs calls 0n. TypeScript takes such a literal from ES2020 on, and Next.js, say, is content with ES2017. */
export const ZERO_64 = "$zero";

/** The zero value of a kind of scalar, as JavaScript. */
export function zeroOfScalar(scalar: ScalarType, longAsString = false): string {
  switch (kindOfScalar(scalar)) {
    case "String":
      return '""';
    case "Bool":
      return "false";
    case "Bytes":
      return "new Uint8Array(0)";
    case "Int64":
    case "Uint64":
    case "Sint64":
    case "Fixed64":
    case "Sfixed64":
      return longAsString ? '"0"' : ZERO_64;
    default:
      return "0";
  }
}

function literal(value: string | number | bigint | boolean | Uint8Array): string {
  if (typeof value === "bigint") return value === 0n ? ZERO_64 : `BigInt("${value}")`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof Uint8Array) return `new Uint8Array([${value.join(", ")}])`;
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Properties that every object inherits: asking for one of these must not find it. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** The property of message `m` that holds a field or a oneof. */
export function propertyOf(member: DescField | DescOneof): string {
  const { localName } = member;
  return INHERITED.has(localName) ? `wire.own(m, ${JSON.stringify(localName)})` : targetOf(member);
}

/** The same, to be set. */
export function targetOf({ localName }: DescField | DescOneof): string {
  return isIdentifier(localName) ? `m.${localName}` : `m[${JSON.stringify(localName)}]`;
}

/** The property in an object literal. */
export function literalProperty({ localName }: DescField | DescOneof, value: string): string {
  return `${isIdentifier(localName) ? localName : JSON.stringify(localName)}: ${value}`;
}

// A field's name may begin with a digit in JavaScript: `_1st` is `1st`.
function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$]/.test(name);
}
