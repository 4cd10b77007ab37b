// SPDX-License-Identifier: Apache-2.0
// "Leaves no trace": whatever a test did, an ended connection holds no stream, call, fragment, byte or timer.

import { expect } from "chai";
import type { Connection } from "../../runtime/src/session/connection.js";

/** Something with a connection that a test made. */
export interface Traced {
  readonly connection: Connection;
  isBlocked: boolean;
  /** Writes what waits. */
  sentWrites(): unknown;
  /** Ends it by the loss of its link, if nothing else did. */
  lose(): void;
}

let traced: Traced[] = [];

/** Has `owner` looked at after the test. */
export function leaveTraces(owner: Traced): void {
  traced.push(owner);
}

/** For `afterEach`: ends every connection that the test made, and looks at what is left. */
export function expectNoTrace(this: Mocha.Context): void {
  const owners = traced;
  traced = [];
  // What a failed test left half-way says nothing, and a failing hook would skip the tests behind it.
  if (this.currentTest?.state === "failed") return;
  for (const owner of owners) expectEnded(owner);
}

/** The same in the midst of a test that makes very many. */
export function expectNoTraceYet(): void {
  const owners = traced;
  traced = [];
  for (const owner of owners) expectEnded(owner);
}

function expectEnded(owner: Traced): void {
  owner.isBlocked = false;
  owner.sentWrites();
  owner.lose();
  // What may be resumed outlives its link.
  owner.connection.close();
  owner.sentWrites();
  expectQuiet(owner.connection);
  expect(owner.connection.state).to.equal("closed");
  expect(owner.connection.nextTimeoutMs, "a timer").to.equal(undefined);
}

/** Nothing lives and nothing waits on this connection, open or not. */
export function expectQuiet(connection: Connection): void {
  expect(connection.streamCount, "streams").to.equal(0);
  expect(connection.inboundStreamCount, "inbound streams").to.equal(0);
  expect(connection.queuedCallCount, "waiting calls").to.equal(0);
  expect(connection.reassemblyBytes, "bytes of unfinished messages").to.equal(0);
  expect(connection.outbound.byteLength, "bytes to be written").to.equal(0);
  expect(connection.outbound.backlogCount, "payloads being fragmented").to.equal(0);
  expect(connection.outbound.peerCausedBytes, "bytes the peer caused").to.equal(0);
}
