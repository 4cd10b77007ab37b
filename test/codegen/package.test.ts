// SPDX-License-Identifier: Apache-2.0
// The plugin's package as npm packs it, installed in a project that follows its README.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect } from "chai";
import { GENERATED, generateGoldens, goldenProtos, readGoldens, readTree } from "./support/goldens.js";
import { installPlugin, type Project } from "./support/installed-plugin.js";
import { ROOT } from "./support/workspace.js";

const README = readFileSync(join(ROOT, "plugin/README.md"), "utf8");

describe("the plugin's package", function () {
  this.timeout(60_000);

  let project: Project;
  before(() => {
    project = installPlugin();
    mkdirSync(join(project.folder, "proto"));
    writeFileSync(join(project.folder, "proto/ticker.proto"), goldenProtos()["ticker.proto"] ?? "");
  });
  after(() => project.remove());

  it("holds the program, the licence, the README and nothing else but .proto files", () => {
    const entries = readdirSync(project.installed, { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const files = entries.map(({ parentPath, name }) =>
      relative(project.installed, join(parentPath, name)).replaceAll("\\", "/"),
    );
    expect(files.filter((path) => !path.endsWith(".proto")).sort()).to.deep.equal([
      "LICENSE",
      "README.md",
      "bin/package.json",
      "bin/protoc-gen-rsocket-rpc",
      "dist/main.cjs",
      "package.json",
    ]);
  });

  it("holds the .proto files of this repository byte for byte", () => {
    const packed = readTree(join(project.installed, "proto"), ".proto");
    expect(Object.keys(packed)).to.deep.equal(["rsocket/options.proto", "rsocket/rpc/v1/envelope.proto"]);
    expect(packed).to.deep.equal(readTree(join(ROOT, "proto"), ".proto"));
  });

  it("generates under buf with the files of the README, whose second module nobody lints", () => {
    rmSync(join(project.folder, "gen"), { recursive: true, force: true });
    writeFileSync(join(project.folder, "buf.yaml"), block("# buf.yaml"));
    writeFileSync(join(project.folder, "buf.gen.yaml"), block("# buf.gen.yaml\nversion: v2\ninputs:"));
    expect(project.run("buf", "generate")).to.equal("");
    expectGenerated();
    const lint = spawnSync("buf", ["lint"], {
      cwd: project.folder,
      env: project.environment,
      encoding: "utf8",
    });
    expect(lint.stdout)
      .to.include("proto/ticker.proto:")
      .and.not.match(/options\.proto|envelope\.proto/);
  });

  it("generates under protoc with the line of the README", () => {
    rmSync(join(project.folder, "gen"), { recursive: true, force: true });
    mkdirSync(join(project.folder, "gen"));
    const [, line = ""] = /```sh\n(protoc [^`]*)```/.exec(README) ?? [];
    expect(project.run("sh", "-c", line)).to.equal("");
    expectGenerated();
  });

  function expectGenerated(): void {
    const files = readTree(join(project.folder, "gen"), ".ts");
    const names = ["rsocket/options_pb.ts", "ticker_codec.ts", "ticker_pb.ts", "ticker_rsocket.ts"];
    expect(Object.keys(files)).to.deep.equal(names);
    for (const name of ["ticker_codec.ts", "ticker_rsocket.ts"]) expect(files[name]).to.equal(readGoldens()[name]);
    generateGoldens();
    expect(files["ticker_pb.ts"]).to.include(
      readFileSync(join(GENERATED, "ticker_pb.ts"), "utf8").split("\n").slice(4).join("\n"),
    );
  }
});

/** The code block of the README that starts so. */
function block(start: string): string {
  const found = README.split("```yaml\n").find((text) => text.startsWith(start));
  if (found === undefined) throw new Error(`plugin/README.md has no block that starts with ${start}`);
  return found.split("```")[0] ?? "";
}
