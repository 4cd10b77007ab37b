// SPDX-License-Identifier: Apache-2.0
// Shortens the names of what is private in rsocket-rpc/lite and in the readers of codecs, in dist/ and after tsc: minifiers
// can't tell that nobody else knows them, and a page would carry them.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { transformSync } from "esbuild";
import { PRIVATE } from "./private-names.mjs";

const FOLDERS = ["lite/", "codec/"];
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

const dist = new URL("dist/", import.meta.url);
const mangleCache = Object.fromEntries(PRIVATE.map((name, i) => [name, LETTERS[i]]));
const mangleProps = new RegExp(`^(${PRIVATE.join("|")})$`);
for (const folder of FOLDERS) {
  for (const name of readdirSync(new URL(folder, dist))) {
    if (!name.endsWith(".js")) continue;
    const file = new URL(folder + name, dist);
    const source = readFileSync(file, "utf8");
    const [license] = source.split("\n", 1);
    const { code } = transformSync(source, { mangleProps, mangleCache, format: "esm", target: "es2022" });
    writeFileSync(file, `${license}\n${code.replace(`${license}\n`, "")}`);
  }
}
