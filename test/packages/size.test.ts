// SPDX-License-Identifier: Apache-2.0
// The README's client in a browser never grows unnoticed, and carries only what it uses.

import { expect } from "chai";
import { browserClient, callingClient, liteClient, reflectingClient, sizeOf } from "./support/size.js";

/** Everything: as of writing 57.0 kB. */
const MAX_GZIP_BYTES = 57_300;

/** The same without generated code, minified: as of writing 172.4 kB. */
const MAX_OWN_BYTES = 173_600;

/** A client that serves nothing, everything included: as of writing 53.5 kB. */
const MAX_CALLING_GZIP_BYTES = 53_800;

/** The same by `rsocket-rpc/lite`: the goal, and as of writing a little less. */
const MAX_LITE_GZIP_BYTES = 12_000;

/** That by protobuf-es's reflection: as of writing 29.0 kB. */
const MAX_REFLECTING_GZIP_BYTES = 29_100;

/** What a client of the mode `rpc` never runs. */
const UNUSED = [
  "frames/decode.js",
  "frames/decode-opening.js",
  "frames/describe.js",
  "metadata/composite-tracing.js",
  "metadata/composite-format.js",
  "metadata/routing.js",
  "rpc/in-process.js",
  "rpc/serve.js",
  "session/setup.js",
  "transports/message-port.js",
];
/** What nobody runs who serves nothing. */
const SERVING = ["rpc/router.js", "rpc/server-call.js"];
/** What outlives a connection. */
const LASTING = ["resilience/create-channel.js"];

describe("the README's client, bundled for browsers", function () {
  this.timeout(30_000);

  it(`is at most ${MAX_GZIP_BYTES} bytes minified and compressed, without protobuf-es`, async () => {
    const { gzipBytes, parts, modules } = await sizeOf(browserClient());
    expect(gzipBytes)
      .to.be.below(MAX_GZIP_BYTES)
      .and.above(MAX_GZIP_BYTES * 0.9); // else lower the bound
    const own = parts.filter(({ name }) => name.startsWith("rsocket-rpc"));
    expect(own.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.below(MAX_OWN_BYTES);
    expect(parts.map(({ name }) => name)).to.not.include("@bufbuild/protobuf");
    expect(modules).to.include.members([...SERVING, ...LASTING]);
    expect(modules.filter((module) => UNUSED.includes(module))).to.deep.equal([]);
  });

  it(`is at most ${MAX_CALLING_GZIP_BYTES} bytes without services, and has no router then`, async () => {
    const { gzipBytes, modules } = await sizeOf(callingClient());
    expect(gzipBytes)
      .to.be.below(MAX_CALLING_GZIP_BYTES)
      .and.above(MAX_CALLING_GZIP_BYTES * 0.9);
    expect(modules.filter((module) => SERVING.includes(module))).to.deep.equal([]);
  });

  it(`is at most ${MAX_LITE_GZIP_BYTES} bytes by rsocket-rpc/lite, and has none of the whole runtime's calls`, async () => {
    const { gzipBytes, parts, modules } = await sizeOf(liteClient());
    expect(gzipBytes)
      .to.be.below(MAX_LITE_GZIP_BYTES)
      .and.above(MAX_LITE_GZIP_BYTES * 0.9);
    expect(parts.map(({ name }) => name)).to.not.include("@bufbuild/protobuf");
    const whole = /^(rsocket|resilience)\/(?!thrown)|^session\/(connection|stream)\.js$|^rpc\/client-call/;
    expect(modules.filter((module) => whole.test(module))).to.deep.equal([]);
  });

  it(`is at most ${MAX_REFLECTING_GZIP_BYTES} bytes by rsocket-rpc/lite with codec=reflect`, async () => {
    const { gzipBytes, parts } = await sizeOf(reflectingClient());
    expect(gzipBytes)
      .to.be.below(MAX_REFLECTING_GZIP_BYTES)
      .and.above(MAX_REFLECTING_GZIP_BYTES * 0.9);
    expect(parts.map(({ name }) => name)).to.include("@bufbuild/protobuf");
  });

  it("has nothing of channels that outlive connections when it makes connections itself", async () => {
    const { modules } = await sizeOf(callingClient().replaceAll("createChannel", "connect"));
    expect(modules.filter((module) => [...SERVING, ...LASTING].includes(module))).to.deep.equal([]);
  });
});
