// SPDX-License-Identifier: Apache-2.0
// Many messages: client_streaming, server_streaming, server_streaming_slow_reader, ping_pong, empty_stream.

import { expect } from "chai";
import { Code } from "rsocket-rpc";
import { expectBytes, expectCode, failureOf, pattern, pause, within } from "../checks.js";
import type { Peer } from "../peer.js";

const SIZES_SENT = [27_182, 8, 1_828, 45_904];
const SIZES_ASKED = [31_415, 9, 2_653, 58_979];
const SLOW = { items: 1_000, itemBytes: 1_024, prefetch: 16, itemsPerRest: 20, restMs: 5 } as const;
/** For an error that no frame is needed for. */
const LOCAL_ERROR_MS = 5_000;

/** All four arrive, whole. */
export async function clientStreaming(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const { count, bytes } = await client.clientStream(SIZES_SENT.map((size) => ({ payload: pattern(size) })));
  expect(count, "count").to.equal(4);
  expect(bytes, "bytes").to.equal(74_922n);
}

/** All four come, in order, and then the end. */
export async function serverStreaming(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  const sizes: number[] = [];
  for await (const { payload } of client.serverStream({ sizes: SIZES_ASKED })) {
    expectBytes(payload, new Uint8Array(payload.length), `message ${sizes.length}`);
    sizes.push(payload.length);
  }
  expect(sizes, "sizes").to.deep.equal(SIZES_ASKED);
}

/** A reader that rests gets everything, and never more than it asked for is on its way or waits for it. */
export async function serverStreamingSlowReader(peer: Peer): Promise<void> {
  const { client, wire } = await peer.connect();
  const sizes = new Array<number>(SLOW.items).fill(SLOW.itemBytes);
  let read = 0;
  let mostAhead = 0;
  for await (const { payload } of client.serverStream({ sizes }, { prefetch: SLOW.prefetch })) {
    expect(payload.length, `size of message ${read}`).to.equal(SLOW.itemBytes);
    if (read++ % SLOW.itemsPerRest === 0) await pause(SLOW.restMs);
    mostAhead = Math.max(mostAhead, wire.onlyStream.received - read);
  }
  expect(read, "messages read").to.equal(SLOW.items);
  expect(wire.surplus, "messages that nobody asked for").to.deep.equal([]);
  expect(mostAhead, "messages that waited for the reader").to.be.within(1, SLOW.prefetch);
}

/** Each message is sent when the one before is answered; both halves complete. */
export async function pingPong(peer: Peer): Promise<void> {
  const { client } = await peer.connect();
  let answered = (): void => {};
  let isOver = false;
  async function* pings(): AsyncGenerator<{ payload: Uint8Array<ArrayBuffer> }> {
    for (const size of SIZES_SENT) {
      const answer = new Promise<void>((resolve) => {
        answered = resolve;
      });
      yield { payload: pattern(size) };
      await answer;
    }
    isOver = true;
  }
  let count = 0;
  for await (const { payload } of client.bidiStream(pings())) {
    expectBytes(payload, pattern(SIZES_SENT[count] ?? 0), `answer ${count}`);
    count++;
    answered();
  }
  expect(count, "answers").to.equal(4);
  expect(isOver, "our half was sent to its end").to.equal(true);
}

/** A stream without a message completes; a peer that can't be told so isn't asked. */
export async function emptyStream(peer: Peer): Promise<void> {
  const { client, wire } = await peer.connect();
  const received = collect(client.bidiStream([]));
  if (wire.isOurs) {
    expect(await received, "answers").to.deep.equal([]);
    return;
  }
  const error = await within(LOCAL_ERROR_MS, "the local error", failureOf(received));
  expectCode(error, Code.FailedPrecondition);
  expect(error.initiator, "initiator").to.equal("local");
}

async function collect<T>(messages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const message of messages) all.push(message);
  return all;
}
