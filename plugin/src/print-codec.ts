// SPDX-License-Identifier: Apache-2.0
// The file of codecs that belongs to a file of services: for each message two functions and a constant.
import { type MessageCodec, ZERO_64 } from "./codec-model.js";
import type { Form } from "./form.js";
import { Imports } from "./imports.js";
import type { CodecFileModel } from "./model.js";
import type { Options } from "./options.js";
import { hasClosedEnum, inheritedDefaults, newMessage, readCases, readDefaults } from "./print-read.js";
import { writeStatements } from "./print-write.js";

/** The codecs of `file`, import lines included; what comes before those is the caller's. */
export function printCodecs(file: CodecFileModel, runtime: string, options: Options, form: Form): string {
  const imports = new Imports(file.takenNames, runtime, form);
  const messages = [...file.codecs.values()].map((codec) => printMessage(codec, file, imports, options, form));
  const wire = form.target === "dts" ? "" : importAll(runtime, form);
  const importLines = imports.print().toString({ format: false }).trim();
  const zero = messages.some(usesZero) ? `const ${ZERO_64} = /*@__PURE__*/ BigInt(0);\n\n` : "";
  return `${[wire, importLines].filter((lines) => lines !== "").join("\n")}\n\n${zero}${messages.join("\n")}`;
}

// No name of protobuf begins with a dollar, but a field's default may say anything.
function usesZero(text: string): boolean {
  return text.replace(/"(?:[^"\\]|\\.)*"/g, "").includes(ZERO_64);
}

function importAll(runtime: string, { commonjs }: Form): string {
  const from = JSON.stringify(runtime);
  return commonjs ? `const wire = require(${from});` : `import * as wire from ${from};`;
}

function printMessage(
  codec: MessageCodec,
  file: CodecFileModel,
  imports: Imports,
  options: Options,
  form: Form,
): string {
  const constant = printConstant(codec, file, imports, form);
  if (form.target === "dts") return constant;
  return `${constant}\n${printDefaults(codec, imports, form)}${printWrite(codec, file, imports, form)}\n${printRead(codec, file, imports, options, form)}`;
}

function printConstant(codec: MessageCodec, file: CodecFileModel, imports: Imports, form: Form): string {
  const { message, constant, write, read } = codec;
  const imported = file.imported(message);
  const types = (): string =>
    `${imports.runtimeType("Codec")}<${imports.shape(imported)}, ${imports.runtimeType("Input")}<typeof ${imports.schemaType(imported)}>>`;
  const doc = `/** Encodes and decodes ${message.typeName}. */\n`;
  if (form.target === "dts") return `${doc}export declare const ${constant}: ${types()};\n`;
  const value = `/*@__PURE__*/ wire.generatedCodec(${JSON.stringify(message.typeName)}, ${write}, ${read})`;
  if (form.commonjs) return `${doc}const ${constant} = ${value};\nexports.${constant} = ${constant};\n`;
  return `${doc}export const ${constant}${form.target === "ts" ? `: ${types()}` : ""} = ${value};\n`;
}

function printDefaults(codec: MessageCodec, imports: Imports, form: Form): string {
  if (!newMessage(codec).includes("__proto__: ")) return "";
  const type = form.target === "ts" ? `: ${imports.runtimeType("Fields")}` : "";
  return `// What messages inherit: their own is only what is set.\nconst ${codec.defaults}${type} = ${inheritedDefaults(codec.message)};\n\n`;
}

function printWrite(codec: MessageCodec, file: CodecFileModel, imports: Imports, form: Form): string {
  const parameters = codec.message.fields.length === 0 ? ["w", "m"] : ["w", "m", "exact"];
  const types = { w: "MessageWriter", m: "Fields" } as const;
  const typed = parameters.map((name) =>
    form.target !== "ts"
      ? name
      : name === "exact"
        ? "exact: boolean"
        : `${name}: ${imports.runtimeType(types[name as "w" | "m"])}`,
  );
  const statements = writeStatements(codec, file.codecs).map((statement) =>
    form.target === "ts" && statement === "let v;" ? `let v: ${imports.runtimeType("Fields")};` : statement,
  );
  const result = form.target === "ts" ? ": void" : "";
  return `function ${codec.write}(${typed.join(", ")})${result} {\n${indent(statements, 2)}}\n`;
}

function printRead(codec: MessageCodec, file: CodecFileModel, imports: Imports, options: Options, form: Form): string {
  const isTyped = form.target === "ts";
  const fields = isTyped ? `: ${imports.runtimeType("Fields")}` : "";
  const r = isTyped ? `r: ${imports.runtimeType("MessageReader")}` : "r";
  const numbers = codec.message.fields.map(({ number }) => number).sort((a, b) => a - b);
  const cases = readCases(codec, file.codecs, options);
  const unknown = `u = wire.readUnknown(r, t, u, [${numbers.join(", ")}]);`;
  const loop =
    cases.length === 0
      ? [`while (r.at < r.end) u = wire.readUnknown(r, wire.readTag(r), u, []);`]
      : [
          "while (r.at < r.end) {",
          "  const t = wire.readTag(r);",
          "  switch (t) {",
          ...[...cases, `default: ${unknown}`].map((line) => `    ${line}`),
          "  }",
          "}",
        ];
  const statements = [
    `let u = m.$unknown;`,
    ...(hasClosedEnum(codec.message) ? [isTyped ? "let v: number;" : "let v;"] : []),
    ...loop,
    ...readDefaults(codec),
    "if (u !== undefined) m.$unknown = u;",
    "return m;",
  ];
  return `function ${codec.read}(${r}, m${fields} = ${newMessage(codec)})${fields} {\n${indent(statements, 2)}}\n`;
}

function indent(lines: readonly string[], by: number): string {
  return lines.map((line) => `${" ".repeat(by)}${line}\n`).join("");
}
