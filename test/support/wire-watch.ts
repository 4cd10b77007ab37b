// SPDX-License-Identifier: Apache-2.0
// A strict reader of both directions of a link: it knows nothing of the sessions, decodes frames by itself, and holds
// every frame against what its sender had sent and received before (RSocket 1.0 §Stream Sequences and Lifetimes).

import { type SeenFrame, seeFrame } from "./frames-dsl.js";
import type { SideName } from "./pair.js";

/** What one side has sent and received on a stream. */
interface Half {
  /** It has sent F and owes the rest. */
  inFragments: boolean;
  /** Data of the payload in fragments has been sent: no metadata may follow. */
  dataHasBegun: boolean;
  /** Items sent, by their first fragment. The request's own isn't one. */
  items: number;
  /** Items it was granted by frames that have reached it. */
  granted: number;
  /** COMPLETE sent. */
  complete: boolean;
  /** CANCEL or ERROR sent: nothing may follow. */
  over: boolean;
  /** COMPLETE received. */
  heardComplete: boolean;
  /** CANCEL received from a channel's responder: no more items. */
  heardCancel: boolean;
  /** The end was received: nothing may follow but what waited to be written then. */
  heardEnd: boolean;
  /** Bytes that waited to be written when each was heard: they leave all the same. */
  excusedByComplete: number;
  excusedByCancel: number;
  excusedByEnd: number;
}

interface WatchedStream {
  readonly type: string;
  readonly requester: SideName;
  readonly client: Half;
  readonly server: Half;
}

const newHalf = (): Half => ({
  inFragments: false,
  dataHasBegun: false,
  items: 0,
  granted: 0,
  complete: false,
  over: false,
  heardComplete: false,
  heardCancel: false,
  heardEnd: false,
  excusedByComplete: 0,
  excusedByCancel: 0,
  excusedByEnd: 0,
});

/** Frame types by name, as they were seen in both directions. */
export type FrameCounts = Map<string, number>;

/** Throws as soon as a frame is against the rules. */
export class WireWatch {
  readonly counts: FrameCounts;
  readonly #streams = new Map<number, WatchedStream>();
  readonly #sentAny: Record<SideName, number> = { client: 0, server: 0 };
  readonly #closeSaid: Record<SideName, boolean> = { client: false, server: false };
  readonly #nextId: Record<SideName, number> = { client: 1, server: 2 };

  constructor(counts: FrameCounts = new Map()) {
    this.counts = counts;
  }

  /** `from` hands a frame to the link. */
  sent(from: SideName, bytes: Uint8Array): void {
    const frame = seeFrame(bytes);
    this.counts.set(frame.type, (this.counts.get(frame.type) ?? 0) + 1);
    const fail = (reason: string): never => {
      const { type, streamId, next, complete, follows } = frame;
      const flags = `${next ? "N" : ""}${complete ? "C" : ""}${follows ? "F" : ""}`;
      throw new Error(`${from} sent ${type} ${flags} on stream ${streamId}: ${reason}`);
    };
    if (this.#sentAny[from]++ === 0 && from === "client" && frame.type !== "SETUP") fail("SETUP has to be first");
    if (frame.streamId === 0) this.#sentOnConnection(from, frame, fail);
    else this.#sentOnStream(from, frame, fail);
  }

  /** A frame reached `to`, which has `waitingBytes` to be written that may be against what it says. */
  received(to: SideName, bytes: Uint8Array, waitingBytes: number): void {
    const frame = seeFrame(bytes);
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) return;
    const half = stream[to];
    const isRequester = stream.requester === to;
    if (frame.type.startsWith("REQUEST_")) {
      half.granted += frame.type === "REQUEST_RESPONSE" ? 1 : frame.n;
      return;
    }
    if (frame.type === "ERROR" || (frame.type === "CANCEL" && !isRequester)) this.#hearEnd(half, waitingBytes);
    else if (frame.type === "CANCEL") {
      half.heardCancel = true;
      half.excusedByCancel = waitingBytes;
      // Its unfinished item may be broken off.
      half.inFragments = false;
    } else if (frame.complete) {
      half.heardComplete = true;
      half.excusedByComplete = waitingBytes;
      if (isRequester && stream.type !== "REQUEST_CHANNEL") this.#hearEnd(half, waitingBytes);
    }
  }

