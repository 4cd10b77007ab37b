// SPDX-License-Identifier: Apache-2.0
// What one side may send, whatever its peer sends: no answer to what wasn't asked, no item beyond credit, nothing behind
// the end (RSocket 1.0 §Stream Sequences and Lifetimes, §Flow Control, §Error Codes). It reads frames by itself.

import { type SeenFrame, seeFrame } from "../support/frames-dsl.js";

interface WatchedStream {
  /** REQUEST_RESPONSE … REQUEST_CHANNEL. */
  type: string;
  readonly isOurs: boolean;
  /** Items that the peer asked for, in all. */
  granted: number;
  items: number;
  isComplete: boolean;
  isOver: boolean;
  inFragments: boolean;
  /** REQUEST frames of the peer that have an answer: each may be refused once. */
  requestCount: number;
  /** Requests behind the first: the id may be another stream's by now. */
  furtherRequests: number;
}

const STREAM_REQUESTS: ReadonlySet<string> = new Set([
  "REQUEST_RESPONSE",
  "REQUEST_FNF",
  "REQUEST_STREAM",
  "REQUEST_CHANNEL",
]);

/** What was agreed on. */
export interface Agreed {
  readonly side: "client" | "server";
  readonly lease: boolean;
  readonly resumption: boolean;
}

/** Throws as soon as a frame may not be sent. */
export class OutgoingRules {
  readonly #agreed: Agreed;
  readonly #streams = new Map<number, WatchedStream>();
  readonly #earlyGrants = new Map<number, number>();
  #sentCount = 0;
  #keepalivesAsked = 0;
  #hasEnded = false;
  #closeSaid = false;
  #isSetUp = false;
  /** Frames of streams are sent once more. */
  #isResumed = false;

  constructor(agreed: Agreed) {
    this.#agreed = agreed;
    this.#isSetUp = agreed.side === "client";
  }

  /** The application has accepted SETUP. */
  accepted(): void {
    this.#isSetUp = true;
  }

  /** The connection goes on over another link. */
  newLink(): void {
    this.#isResumed = true;
    this.#sentCount = 0;
    this.#keepalivesAsked = 0;
  }

  /** A frame of the peer is about to be read. It may be anything. */
  received(bytes: Uint8Array): void {
    let frame: SeenFrame;
    try {
      frame = seeFrame(bytes);
    } catch {
      // Cut short, or metadata that is longer than the frame: it may be a request all the same, and refused.
      frame = seeFrame(new Uint8Array([...bytes.subarray(0, 4), (bytes[4] ?? 0) & 0xfc, 0, 0x7f, 0xff, 0xff, 0xff]));
    }
    const { streamId, type, n } = frame;
    if (type === "KEEPALIVE" && frame.respond) this.#keepalivesAsked++;
    const known = this.#streams.get(streamId & 0x7fffffff);
    if (STREAM_REQUESTS.has(type)) this.#receivedRequest(streamId & 0x7fffffff, type, n & 0x7fffffff, known);
    else if (type === "REQUEST_N") this.#receivedRequestN(streamId & 0x7fffffff, n & 0x7fffffff, known);
  }

