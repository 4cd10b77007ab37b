// SPDX-License-Identifier: Apache-2.0
// The README's client in a browser never grows unnoticed.

import { expect } from "chai";
import { browserClient, sizeOf } from "./support/size.js";

/** Everything, protobuf-es included: as of writing 57.7 kB, of which protobuf-es alone is 18.9 kB. */
const MAX_GZIP_BYTES = 60_500;

/** The same without protobuf-es and generated code, minified: as of writing 118.6 kB. */
const MAX_OWN_BYTES = 127_000;

describe("the README's client, bundled for browsers", function () {
  this.timeout(30_000);

  it(`is at most ${MAX_GZIP_BYTES} bytes minified and compressed, with protobuf-es`, async () => {
    const { gzipBytes, parts } = await sizeOf(browserClient());
    expect(gzipBytes)
      .to.be.below(MAX_GZIP_BYTES)
      .and.above(MAX_GZIP_BYTES * 0.9); // else lower the bound
    const own = parts.filter(({ name }) => name.startsWith("rsocket-rpc"));
    expect(own.reduce((sum, { bytes }) => sum + bytes, 0)).to.be.below(MAX_OWN_BYTES);
  });
});
