// SPDX-License-Identifier: Apache-2.0
// Puts llms.txt into the runtime's package, without what leads to files that aren't in it: node docs/copy-llms.mjs, which
// building and packing do.

import { readFileSync, writeFileSync } from "node:fs";

const text = readFileSync(new URL("../llms.txt", import.meta.url), "utf8");
const end = text.indexOf("\n## Guide\n");
if (end < 0) throw new Error("llms.txt has no section Guide");
const own = text.slice(0, end).replace(/^<!-- .* -->\n/gm, "");
writeFileSync(new URL("../runtime/llms.txt", import.meta.url), own);
