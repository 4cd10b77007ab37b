// SPDX-License-Identifier: Apache-2.0
// Joins what V8 counted in all processes and maps it back to the statements and branches of runtime/src.
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { mergeProcessCovs } from "@bcoe/v8-coverage";
import { parse } from "acorn";
import { convert } from "ast-v8-to-istanbul";
import coverageLibrary from "istanbul-lib-coverage";
import reportLibrary from "istanbul-lib-report";
import reports from "istanbul-reports";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Prints the table and writes `reports`/index.html and coverage-final.json.
 *
 *  @returns the totals, and which sources that have statements no process loaded. */
export async function measure({ raw, copy, reports: dir }) {
  const counts = new Map(mergeProcessCovs(readCounts(raw, copy)).result.map((script) => [script.url, script]));
  const coverage = coverageLibrary.createCoverageMap();
  const notLoaded = [];
  for (const name of readdirSync(fileURLToPath(copy), { recursive: true }).filter((file) => file.endsWith(".js"))) {
    const url = new URL(name.replaceAll("\\", "/"), copy).href;
    const code = readFileSync(fileURLToPath(url), "utf8");
    const one = await toSource(url, code, counts.get(url) ?? notRun(url, code));
    const statements = Object.values(one).reduce((sum, { statementMap }) => sum + Object.keys(statementMap).length, 0);
    if (statements === 0) continue; // types, or re-exports
    if (!counts.has(url)) notLoaded.push(...Object.keys(one).map((file) => relative(ROOT, file)));
    coverage.merge(one);
  }
  mkdirSync(dir, { recursive: true });
  const context = reportLibrary.createContext({ dir, coverageMap: coverage, defaultSummarizer: "nested" });
  for (const name of ["text", "html", "json"]) reports.create(name, { maxCols: 140 }).execute(context);
  return { totals: coverage.getCoverageSummary(), notLoaded };
}

function readCounts(raw, copy) {
  return readdirSync(raw).map((file) => {
    const { result } = JSON.parse(readFileSync(`${raw}${file}`, "utf8"));
    return { result: result.filter(({ url }) => url.startsWith(copy)) };
  });
}

function toSource(url, code, coverage) {
  const ast = parse(code, { ecmaVersion: 2022, sourceType: "module" });
  const sourceMap = JSON.parse(readFileSync(fileURLToPath(`${url}.map`), "utf8"));
  return convert({ ast, code, coverage, sourceMap, wrapperLength: 0 });
}

function notRun(url, code) {
  const whole = { startOffset: 0, endOffset: code.length, count: 0 };
  return { scriptId: "", url, functions: [{ functionName: "", isBlockCoverage: true, ranges: [whole] }] };
}
