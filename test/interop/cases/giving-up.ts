// SPDX-License-Identifier: Apache-2.0
// Calls that the client gives up: cancel_after_begin, cancel_after_first_response, timeout_on_sleeping_server.

import { expect } from "chai";
import { Code } from "rsocket-rpc";
import {
  aborted,
  expectCode,
  expectHandlerTold,
  failureOf,
  freshKey,
  nowMs,
  pattern,
  pause,
  within,
} from "../checks.js";
import type { Peer } from "../peer.js";

/** A call that is given up ends at once; so long at most on a busy machine. */
const AT_ONCE_MS = 1_000;
const TIMEOUT_MS = 50;
const SLEEP_MS = 1_000;
/** 200 ms in all. */
const LATE_MS = 150;

/** Two messages are sent, then the call is cancelled: it ends, and the handler hears of it. */
export async function cancelAfterBegin(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const controller = new AbortController();
  const key = freshKey("cancel_after_begin");
  let sentBoth = (): void => {};
  const sent = new Promise<void>((resolve) => {
    sentBoth = resolve;
  });
  async function* messages(): AsyncGenerator<{ payload: Uint8Array<ArrayBuffer>; key?: string }> {
    yield { payload: pattern(10), key };
    yield { payload: pattern(10) };
    sentBoth();
    await aborted(controller.signal);
  }
  const failure = failureOf(client.clientStream(messages(), { signal: controller.signal }));
  await Promise.race([sent, failure]);
  controller.abort();
  expectCode(await within(AT_ONCE_MS, "the end of the call", failure), Code.Cancelled);
  await expectHandlerTold(client, key);
}

/** One answer comes, then the call is cancelled: it ends, and the handler hears of it. */
export async function cancelAfterFirstResponse(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const controller = new AbortController();
  const key = freshKey("cancel_after_first_response");
  async function* messages(): AsyncGenerator<{ payload: Uint8Array<ArrayBuffer>; key: string }> {
    yield { payload: pattern(10), key };
    await aborted(controller.signal);
  }
  let count = 0;
  const receive = async (): Promise<void> => {
    for await (const _ of client.bidiStream(messages(), { signal: controller.signal })) {
      count++;
      controller.abort();
    }
  };
  expectCode(await within(AT_ONCE_MS, "the end of the call", failureOf(receive())), Code.Cancelled);
  expect(count, "answers").to.equal(1);
  await expectHandlerTold(client, key);
}

/** The server sleeps longer than the deadline: the call ends in time, and the handler hears of it. */
export async function timeoutOnSleepingServer(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const key = freshKey("timeout_on_sleeping_server");
  // Beside the call's own, a timer that shows how late this process is: a busy machine isn't the peer's fault.
  const due = pause(TIMEOUT_MS).then(() => nowMs());
  const error = await failureOf(client.unaryCall({ delayMs: SLEEP_MS, key }, { timeoutMs: TIMEOUT_MS }));
  const endedAtMs = nowMs();
  expectCode(error, Code.DeadlineExceeded);
  expect(endedAtMs - (await due), "ms that the call ended behind its deadline").to.be.below(LATE_MS);
  await expectHandlerTold(client, key);
}
