// SPDX-License-Identifier: Apache-2.0
// Schemas that nobody here wrote: node test/codegen/public-schemas.mjs (after npm run build). Fetches pinned packages of npm,
// Go and Maven, generates code for the .proto files in them, compiles it strictly with two compilers, and calls each rpc.
import { tsImport } from "tsx/esm/api";

const LEAST_FILES = 40;
const { callPublic, generatePublic, typeCheckPublic } = await tsImport("./support/public-schemas.ts", import.meta.url);

generatePublic();
for (const compiler of ["typescript", "typescript-5.9"]) {
  const complaints = typeCheckPublic(compiler);
  console.log(`${compiler}: ${complaints === "" ? "compiles" : `does not compile\n${complaints}`}`);
  if (complaints !== "") process.exitCode = 1;
}

const { listed, others } = await callPublic();
for (const { file, services, rpcs, from } of listed)
  console.log(`${String(services).padStart(3)} services ${String(rpcs).padStart(4)} rpcs  ${file}  (${from})`);
const sum = (key) => listed.reduce((total, checked) => total + checked[key], 0);
console.log(
  `${listed.length} files, ${sum("services")} services, ${sum("rpcs")} rpcs, each called; ${others} files with services that they import`,
);
if (listed.length < LEAST_FILES) {
  console.error(`expected at least ${LEAST_FILES} files`);
  process.exitCode = 1;
}
