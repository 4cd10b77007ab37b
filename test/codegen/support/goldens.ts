// SPDX-License-Identifier: Apache-2.0
// Generates code for protos/ with the real programs, into gen/: what goldens are compared with, compiled and run.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buf, compile, generate, inTemporaryFolder, type Protos, runPlugin, writeProtos } from "./workspace.js";

const here = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const GENERATED: string = here("gen");
/** JavaScript as modules, with declarations. */
export const GENERATED_JS: string = join(GENERATED, "js");
/** JavaScript in a CommonJS package. */
export const GENERATED_COMMONJS: string = join(GENERATED, "commonjs");
const GOLDEN = here("golden");

/** The .proto files that goldens come from. */
export function goldenProtos(): Protos {
  return readTree(here("protos"), ".proto");
}

/** The golden files as committed. */
export function readGoldens(): Readonly<Record<string, string>> {
  return readGenerated(GOLDEN);
}

/** Paths of the golden files that hold services. */
export function goldenServices(): string[] {
  return Object.keys(readGoldens()).filter((path) => path.endsWith("_rsocket.ts"));
}

/** What our plugin generated below a folder: codecs, then services. */
export function readGenerated(folder: string): Record<string, string> {
  return { ...readTree(folder, "_codec.ts"), ...readTree(folder, "_rsocket.ts") };
}

/** Replaces the golden files by what the plugin generates now. */
export function updateGoldens(): readonly string[] {
  const generated = generateGoldens();
  rmSync(GOLDEN, { recursive: true, force: true });
  writeTree(GOLDEN, generated);
  return Object.keys(generated);
}

let generated: Readonly<Record<string, string>> | undefined;

/** Runs buf with protoc-gen-es and our plugin, once; files with one side only go into subfolders.
 *  @returns the files of our plugin by path */
export function generateGoldens(): Readonly<Record<string, string>> {
  return (generated ??= inTemporaryFolder((folder) => {
    writeProtos(folder, goldenProtos());
    rmSync(GENERATED, { recursive: true, force: true });
    const both = (out: string, opt: string[]): object[] => [
      { local: "protoc-gen-es", out, opt: [...opt, "import_extension=js"], strategy: "all" },
      { local: "protoc-gen-rsocket-rpc", out, opt, strategy: "all" },
    ];
    const plugins = [
      ...both(GENERATED, ["target=ts"]),
      ...both(GENERATED_JS, ["target=js+dts"]),
      ...both(GENERATED_COMMONJS, ["target=js", "js_import_style=legacy_commonjs"]),
    ];
    const { status, stderr } = buf(folder, "generate", "--template", JSON.stringify({ version: "v2", plugins }));
    if (status !== 0) throw new Error(`buf generate: ${stderr}`);
    writeTree(GENERATED_COMMONJS, { "package.json": JSON.stringify({ type: "commonjs" }) });
    const files = readGenerated(GENERATED);
    generateVariants();
    generateCaseTwins();
    return files;
  }));
}

/** One side only, other endings: these need no golden, but must compile. */
function generateVariants(): void {
  const { "ticker.proto": ticker = "" } = goldenProtos();
  for (const [name, parameter] of [
    ["only-client", "server=false"],
    ["only-server", "client=false"],
    ["reflect", "codec=reflect"],
    ["views", "bytes_fields=view"],
  ] as const) {
    writeTree(join(GENERATED, name), runPlugin(compile({ "ticker.proto": ticker }, `target=ts,${parameter}`)).files);
    cpSync(join(GENERATED, "ticker_pb.ts"), join(GENERATED, name, "ticker_pb.ts"));
    cpSync(join(GENERATED, "rsocket"), join(GENERATED, name, "rsocket"), { recursive: true });
  }
}

/** Rpcs that differ in the case of their first letter. protoc-gen-es names such twins alike in the file of the service,
 *  which then doesn't compile; ours takes only messages, so that those of another file do. */
function generateCaseTwins(): void {
  const { files } = generate({
    "twins/twins.proto": `syntax = "proto3"; package twins; import "ticker.proto";
      service Twins {
        rpc Get(demo.v1.Symbol) returns (demo.v1.Quote);
        rpc get(stream demo.v1.Line) returns (demo.v1.Summary);
        rpc GET(demo.v1.Symbol) returns (stream demo.v1.Quote);
      }`,
    "ticker.proto": goldenProtos()["ticker.proto"] ?? "",
  });
  const ours = ["twins/twins_rsocket.ts", "twins/twins_codec.ts"];
  writeTree(GENERATED, Object.fromEntries(ours.map((path) => [path, files[path] ?? ""])));
}

/** Texts by path of the files below a folder whose names end so. */
export function readTree(folder: string, ending: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(ending))
    .sort();
  return Object.fromEntries(
    paths.map((path) => [path.replaceAll("\\", "/"), readFileSync(join(folder, path), "utf8")]),
  );
}

function writeTree(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}
