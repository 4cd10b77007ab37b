// SPDX-License-Identifier: Apache-2.0
// A peer of another make that says again what it said once. Each of its frames waits until ours has sent what the peer had
// seen by then: what came before on the same stream and on stream 0, and credit. So it keeps to causes, not to times.

import { createInProcessPair, type FrameLink, type LinkHandler } from "rsocket-rpc/rsocket";
import type { VirtualScheduler } from "rsocket-rpc/testing";
import { describeFrame } from "../../../runtime/src/frames/describe.js";
import { type SeenFrame, seeFrame } from "../../support/frames-dsl.js";
import type { Direction, PassedFrame } from "./relay.js";

/** A frame of the recording, seen. */
interface Recorded {
  readonly bytes: Uint8Array;
  readonly isOurs: boolean;
  readonly frame: SeenFrame;
}

/** What has happened on one stream. */
interface StreamState {
  /** Frames of ours that count: as recorded before the next frame of the peer, and as sent in this run. */
  awaited: number;
  sent: number;
  /** Items that the peer may send: as recorded and in this run; and those that it has sent. */
  grantedThen: number;
  granted: number;
  delivered: number;
  isInFragments: boolean;
}

/** Virtual milliseconds that go by at a time when the peer waits for ours, and that may go by in all. */
const STEP_MS = 10;
const PATIENCE_MS = 15_000;
/** How much credit is given, and when, is each side's own choice; KEEPALIVE goes by the clock. */
const UNCOUNTED = ["REQUEST_N", "KEEPALIVE"];

const LENGTH_BYTES = 3;

/** Frames of one side by stream. */
export type Streams = ReadonlyMap<number, readonly Uint8Array[]>;

/** Lets peers speak, and time pass when none can, until `isOver`. @throws Error that says who waits for what */
export async function play(
  peers: readonly RecordedPeer[],
  scheduler: VirtualScheduler,
  isOver: () => boolean,
): Promise<void> {
  let waitedMs = 0;
  for (;;) {
    await scheduler.settle();
    if (isOver()) return;
    if (peers.some((peer) => peer.step())) {
      waitedMs = 0;
      continue;
    }
    if (waitedMs >= PATIENCE_MS) throw new Error(peers.map((peer) => peer.waitsFor).join("; "));
    await scheduler.advance(STEP_MS);
    waitedMs += STEP_MS;
  }
}

/** The peer's end of one connection. */
export class RecordedPeer {
  /** Ours. */
  readonly link: FrameLink;
  readonly #far: FrameLink;
  readonly #received: Uint8Array[] = [];
  readonly #recorded: readonly Recorded[];
  readonly #streams = new Map<number, StreamState>();
  #at = 0;
  #keepalivesThen = 0;
  #keepalives = 0;
  #looked = 0;

