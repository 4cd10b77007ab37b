// SPDX-License-Identifier: Apache-2.0
// The tarballs as they would be published: what is in them, what their package.json promises, and two linters of packages.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData, type Problem } from "@arethetypeswrong/core";
import { expect } from "chai";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { installed, packed, textOf } from "./support/packed.js";
import { OUR_PROGRAMS, ROOT, succeed } from "./support/programs.js";

/** What one download may cost. As of writing the runtime has 367 kB and the plugin 41 kB. */
const MAX_TARBALL_BYTES = { runtime: 377_000, plugin: 60_000 } as const;

/** Resolutions that an ESM-only package does without: TypeScript before 4.7's, and node16's of `require`. */
const NOT_FOR_ESM_ONLY: readonly string[] = ["node10", "node16-cjs"];

interface Manifest {
  readonly [field: string]: unknown;
  readonly description: string;
  readonly keywords: readonly string[];
}

describe("the tarball", function () {
  this.timeout(120_000);

  for (const name of ["runtime", "plugin"] as const) {
    describe(`of the ${name}`, () => {
      let bytes: Uint8Array<ArrayBuffer>;
      let files: readonly string[];
      const manifest = JSON.parse(textOf(`${name}/package.json`)) as Manifest;

      before(async () => {
        const tarball = (await packed())[name];
        bytes = Uint8Array.from(readFileSync(tarball));
        const list = await succeed("tar", ["-tzf", tarball], { cwd: ROOT, folders: [OUR_PROGRAMS] });
        files = list
          .trim()
          .split("\n")
          .map((path) => path.replace(/^package\//, ""));
      });

      it("holds its README and licence, and nothing that only we need", () => {
        expect(files).to.include.members(["package.json", "README.md", "LICENSE"]);
        expect(
          files.filter((path) => /(^|\/)(test|src|node_modules)\/|\.map$|tsbuildinfo|\.test\.|tsconfig/.test(path)),
        ).to.deep.equal([]);
      });

      it(`is smaller than ${MAX_TARBALL_BYTES[name]} bytes`, () => {
        expect(bytes.length).to.be.below(MAX_TARBALL_BYTES[name]).and.above(10_000);
      });

      it("says what it is, for whom, and that no install script runs", () => {
        expect(manifest).to.include({ license: "Apache-2.0", type: "module" }).and.not.have.property("private");
        expect(manifest["engines"]).to.deep.equal({ node: ">=20.19" });
        expect(manifest.description).to.match(/\.$/);
        expect(manifest.keywords).to.include("rsocket");
        expect(Object.keys(manifest["scripts"] ?? {})).to.deep.equal(["prepack"]);
      });

      it("passes publint, suggestions included", async () => {
        const { messages, pkg } = await publint({ strict: true, pack: { tarball: bytes.buffer } });
        expect(messages.map((message) => formatMessage(message, pkg))).to.deep.equal([]);
      });

      it("gives each importer the types of what it imports (attw, esm-only)", async () => {
        const result = await checkPackage(createPackageFromTarballData(bytes));
        if (result.types === false) return expect(name, "has no types").to.equal("plugin");
        expect(
          result.problems.filter(concernsEsm).map(({ kind, ...where }) => `${kind} ${JSON.stringify(where)}`),
        ).to.deep.equal([]);
        expect(result.problems, "the check sees the doors").to.have.length.above(0);
      });
    });
  }

  it("of the runtime holds llms.txt, whole, and without links to what isn't in it", async () => {
    const text = readFileSync(join(await installed(), "node_modules/rsocket-rpc/llms.txt"), "utf8");
    const whole = textOf("llms.txt");
    const headings = (of: string): readonly string[] => of.match(/^## .*$/gm) ?? [];
    expect([...headings(text), "## Guide", "## Examples", "## Optional"]).to.deep.equal(headings(whole));
    expect(text)
      .to.include("export interface CallOptions")
      .and.not.match(/\]\((?!https:)[^)]*\.(?:md|ts)\)/);
  });

  it("of the runtime holds a declaration for every script, and no script points to a source map that isn't there", async () => {
    const dist = join(await installed(), "node_modules/rsocket-rpc/dist");
    const files = readdirSync(dist, { recursive: true, encoding: "utf8" });
    const names = (ending: string): readonly string[] =>
      files
        .filter((path) => path.endsWith(ending))
        .map((path) => path.slice(0, -ending.length))
        .sort();
    expect(names(".js")).to.have.length.above(50).and.deep.equal(names(".d.ts"));
    const mapped = names(".js").filter((path) =>
      readFileSync(join(dist, `${path}.js`), "utf8").includes("sourceMappingURL"),
    );
    expect(mapped).to.deep.equal([]);
  });
});

function concernsEsm(problem: Problem): boolean {
  return !("resolutionKind" in problem && NOT_FOR_ESM_ONLY.includes(problem.resolutionKind));
}
