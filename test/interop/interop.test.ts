// SPDX-License-Identifier: Apache-2.0
// Our server and our client of the interop matrix against each other, as processes: every case, over every transport, in
// both metadata modes.

import { expect } from "chai";
import { type BoundService, type Dialer, type FrameLink, serveWith } from "rsocket-rpc";
import { createInProcessPair, systemScheduler } from "rsocket-rpc/rsocket";
import { implementTestService, unimplementedTestService } from "../support/gen/interop_rsocket.js";
import { interopService } from "../support/rpc-interop-service.js";
import { readClientArguments, readServerArguments, WrongArgument } from "./arguments.js";
import { CASES } from "./cases/table.js";
import { LIMITS, type PeerOptions } from "./peer.js";
import { compilePrograms, type Run, type RunningServer, run, startServer } from "./programs.js";
import { runCase } from "./run-case.js";

/** Each server listens at all of them. */
const TRANSPORTS: readonly { readonly name: string; readonly listen: string; readonly args: readonly string[] }[] = [
  { name: "TCP", listen: "tcp://127.0.0.1:0", args: [] },
  { name: "WebSocket", listen: "ws://127.0.0.1:0/rpc", args: [] },
];
const MODES = ["rpc", "composite"];
const MTUS = ["64", "16384"];

// Cases of what a server has to be told to do: resume-and-lease.test.ts runs them.
const MISSING = ["lease", "resume"];
const NAMES = [...CASES.keys()];