  // A request of ours may be queued still, and be answered all the same.
  #receivedRequestN(streamId: number, n: number, known: WatchedStream | undefined): void {
    if (known !== undefined) known.granted += n;
    // What the peer has asked for on an id of ours may be another stream's.
    if (known?.isOurs !== true) this.#earlyGrants.set(streamId, (this.#earlyGrants.get(streamId) ?? 0) + n);
  }

  // An id that is used again after its end is another stream's.
  #receivedRequest(streamId: number, type: string, n: number, known: WatchedStream | undefined): void {
    const granted = type === "REQUEST_RESPONSE" ? 1 : n;
    if (known === undefined) {
      const counts = { items: 0, furtherRequests: 0, requestCount: type === "REQUEST_FNF" ? 0 : 1 };
      const flags = { isComplete: false, isOver: false, inFragments: false, isOurs: false };
      this.#streams.set(streamId, { type, granted, ...counts, ...flags });
      return;
    }
    if (type !== "REQUEST_FNF") known.requestCount++;
    if (known.isOurs) return;
    known.granted += granted;
    known.furtherRequests++;
    if (type === "REQUEST_CHANNEL" || known.type === "REQUEST_FNF") known.type = type;
  }

  /** A frame leaves. */
  sent(bytes: Uint8Array): void {
    const frame = seeFrame(bytes);
    const fail = (reason: string): never => {
      throw new Error(`sent ${frame.type} on stream ${frame.streamId}: ${reason}`);
    };
    if (this.#hasEnded) fail("the connection has ended");
    if (!this.#isSetUp && !(frame.type === "ERROR" && frame.streamId === 0)) fail("SETUP isn't accepted");
    if (this.#agreed.side === "client" && this.#sentCount === 0) {
      if (frame.type !== (this.#isResumed ? "RESUME" : "SETUP")) fail("it is the first of its link");
    } else if (frame.type === "SETUP" || frame.type === "RESUME") fail("it isn't the client's first");
    this.#sentCount++;
    if (frame.streamId === 0) this.#sentOnConnection(frame, fail);
    else if (this.#isResumed) return;
    else if (STREAM_REQUESTS.has(frame.type)) this.#sentRequest(frame, fail);
    else this.#sentOnStream(frame, fail);
  }

  #sentOnConnection({ type, respond, code }: SeenFrame, fail: (reason: string) => never): void {
    switch (type) {
      case "SETUP":
      case "RESUME":
      case "METADATA_PUSH":
        return;
      case "LEASE":
        if (!this.#agreed.lease) fail("nobody agreed on leases");
        return;
      case "KEEPALIVE":
        if (respond && this.#agreed.side === "server" && !this.#agreed.resumption) fail("a server doesn't ask");
        if (!respond && this.#keepalivesAsked-- === 0) fail("nobody asked");
        return;
      case "ERROR":
        if (code === 0 || (code > 4 && code !== 0x101 && code !== 0x102)) fail(`code 0x${code.toString(16)}`);
        if (code === 0x102 && this.#closeSaid) fail("it was said before");
        if (code === 0x102) this.#closeSaid = true;
        else this.#hasEnded = true;
        return;
      default:
        fail("it doesn't belong on stream 0");
    }
  }

  #sentRequest(frame: SeenFrame, fail: (reason: string) => never): void {
    const { streamId, type, n, follows } = frame;
    if (streamId % 2 !== (this.#agreed.side === "client" ? 1 : 0)) fail("the id isn't ours");
    if (this.#streams.get(streamId)?.isOurs === true) fail("the id is in use");
    if (frame.complete) fail("C isn't for every server");
    if ((type === "REQUEST_STREAM" || type === "REQUEST_CHANNEL") && (n < 1 || n > 0x7fffffff)) fail(`n is ${n}`);
    const requestCount = this.#streams.get(streamId)?.requestCount ?? 0;
    const granted = this.#earlyGrants.get(streamId) ?? 0;
    const counts = { granted, items: 0, requestCount, furtherRequests: 0 };
    const flags = { isOurs: true, isComplete: false, isOver: false, inFragments: follows };
    this.#streams.set(streamId, { type, ...counts, ...flags });
  }

  #sentOnStream(frame: SeenFrame, fail: (reason: string) => never): void {
    const { streamId, type, code } = frame;
    const stream = this.#streams.get(streamId) ?? fail("nobody opened it");
    const mayRefuse = type === "ERROR" && code === 0x202 && stream.requestCount > 0;
    if (mayRefuse) stream.requestCount--;
    // A request that comes on an id of ours, or on one that is closing, is refused beside the stream that has it.
    if (mayRefuse && (stream.isOurs || stream.isOver || stream.type === "REQUEST_FNF")) return;
    if ((stream.isOver || stream.isComplete) && stream.furtherRequests > 0) beginAnew(stream);
    if (stream.type === "REQUEST_FNF" && !stream.isOurs) fail("nothing goes back");
    if (stream.isOver) fail("it has ended the stream before");
    const isChannel = stream.type === "REQUEST_CHANNEL";
    switch (type) {
      case "PAYLOAD":
        return this.#sentPayload(stream, frame, fail);
      case "REQUEST_N":
        if (stream.isOurs ? !isChannel && stream.type !== "REQUEST_STREAM" : !isChannel) fail("it receives no items");
        if (frame.n < 1 || frame.n > 0x7fffffff) fail(`n is ${frame.n}`);
        if (stream.inFragments) fail("in the midst of fragments");
        return;
      case "CANCEL":
        if (stream.isOurs) stream.isOver = true;
        else if (!isChannel) fail("it receives no items");
        return;
      case "ERROR":
        if (code < 0x201 || code === 0xffffffff || (code > 0x204 && code < 0x301)) fail(`code 0x${code.toString(16)}`);
        if (stream.isOurs && !isChannel) fail("only a channel's requester can fail");
        if (stream.isComplete) fail("it has completed before");
        stream.isOver = true;
        return;
      default:
        fail("it doesn't belong on a stream");
    }
  }

  #sentPayload(stream: WatchedStream, frame: SeenFrame, fail: (reason: string) => never): void {
    const { next, complete, follows, metadata, data } = frame;
    if (!next && !complete) fail("neither N nor C");
    if (follows && complete) fail("F with C");
    if (stream.isComplete) fail("it has completed before");
    if (stream.inFragments) {
      if (!next) fail("a fragment without N");
      if ((metadata?.length ?? 0) + data.length === 0) fail("an empty fragment");
    } else {
      if (stream.isOurs && stream.type !== "REQUEST_CHANNEL") fail("it sends no items");
      if (next && ++stream.items > stream.granted) fail(`item ${stream.items}, granted were ${stream.granted}`);
    }
    stream.inFragments = follows;
    if (complete) stream.isComplete = true;
  }
}

function beginAnew(stream: WatchedStream): void {
  stream.furtherRequests--;
  stream.isOver = false;
  stream.isComplete = false;
  stream.inFragments = false;
}
