// SPDX-License-Identifier: Apache-2.0
// Which schemas are generated, and one line for each that cannot be.
import { create } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponse_Feature, Edition } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { run } from "../../plugin/src/run.js";
import { compile, generate, runPlugin } from "./support/workspace.js";

const FIRE_AND_FORGET = `option (io.rsocket.rpc.options).fire_and_forget = true;`;

/** A service of one rpc; the option stands at 8:7 when the rpc has one. */
const withRpc = (rpc: string): string => `syntax = "proto3";
package p;
import "google/protobuf/empty.proto";
import "rsocket/options.proto";
message M {}
service S {
  ${rpc}
}
`;

describe("schemas", function () {
  this.timeout(60_000);

  describe("fire_and_forget", () => {
    it("is read by number from the options of a method", () => {
      const request = compile({
        "a.proto": withRpc(`rpc Do(M) returns (google.protobuf.Empty) { ${FIRE_AND_FORGET} }`),
      });
      // The plugin is given no description of extension 1057: it must be found as an unknown field.
      const [method] = request.protoFile.find(({ name }) => name === "a.proto")?.service[0]?.method ?? [];
      expect(method?.options?.$unknown?.map(({ no, data }) => [no, Buffer.from(data).toString("hex")])).to.deep.equal([
        [1057, "02" /* 2 bytes follow */ + "08" /* field 1, varint */ + "01" /* true */],
      ]);
      expect(runPlugin(request).files["a_rsocket.ts"]).to.include(`kind: "unary", interaction: "fire_and_forget"`);
    });

    it("is off when it is false, absent or beside unknown fields", () => {
      const request = compile({
        "a.proto": withRpc(`rpc Do(M) returns (google.protobuf.Empty) { ${FIRE_AND_FORGET} }`),
      });
      const options = request.protoFile.find(({ name }) => name === "a.proto")?.service[0]?.method[0]?.options;
      const interactionWith = (hex: string): string | undefined => {
        if (options === undefined) return undefined;
        options.$unknown = [{ no: 1057, wireType: 2, data: Buffer.from(hex, "hex") }];
        return /interaction: "(\w+)"/.exec(runPlugin(request).files["a_rsocket.ts"] ?? "")?.[1];
      };
      expect(interactionWith("02" + "0800" /* false */)).to.equal("request_response");
      expect(interactionWith("00" /* empty message */)).to.equal("request_response");
      expect(interactionWith("05" + "120161" /* field 2, a string */ + "0801" /* true */)).to.equal("fire_and_forget");
      expect(interactionWith("04" + "0801" /* true */ + "0800" /* false: the last one counts */)).to.equal(
        "request_response",
      );
    });

    it("of several occurrences the last one counts, as for every field", () => {
      const request = compile({
        "a.proto": withRpc(`rpc Do(M) returns (google.protobuf.Empty) { ${FIRE_AND_FORGET} }`),
      });
      const options = request.protoFile.find(({ name }) => name === "a.proto")?.service[0]?.method[0]?.options;
      options?.$unknown?.push({ no: 1057, wireType: 2, data: Buffer.from("020800", "hex") });
      expect(runPlugin(request).files["a_rsocket.ts"]).to.include(`interaction: "request_response"`);
    });

    const cure =
      "; nothing is answered to such a call: remove the option, or make the rpc unary and return google.protobuf.Empty";
    const wrong: readonly (readonly [rpc: string, error: string])[] = [
      [
        `rpc Do(M) returns (M) { ${FIRE_AND_FORGET} }`,
        `a.proto:7:27: rpc p.S.Do has fire_and_forget but returns p.M${cure}`,
      ],
      [
        `rpc Do(M) returns (stream google.protobuf.Empty) { ${FIRE_AND_FORGET} }`,
        `a.proto:7:54: rpc p.S.Do has fire_and_forget but streams${cure}`,
      ],
      [
        `rpc Do(stream M) returns (google.protobuf.Empty) { ${FIRE_AND_FORGET} }`,
        `a.proto:7:54: rpc p.S.Do has fire_and_forget but streams${cure}`,
      ],
      [
        `rpc Do(stream M) returns (stream M) {\n    ${FIRE_AND_FORGET} }`,
        `a.proto:8:5: rpc p.S.Do has fire_and_forget but streams${cure}`,
      ],
    ];
    for (const [rpc, error] of wrong) {
      it(`is refused with its place and a cure on ${rpc.replaceAll("\n", " ")}`, () => {
        expect(generate({ "a.proto": withRpc(rpc) })).to.deep.equal({ files: {}, error });
      });
    }

    it("is refused with the file alone when the compiler gives no positions", () => {
      const request = compile({ "a.proto": withRpc(`rpc Do(M) returns (M) { ${FIRE_AND_FORGET} }`) });
      for (const file of request.protoFile) delete file.sourceCodeInfo;
      expect(runPlugin(request).error).to.match(/^a\.proto: rpc p\.S\.Do has fire_and_forget but returns p\.M;/);
    });
  });

  it("map idempotency_level to the constant", () => {
    const { files } = generate({
      "a.proto": withRpc(`
        rpc A(M) returns (M);
        rpc B(M) returns (M) { option idempotency_level = NO_SIDE_EFFECTS; }
        rpc C(M) returns (M) { option idempotency_level = IDEMPOTENT; }`),
    });
    const found = [...(files["a_rsocket.ts"] ?? "").matchAll(/name: "(\w)".*idempotency: "(\w+)"/g)].map(
      ([, name, level]) => [name, level],
    );
    expect(found).to.deep.equal([
      ["A", "unknown"],
      ["B", "no_side_effects"],
      ["C", "idempotent"],
    ]);
  });

  for (const [what, syntax, said] of [
    ["proto2", `syntax = "proto2";`, "syntax proto2"],
    ["no syntax", "", "syntax proto2"],
    ["proto3", `syntax = "proto3";`, "syntax proto3"],
    ["edition 2023", `edition = "2023";`, "edition 2023"],
    ["edition 2024", `edition = "2024";`, "edition 2024"],
  ] as const) {
    it(`in ${what} may have services, and the file says so`, () => {
      const { files, error } = generate({
        "a.proto": `${syntax} package p; message M {} service S { rpc Do(M) returns (M); }`,
      });
      expect(error).to.equal("");
      expect(files["a_rsocket.ts"]).to.include(`\n// @generated from file a.proto (package p, ${said})\n`);
    });
  }

  it("in an edition that nobody knows are refused in one line", () => {
    const request = compile({ "a.proto": `edition = "2023"; message M {} service S { rpc Do(M) returns (M); }` });
    for (const file of request.protoFile) if (file.name === "a.proto") file.edition = 1234 as Edition;
    expect(runPlugin(request).error).to.equal(
      "a.proto: edition 1234 is not supported, expected proto2, proto3, or edition 2023 or 2024",
    );
  });

  it("may use messages of proto2 and of editions", () => {
    const { files, error } = generate({
      "a.proto": `syntax = "proto3"; import "two.proto"; import "edition.proto"; service S { rpc Do(Two) returns (Edition); }`,
      "two.proto": `syntax = "proto2"; message Two { required string a = 1; optional group G = 2 { optional string b = 3; } extensions 4 to max; }`,
      "edition.proto": `edition = "2023"; message Edition { string a = 1 [features.field_presence = LEGACY_REQUIRED]; }`,
    });
    expect(error).to.equal("");
    expect(Object.keys(files)).to.deep.equal(["a_rsocket.ts", "a_codec.ts"]);
  });

  it("may import well-known types that the user generates, and use the generated ones", () => {
    const request = compile({ "a.proto": withRpc("rpc Do(M) returns (google.protobuf.Empty);") });
    request.fileToGenerate.push("google/protobuf/empty.proto");
    expect(runPlugin(request).files["a_rsocket.ts"]).to.include(`from "./google/protobuf/empty_pb.js";`);
  });

  it("give the same text whatever the order of the files to generate", () => {
    const protos = {
      "a.proto": `syntax = "proto3"; package p; import "b.proto"; service A { rpc Do(B) returns (B); }`,
      "b.proto": `syntax = "proto3"; package p; message B {} service BS { rpc Do(B) returns (B); }`,
    };
    const request = compile(protos);
    const reversed = { ...request, fileToGenerate: [...request.fileToGenerate].reverse() };
    expect(runPlugin(reversed).files).to.deep.equal(runPlugin(request).files);
  });

  it("that are missing in the request are refused", () => {
    const request = create(CodeGeneratorRequestSchema, { fileToGenerate: ["gone.proto"] });
    expect(runPlugin(request).error).to.equal("gone.proto: is to be generated but missing in the request");
  });

  it("without one of their imports are refused in one line", () => {
    const request = compile({
      "a.proto": `syntax = "proto3"; import "b.proto"; service S { rpc Do(B) returns (B); }`,
      "b.proto": `syntax = "proto3"; message B {}`,
    });
    request.fileToGenerate = ["a.proto"];
    request.protoFile = request.protoFile.filter(({ name }) => name !== "b.proto");
    const { files, error } = runPlugin(request);
    expect(files).to.deep.equal({});
    expect(error).to.match(/^cannot read the schema: [^\n]*b\.proto[^\n]*$/);
  });

  for (const [what, change] of [
    ["package", { package: `p; evil()` }],
    ["service", { serviceName: `S { } evil();` }],
    ["service with a digit in front", { serviceName: "1S" }],
    ["rpc", { methodName: `Do(): void; evil` }],
    ["rpc with a digit in front", { methodName: "1" }],
  ] as const) {
    it(`with a ${what} whose name is code are refused`, () => {
      const request = compile({ "a.proto": withRpc("rpc Do(M) returns (M);") });
      const file = request.protoFile.find(({ name }) => name === "a.proto");
      const [service] = file?.service ?? [];
      if (file !== undefined && "package" in change) file.package = change.package;
      if (service !== undefined && "serviceName" in change) service.name = change.serviceName;
      if (service?.method[0] !== undefined && "methodName" in change) service.method[0].name = change.methodName;
      const { files, error } = runPlugin(request);
      expect(files).to.deep.equal({});
      expect(error).to.match(/^[^\n]*name[^\n]*$/);
    });
  }

  it("with any kind of line end in comments leave every line a comment", () => {
    const request = compile({ "a.proto": withRpc("// x\n  rpc Do(M) returns (M);") });
    const file = request.protoFile.find(({ name }) => name === "a.proto");
    const location = file?.sourceCodeInfo?.location.find(({ leadingComments }) => leadingComments !== "");
    for (const end of ["\n", "\r", "\r\n", "\u2028", "\u2029"]) {
      if (location !== undefined) {
        location.leadingComments = `a${end}evil();*/evil();`;
        location.leadingDetachedComments = [`b${end}evil();`];
      }
      const text = runPlugin(request).files["a_rsocket.ts"] ?? "";
      expect(text).to.include("evil();");
      for (const line of text.split(/[\n\r\u2028\u2029]/))
        if (line.includes("evil")) expect(line).to.match(/^ *(\/\/|\*) .*evil\(\);(\*\\\/evil\(\);)?$/);
    }
  });

  it("tell protoc and buf that optional fields and editions are understood", () => {
    const { supportedFeatures, minimumEdition, maximumEdition } = run(create(CodeGeneratorRequestSchema));
    expect([minimumEdition, maximumEdition]).to.deep.equal([Edition.EDITION_PROTO2, Edition.EDITION_2024]);
    expect(supportedFeatures).to.equal(
      BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL | CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS),
    );
  });
});
