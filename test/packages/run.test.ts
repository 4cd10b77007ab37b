// SPDX-License-Identifier: Apache-2.0
// Every case of programs/cases.mjs on the Node that runs the tests, as the packages are installed: generated JavaScript by
// import over TCP and WebSocket, and by require in a CommonJS package. `npm run compat` does so on other runtimes.

import { expect } from "chai";
import { runClient, startServer, WAYS } from "./support/cases.js";
import type { Started } from "./support/programs.js";

describe("the installed packages on this Node", function () {
  this.timeout(120_000);

  let server: Started;
  before(async () => {
    server = await startServer();
  });
  after(async () => void (await server.stop()));

  for (const name of ["import over TCP", "import over WebSocket", "require over TCP"] as const) {
    it(`do all that they must: ${name}`, async () => {
      const { failed, passed } = await runClient([process.execPath], WAYS[name], server.found);
      expect(failed).to.deep.equal([]);
      expect(passed).to.be.above(12);
    });
  }
});
