// SPDX-License-Identifier: Apache-2.0
// A link whose other end is a script: bytes come as they are told to, and whole frames are seen as they leave.

import { forEachFrame } from "../../runtime/src/bytes/slab.js";
import type { FrameBatch, FrameLink, LinkHandler, LinkInfo } from "../../runtime/src/engine/link.js";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import { FrameFormatError } from "../../runtime/src/frames/errors.js";

/** Who watches what goes over the link. */
export interface LinkWatcher {
  onFrameSent(frame: Uint8Array): void;
  /** A frame is about to be passed on. */
  onFrameReceived(frame: Uint8Array): void;
}

export class FuzzLink implements FrameLink {
  readonly info: LinkInfo = { transport: "fuzz", remoteAddress: "", localAddress: "", isSecure: false };
  /** Closed or torn down by its handler, or lost. */
  isClosed = false;
  isBlocked = false;
  readonly #watcher: LinkWatcher;
  readonly #deframer: LengthDeframer;
  #handler: LinkHandler | undefined;
  #isPaused = false;
  #isDeaf = false;
  #inbox: Uint8Array[] = [];
  #resumeDue = false;

  constructor(watcher: LinkWatcher) {
    this.#watcher = watcher;
    this.#deframer = new LengthDeframer(0xffffff, (bytes, start, end) => this.#passOn(bytes, start, end));
  }

  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
  }

  send(batch: FrameBatch): boolean {
    if (this.isClosed) throw new Error("something is sent over a link that was closed");
    let byteLength = 0;
    for (const chunk of batch.chunks) byteLength += chunk.length;
    if (byteLength !== batch.byteLength) throw new Error(`a batch of ${byteLength} bytes says ${batch.byteLength}`);
    forEachFrame(batch, (bytes, start, end) => this.#watcher.onFrameSent(bytes.subarray(start, end)));
    return !this.isBlocked;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#resumeDue = true;
  }

  close(): void {
    this.isClosed = true;
  }

  abort(): void {
    this.isClosed = true;
  }

  /** Bytes of the peer. They wait while the handler doesn't read. */
  receive(bytes: Uint8Array): void {
    this.#inbox.push(bytes);
    this.readOn();
  }

  /** The same with the length in front that makes it one frame. */
  receiveFrame(frame: Uint8Array): void {
    const bytes = new Uint8Array(frame.length + 3);
    bytes.set([frame.length >>> 16, frame.length >>> 8, frame.length]);
    bytes.set(frame, 3);
    this.receive(bytes);
  }

  /** Passes on what waits, as far as it is read; true when there was something. */
  readOn(): boolean {
    if (this.#isPaused || this.isClosed || this.#isDeaf || this.#handler === undefined) return false;
    if (this.#resumeDue) {
      this.#resumeDue = false;
      this.#read(undefined);
      return true;
    }
    const chunk = this.#inbox.shift();
    if (chunk === undefined) return false;
    this.#read(chunk);
    return true;
  }

  /** The link takes frames again. */
  drain(): void {
    if (!this.isBlocked) return;
    this.isBlocked = false;
    if (!this.isClosed) this.#handler?.onDrain();
  }

  /** The peer sends nothing more. */
  endPeer(): void {
    if (this.isClosed || this.#isDeaf) return;
    this.#isDeaf = true;
    this.#handler?.onPeerEnd?.();
  }

  /** The link is gone. */
  lose(error?: Error): void {
    const wasClosed = this.isClosed;
    this.isClosed = true;
    this.#inbox = [];
    if (!wasClosed) this.#handler?.onClose(error);
  }

  #read(chunk: Uint8Array | undefined): void {
    const handler = this.#handler;
    if (handler === undefined) return;
    handler.onReadStart();
    this.#deframer.maxFrameBytes = handler.maxFrameBytes;
    try {
      if (chunk === undefined) this.#deframer.resume();
      else this.#deframer.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameFormatError)) throw error;
      this.#isDeaf = true;
      handler.onMalformed(error.message);
    }
    handler.onReadEnd(this.#isDeaf ? 0 : this.#deframer.heldBytes);
  }

  #passOn(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.isClosed || this.#handler === undefined) return false;
    this.#watcher.onFrameReceived(bytes.subarray(start, end));
    const goesOn = this.#handler.onFrame(bytes, start, end);
    this.#deframer.maxFrameBytes = this.#handler.maxFrameBytes;
    if (!goesOn) this.#isPaused = true;
    return !this.#isPaused;
  }
}
