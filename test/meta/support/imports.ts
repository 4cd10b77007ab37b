// SPDX-License-Identifier: Apache-2.0
// What a source imports, and the cycles that imports of values make.

import { posix } from "node:path";
import ts from "typescript-5.9";
import { type Source, walk } from "./repository.js";

/** One import or re-export of a source. */
export interface Import {
  /** As written: `../bytes/slab.js`, `node:net`. */
  readonly specifier: string;
  /** The file it means, as its path below the sources: `bytes/slab.ts`; undefined for a package. */
  readonly target: string | undefined;
  /** Nothing is left of it in JavaScript. `import { type A }` leaves `import {}`, so only `import type` counts. */
  readonly typeOnly: boolean;
  readonly node: ts.Node;
}

/** Every static and dynamic import, re-export and `import("…")` type of a source. */
export function importsOf({ path, file }: Source): readonly Import[] {
  const imports: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteralLike(specifier)) return;
    const { text } = specifier;
    const target = text.startsWith(".") ? posix.join(posix.dirname(path), text).replace(/\.js$/, ".ts") : undefined;
    imports.push({ specifier: text, target, typeOnly, node });
  };
  walk(file, (node) => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, node.importClause?.isTypeOnly === true);
    else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node))
      add(node, ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined, true);
    else if (ts.isCallExpression(node) && isImportCall(node)) add(node, node.arguments[0], false);
  });
  return imports;
}

function isImportCall({ expression }: ts.CallExpression): boolean {
  return (
    expression.kind === ts.SyntaxKind.ImportKeyword || (ts.isIdentifier(expression) && expression.text === "require")
  );
}

/** The first cycle of value imports found from each file, as `a.ts → b.ts → a.ts`; each cycle once. */
export function valueCycles(sources: readonly Source[]): readonly string[] {
  const edges = new Map(sources.map((source) => [source.path, valueTargets(source)]));
  const cycles = new Map<string, string>();
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const start = above.indexOf(path);
    if (start >= 0) {
      const members = above.slice(start);
      cycles.set([...members].sort().join(), [...members, path].join(" → "));
    } else if (!done.has(path)) {
      for (const target of edges.get(path) ?? []) visit(target, [...above, path]);
      done.add(path);
    }
  };
  for (const path of edges.keys()) visit(path, []);
  return [...cycles.values()];
}

function valueTargets(source: Source): readonly string[] {
  return importsOf(source).flatMap(({ target, typeOnly }) => (target === undefined || typeOnly ? [] : [target]));
}
