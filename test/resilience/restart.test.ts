// SPDX-License-Identifier: Apache-2.0
// A server that is killed and restarted under load; `npx tsx test/resilience/restart.mjs` does it 200 times.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";

const root = new URL("../../", import.meta.url);

describe("a channel to a server that is killed and restarted 20 times", function () {
  this.timeout(60_000);

  it("ends every call, and none runs twice", async () => {
    const child = spawn(process.execPath, ["--import", "tsx", "test/resilience/restart.mjs", "20"], { cwd: root });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Uint8Array) => {
        output += String(chunk);
      });
    }
    await once(child, "close");
    expect(child.exitCode, output).to.equal(0);
  });
});
