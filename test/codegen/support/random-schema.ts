// SPDX-License-Identifier: Apache-2.0
// Random schemas, the same for the same seed: names, nesting, options, cardinalities, syntaxes.
import type { Protos } from "./workspace.js";

/** Names that mean something to JavaScript, to TypeScript, to generated code or to each other. */
const NAMES = (
  "Get get_all List URL A a B AB Ab_C A_B_C Foo FooSchema Foo_Bar Name Client Handler Do then catch async constructor toString " +
  "valueOf toJSON prototype delete new class default export import type interface enum let static yield void null " +
  "Promise Symbol Object Array Map Error Record Partial Uint8Array AsyncIterable AbortSignal Generation1 Method Input Source " +
  "Channel CallOptions CallContext BoundService Message GenMessage fileDesc messageDesc callUnary handleUnary method messageCodec unimplemented " +
  "serviceHandler create implement request requests context options handler channel string number object Empty X_ _x x1"
).split(" ");
/** protoc-gen-es would declare messages and services of these names, which no module can. */
const METHOD_NAMES = [...NAMES, "await", "arguments", "undefined", "any"];
const WELL_KNOWN = (
  "Any Duration Empty FieldMask Struct Value ListValue Timestamp DoubleValue FloatValue Int64Value UInt64Value Int32Value " +
  "UInt32Value BoolValue StringValue BytesValue"
).split(" ");
/** Files that declare those. */
const WELL_KNOWN_FILES = "any duration empty field_mask struct timestamp wrappers".split(" ");
/** What a field may be when it isn't set, by the end of its type. */
const DEFAULTS: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^(?:double|float)$/, ["inf", "-inf", "nan", "-0.0", "1.5"]],
  [/^(?:u|fixed)/, ["0", "4294967295"]],
  [/int|fixed/, ["-2147483648", "0", "7"]],
  [/bool/, ["true", "false"]],
  [/string/, [`"$zero \\"quoted\\" \\302\\251"`, `""`]],
  [/bytes/, [`"\\377\\000"`, `""`]],
];
const PACKAGES = ["delete", "v1", "type", "google", "Foo", "a_b", "import"];
const SCALARS =
  "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes".split(" ");
const KEYS = SCALARS.filter((type) => !/double|float|bytes/.test(type));
const COMMENTS = [
  "A comment.",
  "*/ throw 1; /*",
  "@ts-expect-error",
  "@internal",
  "<script>",
  "`$" + "{1}`\\n",
  "@deprecated",
  "# Grüße 🎈",
];
const SYNTAXES = [`syntax = "proto2";`, `syntax = "proto3";`, `edition = "2023";`, `edition = "2024";`] as const;

/** Edition 2024 would keep to its own style and hide nested messages. */
const FREEDOM = `option features.enforce_naming_style = STYLE_LEGACY;
option features.default_symbol_visibility = EXPORT_ALL;
`;

/** Names that are free in a scope; protobuf and protoc-gen-es tell few apart by case or underscores. */
class Scope {
  private readonly used = new Set<string>();
  private readonly random: Random;
  private readonly names: readonly string[];

  constructor(random: Random, names: readonly string[] = NAMES) {
    this.random = random;
    this.names = names;
  }

  take(): string {
    const name = this.random.pick(this.names);
    for (let count = 0; ; count++) {
      const candidate = count === 0 ? name : `${name}${count}`;
      const key = candidate.toLowerCase().replaceAll("_", "");
      if (this.used.has(key)) continue;
      this.used.add(key);
      return candidate;
    }
  }
}

/** Numbers from a seed (mulberry32). */
class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed * 0x9e3779b1;
  }

  /** From 0 to `limit`, which is never reached. */
  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  times<T>(from: number, to: number, make: (index: number) => T): T[] {
    return Array.from({ length: from + this.below(to - from + 1) }, (_, index) => make(index));
  }
}

