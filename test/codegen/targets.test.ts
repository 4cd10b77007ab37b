// SPDX-License-Identifier: Apache-2.0
// The same model in three languages: what target js and target dts say must be what target ts says.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import {
  GENERATED,
  GENERATED_COMMONJS,
  GENERATED_JS,
  generateGoldens,
  goldenServices,
  readTree,
} from "./support/goldens.js";
import { ROOT } from "./support/workspace.js";

const paths = goldenServices();

describe("targets", function () {
  this.timeout(60_000);
  before(() => void generateGoldens());

  for (const path of paths) {
    it(`export the same names for ${path}`, () => {
      const script = path.replace(/ts$/, "js");
      const [ts, js, dts, commonjs] = [
        join(GENERATED, path),
        join(GENERATED_JS, script),
        join(GENERATED_JS, path.replace(/ts$/, "d.ts")),
        join(GENERATED_COMMONJS, script),
      ].map((file) => readFileSync(file, "utf8"));
      const values = namesOf(ts, /^export (?:const|function) ([\w$]+)/gm);
      expect(values).to.have.length.above(4);
      expect(namesOf(js, /^export (?:const|function) ([\w$]+)/gm)).to.deep.equal(values);
      expect(namesOf(dts, /^export declare (?:const|function) ([\w$]+)/gm)).to.deep.equal(values);
      expect(namesOf(commonjs, /^exports\.([\w$]+) = /gm)).to.deep.equal(values);
      expect(namesOf(dts, /^export interface ([\w$]+)/gm)).to.deep.equal(namesOf(ts, /^export interface ([\w$]+)/gm));
    });
  }

  it("dts declares what TypeScript declares for target ts, assignable both ways", () => {
    emitDeclarations();
    expect(
      Object.keys(readTree(GENERATED_JS, "_rsocket.d.ts")).map((path) => path.replace(/d\.ts$/, "ts")),
    ).to.deep.equal(paths);
    for (const [index, path] of paths.entries()) writeFileSync(join(GENERATED, `same${index}.ts`), comparison(path));
    writeConfig("same", { noEmit: true }, ["same*.ts"]);
    expect(tsc("-p", join(GENERATED, "tsconfig.same.json"))).to.equal("");
  });

  it("dts is told from what it isn't by that comparison", () => {
    const wrong = readFileSync(join(GENERATED_JS, "ticker_rsocket.d.ts"), "utf8").replace(
      "Promise<Quote>",
      "Promise<Line>",
    );
    writeFileSync(join(GENERATED_JS, "wrong_rsocket.d.ts"), wrong);
    writeFileSync(join(GENERATED, "different.ts"), comparison("ticker_rsocket.ts").replace("js/ticker", "js/wrong"));
    writeConfig("different", { noEmit: true }, ["different.ts"]);
    expect(tsc("-p", join(GENERATED, "tsconfig.different.json"))).to.match(/TickerClient/);
    for (const file of ["js/wrong_rsocket.d.ts", "different.ts"]) writeFileSync(join(GENERATED, file), "export {};\n");
  });

  it("js is modern: neither down-levelled nor typed", () => {
    for (const text of [
      ...Object.values(readTree(GENERATED_JS, "_rsocket.js")),
      ...Object.values(readTree(GENERATED_COMMONJS, "_rsocket.js")),
    ]) {
      expect(text).to.not.match(/__await|__async|\bvar |\binterface |import type|: Method</);
    }
  });

  it("js runs in Node without any loader, by import and by require", () => {
    const script = join(GENERATED, "program.cjs");
    writeFileSync(
      script,
      `
      (async () => {
        const { inProcessChannel } = require("rsocket-rpc/testing");
        for (const generated of [require("./commonjs/ticker_rsocket.js"), require("./js/ticker_rsocket.js"), await import("./js/ticker_rsocket.js")]) {
          const last = ({ name }) => ({ symbol: name, price: 7 });
          const channel = await inProcessChannel([generated.implementTicker({ ...generated.unimplementedTicker, last })]);
          const { symbol, price } = await generated.createTickerClient(channel).last({ name: "ACME" });
          console.log(symbol, price);
          await channel.close();
        }
      })();`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", script], {
      encoding: "utf8",
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    expect(stdout + stderr).to.equal("ACME 7\nACME 7\nACME 7\n");
  });
});

function namesOf(text: string | undefined, pattern: RegExp): string[] {
  return [...(text ?? "").matchAll(pattern)].map(([, name = ""]) => name).sort();
}

/** What TypeScript itself makes of target ts. */
function emitDeclarations(): void {
  writeConfig("emit", { noEmit: false, emitDeclarationOnly: true, rootDir: ".", outDir: "tsc" }, paths);
  expect(tsc("-p", join(GENERATED, "tsconfig.emit.json"))).to.equal("");
}

/** A module that compiles when each export of one file may stand for that of the other. */
function comparison(path: string): string {
  const script = path.replace(/ts$/, "js");
  const interfaces = namesOf(readFileSync(join(GENERATED, path), "utf8"), /^export interface ([\w$]+)/gm);
  const pairs = [
    ["all", "typeof ours", "typeof theirs"],
    ...interfaces.map((name) => [name, `ours.${name}`, `theirs.${name}`]),
  ];
  return `import type * as ours from "./js/${script}";
import type * as theirs from "./tsc/${script}";
${pairs
  .map(
    ([name, mine, other]) => `export const to_${name} = (value: ${mine}): ${other} => value;
export const from_${name} = (value: ${other}): ${mine} => value;`,
  )
  .join("\n")}
`;
}

function writeConfig(name: string, compilerOptions: object, include: readonly string[]): void {
  writeFileSync(
    join(GENERATED, `tsconfig.${name}.json`),
    JSON.stringify({ extends: "../tsconfig.json", compilerOptions, include }),
  );
}

function tsc(...args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, "node_modules/typescript/bin/tsc"), "--pretty", "false", ...args],
    { cwd: ROOT, encoding: "utf8" },
  );
  return stdout + stderr;
}
