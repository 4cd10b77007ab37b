// SPDX-License-Identifier: Apache-2.0
// Files in folders: the same output however buf hands them over, and only for what was asked for.

import { join } from "node:path";
import { expect } from "chai";
import { goldenProtos, readGenerated, readGoldens } from "./support/goldens.js";
import { buf, inTemporaryFolder, writeProtos } from "./support/workspace.js";

interface Plugin {
  readonly strategy?: "all" | "directory";
  readonly include_imports?: boolean;
}

describe("the layout of files", function () {
  this.timeout(60_000);

  /** All files of our plugin for the protos of the goldens, or for one folder of them. */
  const generateBy = (plugin: Plugin, ...args: readonly string[]): Readonly<Record<string, string>> =>
    inTemporaryFolder((folder) => {
      writeProtos(folder, goldenProtos());
      const plugins = [{ local: "protoc-gen-rsocket-rpc", out: "gen", opt: ["target=ts"], ...plugin }];
      const { status, stderr } = buf(
        folder,
        "generate",
        "--template",
        JSON.stringify({ version: "v2", plugins }),
        ...args,
      );
      expect([status, stderr]).to.deep.equal([0, ""]);
      return readGenerated(join(folder, "gen"));
    });

  for (const strategy of ["all", "directory"] as const) {
    it(`is that of the .proto files under strategy: ${strategy}`, () => {
      const files = generateBy({ strategy });
      expect(Object.keys(files)).to.deep.equal(Object.keys(readGoldens()));
      expect(files).to.deep.equal(generateBy({}));
    });
  }

  it("has nothing for imports that nobody asked for", () => {
    expect(Object.keys(generateBy({}, "--path", "layout/v1/second.proto"))).to.deep.equal([
      "layout/v1/second_codec.ts",
      "layout/v1/second_rsocket.ts",
    ]);
  });

  it("has imports when they are asked for", () => {
    expect(Object.keys(generateBy({ include_imports: true }, "--path", "layout/v1/second.proto"))).to.deep.equal([
      "layout/v1/deep/inner/leaf_codec.ts",
      "layout/v1/first_codec.ts",
      "layout/v1/second_codec.ts",
      "layout/v1/deep/inner/leaf_rsocket.ts",
      "layout/v1/first_rsocket.ts",
      "layout/v1/second_rsocket.ts",
    ]);
  });

  it("takes messages from where they are declared, also behind a public import", () => {
    const text = readGoldens()["layout/v1/first_rsocket.ts"] ?? "";
    expect([...text.matchAll(/^import type \{.*from "(\..*)";$/gm)].map(([, from]) => from)).to.deep.equal([
      "../other/behind_pb.js",
      "./deep/inner/leaf_pb.js",
    ]);
  });
});
