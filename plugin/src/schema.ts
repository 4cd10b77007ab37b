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

/** The first and the last whose services can be generated. */
export const EDITIONS: { readonly minimum: Edition; readonly maximum: Edition } = {
  minimum: Edition.EDITION_PROTO2,
  maximum: Edition.EDITION_2024,
};

/** The files with services among those the user asked for, in the order of the request.
 *  @throws InputError for a schema that cannot be read and for an edition nobody has told us of. */
export function filesWithServices(request: CodeGeneratorRequest): DescFile[] {
  const byName = new Map(request.protoFile.map((file) => [file.name, file]));
  const wanted = request.fileToGenerate.filter((name) => {
    const file = byName.get(name);
    if (file === undefined) throw new InputError(`${name}: is to be generated but missing in the request`);
    return file.service.length > 0;
  });
  if (wanted.length === 0) return [];
  for (const name of wanted) rejectUnknownEdition(byName.get(name));
  const registry = readDescriptors(request.protoFile);
  return wanted.flatMap((name) => registry.getFile(name) ?? []);
}

/** Compilers refuse it in our name, because the response tells them which we know. */
function rejectUnknownEdition(file: FileDescriptorProto | undefined): void {
  if (file?.syntax !== "editions" || (file.edition >= Edition.EDITION_2023 && file.edition <= EDITIONS.maximum)) return;
  const found = (Edition[file.edition] ?? `${file.edition}`).replace("EDITION_", "");
  throw new InputError(
    `${file.name}: edition ${found} is not supported, expected proto2, proto3, or edition 2023 or 2024`,
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
