// SPDX-License-Identifier: Apache-2.0
// Servers that are killed or restarted under load. The scripts do more of it by themselves: restart.mjs 200 times,
// rolling.mjs 10 rounds.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";

const root = new URL("../../", import.meta.url);

async function expectSuccess(script: string, times: number): Promise<void> {
  const child = spawn(process.execPath, ["--import", "tsx", `test/resilience/${script}`, String(times)], { cwd: root });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Uint8Array) => {
      output += String(chunk);
    });
  }
  await once(child, "close");
  expect(child.exitCode, output).to.equal(0);
}

describe("a channel to a server that is killed and restarted 20 times", function () {
  this.timeout(60_000);

  it("ends every call, and none runs twice", () => expectSuccess("restart.mjs", 20));
});

describe("two servers behind one address that are restarted in turn, under 200 calls a second", function () {
  this.timeout(60_000);

  it("lose no call of any shape, serve none twice, and exit with 0", () => expectSuccess("rolling.mjs", 1));
});
