// SPDX-License-Identifier: Apache-2.0
// Nobody compares a secret with `===`: the time that it takes says how much of a guess was right.

import { expect } from "chai";
import ts from "typescript-5.9";
import { isGenerated, listFiles, parseSource, readText, type Source, walk } from "./support/repository.js";

/** What holds a secret, by its name: `token`, `bearerToken`, `storedPassword`, … */
const SECRET = /(token|password|passphrase|secret|credentials?|digest)$/i;

const COMPARISONS: readonly ts.SyntaxKind[] = [
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
  ts.SyntaxKind.EqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsToken,
];
const NAMED = /token|password|passphrase|secret|credential|digest/i;

describe("secrets", () => {
  it("are never compared with === in the runtime, nor in what is shown to users", () => {
    const paths = ["runtime/src", "examples", "test/support"].flatMap((folder) => listFiles(folder));
    const sources = paths.filter((path) => path.endsWith(".ts") && !isGenerated(path));
    expect(sources).to.include.members(["runtime/src/rpc/authenticate.ts", "examples/chat/server.ts"]);
    // Parsing takes a while: those that name no secret needn't be.
    const texts = sources.map((path) => [path, readText(path)] as const).filter(([, text]) => NAMED.test(text));
    expect(texts.flatMap(([path, text]) => comparedSecrets(parseSource(path, text)))).to.deep.equal([]);
  });

  it("would be found if they were, however they are reached", () => {
    const found = (text: string): number => comparedSecrets(parseSource("a.ts", text)).length;
    for (const text of [
      "if (token === known) accept();",
      "const same = setup.bearerToken == expected;",
      "return owner !== stored && credentials?.password !== stored.password;",
      "users.find((user) => user.secret === given)",
      "switch (token) { case known: accept(); }",
      "known.includes(token)",
      "tokens.indexOf(given.token) >= 0",
    ]) {
      expect(found(text), text).to.equal(1);
    }
    // Whether there is one, and of which kind it is, is no secret.
    for (const text of [
      "if (token === undefined) refuse();",
      'if (token === "") throw new RangeError();',
      "token.length === 16",
      'typeof token === "string"',
      "shown.type === kind",
      "secretsEqual(token, known)",
    ]) {
      expect(found(text), text).to.equal(0);
    }
  });
});

// `path: text` of each comparison of a secret with something that isn't a constant.
function comparedSecrets({ path, file }: Source): readonly string[] {
  const offences: string[] = [];
  const note = (node: ts.Node): void => void offences.push(`${path}: ${node.getText(file).slice(0, 100)}`);
  walk(file, (node) => {
    if (ts.isBinaryExpression(node) && COMPARISONS.includes(node.operatorToken.kind)) {
      const sides = [node.left, node.right];
      if (sides.some(isSecret) && !sides.some(isConstant)) note(node);
    }
    if (ts.isSwitchStatement(node) && isSecret(node.expression)) note(node);
    if (ts.isCallExpression(node) && isSearch(node.expression) && node.arguments.some(isSecret)) note(node);
  });
  return offences;
}

function isSecret(node: ts.Expression): boolean {
  if (ts.isParenthesizedExpression(node) || ts.isNonNullExpression(node)) return isSecret(node.expression);
  if (ts.isIdentifier(node)) return SECRET.test(node.text);
  return ts.isPropertyAccessExpression(node) && SECRET.test(node.name.text);
}

function isConstant(node: ts.Expression): boolean {
  return (
    ts.isLiteralExpression(node) ||
    node.kind === ts.SyntaxKind.NullKeyword ||
    (ts.isIdentifier(node) && node.text === "undefined")
  );
}

// Searches of lists compare one by one.
function isSearch(node: ts.Expression): boolean {
  return (
    ts.isPropertyAccessExpression(node) && /^(includes|indexOf|lastIndexOf|startsWith|endsWith)$/.test(node.name.text)
  );
}
