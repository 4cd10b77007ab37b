// SPDX-License-Identifier: Apache-2.0
// What the server of the interop matrix does only when it is told to: sessions that outlive their links, and leases.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { fixedRateLease, type MetadataMode } from "rsocket-rpc";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { pairQueue } from "../support/in-pairs.js";
import { interopService } from "../support/rpc-interop-service.js";
import { tlsWorld } from "../support/tls-world.js";
import { messagePorts, type Verdict, verdicts } from "./in-one-process.js";
import { compilePrograms, type RunningServer, run, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "interop-"));
const file = (name: string): string => join(folder, name);

/** Each server listens at all of them; sockets of the file system have a name of their own for each server. */
const TRANSPORTS: readonly { readonly name: string; listen(server: string): string }[] = [
  { name: "TCP", listen: () => "tcp://127.0.0.1:0" },
  { name: "WebSocket", listen: () => "ws://127.0.0.1:0/rpc" },
  { name: "TLS", listen: () => "tls://127.0.0.1:0" },
  { name: "WebSocket with TLS", listen: () => "wss://127.0.0.1:0/rpc" },
  { name: "a Unix socket", listen: (server) => `unix:${file(`${server}.sock`)}` },
];
const MODES: readonly MetadataMode[] = ["rpc", "composite"];

/** By name: what each is told to do. */
const SERVERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["resume", ["--resume"]],
  ["lease", ["--lease", "5"]],
  ["both", ["--resume", "--lease", "7"]],
]);

describe("the interop server that was told to", function () {
  this.timeout(60_000);

  const servers = new Map<string, RunningServer>();
  const urlOf = (server: string, transport = 0): string => servers.get(server)?.urls[transport] ?? "";
  const runCase = async (name: string, url: string, ...args: readonly string[]): Promise<readonly string[]> => {
    const { lines, errors } = await run("client", [...connectTo(url), "--case", name, ...args]);
    return errors === "" ? lines : [...lines, errors];
  };
  // Those of leases wait most of their time: they do it beside the others, two at a time.
  const queue = pairQueue();
  const leased = new Map<string, Promise<readonly string[]>>();

  before(async () => {
    await Promise.all([compilePrograms(), writeCertificates()]);
    const security = ["--cert", file("cert.pem"), "--key", file("key.pem")];
    const started = [...SERVERS].map(async ([name, args]) => {
      const listen = TRANSPORTS.map((transport) => transport.listen(name));
      servers.set(name, await startServer(listen, [...args, ...security]));
    });
    await Promise.all(started);
    TRANSPORTS.forEach(({ name }, index) => {
      for (const mode of MODES) {
        const url = urlOf("lease", index);
        leased.set(
          `${name} ${mode}`,
          queue(() => runCase("lease", url, "--mode", mode)),
        );
      }
    });
  });

  after(async () => {
    await Promise.allSettled(leased.values());
    const codes = await Promise.all([...servers.values()].map((server) => server.stop()));
    rmSync(folder, { recursive: true });
    expect(codes, "exit codes after SIGTERM").to.deep.equal([0, 0, 0]);
  });

  TRANSPORTS.forEach(({ name }, index) => {
    for (const mode of MODES) {
      it(`resumes sessions over ${name} in ${mode} mode`, async () => {
        // All of the messages once: elsewhere a tenth of them shows the same.
        const size = index === 0 && mode === "rpc" ? [] : ["--quick"];
        const lines = await runCase("resume", urlOf("resume", index), "--mode", mode, ...size);
        expect(lines).to.deep.equal(["PASS resume", "1 passed, 0 failed, 0 skipped"]);
      });
    }
  });

  for (const { name } of TRANSPORTS) {
    for (const mode of MODES) {
      it(`grants leases over ${name} in ${mode} mode`, async () => {
        expect(await leased.get(`${name} ${mode}`)).to.deep.equal(["PASS lease", "1 passed, 0 failed, 0 skipped"]);
      });
    }
  }

  it("does both, also for a client that says nothing of our extension", async () => {
    const lines = await runCase("lease,resume", urlOf("both"), "--quick", "--no-hello");
    expect(lines).to.deep.equal(["PASS lease", "PASS resume", "2 passed, 0 failed, 0 skipped"]);
  });

  it("refuses what it was not told, and the client says so", async () => {
    const [withoutLeases] = await runCase("lease", urlOf("resume"));
    expect(withoutLeases).to.match(/^SKIP lease: the server refuses it: UNSUPPORTED_SETUP\b/);
    const [withoutResumption] = await runCase("resume", urlOf("lease"));
    expect(withoutResumption).to.match(/^SKIP resume: the server refuses it: (UNSUPPORTED|REJECTED)_SETUP\b/);
  });
});

describe("the interop cases of what a server has to be told", function () {
  this.timeout(60_000);

  const over = new Map<MetadataMode, Promise<readonly Verdict[]>>();

  before(() => {
    const told = { resume: true, lease: fixedRateLease({ requestsPerSecond: 5 }) };
    for (const mode of MODES) {
      over.set(
        mode,
        verdicts(interopService(systemScheduler), messagePorts, mode, { told, names: ["lease", "resume"] }),
      );
    }
  });

  for (const mode of MODES) {
    it(`pass over a MessagePort in ${mode} mode`, async () => {
      expect(await over.get(mode)).to.deep.equal([
        ["lease", "PASS", ""],
        ["resume", "PASS", ""],
      ]);
    });
  }
});

// Who gives certificates for a URL that doesn't encrypt is refused.
function connectTo(url: string): readonly string[] {
  return ["--connect", url, ...(/^(tls|wss):/.test(url) ? ["--ca", file("ca.pem")] : [])];
}

async function writeCertificates(): Promise<void> {
  const { ca, server } = await tlsWorld();
  writeFileSync(file("ca.pem"), ca);
  writeFileSync(file("cert.pem"), server.cert);
  writeFileSync(file("key.pem"), server.key, { mode: 0o600 });
}
