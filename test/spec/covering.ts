// SPDX-License-Identifier: Apache-2.0
// Which tests name which requirements, as mocha itself lists or runs them: titles may be made from data.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { idsIn } from "./requirements.js";

/** The top of the repository. */
export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** A test whose title names requirements. */
export interface CoveringTest {
  /** From the repository's top. */
  readonly file: string;
  readonly title: string;
  readonly ids: readonly string[];
  readonly outcome: "passed" | "failed" | "skipped";
}

interface MochaTest {
  readonly title: string;
  readonly file: string;
}

interface MochaResults {
  readonly stats: { readonly tests: number };
  readonly tests: readonly MochaTest[];
  readonly failures: readonly MochaTest[];
  readonly pending: readonly MochaTest[];
}

/** Test files that name a requirement anywhere, but for those about the repository itself, and the copies of a tool at work. */
export function candidateFiles(): string[] {
  return readdirSync(join(ROOT, "test"), { recursive: true, encoding: "utf8" })
    .map((path) => `test/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".test.ts") && !/^test\/meta\/|\/\.work\//.test(path))
    .filter((path) => idsIn(readFileSync(join(ROOT, path), "utf8")).length > 0)
    .sort();
}

/** All tests that cover something, in the order of files and titles. `dry` lists them without running any. */
export async function coveringTests(dry: boolean): Promise<CoveringTest[]> {
  const { tests, failures, pending } = await runMocha(candidateFiles(), dry ? ["--dry-run"] : []);
  const keyOf = ({ file, title }: MochaTest): string => `${file} ${title}`;
  const failed = new Set(failures.map(keyOf));
  const skipped = new Set(pending.map(keyOf));
  return tests
    .map((test): CoveringTest => {
      const outcome = failed.has(keyOf(test)) ? "failed" : skipped.has(keyOf(test)) ? "skipped" : "passed";
      const file = relative(ROOT, test.file).replaceAll("\\", "/");
      return { file, title: test.title, ids: idsIn(test.title), outcome };
    })
    .filter(({ ids }) => ids.length > 0)
    .sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0));
}

async function runMocha(files: readonly string[], args: readonly string[]): Promise<MochaResults> {
  const folder = mkdtempSync(join(tmpdir(), "conformance-"));
  const output = join(folder, "results.json");
  const command = [
    ...["--import", "tsx", join(ROOT, "node_modules/mocha/lib/cli/cli.js"), "--no-config", "--timeout", "10000"],
    ...["--reporter", "json", "--reporter-option", `output=${output}`, ...args, ...files],
  ];
  try {
    const said = await outputOf(command);
    try {
      return JSON.parse(readFileSync(output, "utf8")) as MochaResults;
    } catch (cause) {
      throw new Error(`mocha has listed no tests:\n${said}`, { cause });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Tests that fail are results, not a failure of mocha.
function outputOf(args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (said += String(data)));
    child.once("error", reject);
    child.once("close", () => resolve(said.slice(-4_000)));
  });
}
