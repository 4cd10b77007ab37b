// SPDX-License-Identifier: Apache-2.0
// A server that says how many calls it bears: lease (RSocket 1.0 §Lease Semantics).

import { expect } from "chai";
import { Code } from "rsocket-rpc";
import { eventually, expectBytes, expectCode, failureOf, pattern, within } from "../checks.js";
import type { Peer, Session } from "../peer.js";
import { callBack } from "./unary.js";

/** The server grants anew each second. */
const NEXT_LEASE_MS = 5_000;
/** Of calls: above it nobody would see in time that one more has to wait. */
const LARGEST_LEASE = 10_000;
/** We grant nothing, for peers that close when a LEASE comes to them. */
const SILENT = { strategy: false } as const;

/** One call more than the lease has: it waits for the next lease or is refused, as configured; none goes without one. */
export async function lease(peer: Peer): Promise<void> {
  const patient = await peer.ifOffered(peer.connect({ lease: SILENT }));
  await expectWaiting(patient);
  await expectRefused(await peer.connect({ lease: { ...SILENT, waitForLease: false } }));
  if (patient.wire.isOurs) await callBack(peer, { lease: true }); // the other direction
}

async function expectWaiting(session: Session): Promise<void> {
  const { client, wire } = session;
  const granted = await wholeLease(session);
  const calls = Array.from({ length: granted + 1 }, async (_, number) => {
    const payload = pattern(100, number);
    const answer = await client.unaryCall({ payload });
    expectBytes(answer.payload, payload, `answer ${number}`);
  });
  await within(NEXT_LEASE_MS, "the answers of two leases", Promise.all(calls));
  expect(wire.unleased, "requests without a lease").to.deep.equal([]);
  expect(usedOf(session), "requests of each lease").to.deep.equal([granted, 1]);
}

async function expectRefused(session: Session): Promise<void> {
  const { client, wire } = session;
  const granted = await wholeLease(session);
  const allowed = Array.from({ length: granted }, () => client.unaryCall({}));
  const error = await failureOf(client.unaryCall({}));
  expectCode(error, Code.Unavailable);
  expect(error.initiator, "who refused the call").to.equal("local");
  expect(error.retryable, "it can be made once more").to.equal(true);
  await Promise.all(allowed);
  expect(usedOf(session), "requests of each lease").to.deep.equal([granted]);
  await wholeLease(session);
  await client.unaryCall({});
  expect(wire.unleased, "requests without a lease").to.deep.equal([]);
  expect(usedOf(session), "requests of each lease").to.deep.equal([granted, 1]);
}

// Waits until a lease is there of which nothing is used, and says for how many requests it is.
async function wholeLease({ connection, wire }: Session): Promise<number> {
  await eventually("a lease comes", () => {
    const latest = wire.leases.at(-1);
    return latest !== undefined && latest.requestCount > 0 && connection.lease?.allowance === latest.requestCount;
  });
  const granted = connection.lease?.allowance ?? 0;
  expect(granted, "requests of a lease").to.be.at.most(LARGEST_LEASE);
  return granted;
}

function usedOf({ wire }: Session): number[] {
  return wire.leases.map(({ used }) => used).filter((used) => used > 0);
}
