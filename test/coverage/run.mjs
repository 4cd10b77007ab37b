// SPDX-License-Identifier: Apache-2.0
// `npm run coverage [-- TEST…]`: how much of runtime/src the tests run. Lines are those with a statement, branches are
// ways of the syntax (both of an `if`, each of `?:`, `??`, `&&`, `||`); a file that no test loads counts as not run.
// V8 counts in one copy of the runtime, see one-copy.mjs, in child processes too. Ends with 1 below the bounds.
// With the names of test files it runs just those, and knows no bounds.
import { spawnSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const BOUNDS = { lines: 95, branches: 90 };
/** Those of the runtime. Others look at pages, packages, the repository, or attack a server for minutes. */
const SUITES = ["unit", "spec", "session", "vectors", "resilience", "contracts", "regressions", "interop", "codegen"];

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const ROOT = path("../../");
const MOCHA = path("../../node_modules/mocha/bin/mocha.js");
const RAW = path("raw/");
const COPY = new URL("dist/", import.meta.url).href;

const wanted = process.argv.slice(2);
if (!existsSync(path("node_modules"))) mustRun("npm", ["ci", "--ignore-scripts"], path("."));
rmSync(path("dist"), { recursive: true, force: true });
rmSync(RAW, { recursive: true, force: true });
mustRun(process.execPath, [path("../../node_modules/typescript/bin/tsc"), "-p", "test/coverage"], ROOT);

const tests = wanted.length === 0 ? SUITES.map((name) => `test/${name}/**/*.test.ts`) : wanted;
const options = [
  // Where it can, mocha takes tests by require(), which tsx answers with other code than it does import(). So the one test
  // that compares the two has nothing to compare.
  ...["--node-option", "no-experimental-require-module"],
  ...["--grep", "is the same class for require and import", "--invert"],
  // Counting costs time, most of all where each byte is looked at.
  ...["--timeout", "60000"],
];
const env = { NODE_V8_COVERAGE: RAW, NODE_OPTIONS: `--import=${new URL("one-copy.mjs", import.meta.url)}` };
// One after the other: a suite that dies takes no other's counts with it.
const failed = tests.filter((files) => run(process.execPath, [MOCHA, ...options, files], ROOT, env).status !== 0);

const { measure } = await import("./measure.mjs");
const { totals, notLoaded } = await measure({ raw: RAW, copy: COPY, reports: path("reports") });
for (const file of notLoaded) console.log(`no test loads ${file}`);
const below = wanted.length > 0 ? [] : Object.keys(BOUNDS).filter((kind) => !(totals[kind].pct >= BOUNDS[kind]));
for (const [kind, bound] of Object.entries(BOUNDS)) {
  const { covered, total, pct } = totals[kind];
  console.log(
    `${kind}: ${covered} of ${total}, ${pct} %${below.includes(kind) ? `, expected at least ${bound} %` : ""}`,
  );
}
// `npm test` judges them: those that look at the clock may fail here, where all is slower.
if (failed.length > 0) console.log(`tests failed, see above: ${failed.join(" ")}`);
process.exitCode = below.length > 0 ? 1 : 0;

function mustRun(command, options, cwd) {
  const { status } = run(command, options, cwd, {});
  if (status !== 0) throw new Error(`${command} ${options.join(" ")} ended with ${status}`);
}

function run(command, options, cwd, env) {
  const result = spawnSync(command, options, { cwd, stdio: "inherit", env: { ...process.env, ...env } });
  if (result.error !== undefined) throw result.error;
  return result;
}
