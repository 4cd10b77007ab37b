// SPDX-License-Identifier: Apache-2.0
// From a CodeGeneratorRequest (plugin.proto) to the descriptors of the files that get an output.
import { create, createFileRegistry, type DescFile } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  Edition,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { InputError } from "./errors.js";

/** The files with services among those the user asked for, in the order of the request.
 *  @throws InputError for a schema that cannot be read, and for one whose code we cannot generate yet. */
export function filesWithServices(request: CodeGeneratorRequest): DescFile[] {
  const byName = new Map(request.protoFile.map((file) => [file.name, file]));
  const wanted = request.fileToGenerate.filter((name) => {
    const file = byName.get(name);
    if (file === undefined) throw new InputError(`${name}: is to be generated but missing in the request`);
    return file.service.length > 0;
  });
  if (wanted.length === 0) return [];
  for (const name of wanted) rejectUnsupported(byName.get(name));
  const registry = readDescriptors(request.protoFile);
  return wanted.flatMap((name) => registry.getFile(name) ?? []);
}

function rejectUnsupported(file: FileDescriptorProto | undefined): void {
  if (file === undefined || file.syntax === "proto3") return;
  // Compilers leave the field empty for proto2.
  const found =
    file.syntax === "editions"
      ? `edition ${(Edition[file.edition] ?? `${file.edition}`).replace("EDITION_", "")}`
      : "proto2";
  throw new InputError(
    `${file.name}: services in ${found} are not supported yet, expected syntax = "proto3" (files without services may have any syntax)`,
  );
}

function readDescriptors(file: FileDescriptorProto[]): ReturnType<typeof createFileRegistry> {
  rejectImpossibleNames(file);
  try {
    return createFileRegistry(create(FileDescriptorSetSchema, { file }));
  } catch (error) {
    throw new InputError(`cannot read the schema: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Compilers refuse such names; a request made by hand could carry code in them. */
function rejectImpossibleNames(files: readonly FileDescriptorProto[]): void {
  for (const file of files) {
    if (!/^([A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*)?$/.test(file.package))
      throw impossible(file, "package", file.package);
    for (const service of file.service) {
      for (const { name } of [service, ...service.method])
        if (!/^[A-Za-z_]/.test(name)) throw impossible(file, "service or rpc", name);
    }
    for (const { name } of file.messageType) if (!/^[A-Za-z_]/.test(name)) throw impossible(file, "message", name);
  }
}

function impossible(file: FileDescriptorProto, what: string, name: string): InputError {
  return new InputError(`${file.name}: ${what} name ${JSON.stringify(name)} is not a name of protobuf`);
}
