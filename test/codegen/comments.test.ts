// SPDX-License-Identifier: Apache-2.0
// The user's words in the generated file. (All forms together stand in golden/comments.)
import { expect } from "chai";
import { compile, generate, runPlugin } from "./support/workspace.js";

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
