// SPDX-License-Identifier: Apache-2.0
// Reads a CodeGeneratorRequest (plugin.proto), without the bulk of it that nobody asks for.
import { create, fromBinary } from "@bufbuild/protobuf";
import { BinaryReader } from "@bufbuild/protobuf/wire";
import {
  type CodeGeneratorRequest,
  CodeGeneratorRequestSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  SourceCodeInfoSchema,
} from "@bufbuild/protobuf/wkt";

/** Field numbers of CodeGeneratorRequest and FileDescriptorProto. */
const Field = { fileToGenerate: 1, parameter: 2, protoFile: 15, sourceCodeInfo: 9 } as const;

/** Decodes a request: the names of the files to generate, the parameter and all files.
 *
 *  Positions and comments are decoded for the files to generate only. descriptor.proto comes with every option, and its
 *  comments are many times a small schema: decoding them would cost more than everything else.
 *  @throws Error when the bytes are no CodeGeneratorRequest. */
export function readRequest(bytes: Uint8Array): CodeGeneratorRequest {
  const request = create(CodeGeneratorRequestSchema);
  const files: Uint8Array[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === Field.fileToGenerate) request.fileToGenerate.push(reader.string());
    else if (number === Field.parameter) request.parameter = reader.string();
    else if (number === Field.protoFile) files.push(reader.bytes());
    else reader.skip(wireType, number);
  }
  const generated = new Set(request.fileToGenerate);
  request.protoFile = files.map((file) => readFile(file, generated));
  return request;
}

function readFile(bytes: Uint8Array, generated: ReadonlySet<string>): FileDescriptorProto {
  const { value, rest } = takeField(bytes, Field.sourceCodeInfo);
  const file = fromBinary(FileDescriptorProtoSchema, rest);
  if (value !== undefined && generated.has(file.name)) file.sourceCodeInfo = fromBinary(SourceCodeInfoSchema, value);
  return file;
}

/** Cuts a message field out of a message; what is left is a message too. */
function takeField(
  bytes: Uint8Array,
  wanted: number,
): { readonly value: Uint8Array | undefined; readonly rest: Uint8Array } {
  const rest = new Uint8Array(bytes.length);
  let length = 0;
  let value: Uint8Array | undefined;
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wireType] = reader.tag();
    if (number === wanted) {
      value = reader.bytes();
      continue;
    }
    reader.skip(wireType, number);
    rest.set(bytes.subarray(start, reader.pos), length);
    length += reader.pos - start;
  }
  return { value, rest: rest.subarray(0, length) };
}
