// SPDX-License-Identifier: Apache-2.0
// What a client that only calls wants of a link: less than a session that pauses, counts and resumes.

import { lengthOf } from "../bytes/parts.js";
import type { FrameLink, LinkHandler } from "../engine/link.js";
import { concat, uint } from "./bytes.js";
import { LENGTH_PREFIX_BYTES } from "./constants.js";

/** Carries frames of a session, each without its length and in an array of its own. */
export interface LiteLink {
  /** @returns false: send nothing more until `onRoom`. These were taken all the same. */
  send(frames: readonly Uint8Array[]): boolean;
  /** Sends what was taken, then closes; if `isLost`, tears down at once. */
  close(isLost?: boolean): void;
}

/** What a link tells its session. */
export interface LiteHandler {
  /** The largest frame that is accepted. */
  readonly mostFrameBytes: number;
  /** A frame, of 6 bytes at least. Views of it may be kept. Without one: the other end is alive, a part of one has come. */
  onWholeFrame(frame?: Uint8Array): void;
  /** What came is no frame, or none that can be understood: it ends the connection, unless it may be ignored. */
  malformed(message: string, mayIgnore?: boolean): void;
  /** The link takes frames again. */
  onRoom(): void;
  /** The link is gone; `error` when it wasn't closed in order. */
  onLinkEnd(error?: Error): void;
}

/**
 * Opens a link and begins a session on it, which `begin` returns. Rejects when that fails, or with the reason of `signal`, which
 * tears down what comes too late.
 */
export type LiteDial = (signal: AbortSignal, begin: (link: LiteLink) => LiteHandler) => Promise<void>;

/** Begins a session on a link of the whole runtime. */
export function beginOver(link: FrameLink, begin: (link: LiteLink) => LiteHandler): void {
  const session = begin({
    send(frames) {
      const chunks = frames.map((frame) => concat(uint(frame.length, LENGTH_PREFIX_BYTES), frame));
      return link.send({ chunks, byteLength: lengthOf(chunks) });
    },
    close(isLost) {
      if (isLost) link.abort();
      else link.close();
    },
  });
  const handler: LinkHandler = {
    maxFrameBytes: session.mostFrameBytes,
    onReadStart() {},
    onFrame(bytes, start, end) {
      session.onWholeFrame(bytes.subarray(start, end));
      return true;
    },
    onReadEnd: () => session.onWholeFrame(),
    onMalformed: session.malformed,
    onDrain: session.onRoom,
    onPeerEnd: () => session.onLinkEnd(new Error("the peer ended it")),
    onClose: session.onLinkEnd,
  };
  link.setHandler(handler);
}
