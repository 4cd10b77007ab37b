// SPDX-License-Identifier: Apache-2.0
// `npm run fuzz:guided -- [--target NAME] [--seconds 60]`: the targets of test/fuzz under libFuzzer, which looks for inputs
// that reach code that no other has reached. Compiles the native part of Jazzer.js here, against the system's libFuzzer.
//
// Exit codes: 0 nothing found, 1 a promise was broken, 2 arguments that can't be, 3 tools are missing.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const MISSING_TOOLS = 3;
const HERE = fileURLToPath(new URL(".", import.meta.url));
const BUILD = join(HERE, "build");
const CORPUS = join(HERE, "..", "corpus");
const CRASHES = join(HERE, "..", "crashes");
const FUZZER = join(HERE, "node_modules/@jazzer.js/fuzzer");
const ADDON = join(FUZZER, "build/Release/jazzerjs.node");
/** libFuzzer would make inputs of 4 KiB, which are slow and mean nothing more. */
const MAX_INPUT_BYTES = 1_500;

const { values } = parseArgs({ options: { target: { type: "string" }, seconds: { type: "string", default: "60" } } });
const all = readdirSync(CORPUS).sort();
const targets = all.filter((name) => values.target === undefined || name === values.target);
if (targets.length === 0 || !(Number(values.seconds) > 0)) {
  console.error(`expected --target ${all.join("|")}, --seconds above 0`);
  process.exit(2);
}

if (!existsSync(ADDON)) build(findTools());
mkdirSync(CRASHES, { recursive: true });
for (const target of targets) if (!(await fuzz(target))) process.exitCode = 1;

/** The compiler, libFuzzer without a main of its own, and Node's headers. */
function findTools() {
  const clang = ["clang++", ...[19, 18, 17, 16, 15, 14].map((version) => `clang++-${version}`)].find(
    (name) => spawnSync(name, ["--version"]).status === 0,
  );
  const arch = process.arch === "arm64" ? "aarch64" : "x86_64";
  const libFuzzer = clang && printFileName(clang, `libclang_rt.fuzzer_no_main-${arch}.a`);
  const headers = [join(dirname(process.execPath), "../include/node"), "/usr/include/node"].find((folder) =>
    existsSync(join(folder, "node_api.h")),
  );
  const tools = { clang, libFuzzer, headers };
  const missing = Object.keys(tools).filter((name) => tools[name] === undefined);
  if (missing.length === 0) return tools;
  console.error(`coverage-guided fuzzing is left out: ${missing.join(", ")} not found.`);
  console.error("It wants clang++, libFuzzer and Node's headers (Debian: clang, libclang-rt-dev, libnode-dev).");
  process.exit(MISSING_TOOLS);
}

function printFileName(clang, library) {
  const path = spawnSync(clang, [`-print-file-name=${library}`], { encoding: "utf8" }).stdout.trim();
  // Clang prints the bare name of a file that it doesn't find.
  return path !== library && existsSync(path) ? path : undefined;
}

function build({ clang, libFuzzer, headers }) {
  if (!existsSync(FUZZER)) run("npm", ["ci", "--ignore-scripts"]);
  mkdirSync(dirname(ADDON), { recursive: true });
  const sources = [FUZZER, join(FUZZER, "shared")].flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => file.endsWith(".cpp"))
      .map((file) => join(folder, file)),
  );
  const includes = [headers, join(HERE, "node_modules/node-addon-api"), join(HERE, "native"), FUZZER];
  run(clang, [
    ...["-O2", "-std=c++17", "-shared", "-fPIC", "-DNAPI_VERSION=4"],
    ...includes.map((folder) => `-I${folder}`),
    ...[...sources, join(HERE, "native/glue.cpp")],
    ...["-Wl,-whole-archive", libFuzzer, "-Wl,-no-whole-archive", "-o", ADDON],
  ]);
}

function run(command, options) {
  const { status } = spawnSync(command, options, { cwd: HERE, stdio: "inherit" });
  if (status !== 0) throw new Error(`${command} ended with ${status}`);
}

/** True when nothing was found. */
async function fuzz(target) {
  const corpus = join(BUILD, "corpus", target);
  mkdirSync(corpus, { recursive: true });
  for (const file of readdirSync(join(CORPUS, target))) {
    const hex = readFileSync(join(CORPUS, target, file), "utf8").trim();
    writeFileSync(join(corpus, file), Buffer.from(hex, "hex"));
  }
  const bundle = await bundled(target);
  console.log(`${target}: ${values.seconds} s`);
  const { status } = spawnSync(
    process.execPath,
    [
      join(HERE, "node_modules/@jazzer.js/core/dist/cli.js"),
      ...[bundle, corpus, "--sync", "--includes", bundle, "--"],
      ...[`-max_total_time=${values.seconds}`, `-max_len=${MAX_INPUT_BYTES}`, `-artifact_prefix=${BUILD}/`],
      "-print_final_stats=1",
    ],
    { cwd: HERE, stdio: "inherit" },
  );
  return status === 0;
}

/** One CommonJS file: only such files are watched while they run. */
async function bundled(target) {
  const { build: bundle } = await import("esbuild");
  const outfile = join(BUILD, `${target}.cjs`);
  await bundle({
    stdin: { contents: entry(target), resolveDir: HERE, loader: "ts" },
    ...{ bundle: true, platform: "node", format: "cjs", target: "node20", outfile, logLevel: "warning" },
  });
  return outfile;
}

// The released libFuzzer can't be told to stop by a target: whoever finds something writes it down and ends the process.
function entry(target) {
  return `
    import { writeFileSync } from "node:fs";
    import { run } from ${JSON.stringify(join(HERE, "../targets", `${target}.ts`))};
    export function fuzz(data) {
      try {
        run(new Uint8Array(data));
      } catch (error) {
        const hex = data.toString("hex");
        const file = ${JSON.stringify(`${CRASHES}/${target}-guided-`)} + process.pid + ".hex";
        writeFileSync(file, hex + "\\n");
        console.error(error, "\\n" + file + ": " + hex);
        process.reallyExit(1);
      }
    }`;
}
