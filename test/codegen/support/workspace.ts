// SPDX-License-Identifier: Apache-2.0
// Folders with .proto files for tests, and the real compiler on them.

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { create, fromBinary } from "@bufbuild/protobuf";
import { type CodeGeneratorRequest, CodeGeneratorRequestSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { run } from "../../../plugin/src/run.js";

/** The top of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** Paths and texts of .proto files. */
export type Protos = Readonly<Record<string, string>>;

const BIN = join(ROOT, "node_modules/.bin");

/** Calls `use` with a fresh folder outside of the repository, which is removed afterwards. */
export function inTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "rsocket-rpc-codegen-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes .proto files into a folder, with our options file beside them. */
export function writeProtos(folder: string, protos: Protos): void {
  mkdirSync(join(folder, "rsocket"), { recursive: true });
  cpSync(join(ROOT, "proto/rsocket/options.proto"), join(folder, "rsocket/options.proto"));
  for (const [path, text] of Object.entries(protos)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Runs buf with the workspace's programs in its PATH. */
export function buf(
  folder: string,
  ...args: readonly string[]
): { readonly status: number | null; readonly stderr: string } {
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env["PATH"] ?? ""}` };
  const { status, stderr } = spawnSync(join(BIN, "buf"), args, { cwd: folder, env, encoding: "utf8" });
  return { status, stderr };
}

/** What buf would send to the plugin for all given files. */
export function compile(protos: Protos, parameter = "target=ts"): CodeGeneratorRequest {
  return inTemporaryFolder((folder) => {
    writeProtos(folder, protos);
    const image = execFileSync(join(BIN, "buf"), ["build", "--as-file-descriptor-set", "-o", "-#format=binpb"], {
      cwd: folder,
    });
    return create(CodeGeneratorRequestSchema, {
      fileToGenerate: Object.keys(protos),
      parameter,
      protoFile: fromBinary(FileDescriptorSetSchema, image).file,
    });
  });
}

/** Runs the plugin in memory: names and texts of the generated files, or the error it answers. */
export function generate(
  protos: Protos,
  parameter?: string,
): { readonly files: Readonly<Record<string, string>>; readonly error: string } {
  return runPlugin(compile(protos, parameter));
}

/** The same for a request that is at hand. */
export function runPlugin(request: CodeGeneratorRequest): {
  readonly files: Readonly<Record<string, string>>;
  readonly error: string;
} {
  const { file, error } = run(request);
  return { files: Object.fromEntries(file.map(({ name, content }) => [name, content])), error };
}
