// SPDX-License-Identifier: Apache-2.0
// The guide's page on schemas: its files and its lines in a project that has the plugin installed, and its program.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { readTree } from "../codegen/support/goldens.js";
import { installPlugin, type Project } from "../codegen/support/installed-plugin.js";
import { ROOT } from "../codegen/support/workspace.js";

const PAGE = readFileSync(join(ROOT, "docs/guide/8-schema.md"), "utf8");
/** What the page says to type: with buf, with protoc. */
const [WITH_BUF = "", WITH_PROTOC = ""] = [...PAGE.matchAll(/```sh\n([^`]*)```/g)].map(([, lines]) => lines);

describe("8-schema", function () {
  this.timeout(60_000);

  let project: Project;
  before(() => {
    project = installPlugin();
    mkdirSync(join(project.folder, "proto"));
    cpSync(join(ROOT, "examples/hello/proto/meter.proto"), join(project.folder, "proto/meter.proto"));
    for (const file of ["buf.yaml", "buf.gen.yaml"])
      cpSync(join(ROOT, "examples/schema", file), join(project.folder, file));
  });
  after(() => project.remove());

  const generateWith = (lines: string): Readonly<Record<string, string>> => {
    rmSync(join(project.folder, "gen"), { recursive: true, force: true });
    expect(project.run("sh", "-ec", lines)).to.equal("");
    return readTree(join(project.folder, "gen"), ".ts");
  };

  it("generates the same with the lines for buf as with those for protoc", () => {
    expect(WITH_BUF).to.equal("npx buf generate\n");
    const byBuf = generateWith(WITH_BUF);
    const names = ["meter_codec.ts", "meter_pb.ts", "meter_rsocket.ts", "rsocket/options_pb.ts"];
    expect(Object.keys(byBuf)).to.deep.equal(names);
    expect(WITH_PROTOC).to.include("npx protoc -I proto -I node_modules/protoc-gen-rsocket-rpc/proto ");
    expect(generateWith(WITH_PROTOC)).to.deep.equal(byBuf);
  });

  it("shows a buf.yaml under which only the user's own files are linted", () => {
    const { stdout } = spawnSync("buf", ["lint"], {
      cwd: project.folder,
      env: project.environment,
      encoding: "utf8",
    });
    expect(stdout)
      .to.include("proto/meter.proto:")
      .and.not.match(/options\.proto|envelope\.proto/);
  });

  it("tells what the generated code does", () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", "tsx", "examples/hello/guide-8-schema.ts"],
      { cwd: ROOT, encoding: "utf8" },
    );
    expect(stdout.split("\n"), stderr).to.deep.equal([
      "demo.v1.Meter ReadOLD",
      "no_side_effects",
      "fire_and_forget",
      "changes something: Ping",
      "7",
      "changes something: Set",
      "cellar",
      "",
    ]);
    expect(status).to.equal(0);
  });

  it("lists every option of the plugin, as its README does", () => {
    const optionsOf = (text: string): string[] =>
      [...text.matchAll(/^\| (`[a-z_]+`(?:, `[a-z_]+`)*) +\| [^|]*(?:default|<pattern>)/gm)].map(
        ([, names = ""]) => names,
      );
    const readme = optionsOf(readFileSync(join(ROOT, "plugin/README.md"), "utf8"));
    expect(readme).to.have.length(8);
    expect(optionsOf(PAGE)).to.deep.equal(readme);
  });
});
