// SPDX-License-Identifier: Apache-2.0
// Import lines of a generated file: where messages come from, and under which name they are used.
import type { DescFile } from "@bufbuild/protobuf";
import { wktPublicImportPaths } from "@bufbuild/protobuf/codegenv2";
import { type Code, code, joinCode } from "ts-poet";
import type { Form } from "./form.js";
import type { Options } from "./options.js";
import { rewriteImport } from "./rewrite.js";

interface Entry {
  readonly name: string;
  readonly from: string;
  readonly typeOnly: boolean;
  readonly local: string;
}

/** The imports of one generated file. Asking for a name imports it: what isn't printed isn't imported.
 *
 *  We print the lines ourselves: ts-poet would join types and values in one line, alias without regard to globals,
 *  and change its import objects while doing so. */
export class Imports {
  private readonly entries = new Map<string, Entry>();
  private readonly taken: Set<string>;
  private readonly runtime: string;
  private readonly form: Form;

  /** @param taken names an import must not be used under
   *  @param runtime the module of types and functions for generated code
   *  @param form how import lines are written */
  constructor(taken: ReadonlySet<string>, runtime: string, form: Form) {
    this.taken = new Set(taken);
    this.form = form;
    this.runtime = runtime;
  }

  /** A type of the runtime. */
  runtimeType(name: RuntimeType): string {
    return this.use(name, this.runtime, true);
  }

  /** A function of the runtime. */
  runtimeValue(name: RuntimeValue): string {
    return this.use(name, this.runtime, false);
  }

  /** A message type. */
  shape(message: ImportedMessage): string {
    return this.use(message.shapeName, message.module, true);
  }

  /** The value that describes a message. */
  schema(message: ImportedMessage): string {
    return this.use(message.schemaName, message.module, false);
  }

  /** The type of the value that describes a message: what `typeof` takes, and nothing is loaded for. */
  schemaType(message: ImportedMessage): string {
    return this.use(message.schemaName, message.module, message.codec !== undefined);
  }

  /** The codec of a message; undefined when reflection is to be its codec. */
  codec({ codec }: ImportedMessage): string | undefined {
    return codec && this.use(codec.name, codec.module, false);
  }

  /** All import lines so far: the runtime, then files beside this one, then packages. */
  print(): Code {
    const modules = [...new Set([...this.entries.values()].map(({ from }) => from))].sort((a, b) =>
      this.compareModules(a, b),
    );
    const lines = modules.flatMap((from) => [this.printLine(from, true), this.printLine(from, false)].flat());
    return lines.length === 0 ? code`` : code`${joinCode(lines, { on: "\n", trim: false })}\n\n`;
  }

  private use(name: string, from: string, typeOnly: boolean): string {
    const key = `${name} ${from}`;
    const known = this.entries.get(key);
    if (known !== undefined) return known.local;
    const local = this.localName(name, from);
    this.taken.add(local);
    // Declarations use values only behind `typeof`.
    this.entries.set(key, { name, from, typeOnly: typeOnly || this.form.target === "dts", local });
    return local;
  }

  private localName(name: string, from: string): string {
    const isFree = (candidate: string): boolean =>
      !this.taken.has(candidate) && (from === this.runtime || !RUNTIME_NAMES.has(candidate));
    if (isFree(name)) return name;
    for (let count = 1; ; count++) if (isFree(`${name}$${count}`)) return `${name}$${count}`;
  }

  private printLine(from: string, typeOnly: boolean): Code[] {
    const entries = [...this.entries.values()].filter((entry) => entry.from === from && entry.typeOnly === typeOnly);
    if (entries.length === 0) return [];
    const as = this.form.commonjs ? ":" : " as";
    const names = entries
      .sort((a, b) => compare(a.name, b.name))
      .map(({ name, local }) => (name === local ? name : `${name}${as} ${local}`));
    if (this.form.commonjs) return [code`const { ${names.join(", ")} } = require(${JSON.stringify(from)});`];
    return [code`import ${typeOnly ? "type " : ""}{ ${names.join(", ")} } from ${JSON.stringify(from)};`];
  }

  private compareModules(a: string, b: string): number {
    const rank = (from: string): number => (from === this.runtime ? 0 : from.startsWith(".") ? 1 : 2);
    return rank(a) - rank(b) || compare(a, b);
  }
}

