// SPDX-License-Identifier: Apache-2.0
// What the server of the interop matrix does only when it is told to: sessions that outlive their links, and leases.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { compilePrograms, type RunningServer, run, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "interop-"));
const TRANSPORTS = [
  ["TCP", "tcp://127.0.0.1:0"],
  ["WebSocket", "ws://127.0.0.1:0/rpc"],
  ["a Unix socket", `unix:${join(folder, "resume.sock")}`],
] as const;
const MODES = ["rpc", "composite"];

describe("the interop server that was told to", function () {
  this.timeout(60_000);

  const servers: RunningServer[] = [];
  const urlOf = (server: number, transport = 0): string => servers[server]?.urls[transport] ?? "";
  const runCase = async (name: string, url: string, ...args: string[]): Promise<readonly string[]> => {
    const { lines, errors } = await run("client", ["--connect", url, "--case", name, ...args]);
    return errors === "" ? lines : [...lines, errors];
  };
  // Those of leases wait most of their time: they do it beside the others.
  const leased = new Map<string, Promise<readonly string[]>>();

  before(async () => {
    await compilePrograms();
    const listen = TRANSPORTS.map(([, url]) => url);
    const tcp = listen.slice(0, 1);
    const started = [
      startServer(listen, ["--resume"]),
      startServer(tcp, ["--lease", "5"]),
      startServer(tcp, ["--resume", "--lease", "7"]),
    ];
    servers.push(...(await Promise.all(started)));
    for (const mode of MODES) leased.set(mode, runCase("lease", urlOf(1), "--mode", mode));
  });

  after(async () => {
    const codes = await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true });
    expect(codes, "exit codes after SIGTERM").to.deep.equal([0, 0, 0]);
  });

  TRANSPORTS.forEach(([name], index) => {
    for (const mode of MODES) {
      it(`resumes sessions over ${name} in ${mode} mode`, async () => {
        // All of the messages once: elsewhere a tenth of them shows the same.
        const size = index === 0 && mode === "rpc" ? [] : ["--quick"];
        const lines = await runCase("resume", urlOf(0, index), "--mode", mode, ...size);
        expect(lines).to.deep.equal(["PASS resume", "1 passed, 0 failed, 0 skipped"]);
      });
    }
  });

  for (const mode of MODES) {
    it(`grants leases in ${mode} mode`, async () => {
      expect(await leased.get(mode)).to.deep.equal(["PASS lease", "1 passed, 0 failed, 0 skipped"]);
    });
  }

  it("does both, also for a client that says nothing of our extension", async () => {
    const lines = await runCase("lease,resume", urlOf(2), "--quick", "--no-hello");
    expect(lines).to.deep.equal(["PASS lease", "PASS resume", "2 passed, 0 failed, 0 skipped"]);
  });

  it("refuses what it was not told, and the client says so", async () => {
    const [withoutLeases] = await runCase("lease", urlOf(0));
    expect(withoutLeases).to.match(/^SKIP lease: the server refuses it: UNSUPPORTED_SETUP\b/);
    const [withoutResumption] = await runCase("resume", urlOf(1));
    expect(withoutResumption).to.match(/^SKIP resume: the server refuses it: (UNSUPPORTED|REJECTED)_SETUP\b/);
  });
});
