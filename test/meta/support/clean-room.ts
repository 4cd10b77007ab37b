// SPDX-License-Identifier: Apache-2.0
// Finds what code without clock, timer, promise, I/O and randomness may not name.

import ts from "typescript-5.9";
import { importsOf } from "./imports.js";
import { place, type Source, walk } from "./repository.js";

/** Globals that bring time, randomness, the outside or a later turn into code that is told these as arguments. */
const FORBIDDEN = new Set([
  ...["Date", "performance", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "clearTimeout"],
  ...["clearInterval", "clearImmediate", "Promise", "AbortController", "AbortSignal", "EventTarget", "Event"],
  ...["process", "Buffer", "crypto", "fetch", "WebSocket", "console", "require", "globalThis", "window", "self"],
  ...["MessageChannel", "structuredClone", "WeakRef", "FinalizationRegistry"],
]);

/** What a source says that the clean room forbids, as `path:line what`. */
export function cleanRoomFaults(source: Source): readonly string[] {
  const faults: string[] = [];
  const declared = declaredNames(source.file);
  const report = (node: ts.Node, what: string): void => void faults.push(`${place(source, node)} ${what}`);
  walk(source.file, (node) => {
    if (ts.isIdentifier(node) && FORBIDDEN.has(node.text) && !declared.has(node.text) && !isMemberName(node)) {
      report(node, node.text);
    }
    if (isMathRandom(node)) report(node, "Math.random");
    if (node.kind === ts.SyntaxKind.AsyncKeyword) report(node, "async");
    if (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier !== undefined))
      report(node, "await");
  });
  for (const { target, specifier, node } of importsOf(source))
    if (target === undefined) report(node, `import of ${specifier}`);
  return faults;
}

/** Names the file itself gives a meaning: they aren't the global then. */
function declaredNames(file: ts.SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  walk(file, (node) => {
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isImportSpecifier(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node);
    if (declares && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
  });
  return names;
}

/** `x` in `a.x`, `{ x: 1 }`, `x(): void` of an interface: a member's name, not a global. */
function isMemberName(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isImportSpecifier(parent) || ts.isExportSpecifier(parent) || ts.isBindingElement(parent))
    return parent.propertyName === node;
  const names =
    ts.isPropertyAssignment(parent) ||
    ts.isPropertySignature(parent) ||
    ts.isPropertyDeclaration(parent) ||
    ts.isMethodDeclaration(parent) ||
    ts.isMethodSignature(parent) ||
    ts.isAccessor(parent) ||
    ts.isNamedTupleMember(parent);
  return names && parent.name === node;
}

function isMathRandom(node: ts.Node): boolean {
  return (
    ts.isPropertyAccessExpression(node) &&
    node.name.text === "random" &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === "Math"
  );
}
