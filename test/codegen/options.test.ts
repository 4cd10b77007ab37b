// SPDX-License-Identifier: Apache-2.0
// Plugin parameters: what each does, and one line for each wrong one.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { parseOptions } from "../../plugin/src/options.js";
import { buf, compile, inTemporaryFolder, type Protos, runPlugin, writeProtos } from "./support/workspace.js";

const PROTOS: Protos = {
  "folder/a.proto": `syntax = "proto3"; package p; import "b.proto"; import "google/protobuf/api.proto";
    service S { rpc Do(B) returns (google.protobuf.Api); }`,
  "b.proto": `syntax = "proto3"; package p; message B {}`,
};

describe("plugin options", function () {
  this.timeout(30_000);
  const request = compile(PROTOS);
  const generateWith = (parameter: string): string =>
    runPlugin({ ...request, parameter }).files["folder/a_rsocket.ts"] ?? "";

  it("have defaults", () => {
    expect(parseOptions("")).to.deep.equal({
      targets: ["ts"],
      importExtension: "js",
      rewriteImports: [],
      jsImportStyle: "module",
      runtimeImport: "rsocket-rpc/codegen",
      codec: "generated",
      bytesFields: "copy",
      client: true,
      server: true,
    });
  });

  it("may be given with spaces and empty parts, as build tools join them", () => {
    expect(parseOptions(" target=ts,, client=false ,")).to.deep.equal({ ...parseOptions("target=ts"), client: false });
  });

  it("may be repeated with the same value", () => {
    expect(parseOptions("target=ts,target=ts").targets).to.deep.equal(["ts"]);
  });

  const wrong: readonly (readonly [parameter: string, error: string])[] = [
    ["target=jsx", `option "target" is "jsx", expected one of "ts", "js", "dts", or several joined by "+"`],
    ["target=ts+d.ts", `option "target" is "ts+d.ts", expected one of "ts", "js", "dts", or several joined by "+"`],
    ["target=js+", `option "target" is "js+", expected one of "ts", "js", "dts", or several joined by "+"`],
    ["target", `option "target" is "", expected one of "ts", "js", "dts", or several joined by "+"`],
    ["import_extension=mjs", `option "import_extension" is "mjs", expected one of "js", "ts", "none"`],
    ["js_import_style=commonjs", `option "js_import_style" is "commonjs", expected one of "module", "legacy_commonjs"`],
    [
      "rewrite_imports=@my/pkg",
      `option "rewrite_imports" is "@my/pkg", expected <pattern>:<target> such as "./foo/**/*_pb.js:@my/foo"`,
    ],
    [
      "rewrite_imports=:@my/pkg",
      `option "rewrite_imports" is ":@my/pkg", expected <pattern>:<target> such as "./foo/**/*_pb.js:@my/foo"`,
    ],
    [
      "rewrite_imports=./a_pb.js:",
      `option "rewrite_imports" is "./a_pb.js:", expected <pattern>:<target> such as "./foo/**/*_pb.js:@my/foo"`,
    ],
    ["codec=none", `option "codec" is "none", expected one of "generated", "reflect"`],
    ["bytes_fields=share", `option "bytes_fields" is "share", expected one of "copy", "view"`],
    ["client=1", `option "client" is "1", expected one of "true", "false"`],
    ["server=no", `option "server" is "no", expected one of "true", "false"`],
    ["runtime_import=", `option "runtime_import" is empty, expected a module specifier such as "rsocket-rpc/codegen"`],
    [
      "tarsget=ts",
      `unknown option "tarsget", expected one of target, import_extension, rewrite_imports, js_import_style, runtime_import, codec, bytes_fields, client, server`,
    ],
    [
      "constructor=ts",
      `unknown option "constructor", expected one of target, import_extension, rewrite_imports, js_import_style, runtime_import, codec, bytes_fields, client, server`,
    ],
    ["client=true,client=false", `option "client" is given twice, as "true" and as "false"`],
    [
      "client=false,server=false",
      `options "client" and "server" are both "false", expected at least one of them to be "true"`,
    ],
  ];
  for (const [parameter, error] of wrong) {
    it(`refuse ${JSON.stringify(parameter)} in one line with the legal values`, () => {
      expect(runPlugin({ ...request, parameter })).to.deep.equal({ files: {}, error });
    });
  }

  it("reach the user through buf when they are wrong", () => {
    inTemporaryFolder((folder) => {
      writeProtos(folder, PROTOS);
      const template = {
        version: "v2",
        plugins: [{ local: "protoc-gen-rsocket-rpc", out: "gen", opt: ["target=java"], strategy: "all" }],
      };
      const { status, stderr } = buf(folder, "generate", "--template", JSON.stringify(template));
      expect(status).to.not.equal(0);
      expect(stderr).to.include(
        `option "target" is "java", expected one of "ts", "js", "dts", or several joined by "+"`,
      );
      expect(stderr.trim().split("\n")).to.have.length(1);
    });
  });

  it("target takes several languages joined by +, each once, in the order of the user", () => {
    expect(parseOptions("target=js+dts+js").targets).to.deep.equal(["js", "dts"]);
    const names = (target: string): string[] =>
      Object.keys(runPlugin({ ...request, parameter: `target=${target}` }).files);
    expect(names("js+dts")).to.deep.equal([
      "folder/a_rsocket.js",
      "folder/a_codec.js",
      "folder/a_rsocket.d.ts",
      "folder/a_codec.d.ts",
    ]);
    expect(names("ts+js+dts,codec=reflect")).to.deep.equal([
      "folder/a_rsocket.ts",
      "folder/a_rsocket.js",
      "folder/a_rsocket.d.ts",
    ]);
  });

  describe("rewrite_imports", () => {
    const moduleWith = (parameter: string): string | undefined =>
      importsOf(generateWith(parameter)).find((from) => from.includes("b_pb"));

    it("matches paths as seen from the top of the output and keeps them behind the target", () => {
      expect(moduleWith("rewrite_imports=./b_pb.js:@my/pkg")).to.equal("@my/pkg/b_pb.js");
      expect(moduleWith("rewrite_imports=./**/*_pb.js:@my/pkg/")).to.equal("@my/pkg/b_pb.js");
      expect(moduleWith("rewrite_imports=./*.js:./other")).to.equal("../other/b_pb.js");
      expect(moduleWith("rewrite_imports=../b_pb.js:@my/pkg")).to.equal("../b_pb.js");
      expect(moduleWith("rewrite_imports=./b.pb.js:@my/pkg")).to.equal("../b_pb.js");
    });

    it("replaces packages as a whole, also that of the runtime", () => {
      const text = generateWith(
        "rewrite_imports=@bufbuild/**/wkt:@my/wkt,rewrite_imports=rsocket-rpc/codegen:@my/runtime",
      );
      expect(importsOf(text)).to.have.members(["@my/runtime", "./a_codec.js", "../b_pb.js", "@my/wkt"]);
    });

    it("takes the first pattern that fits, and import_extension applies to what comes out", () => {
      const parameter = "rewrite_imports=./*:@first,rewrite_imports=./b_pb.js:@second";
      expect(moduleWith(parameter)).to.equal("@first/b_pb.js");
      expect(moduleWith(`${parameter},import_extension=none`)).to.equal("@first/b_pb");
    });

    it("says what protoc-gen-es says of the same option", () => {
      inTemporaryFolder((folder) => {
        writeProtos(folder, {
          ...PROTOS,
          "folder/c.proto": `syntax = "proto3"; package p; import "b.proto"; message C { B b = 1; }`,
        });
        const rewrites = [
          "./b_pb.js:@my/pkg",
          "./**/*_pb.js:@my/pkg/",
          "./*.js:./other",
          "../b_pb.js:@my/pkg",
          "./b*:@x",
        ];
        const plugins = rewrites.map((rewrite, index) => ({
          local: "protoc-gen-es",
          out: `gen${index}`,
          opt: ["target=ts", "import_extension=js", `rewrite_imports=${rewrite}`],
          strategy: "all",
        }));
        expect(buf(folder, "generate", "--template", JSON.stringify({ version: "v2", plugins })).stderr).to.equal("");
        for (const [index, rewrite] of rewrites.entries()) {
          const theirs = readFileSync(join(folder, `gen${index}/folder/c_pb.ts`), "utf8");
          expect(importsOf(theirs), rewrite).to.include(moduleWith(`rewrite_imports=${rewrite}`));
        }
      });
    });

    it("is not shown in generated files", () => {
      expect(generateWith("target=ts,rewrite_imports=./*:@my/pkg").split("\n")[0]).to.match(
        / with parameter "target=ts"$/,
      );
    });
  });

  it("import_extension may be given with a dot, as other generators document it", () => {
    expect(importsOf(generateWith("import_extension=.ts"))).to.include("../b_pb.ts");
  });

  it("import_extension=js is the default", () => {
    expect(importsOf(generateWith("target=ts"))).to.include("../b_pb.js");
  });

  it("import_extension=ts ends imports of messages in .ts, packages excepted", () => {
    expect(importsOf(generateWith("import_extension=ts"))).to.deep.equal([
      "rsocket-rpc/codegen",
      "../b_pb.ts",
      "./a_codec.ts",
      "@bufbuild/protobuf/wkt",
    ]);
  });

  it("import_extension=none leaves the ending out, packages excepted", () => {
    expect(importsOf(generateWith("import_extension=none"))).to.deep.equal([
      "rsocket-rpc/codegen",
      "../b_pb",
      "./a_codec",
      "@bufbuild/protobuf/wkt",
    ]);
  });

  it("runtime_import replaces the module of the runtime everywhere", () => {
    const text = generateWith("runtime_import=@my/runtime.js");
    expect(importsOf(text)).to.include("@my/runtime.js").and.not.include("rsocket-rpc/codegen");
  });

  it("relative paths are given as seen from the output folder, upwards too", () => {
    const { files } = runPlugin({
      ...request,
      parameter: "target=ts,runtime_import=./rt/codegen.js,rewrite_imports=./b_pb.js:../up",
    });
    for (const name of ["folder/a_rsocket.ts", "folder/a_codec.ts"]) {
      expect(importsOf(files[name] ?? "")).to.include.members(["../rt/codegen.js", "../../up/b_pb.js"]);
    }
    const top = compile({ "a.proto": `syntax = "proto3"; message M {} service S { rpc Do(M) returns (M); }` }, "");
    const text = runPlugin({ ...top, parameter: "rewrite_imports=./*_pb.js:../up,runtime_import=../rt.js" }).files;
    expect(importsOf(text["a_codec.ts"] ?? "")).to.deep.equal(["../rt.js", "../up/a_pb.js"]);
  });

  it("codec=generated loads nothing of protobuf-es, and codec=reflect everything", () => {
    const { files } = runPlugin({ ...request, parameter: "target=js" });
    expect(importsOf(files["folder/a_rsocket.js"] ?? "")).to.deep.equal(["rsocket-rpc/codegen", "./a_codec.js"]);
    expect(importsOf(files["folder/a_codec.js"] ?? "")).to.deep.equal(["rsocket-rpc/codegen"]);
    const reflected = runPlugin({ ...request, parameter: "target=js,codec=reflect" }).files;
    expect(Object.keys(reflected)).to.deep.equal(["folder/a_rsocket.js"]);
    expect(importsOf(reflected["folder/a_rsocket.js"] ?? "")).to.include("../b_pb.js");
    expect(reflected["folder/a_rsocket.js"]).to.include("messageCodec(BSchema)");
  });

  it("bytes_fields=view reads bytes as views, and copies are the default", () => {
    const protos = { "a.proto": `syntax = "proto3"; message M { bytes b = 1; } service S { rpc Do(M) returns (M); }` };
    const codecWith = (parameter: string): string => runPlugin(compile(protos, parameter)).files["a_codec.ts"] ?? "";
    expect(codecWith("")).to.include("m.b = wire.readBytes(r);");
    expect(codecWith("bytes_fields=view")).to.include("m.b = wire.readBytesView(r);");
  });

  it("client=false leaves out clients and their imports", () => {
    const text = generateWith("client=false");
    expect(text)
      .to.include("export function implementS")
      .and.not.match(/SClient|callUnary|CallOptions|\bChannel\b/);
  });

  it("server=false leaves out handlers and their imports", () => {
    const text = generateWith("server=false");
    expect(text)
      .to.include("export function createSClient")
      .and.not.match(/SHandler|handleUnary|CallContext|BoundService|unimplemented/);
  });

  it("stand in the first line as they were given", () => {
    expect(generateWith("target=ts,client=false").split("\n")[0]).to.match(/ with parameter "target=ts,client=false"$/);
    expect(generateWith("").split("\n")[0]).to.match(/^\/\/ @generated by protoc-gen-rsocket-rpc v\S+$/);
  });
});

function importsOf(text: string): string[] {
  return [...new Set([...text.matchAll(/ from "(.*)";$/gm)].map(([, from = ""]) => from))];
}
