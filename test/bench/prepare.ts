// SPDX-License-Identifier: Apache-2.0
// Generates the stubs of bench.proto and compiles the child processes' files into dist/.
import { execFileSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
export async function compileChildren(contestants: readonly string[]): Promise<void> {
  await build({
    entryPoints: ["child.ts", ...contestants.map((name) => `contestants/${name}.ts`)],
    absWorkingDir: benchFolder,
    outdir: "dist",
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
