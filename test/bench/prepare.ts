// SPDX-License-Identifier: Apache-2.0
// Generates the stubs of bench.proto and compiles the child processes' files into dist/, or more/dist/ for those that need
// packages of their own: these are installed beside them when they aren't there.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { ContestantEntry } from "./scenarios.js";

/** The folder of the benchmark and the top of the repository. */
export const benchFolder: string = fileURLToPath(new URL(".", import.meta.url));
export const repositoryFolder: string = fileURLToPath(new URL("../..", import.meta.url));

/** Runs `buf generate`: needs the built plugin. */
export function generateStubs(): void {
  const binaries = join(repositoryFolder, "node_modules", ".bin");
  execFileSync(join(binaries, "buf"), ["generate", "--template", "test/bench/buf.gen.yaml"], {
    cwd: repositoryFolder,
    stdio: "inherit",
    env: { ...process.env, PATH: `${binaries}${delimiter}${process.env["PATH"] ?? ""}` },
  });
}

/** Compiles child.ts and the contestants named. Packages stay outside: the runtime that is measured is its own dist. */
export async function compileChildren(contestants: readonly ContestantEntry[]): Promise<void> {
  for (const folder of [".", "more"] as const) {
    const modules = new Set(contestants.filter((entry) => entry.folder === folder).map(({ module }) => module));
    if (modules.size > 0) await compileFolder(folder, [...modules]);
  }
}

async function compileFolder(folder: ContestantEntry["folder"], modules: readonly string[]): Promise<void> {
  const own = folder === "." ? "contestants" : folder;
  if (folder !== "." && !existsSync(join(benchFolder, folder, "node_modules"))) install(join(benchFolder, folder));
  await build({
    entryPoints: [
      { in: "child.ts", out: "child" },
      ...modules.map((name) => ({
        in: `${own}/${name}.${folder === "." ? "ts" : "mjs"}`,
        out: `contestants/${name}`,
      })),
    ],
    absWorkingDir: benchFolder,
    outdir: join(folder, "dist"),
    outbase: ".",
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "silent", // the error that is thrown says it all
  });
}

function install(folder: string): void {
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: folder, stdio: "inherit" });
}
