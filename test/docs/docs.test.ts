// SPDX-License-Identifier: Apache-2.0
// The code of README and guide is run as it stands there.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect } from "chai";

const root = new URL("../../", import.meta.url);

interface Run {
  readonly exitCode: number | null;
  readonly output: string;
}

function start(file: string): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, ["--import", "tsx", file], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    output += String(chunk);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    output += String(chunk);
  });
  return { child, output: () => output };
}

/** Runs a file to its own end: a socket or a timer that is left open would keep it from ending. */
async function run(file: string): Promise<Run> {
  const { child, output } = start(file);
  await once(child, "exit");
  return { exitCode: child.exitCode, output: output() };
}

describe("README and guide", function () {
  this.timeout(30_000);

  it("show the files that are run here", () => {
    const { status, stderr } = spawnSync(process.execPath, ["docs/update-blocks.mjs", "--check"], {
      cwd: root,
      encoding: "utf8",
    });
    expect(status, stderr).to.equal(0);
  });

  it("have no empty code block", () => {
    for (const page of [
      "README.md",
      "docs/guide/1-first-service.md",
      "docs/guide/2-streaming.md",
      "docs/guide/3-errors.md",
      "docs/guide/4-channels.md",
      "docs/guide/7-browser-and-workers.md",
    ]) {
      expect(readFileSync(new URL(page, root), "utf8"), page).to.not.match(/```ts\n```/);
    }
  });

  it("1-first-service: serves, calls, calls back, refuses, tests", async () => {
    const { exitCode, output } = await run("examples/hello/guide-1-first-service.ts");
    expect(output.split("\n")).to.deep.equal(["ACME 42", "[ 'somebody asks for ACME' ]", "acme", "true", "7", ""]);
    expect(exitCode).to.equal(0);
  });

  it("2-streaming: an endless generator is pulled only as far as its consumer goes", async () => {
    const { exitCode, output } = await run("examples/hello/guide-2-streaming.ts");
    const [made, ...others] = output.split("\n");
    expect(made).to.match(/^made \d{1,2}$/);
    expect(others).to.deep.equal(["the watcher left", "the watcher left", "1000", "HELLO", "AGAIN", ""]);
    expect(exitCode).to.equal(0);
  });

  it("3-errors: statuses, masks, deadlines, cancellation, a lost connection", async () => {
    const { exitCode, output } = await run("examples/hello/guide-3-errors.ts");
    // The server hears of the deadline by its own clock or by the caller's CANCEL: before or behind the caller's own line.
    expect(output).to.include("\nupload was given up\n");
    expect(output.replace("upload was given up\n", "").split("\n")).to.deep.equal([
      "no symbol NONE",
      "try ACME",
      "server log: Last TypeError: a bug: details of it stay here",
      "[internal] internal error",
      "[deadline_exceeded] deadline exceeded after 50 ms",
      "true",
      "closed: remote CONNECTION_CLOSE (0x102): server is draining",
      "true",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("4-channels: a channel outlives its server", async () => {
    const { exitCode, output } = await run("examples/hello/guide-4-channels.ts");
    expect(output.split("\n")).to.deep.equal([
      "idle",
      "server: accepted token 1",
      "42",
      "ready",
      "channel: waiting",
      "true",
      "channel: connecting",
      "server: accepted token 2",
      "channel: ready",
      "42",
      "closed",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("7-browser-and-workers: threads call each other, and a channel outlives one", async () => {
    const { exitCode, output } = await run("examples/workers/main.ts");
    expect(output.split("\n")).to.deep.equal([
      "the worker says: 10000 quotes have come",
      "the worker counted 10000",
      "taken 10 of fewer than 100 that the endless source made",
      "the channel is on its thread number 2",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("the README's server and client talk to each other, and SIGTERM drains the server", async () => {
    const server = start("examples/hello/server.ts");
    while (!server.output().includes("listening on")) await once(server.child.stdout as NodeJS.ReadableStream, "data");
    const client = await run("examples/hello/client.ts");
    expect(client.output)
      .to.include("ann: hello\n")
      .and.include("server says bye\n")
      .and.include("5 [not_found] no symbol NONE");
    expect(client.exitCode).to.equal(0);
    server.child.kill("SIGTERM");
    await once(server.child, "exit");
    expect(server.child.exitCode).to.equal(0);
    expect(server.output()).to.include("2 quotes, 42");
  });

  it("npm start's tour shows every shape on both transports", async () => {
    const { exitCode, output } = await run("examples/hello/main.ts");
    for (const shape of [
      "unary",
      "server streaming",
      "client streaming",
      "bidi streaming",
      "server calls client",
      "fire and forget",
      "an error",
    ]) {
      expect(output.split(`    ${shape.padEnd(20)} `), shape).to.have.length(3);
    }
    expect(exitCode).to.equal(0);
  });
});
