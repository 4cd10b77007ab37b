// SPDX-License-Identifier: Apache-2.0
// The code of README and guide is run as it stands there.

import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { guidePages, root, run, start } from "./support/program.js";

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
    for (const page of ["README.md", "llms.txt", ...guidePages.map((name) => `docs/guide/${name}`)]) {
      expect(readFileSync(new URL(page, root), "utf8"), page).to.not.match(/```\w+\n```/);
    }
  });

  it("are all in the lists of README, docs and llms.txt, and run here when they have code", () => {
    const folder = new URL("test/docs/", root);
    const files = readdirSync(folder).filter((name) => name.endsWith(".test.ts"));
    const tests = files.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
    for (const name of guidePages) {
      for (const list of ["README.md", "docs/README.md", "llms.txt"]) {
        expect(readFileSync(new URL(list, root), "utf8"), list).to.include(`guide/${name})`);
      }
      const page = readFileSync(new URL(`docs/guide/${name}`, root), "utf8");
      for (const [, file = ""] of page.matchAll(/<!-- file: (examples\/hello\/guide-\S+?\.ts)/g)) {
        expect(tests, name).to.include(`"${file}"`);
      }
    }
  });

  it("llms.txt has a title, a summary, and links that lead somewhere", () => {
    const text = readFileSync(new URL("llms.txt", root), "utf8");
    expect(text).to.match(/^# .+\n\n> .+\n/);
    const links = [...text.replace(/```[\s\S]*?```/g, "").matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    expect(links).to.have.length.above(10);
    expect(links.filter((link) => !existsSync(new URL(link, root)))).to.deep.equal([]);
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
      "channel: [unavailable] no connection: CONNECTION_CLOSE (0x102): server is draining",
      "true",
      "channel: connecting",
      "server: accepted token 2",
      "channel: ready",
      "42",
      "server: accepted undefined",
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

  it("13-coming-from-elsewhere: what grpc-js and rsocket-js do, done here", async () => {
    const grpc = await run("examples/hello/guide-13-from-grpc.ts");
    expect(grpc.output.split("\n")).to.deep.equal(["grpc: true no symbol NONE", "grpc: true", "no symbol NONE", ""]);
    expect(grpc.exitCode).to.equal(0);
    const rsocketJs = await run("examples/hello/guide-13-from-rsocket-js.js");
    expect(rsocketJs.output.split("\n")).to.deep.equal(["rsocket-js: cancelled", "cancelled", ""]);
    expect(rsocketJs.exitCode).to.equal(0);
  });

  it("9-metadata-and-interceptors: headers, trailers, a log, authorization, a call that is tried again", async () => {
    const { exitCode, output } = await run("examples/hello/guide-9-metadata-and-interceptors.ts");
    expect(output.replace(/\d+\.\d ms/g, "N ms").split("\n")).to.deep.equal([
      "server Read 0 N ms, 1 in, 1 out",
      "language de",
      "digest Uint8Array(2) [ 202, 254 ]",
      "a note of ann",
      "server Add [permission_denied] bob may only read N ms, 0 in, 0 out",
      "[permission_denied] bob may only read",
      "server Read 0 N ms, 1 in, 1 out",
      "a note of ann",
      "server Read [unavailable] the disk is busy N ms, 1 in, 0 out",
      "server Read [unavailable] the disk is busy N ms, 1 in, 0 out",
      "server Read 0 N ms, 1 in, 1 out",
      "d",
      "server Read [unauthenticated] who are you? N ms, 0 in, 0 out",
      "server Read 0 N ms, 1 in, 1 out",
      "a note of ann",
      "raw: as it is",
      "server Read 0 N ms, 1 in, 1 out",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("10-calls-to-clients: the server reads, watches and tells, and hears when a client is gone", async () => {
    const { exitCode, output } = await run("examples/hello/guide-10-calls-to-clients.ts");
    const [first, ...others] = output.split("\n");
    expect(first).to.equal("milk, bread");
    // Two clients hear of it over two connections, and a generator ends in its own time.
    expect(others.slice(0, 3)).to.have.members([
      "ann: the server has seen enough",
      "ann hears: closing soon",
      "bob hears: closing soon",
    ]);
    expect(others.slice(3)).to.deep.equal(["true", "true [ 'ann' ]", ""]);
    expect(exitCode).to.equal(0);
  });

  it("11-testing: a handler, its faults, virtual time and a scripted peer", async () => {
    const { exitCode, output } = await run("examples/hello/guide-11-testing.ts");
    expect(output.split("\n")).to.deep.equal([
      "handler: ok",
      "options: ok",
      "time: ok",
      'SETUP stream 0 version 1.0 keepalive 20000 ms lifetime 90000 ms "application/binary" "application/binary" metadata 32 bytes data 0 bytes',
      "KEEPALIVE stream 0 [R] position 0 data 0 bytes",
      "REQUEST_RESPONSE stream 1 metadata 26 bytes data 6 bytes",
      "script: ok",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("12-plain-rsocket: requests with sinks and credits, an iterable, pushes, composite metadata", async () => {
    const { exitCode, output } = await run("examples/hello/guide-12-plain-rsocket.ts");
    expect(output.split("\n")).to.deep.equal([
      "server: got a line",
      "echo hello",
      "StreamError: APPLICATION_ERROR (0x201): say something",
      "0 1 2 3 4",
      "server: cancelled",
      "server: extension hurry",
      "server: cancelled",
      "going on holiday",
      "message/x.rsocket.routing.v0 [ 'prices.acme' ]",
      "message/x.rsocket.authentication.v0 7",
      "message/x.rsocket.mime-type.v0 1",
      "traceparent 55",
      "application/json",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("14-shutdown: a call that runs ends, and nothing is left", async () => {
    const { exitCode, output } = await run("examples/hello/guide-14-shutdown.ts");
    expect(output.split("\n")).to.deep.equal(["42", "closed, now the database may go", "0 0", ""]);
    expect(exitCode).to.equal(0);
  });

  it("15-leases: calls wait for leases or fail at once, by a rate, an adaptive limit, a strategy of one's own", async () => {
    const { exitCode, output } = await run("examples/hello/guide-15-leases.ts");
    expect(output.split("\n")).to.deep.equal([
      "the sixth call waited: true",
      "left of this lease: 4",
      "granted: 5",
      "true",
      "calls at once: 20",
      "five calls, two at a time",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("17-other-peers: a server for two drivers at once", async () => {
    const { exitCode, output } = await run("examples/hello/guide-17-other-peers.ts");
    expect(output).to.equal("");
    expect(exitCode).to.equal(0);
  });

  it("18-authentication: by SETUP and by call, and tokens that are renewed on one connection", async () => {
    const { exitCode, output } = await run("examples/hello/guide-18-authentication.ts");
    expect(output.split("\n")).to.deep.equal([
      "a robot",
      "RpcError: [permission_denied] demo.v1.Ticker.Upload isn't allowed to this caller",
      "ConnectError: [unauthenticated] the credentials aren't known",
      "ConnectError: [unauthenticated] the credentials aren't known",
      "true true",
      "RpcError: [unauthenticated] the token has expired",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("16-resumption: a stream goes on through 20 cuts of its network", async () => {
    const { exitCode, output } = await run("examples/hello/guide-16-resumption.ts");
    expect(output.split("\n")).to.deep.equal([
      "2050 prices, each once and in order",
      "20 times resumed",
      "true 20 0",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  it("5-tls: both ends show certificates, a stranger is refused, a certificate is renewed", async () => {
    const { exitCode, output } = await run("examples/hello/guide-5-tls.ts");
    // The server warns of the stranger that it refused.
    const printed = output.split("\n").filter((line) => !/Warning|^\(Use `node/.test(line));
    expect(printed).to.deep.equal(["ann asks for ACME", "42", "refused", "ann asks for ACME", "42", "renewed", ""]);
    expect(exitCode).to.equal(0);
  });

  it("6-websocket: a session's cookie says who calls, pages of other sites are refused", async () => {
    const { exitCode, output } = await run("examples/hello/guide-6-websocket.ts");
    expect(output).to.match(/RSocketWarning: .* a page of "https:\/\/evil\.example\.com" may not open a WebSocket/);
    const printed = output.split("\n").filter((line) => !/Warning|^\(Use `node/.test(line));
    expect(printed).to.deep.equal(["ann asks for ACME", "42", "no session", "refused", "a page", ""]);
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
