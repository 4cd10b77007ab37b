// SPDX-License-Identifier: Apache-2.0
// The runner of the matrix, with peers that lie, hang and die: what can go wrong with programs of others must not pass.

import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import type { Cell } from "./matrix/cells.js";
import { lengthTap, type OnFrame, type Tap, webSocketTap } from "./matrix/frame-tap.js";
import { install, missingTools } from "./matrix/install.js";
import { intoPage } from "./matrix/page.js";
import { type PeerFile, readPeer } from "./matrix/peer-file.js";
import { RecordingRelay } from "./matrix/relay.js";
import { type RunOptions, runRole } from "./matrix/run-peer.js";
import { compilePrograms } from "./programs.js";

/** A frame of KEEPALIVE. */
const FRAME = "000000000c800000000000000000";
/** The same with its length. */
const WITH_LENGTH = `00000e${FRAME}`;

/** A client that does as its first argument says. */
const CLIENT = `
  const names = process.argv[process.argv.indexOf("--case") + 1].split(",");
  const [, , how] = process.argv;
  for (const name of names) {
    if (name === "call_back" && how === "hangs") await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (name === "call_back" && how === "dies") process.exit(3);
    if (name === "call_back" && how === "omits") continue;
    const fails =
      how === "fails" ||
      (how === "stumbles" && names.length > 1) ||
      (how === "tires" && !process.argv.includes("--quick"));
    if (name === "call_back" && fails) console.log("FAIL call_back: it is wrong");
    else console.log(how === "skips" ? "SKIP " + name + ": it can't" : "PASS " + name);
  }
`;

/** A server that dies of the first connection. */
const DYING = `
  import { createServer } from "node:net";
  const server = createServer(() => {
    console.error("it was too much");
    process.exit(7);
  });
  server.listen(0, "127.0.0.1", () => console.log("LISTENING tcp://127.0.0.1:" + server.address().port));
`;

