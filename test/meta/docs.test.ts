// SPDX-License-Identifier: Apache-2.0
// What sources must say about themselves: licence, purpose, and a doc comment on everything exported.

import { expect } from "chai";
import ts from "typescript-5.9";
import {
  isGenerated,
  listFiles,
  parseSource,
  parseSources,
  place,
  readText,
  type Source,
} from "./support/repository.js";

const LICENCE_LINE = "// SPDX-License-Identifier: Apache-2.0";

/** The README shows all of them but the licence line, and says itself what they are. */
const SHOWN_WHOLE = ["examples/hello/client.ts", "examples/hello/server.ts"];

describe("sources", () => {
  const sources = parseSources("runtime/src");

  it("begin with the licence and a comment saying what the file is", () => {
    const code = listFiles().filter((path) => isCode(path) && !isGenerated(path) && !SHOWN_WHOLE.includes(path));
    expect(code).to.have.length.above(100);
    expect(code.filter((path) => !hasHead(readText(path)))).to.deep.equal([]);
  });

  it("of the runtime document every symbol they export", () => {
    expect(sources.flatMap(undocumented)).to.deep.equal([]);
  });

  it("of the plugin document every symbol they export", () => {
    expect(parseSources("plugin/src").flatMap(undocumented)).to.deep.equal([]);
  });
});

describe("the check of sources", () => {
  it("finds exports without a doc comment", () => {
    const text = [
      "export function a(): void {}",
      "/** Documented. */",
      "export const b = 1, c = 2;",
      "export interface D {}",
      "// Not a doc comment.",
      "export class E {}",
      "/** @internal */",
      "export type F = 1;",
      "/** @internal Documented. */",
      "export type F2 = 1;",
      "function g(): void {}",
      "const h = 1;",
      "export { g, h as i };",
    ].join("\n");
    const names = undocumented(parseSource("a.ts", text)).map((fault) => fault.split(" ")[1]);
    expect(names).to.deep.equal(["a", "D", "E", "F", "g", "h"]);
  });

  it("takes one comment for a constant and the type of the same name, and for overloads", () => {
    const text = [
      "/** The codes. */",
      "export const Code = { Ok: 0 } as const;",
      "export type Code = (typeof Code)[keyof typeof Code];",
      "/** Two ways. */",
      "export function a(x: 1): void;",
      "export function a(x: 2): void;",
      "export function a(): void {}",
    ].join("\n");
    expect(undocumented(parseSource("a.ts", text))).to.deep.equal([]);
  });

  it("wants licence, then a comment, in this order", () => {
    expect(hasHead(`${LICENCE_LINE}\n// What it is.\n`)).to.equal(true);
    expect(hasHead(`#!/usr/bin/env node\n${LICENCE_LINE}\n// What it is.\n`)).to.equal(true);
    expect(hasHead(`${LICENCE_LINE}\n/** What it is. */\n`)).to.equal(true);
    expect(hasHead(`${LICENCE_LINE}\n\nimport "a";\n`)).to.equal(false);
    expect(hasHead(`// What it is.\n${LICENCE_LINE}\n`)).to.equal(false);
  });
});

function isCode(path: string): boolean {
  return /\.(ts|mjs|cjs|js)$/.test(path);
}

function hasHead(text: string): boolean {
  const [licence, purpose = ""] = text.replace(/^#!.*\n/, "").split("\n");
  return licence === LICENCE_LINE && /^(\/\/ \S|\/\*\*? ?)/.test(purpose);
}

/** Declarations that are exported from `source` under a name that has no doc comment, as `path:line name`. */
function undocumented(source: Source): readonly string[] {
  const declarations = declarationsOf(source.file);
  const exportedByList = listedExports(source.file);
  const documented = new Set(declarations.filter(({ node }) => hasDoc(node)).map(({ name }) => name));
  const seen = new Set<string>();
  return declarations
    .filter(
      ({ name, exported }) =>
        (exported || exportedByList.has(name)) && !documented.has(name) && seen.size < seen.add(name).size,
    )
    .map(({ name, node }) => `${place(source, node)} ${name}`);
}

interface Declaration {
  readonly name: string;
  readonly node: ts.Statement;
  readonly exported: boolean;
}

function declarationsOf(file: ts.SourceFile): readonly Declaration[] {
  return file.statements.flatMap((node): readonly Declaration[] => {
    const exported =
      ts.canHaveModifiers(node) &&
      (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    return namesOf(node).map((name) => ({ name, node, exported }));
  });
}

function namesOf(node: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map(({ name }) => name.getText());
  const isNamed =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node);
  return isNamed ? [node.name?.text ?? "default"] : [];
}

/** Names in `export { a, b as c }` without `from`: a re-export is documented where it is declared. */
function listedExports(file: ts.SourceFile): ReadonlySet<string> {
  const lists = file.statements.flatMap((node) => {
    const isList = ts.isExportDeclaration(node) && node.moduleSpecifier === undefined;
    return isList && node.exportClause !== undefined && ts.isNamedExports(node.exportClause)
      ? [...node.exportClause.elements]
      : [];
  });
  return new Set(lists.map(({ propertyName, name }) => (propertyName ?? name).text));
}

/** A doc comment that says something, before or behind a tag: `@internal` alone doesn't. */
function hasDoc(node: ts.Node): boolean {
  return ts.getJSDocCommentsAndTags(node).some((comment) => {
    const tags = ts.isJSDoc(comment) ? (comment.tags ?? []) : [];
    return [comment, ...tags].some((part) => (ts.getTextOfJSDocComment(part.comment) ?? "") !== "");
  });
}