/** One schema of one or two files below `f<seed>/`; the first has services. */
export function randomSchema(seed: number): Protos {
  const random = new Random(seed);
  const folder = `f${seed}`;
  const packages = [folder, ...random.times(0, 2, () => random.pick(PACKAGES))].join(".");
  const imported = random.chance(50) ? writeFile(random, `g${seed}.${random.pick(PACKAGES)}`, [], []) : undefined;
  const path = random.chance(50) ? `${folder}/deep/er` : folder;
  const main = writeFile(
    random,
    packages,
    imported === undefined ? [] : [`${folder}/other.proto`],
    imported?.messages ?? [],
    true,
  );
  return { [`${path}/main.proto`]: main.text, ...(imported && { [`${folder}/other.proto`]: imported.text }) };
}

interface File {
  readonly text: string;
  /** Full names with a leading dot. */
  readonly messages: readonly string[];
}

function writeFile(
  random: Random,
  name: string,
  imports: readonly string[],
  others: readonly string[],
  withServices = false,
): File {
  const syntax = random.pick(SYNTAXES);
  const scope = new Scope(random);
  const messages: string[] = [];
  const bodies = random.times(1, 4, () => writeMessage({ random, syntax, messages }, scope.take(), `.${name}`, 0));
  const types = [...messages, ...others];
  const services = withServices ? random.times(1, 3, () => writeService(random, scope.take(), types)) : [];
  // The compiler obeys what protoc-gen-es copies from the top of a file.
  const text = `${random.chance(30) ? "// Of the file: */ throw 1;\n" : ""}${syntax}
package ${name};
${WELL_KNOWN_FILES.map((file) => `import "google/protobuf/${file}.proto";\n`).join("")}import "rsocket/options.proto";
${imports.map((path) => `import "${path}";\n`).join("")}${syntax === SYNTAXES[3] ? FREEDOM : ""}${random.chance(10) ? "option deprecated = true;\n" : ""}
${[...bodies, ...services].join("\n")}`;
  return { text, messages };
}

interface MessageContext {
  readonly random: Random;
  readonly syntax: (typeof SYNTAXES)[number];
  /** All messages of the file so far: what fields may refer to. */
  readonly messages: string[];
}

function writeMessage(context: MessageContext, name: string, parent: string, depth: number): string {
  const { random, messages } = context;
  const fullName = `${parent}.${name}`;
  messages.push(fullName);
  const scope = new Scope(random);
  const nested =
    depth < 3
      ? random.times(0, 2 - Math.min(depth, 1), () => writeMessage(context, scope.take(), fullName, depth + 1))
      : [];
  const enums = random.chance(30) ? [randomEnum(context, scope.take())] : [];
  const names = enums.map((declared) => declared.name);
  let number = 0;
  const fields = random.times(0, 6, () => writeField(context, scope.take(), nextNumber(random, ++number), names));
  return `message ${name} {\n${[...nested, ...enums.map(({ text }) => text), ...fields].join("\n")}\n}`;
}

/** Tags of every length; numbers are declared in any order. */
function nextNumber(random: Random, count: number): number {
  return random.chance(80) ? 30 - count : count * random.pick([16, 200, 2_048, 262_144, 33_554_432]);
}

/** One of which the first value may be anything where it is closed. */
function randomEnum(
  { random, syntax }: MessageContext,
  name: string,
): { readonly name: string; readonly text: string } {
  const isClosed = syntax === SYNTAXES[0] || (syntax !== SYNTAXES[1] && random.chance(50));
  const option = isClosed && syntax !== SYNTAXES[0] ? "option features.enum_type = CLOSED; " : "";
  const first = isClosed && random.chance(50) ? random.pick(["5", "-7"]) : "0";
  return {
    name,
    text: `enum ${name} { ${option}${name}_VALUE_ZERO = ${first}; ${name}_VALUE_ONE = 1; ${name}_VALUE_LOW = -1; }`,
  };
}

