// SPDX-License-Identifier: Apache-2.0
// Names that the build shortens are private, are used, and are gone.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { transformSync } from "esbuild";
import { PRIVATE } from "../../runtime/private-names.mjs";
import { ROOT } from "./support/programs.js";

const SHORTENED = ["lite", "codec"];
/** Types of others that these use. */
const OTHERS = [
  "engine/link",
  "engine/scheduler",
  "metadata/headers",
  "rpc/call-options",
  "rpc/channel",
  "rpc/codec",
  "rpc/compatibility",
  "rpc/connection",
  "rpc/method",
  "session/errors",
];

function textsIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(ROOT, folder, name), "utf8"));
}

/** Members called by a private name, wherever they are declared or asked for. */
function privateMembersOf(texts: readonly string[], loader: "ts" | "js"): string[] {
  const mangleProps = new RegExp(`^(${PRIVATE.join("|")})$`);
  return texts.flatMap((text) =>
    Object.keys(transformSync(text, { loader, mangleProps, mangleCache: {} }).mangleCache ?? {}),
  );
}

describe("the build", () => {
  const built = SHORTENED.flatMap((folder) => textsIn(`runtime/dist/${folder}`, ".js"));

  it("shortens each private name of rsocket-rpc/lite and of codecs", () => {
    const sources = SHORTENED.flatMap((folder) => textsIn(`runtime/src/${folder}`, ".ts"));
    expect(new Set(privateMembersOf(sources, "ts"))).to.deep.equal(new Set(PRIVATE));
    expect(privateMembersOf(built, "js")).to.deep.equal([]);
  });

  it("keeps the licence in front of what it shortens", () => {
    for (const text of built) expect(text).to.match(/^\/\/ SPDX-License-Identifier: Apache-2\.0\n/);
  });

  it("shortens no name by which lite or codecs know a type of others", () => {
    for (const path of OTHERS) {
      const text = readFileSync(join(ROOT, `runtime/src/${path}.ts`), "utf8");
      for (const name of PRIVATE)
        expect(text, `${name} in ${path}`).to.not.match(new RegExp(`^ +(readonly )?${name}\\??[(:<]`, "m"));
    }
  });
});