describe("the runner of the interop matrix", function () {
  this.timeout(60_000);

  let folder = "";
  const said: string[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "interop-runner-"));
    writeFileSync(join(folder, "client.mjs"), CLIENT);
    writeFileSync(join(folder, "server.mjs"), 'console.error("no port is good enough"); process.exit(1);');
    writeFileSync(join(folder, "dying.mjs"), DYING);
    await compilePrograms();
  });

  after(() => rmSync(folder, { recursive: true }));

  beforeEach(() => said.splice(0));

  const peer = (changes: object): PeerFile =>
    readPeer(folder, JSON.stringify({ ...{ name: "odd", version: "1", in_ci: false, tools: [] }, ...changes }));
  const clientThat = (how: string, changes: object = {}): PeerFile =>
    peer({ client: `node client.mjs ${how}`, client_transports: ["tcp"], client_modes: ["rpc"], ...changes });
  const options = (...onlyCases: readonly string[]): RunOptions => ({
    ...{
      onlyCases,
      isWhole: false,
      isShort: false,
      isTimeOver: () => false,
      folder,
      silenceMs: 1_500,
      pem: { ca: "", cert: "", key: "" },
    },
    say: (line) => said.push(line),
  });
  const cellsOf = async (one: PeerFile): Promise<readonly Cell[]> =>
    (await runRole(one, "client", options("empty_unary", "call_back", "big_message", "keepalive"))).filter(
      ({ mtu }) => mtu === undefined,
    );
  const verdictsOf = (cells: readonly Cell[]): string[] => [
    ...new Set(cells.filter(({ name }) => name !== "call_back").map(({ verdict }) => verdict)),
  ];
  const callBack = (cells: readonly Cell[]): Cell | undefined => cells.find(({ name }) => name === "call_back");

  it("passes what passes, and leaves out what the peer's file says", async () => {
    const skips = [{ case: "keepalive", role: "client", why: "no time" }];
    const cells = await cellsOf(clientThat("passes", { skips }));
    const others = cells.filter(({ verdict }) => verdict !== "PASS");
    expect(others.map(({ name, verdict, why }) => [name, verdict, why])).to.deep.equal([
      ["keepalive", "SKIP", "no time"],
    ]);
  });

  for (const [how, why] of [
    ["fails", "it is wrong"],
    ["dies", "the client ended with exit code 3"],
    ["hangs", "the client said nothing for 1500 ms"],
    ["omits", "the client ended with exit code 0"],
  ] as const) {
    it(`fails the case at which a client ${how}, and that one only`, async () => {
      const cells = await cellsOf(clientThat(how));
      expect(callBack(cells)).to.deep.include({ verdict: "FAIL", why });
      expect(verdictsOf(cells)).to.deep.equal(["PASS"]);
      expect(
        said.some((line) => line.includes(`FAIL call_back: ${why}`)),
        said.join("\n"),
      ).to.equal(true);
    });
  }

  it("passes what passes at the second attempt, by itself, and keeps why it failed before", async () => {
    const cells = await cellsOf(clientThat("stumbles"));
    expect(callBack(cells)).to.deep.include({ verdict: "PASS", why: "", failedBefore: "it is wrong" });
    expect(cells.filter(({ failedBefore }) => failedBefore !== undefined)).to.have.length(1);
    expect(said.join("\n")).to.include("call_back PASSED AT THE SECOND ATTEMPT");
    const place = { role: "client", transport: "tcp", mode: "rpc", pass: "call_back" } as const;
    const again = { call_back: "it is wrong" };
    const tools = { version: "1", date: "", commit: "", node: "", tools: {}, whole: true, inCi: false };
    const page = intoPage("<!-- matrix: written by npm run interop -->\n<!-- /matrix -->", {
      odd: { ...tools, wire: "", inputs: "", places: [{ ...place, again }] },
    });
    expect(page).to.include("`call_back` (client): passed at the second attempt, after: it is wrong");
  });

  it("doesn't pass at the second attempt what failed with all of its calls and passes with a tenth", async () => {
    const all = { ...options("empty_unary", "call_back"), isWhole: true };
    const cells = (await runRole(clientThat("tires"), "client", all)).filter(({ mtu }) => mtu === undefined);
    expect(callBack(cells)).to.deep.include({ verdict: "FAIL", why: "it is wrong" });
    expect(said.join("\n")).to.not.include("SECOND ATTEMPT");
  });

  it("takes a known fault for one, and says so when it is gone", async () => {
    const faults = [{ case: "call_back", role: "client", why: "a known one" }];
    expect(callBack(await cellsOf(clientThat("fails", { faults })))).to.deep.include({
      verdict: "FAULT",
      why: "a known one",
      said: "it is wrong",
    });
    expect(said.join("\n")).to.not.include("FAIL");
    expect(callBack(await cellsOf(clientThat("passes", { faults })))).to.deep.include({ verdict: "PASS" });
    expect(said.join("\n")).to.include("call_back is said to fail, and was PASS");
  });

  it("runs a known fault by itself, so that its frames are its own", async () => {
    const faults = [{ case: "call_back", role: "client", why: "a known one" }];
    expect(callBack(await cellsOf(clientThat("stumbles", { faults })))).to.deep.include({ verdict: "PASS" });
  });

  it("takes a client's word for what it can't do", async () => {
    const cells = await cellsOf(clientThat("skips"));
    expect(callBack(cells)).to.deep.include({ verdict: "SKIP", why: "it can't" });
  });

  it("fails the cases of a server that doesn't listen", async () => {
    const one = peer({ server: "node server.mjs", server_transports: ["tcp"], server_modes: ["rpc"] });
    const [cell] = await runRole(one, "server", options("call_back"));
    expect(cell).to.deep.include({ verdict: "FAIL" });
    expect(cell?.why).to.equal("the server ended with exit code 1: no port is good enough");
  });

  it("runs the client of rsocket-rpc/lite in its only mode, and blames nobody for what it goes without", async () => {
    const one = peer({
      server: `node "${fileURLToPath(new URL("dist/server.js", import.meta.url))}"`,
      ...{ server_transports: ["tcp"], server_modes: ["rpc", "composite"] },
      faults: [{ case: "call_back", role: "server", why: "a known one" }],
    });
    const cells = await runRole(one, "server", { ...options("empty_unary", "call_back"), isLite: true });
    expect(cells.map(({ name, mode, verdict, why }) => [name, mode, verdict, why])).to.deep.equal([
      ["empty_unary", "rpc", "PASS", ""],
      ["call_back", "rpc", "SKIP", "rsocket-rpc/lite has no services"],
    ]);
    expect(said).to.deep.equal(["odd as server tcp rpc: 1 passed, 1 skipped"]);
    expect(await runRole(clientThat("passes"), "client", { ...options("empty_unary"), isLite: true })).to.deep.equal(
      [],
    );
  });

  it("starts a server that died anew for the cases behind", async () => {
    const one = peer({ server: "node dying.mjs", server_transports: ["tcp"], server_modes: ["rpc"] });
    const cells = await runRole(one, "server", { ...options("empty_unary", "call_back"), silenceMs: 20_000 });
    for (const { verdict, why } of cells) {
      expect(verdict).to.equal("FAIL");
      expect(why).to.match(/; the server ended with exit code 7: it was too much$/);
    }
    expect(cells.map(({ name }) => name)).to.deep.equal(["empty_unary", "call_back"]);
  });

  it("knows which programs are missing", () => {
    expect(missingTools(peer({ tools: ["node", "no-such-compiler"] }))).to.deep.equal(["no-such-compiler"]);
  });

  it("begins nothing when the time is over, and says so", async () => {
    const cells = await runRole(clientThat("passes"), "client", { ...options("call_back"), isTimeOver: () => true });
    expect(cells).to.deep.equal([]);
    expect(said[0]).to.equal("odd as client tcp rpc: NOT RUN, the time is over");
  });

  it("installs once, again when an input changed, and says what went wrong", async () => {
    const one = peer({ install: ["echo x >> dist/log"], inputs: ["client.mjs"] });
    expect(await install(one)).to.equal(true);
    expect(await install(one)).to.equal(false);
    writeFileSync(join(folder, "client.mjs"), `${CLIENT}\n`);
    expect(await install(one)).to.equal(true);
    let message = "";
    await install(peer({ install: ["echo no compiler >&2; exit 4"] })).catch((error: Error) => {
      message = error.message;
    });
    expect(message).to.equal("echo no compiler >&2; exit 4: exit code 4\n\nno compiler");
  });
});

