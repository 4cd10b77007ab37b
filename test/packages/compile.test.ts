// SPDX-License-Identifier: Apache-2.0
// The README's server and client in the project of somebody who has installed the packages and typed `tsc --init`: they
// compile with every TypeScript that users have, without @types/node, and what was compiled runs.

import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { inPairs } from "../support/in-pairs.js";
import { installed, project, textOf } from "./support/packed.js";
import { type Ended, ROOT, run, startNode } from "./support/programs.js";

/** Slow ones first, so that nobody waits for them in the end. */
const COMPILERS = ["typescript-5.9", "typescript-6.0", "typescript"] as const;
type Compiler = (typeof COMPILERS)[number];

/** Generated code as TypeScript, and as JavaScript with declarations. */
const FORMS = { module: { src: "ts", js: "esm" }, commonjs: { src: "ts", js: "cjs" } } as const;

const CONFIG = "tsconfig.json";

const README = { "server.ts": textOf("examples/hello/server.ts"), "client.ts": textOf("examples/hello/client.ts") };

/** Kinds of packages. In both the configuration is what `tsc --init` writes, but for one line in the second. */
const KINDS = {
  module: `as "type": "module", with tsc --init as it is`,
  commonjs: "in a CommonJS package with verbatimModuleSyntax: false",
} as const;
type Kind = keyof typeof KINDS;
const KEYS: readonly Kind[] = ["module", "commonjs"];

describe("the README's server and client", function () {
  this.timeout(300_000); // seconds on a machine that has nothing else to do

  /** By kind and compiler. */
  const outputs = new Map<string, string>();

  before(async () => {
    for (const compiler of COMPILERS) await makeProjects(compiler);
    const runs = COMPILERS.flatMap((compiler) => KEYS.map((kind) => ({ compiler, kind })));
    await inPairs(runs, async ({ compiler, kind }) => {
      // Declarations of libraries are checked, too, which the configuration leaves out: it is the stricter way. They are
      // the same for both kinds, and take a slow compiler as long as all the rest: once for each of those.
      const strict = kind === "module" || compiler === "typescript" ? ["--skipLibCheck", "false"] : [];
      const { output } = await tsc(compiler, await folderOf(kind, compiler), ...strict);
      outputs.set(`${kind} ${compiler}`, output);
    });
  });

  for (const compiler of COMPILERS) {
    for (const kind of KEYS) {
      it(`compile ${KINDS[kind]}, TypeScript ${versionOf(compiler)}`, () => {
        expect(outputs.get(`${kind} ${compiler}`)).to.equal("");
      });
    }
  }

  it("compile without skipLibCheck: false, too", async () => {
    expect((await tsc("typescript", await folderOf("module", "typescript"))).output).to.equal("");
  });

  it("compile in projects that have no types of Node", async () => {
    expect(existsSync(join(await installed(), "node_modules/@types"))).to.equal(false);
  });

  it("don't compile when something is wrong with them: the check sees errors", async () => {
    const wrong = README["client.ts"].replace("ticker.last(", "ticker.lost(");
    const folder = await project("wrong", "module", { src: "ts" }, { "client.ts": wrong });
    await initialize("typescript", folder);
    expect((await tsc("typescript", folder)).output).to.match(/^src\/client\.ts.* error TS2339: Property 'lost'/);
  });

  for (const kind of KEYS) {
    for (const form of Object.keys(FORMS[kind])) {
      it(`run in a ${kind} package from ${form}, as the newest TypeScript has compiled them`, async () => {
        const { exitCode, output } = await runIn(join(await folderOf(kind, "typescript"), form));
        // The server's own call and the end of its answer are two streams: whichever is seen first.
        expect(output.split("\n").sort()).to.deep.equal([
          "",
          "5 [not_found] no symbol NONE",
          "ann: again",
          "ann: hello",
          "server says bye",
        ]);
        expect(exitCode).to.equal(0);
      });
    }
  }
});

async function makeProjects(compiler: Compiler): Promise<void> {
  await project(`module-${compiler}`, "module", FORMS.module, README);
  const inFunctions = Object.entries(README).map(([name, text]) => [name, inFunction(text)]);
  await project(`commonjs-${compiler}`, "commonjs", FORMS.commonjs, Object.fromEntries(inFunctions));
  const [module, commonjs] = [await folderOf("module", compiler), await folderOf("commonjs", compiler)];
  await initialize(compiler, module);
  cpSync(join(module, CONFIG), join(commonjs, CONFIG));
  change(join(commonjs, CONFIG), /("verbatimModuleSyntax":) true/, "$1 false");
}

/** CommonJS has no `await` at the top. */
function inFunction(text: string): string {
  const start = text.search(/^(?!\/\/|import )\S/m);
  return `${text.slice(0, start)}\nasync function main() {\n${text.slice(start)}}\nvoid main();\n`;
}

async function folderOf(kind: Kind, compiler: Compiler): Promise<string> {
  return join(await installed(), `${kind}-${compiler}`);
}

async function initialize(compiler: Compiler, folder: string): Promise<void> {
  const { exitCode, output } = await tsc(compiler, folder, "--init");
  expect(exitCode, output).to.equal(0);
}

function tsc(compiler: Compiler, cwd: string, ...args: readonly string[]): Promise<Ended> {
  const program = join(ROOT, "node_modules", compiler, "bin/tsc");
  return run(process.execPath, [program, "--pretty", "false", ...args], { cwd });
}

function versionOf(compiler: Compiler): string {
  return (JSON.parse(textOf(`node_modules/${compiler}/package.json`)) as { version: string }).version;
}

/** Runs the compiled server and client of a folder, on a port that is free. */
async function runIn(folder: string): Promise<Ended> {
  change(join(folder, "server.js"), /127\.0\.0\.1:700[01]/g, "127.0.0.1:0");
  const server = await startNode(["server.js"], folder, /listening on tcp:\/\/([\d.:]+)/);
  try {
    change(join(folder, "client.js"), /127\.0\.0\.1:7000/g, server.found);
    return await run(process.execPath, ["client.js"], { cwd: folder });
  } finally {
    await server.stop();
  }
}

function change(path: string, pattern: RegExp, text: string): void {
  const before = readFileSync(path, "utf8");
  const after = before.replace(pattern, text);
  if (after === before) throw new Error(`${path} has no ${pattern}`);
  writeFileSync(path, after);
}
