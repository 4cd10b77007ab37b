// SPDX-License-Identifier: Apache-2.0
// Generates the stubs of bench.proto and compiles the child processes' files into dist/, or more/dist/ for those that need
// packages of their own: these are installed beside them when they aren't there.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { ContestantEntry, Program } from "./scenarios.js";

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
    const own = contestants.filter((entry) => entry.program === undefined && entry.folder === folder);
    const modules = new Set(own.map(({ module }) => module));
    if (modules.size > 0) await compileFolder(folder, [...modules]);
  }
}

/** The first tool that a contestant needs and that isn't installed. */
export function missingTool({ program }: ContestantEntry): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return program?.tools.find((tool) => !folders.some((folder) => existsSync(join(folder, tool))));
}

/** Builds a program into its `dist/`, unless it has been built from the same sources. */
export function buildProgram(program: Program): void {
  const cwd = join(benchFolder, "more", program.folder);
  const stamp = join(cwd, "dist", "built-from");
  const sources = digestOf(program);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === sources) return;
  mkdirSync(join(cwd, "dist"), { recursive: true });
  for (const command of program.install) execFileSync(command, { cwd, shell: true, stdio: ["ignore", 2, 2] });
  writeFileSync(stamp, sources);
}

function digestOf({ folder, uses, install }: Program): string {
  const digest = createHash("sha256").update(JSON.stringify(install));
  const folders = [folder, ...uses].map((name) => join(benchFolder, "more", name));
  for (const from of [...folders, join(benchFolder, "proto")]) {
    const names = readdirSync(from, { recursive: true, encoding: "utf8" }).filter((name) => !name.startsWith("dist"));
    for (const name of names.filter((one) => /\.\w+$/.test(one)).sort())
      digest.update(`${name}\0`).update(readFileSync(join(from, name)));
  }
  return digest.digest("hex");
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
