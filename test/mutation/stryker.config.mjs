// SPDX-License-Identifier: Apache-2.0
// Changes the layers below engine/ in one place at a time and looks whether a test notices. run.mjs says which files.
import { fileURLToPath } from "node:url";

const plugin = (name) => fileURLToPath(import.meta.resolve(name));

/** Mocha expands braces only beside a star. */
const each = (folder, ...names) => names.map((name) => `${folder}/${name}.test.ts`);

/** Suites that are quick and look at bytes. The random models of test/session take longer than all of these together. */
const SPEC = [
  "test/unit/{bytes,frames,metadata,session}/**/*.test.ts",
  // Not those of extensions and RPC: they use the built package, in which nothing is changed.
  "test/spec/!(15|16)*.test.ts",
  ...each("test/session", "conversations", "half-close", "limits", "reentrancy", "starvation"),
  "test/regressions/fuzz.test.ts",
  ...each("test/unit/engine", "acceptor", "driver"),
  "test/vectors/resume.test.ts",
];

const CONFIG = fileURLToPath(new URL("mocha.json", import.meta.url));
/** All but those that pass thousands of streams or millions of bytes: each would run for hundreds of mutants. */
const QUICK = "^(?!.*(million|,000|largest message|large answer|ten streams|Infinity switches|1 bytes at a time))";

export default {
  mutate: process.env.MUTATE?.split(","),
  plugins: [plugin("@stryker-mutator/mocha-runner")],
  testRunner: "mocha",
  testRunnerNodeArgs: ["--import", "tsx"],
  mochaOptions: { config: CONFIG, spec: SPEC, grep: QUICK },
  coverageAnalysis: "perTest",
  // A constant is there before any test: each of its mutants would take all tests, in a process of its own.
  ignoreStatic: true,
  incremental: true,
  incrementalFile: process.env.INCREMENTAL_FILE,
  concurrency: 2,
  timeoutMS: 3_000,
  timeoutFactor: 2,
  disableTypeChecks: false,
  // Nothing is compiled: tsx strips the types. Stryker would read the file with an API that TypeScript 7 lacks.
  tsconfigFile: "none",
  tempDirName: "test/mutation/.work",
  ignorePatterns: [
    "**",
    "!package.json",
    "!tsconfig.json",
    "!runtime/package.json",
    "!runtime/src/**",
    "!test/{unit,spec,session,support,vectors,regressions}/**",
    "!proto/**",
  ],
  reporters: ["clear-text", "json"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false, reportScoreTable: true },
  jsonReporter: { fileName: process.env.REPORT_FILE },
  thresholds: { high: 95, low: 90, break: 85 },
};
