// SPDX-License-Identifier: Apache-2.0
// Both packages as npm packs them, and a project into which npm has installed them.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OUR_PROGRAMS, ROOT, succeed } from "./programs.js";

/** Paths of the two tarballs. */
export interface Tarballs {
  readonly runtime: string;
  readonly plugin: string;
}

/** A folder outside of the repository that is gone when the tests have ended. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `rsocket-rpc-${name}-`));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Makes the promise of a value once, for all test files of a run. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/** Packs what `npm run build` has built: without scripts, which would build anew under the feet of other tests. */
export const packed: () => Promise<Tarballs> = once(async () => {
  const folder = temporaryFolder("tarballs");
  const pack = async (name: string): Promise<string> => {
    const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder];
    const file = await succeed("npm", args, { cwd: join(ROOT, name) });
    return join(folder, file.trim());
  };
  const [runtime, plugin] = await Promise.all([pack("runtime"), pack("plugin")]);
  return { runtime, plugin };
});

/**
 * A folder with both packages in its `node_modules`. Their own dependencies come from the repository's, so that no
 * registry is asked.
 */
export const installed: () => Promise<string> = once(async () => {
  const folder = temporaryFolder("installed");
  const { runtime, plugin } = await packed();
  const dependencies = ["@bufbuild/protobuf", "ws"].map((name) => join(ROOT, "node_modules", name));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  await succeed(
    "npm",
    [
      "install",
      "--offline",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      "--no-package-lock",
      "--install-links",
    ].concat(runtime, plugin, dependencies),
    { cwd: folder },
  );
  return folder;
});

/** Generates code for ticker.proto in `installed()`, in each form: `gen/ts`, `gen/esm` and `gen/cjs` (both js+dts). */
export const generated: () => Promise<string> = once(async () => {
  const folder = await installed();
  mkdirSync(join(folder, "proto"));
  cpSync(join(ROOT, "examples/hello/proto/ticker.proto"), join(folder, "proto/ticker.proto"));
  cpSync(
    join(folder, "node_modules/protoc-gen-rsocket-rpc/proto/rsocket/options.proto"),
    join(folder, "proto/rsocket/options.proto"),
  );
  const forms = {
    ts: ["target=ts"],
    esm: ["target=js+dts"],
    cjs: ["target=js+dts", "js_import_style=legacy_commonjs"],
  };
  const plugins = Object.entries(forms).flatMap(([form, opt]) => [
    { local: "protoc-gen-es", out: `gen/${form}`, opt: [...opt, "import_extension=js"], include_imports: true },
    { local: "protoc-gen-rsocket-rpc", out: `gen/${form}`, opt },
  ]);
  writeFileSync(
    join(folder, "buf.gen.yaml"),
    JSON.stringify({ version: "v2", inputs: [{ directory: "proto" }], plugins }), // JSON is YAML
  );
  // The packed plugin before that of the workspace.
  const folders = [join(folder, "node_modules/.bin"), OUR_PROGRAMS];
  await succeed("buf", ["generate"], { cwd: folder, folders });
  return join(folder, "gen");
});

/** A form of the generated code. */
type Form = "ts" | "esm" | "cjs";

/** A new package inside `installed()`. Each folder of `forms` gets `files` and, in `gen`, the generated form. */
export async function project(
  name: string,
  type: "module" | "commonjs",
  forms: Readonly<Record<string, Form>>,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const gen = await generated();
  const top = join(await installed(), name);
  for (const [subfolder, form] of Object.entries(forms)) {
    const folder = join(top, subfolder);
    mkdirSync(folder, { recursive: true });
    cpSync(join(gen, form), join(folder, "gen"), { recursive: true });
    for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(top, "package.json"), JSON.stringify({ name, type, private: true }));
  return top;
}

/** A file of this repository. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
