// SPDX-License-Identifier: Apache-2.0
// The plugin as a pure function: CodeGeneratorRequest in, CodeGeneratorResponse out (plugin.proto).
import { create } from "@bufbuild/protobuf";
import {
  type CodeGeneratorRequest,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponseSchema,
} from "@bufbuild/protobuf/wkt";
import { InputError } from "./errors.js";
import { createFileModel } from "./model.js";
import { parseOptions } from "./options.js";
import { fileName, printCodecFile, printFile } from "./print-file.js";
import { EDITIONS, filesWithServices } from "./schema.js";

/** Set when the plugin is bundled; absent when it runs from its sources. */
declare const PLUGIN_VERSION: string | undefined;

/** The version in the preamble of generated files. */
export const version: string = typeof PLUGIN_VERSION === "undefined" ? "0.0.0" : PLUGIN_VERSION;

/** Generates `x_rsocket.ts` (or `.js`, `.d.ts`, as the user wants) for each `x.proto` that is to be generated and has services.
 *
 *  A fault of the user's input comes back as one line in `error`, which buf and protoc print. */
export function run(request: CodeGeneratorRequest): CodeGeneratorResponse {
  const response = create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(
      CodeGeneratorResponse_Feature.PROTO3_OPTIONAL | CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS,
    ),
    minimumEdition: EDITIONS.minimum,
    maximumEdition: EDITIONS.maximum,
  });
  try {
    for (const [name, content] of generate(request))
      response.file.push({ $typeName: FILE, name, content, insertionPoint: "" });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    response.file = [];
    response.error = error.message;
  }
  return response;
}

const FILE = "google.protobuf.compiler.CodeGeneratorResponse.File";

function generate(request: CodeGeneratorRequest): [name: string, content: string][] {
  const options = parseOptions(request.parameter);
  const generatedFiles = new Set(request.fileToGenerate);
  return filesWithServices(request).flatMap((file) => {
    const model = createFileModel(file, options, generatedFiles);
    const origin = { version, parameter: request.parameter };
    const { codecFile } = model;
    return options.targets.flatMap((target): [string, string][] => [
      [fileName(model, target), printFile(model, options, origin, target)],
      ...(codecFile === undefined
        ? []
        : [
            [fileName(codecFile, target), printCodecFile(model, codecFile, options, origin, target)] as [
              string,
              string,
            ],
          ]),
    ]);
  });
}
