// SPDX-License-Identifier: Apache-2.0
// JavaScript and declarations in a package that is CommonJS. (The older compilers have their turn in check-compilers.mjs.)
import { expect } from "chai";
import { checkCommonjs } from "./support/commonjs.js";

describe("target js+dts in a CommonJS package", function () {
  this.timeout(60_000);

  it("compiles under module: nodenext and runs, with both import styles", () => {
    expect(checkCommonjs("typescript")).to.equal("");
  });
});
