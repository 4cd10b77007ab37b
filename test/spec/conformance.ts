// SPDX-License-Identifier: Apache-2.0
// Writes docs/conformance.md: runs the tests that name requirements, and fails when one of them does.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderPage, testsOf } from "./conformance-page.js";
import { coveringTests, ROOT } from "./covering.js";
import { REQUIREMENTS } from "./requirements.js";

const tests = await coveringTests(false);
const failed = tests.filter(({ outcome }) => outcome !== "passed");
const uncovered = REQUIREMENTS.filter((row) => row.argument === undefined && testsOf(row, tests).length === 0);
writeFileSync(join(ROOT, "docs/conformance.md"), renderPage(tests));
for (const { file, title, outcome } of failed) console.error(`${outcome}: ${file}: ${title}`);
for (const { id } of uncovered) console.error(`no test names ${id}`);
console.log(`docs/conformance.md: ${REQUIREMENTS.length} requirements, ${tests.length} tests, ${failed.length} failed`);
process.exitCode = failed.length + uncovered.length > 0 ? 1 : 0;
