// SPDX-License-Identifier: Apache-2.0
// Types on every TypeScript that users may have: node .ci/check-types.mjs (after npm run build, generate and generate:tests).
//
// What is ours to compile (runtime, plugin, tests, examples) is checked by the newest, which builds. What others compile is
// checked by all three: the declarations of every door, without skipLibCheck, in a project with and without Node's types,
// and generated code with its type tests.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const COMPILERS = ["typescript", "typescript-6.0", "typescript-5.9"];
/** Below node_modules, so that packages resolve as they do for users, and nothing of it is ever committed. */
const CONSUMER = join(ROOT, "node_modules/.cache/consumer");

let failed = 0;
for (const project of ["plugin", "test"])
  check(`${project}, ${versionOf("typescript")}`, ...tsc("typescript", project, "--noEmit"));

writeConsumer();
for (const compiler of COMPILERS) {
  for (const config of ["browser", "node"]) {
    const project = join(CONSUMER, `tsconfig.${config}.json`);
    check(`declarations of all doors in a ${config} project, ${versionOf(compiler)}`, ...tsc(compiler, project));
  }
}
check("generated code, all compilers", process.execPath, ["test/codegen/check-compilers.mjs"]);
process.exit(failed > 0 ? 1 : 0);

function check(what, command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: ROOT, encoding: "utf8" });
  console.log(`${status === 0 ? "ok    " : "FAILED"} ${what}`);
  if (status === 0) return;
  failed++;
  console.log(`${stdout}${stderr}`);
}

function tsc(compiler, project, ...more) {
  return [
    process.execPath,
    [join(ROOT, "node_modules", compiler, "bin/tsc"), "--pretty", "false", "-p", project, ...more],
  ];
}

function versionOf(compiler) {
  return `TypeScript ${JSON.parse(readFileSync(join(ROOT, "node_modules", compiler, "package.json"), "utf8")).version}`;
}

/** A project of somebody who has installed the package: every door imported, as strict as can be. */
function writeConsumer() {
  const doors = Object.keys(JSON.parse(readFileSync(join(ROOT, "runtime/package.json"), "utf8")).exports);
  const names = doors.filter((door) => !door.endsWith(".json")).map((door) => `rsocket-rpc${door.slice(1)}`);
  const compilerOptions = {
    ...{ target: "es2022", module: "nodenext", noEmit: true, strict: true, skipLibCheck: false },
    ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, verbatimModuleSyntax: true },
  };
  const libraries = {
    browser: { lib: ["es2022", "dom", "dom.iterable", "dom.asynciterable", "esnext.disposable"], types: [] },
    node: { lib: ["es2023", "esnext.disposable"], types: ["node"] },
  };
  rmSync(CONSUMER, { recursive: true, force: true });
  mkdirSync(CONSUMER, { recursive: true });
  writeFileSync(join(CONSUMER, "package.json"), JSON.stringify({ type: "module", private: true }));
  writeFileSync(
    join(CONSUMER, "all.ts"),
    names.map((name, index) => `export * as door${index} from "${name}";\n`).join(""),
  );
  for (const [name, options] of Object.entries(libraries)) {
    const config = { compilerOptions: { ...compilerOptions, ...options }, files: ["all.ts"] };
    writeFileSync(join(CONSUMER, `tsconfig.${name}.json`), JSON.stringify(config, null, 2));
  }
}
