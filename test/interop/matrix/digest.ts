// SPDX-License-Identifier: Apache-2.0
// A digest of the code that decides what stands in frames: as long as it is the same, results of peers that CI can't run
// stay true. Comments, layout and types don't count. What decides when frames go out (session/) isn't in it: that changes
// often, and CI tries it with the peers it has.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transform } from "esbuild";

const SOURCES = fileURLToPath(new URL("../../../runtime/src/", import.meta.url));
const LAYERS = ["frames", "metadata"];

/** 16 hex digits. */
export async function wireDigest(): Promise<string> {
  const hash = createHash("sha256");
  for (const layer of LAYERS) {
    const files = readdirSync(`${SOURCES}${layer}`).filter((name) => name.endsWith(".ts") && name !== "describe.ts");
    for (const name of files.sort()) {
      const text = readFileSync(`${SOURCES}${layer}/${name}`, "utf8");
      const { code } = await transform(text, { loader: "ts", minifyWhitespace: true, legalComments: "none" });
      hash.update(`${layer}/${name}\0${code}\0`);
    }
  }
  return hash.digest("hex").slice(0, 16);
}
