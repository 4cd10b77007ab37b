// SPDX-License-Identifier: Apache-2.0
// Generated code under the compiler options of a strict project, and the types that users meet.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { GENERATED, generateGoldens } from "./support/goldens.js";
import { ROOT } from "./support/workspace.js";

describe("generated code", function () {
  this.timeout(60_000);
  before(() => void generateGoldens());

  it("compiles under strict options, refuses what is wrong and accepts what is right", () => {
    expect(typeCheck("test/codegen")).to.equal("");
  });

  it("is checked with the options it promises to compile under", () => {
    const options = JSON.parse(tsc("--showConfig", "-p", "test/codegen")) as {
      readonly compilerOptions: Record<string, unknown>;
    };
    for (const name of [
      "strict",
      "verbatimModuleSyntax",
      "exactOptionalPropertyTypes",
      "isolatedDeclarations",
      "noUncheckedIndexedAccess",
    ]) {
      expect(options.compilerOptions[name], name).to.equal(true);
    }
    expect(options.compilerOptions["skipLibCheck"]).to.equal(false);
  });

  it("compiles for ES2017, which is what Next.js has projects begin with", () => {
    writeFileSync(
      join(GENERATED, "tsconfig.es2017.json"),
      JSON.stringify({
        extends: "../tsconfig.json",
        compilerOptions: { target: "es2017", lib: ["esnext", "dom", "dom.iterable"], noEmit: true },
        include: ["shop/**/*.ts", "legacy/**/*.ts", "ticker_rsocket.ts"],
      }),
    );
    expect(typeCheck(join(GENERATED, "tsconfig.es2017.json"))).to.equal("");
  });

  it("says what to do when the runtime is older than the plugin", () => {
    const old = readFileSync(join(ROOT, "runtime/dist/codegen.d.ts"), "utf8")
      .replace(/^export type Generation1 = 1;$/m, "")
      .replaceAll(`"./`, `"../../../runtime/dist/`);
    writeFileSync(join(GENERATED, "old-runtime.d.ts"), old);
    writeFileSync(
      join(GENERATED, "tsconfig.old-runtime.json"),
      JSON.stringify({
        extends: "../tsconfig.json",
        compilerOptions: { paths: { "rsocket-rpc/codegen": ["./old-runtime.d.ts"] } },
        include: ["ticker_rsocket.ts"],
      }),
    );
    const [, line = "0"] =
      /ticker_rsocket\.ts\((\d+),\d+\): error TS2305: .* has no exported member 'Generation1'/.exec(
        typeCheck(join(GENERATED, "tsconfig.old-runtime.json")),
      ) ?? [];
    const above = readFileSync(join(GENERATED, "ticker_rsocket.ts"), "utf8").split("\n")[Number(line) - 2];
    expect(above).to.equal(
      `// "has no exported member Generation1": rsocket-rpc is older than the plugin. Update it: npm install rsocket-rpc@latest`,
    );
  });
});

function typeCheck(project: string): string {
  return tsc("--pretty", "false", "-p", project);
}

function tsc(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [join(ROOT, "node_modules/typescript/bin/tsc"), ...args], {
    cwd: ROOT,
    encoding: "utf8",
  });
  return stdout + stderr;
}
