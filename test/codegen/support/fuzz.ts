// SPDX-License-Identifier: Apache-2.0
// Random schemas through the whole chain: buf, both plugins, the compiler, and a call of every rpc.
import { spawnSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Subject, subjects } from "../../codec/support/codecs.js";
import { compareOnce, type Verdicts } from "../../codec/support/differential.js";
import { Random } from "../../support/rng.js";
import { callEverything, callUnimplemented, readServices } from "./calls.js";
import { GENERATED, readTree } from "./goldens.js";
import { randomSchema } from "./random-schema.js";
import { buf, inTemporaryFolder, ROOT, writeProtos } from "./workspace.js";

/** Messages of each schema that are compared. */
const MESSAGES = 20;

/** What a run has done. */
export interface FuzzCount {
  readonly schemas: number;
  readonly services: number;
  readonly rpcs: number;
}

/** Generates, compiles under strict options and calls the schemas of `count` seeds.
 *  @throws Error that names the seed, or the file (`f<seed>/…`), which does not. */
export async function fuzz(firstSeed: number, count: number): Promise<FuzzCount> {
  const folder = join(GENERATED, "fuzz");
  rmSync(folder, { recursive: true, force: true });
  generateAll(folder, firstSeed, count);
  typeCheck(folder);
  let services = 0;
  let rpcs = 0;
  const paths = Object.keys(readTree(folder, "_rsocket.ts"));
  if (paths.length !== count)
    throw new Error(`${paths.length} files were generated, expected one for each of ${count} seeds`);
  const withCodecs = new Set(Object.keys(readTree(folder, "_codec.ts")));
  for (const path of paths) {
    const load = async (name: string): Promise<Record<string, unknown>> =>
      (await import(pathToFileURL(join(folder, name)).href)) as Record<string, unknown>;
    const messages = await load(path.replace("_rsocket.", "_pb."));
    const codecs = path.replace("_rsocket.", "_codec.");
    // Services without rpcs have none.
    if (withCodecs.has(codecs)) compareCodecs(path, subjects(messages, await load(codecs)));
    for (const service of readServices(await load(path), messages)) {
      try {
        await callEverything(service);
        await callUnimplemented(service);
      } catch (error) {
        throw new Error(`${path}, ${service.desc.typeName}`, { cause: error });
      }
      services++;
      rpcs += service.desc.methods.length;
    }
  }
  rmSync(folder, { recursive: true, force: true });
  return { schemas: count, services, rpcs };
}

/** Codecs of a schema that nobody thought of write and read what protobuf-es does. */
function compareCodecs(path: string, codecs: readonly Subject[]): void {
  if (codecs.length === 0) return;
  // The seed is in the path, which repeats it.
  const random = new Random(Number(/\d+/.exec(path)?.[0]));
  const verdicts: Verdicts = { messages: 0, accepted: 0, refused: 0, safer: 0 };
  try {
    for (let count = 0; count < MESSAGES; count++) compareOnce(random, verdicts, codecs);
  } catch (error) {
    throw new Error(path, { cause: error });
  }
}

function generateAll(out: string, firstSeed: number, count: number): void {
  inTemporaryFolder((folder) => {
    for (let seed = firstSeed; seed < firstSeed + count; seed++) writeProtos(folder, randomSchema(seed));
    const plugins = [
      { local: "protoc-gen-es", out, opt: ["target=ts", "import_extension=js"], strategy: "all" },
      { local: "protoc-gen-rsocket-rpc", out, opt: ["target=ts"], strategy: "all" },
    ];
    const { status, stderr } = buf(folder, "generate", "--template", JSON.stringify({ version: "v2", plugins }));
    if (status !== 0) throw new Error(`buf generate: ${stderr}`);
  });
}

function typeCheck(folder: string): void {
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "../../tsconfig.json", include: ["**/*.ts"] }),
  );
  const { stdout } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "--pretty", "false", "-p", folder],
    { encoding: "utf8" },
  );
  if (stdout !== "") throw new Error(stdout);
}
