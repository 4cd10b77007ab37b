// SPDX-License-Identifier: Apache-2.0
// Our server and our client of the interop matrix against each other, as processes: every case, over every transport, in
// both metadata modes.

import { expect } from "chai";
import type { BoundService, MetadataMode } from "rsocket-rpc";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { implementTestService, unimplementedTestService } from "../support/gen/interop_rsocket.js";
import { pairQueue } from "../support/in-pairs.js";
import { interopService } from "../support/rpc-interop-service.js";
import { readClientArguments, readServerArguments, WrongArgument } from "./arguments.js";
import { CASES } from "./cases/table.js";
import { inProcess, type LinkPair, messagePorts, type Verdict, verdicts } from "./in-one-process.js";
import { type Run, run, startServer } from "./programs.js";
import { InteropServers, MODES, TRANSPORTS } from "./servers.js";

/** By name: what each is told of its frames. */
const SERVERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["usual", []],
  ["64", ["--mtu", "64"]],
  ["16384", ["--mtu", "16384"]],
]);

/** What the client does, and how it went: all are asked for at once, two run. */
interface Pass {
  readonly title: string;
  readonly names: readonly string[];
  /** Of those, the ones that are skipped; those of `MISSING` unless given. */
  readonly skipped?: readonly string[];
  go(): Promise<Run>;
  result?: Promise<Run>;
}

// Cases of what a server has to be told to do: resume-and-lease.test.ts runs them.
const MISSING = ["lease", "resume"];
const NAMES = [...CASES.keys()];
/** What `rsocket-rpc/lite` does without, too. */
const NOT_IN_LITE = [...MISSING, "call_back", "composite_routing"];
/** TCP and WebSocket. */
const LITE_TRANSPORTS = [0, 1];

describe("the interop server and client", function () {
  this.timeout(60_000);

  const queue = pairQueue();
  const servers = new InteropServers();
  const passes = TRANSPORTS.flatMap((_, index) => passesOver(index, servers));
  passes.push({
    title: "agree when neither knows the other as one of ours",
    names: NAMES,
    go: () => run("client", ["--connect", servers.urlOf("usual", 0), "--no-hello", "--quick"]),
  });

  for (const index of LITE_TRANSPORTS) {
    passes.push({
      title: `agree on every case that there is for rsocket-rpc/lite, over ${TRANSPORTS[index]?.name}`,
      names: NAMES,
      skipped: NOT_IN_LITE,
      go: () => run("client", [...servers.connectTo(servers.urlOf("usual", index)), "--lite", "--quick"]),
    });
  }

  before(async () => {
    await servers.start(SERVERS);
    for (const pass of passes) pass.result = queue(pass.go);
  });

  after(async () => {
    await Promise.allSettled(passes.flatMap((pass) => pass.result ?? []));
    const codes = await servers.stop();
    expect(codes, "exit codes after SIGTERM").to.deep.equal(codes.map(() => 0));
  });

  for (const pass of passes) {
    it(pass.title, async () => {
      const result = await pass.result;
      expectAll(result as Run, pass.names, pass.skipped); // `before` has begun it
    });
  }

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
      const { lines, exitCode } = await run("client", [
        "--connect",
        servers.urlOf("usual", 0),
        "--case",
        "empty_unary",
        ...skip,
      ]);
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
      const { lines, errors, exitCode } = await run("server", ["--listen", servers.urlOf("usual", 0)]);
      expect(lines).to.deep.equal([]);
      expect(errors).to.match(/^interop:server: [^\n]*EADDRINUSE[^\n]*\n$/);
      expect(exitCode).to.equal(1);
    });
  });
});

describe("the interop cases", function () {
  this.timeout(60_000);

  const queue = pairQueue();
  const over = new Map<string, Promise<readonly Verdict[]>>();

  before(() => {
    const begin = (title: string, service: BoundService, pair: LinkPair, mode: MetadataMode): void => {
      over.set(
        title,
        queue(() => verdicts(service, pair, mode)),
      );
    };
    for (const mode of MODES) begin(`ports ${mode}`, interopService(systemScheduler), messagePorts, mode);
    begin("functions", interopService(systemScheduler), inProcess, "rpc");
    begin("nothing", implementTestService(unimplementedTestService), inProcess, "rpc");
  });

  for (const mode of MODES) {
    it(`pass over a MessagePort in ${mode} mode`, async () => {
      expectVerdicts(await over.get(`ports ${mode}`));
    });
  }

  it("pass within one process, too", async () => {
    expectVerdicts(await over.get("functions"));
  });

  it("don't pass against a server that serves nothing, but for those about just that", async () => {
    const all = (await over.get("nothing")) ?? [];
    const passed = all.filter(([, verdict]) => verdict === "PASS").map(([name]) => name);
    expect(passed).to.deep.equal(["unimplemented_method", "unimplemented_service"]);
  });
});

// Every case in both modes. Frames of the server cut to pieces: in one mode, and where TLS or the system cut bytes anew
// anyway, to the smallest pieces only.
function passesOver(index: number, servers: InteropServers): Pass[] {
  const name = TRANSPORTS[index]?.name ?? "";
  const passes = MODES.map((mode): Pass => {
    // All of the calls once: elsewhere a tenth of them shows the same.
    const size = index === 0 && mode === "rpc" ? [] : ["--quick"];
    return {
      title: `agree on every case over ${name} in ${mode} mode`,
      names: NAMES,
      go: () => run("client", [...servers.connectTo(servers.urlOf("usual", index)), "--mode", mode, ...size]),
    };
  });
  const mtus = index < 2 ? ["64", "16384"] : ["64"];
  mtus.forEach((mtu, number) => {
    const mode = MODES[(index + number) % MODES.length] ?? "rpc";
    const args = ["--case", "fragmented", "--mtu", mtu, "--mode", mode];
    passes.push({
      title: `agree in pieces of ${mtu} bytes over ${name} in ${mode} mode`,
      names: ["fragmented"],
      go: () => run("client", [...servers.connectTo(servers.urlOf(mtu, index)), ...args]),
    });
  });
  return passes;
}

function expectVerdicts(all: readonly Verdict[] = []): void {
  expect(all).to.have.length(NAMES.length);
  expect(all.filter(([name, verdict]) => verdict !== (MISSING.includes(name) ? "SKIP" : "PASS"))).to.deep.equal([]);
}

function expectAll(
  { lines, errors, exitCode }: Run,
  names: readonly string[],
  skipped: readonly string[] = MISSING,
): void {
  const missing = names.filter((name) => skipped.includes(name));
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
