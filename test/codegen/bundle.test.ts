// SPDX-License-Identifier: Apache-2.0
// What a bundler keeps of a generated file: who only calls carries no server, who only serves carries no client.
import { expect } from "chai";
import { build } from "esbuild";
import { GENERATED, generateGoldens } from "./support/goldens.js";

/** Files of the runtime that belong to one side. */
const SERVER_FILES = /runtime\/dist\/(rpc\/(service|router|server-|handler)|engine\/acceptor)/;
const CLIENT_FILES = /runtime\/dist\/rpc\/client-/;

interface Bundle {
  readonly text: string;
  /** Files of which something is left. */
  readonly files: readonly string[];
}

describe("a bundle", function () {
  this.timeout(30_000);
  before(() => void generateGoldens());

  it("of a client holds no code of servers", async () => {
    const { text, files } = await bundle(`export { createTickerClient } from "./ticker_rsocket.js";`);
    expect(text).to.include("demo.v1.Ticker").and.include("Upload");
    expect(files.filter((file) => SERVER_FILES.test(file))).to.deep.equal([]);
    expect(text).to.not.match(/handler\.|implementTicker|unimplementedTicker|Alerts/);
  });

  it("of a handler holds no code of clients", async () => {
    const { text, files } = await bundle(`export { implementTicker } from "./ticker_rsocket.js";`);
    expect(text).to.include("demo.v1.Ticker").and.include("handler.upload");
    expect(files.filter((file) => CLIENT_FILES.test(file))).to.deep.equal([]);
    expect(text).to.not.match(/createTickerClient|unimplementedTicker|Alerts/);
  });

  // Its reader stays for the details of errors, which RpcError decodes by descriptors that the caller brings.
  it("of a client or a handler holds no descriptors and no writer of protobuf-es, unless codecs are its reflection", async () => {
    for (const name of ["createTickerClient", "implementTicker"]) {
      const ofProtobuf = async (path: string): Promise<string[]> => {
        const { files } = await bundle(`export { ${name} } from "${path}";`);
        return files.filter((file) => /_pb\.|codegenv2|to-binary|registry/.test(file));
      };
      expect(await ofProtobuf("./ticker_rsocket.js"), name).to.deep.equal([]);
      expect(await ofProtobuf("./reflect/ticker_rsocket.js"), name).to.have.length.above(3);
    }
  });

  it("of one service holds nothing of the others in its file", async () => {
    const { text } = await bundle(`export { createAlertsClient, implementAlerts } from "./ticker_rsocket.js";`);
    expect(text).to.include("demo.v1.Alerts").and.not.include("TickerLast");
  });

  it("of a file of which nothing is used is empty", async () => {
    const { text } = await bundle(`import "./ticker_rsocket.js";`);
    expect(text.replace(/^\s*\/\/.*$/gm, "").trim()).to.equal("");
  });

  it("of files of codecs of which nothing is used is empty", async () => {
    for (const path of ["./ticker_codec.js", "./shop/v1/order_codec.js", "./legacy/two_codec.js"]) {
      const { text } = await bundle(`import "${path}";`);
      expect(text.replace(/^\s*\/\/.*$/gm, "").trim(), path).to.equal("");
    }
  });

  it("of a name holds the name alone", async () => {
    const { text, files } = await bundle(`export { TickerName } from "./ticker_rsocket.js";`);
    expect(text)
      .to.include("demo.v1.Ticker")
      .and.not.match(/Last|messageCodec|method\(/);
    expect(files).to.have.length(1);
  });
});

async function bundle(contents: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: GENERATED, loader: "ts" },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "browser",
    logLevel: "silent",
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return {
    text: outputFiles.map(({ text }) => text).join("\n"),
    files: inputs
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path)
      .filter((path) => path !== "<stdin>"),
  };
}
