// SPDX-License-Identifier: Apache-2.0
// How names that clash are told apart. (That the results compile is shown with the golden files of protos/hostile.)
import { expect } from "chai";
import { generate } from "./support/workspace.js";

const proto = (body: string): string => `syntax = "proto3";\npackage p;\nmessage M { string text = 1; }\n${body}`;

describe("names", function () {
  this.timeout(60_000);
  const generateText = (body: string): string => generate({ "a.proto": proto(body) }).files["a_rsocket.ts"] ?? "";

  it("of methods start with a small letter and are otherwise kept", () => {
    const text = generateText(
      "service S { rpc GetURL(M) returns (M); rpc snake_case(M) returns (M); rpc URL(M) returns (M); }",
    );
    expect(membersOf(text, "SClient")).to.deep.equal(["getURL", "snake_case", "uRL"]);
    expect(wireNamesOf(text)).to.deep.equal(["GetURL", "snake_case", "URL"]);
  });

  it("of methods that JavaScript would call by itself get a $", () => {
    const names = ["constructor", "toString", "toJSON", "valueOf", "then", "__proto__"];
    const text = generateText(`service S { ${names.map((name) => `rpc ${name}(M) returns (M);`).join(" ")} }`);
    expect(membersOf(text, "SClient")).to.deep.equal(names.map((name) => `${name}$`));
    expect(membersOf(text, "SHandler")).to.deep.equal(names.map((name) => `${name}$`));
    expect(wireNamesOf(text)).to.deep.equal(names);
  });

  it("of methods that differ only in their first letter get a $ in the order of declaration", () => {
    const text = generateText(
      "service S { rpc Get(M) returns (M); rpc get(M) returns (M); rpc Then(M) returns (M); rpc then(M) returns (M); }",
    );
    expect(membersOf(text, "SClient")).to.deep.equal(["get", "get$", "then$", "then$1"]);
    expect(constantsOf(text)).to.deep.equal(["SName", "SGet", "Sget", "SThen", "Sthen", "unimplementedS"]);
  });

  it("of an rpc never rename a service", () => {
    const text = generateText(
      "service S { rpc Name(M) returns (M); rpc Client(M) returns (M); } service SC { rpc lient(M) returns (M); }",
    );
    expect(constantsOf(text)).to.deep.equal([
      "SName",
      "SName$",
      "SClient$",
      "unimplementedS",
      "SCName",
      "SClient$1",
      "unimplementedSC",
    ]);
    expect(text).to.include("export interface SClient {");
  });

  it("of messages that clash with declarations are imported under another name", () => {
    const text = generateText("message SClient {} message SDo {} service S { rpc Do(SClient) returns (SDo); }");
    expect(text).to.include(
      `import type { SClient as SClient$1, SClientSchema, SDo as SDo$1, SDoSchema } from "./a_pb.js";`,
    );
  });

  it("of messages in two files that are the same are imported under two names", () => {
    const { files } = generate({
      "a.proto": `syntax = "proto3"; package a; import "b/b.proto"; message M {} service S { rpc Do(M) returns (b.M); rpc Undo(b.M) returns (M); }`,
      "b/b.proto": `syntax = "proto3"; package b; message M {}`,
    });
    const text = files["a_rsocket.ts"] ?? "";
    expect(text)
      .to.include(`import type { M, MSchema } from "./a_pb.js";`)
      .and.include(`import type { M as M$1, MSchema as MSchema$1 } from "./b/b_pb.js";`);
    expect(text).to.include("export const SDo: Method<M, Input<typeof MSchema>, M$1, Input<typeof MSchema$1>>");
    expect(text).to.include("export const SUndo: Method<M$1, Input<typeof MSchema$1>, M, Input<typeof MSchema>>");
  });

  it("of messages don't change when an rpc of another shape is added", () => {
    const before = generateText("message Source {} service S { rpc Do(Source) returns (M); }");
    const after = generateText(
      "message Source {} service S { rpc Do(Source) returns (M); rpc Watch(stream M) returns (stream M); }",
    );
    const importLine = `import type { M, MSchema, Source as Source$1, SourceSchema } from "./a_pb.js";`;
    expect(before).to.include(importLine);
    expect(after).to.include(importLine);
  });

  it("of services without a package are bare on the wire", () => {
    const { files } = generate({ "a.proto": `syntax = "proto3"; message M {} service S { rpc Do(M) returns (M); }` });
    expect(files["a_rsocket.ts"]).to.include(`export const SName = "S";`).and.include("(syntax proto3)");
  });
});

function membersOf(text: string, name: string): string[] {
  const [, body = ""] = new RegExp(`export interface ${name} \\{\n([^}]*)\\}`).exec(text) ?? [];
  return [...body.matchAll(/^ {2}([\w$]+)\(/gm)].map(([, member = ""]) => member);
}

function wireNamesOf(text: string): string[] {
  return [...text.matchAll(/, name: "(.*?)", kind/g)].map(([, name = ""]) => name);
}

function constantsOf(text: string): string[] {
  return [...text.matchAll(/^export const ([\w$]+)/gm)].map(([, name = ""]) => name);
}
