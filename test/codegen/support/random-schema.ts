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
const PACKAGES = ["delete", "v1", "type", "google", "Foo", "a_b", "import"];
const SCALARS =
  "double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes".split(" ");
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
import "google/protobuf/empty.proto";
import "google/protobuf/timestamp.proto";
import "rsocket/options.proto";
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
  const enums = random.chance(20) ? [writeEnum(scope.take())] : [];
  let number = 0;
  const fields = random.times(0, 4, () => writeField(context, scope.take(), ++number));
  return `message ${name} {\n${[...nested, ...enums, ...fields].join("\n")}\n}`;
}

function writeEnum(name: string): string {
  return `enum ${name} { ${name}_VALUE_ZERO = 0; ${name}_VALUE_ONE = 1; }`;
}

function writeField({ random, syntax, messages }: MessageContext, name: string, number: number): string {
  const type = random.chance(70)
    ? random.pick(SCALARS)
    : random.chance(80)
      ? random.pick(messages)
      : ".google.protobuf.Timestamp";
  const isTwo = syntax === SYNTAXES[0];
  const isEdition = syntax.startsWith("edition");
  const kind = random.below(8);
  if (kind === 0) return `  repeated ${type} ${name} = ${number};`;
  if (kind === 1) return `  map<string, ${type}> ${name} = ${number};`;
  if (kind === 2) return `  oneof one_${number}_of { ${type} ${name} = ${number}; }`;
  if (kind === 3 && isTwo) return `  required string ${name} = ${number};`;
  if (kind === 3 && isEdition) return `  string ${name} = ${number} [features.field_presence = LEGACY_REQUIRED];`;
  if (kind === 4 && isTwo) return `  optional group Group${number}g = ${number} { optional ${type} text = 1; }`;
  if (kind === 4 && isEdition && type.startsWith("."))
    return `  ${type} ${name} = ${number} [features.message_encoding = DELIMITED];`;
  return `  ${isTwo || (!isEdition && kind === 5) ? "optional " : ""}${type} ${name} = ${number};`;
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
