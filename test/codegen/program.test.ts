// SPDX-License-Identifier: Apache-2.0
// The plugin as it is shipped: one file, started by buf, by protoc or by hand.

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { CodeGeneratorRequestSchema, CodeGeneratorResponseSchema } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { goldenProtos, readGoldens } from "./support/goldens.js";
import { compile, ROOT, writeProtos } from "./support/workspace.js";

const PROTOC = join(ROOT, "node_modules/.bin/protoc");
const MAX_BUNDLE_BYTES = 250_000;

describe("the plugin's program", function () {
  this.timeout(60_000);

  const manifest = JSON.parse(readFileSync(join(ROOT, "plugin/package.json"), "utf8")) as {
    readonly version: string;
    readonly files: readonly string[];
  };
  let folder = "";
  let program = "";
  const ticker = goldenProtos()["ticker.proto"] ?? "";
  const golden = readGoldens()["ticker_rsocket.ts"];

  /** Only the files of the package, in a folder without node_modules above it. */
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "rsocket-rpc-plugin-"));
    for (const file of ["package.json", ...manifest.files]) {
      mkdirSync(dirname(join(folder, "package", file)), { recursive: true });
      cpSync(join(ROOT, "plugin", file), join(folder, "package", file), { recursive: true });
    }
    program = join(folder, "package/bin/protoc-gen-rsocket-rpc");
    writeProtos(join(folder, "protos"), { "ticker.proto": ticker });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const start = (args: readonly string[], input: Uint8Array = new Uint8Array(), nodeArgs: readonly string[] = []) =>
    spawnSync(process.execPath, [...nodeArgs, program, ...args], { input, cwd: folder, maxBuffer: Infinity });

  it(`is one file of at most ${MAX_BUNDLE_BYTES / 1000} kB`, () => {
    expect(statSync(join(ROOT, "plugin/dist/main.cjs")).size).to.be.at.most(MAX_BUNDLE_BYTES);
  });

  it("loads nothing but itself and a few modules of Node", () => {
    const required = [
      ...readFileSync(join(ROOT, "plugin/dist/main.cjs"), "utf8").matchAll(/\brequire\("([^"]+)"\)/g),
    ].map(([, name]) => name);
    expect([...new Set(required)].sort()).to.deep.equal(["node:fs", "path"]);
  });

  it("generates under buf in a folder of its own", () => {
    const template = { version: "v2", plugins: [{ local: program, out: "buf-out", opt: ["target=ts"] }] };
    const { status, stderr } = spawnSync(
      join(ROOT, "node_modules/.bin/buf"),
      ["generate", "protos", "--template", JSON.stringify(template)],
      { cwd: folder, encoding: "utf8" },
    );
    expect(stderr).to.equal("");
    expect(status).to.equal(0);
    expect(readFileSync(join(folder, "buf-out/ticker_rsocket.ts"), "utf8")).to.equal(golden);
  });

  it("generates under protoc in a folder of its own", () => {
    mkdirSync(join(folder, "protoc-out"), { recursive: true });
    const args = [
      "-Iprotos",
      `--plugin=protoc-gen-rsocket-rpc=${program}`,
      "--rsocket-rpc_out=protoc-out",
      "--rsocket-rpc_opt=target=ts",
      "ticker.proto",
    ];
    const { status, stderr } = spawnSync(PROTOC, args, { cwd: folder, encoding: "utf8" });
    expect([status, stderr]).to.deep.equal([0, ""]);
    expect(readFileSync(join(folder, "protoc-out/ticker_rsocket.ts"), "utf8")).to.equal(golden);
  });

  it("shows under protoc what is wrong, with file, line and cure", () => {
    const wrong = ticker.replace("returns (google.protobuf.Empty)", "returns (Summary)");
    writeFileSync(join(folder, "protos/wrong.proto"), wrong);
    const line = wrong.slice(0, wrong.indexOf("fire_and_forget")).split("\n").length;
    const args = ["-Iprotos", `--plugin=protoc-gen-rsocket-rpc=${program}`, "--rsocket-rpc_out=.", "wrong.proto"];
    const { status, stderr } = spawnSync(PROTOC, args, { cwd: folder, encoding: "utf8" });
    rmSync(join(folder, "protos/wrong.proto"));
    expect(status).to.not.equal(0);
    expect(stderr.trim().split("\n")).to.have.length(1);
    expect(stderr)
      .to.include(`wrong.proto:${line}:`)
      .and.include("remove the option, or make the rpc unary and return google.protobuf.Empty");
  });

  it("answers a CodeGeneratorRequest on stdin with a CodeGeneratorResponse on stdout", () => {
    const { status, stdout, stderr } = start(
      [],
      toBinary(CodeGeneratorRequestSchema, compile({ "ticker.proto": ticker })),
    );
    expect(stderr.toString()).to.equal("");
    expect(status).to.equal(0);
    const { file, error } = fromBinary(CodeGeneratorResponseSchema, stdout);
    expect(error).to.equal("");
    expect(file.map(({ name }) => name)).to.deep.equal(["ticker_rsocket.ts", "ticker_codec.ts"]);
    expect(file[0]?.content).to.equal(golden);
  });

  it("answers a fault of the input in the response, with exit code 0, as plugin.proto wants it", () => {
    const { status, stdout, stderr } = start(
      [],
      toBinary(CodeGeneratorRequestSchema, compile({ "ticker.proto": ticker }, "target=go")),
    );
    expect(stderr.toString()).to.equal("");
    expect(status).to.equal(0);
    expect(fromBinary(CodeGeneratorResponseSchema, stdout).error).to.equal(
      `option "target" is "go", expected one of "ts", "js", "dts", or several joined by "+"`,
    );
  });

  it("writes answers that no pipe takes at once", () => {
    const many = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [
        `s${index}.proto`,
        `syntax = "proto3"; package p${index}; message M {}
      service S { ${Array.from({ length: 40 }, (_, rpc) => `rpc R${rpc}(M) returns (M);`).join(" ")} }`,
      ]),
    );
    const { stdout } = start([], toBinary(CodeGeneratorRequestSchema, compile(many)));
    expect(stdout.byteLength).to.be.above(1_000_000);
    expect(fromBinary(CodeGeneratorResponseSchema, stdout).file).to.have.length(120);
  });

  it("tells its version and how to use it", () => {
    expect(start(["--version"]).stdout.toString()).to.equal(`protoc-gen-rsocket-rpc ${manifest.version}\n`);
    expect(start(["--help"]).stdout.toString()).to.match(
      /^protoc-gen-rsocket-rpc [\s\S]*buf\.gen\.yaml[\s\S]*runtime_import=<module>/,
    );
  });

  it("refuses other arguments and other input in one line", () => {
    const wrong = start(["--verison"]);
    expect([wrong.status, wrong.stderr.toString()]).to.deep.equal([
      1,
      `protoc-gen-rsocket-rpc: unknown argument "--verison", expected --version, --help or none\n`,
    ]);
    for (const input of [new Uint8Array(), new TextEncoder().encode('syntax = "proto3";\n')]) {
      const { status, stderr } = start([], input);
      expect([status, stderr.toString()]).to.deep.equal([
        1,
        "protoc-gen-rsocket-rpc: stdin holds no CodeGeneratorRequest: let buf or protoc start the plugin, see --help\n",
      ]);
    }
  });

  it("costs at most twice the CPU of starting Node, for a schema of one file", () => {
    const probe = join(folder, "probe.cjs");
    writeFileSync(
      probe,
      `process.on("exit", () => { const { user, system } = process.cpuUsage(); require("fs").writeSync(2, String(user + system)); });`,
    );
    const request = toBinary(
      CodeGeneratorRequestSchema,
      compile({
        "a.proto": `syntax = "proto3"; package p; message M { string text = 1; }
      service S { rpc A(M) returns (M); rpc B(M) returns (stream M); rpc C(stream M) returns (M); rpc D(stream M) returns (stream M); }`,
      }),
    );
    const ratios: number[] = [];
    // Neighbours in time see the same machine; the middle of several pairs leaves out what else it does.
    for (let round = 0; round < 11; round++) {
      const node = Number(spawnSync(process.execPath, ["-r", probe, "-e", "0"]).stderr.toString());
      ratios.push(Number(start([], request, ["-r", probe]).stderr.toString()) / node);
    }
    ratios.sort((a, b) => a - b);
    expect(ratios[5], `ratios ${ratios.map((ratio) => ratio.toFixed(2)).join(" ")}`).to.be.at.most(2);
  });
});
