// SPDX-License-Identifier: Apache-2.0
// What belongs to the connection: fragmented, keepalive, peer_disconnects, composite_routing.

import { expect } from "chai";
import { Code } from "rsocket-rpc";
import { expectCode, failureOf, pattern, pause, within } from "../checks.js";
import type { Peer } from "../peer.js";
import { statusCodeAndMessage, unimplementedMethod } from "./failures.js";
import { customMetadata } from "./metadata.js";
import { clientStreaming, pingPong, serverStreaming } from "./streams.js";
import { callBack, emptyUnary, fireAndForget, largeUnary } from "./unary.js";

const MTUS = [64, 16_384];
/** Three intervals are longer than the lifetime: a connection whose KEEPALIVE frames weren't answered would end. */
const KEEPALIVE = { keepaliveIntervalMs: 400, maxLifetimeMs: 1_000 } as const;
const DISCONNECT_MS = 2_000;

/** Payloads in pieces: of the client's mtu, and of whatever the server was told. */
export async function fragmented(peer: Peer): Promise<void> {
  const { mtu } = peer.options;
  for (const bytes of mtu === undefined ? MTUS : [mtu]) {
    const small = peer.with({ mtu: bytes });
    await largeUnary(small);
    await serverStreaming(small);
    await pingPong(small);
    const { client, wire } = await small.connect();
    await client.unaryCall({ payload: pattern(20_000) });
    expect(wire.fragmentsSent, `fragments sent with an mtu of ${bytes}`).to.be.above(0);
    expect(wire.longestSentBytes, `bytes of the longest frame with an mtu of ${bytes}`).to.be.at.most(bytes);
  }
}

/** An idle connection lives, and serves, three keepalive intervals later. */
export async function keepalive(peer: Peer): Promise<void> {
  const { client, wire, connection } = await peer.connect(KEEPALIVE);
  const before = wire.keepalivesAnswered;
  const wait = pause(3 * KEEPALIVE.keepaliveIntervalMs + 50);
  const ended = await Promise.race([wait, connection.closed]);
  expect(ended, "end of the connection").to.equal(undefined);
  expect(wire.keepalivesAnswered - before, "KEEPALIVE frames answered").to.be.above(1);
  expect(await client.emptyCall({})).to.be.an("object");
}

/** The server dies while it sends: what is in flight fails in bounded time. */
export async function peerDisconnects(peer: Peer): Promise<void> {
  const { client, connection, cut } = await peer.connectCuttable();
  const sleeping = failureOf(client.unaryCall({ delayMs: 10 * DISCONNECT_MS }));
  const sizes = new Array<number>(1_000).fill(100);
  let count = 0;
  const stream = async (): Promise<void> => {
    for await (const _ of client.serverStream({ sizes, intervalMs: 5 })) if (++count === 3) cut();
  };
  const streaming = failureOf(stream());
  const failures = Promise.all([streaming, sleeping]);
  await Promise.race([streaming, sleeping]);
  expect(count, "messages before the end").to.be.at.least(3);
  for (const error of await within(DISCONNECT_MS, "the end of both calls", failures)) {
    expectCode(error, Code.Unavailable);
  }
  await within(DISCONNECT_MS, "the end of the connection", connection.closed);
}

/** The same calls, routed by composite metadata. */
export async function compositeRouting(peer: Peer): Promise<void> {
  const composite = peer.with({ mode: "composite" });
  const calls = { emptyUnary, largeUnary, clientStreaming, serverStreaming, pingPong, fireAndForget, callBack };
  const others = { customMetadata, statusCodeAndMessage, unimplementedMethod };
  for (const [name, run] of Object.entries({ ...calls, ...others })) {
    try {
      await run(composite);
    } catch (error) {
      if (error instanceof Error) error.message = `${name}: ${error.message}`;
      throw error;
    }
  }
}
