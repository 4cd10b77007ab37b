// SPDX-License-Identifier: Apache-2.0
// The other end of a link in a test's hands: frames in and out as hex.

import { fromHex, toHex } from "../bytes/hex.js";
import type { FrameLink, LinkHandler } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { describeFrame } from "../frames/describe.js";
import { createInProcessPair } from "../transports/in-process.js";

/**
 * A peer that does exactly what the test says: `send("…hex…")` a frame without prefix, look at `received`.
 *
 * @example
 * const [link, peer] = scriptedPeer(scheduler);
 * peer.send("00000001 2860"); // PAYLOAD[N C] on stream 1
 * expect(peer.received.at(-1)).to.equal("00000000 …");
 */
export class ScriptedPeer implements LinkHandler {
  readonly maxFrameBytes: number = 0xffffff;
  /** Frames that came, as hex without prefix, in order. */
  readonly received: string[] = [];
  /** The link is closed. */
  isClosed = false;
  /** The error it was closed with. */
  closeError: Error | undefined;
  readonly #link: FrameLink;

  constructor(link: FrameLink) {
    this.#link = link;
    link.setHandler(this);
  }

  /** Sends one frame, given as hex; white space is skipped. */
  send(hex: string): void {
    const frame = fromHex(hex);
    const bytes = new Uint8Array(frame.length + 3);
    bytes.set([frame.length >>> 16, frame.length >>> 8, frame.length]);
    bytes.set(frame, 3);
    this.#link.send({ chunks: [bytes], byteLength: bytes.length });
  }

  /** What came, a line each, for the messages of failing tests. */
  describe(): string {
    return this.received.map((hex) => describeFrame(fromHex(hex))).join("\n");
  }

  /** Takes what came since the last call. */
  take(): string[] {
    return this.received.splice(0);
  }

  /** Closes the link in order. */
  close(): void {
    this.#link.close();
  }

  /** Tears the link down. */
  abort(): void {
    this.#link.abort();
  }

  onReadStart(): void {}

  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    this.received.push(toHex(bytes.subarray(start, end)));
    return true;
  }

  onReadEnd(): void {}

  onMalformed(message: string): void {
    throw new Error(message);
  }

  onDrain(): void {}

  onClose(error?: Error): void {
    this.isClosed = true;
    this.closeError = error;
  }
}

/** A link for the side under test, and the scripted peer at its other end. */
export function scriptedPeer(scheduler: Scheduler): [FrameLink, ScriptedPeer] {
  const [near, far] = createInProcessPair(scheduler);
  return [near, new ScriptedPeer(far)];
}
