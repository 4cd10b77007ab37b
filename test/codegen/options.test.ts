// SPDX-License-Identifier: Apache-2.0
// Plugin parameters: what each does, and one line for each wrong one.
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
      target: "ts",
      importExtension: "js",
      runtimeImport: "rsocket-rpc/codegen",
      client: true,
      server: true,
    });
  });

  it("may be given with spaces and empty parts, as build tools join them", () => {
    expect(parseOptions(" target=ts,, client=false ,")).to.deep.equal({ ...parseOptions("target=ts"), client: false });
  });

  it("may be repeated with the same value", () => {
    expect(parseOptions("target=ts,target=ts").target).to.equal("ts");
  });

  const wrong: readonly (readonly [parameter: string, error: string])[] = [
    ["target=js", `option "target" is "js", expected "ts"`],
    ["target=ts+js", `option "target" is "ts+js", expected "ts"`],
    ["target", `option "target" is "", expected "ts"`],
    ["import_extension=.js", `option "import_extension" is ".js", expected one of "js", "ts", "none"`],
    ["client=1", `option "client" is "1", expected one of "true", "false"`],
    ["server=no", `option "server" is "no", expected one of "true", "false"`],
    ["runtime_import=", `option "runtime_import" is empty, expected a module specifier such as "rsocket-rpc/codegen"`],
    [
      "tarsget=ts",
      `unknown option "tarsget", expected one of target, import_extension, runtime_import, client, server`,
    ],
    [
      "constructor=ts",
      `unknown option "constructor", expected one of target, import_extension, runtime_import, client, server`,
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
      expect(stderr).to.include(`option "target" is "java", expected "ts"`);
      expect(stderr.trim().split("\n")).to.have.length(1);
    });
  });

  it("import_extension=js is the default", () => {
    expect(importsOf(generateWith("target=ts"))).to.include("../b_pb.js");
  });

  it("import_extension=ts ends imports of messages in .ts, packages excepted", () => {
    expect(importsOf(generateWith("import_extension=ts"))).to.deep.equal([
      "rsocket-rpc/codegen",
      "../b_pb.ts",
      "@bufbuild/protobuf/wkt/google/protobuf/api_pb.js",
    ]);
  });

  it("import_extension=none leaves the ending out, packages excepted", () => {
    expect(importsOf(generateWith("import_extension=none"))).to.deep.equal([
      "rsocket-rpc/codegen",
      "../b_pb",
      "@bufbuild/protobuf/wkt/google/protobuf/api_pb.js",
    ]);
  });

  it("runtime_import replaces the module of the runtime everywhere", () => {
    const text = generateWith("runtime_import=@my/runtime.js");
    expect(importsOf(text)).to.include("@my/runtime.js").and.not.include("rsocket-rpc/codegen");
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
