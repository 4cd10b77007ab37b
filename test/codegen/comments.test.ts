// SPDX-License-Identifier: Apache-2.0
// The user's words in the generated file. (All forms together stand in golden/comments.)

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clone } from "@bufbuild/protobuf";
import { type CodeGeneratorRequest, CodeGeneratorRequestSchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { GENERATED, generateGoldens } from "./support/goldens.js";
import { compile, generate, ROOT, runPlugin } from "./support/workspace.js";

/** A request in which other comments stand where `plain` stood: much faster than the compiler. */
function withComments(request: CodeGeneratorRequest, comment: string, target: string): CodeGeneratorRequest {
  const copy = clone(CodeGeneratorRequestSchema, request);
  copy.parameter = `target=${target}`;
  const put = (text: string): string => text.replaceAll("plain", () => comment);
  for (const location of copy.protoFile.flatMap(
    ({ name, sourceCodeInfo }) => (name === "a.proto" ? sourceCodeInfo?.location : []) ?? [],
  )) {
    location.leadingComments = put(location.leadingComments);
    location.trailingComments = put(location.trailingComments);
    location.leadingDetachedComments = location.leadingDetachedComments.map(put);
  }
  return copy;
}

/** The messages that the comments' services use, as short as can be. */
const PB = `import type { Message } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
export type M = Message<"p.M">;
export declare const MSchema: GenMessage<M>;
`;

describe("comments", function () {
  this.timeout(30_000);
  const generateText = (proto: string): string => generate({ "a.proto": proto }).files["a_rsocket.ts"] ?? "";

  it("of an rpc stand on its constant and on both interfaces", () => {
    const text = generateText(`syntax = "proto3"; message M {} service S {
      // Says it.
      rpc Say(M) returns (M);
    }`);
    expect(text.split("\n").filter((line) => line.includes("Says it."))).to.deep.equal([
      "/** Says it.  @generated from rpc S.Say (REQUEST_RESPONSE) */",
      "  /** Says it. */",
      "  /** Says it. */",
    ]);
  });

  it("cannot end the comment they are printed in", () => {
    const text = generateText(`syntax = "proto3"; message M {} service S {
      // a */ b
      rpc Say(M) returns (M);
    }`);
    expect(text).to.include("/** a *\\/ b */");
  });

  const HOSTILE = [
    "*/ throw 1; /*",
    "@ts-expect-error",
    "@ts-ignore",
    "@ts-nocheck",
    "@internal",
    "@",
    "@__NO_SIDE_EFFECTS__",
    "#__PURE__",
    "<script>",
    "</script>",
    "<!--",
    "-->",
    "# sourceMappingURL=x.map",
    "//# sourceMappingURL=x.map",
    "// @ts-expect-error",
    '/ <reference path="nowhere.d.ts" />',
    "@type {number}",
    "@param {string} request",
    '@typedef {import("nowhere").X} Y',
    "@template T",
    '@import x from "nowhere"',
    "@overload",
    "@this {Date}",
    "@enum {number}",
    "@class",
    "@private",
    "@readonly",
    "@jsx h",
    "#!/bin/sh",
    "\\u002a/ throw 1;",
    "`$" + "{1}`",
    "\\",
  ];
  /** The hostile text wherever a comment may stand. */
  const hostileProto = (hostile: string): string => `// ${hostile}

// ${hostile}
syntax = "proto3";
// ${hostile}
package p;
// ${hostile}

// ${hostile}
service S { // ${hostile}
  // ${hostile}

  // ${hostile}
  rpc Say(M) returns (M); // ${hostile}
  // ${hostile}
  rpc Say2(M) returns (stream M);
}
message M {}
`;

  it("can neither break nor change compilation, whatever they hold", () => {
    const plain = compileHostile(["plain"]);
    expect(plain.output).to.equal("");
    const { output, declarations } = compileHostile(HOSTILE);
    expect(output).to.equal("");
    for (const [index, text] of declarations.entries()) expect(text, HOSTILE[index]).to.equal(plain.declarations[0]);
  });

  it("do not hide what is wrong, nor complain of what is right, by a directive to the compiler", () => {
    const text = generateText(hostileProto("@ts-ignore"));
    expect(text)
      .to.include("@\\ts-ignore")
      .and.not.match(/@ts-ignore/);
  });

  it("leave the user's tags and addresses alone", () => {
    const text = generateText(hostileProto("@deprecated see a@b.example, #1, {@link X}, @param x and @returns it"));
    expect(text.split("@deprecated see a@b.example, #1, {@link X}, @param x and @returns it")).to.have.length.above(8);
  });

  /** Compiles the code of all comments in one run, as users do who remove what is internal.
   *  @returns what the compiler says, and its declarations without comments */
  function compileHostile(comments: readonly string[]): {
    readonly output: string;
    readonly declarations: readonly string[];
  } {
    generateGoldens();
    const request = compile({ "a.proto": hostileProto("plain") });
    const folder = join(GENERATED, "comments-compiled");
    rmSync(folder, { recursive: true, force: true });
    comments.forEach((comment, index) => {
      mkdirSync(join(folder, `${index}`), { recursive: true });
      for (const target of ["ts", "js"]) {
        const { files } = runPlugin(withComments(request, comment, target));
        writeFileSync(join(folder, `${index}`, `a_${target}.${target}`), files[`a_rsocket.${target}`] ?? "");
        if (target === "ts") writeFileSync(join(folder, `${index}`, "a_codec.ts"), files["a_codec.ts"] ?? "");
      }
      writeFileSync(join(folder, `${index}/a_pb.ts`), PB);
    });
    const config = {
      extends: "../../tsconfig.json",
      include: ["*/*"],
      compilerOptions: {
        noEmit: false,
        emitDeclarationOnly: true,
        stripInternal: true,
        removeComments: true,
        outDir: "out",
        rootDir: ".",
        allowJs: true,
        isolatedDeclarations: false,
      },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const { stdout } = spawnSync(
      process.execPath,
      [join(ROOT, "node_modules/typescript/bin/tsc"), "--pretty", "false", "-p", folder],
      { encoding: "utf8" },
    );
    const declarations = comments.map((_, index) =>
      ["ts", "js"]
        .map((target) =>
          readFileSync(join(folder, `out/${index}/a_${target}.d.ts`), "utf8").replace(/^\/\/.*\n|^\s*\n/gm, ""),
        )
        .join("\n"),
    );
    rmSync(folder, { recursive: true, force: true });
    return { output: stdout, declarations };
  }

  it("keep their indentation and lose the space behind their marks and at the ends of lines", () => {
    const text = generateText(`syntax = "proto3"; message M {} service S {
      //
      // - one${"  "}
      //   more of it
      //
      rpc Say(M) returns (M);
    }`);
    expect(text).to.include("  /**\n   * - one\n   *   more of it\n   */\n  say(");
  });

  it("may be absent, also for the whole schema", () => {
    const request = compile({ "a.proto": `syntax = "proto3"; message M {} service S { rpc Say(M) returns (M); }` });
    for (const file of request.protoFile) delete file.sourceCodeInfo;
    expect(runPlugin(request).files["a_rsocket.ts"]).to.include("/** Calls S. */\nexport interface SClient {\n  say(");
  });

  it("are joined by @deprecated for a deprecated file, service or rpc", () => {
    const count = (proto: string): number => generateText(proto).split("@deprecated").length - 1;
    const proto = (file: string, service: string, rpc: string): string =>
      `syntax = "proto3"; ${file} message M {} service S { ${service} rpc Say(M) returns (M) { ${rpc} } }`;
    const deprecated = "option deprecated = true;";
    expect(count(proto("", "", ""))).to.equal(0);
    // The constant and its two members.
    expect(count(proto("", "", deprecated))).to.equal(3);
    // The name, two interfaces, the factory, the binding and the implementation of nothing.
    expect(count(proto("", deprecated, ""))).to.equal(6);
    expect(count(proto(deprecated, "", ""))).to.equal(6);
  });
});