function writeField(
  { random, syntax, messages }: MessageContext,
  name: string,
  number: number,
  enums: readonly string[],
): string {
  const isTwo = syntax === SYNTAXES[0];
  const isThree = syntax === SYNTAXES[1];
  const isEdition = !isTwo && !isThree;
  const chance = random.below(10);
  const isMessage = chance > 6;
  const type =
    chance === 6 && enums.length > 0
      ? random.pick(enums)
      : !isMessage
        ? random.pick(SCALARS)
        : random.chance(60)
          ? random.pick(messages)
          : `.google.protobuf.${random.pick(WELL_KNOWN)}`;
  // An enum may be called `string`, and nobody can refer to it so.
  const isEnum = enums.includes(type) && !SCALARS.includes(type);
  const options: string[] = [];
  const put = (declaration: string): string =>
    `  ${declaration} ${name} = ${number}${options.length === 0 ? "" : ` [${options.join(", ")}]`};`;
  const kind = random.below(8);
  if (kind === 1 && !isEnum) return put(`map<${random.pick(KEYS)}, ${type}>`);
  if (/int64|fixed64/.test(type) && random.chance(30)) options.push("jstype = JS_STRING");
  if (isEdition && type === "string" && random.chance(30)) options.push("features.utf8_validation = NONE");
  if (isEdition && isMessage && kind !== 1 && random.chance(40)) options.push("features.message_encoding = DELIMITED");
  if (kind === 0) {
    if (!isMessage && !/string|bytes/.test(type) && random.chance(50))
      options.push(isEdition ? "features.repeated_field_encoding = EXPANDED" : `packed = ${random.chance(50)}`);
    return put(`repeated ${type}`);
  }
  if (kind === 2) return `  oneof one_${number}_of { ${put(type).trim()} int32 other_${number} = ${number + 50}; }`;
  if (kind === 3 && isTwo) return `  required string ${name} = ${number};`;
  if (kind === 3 && isEdition) return `  string ${name} = ${number} [features.field_presence = LEGACY_REQUIRED];`;
  if (kind === 4 && isTwo) return `  optional group Group${number}g = ${number} { optional ${type} text = 1; }`;
  if (kind === 4 && isEdition && !isMessage && !isEnum) options.push("features.field_presence = IMPLICIT");
  else if (!isThree && !isMessage && random.chance(40)) {
    const values = DEFAULTS.find(([types]) => !isEnum && types.test(type))?.[1] ?? [`${type}_VALUE_ONE`];
    options.push(`default = ${random.pick(values)}`);
  }
  return put(`${isTwo || (isThree && kind === 5) ? "optional " : ""}${type}`);
}

function writeService(random: Random, name: string, types: readonly string[]): string {
  const scope = new Scope(random, METHOD_NAMES);
  const methods = random.times(0, 5, () => writeMethod(random, scope.take(), types));
  return `${comment(random, "")}service ${name} {\n${random.chance(10) ? "  option deprecated = true;\n" : ""}${methods.join("")}}`;
}

function writeMethod(random: Random, name: string, types: readonly string[]): string {
  const type = (): string =>
    random.chance(85) ? random.pick(types) : random.pick([".google.protobuf.Empty", ".google.protobuf.Timestamp"]);
  const isSilent = random.chance(15);
  const stream = (): string => (!isSilent && random.chance(40) ? "stream " : "");
  const options = [
    isSilent ? "option (io.rsocket.rpc.options).fire_and_forget = true;" : "",
    random.chance(15) ? "option deprecated = true;" : "",
    random.chance(20)
      ? `option idempotency_level = ${random.pick(["NO_SIDE_EFFECTS", "IDEMPOTENT", "IDEMPOTENCY_UNKNOWN"])};`
      : "",
  ].join(" ");
  const output = isSilent ? ".google.protobuf.Empty" : type();
  return `${comment(random, "  ")}  rpc ${name}(${stream()}${type()}) returns (${stream()}${output}) { ${options} }\n`;
}

function comment(random: Random, indent: string): string {
  return random.chance(30) ? `${indent}// ${random.pick(COMMENTS)}\n` : "";
}