describe("the frames that a relay reads along", () => {
  const framesOf = (makeTap: (onFrame: OnFrame) => Tap, digits: string, chunkBytes: number): string[] => {
    const frames: string[] = [];
    const tap = makeTap((bytes) => frames.push(hexOf(bytes)));
    const bytes = bytesOf(digits);
    for (let at = 0; at < bytes.length; at += chunkBytes) tap.take(bytes.slice(at, at + chunkBytes));
    return frames;
  };

  for (const chunkBytes of [1, 2, 5, 1_000]) {
    it(`are those of TCP in chunks of ${chunkBytes}`, () => {
      const bytes = `${WITH_LENGTH}000006000000012860${WITH_LENGTH}`;
      expect(framesOf(lengthTap, bytes, chunkBytes)).to.deep.equal([FRAME, "000000012860", FRAME]);
    });

    it(`are those of a WebSocket in chunks of ${chunkBytes}, behind its HTTP, without pings, put together, unmasked`, () => {
      const bytes = [
        hexOf(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")),
        `820e${FRAME}`, // binary, 14 bytes
        `8900`, // ping
        `0207${FRAME.slice(0, 14)}`, // binary, not the last
        `8007${FRAME.slice(14)}`, // continuation
        "8286000000ff000000fe2860", // masked with 000000ff: 000000012860
        `827e000e${FRAME}`, // a length of 16 bits
        `827f000000000000000e${FRAME}`, // a length of 64 bits
      ].join("");
      const expected = [FRAME, FRAME, "000000012860", FRAME, FRAME];
      expect(framesOf(webSocketTap, bytes, chunkBytes)).to.deep.equal(expected);
    });
  }
});

describe("the relay between client and server", () => {
  it("keeps how a long connection began and how it ended", async () => {
    const server = createServer((socket) => socket.resume().on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const relay = await RecordingRelay.start(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
    if (relay === undefined) throw new Error("TCP can be read along");
    const client = connect({ host: "127.0.0.1", port: Number(new URL(relay.url).port) });
    const cancel = (id: number): string => `000006${id.toString(16).padStart(8, "0")}2400`;
    client.end(bytesOf(Array.from({ length: 100 }, (_, index) => cancel(index + 1)).join("")));
    await once(client.resume(), "close");
    await relay.close();
    await new Promise((resolve) => server.close(resolve));
    const streams = [...relay.describe(0).matchAll(/stream (\d+)|… (\d+) frames/g)].map(([text]) => text);
    const from = (first: number, last: number): string[] =>
      Array.from({ length: last - first + 1 }, (_, index) => `stream ${first + index}`);
    expect(streams).to.deep.equal([...from(1, 10), "… 76 frames", ...from(87, 100)]);
  });
});

describe("the page of the interop matrix", () => {
  it("has its part between two marks, and wants them", () => {
    const page = "a\n<!-- matrix: written by npm run interop -->\nof yesterday\n<!-- /matrix -->\nb\n";
    const made = intoPage(page, {});
    expect(made)
      .to.match(/^a\n/)
      .and.match(/\nb\n$/);
    expect(made).to.not.include("yesterday");
    expect(intoPage(made, {})).to.equal(made);
    expect(() => intoPage("nothing", {})).to.throw("docs/interop.md has no <!-- matrix");
  });
});
