// SPDX-License-Identifier: Apache-2.0
// Results of the interop matrix: of the code that there is, and on the page. CI runs the peers that it has the tools for;
// what the others did stays true until the code changes that decides what stands in frames, or the peer does.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { casesAt, placesOf } from "../interop/matrix/cells.js";
import { wireDigest } from "../interop/matrix/digest.js";
import { inputsDigest } from "../interop/matrix/install.js";
import { type PeerFile, readPeer, readPeers } from "../interop/matrix/peer-file.js";
import { pages, readResults } from "../interop/matrix/results.js";

describe("the interop matrix", () => {
  const peers = readPeers();
  const results = readResults();
  const command = (names: readonly PeerFile[]): string =>
    `npm run interop -- --peer ${names.map(({ name }) => name).join(",")}`;

  it("has results of every peer, and of no other", () => {
    expect(Object.keys(results)).to.deep.equal(peers.map(({ name }) => name).sort());
  });

  it("has results of today's wire for the peers that CI doesn't run", async () => {
    const wire = await wireDigest();
    const stale = peers.filter(({ inCi, name }) => !inCi && results[name]?.wire !== wire);
    const why = `runtime/src/frames or metadata has changed since they were run: ${command(stale)}`;
    expect(
      stale.map(({ name }) => name),
      why,
    ).to.deep.equal([]);
  });

  it("has results of the peers as they are", () => {
    const stale = peers.filter((peer) => results[peer.name]?.inputs !== inputsDigest(peer));
    expect(
      stale.map(({ name }) => name),
      `they have changed since they were run: ${command(stale)}`,
    ).to.deep.equal([]);
  });

  it("has no cell that failed for a reason nobody knows", () => {
    const failed = Object.entries(results).flatMap(([name, { places }]) =>
      places.flatMap(({ role, transport, mode, fail = {} }) =>
        Object.entries(fail).map(([one, why]) => `${name} as ${role} ${transport} ${mode}: ${one}: ${why}`),
      ),
    );
    expect(failed).to.deep.equal([]);
  });

  it("has the frames of each fault that is called a peer's", () => {
    const missing = Object.entries(results).flatMap(([name, { places }]) =>
      places.flatMap(({ role, fault = {} }) =>
        Object.keys(fault)
          .map((one) => `test/interop/evidence/${name}-as-${role}-${one}.txt`)
          .filter((path) => !existsSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)))),
      ),
    );
    expect([...new Set(missing)]).to.deep.equal([]);
  });

  it("calls nothing a peer's fault without frames, the specification, and what it does to others", () => {
    const bare = peers.flatMap(({ name, faults }) =>
      faults
        .filter(
          ({ spec, frames, also }) => ![spec, frames, also].every((text) => typeof text === "string" && text !== ""),
        )
        .map(({ case: one, role }) => `${name} as ${role}: ${one}`),
    );
    expect(bare).to.deep.equal([]);
  });

  it("has the page that its results make", () => {
    const { actual, expected } = pages();
    expect(actual, "docs/interop.md is written by npm run interop").to.equal(expected);
  });
});

describe("peer.json", () => {
  const good = { name: "a", version: "1", in_ci: true, server: "x", server_transports: ["tcp"], server_modes: ["rpc"] };
  const read = (changes: object): PeerFile => readPeer("peers/a", JSON.stringify({ ...good, ...changes }));

  it("is read", () => {
    expect(read({ skips: [{ case: "*", role: "both", mtu: 64, why: "slow" }] })).to.deep.include({
      name: "a",
      server: "x",
      client: undefined,
      inCi: true,
    });
  });

  it("is read when its peer speaks no RPC: it has cases of its own, and none in fragments", () => {
    const own = { server: undefined, client: "x", client_transports: ["ws"], client_modes: ["own"] };
    const peer = read({ ...own, own_server: "server.ts", own_cases: ["sync"] });
    expect(peer.own).to.deep.equal({ server: "server.ts", cases: ["sync"] });
    const place = { role: "client", transport: "ws", mode: "own", mtu: undefined } as const;
    expect(placesOf(peer, "client")).to.deep.equal([place]);
    expect(casesAt(place, peer)).to.deep.equal(["sync"]);
  });

  for (const [changes, message] of [
    [{ name: 1 }, "a/peer.json: name is 1, expected a text"],
    [{ in_ci: "yes" }, 'a/peer.json: in_ci is "yes", expected true or false'],
    [{ transports: [] }, "a/peer.json: transports is [], expected no such field"],
    [{ server_modes: ["json"] }, 'a/peer.json: server_modes is ["json"], expected a list of rpc, composite'],
    [
      { skips: [{ case: "nap", role: "both", why: "x" }] },
      'a/peer.json: skips has {"case":"nap","role":"both","why":"x"}',
    ],
    [{ faults: [{ case: "lease", role: "server" }] }, 'a/peer.json: faults has {"case":"lease","role":"server"}'],
  ] as const) {
    it(`is refused with ${JSON.stringify(changes)}`, () => {
      expect(() => read(changes)).to.throw(message);
    });
  }
});
