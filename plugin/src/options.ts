// SPDX-License-Identifier: Apache-2.0
// Plugin parameters: `target=ts,import_extension=js,…`, as buf and protoc hand them over in one string.
import { InputError } from "./errors.js";

/** What the user may choose. */
export interface Options {
  /** The languages of the generated files, each once, in the order of the user. */
  readonly targets: readonly Target[];
  /** How imports of `*_pb` files end: `./x_pb.js`, `./x_pb.ts` or `./x_pb`. */
  readonly importExtension: "js" | "ts" | "none";
  /** Import paths to be replaced; the first pattern that fits counts. */
  readonly rewriteImports: readonly ImportRewrite[];
  /** How modules of target js import and export. */
  readonly jsImportStyle: "module" | "legacy_commonjs";
  /** The module that generated code imports its types and functions from. */
  readonly runtimeImport: string;
  /** Where codecs come from: functions generated for each message, or protobuf-es's reflection. */
  readonly codec: "generated" | "reflect";
  /** Whether generated codecs copy what fields of the type bytes hold, or give views of what was read. */
  readonly bytesFields: "copy" | "view";
  /** Whether clients are generated. */
  readonly client: boolean;
  /** Whether handlers are generated. */
  readonly server: boolean;
}

/** TypeScript, or JavaScript and declarations for it. */
export type Target = "ts" | "js" | "dts";

/** Replaces import paths: `./foo/*_pb.js` by `@my/foo`, say. The pattern stands for paths seen from the top of the output. */
export interface ImportRewrite {
  readonly pattern: string;
  readonly target: string;
}

/** Every option with its default first; a list names all legal values, `module` takes any module specifier,
 *  `rewrite` a pattern and what to put in its place. */
const LEGAL = {
  target: ["ts", "js", "dts"],
  import_extension: ["js", "ts", "none"],
  rewrite_imports: "rewrite",
  js_import_style: ["module", "legacy_commonjs"],
  runtime_import: "module",
  codec: ["generated", "reflect"],
  bytes_fields: ["copy", "view"],
  client: ["true", "false"],
  server: ["true", "false"],
} as const;

const DEFAULT_RUNTIME = "rsocket-rpc/codegen";

type OptionName = keyof typeof LEGAL;

/** Reads the parameter string.
 *  @throws InputError that names the option and its legal values. */
export function parseOptions(parameter: string): Options {
  const given: Given = new Map();
  for (const part of parameter.split(",")) {
    if (part.trim() !== "") readOption(part.trim(), given);
  }
  const options: Options = {
    targets: readTargets(given),
    importExtension: oneOf(given, "import_extension", LEGAL.import_extension, withoutDot),
    rewriteImports: (given.get("rewrite_imports") ?? []).map(readRewrite),
    jsImportStyle: oneOf(given, "js_import_style", LEGAL.js_import_style),
    runtimeImport: given.get("runtime_import")?.[0] ?? DEFAULT_RUNTIME,
    codec: oneOf(given, "codec", LEGAL.codec),
    bytesFields: oneOf(given, "bytes_fields", LEGAL.bytes_fields),
    client: oneOf(given, "client", LEGAL.client) === "true",
    server: oneOf(given, "server", LEGAL.server) === "true",
  };
  if (!options.client && !options.server) {
    throw new InputError(`options "client" and "server" are both "false", expected at least one of them to be "true"`);
  }
  return options;
}

/** The parameter as it may be shown in generated files: paths of the user's machine don't belong there. */
export function parameterWithoutPaths(parameter: string): string {
  return parameter
    .split(",")
    .filter((part) => !part.trim().startsWith("rewrite_imports="))
    .join(",");
}

/** Values by option; only `rewrite_imports` may have several. */
type Given = Map<OptionName, string[]>;

function readOption(part: string, given: Given): void {
  const equals = part.indexOf("=");
  const name = equals < 0 ? part : part.slice(0, equals);
  const value = equals < 0 ? "" : part.slice(equals + 1);
  if (!isOptionName(name)) {
    throw new InputError(`unknown option ${JSON.stringify(name)}, expected one of ${Object.keys(LEGAL).join(", ")}`);
  }
  if (LEGAL[name] === "rewrite") {
    given.set(name, [...(given.get(name) ?? []), value]);
    return;
  }
  const former = given.get(name)?.[0];
  if (former !== undefined && former !== value) {
    throw new InputError(
      `option "${name}" is given twice, as ${JSON.stringify(former)} and as ${JSON.stringify(value)}`,
    );
  }
  if (LEGAL[name] === "module" && value === "") {
    throw new InputError(
      `option "${name}" is empty, expected a module specifier such as ${JSON.stringify(DEFAULT_RUNTIME)}`,
    );
  }
  given.set(name, [value]);
}

function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(LEGAL, name);
}

function readTargets(given: Given): readonly Target[] {
  const value = given.get("target")?.[0] ?? LEGAL.target[0];
  const targets = value.split("+").map((part) => LEGAL.target.find((target) => target === part));
  if (targets.every((target) => target !== undefined)) return [...new Set(targets)];
  throw new InputError(
    `option "target" is ${JSON.stringify(value)}, expected one of ${list(LEGAL.target)}, or several joined by "+"`,
  );
}

function readRewrite(value: string): ImportRewrite {
  const colon = value.indexOf(":");
  if (colon > 0 && colon < value.length - 1) return { pattern: value.slice(0, colon), target: value.slice(colon + 1) };
  throw new InputError(
    `option "rewrite_imports" is ${JSON.stringify(value)}, expected <pattern>:<target> such as "./foo/**/*_pb.js:@my/foo"`,
  );
}

/** `.js` is what other generators print in their documentation. */
function withoutDot(value: string): string {
  return value.replace(/^\./, "");
}

function oneOf<T extends string>(
  given: Given,
  name: OptionName,
  legal: readonly [T, ...T[]],
  normalize: (value: string) => string = (value) => value,
): T {
  const value = given.get(name)?.[0];
  if (value === undefined) return legal[0];
  const found = legal.find((candidate) => candidate === normalize(value));
  if (found !== undefined) return found;
  throw new InputError(`option "${name}" is ${JSON.stringify(value)}, expected one of ${list(legal)}`);
}

function list(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}
