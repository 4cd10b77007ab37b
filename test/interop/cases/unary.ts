// SPDX-License-Identifier: Apache-2.0
// One request, one answer or none: empty_unary, large_unary, big_message, fire_and_forget, call_back.

import { expect } from "chai";
import type { ConnectOptions } from "rsocket-rpc";
import { implementTestService, unimplementedTestService } from "../../support/gen/interop_rsocket.js";
import { eventually, expectBytes, freshKey, pattern } from "../checks.js";
import { type Peer, Skipped } from "../peer.js";

/** What large_unary sends and asks for. */
export const LARGE = { sentBytes: 271_828, answeredBytes: 314_159 } as const;
const BIG_BYTES = 20 * 1024 * 1024;
/** Below this a message of 20 MiB is hundreds of thousands of frames. */
const LEAST_MTU_FOR_BIG = 1_024;

/** An empty message comes back. */
export async function emptyUnary(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  expect(await client.emptyCall({})).to.have.property("$typeName", "google.protobuf.Empty");
}

/** Sizes and contents are right, in both directions. */
export async function largeUnary(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const payload = pattern(LARGE.sentBytes);
  const answer = await client.unaryCall({ payload, responseSize: LARGE.answeredBytes });
  expectBytes(answer.payload, new Uint8Array(LARGE.answeredBytes), "the answer");
  // That answer doesn't show what arrived; this one does.
  const echo = await client.unaryCall({ payload });
  expectBytes(echo.payload, payload, "the echo");
}

/** More than one frame can hold, each way. */
export async function bigMessage(peer: Peer): Promise<void> {
  const { mtu } = peer.options;
  if (mtu !== undefined && mtu < LEAST_MTU_FOR_BIG) throw new Skipped(`not run with an mtu of ${mtu}`);
  const { client } = await peer.connect();
  const payload = pattern(BIG_BYTES);
  const answer = await client.unaryCall({ payload });
  expectBytes(answer.payload, payload, "the answer");
}

/** It arrives once, whole. */
export async function fireAndForget(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const key = freshKey("fire_and_forget");
  const payload = pattern(100);
  await client.fireAndForget({ key, payload });
  await eventually("it arrives", async () => (await client.fired({ key })).count > 0);
  const { count, lastPayload } = await client.fired({ key });
  expect(count, "count").to.equal(1);
  expectBytes(lastPayload, payload, "the last payload");
}

/** The server calls this client over the same connection and passes its answer on. */
export async function callBack(peer: Peer, options: ConnectOptions = {}): Promise<void> {
  // Backwards, so that it is the client's answer for certain: the server would give the payload as it is.
  const service = implementTestService({
    ...unimplementedTestService,
    unaryCall: ({ payload }) => ({ payload: Uint8Array.from(payload).reverse() }),
  });
  const { client } = await peer.connect({ ...options, services: [service] });
  const payload = pattern(1_000);
  const answer = await client.callBack({ payload });
  expectBytes(answer.payload, payload.reverse(), "the answer");
}
