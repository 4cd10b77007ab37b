// SPDX-License-Identifier: Apache-2.0
// The plugin's package as npm packs it, installed in a project that follows its README.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";
import { expect } from "chai";
import { GENERATED, generateGoldens, goldenProtos, readGoldens, readTree } from "./support/goldens.js";
import { ROOT } from "./support/workspace.js";

const README = readFileSync(join(ROOT, "plugin/README.md"), "utf8");

describe("the plugin's package", function () {
  this.timeout(60_000);

  let project = "";
  const installed = (): string => join(project, "node_modules/protoc-gen-rsocket-rpc");

  before(() => {
    project = mkdtempSync(join(tmpdir(), "rsocket-rpc-package-"));
    // What the workspace must not lend the package: only its programs are found, by PATH as under npx.
    run("npm", ["pack", "--silent", "--pack-destination", project], join(ROOT, "plugin"));
    const { version } = JSON.parse(readFileSync(join(ROOT, "plugin/package.json"), "utf8")) as { version: string };
    mkdirSync(installed(), { recursive: true });
    run(
      "tar",
      ["-xzf", join(project, `protoc-gen-rsocket-rpc-${version}.tgz`), "-C", installed(), "--strip-components=1"],
      project,
    );
    mkdirSync(join(project, "node_modules/.bin"));
    symlinkSync(
      "../protoc-gen-rsocket-rpc/bin/protoc-gen-rsocket-rpc",
      join(project, "node_modules/.bin/protoc-gen-rsocket-rpc"),
    );
    mkdirSync(join(project, "proto"));
    writeFileSync(join(project, "proto/ticker.proto"), goldenProtos()["ticker.proto"] ?? "");
  });
  after(() => rmSync(project, { recursive: true, force: true }));

  it("holds the program, the licence, the README and nothing else but .proto files", () => {
    const entries = readdirSync(installed(), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const files = entries.map(({ parentPath, name }) =>
      relative(installed(), join(parentPath, name)).replaceAll("\\", "/"),
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
    const packed = readTree(join(installed(), "proto"), ".proto");
    expect(Object.keys(packed)).to.deep.equal(["rsocket/options.proto", "rsocket/rpc/v1/envelope.proto"]);
    expect(packed).to.deep.equal(readTree(join(ROOT, "proto"), ".proto"));
  });

  it("generates under buf with the files of the README, whose second module nobody lints", () => {
    rmSync(join(project, "gen"), { recursive: true, force: true });
    writeFileSync(join(project, "buf.yaml"), block("# buf.yaml"));
    writeFileSync(join(project, "buf.gen.yaml"), block("# buf.gen.yaml\nversion: v2\ninputs:"));
    expect(run("buf", ["generate"], project)).to.equal("");
    expectGenerated();
    const lint = spawnSync("buf", ["lint"], { cwd: project, env: environment(), encoding: "utf8" });
    expect(lint.stdout)
      .to.include("proto/ticker.proto:")
      .and.not.match(/options\.proto|envelope\.proto/);
  });

  it("generates under protoc with the line of the README", () => {
    rmSync(join(project, "gen"), { recursive: true, force: true });
    mkdirSync(join(project, "gen"));
    // Where there is no protoc, buf stands in for it with the same arguments.
    const protoc =
      process.env["PROTOC"] ?? (spawnSync("protoc", ["--version"]).error === undefined ? "protoc" : "buf alpha protoc");
    const line = (/```sh\n(protoc [^`]*)```/.exec(README)?.[1] ?? "").replace("protoc", protoc).replaceAll("\\\n", " ");
    expect(run("sh", ["-c", line], project)).to.equal("");
    expectGenerated();
  });

  function expectGenerated(): void {
    const files = readTree(join(project, "gen"), ".ts");
    expect(Object.keys(files)).to.deep.equal(["rsocket/options_pb.ts", "ticker_pb.ts", "ticker_rsocket.ts"]);
    expect(files["ticker_rsocket.ts"]).to.equal(readGoldens()["ticker_rsocket.ts"]);
    generateGoldens();
    expect(files["ticker_pb.ts"]).to.include(
      readFileSync(join(GENERATED, "ticker_pb.ts"), "utf8").split("\n").slice(4).join("\n"),
    );
  }

  /** The packed plugin before the programs of the workspace. */
  function environment(): NodeJS.ProcessEnv {
    const path = [join(project, "node_modules/.bin"), join(ROOT, "node_modules/.bin"), process.env["PATH"] ?? ""];
    return { ...process.env, PATH: path.join(delimiter) };
  }

  function run(command: string, args: readonly string[], cwd: string): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: environment(), encoding: "utf8" });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
    return stderr;
  }
});

/** The code block of the README that starts so. */
function block(start: string): string {
  const found = README.split("```yaml\n").find((text) => text.startsWith(start));
  if (found === undefined) throw new Error(`plugin/README.md has no block that starts with ${start}`);
  return found.split("```")[0] ?? "";
}
