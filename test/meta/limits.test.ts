// SPDX-License-Identifier: Apache-2.0
// Every limit has a name, a reason and a test: the names of `Limits` are looked for in the code of the tests.

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import ts from "typescript-5.9";
import { type Limits, resolveLimits } from "../../runtime/src/session/settings.js";
import { isGenerated, parseSources, walk } from "./support/repository.js";

describe("the limits of a connection", () => {
  const limits = limitMembers();

  it("are found where they are declared", () => {
    expect(limits).to.have.length.above(20);
  });

  it("each say why they are what they are", () => {
    const silent = limits.filter((member) => ts.getJSDocCommentsAndTags(member).length === 0);
    expect(silent.map((member) => member.name.getText())).to.deep.equal([]);
  });

  it("are each reached by a test", () => {
    const tests = parseSources("test").filter(
      ({ path }) => !isGenerated(path) && !/^(meta|bench|support)\//.test(path),
    );
    const named = new Set<string>();
    for (const { file } of tests) {
      walk(file, (node) => {
        if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) named.add(node.text);
      });
    }
    expect(limits.map((member) => member.name.getText()).filter((name) => !named.has(name))).to.deep.equal([]);
  });

  it("are in the table of docs/security.md with what they are by default and at the edge", () => {
    const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \| [^|]+ \|$/gm)].map(([, ...cells]) => cells);
    const [standard, edge] = [resolveLimits(), resolveLimits({}, "edge")];
    const say = (value: number): string =>
      value === Number.POSITIVE_INFINITY ? "none" : value.toLocaleString("en-US");
    const expected = (Object.keys(standard) as (keyof Limits)[]).map((name) => [
      name,
      say(standard[name]),
      edge[name] === standard[name] ? "the same" : say(edge[name]),
    ]);
    expect(rows).to.deep.equal(expected);
    expect(rows.map(([name]) => name)).to.have.members(limits.map((member) => member.name.getText()));
  });

  it("are what pages call them: no other name that begins with max is one of the runtime's", () => {
    const declared = new Set<string>();
    for (const { file } of parseSources("runtime/src"))
      walk(file, (node) => void (ts.isPropertySignature(node) && declared.add(node.name.getText())));
    const docs = new URL("../../docs/", import.meta.url);
    const pages = readdirSync(docs, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".md"));
    const named = pages.flatMap((path) =>
      [...readFileSync(new URL(path.replaceAll("\\", "/"), docs), "utf8").matchAll(/`(max[A-Z]\w*)`/g)].map(
        ([, name = ""]) => name,
      ),
    );
    expect(named).to.have.length.above(20);
    expect(named.filter((name) => !declared.has(name))).to.deep.equal([]);
  });
});

/** The properties of every interface `Limits` of the runtime. */
function limitMembers(): readonly ts.PropertySignature[] {
  const members: ts.PropertySignature[] = [];
  for (const { file } of parseSources("runtime/src")) {
    walk(file, (node) => {
      if (ts.isInterfaceDeclaration(node) && node.name.text === "Limits")
        members.push(...node.members.filter(ts.isPropertySignature));
    });
  }
  return members;
}
