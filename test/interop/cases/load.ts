// SPDX-License-Identifier: Apache-2.0
// Many calls on one connection: concurrent_large_unary, many_small.

import { expect } from "chai";
import { expectBytes, pattern } from "../checks.js";
import type { Peer } from "../peer.js";
import { LARGE } from "./unary.js";

const LARGE_CALLS = 1_000;
/** Of calls, with --quick. */
const QUICK_SHARE = 0.1;
const SMALL = { calls: 10_000, atOnce: 128, payloadBytes: 64 } as const;

function callsOf({ options }: Peer, calls: number): number {
  return options.quick ? calls * QUICK_SHARE : calls;
}

/** A thousand calls of large_unary, all begun before the first is answered. */
export async function concurrentLargeUnary(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const payload = pattern(LARGE.sentBytes);
  const expected = new Uint8Array(LARGE.answeredBytes);
  const call = async (_: unknown, number: number): Promise<void> => {
    const answer = await client.unaryCall({ payload, responseSize: LARGE.answeredBytes });
    expectBytes(answer.payload, expected, `answer ${number}`);
  };
  await Promise.all(Array.from({ length: callsOf(peer, LARGE_CALLS) }, call));
}

/** Ten thousand small ones, each with its own answer. */
export async function manySmall(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const calls = callsOf(peer, SMALL.calls);
  let begun = 0;
  let right = 0;
  const worker = async (): Promise<void> => {
    while (begun < calls) {
      const number = begun++;
      const payload = pattern(SMALL.payloadBytes, number);
      new DataView(payload.buffer).setUint32(0, number);
      const answer = await client.unaryCall({ payload });
      expectBytes(answer.payload, payload, `answer ${number}`);
      right++;
    }
  };
  await Promise.all(Array.from({ length: SMALL.atOnce }, worker));
  expect(right, "answers").to.equal(calls);
}
