// SPDX-License-Identifier: Apache-2.0
// What a stream carries, and the names under which the payload level shows the session's parts.

import type { MessageBytes } from "../bytes/pieces.js";

export { InPlace } from "../bytes/in-place.js";
export { type EncodedMessage, type MessageBytes, Pieces } from "../bytes/pieces.js";

/** Data with optional metadata (RSocket 1.0 §Metadata Optional Header). Absent and empty metadata are different. */
export interface Payload {
  readonly data: Uint8Array;
  readonly metadata?: Uint8Array | undefined;
}

/** An extension frame (RSocket 1.0 §EXT): something that only peers understand which have agreed on it. */
export interface ExtensionInit {
  /** What it is, 1 … 2^31-1. Numbers aren't registered anywhere: agree on them with the peer, e.g. in SETUP. */
  readonly extendedType: number;
  readonly data: Uint8Array;
  readonly metadata?: Uint8Array | undefined;
  /** False: a peer that doesn't understand it must end the connection. By default such a peer drops it. */
  readonly mayIgnore?: boolean;
}

/** An extension frame that came. Its bytes may be kept. */
export interface Extension extends Required<ExtensionInit> {
  /** The stream that it speaks of, which lives; 0 is the connection. */
  readonly streamId: number;
}

/**
 * The handle of a stream, for requester and responder alike.
 *
 * Requester: `request(n)` asks for items, `cancel()` gives up; on a channel `next`, `complete` and `error` send items.
 * Responder: `next` answers, `complete` and `error` end; on a channel `request` and `cancel` govern the input.
 * Bytes passed in belong to the runtime until they are sent: don't change them.
 */
export interface StreamHandle {
  /** The stream's id on its connection. */
  readonly id: number;
  /** Items that the peer still wants. */
  readonly credit: number;
  /** There is credit, and room in the write queue. When not, wait for `onRequestN` or `onWritable`. */
  readonly mayProduce: boolean;
  /**
   * There is credit, and less than `readPauseBytes` of answers wait to be written: the one answer of a call may be made now.
   * When not, wait for `onRequestN` or `onWritable`; it may be sent all the same, at the cost of memory.
   */
  readonly mayAnswer: boolean;
  /** The request never left this process: it is safe to repeat it elsewhere. */
  readonly neverSent: boolean;
  /**
   * Sends an item and says whether to go on: false when the credit is used up, the queue is full or the half is closed.
   * @throws RangeError when there was no credit: the peer must never get more than it asked for.
   */
  next(data: Uint8Array, metadata?: Uint8Array, complete?: boolean): boolean;
  /** Nothing follows. */
  complete(metadata?: Uint8Array): void;
  /** The stream failed: `code` of RSocket 1.0 §Error Codes, `data` UTF-8 text unless agreed otherwise. */
  error(code: number, data: Uint8Array): void;
  /** Asks for `n` more items, 1 … 2^31-1; the largest means without bound. @throws RangeError for any other n. */
  request(n: number): void;
  /** Requester: ends the stream. Responder of a channel: wants no more input. */
  cancel(): void;
}

/** @internal A handle that takes an item in several pieces, too. */
export interface MessageHandle extends StreamHandle {
  next(data: MessageBytes, metadata?: Uint8Array, complete?: boolean): boolean;
}