  #hearEnd(half: Half, waitingBytes: number): void {
    if (half.heardEnd) return;
    half.heardEnd = true;
    half.excusedByEnd = waitingBytes;
  }

  #sentOnConnection(from: SideName, { type, respond, code }: SeenFrame, fail: (reason: string) => never): void {
    switch (type) {
      case "SETUP":
        if (from !== "client" || this.#sentAny.client > 1) fail("it isn't the client's first");
        return;
      case "ERROR":
        if (this.#closeSaid[from] && code === 0x102) fail("it was said before");
        if (code > 4 && code !== 0x101 && code !== 0x102)
          fail(`code 0x${code.toString(16)} isn't one for the connection`);
        if (code === 0x102) this.#closeSaid[from] = true;
        return;
      case "KEEPALIVE":
        if (respond && from === "server") fail("a server doesn't ask for KEEPALIVE unless it was told to");
        return;
      case "METADATA_PUSH":
        return;
      default:
        fail("it doesn't belong on stream 0");
    }
  }

  #sentOnStream(from: SideName, frame: SeenFrame, fail: (reason: string) => never): void {
    const { streamId, type } = frame;
    if (type.startsWith("REQUEST_") && type !== "REQUEST_N") return this.#sentRequest(from, frame, fail);
    const stream = this.#streams.get(streamId) ?? fail("nobody opened it");
    const half = stream[from];
    const isRequester = stream.requester === from;
    if (half.over) fail("it has cancelled or failed the stream before");
    const afterComplete = half.heardComplete && half.excusedByComplete <= 0;
    const afterCancel = half.heardCancel && half.excusedByCancel <= 0;
    if (half.heardEnd && half.excusedByEnd <= 0) fail("the other side has ended the stream, and it knows");
    for (const excuse of ["excusedByComplete", "excusedByCancel", "excusedByEnd"] as const)
      half[excuse] -= frame.byteLength + 3;
    // What was encoded before the end was heard leaves all the same.
    if (half.heardEnd || (half.heardCancel && !afterCancel)) return;
    if (half.inFragments && type !== "PAYLOAD" && type !== "CANCEL" && type !== "ERROR")
      fail("in the midst of fragments");
    switch (type) {
      case "PAYLOAD":
        return this.#sentPayload(stream, half, isRequester, frame, afterCancel, fail);
      case "REQUEST_N":
        if (frame.n < 1 || frame.n > 0x7fffffff) fail(`n is ${frame.n}`);
        if (
          isRequester
            ? stream.type === "REQUEST_RESPONSE" || stream.type === "REQUEST_FNF"
            : stream.type !== "REQUEST_CHANNEL"
        ) {
          fail("it receives no items");
        }
        if (afterComplete) fail("the other side has completed, and it knows");
        return;
      case "CANCEL":
        if (isRequester) half.over = true;
        else if (stream.type !== "REQUEST_CHANNEL") fail("it receives no items");
        else if (afterComplete) fail("the other side has completed, and it knows");
        return;
      case "ERROR":
        if (frame.code < 0x201 || frame.code === 0xffffffff || (frame.code > 0x204 && frame.code < 0x301)) {
          fail(`code 0x${frame.code.toString(16)} isn't one for streams`);
        }
        if (isRequester && stream.type !== "REQUEST_CHANNEL") fail("only a channel's requester can fail");
        if (stream.type === "REQUEST_FNF") fail("nothing goes back");
        if (half.complete) fail("it has completed before");
        half.over = true;
        return;
      default:
        fail("it doesn't belong on a stream");
    }
  }

  #sentRequest(from: SideName, frame: SeenFrame, fail: (reason: string) => never): void {
    const { streamId, type, n, follows, complete, data } = frame;
    if (this.#sentAny.client === 0) fail("before SETUP");
    // Ids grow; an unfinished request that was given up before it left takes its id with it.
    if (streamId % 2 !== (from === "client" ? 1 : 0)) fail("the id isn't its own");
    if (this.#streams.has(streamId)) fail("the id is in use");
    if (complete) fail("C isn't for every server");
    if ((type === "REQUEST_STREAM" || type === "REQUEST_CHANNEL") && (n < 1 || n > 0x7fffffff))
      fail(`initial n is ${n}`);
    this.#nextId[from] = Math.max(this.#nextId[from], streamId + 2);
    const stream: WatchedStream = { type, requester: from, client: newHalf(), server: newHalf() };
    stream[from].inFragments = follows;
    stream[from].dataHasBegun = data.length > 0;
    this.#streams.set(streamId, stream);
  }

  #sentPayload(
    { type }: WatchedStream,
    half: Half,
    isRequester: boolean,
    { next, complete, follows, metadata, data, byteLength }: SeenFrame,
    afterCancel: boolean,
    fail: (reason: string) => never,
  ): void {
    if (!next && !complete) fail("neither N nor C");
    if (follows && complete) fail("F with C");
    if (half.complete) fail("it has completed before");
    if (half.inFragments) {
      if (!next) fail("a fragment without N");
      if (half.dataHasBegun && metadata !== undefined) fail("metadata behind data");
      if ((metadata?.length ?? 0) + data.length === 0) fail("an empty fragment");
    } else if (isRequester ? type !== "REQUEST_CHANNEL" : type === "REQUEST_FNF") fail("it sends no items");
    else {
      if (afterCancel) fail("the other side wants no more items, and it knows");
      if (next) half.items++;
      if (half.items > half.granted) fail(`item ${half.items}, granted were ${half.granted}`);
    }
    if (follows && byteLength + 3 < 64) fail("a fragment that isn't full");
    if (complete && next && (isRequester || type !== "REQUEST_RESPONSE")) fail("N with C on a stream");
    half.dataHasBegun = data.length > 0 || (half.inFragments && half.dataHasBegun);
    half.inFragments = follows;
    if (complete) half.complete = true;
  }
}
