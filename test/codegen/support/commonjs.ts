// SPDX-License-Identifier: Apache-2.0
// A package that is CommonJS and takes JavaScript and declarations: compiled by a user's TypeScript, run by Node.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { goldenProtos } from "./goldens.js";
import { buf, inTemporaryFolder, ROOT, writeProtos } from "./workspace.js";

/** A program as a user writes it: calls of every shape, and types that only fit when declarations are read. */
const PROGRAM = `import { inProcessChannel } from "rsocket-rpc/testing";
import {
  createTickerClient, implementTicker, TickerLast, type TickerClient, type TickerHandler, unimplementedTicker,
} from "./gen/ticker_rsocket.js";
import { QuoteSchema, type Quote } from "./gen/ticker_pb.js";

const handler: TickerHandler = {
  ...unimplementedTicker,
  last: ({ name }) => ({ symbol: name, price: 7 }),
  async *watch({ name }) { for (let price = 1; ; price++) yield { symbol: name, price }; },
  async upload(quotes) { let count = 0; for await (const _ of quotes) count++; return { count }; },
  async *chat(lines) { for await (const { text } of lines) yield { text: text.toUpperCase() }; },
};
async function main(): Promise<void> {
  const channel = await inProcessChannel([implementTicker(handler)]);
  const ticker: TickerClient = createTickerClient(channel);
  const quote: Quote = await ticker.last({ name: "ACME" });
  // @ts-expect-error -- declarations that were not found would make everything any
  const wrong: boolean = quote.price;
  console.log(TickerLast.name, QuoteSchema.typeName, quote.symbol, wrong);
  for await (const { price } of ticker.watch({ name: "ACME" })) if (price > 2) break;
  console.log((await ticker.upload([{ price: 1 }, { price: 2 }])).count);
  for await (const { text } of ticker.chat([{ text: "hello" }])) console.log(text);
  await channel.close();
}
void main();
`;
const PRINTED = "Last demo.v1.Quote ACME 7\n2\nHELLO\n";

/** Strict, and with declarations checked, ours too; without the DOM, which would take most of the time. */
const OPTIONS = [
  ...["--module", "nodenext", "--target", "es2022", "--lib", "es2022,esnext.disposable", "--types", "node"],
  ...["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--pretty", "false"],
];

/** How generated JavaScript imports and exports; Node requires either, and programs that are compiled call either alike. */
const STYLES = ["legacy_commonjs", "module"];

/** Generates in both import styles, compiles a program against each and runs what came out.
 *  @param compiler a folder of node_modules
 *  @returns nothing, or what the compiler or Node complained of */
export function checkCommonjs(compiler: string): string {
  return inTemporaryFolder((project) => {
    writeProject(project);
    const run = (...args: readonly string[]): string => {
      const env = { ...process.env, NODE_OPTIONS: "" };
      const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: project, env, encoding: "utf8" });
      return stdout + stderr;
    };
    const tsc = join(ROOT, "node_modules", compiler, "bin/tsc");
    const complaints = [run(tsc, ...OPTIONS, ...STYLES.map((style) => `${style}/main.ts`))];
    for (const style of STYLES) {
      const script = join(project, style, "main.js");
      if (!readFileSync(script, "utf8").includes('require("./gen/ticker_rsocket.js")'))
        complaints.push(`${style}/main.js is not CommonJS`);
      const printed = run("--no-warnings", script);
      if (printed !== PRINTED) complaints.push(`${style}/main.js printed ${printed}`);
    }
    return complaints.join("");
  });
}

function writeProject(project: string): void {
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "user", version: "1.0.0" }));
  for (const [name, from] of [
    ["rsocket-rpc", "runtime"],
    ["@bufbuild/protobuf", "node_modules/@bufbuild/protobuf"],
    ["@types/node", "node_modules/@types/node"],
  ] as const) {
    mkdirSync(dirname(join(project, "node_modules", name)), { recursive: true });
    symlinkSync(join(ROOT, from), join(project, "node_modules", name), "junction");
  }
  writeProtos(join(project, "proto"), { "ticker.proto": goldenProtos()["ticker.proto"] ?? "" });
  const plugins = STYLES.flatMap((style) => {
    const opt = ["target=js+dts", `js_import_style=${style}`];
    const out = `${style}/gen`;
    return [
      { local: "protoc-gen-es", out, opt: [...opt, "import_extension=js"], strategy: "all" },
      { local: "protoc-gen-rsocket-rpc", out, opt, strategy: "all" },
    ];
  });
  const template = JSON.stringify({ version: "v2", inputs: [{ directory: "proto" }], plugins });
  const { status, stderr } = buf(project, "generate", "--template", template);
  if (status !== 0) throw new Error(`buf generate: ${stderr}`);
  for (const style of STYLES) writeFileSync(join(project, style, "main.ts"), PROGRAM);
}
