// SPDX-License-Identifier: Apache-2.0
// Puts files into the code blocks of README and docs that name them: <!-- file: path --> followed by a fenced block.
// `node docs/update-blocks.mjs` writes; with --check it only tells, by its exit code, whether something is stale.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const check = process.argv.includes("--check");
const pages = ["README.md", ...readdirSync("docs/guide").map((name) => `docs/guide/${name}`)].filter((page) =>
  page.endsWith(".md"),
);
const block = /<!-- file: (\S+?)(?:#(\S+))? -->\n```(\w+)\n[\s\S]*?```/g;
let stale = 0;

for (const page of pages) {
  const text = readFileSync(page, "utf8");
  const updated = text.replace(block, (_, path, region, language) => {
    const suffix = region === undefined ? "" : `#${region}`;
    return `<!-- file: ${path}${suffix} -->\n\`\`\`${language}\n${contentOf(path, region)}\`\`\``;
  });
  if (updated === text) continue;
  stale++;
  if (check) console.error(`${page}: a code block differs from its file; run node docs/update-blocks.mjs`);
  else writeFileSync(page, updated);
}
process.exit(check && stale > 0 ? 1 : 0);

function contentOf(path, region) {
  const lines = readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => !line.startsWith("// SPDX-"));
  if (region === undefined) return lines.join("\n");
  const start = lines.findIndex((line) => line.trim() === `// #region ${region}`);
  const end = lines.findIndex((line, index) => index > start && line.trim() === "// #endregion");
  if (start < 0 || end < 0) throw new Error(`${path}: no region ${region}`);
  const inside = lines.slice(start + 1, end);
  const indent = Math.min(
    ...inside.filter((line) => line.trim() !== "").map((line) => line.length - line.trimStart().length),
  );
  return `${inside.map((line) => line.slice(indent)).join("\n")}\n`;
}