/** Where a message comes from and what its exports are called there. */
export interface ImportedMessage {
  readonly shapeName: string;
  readonly schemaName: string;
  readonly module: string;
  /** Its generated codec, where there is one. */
  readonly codec?: { readonly name: string; readonly module: string } | undefined;
}

/** Types that generated code uses. */
export type RuntimeType =
  | "BoundService"
  | "CallContext"
  | "CallOptions"
  | "Channel"
  | "Codec"
  | "Fields"
  | "Input"
  | "MessageReader"
  | "MessageWriter"
  | "Method"
  | "Source";

/** Functions that generated code uses. */
export type RuntimeValue =
  | "callBidi"
  | "callClientStream"
  | "callFireAndForget"
  | "callServerStream"
  | "callUnary"
  | "handleBidi"
  | "handleClientStream"
  | "handleFireAndForget"
  | "handleServerStream"
  | "handleUnary"
  | "messageCodec"
  | "method"
  | "serviceHandler"
  | "unimplemented";

/** Kept for the runtime also where a file doesn't use them: a new rpc shall not rename the messages of the old ones. */
const RUNTIME_NAMES: ReadonlySet<string> = new Set<RuntimeType | RuntimeValue | "Generation1">([
  "BoundService",
  "CallContext",
  "CallOptions",
  "Channel",
  "Generation1",
  "Input",
  "Method",
  "Source",
  "callBidi",
  "callClientStream",
  "callFireAndForget",
  "callServerStream",
  "callUnary",
  "handleBidi",
  "handleClientStream",
  "handleFireAndForget",
  "handleServerStream",
  "handleUnary",
  "messageCodec",
  "method",
  "serviceHandler",
  "unimplemented",
]);

/** The module that holds the messages of `declaring`, as seen from the file generated for `importing`.
 *
 *  Well-known types come with @bufbuild/protobuf, unless the user generates them. */
export function messageModule(
  declaring: DescFile,
  importing: DescFile,
  isGenerated: boolean,
  options: Options,
): string {
  const wellKnown = isGenerated ? undefined : wellKnownModule(declaring.proto.name);
  // Patterns are matched before the path is seen from the importing file, as every other generator does.
  const fromTop = wellKnown ?? `./${declaring.name}_pb.js`;
  const rewritten = rewriteImport(fromTop, options.rewriteImports);
  if (rewritten === wellKnown) return wellKnown;
  return seenFrom(importing.name, rewritten).replace(
    /\.js$/,
    options.importExtension === "none" ? "" : `.${options.importExtension}`,
  );
}

const WELL_KNOWN = "@bufbuild/protobuf/wkt";
/** Modules of their own from 2.16 of @bufbuild/protobuf on; all releases have them where the others are, too. */
const WELL_KNOWN_EVER = /\/(?:api|type|source_context|cpp_features|go_features|java_features)_pb\.js$/;

function wellKnownModule(proto: string): string | undefined {
  const path = wktPublicImportPaths[proto];
  return path !== undefined && WELL_KNOWN_EVER.test(path) ? WELL_KNOWN : path;
}

/** The file of codecs that belongs to the file generated for `file`, as seen from there. */
export function codecModule(file: DescFile, { importExtension }: Options): string {
  const ending = importExtension === "none" ? "" : `.${importExtension}`;
  return `./${file.name.slice(file.name.lastIndexOf("/") + 1)}_codec${ending}`;
}

/** A module's path as it stands in the file generated for `from`: a relative one is given as seen from the output folder. */
export function seenFrom(from: string, path: string): string {
  return /^\.{1,2}\//.test(path) ? relativePath(from, path.replace(/^\.\//, "")) : path;
}

function relativePath(from: string, to: string): string {
  const fromFolders = from.split("/").slice(0, -1);
  const toParts = to.split("/");
  const isShared = (part: string, index: number): boolean => index < toParts.length - 1 && toParts[index] === part;
  const firstDifference = fromFolders.findIndex((part, index) => !isShared(part, index));
  const shared = firstDifference < 0 ? fromFolders.length : firstDifference;
  const up = fromFolders.slice(shared).map(() => "..");
  const isHere = up.length === 0 && toParts[0] !== "..";
  return [...(isHere ? ["."] : up), ...toParts.slice(shared)].join("/");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