describe("the interop server and client", function () {
  this.timeout(60_000);

  const servers = new Map<string, RunningServer>();
  const urlOf = (mtu: string, index: number): string => servers.get(mtu)?.urls[index] ?? "";

  before(async () => {
    await compilePrograms();
    const listen = TRANSPORTS.map((transport) => transport.listen);
    const started = ["", ...MTUS].map(async (mtu) => {
      servers.set(mtu, await startServer(listen, mtu === "" ? [] : ["--mtu", mtu]));
    });
    await Promise.all(started);
  });

  after(async () => {
    const codes = await Promise.all([...servers.values()].map((server) => server.stop()));
    expect(codes, "exit codes after SIGTERM").to.deep.equal(codes.map(() => 0));
  });

  TRANSPORTS.forEach(({ name, args }, index) => {
    for (const mode of MODES) {
      it(`agree on every case over ${name} in ${mode} mode`, async () => {
        // All of the calls once: elsewhere a tenth of them shows the same.
        const size = index === 0 && mode === "rpc" ? [] : ["--quick"];
        const result = await run("client", ["--connect", urlOf("", index), "--mode", mode, ...size, ...args]);
        expectAll(result, NAMES);
      });

      for (const mtu of MTUS) {
        it(`agree in pieces of ${mtu} bytes over ${name} in ${mode} mode`, async () => {
          const options = ["--case", "fragmented", "--mtu", mtu, "--mode", mode, ...args];
          expectAll(await run("client", ["--connect", urlOf(mtu, index), ...options]), ["fragmented"]);
        });
      }
    }
  });

  it("agree when neither knows the other as one of ours", async () => {
    const result = await run("client", ["--connect", urlOf("", 0), "--no-hello", "--quick"]);
    expectAll(result, NAMES);
  });

  describe("the client", () => {
    it("says what failed and why, and exits with 1", async () => {
      // Port 1 is nobody's.
      const options = ["--connect", "tcp://127.0.0.1:1", "--case", "ping_pong,empty_unary"];
      const { lines, exitCode } = await run("client", options);
      expect(lines).to.have.length(3);
      expect(lines[0]).to.match(/^FAIL empty_unary: .*ECONNREFUSED/);
      expect(lines[1]).to.match(/^FAIL ping_pong: .*ECONNREFUSED/);
      expect(lines[2]).to.equal("0 passed, 2 failed, 0 skipped");
      expect(exitCode).to.equal(1);
    });

    it("leaves out what the peer is known not to do, with the reason", async () => {
      const skip = ["--skip", "empty_unary=it knows = no empty messages"];
      const { lines, exitCode } = await run("client", ["--connect", urlOf("", 0), "--case", "empty_unary", ...skip]);
      expect(lines).to.deep.equal(["SKIP empty_unary: it knows = no empty messages", "0 passed, 0 failed, 1 skipped"]);
      expect(exitCode).to.equal(0);
    });

    for (const [args, line] of [
      [[], "--connect URL is missing"],
      [["--connect", "tcp://127.0.0.1:1", "--mode", "x"], '--mode "x" is unknown, expected rpc or composite'],
      [["--connect", "tcp://127.0.0.1:1", "--case", "x"], '--case "x" is unknown, expected one of all, empty_unary, '],
      [["--connect", "tcp://127.0.0.1:1", "--mtu", "63"], '--mtu is "63", expected a whole number 64 … 16777215'],
      [["--connect", "tcp://127.0.0.1:1", "--skip", "resume"], "--skip resume has no reason, expected resume=WHY"],
      [["--connect", "tcp://127.0.0.1:1", "--ca", "nowhere.pem"], "--ca: ENOENT"],
      [["--conect", "tcp://127.0.0.1:1"], "Unknown option '--conect'"],
    ] as const) {
      it(`refuses ${JSON.stringify(args.join(" "))}`, () => {
        expectRefused(() => readClientArguments(args, NAMES), line);
      });
    }

    it("says what is wrong in one line, and exits with 2", async () => {
      const result = await run("client", ["--connect", "gopher://127.0.0.1:1"]);
      expectExit2(result, 'interop:client: "gopher://127.0.0.1:1" has scheme gopher, expected ');
    });
  });

  describe("the server", () => {
    it("says where it listens, and ends in order", async () => {
      const server = await startServer(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/x"], []);
      expect(server.lines[0]).to.match(/^LISTENING tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
      expect(server.lines[1]).to.match(/^LISTENING ws:\/\/127\.0\.0\.1:[1-9]\d*\/x$/);
      expect(await server.stop()).to.equal(0);
    });

    for (const [args, line] of [
      [[], "--listen URL is missing"],
      [["--listen", "tcp://127.0.0.1:0", "--lease", "0"], '--lease is "0", expected a whole number 1 … 2147483647'],
      [["--listen", "tcp://127.0.0.1:0", "--mtu", "many"], '--mtu is "many", expected a whole number 64 … 16777215'],
    ] as const) {
      it(`refuses ${JSON.stringify(args.join(" "))}`, () => {
        expectRefused(() => readServerArguments(args), line);
      });
    }

    it("says what is wrong in one line, and exits with 2", async () => {
      const result = await run("server", ["--listen", "tcp://127.0.0.1"]);
      expectExit2(result, 'interop:server: "tcp://127.0.0.1');
    });

    it("says in one line that a port is taken, and exits with 1", async () => {
      const { lines, errors, exitCode } = await run("server", ["--listen", urlOf("", 0)]);
      expect(lines).to.deep.equal([]);
      expect(errors).to.match(/^interop:server: [^\n]*EADDRINUSE[^\n]*\n$/);
      expect(exitCode).to.equal(1);
    });
  });
});

describe("the interop cases", () => {
  it("pass within one process, too", async () => {
    const all = await verdicts(interopService(systemScheduler));
    expect(all.filter(([name, verdict]) => verdict !== (MISSING.includes(name) ? "SKIP" : "PASS"))).to.deep.equal([]);
  });

  it("don't pass against a server that serves nothing, but for those about just that", async () => {
    const all = await verdicts(implementTestService(unimplementedTestService));
    const passed = all.filter(([, verdict]) => verdict === "PASS").map(([name]) => name);
    expect(passed).to.deep.equal(["unimplemented_method", "unimplemented_service"]);
  });
});

// Every case against one service, within this process.
async function verdicts(service: BoundService): Promise<(readonly [name: string, verdict: string, why: string])[]> {
  let take = (_: FrameLink): void => {};
  const listener = { url: "in-process:", close: () => Promise.resolve() };
  const server = await serveWith(
    [
      (onLink) => {
        take = onLink;
        return Promise.resolve(listener);
      },
    ],
    { services: [service], limits: LIMITS, observer: {} },
  );
  let far: FrameLink | undefined;
  const dialer: Dialer = {
    dial: () => {
      const pair = createInProcessPair(systemScheduler);
      far = pair[1];
      take(far);
      return Promise.resolve(pair[0]);
    },
  };
  const cuttable = { dialer, cut: () => far?.abort(), close: () => Promise.resolve() };
  const reach = { dialer, cuttable: () => Promise.resolve(cuttable) };
  const options: PeerOptions = { reach, mode: "rpc", mtu: undefined, quick: true, hello: true };
  const all: (readonly [string, string, string])[] = [];
  for (const [name, run] of CASES) {
    const { verdict, why } = await runCase(run, options);
    all.push([name, verdict, why]);
  }
  await server.close();
  return all;
}

function expectAll({ lines, errors, exitCode }: Run, names: readonly string[]): void {
  const missing = names.filter((name) => MISSING.includes(name));
  const expected = names.map((name) => (missing.includes(name) ? `SKIP ${name}` : `PASS ${name}`));
  const summary = `${names.length - missing.length} passed, 0 failed, ${missing.length} skipped`;
  const told = lines.map((line) => (line.startsWith("SKIP ") ? line.split(":")[0] : line));
  expect(told).to.deep.equal([...expected, summary]);
  expect(errors, "on stderr").to.equal("");
  expect(exitCode, "exit code").to.equal(0);
}

function expectRefused(read: () => unknown, line: string): void {
  expect(read)
    .to.throw(WrongArgument)
    .with.property("message")
    .that.satisfies((text: string) => text.startsWith(line) && !text.includes("\n"));
}

function expectExit2({ lines, errors, exitCode }: Run, line: string): void {
  expect(lines).to.deep.equal([]);
  expect(errors.slice(0, line.length)).to.equal(line);
  expect(errors.trimEnd().split("\n"), "lines on stderr").to.have.length(1);
  expect(exitCode).to.equal(2);
}
