// SPDX-License-Identifier: Apache-2.0
// What the client's end of a link saw: every frame in both directions, counted by rules of its own.

import type { FrameLink } from "rsocket-rpc";
import { forEachFrame } from "rsocket-rpc/frames";
import { hexOf, seeFrame } from "../support/frames-dsl.js";

/** One stream whose items come to the client. */
export interface WatchedItems {
  /** Items that the client has asked for. */
  granted: number;
  /** Items that have come. */
  received: number;
}

/** A LEASE that came. */
export interface WatchedLease {
  readonly requestCount: number;
  /** When it expires, by `performance.now`. */
  readonly untilMs: number;
  /** Requests that were sent under it. */
  used: number;
}

/** The mime type that our extension's entry begins with: `17`, then `message/x.rsocket-rpc.v1`. */
const OUR_ENTRY = "176d6573736167652f782e72736f636b65742d7270632e7631";
const LENGTH_BYTES = 3;
/** A request is written a little after it was allowed. */
const WRITING_MS = 20;

/** Counts what goes over one link. */
export class Wire {
  /** Whether the server has shown that it is one of ours. */
  isOurs = false;
  /** KEEPALIVE frames that asked for an answer, and answers that came. */
  keepalivesAsked = 0;
  keepalivesAnswered = 0;
  /** Frames that carried the beginning or the midst of a payload in pieces. */
  fragmentsSent = 0;
  fragmentsReceived = 0;
  /** The longest frame sent on a stream, with its length prefix: those of stream 0 can't be fragmented. */
  longestSentBytes = 0;
  /** Answers to RESUME frames that let the session go on. */
  resumesAccepted = 0;
  /** All leases of a client that honours them, in order; the last is the one that counts. */
  readonly leases: WatchedLease[] = [];
  /** Requests of such a client that no lease allowed, in words. */
  readonly unleased: string[] = [];
  /** Items that came though nobody had asked for them, in words. */
  readonly surplus: string[] = [];
  readonly #items = new Map<number, WatchedItems>();
  readonly #inFragments = new Set<number>();
  #honoursLeases = false;

  /** Watches `link` from now on. */
  watch(link: FrameLink): FrameLink {
    const { send, setHandler } = link;
    link.send = (batch) => {
      forEachFrame(batch, (bytes, start, end) => this.#sent(bytes.subarray(start, end)));
      return send.call(link, batch);
    };
    link.setHandler = (handler) => {
      const { onFrame } = handler;
      handler.onFrame = (bytes, start, end) => {
        this.#received(bytes.subarray(start, end));
        return onFrame.call(handler, bytes, start, end);
      };
      // In one piece, so that all are seen.
      if (handler.onPieces !== undefined) handler.onPieces = () => undefined;
      setHandler.call(link, handler);
    };
    return link;
  }

  /** The items of the only stream that the client has opened. */
  get onlyStream(): WatchedItems {
    const [items, ...others] = this.#items.values();
    if (items === undefined || others.length > 0) throw new Error(`${this.#items.size} streams were opened, not one`);
    return items;
  }

  #sent(frame: Uint8Array): void {
    const { type, streamId, n, complete, follows, respond } = seeFrame(frame);
    if (type === "SETUP") this.#honoursLeases = complete; // L has the same bit
    if (type.startsWith("REQUEST_") && type !== "REQUEST_N" && this.#honoursLeases) this.#useLease(type);
    if (streamId > 0) this.longestSentBytes = Math.max(this.longestSentBytes, frame.length + LENGTH_BYTES);
    if (type === "KEEPALIVE") {
      if (respond) this.keepalivesAsked++;
    } else if (follows && type !== "SETUP") this.fragmentsSent++;
    if (type === "REQUEST_STREAM" || type === "REQUEST_CHANNEL") this.#items.set(streamId, { granted: n, received: 0 });
    const items = this.#items.get(streamId);
    if (type === "REQUEST_N" && items !== undefined) items.granted += n;
  }

  #received(frame: Uint8Array): void {
    const { type, streamId, next, follows, respond, metadata, data } = seeFrame(frame);
    if (type === "RESUME_OK") this.resumesAccepted++;
    if (type === "LEASE") this.leases.push(leaseOf(data));
    if (type === "KEEPALIVE" && !respond) this.keepalivesAnswered++;
    if (type === "METADATA_PUSH" && hexOf((metadata ?? frame).subarray(0, 25)) === OUR_ENTRY) this.isOurs = true;
    if (type !== "PAYLOAD") return;
    if (follows) this.fragmentsReceived++;
    const isRest = this.#inFragments.has(streamId);
    if (follows) this.#inFragments.add(streamId);
    else this.#inFragments.delete(streamId);
    const items = this.#items.get(streamId);
    if (items === undefined || isRest || !next) return;
    items.received++;
    if (items.received > items.granted) {
      this.surplus.push(`item ${items.received} came on stream ${streamId}, granted were ${items.granted}`);
    }
  }

  #useLease(type: string): void {
    const lease = this.leases.at(-1);
    const isAllowed = lease !== undefined && lease.used < lease.requestCount;
    if (!isAllowed || performance.now() > lease.untilMs + WRITING_MS) {
      const granted = lease === undefined ? "none had come" : `the lease was for ${lease.requestCount}`;
      this.unleased.push(`${type} was sent when ${lease?.used ?? 0} had been, ${granted}`);
    }
    if (lease !== undefined) lease.used++;
  }
}

// Behind the head: time to live and number of requests.
function leaseOf(data: Uint8Array): WatchedLease {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return { requestCount: view.getUint32(4), untilMs: performance.now() + view.getUint32(0), used: 0 };
}
