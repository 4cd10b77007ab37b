// SPDX-License-Identifier: Apache-2.0
// The runtime and its tests as JavaScript in a folder of their own, where a line can be changed and a test run in a
// second: the repository itself is never touched.

import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build, transform } from "esbuild";
import { ROOT } from "./covering.js";

/** Neither read by a test that names a requirement, nor small. */
const LEFT_OUT = /^test\/(browser|bench|packages|interop|codegen|docs|meta)\b/;
const OPTIONS = { format: "esm", platform: "node", target: "node20" } as const;

/** One copy. Give it back with `remove`. */
export class ScratchCopy {
  readonly folder: string = mkdtempSync(join(tmpdir(), "bite-"));

  /** Compiles everything into a new folder. */
  static async create(): Promise<ScratchCopy> {
    const copy = new ScratchCopy();
    try {
      await copy.#fill();
    } catch (error) {
      copy.remove();
      throw error;
    }
    return copy;
  }

  /** Puts `source` in the place of a file of the repository; returns how to take it back. */
  async replace(path: string, source: string): Promise<() => void> {
    const target = join(this.folder, path.replace(/\.ts$/, ".js"));
    const before = readFileSync(target);
    const { code } = await transform(source, { loader: "ts", ...OPTIONS });
    writeFileSync(target, code);
    return () => writeFileSync(target, before);
  }

  /** Deletes the folder. May be called again. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #fill(): Promise<void> {
    const folders = ["runtime/src", "test", "examples/hello"];
    const files = folders.flatMap(listFiles).filter((path) => !LEFT_OUT.test(path));
    const entryPoints = files.filter((path) => path.endsWith(".ts"));
    await build({
      ...OPTIONS,
      absWorkingDir: ROOT,
      entryPoints,
      outbase: ROOT,
      outdir: this.folder,
      logLevel: "error",
    });
    for (const path of files.filter((other) => !other.endsWith(".ts"))) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      cpSync(join(ROOT, path), join(this.folder, path));
    }
    writeFileSync(join(this.folder, "package.json"), '{ "type": "module" }');
    // The package's doors lead to the copy's sources instead of what is built.
    const manifest = readFileSync(join(ROOT, "runtime/package.json"), "utf8");
    writeFileSync(join(this.folder, "runtime/package.json"), manifest.replaceAll('"./dist/', '"./src/'));
    this.#linkPackages();
  }

  #linkPackages(): void {
    const target = join(this.folder, "node_modules");
    mkdirSync(target);
    for (const name of readdirSync(join(ROOT, "node_modules"))) {
      const source = name === "rsocket-rpc" ? join(this.folder, "runtime") : join(ROOT, "node_modules", name);
      if (!name.startsWith(".")) symlinkSync(source, join(target, name), "junction");
    }
  }
}

function listFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll("\\", "/"));
}
