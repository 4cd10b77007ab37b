// SPDX-License-Identifier: Apache-2.0
// docs/conformance.md as text: each requirement with the tests that name it.

import type { CoveringTest } from "./covering.js";
import { LEVELS, REQUIREMENTS, type Requirement } from "./requirements.js";

const HEAD = `# Conformance

Written by \`npm run conformance\`, which runs the tests below; don't edit it by hand. What RSocket 1.0, its extensions and the
rsocket-rpc convention ask of a peer, in our words, and the tests that name each requirement in their titles.
\`npm run conformance:bite\` shows that they notice: it changes one line of the runtime for each requirement, and fails
where every test stays green.`;

/** The whole page. */
export function renderPage(tests: readonly CoveringTest[]): string {
  const chapters = [...new Set(REQUIREMENTS.map(({ chapter }) => chapter))];
  const sections = chapters.map((chapter) => renderChapter(chapter, tests));
  return `${[HEAD, renderSummary(tests), renderLevels(), ...sections].join("\n\n")}\n`;
}

/** The tests that name this requirement. */
export function testsOf({ id }: Requirement, tests: readonly CoveringTest[]): CoveringTest[] {
  return tests.filter(({ ids }) => ids.includes(id));
}

function renderSummary(tests: readonly CoveringTest[]): string {
  const observed = REQUIREMENTS.filter((requirement) => testsOf(requirement, tests).length > 0);
  const passed = observed.filter((requirement) => outcomeOf(testsOf(requirement, tests)) === "passed");
  const argued = REQUIREMENTS.length - observed.length;
  const rest = argued === 0 ? "" : ` ${argued} can't be observed, and say why.`;
  return (
    `${observed.length} of ${REQUIREMENTS.length} requirements are observed, by ${tests.length} tests; ` +
    `for ${passed.length} of them every test passes.${rest}`
  );
}

function renderLevels(): string {
  return Object.entries(LEVELS)
    .map(([level, meaning]) => `- **${level}**: ${meaning}`)
    .join("\n");
}

function renderChapter(chapter: string, tests: readonly CoveringTest[]): string {
  const rows = REQUIREMENTS.filter((requirement) => requirement.chapter === chapter).map((requirement) =>
    renderRow(requirement, testsOf(requirement, tests)),
  );
  return [
    `## ${chapter}\n`,
    "| id | level, side | requirement | tests | |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ].join("\n");
}

function renderRow(requirement: Requirement, tests: readonly CoveringTest[]): string {
  const { id, level, side, note } = requirement;
  const sentence = escapeCell(requirement.sentence) + (note === undefined ? "" : `<br>*${escapeCell(note)}*`);
  return `| ${id} | ${level}<br>${side} | ${sentence} | ${renderTests(requirement, tests)} | ${outcomeOf(tests)} |`;
}

function renderTests({ argument }: Requirement, tests: readonly CoveringTest[]): string {
  if (tests.length === 0) return argument === undefined ? "**none**" : `not observable: ${escapeCell(argument)}`;
  const files = [...new Set(tests.map(({ file }) => file))];
  return files
    .map((file) => {
      const titles = tests.filter((test) => test.file === file).map(({ title }) => escapeCell(title));
      return [`[${file.slice("test/".length)}](../${file})`, ...titles.map((title) => `· ${title}`)].join("<br>");
    })
    .join("<br>");
}

function outcomeOf(tests: readonly CoveringTest[]): string {
  if (tests.length === 0) return "argued";
  const bad = tests.find(({ outcome }) => outcome !== "passed");
  return bad === undefined ? "passed" : `**${bad.outcome}**`;
}

function escapeCell(text: string): string {
  return text.replace(/[\\|<>*_`[\]]/g, (character) => `\\${character}`).replaceAll("\n", " ");
}