  /** `ours`: the direction of our frames in the recording. */
  constructor(frames: readonly PassedFrame[], ours: Direction, scheduler: VirtualScheduler) {
    this.#recorded = frames.map(({ direction, bytes }) => ({
      bytes,
      isOurs: direction === ours,
      frame: seeFrame(bytes),
    }));
    [this.link, this.#far] = createInProcessPair(scheduler);
    this.#far.setHandler(this.#handler());
  }

  /** The peer goes. */
  leave(): void {
    this.#far.abort();
  }

  /** Our frames by stream, as recorded and now, but for those that don't count. */
  ours(): {
    readonly recorded: Streams;
    readonly now: Streams;
  } {
    const recorded = this.#recorded.filter(({ isOurs }) => isOurs).map(({ bytes }) => bytes);
    return { recorded: byStream(recorded), now: byStream(this.#received) };
  }

  /** The first frame of the peer on a stream. */
  requestOf(streamId: number): Uint8Array | undefined {
    return this.#recorded.find(({ isOurs, frame }) => !isOurs && frame.streamId === streamId)?.bytes;
  }

  /** All was said, and ours has sent all that it sent then. */
  get isDone(): boolean {
    this.#look();
    return this.#at === this.#recorded.length && this.#isAnswered;
  }

  get #isAnswered(): boolean {
    return [...this.#streams.values()].every(({ sent, awaited }) => sent >= awaited);
  }

  /** Says what its time has come for, all at once. @returns whether it was anything */
  step(): boolean {
    this.#look();
    let hasSpoken = false;
    for (; this.#at < this.#recorded.length; this.#at++) {
      const { isOurs, frame, bytes } = this.#recorded[this.#at] as Recorded; // within its length
      if (isOurs) {
        this.#await(frame);
        continue;
      }
      if (!this.#isDue(frame)) break;
      this.#say(frame, bytes);
      hasSpoken = true;
    }
    return hasSpoken;
  }

  // What ours has sent since the last look.
  #look(): void {
    for (; this.#looked < this.#received.length; this.#looked++) {
      const frame = seeFrame(this.#received[this.#looked] as Uint8Array); // within its length
      const stream = this.#stream(frame.streamId);
      if (frame.type === "KEEPALIVE" && frame.respond) this.#keepalives++;
      stream.granted += frame.n;
      if (!UNCOUNTED.includes(frame.type)) stream.sent++;
    }
  }

  #await(frame: SeenFrame): void {
    const stream = this.#stream(frame.streamId);
    if (frame.type === "KEEPALIVE" && frame.respond) this.#keepalivesThen++;
    stream.grantedThen += frame.n;
    if (!UNCOUNTED.includes(frame.type)) stream.awaited++;
  }

  #isDue(frame: SeenFrame): boolean {
    const stream = this.#stream(frame.streamId);
    const connection = this.#stream(0);
    if (frame.type === "KEEPALIVE" && !frame.respond) return this.#keepalives >= this.#keepalivesThen;
    // Java's clients leave so: not before they have their answers.
    if (frame.type === "ERROR" && frame.streamId === 0 && !this.#isAnswered) return false;
    if (stream.sent < stream.awaited || connection.sent < connection.awaited) return false;
    if (!isItem(frame) || stream.isInFragments) return true;
    // A peer that ignored credit then ignores it now.
    return stream.delivered < stream.granted || stream.delivered >= stream.grantedThen;
  }

  #say(frame: SeenFrame, bytes: Uint8Array): void {
    const stream = this.#stream(frame.streamId);
    if (isItem(frame) && !stream.isInFragments) stream.delivered++;
    stream.isInFragments = frame.follows && frame.type !== "KEEPALIVE";
    const whole = Buffer.alloc(LENGTH_BYTES + bytes.length);
    whole.writeUIntBE(bytes.length, 0, LENGTH_BYTES);
    whole.set(bytes, LENGTH_BYTES);
    this.#far.send({ chunks: [whole], byteLength: whole.length });
  }

  #handler(): LinkHandler {
    return {
      maxFrameBytes: 0xffffff,
      onReadStart: () => {},
      onFrame: (bytes, start, end) => this.#received.push(bytes.slice(start, end)) > 0,
      onReadEnd: () => {},
      onMalformed: (message) => {
        throw new Error(message);
      },
      onDrain: () => {},
      onClose: () => {},
    };
  }

  #stream(id: number): StreamState {
    let stream = this.#streams.get(id);
    if (stream === undefined) {
      stream = { awaited: 0, sent: 0, grantedThen: 0, granted: 0, delivered: 0, isInFragments: false };
      this.#streams.set(id, stream);
    }
    return stream;
  }

  /** What it waits for, in words. */
  get waitsFor(): string {
    const next = this.#recorded[this.#at];
    const waits = [...this.#streams]
      .filter(([, { sent, awaited }]) => sent < awaited)
      .map(([id, { sent, awaited }]) => `stream ${id}: ${sent} frames of ours, then ${awaited}`);
    const text = next === undefined ? "its end" : describeFrame(next.bytes);
    return `the peer waits for ours before ${text} (frame ${this.#at} of ${this.#recorded.length}). ${waits.join("; ")}`;
  }
}

// What needs credit. The answer to REQUEST_RESPONSE needs none: there is none then and now.
function isItem({ type, next }: SeenFrame): boolean {
  return type === "PAYLOAD" && next;
}

function byStream(frames: readonly Uint8Array[]): Map<number, Uint8Array[]> {
  const streams = new Map<number, Uint8Array[]>();
  for (const bytes of frames) {
    const { type, streamId } = seeFrame(bytes);
    if (UNCOUNTED.includes(type)) continue;
    const list = streams.get(streamId);
    if (list === undefined) streams.set(streamId, [bytes]);
    else list.push(bytes);
  }
  return streams;
}
