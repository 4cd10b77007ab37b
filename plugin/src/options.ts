// SPDX-License-Identifier: Apache-2.0
// Plugin parameters: `target=ts,import_extension=js,…`, as buf and protoc hand them over in one string.
import { InputError } from "./errors.js";

/** What the user may choose. */
export interface Options {
  /** The language of the generated files. */
  readonly target: "ts";
  /** How imports of `*_pb` files end: `./x_pb.js`, `./x_pb.ts` or `./x_pb`. */
  readonly importExtension: "js" | "ts" | "none";
  /** The module that generated code imports its types and functions from. */
  readonly runtimeImport: string;
  /** Whether clients are generated. */
  readonly client: boolean;
  /** Whether handlers are generated. */
  readonly server: boolean;
}

/** Every option with its default first; a list names all legal values, `module` takes any module specifier. */
const LEGAL = {
  target: ["ts"],
  import_extension: ["js", "ts", "none"],
  runtime_import: "module",
  client: ["true", "false"],
  server: ["true", "false"],
} as const;

const DEFAULT_RUNTIME = "rsocket-rpc/codegen";

type OptionName = keyof typeof LEGAL;

/** Reads the parameter string.
 *  @throws InputError that names the option and its legal values. */
export function parseOptions(parameter: string): Options {
  const given = new Map<OptionName, string>();
  for (const part of parameter.split(",")) {
    if (part.trim() !== "") readOption(part.trim(), given);
  }
  const options: Options = {
    target: oneOf(given, "target", LEGAL.target),
    importExtension: oneOf(given, "import_extension", LEGAL.import_extension),
    runtimeImport: given.get("runtime_import") ?? DEFAULT_RUNTIME,
    client: oneOf(given, "client", LEGAL.client) === "true",
    server: oneOf(given, "server", LEGAL.server) === "true",
  };
  if (!options.client && !options.server) {
    throw new InputError(`options "client" and "server" are both "false", expected at least one of them to be "true"`);
  }
  return options;
}

function readOption(part: string, given: Map<OptionName, string>): void {
  const equals = part.indexOf("=");
  const name = equals < 0 ? part : part.slice(0, equals);
  const value = equals < 0 ? "" : part.slice(equals + 1);
  if (!isOptionName(name)) {
    throw new InputError(`unknown option ${JSON.stringify(name)}, expected one of ${Object.keys(LEGAL).join(", ")}`);
  }
  const former = given.get(name);
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
  given.set(name, value);
}

function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(LEGAL, name);
}

function oneOf<T extends string>(
  given: ReadonlyMap<OptionName, string>,
  name: OptionName,
  legal: readonly [T, ...T[]],
): T {
  const value = given.get(name);
  if (value === undefined) return legal[0];
  const found = legal.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const values = legal.map((candidate) => JSON.stringify(candidate)).join(", ");
  const expected = legal.length === 1 ? values : `one of ${values}`;
  throw new InputError(`option "${name}" is ${JSON.stringify(value)}, expected ${expected}`);
}
