// SPDX-License-Identifier: Apache-2.0
// `npm run mutation [-- frames|metadata|session|FILE …]`: installs Stryker beside this file when it isn't there, runs it
// over each folder, and ends with the scores. Only what has changed since the last run is looked at again.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FOLDERS = ["frames", "metadata", "session"];
const HERE = fileURLToPath(new URL(".", import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const STRYKER = fileURLToPath(new URL("node_modules/@stryker-mutator/core/bin/stryker.js", import.meta.url));

const wanted = process.argv.slice(2);
if (!existsSync(STRYKER)) run("npm", ["ci", "--ignore-scripts"], HERE, {});
mkdirSync(new URL("reports/", import.meta.url), { recursive: true });

let status = 0;
const lines = [];
for (const name of wanted.length === 0 ? FOLDERS : wanted) {
  const key = name.replaceAll("/", "-").replace(/\.ts$/, "");
  const report = `test/mutation/reports/${key}.json`;
  const code = run(process.execPath, [STRYKER, "run", "test/mutation/stryker.config.mjs"], ROOT, {
    MUTATE: name.endsWith(".ts") ? name : `runtime/src/${name}/**/*.ts`,
    INCREMENTAL_FILE: `test/mutation/reports/${key}.incremental.json`,
    REPORT_FILE: report,
    // The same random numbers for each mutant.
    SEED: "1",
  });
  status ||= code;
  lines.push(`${name}: ${scoreOf(new URL(`../../${report}`, import.meta.url))}`);
}
console.log(lines.join("\n"));
process.exitCode = status;

function run(command, options, cwd, env) {
  const { status, error } = spawnSync(command, options, { cwd, stdio: "inherit", env: { ...process.env, ...env } });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function scoreOf(file) {
  if (!existsSync(file)) return "no report";
  const mutants = Object.values(JSON.parse(readFileSync(file, "utf8")).files).flatMap((one) => one.mutants);
  const count = (wantedStatus) => mutants.filter((mutant) => mutant.status === wantedStatus).length;
  const [killed, timeout, survived, noCoverage] = ["Killed", "Timeout", "Survived", "NoCoverage"].map(count);
  const judged = killed + timeout + survived + noCoverage;
  const score = ((100 * (killed + timeout)) / judged).toFixed(2);
  return `${score} % of ${judged} mutants: ${killed} killed, ${timeout} timeouts, ${survived} survived, ${noCoverage} not covered, ${count("Ignored")} ignored`;
}
