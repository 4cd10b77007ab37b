// SPDX-License-Identifier: Apache-2.0
// Leases as other drivers were seen to ask for, grant and use them: their clients served by us, our client under their
// servers' leases.

import { expect } from "chai";
import type { LeasedConnection, LeaseStrategy } from "rsocket-rpc";
import { decodeLease } from "../../runtime/src/session/lease.js";
import { bytesOf } from "../support/frames-dsl.js";
import { type CapturedFrame, conversationsOf, typeOf } from "../support/rpc-captured.js";
import { interopService } from "../support/rpc-interop-service.js";
import { KEEPALIVE, leavesNoTrace, RpcWorld, rsocketOf } from "../support/rpc-world.js";

const SETUP = 0x01;
const LEASE = 0x02;
const L = 0x0040;

interface LeasedConversation {
  readonly title: string;
  readonly frames: readonly CapturedFrame[];
}

/** Connections whose SETUP says L and got a LEASE. */
function leasedConversations(): LeasedConversation[] {
  return ["java", "spring", "go", "js-alpha", "js-rpc", "py"].flatMap((peer) =>
    conversationsOf(peer)
      .filter(({ name }) => name.includes("lease"))
      .flatMap(({ name, frames }) =>
        connectionsOf(frames).map((list, i) => ({ title: `${peer}/${name} ${i + 1}`, frames: list })),
      )
      .filter(({ frames }) => frames.some(({ hex }) => typeOf(hex) === LEASE)),
  );
}

// Each begins with its SETUP; who belongs to which is told by the meaning.
function connectionsOf(frames: readonly CapturedFrame[]): CapturedFrame[][] {
  const numbers = [...new Set(frames.map(numberOf))];
  const lists = numbers.map((number) => frames.filter((frame) => numberOf(frame) === number && frame.hex !== ""));
  return lists.filter(([first]) => {
    const isSetup = first !== undefined && typeOf(first.hex) === SETUP;
    return isSetup && (Number.parseInt(first.hex.slice(8, 12), 16) & L) !== 0;
  });
}

function numberOf({ meaning }: CapturedFrame): string {
  return /connection (\d+)\b/.exec(meaning)?.[1] ?? "1";
}

function leaseOf(hex: string): { readonly requestCount: number; readonly ttlMs: number } {
  const bytes = bytesOf(hex);
  const lease = decodeLease(bytes, 6, bytes.length, Number.parseInt(hex.slice(8, 12), 16) & 0x3ff);
  if (lease === undefined) throw new Error(`${hex} is no LEASE`);
  return { requestCount: lease.requestCount, ttlMs: lease.ttlMs };
}

/** Requests of the client: the only frames on streams that it sent. */
function requestCount(frames: readonly CapturedFrame[]): number {
  return frames.filter(
    ({ direction, hex }) => direction === "client->server" && /^0{0,7}[1-9a-f]/.test(hex.slice(0, 8)),
  ).length;
}

describe("captured leases", () => {
  afterEach(leavesNoTrace);
  const conversations = leasedConversations();

  it("were captured from most drivers", () => {
    expect(new Set(conversations.map(({ title }) => title.split("/")[0])).size).to.be.at.least(5);
  });

  for (const { title, frames } of conversations) {
    it(`${title}: a client of theirs gets the same leases of us, and each request is answered`, async () => {
      const world = new RpcWorld();
      let granted: LeasedConnection | undefined;
      const byHand: LeaseStrategy = {
        attach: (connection) => {
          granted = connection;
          return { start: () => {}, stop: () => {} };
        },
      };
      const { peer } = await world.serveScripted({ services: [interopService(world.scheduler, true)], lease: byHand });
      let leases = 0;
      for (const { direction, hex } of frames) {
        if (direction === "client->server") peer.send(hex);
        else if (typeOf(hex) === LEASE) {
          if (leases++ > 0) await world.scheduler.advance(1_000);
          granted?.grant(leaseOf(hex));
        }
        await world.scheduler.settle();
      }
      const sent = peer.take();
      const ofUs = sent.filter((frame) => typeOf(frame) === LEASE).map(leaseOf);
      expect(ofUs).to.deep.equal(frames.filter(({ hex }) => typeOf(hex) === LEASE).map(({ hex }) => leaseOf(hex)));
      const payloads = sent.filter((frame) => typeOf(frame) === 0x0a);
      expect(payloads, "answers").to.have.length(requestCount(frames));
    });

    it(`${title}: a client of ours may ask as much as their server grants`, async () => {
      const world = new RpcWorld();
      const { connecting, peer } = world.dialScripted({ lease: { strategy: false } });
      await world.scheduler.settle();
      peer.send(KEEPALIVE);
      const connection = await world.run(connecting);
      for (const { direction, hex } of frames) {
        if (direction !== "server->client" || typeOf(hex) !== LEASE) continue;
        peer.send(hex);
        await world.scheduler.settle();
        const { requestCount: allowance, ttlMs } = leaseOf(hex);
        expect(connection.lease).to.deep.equal({ allowance, expiresInMs: ttlMs });
        expect(rsocketOf(connection).isOpen).to.equal(true);
        await world.scheduler.advance(ttlMs);
        expect(connection.lease).to.deep.equal({ allowance: 0, expiresInMs: 0 });
      }
    });
  }
});
