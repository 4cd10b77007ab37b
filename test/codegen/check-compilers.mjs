// SPDX-License-Identifier: Apache-2.0
// Generated code and its type tests, and a CommonJS package, with every TypeScript that users may have: node test/codegen/check-compilers.mjs
// (after npm run build). The test suite does so with the newest one alone, because the older ones take seconds each.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { checkCommonjs } = await tsImport("./support/commonjs.ts", import.meta.url);
const { generateGoldens } = await tsImport("./support/goldens.ts", import.meta.url);
generateGoldens();

let failed = false;
for (const name of ["typescript", "typescript-6.0", "typescript-5.9"]) {
  const { version } = JSON.parse(readFileSync(here(`../../node_modules/${name}/package.json`), "utf8"));
  const { status } = spawnSync(process.execPath, [here(`../../node_modules/${name}/bin/tsc`), "-p", here(".")], {
    stdio: "inherit",
  });
  console.log(`TypeScript ${version}: ${status === 0 ? "generated code compiles" : "generated code does not compile"}`);
  const complaints = checkCommonjs(name);
  console.log(
    `TypeScript ${version}: in a CommonJS package ${complaints === "" ? "js+dts compiles and runs" : complaints}`,
  );
  failed ||= status !== 0 || complaints !== "";
}
process.exit(failed ? 1 : 0);
