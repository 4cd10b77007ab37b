// SPDX-License-Identifier: Apache-2.0
// `npm run coverage [-- SPEC …]`: the lines and branches of runtime/src that tests run, which load the package by its
// sources here. Fails below 95 % of lines or 90 % of branches. What runs in other processes, browsers and tarballs isn't seen.
// Not trusted yet: lines of several files that unit tests run are shown as not run, so the gate fails.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const C8 = fileURLToPath(new URL("node_modules/c8/bin/c8.js", import.meta.url));
const SPEC = "test/{unit,spec,session,contracts,vectors,regressions,resilience,interop}/**/*.test.ts";
const given = process.argv.slice(2);

if (!existsSync(C8)) run("npm", ["ci", "--ignore-scripts"], HERE);
run("npm", ["run", "-s", "generate"], ROOT);
run("npm", ["run", "-s", "generate:tests"], ROOT);
process.exitCode = run(
  process.execPath,
  [
    C8,
    // Files that only declare types are never loaded, and have no line that could run.
    ...["--src", "runtime/src", "--include", "runtime/src/**"],
    ...["--reporter", "text", "--reporter", "json-summary", "--reports-dir", "test/coverage/report"],
    ...["--check-coverage", "--lines", "95", "--branches", "90", "--functions", "0", "--statements", "0"],
    ...["npx", "mocha", "--timeout", "60000", ...(given.length === 0 ? [SPEC] : given)],
  ],
  ROOT,
  { TSX_TSCONFIG_PATH: "test/coverage/tsconfig.json" },
);

function run(command, options, cwd, env = {}) {
  const { status, error } = spawnSync(command, options, { cwd, stdio: "inherit", env: { ...process.env, ...env } });
  if (error !== undefined) throw error;
  return status ?? 1;
}
