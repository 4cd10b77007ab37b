// SPDX-License-Identifier: Apache-2.0
// Messages that wait for a handler, or for its resuming.

import { expect } from "chai";
import { MessageGate } from "../../../runtime/src/transports/message-gate.js";
import { LinkRecorder } from "../../contracts/link-contract-recorder.js";

const LIMIT_BYTES = 1_000;

function gateTo(handler: LinkRecorder | undefined): MessageGate {
  const gate = new MessageGate(LIMIT_BYTES);
  gate.handler = handler;
  // The gate is used within reads.
  handler?.onReadStart();
  return gate;
}

function message(mark: number, byteLength = 6): Uint8Array {
  return new Uint8Array(byteLength).fill(mark);
}

function marksOf(handler: LinkRecorder): (number | undefined)[] {
  return handler.frames.map(([mark]) => mark);
}

describe("the gate of messages", () => {
  it("keeps what comes before there is a handler, and the order when more comes while it is let through", () => {
    const gate = gateTo(undefined);
    gate.push(message(1));
    gate.push(message(2));
    expect([gate.isHolding, gate.heldBytes]).to.deep.equal([true, 12]);
    const handler = new LinkRecorder();
    handler.onReadStart();
    gate.handler = handler;
    gate.push(message(3));
    expect(marksOf(handler)).to.deep.equal([]);
    gate.release(false);
    gate.push(message(4));
    expect(marksOf(handler)).to.deep.equal([1, 2, 3, 4]);
    expect([gate.isHolding, gate.heldBytes]).to.deep.equal([false, 0]);
  });

  it("lets through what was kept until the handler wants no more, or all of it at the end", () => {
    const handler = new LinkRecorder();
    const gate = gateTo(handler);
    gate.isPaused = true;
    for (const mark of [1, 2, 3, 4]) gate.push(message(mark));
    handler.whenFrame = (frame) => frame[0] !== 2;
    gate.isPaused = false;
    gate.release(false);
    expect(marksOf(handler)).to.deep.equal([1, 2]);
    expect([gate.isPaused, gate.heldBytes]).to.deep.equal([true, 12]);
    gate.release(true);
    expect(marksOf(handler)).to.deep.equal([1, 2, 3, 4]);
  });

  it("keeps so many bytes and no more", () => {
    const handler = new LinkRecorder();
    const gate = gateTo(handler);
    gate.isPaused = true;
    gate.push(message(1, LIMIT_BYTES));
    expect(handler.malformed).to.deep.equal([]);
    gate.push(message(2));
    expect(handler.malformed).to.deep.equal(["more than 1000 bytes came while reading was paused"]);
    expect([gate.isHolding, gate.isDeaf]).to.deep.equal([false, true]);
  });

  it("refuses what is no frame, once, and drops what comes behind it", () => {
    const handler = new LinkRecorder();
    const gate = gateTo(handler);
    gate.isPaused = true;
    gate.push(message(1));
    gate.push(message(2, 5));
    gate.push(message(3));
    gate.isPaused = false;
    gate.release(false);
    gate.push(message(4));
    gate.refuse("something else");
    expect(marksOf(handler)).to.deep.equal([1]);
    expect(handler.malformed).to.deep.equal(["message of 5 bytes, expected 6 … 4194304 (RSocket 1.0 §Framing)"]);
    expect(gate.isHolding).to.equal(false);
  });
});
