// SPDX-License-Identifier: Apache-2.0
// What the package is for those who install it: doors that exist, no Node in the neutral ones, the same classes by require.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { expect } from "chai";
import { build } from "esbuild";
import ts from "typescript-5.9";
import { importsOf } from "./support/imports.js";
import { parseSource, place, ROOT, readText, walk } from "./support/repository.js";

interface Manifest {
  readonly sideEffects: unknown;
  readonly exports: Readonly<Record<string, string | Readonly<Record<"types" | "default", string>>>>;
}

const RUNTIME = join(ROOT, "runtime");
const manifest = JSON.parse(readText("runtime/package.json")) as Manifest;
const doors = Object.entries(manifest.exports).flatMap(([name, target]) =>
  typeof target === "string" ? [] : [{ name, ...target }],
);

describe("the package", function () {
  this.timeout(60_000);

  it("has every file that its doors name", () => {
    const files = doors.flatMap((door) => [door.types, door.default]);
    expect(
      files.filter((file) => !existsSync(join(RUNTIME, file))),
      "missing: run npm run build",
    ).to.deep.equal([]);
  });

  it("says that importing it does nothing by itself, and that is true", async () => {
    expect(manifest.sideEffects).to.equal(false);
    const { text } = await bundle(`import "./dist/index.js"; import "./dist/web.js"; import "./dist/lite.js";`);
    expect(text.replace(/^\s*\/\/.*$/gm, "").trim()).to.equal("");
  });

  for (const door of [
    ".",
    "./web",
    "./lite",
    "./rsocket",
    "./compat",
    "./codegen",
    "./testing",
    "./frames",
    "./session",
  ]) {
    it(`bundles ${door} for the browser, whole and without a module of Node`, async () => {
      const { text, files, external } = await bundle(`export * from "${fileOf(door)}";`);
      expect(files, "files in the bundle").to.have.length.above(1);
      expect(external).to.deep.equal([]);
      expect(text).to.not.match(/["'`]node:|\brequire\(/);
      expect(files.filter((file) => /node_modules\/(?!@bufbuild\/protobuf\/)/.test(file))).to.deep.equal([]);
    });
  }

  it("is declared without types of Node, which are any where @types/node isn't", () => {
    expect(declarationFaults(doors.map((door) => join(RUNTIME, door.types)))).to.deep.equal([]);
  });

  it("gives require() the same classes as import, without a warning", () => {
    const script = `
      const names = ${JSON.stringify(doors.map(({ name }) => `rsocket-rpc${name.slice(1)}`))};
      Promise.all(names.map(async (name) => {
        const required = require(name), imported = await import(name);
        const differing = Object.keys(imported).filter((key) => required[key] !== imported[key]);
        return { name, exported: Object.keys(imported).length, differing };
      })).then((found) => console.log(JSON.stringify({ found, error: typeof require("rsocket-rpc").RpcError })));`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect([status, stderr]).to.deep.equal([0, ""]);
    const { found, error } = JSON.parse(stdout) as {
      found: { name: string; exported: number; differing: string[] }[];
      error: string;
    };
    expect(error).to.equal("function");
    expect(found.filter(({ exported, differing }) => exported === 0 || differing.length > 0)).to.deep.equal([]);
  });

  it("has the same RpcError at each door that has one", () => {
    const script = `for (const name of ["rsocket-rpc", "rsocket-rpc/node", "rsocket-rpc/web"]) console.log(require(name).RpcError === require("rsocket-rpc").RpcError)`;
    const { stdout } = spawnSync(process.execPath, ["--input-type=commonjs", "-e", script], {
      cwd: ROOT,
      encoding: "utf8",
    });
    expect(stdout).to.equal("true\ntrue\ntrue\n");
  });
});

describe("the check of declarations", () => {
  it("finds imports and globals of Node", () => {
    const faults = (text: string): readonly string[] => faultsOfDeclaration(parseSource("a.d.ts", text).file);
    expect(faults(`import type { Socket } from "node:net";`)).to.deep.equal(["a.d.ts:1 node:net"]);
    expect(faults(`export declare const a: import("ws").WebSocket;`)).to.deep.equal(["a.d.ts:1 ws"]);
    expect(faults(`export declare const a: Buffer;\nexport declare const b: NodeJS.Timeout;`)).to.deep.equal([
      "a.d.ts:1 Buffer",
      "a.d.ts:2 NodeJS",
    ]);
    expect(faults(`/// <reference types="node" />\nexport {};`)).to.deep.equal(["a.d.ts:1 reference to node"]);
    expect(faults(`/** A Buffer. */\nexport declare const a: Uint8Array;`)).to.deep.equal([]);
  });
});

/** `dist/index.js` of `.`, relative to the package. */
function fileOf(door: string): string {
  return doors.find(({ name }) => name === door)?.default ?? `no door ${door}`;
}

interface Bundle {
  readonly text: string;
  readonly files: readonly string[];
  /** What the bundle still imports. */
  readonly external: readonly string[];
}

async function bundle(contents: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: RUNTIME },
    absWorkingDir: ROOT,
    bundle: true,
    write: false,
    metafile: true,
    platform: "browser",
    format: "esm",
    logLevel: "silent", // the error that is thrown says it all
  });
  return {
    text: outputFiles.map(({ text }) => text).join("\n"),
    files: Object.keys(metafile.inputs),
    external: Object.values(metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path)),
  };
}

/** Follows relative imports from `entries`. */
function declarationFaults(entries: readonly string[]): readonly string[] {
  const faults: string[] = [];
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.size === seen.add(path).size) return;
    const source = parseSource(relative(ROOT, path), readFileSync(path, "utf8"));
    faults.push(...faultsOfDeclaration(source.file));
    for (const { specifier } of importsOf(source)) {
      if (specifier.startsWith(".")) visit(join(dirname(path), specifier.replace(/\.js$/, ".d.ts")));
    }
  };
  for (const entry of entries) visit(entry);
  return faults;
}

function faultsOfDeclaration(file: ts.SourceFile): readonly string[] {
  const source = { path: file.fileName, file };
  const faults = file.typeReferenceDirectives.map(({ fileName }) => `${file.fileName}:1 reference to ${fileName}`);
  for (const { specifier, node } of importsOf(source)) {
    if (!/^(\.|@bufbuild\/protobuf(\/|$))/.test(specifier)) faults.push(`${place(source, node)} ${specifier}`);
  }
  walk(file, (node) => {
    const isGlobal =
      ts.isIdentifier(node) &&
      (ts.isTypeReferenceNode(node.parent) || (ts.isQualifiedName(node.parent) && node.parent.left === node));
    if (isGlobal && (node.text === "Buffer" || node.text === "NodeJS"))
      faults.push(`${place(source, node)} ${node.text}`);
  });
  return faults;
}
