// SPDX-License-Identifier: Apache-2.0
// Puts into README, llms.txt and the pages what is written elsewhere:
//
//   <!-- file: path -->            and a fenced block: the file, or its #region
//   <!-- declaration: path#Name --> and a fenced block: an exported interface, class or constant with its comments
//   <!-- pages: prefix -->          and a list: the pages of the guide, in the order of their numbers
//
// `node docs/update-blocks.mjs` writes; with --check it only tells, by its exit code, whether something is stale.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const check = process.argv.includes("--check");
const guide = readdirSync("docs/guide")
  .filter((name) => name.endsWith(".md"))
  .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
const pages = ["README.md", "llms.txt", "docs/README.md", ...guide.map((name) => `docs/guide/${name}`)];
const block = /<!-- (file|declaration): (\S+?)(?:#(\S+))? -->\n```(\w+)\n[\s\S]*?```/g;
const list = /<!-- pages: (\S+) -->\n\n(?:.+\n)*/g;
let stale = 0;

for (const page of pages) {
  const text = readFileSync(page, "utf8");
  const updated = text
    .replace(block, (_, kind, path, part, language) => {
      const suffix = part === undefined ? "" : `#${part}`;
      const content = kind === "file" ? contentOf(path, part) : declarationOf(path, part);
      return `<!-- ${kind}: ${path}${suffix} -->\n\`\`\`${language}\n${content}\`\`\``;
    })
    .replace(list, (_, prefix) => `<!-- pages: ${prefix} -->\n\n${pagesList(prefix, page === "README.md")}`);
  if (updated === text) continue;
  stale++;
  if (check) console.error(`${page}: a block differs from what it shows; run node docs/update-blocks.mjs`);
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

/** From `export interface Name` to the brace, or the semicolon, that ends it in the first column. Formatted code has it there. */
function declarationOf(path, name) {
  const lines = readFileSync(path, "utf8").split("\n");
  const start = lines.findIndex((line) => new RegExp(`^export (?:interface|class|type|const) ${name}\\b`).test(line));
  if (start < 0) throw new Error(`${path}: no declaration of ${name}`);
  const end = lines.findIndex((line, index) => index >= start && /^\S.*;$|^[})].*$/.test(line));
  return `${lines.slice(start, end + 1).join("\n")}\n`;
}

/** A line for each page: a number and its title, or for an index also its first sentence. */
function pagesList(prefix, short) {
  const lines = guide.map((name) => {
    const [title = "", first = ""] = readFileSync(`docs/guide/${name}`, "utf8").split(/\n\n+/);
    const link = `[${title.replace(/^# /, "")}](${prefix}${name})`;
    if (short) return `${Number.parseInt(name, 10)}. ${link}`;
    return `- ${link}: ${first
      .replaceAll("\n", " ")
      .replace(/\[([^\]]*)\]\([^)]*\)/g, "$1") // links lead from the page, not from the index
      .replace(/(?<=[.:?!]) .*/, "")
      .replace(/:$/, ".")}`;
  });
  return `${lines.join("\n")}\n`;
}
