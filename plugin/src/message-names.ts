// SPDX-License-Identifier: Apache-2.0
// What protoc-gen-es calls the type and the schema of a message in `*_pb.ts`. We import these names, so every rule
// here is its rule: clashes are settled by `$`, `$1`, `$2` in the order of declaration, types before schemas.
import type { DescEnum, DescFile, DescMessage } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";

/** The two exports of a message. */
export interface MessageNames {
  /** The type: `Outer_Inner`. */
  readonly shape: string;
  /** The value that describes it: `Outer_InnerSchema`. */
  readonly schema: string;
}

/** Words protoc-gen-es never uses as they are: keywords, TypeScript's types, and names it prints itself. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    "break case catch class const continue debugger default delete do else export extends false finally for function if " +
    "import in instanceof new null return super switch this throw true try typeof var void while with yield " +
    "enum implements interface let package private protected public static " +
    "Object bigint number boolean string object globalThis Uint8Array Partial"
  ).split(" "),
);

const namesByFile = new WeakMap<DescFile, ReadonlyMap<DescMessage, MessageNames>>();

/** The names of a message's exports in the file that protoc-gen-es generates for it. */
export function messageNames(message: DescMessage): MessageNames {
  let names = namesByFile.get(message.file);
  if (names === undefined) namesByFile.set(message.file, (names = nameMessages(message.file)));
  const found = names.get(message);
  if (found === undefined) throw new Error(`${message.toString()} is not declared in ${message.file.toString()}`);
  return found;
}

function nameMessages(file: DescFile): ReadonlyMap<DescMessage, MessageNames> {
  const taken = new Set<string>();
  const shapes = new Map<DescMessage | DescEnum, string>();
  for (const type of nestedTypes(file)) {
    if (type.kind === "message" || type.kind === "enum") shapes.set(type, take(taken, plainName(type)));
  }
  const names = new Map<DescMessage, MessageNames>();
  take(taken, `file_${file.name.replace(/[^a-zA-Z0-9_]+/g, "_")}`);
  for (const type of nestedTypes(file)) {
    if (type.kind === "message" || type.kind === "enum") {
      const schema = take(taken, `${plainName(type)}Schema`);
      if (type.kind === "message") names.set(type, { shape: shapes.get(type) ?? "", schema });
    } else {
      take(taken, plainName(type));
    }
  }
  return names;
}

function plainName(type: { readonly typeName: string; readonly file: DescFile }): string {
  const { package: pkg } = type.file.proto;
  return type.typeName.slice(pkg === "" ? 0 : pkg.length + 1).replaceAll(".", "_");
}

function take(taken: Set<string>, name: string): string {
  for (let attempt = 0; ; attempt++) {
    const salted = attempt === 0 ? name : attempt === 1 ? `${name}$` : `${name}$${attempt - 1}`;
    const safe = RESERVED.has(salted) ? `${salted}$` : salted;
    if (taken.has(safe)) continue;
    taken.add(safe);
    return safe;
  }
}
