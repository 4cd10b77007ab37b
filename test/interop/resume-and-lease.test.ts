// SPDX-License-Identifier: Apache-2.0
// What the server of the interop matrix does only when it is told to: sessions that outlive their links, and leases.

import { expect } from "chai";
import { fixedRateLease, type MetadataMode } from "rsocket-rpc";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { pairQueue } from "../support/in-pairs.js";
import { interopService } from "../support/rpc-interop-service.js";
import { messagePorts, type Verdict, verdicts } from "./in-one-process.js";
import { run } from "./programs.js";
import { InteropServers, MODES, TRANSPORTS } from "./servers.js";

/** By name: what each is told to do. */
const SERVERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["resume", ["--resume"]],
  ["lease", ["--lease", "5"]],
  ["both", ["--resume", "--lease", "7"]],
]);

describe("the interop server that was told to", function () {
  this.timeout(60_000);

  const servers = new InteropServers();
  const runCase = async (name: string, url: string, ...args: readonly string[]): Promise<readonly string[]> => {
    const { lines, errors } = await run("client", [...servers.connectTo(url), "--case", name, ...args]);
    return errors === "" ? lines : [...lines, errors];
  };
  // Those of leases wait most of their time: they do it beside the others, two at a time.
  const queue = pairQueue();
  const leased = new Map<string, Promise<readonly string[]>>();

  before(async () => {
    await servers.start(SERVERS);
    TRANSPORTS.forEach(({ name }, index) => {
      for (const mode of MODES) {
        const url = servers.urlOf("lease", index);
        leased.set(
          `${name} ${mode}`,
          queue(() => runCase("lease", url, "--mode", mode)),
        );
      }
    });
  });

  after(async () => {
    await Promise.allSettled(leased.values());
    const codes = await servers.stop();
    expect(codes, "exit codes after SIGTERM").to.deep.equal([0, 0, 0]);
  });

  TRANSPORTS.forEach(({ name }, index) => {
    for (const mode of MODES) {
      it(`resumes sessions over ${name} in ${mode} mode`, async () => {
        // All of the messages once: elsewhere a tenth of them shows the same.
        const size = index === 0 && mode === "rpc" ? [] : ["--quick"];
        const lines = await runCase("resume", servers.urlOf("resume", index), "--mode", mode, ...size);
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
    const lines = await runCase("lease,resume", servers.urlOf("both"), "--quick", "--no-hello");
    expect(lines).to.deep.equal(["PASS lease", "PASS resume", "2 passed, 0 failed, 0 skipped"]);
  });

  it("refuses what it was not told, and the client says so", async () => {
    const [withoutLeases] = await runCase("lease", servers.urlOf("resume"));
    expect(withoutLeases).to.match(/^SKIP lease: the server refuses it: UNSUPPORTED_SETUP\b/);
    const [withoutResumption] = await runCase("resume", servers.urlOf("lease"));
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
