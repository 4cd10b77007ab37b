// SPDX-License-Identifier: Apache-2.0
// Schemas of others through the whole chain: buf, both plugins, two compilers, and a call of every rpc.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { callEverything, callUnimplemented, readServices } from "./calls.js";
import { GENERATED, readTree } from "./goldens.js";
import { fetchPackage, packageTitle } from "./public-packages.js";
import { SOURCES, type Source } from "./public-sources.js";
import { buf, inTemporaryFolder, type Protos, ROOT, writeProtos } from "./workspace.js";

/** What is known of one file when all has been done with it. */
export interface Checked {
  readonly file: string;
  readonly from: string;
  readonly services: number;
  readonly rpcs: number;
}

const OUT = join(GENERATED, "public");

/** Fetches all packages, and generates the code of their files and of all that these import. */
export function generatePublic(): void {
  rmSync(OUT, { recursive: true, force: true });
  for (const source of SOURCES) {
    inTemporaryFolder((folder) => {
      writeProtos(folder, collect(source));
      const out = join(OUT, source.name);
      const plugins = [
        { local: "protoc-gen-es", out, opt: ["target=ts", "import_extension=js"], strategy: "all" },
        { local: "protoc-gen-rsocket-rpc", out, opt: ["target=ts"], strategy: "all" },
      ];
      const { status, stderr } = buf(folder, "generate", "--template", JSON.stringify({ version: "v2", plugins }));
      if (status !== 0) throw new Error(`${source.name}: buf generate: ${stderr}`);
    });
  }
}

/** A file and what it imports, as far as that doesn't come with every compiler. */
function collect({ name, roots, files }: Source): Protos {
  const places = roots.map((root) => ({
    prefix: root.prefix ?? "",
    folder: join(fetchPackage(root.package), root.folder ?? ""),
  }));
  const read = (path: string): string => {
    for (const { prefix, folder } of places) {
      const file = join(folder, path.slice(prefix.length));
      if (path.startsWith(prefix) && existsSync(file)) return readFileSync(file, "utf8");
    }
    throw new Error(`${name}: ${path} is in none of ${roots.map((root) => packageTitle(root.package)).join(", ")}`);
  };
  const protos: Record<string, string> = {};
  const wanted = [...files];
  for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
    if (path in protos || path.startsWith("google/protobuf/")) continue;
    const text = (protos[path] = read(path));
    wanted.push(...[...text.matchAll(/^import (?:public |weak )?"(.+)";/gm)].map(([, from = ""]) => from));
  }
  return protos;
}

/** What a compiler says of all of it under strict options; nothing when it is content. */
export function typeCheckPublic(compiler: string): string {
  writeFileSync(join(OUT, "tsconfig.json"), JSON.stringify({ extends: "../../tsconfig.json", include: ["**/*.ts"] }));
  const tsc = join(ROOT, "node_modules", compiler, "bin/tsc");
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, "--pretty", "false", "-p", OUT], {
    encoding: "utf8",
  });
  return status === 0 ? "" : `${stdout}${stderr}`;
}

/** Imports each generated file and calls each rpc of it, also where nothing is served.
 *  @returns the files of the list, then how many more came with them */
export async function callPublic(): Promise<{ readonly listed: readonly Checked[]; readonly others: number }> {
  const listed: Checked[] = [];
  let others = 0;
  for (const source of SOURCES) {
    const from = source.roots[0] === undefined ? "" : packageTitle(source.roots[0].package);
    for (const path of Object.keys(readTree(join(OUT, source.name), "_rsocket.ts"))) {
      const file = path.replace(/_rsocket\.ts$/, ".proto");
      const checked = { file, from, ...(await callFile(join(OUT, source.name, path))) };
      if (source.files.includes(file)) listed.push(checked);
      else others++;
    }
  }
  return { listed, others };
}

async function callFile(path: string): Promise<{ readonly services: number; readonly rpcs: number }> {
  const load = async (file: string): Promise<Record<string, unknown>> =>
    (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const services = readServices(await load(path), await load(path.replace("_rsocket.", "_pb.")));
  for (const service of services) {
    try {
      await callEverything(service);
      await callUnimplemented(service);
    } catch (error) {
      throw new Error(`${path}, ${service.desc.typeName}`, { cause: error });
    }
  }
  return {
    services: services.length,
    rpcs: services.reduce((count, { desc }) => count + desc.methods.length, 0),
  };
}
