// SPDX-License-Identifier: Apache-2.0
// A session that outlives its links: resume (RSocket 1.0 §Resuming Operation).

import { expect } from "chai";
import { within } from "../checks.js";
import type { CuttableSession, Peer } from "../peer.js";

const STREAM = { messages: 10_000, messagesPerCut: 100 } as const;
/** Of messages, with --quick. */
const QUICK_SHARE = 0.1;
/** Fewer than between two cuts: the next cut finds a link that was resumed. */
const PREFETCH = 64;
/** Sizes are 0 … 250: a prime number of them, so that a message out of its place shows. */
const SIZES = 251;

/** Of the whole stream: about a second goes by unless something waits in vain. */
const STREAM_MS = 40_000;

/** The connection is cut every hundred messages, by RST and FIN in turn: every message comes once, in order. */
export async function resume(peer: Peer): Promise<void> {
  const session = await peer.ifOffered(peer.connectCuttable({ resume: { backoff: { initialMs: 1 } } }));
  const messages = STREAM.messages * (peer.options.quick ? QUICK_SHARE : 1);
  const cuts = await within(STREAM_MS, "the end of the stream", receiveAll(session, messages));
  expect(session.wire.resumesAccepted, "times that the session was resumed").to.equal(cuts);
  expect(await session.client.emptyCall({}), "a call afterwards").to.be.an("object");
}

// Says how often the connection was cut.
async function receiveAll({ client, cut }: CuttableSession, messages: number): Promise<number> {
  const sizes = Array.from({ length: messages }, (_, number) => number % SIZES);
  let count = 0;
  let cuts = 0;
  for await (const { payload, sequence } of client.serverStream({ sizes }, { prefetch: PREFETCH })) {
    if (sequence !== count || payload.length !== sizes[count]) {
      throw new Error(`after ${count} messages and ${cuts} cuts number ${sequence} came, of ${payload.length} bytes`);
    }
    count++;
    if (count % STREAM.messagesPerCut === 0 && count < messages) cut(cuts++ % 2 === 0 ? "reset" : "end");
  }
  expect(count, "messages").to.equal(messages);
  return cuts;
}
