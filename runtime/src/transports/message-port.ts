// SPDX-License-Identifier: Apache-2.0
// A port to a worker, a thread or a frame as a link. Ports have no back-pressure, so the ends tell how much they have read.

import { readUint24 } from "../bytes/integers.js";
import { copyBatch } from "../bytes/slab.js";
import type { FrameBatch, FrameLink, LinkHandler, LinkInfo } from "../engine/link.js";
import type { DeliveryScheduler } from "./in-process.js";
import { hasExited, listenToPort, type PortLike } from "./port-events.js";
import { type PortMessage, readPortMessage } from "./port-messages.js";
import { locksFor, PortPresence } from "./port-presence.js";

export { checkPort, type PortEmitter, type PortEventTarget, type PortLike, type PortSender } from "./port-events.js";

/** What a link over a port knows of itself. */
export const PORT_INFO: LinkInfo = { transport: "message-port", remoteAddress: "", localAddress: "", isSecure: true };

/** How much may be on its way to us unread: two batches of a connection, so that the other end writes while we read. */
const WINDOW_BYTES = 524_288;
/** A message may overdraw the window, but isn't larger than this: a batch ends with a frame, and those have 16 MiB at most. */
const MAX_MESSAGE_BYTES = 33_554_432;
/** What is on its way there is kept in this process, too: the other end's window counts up to this, beyond any that is in use. */
const MAX_WINDOW_BYTES = MAX_MESSAGE_BYTES;
/** Read bytes are acknowledged in eighths of the window: seldom, and well before the other end has to wait. */
const ACKS_PER_WINDOW = 8;
/** How long the other end may take to follow a close. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A frame without body (RSocket 1.0 §Framing Format). */
const LEAST_FRAME_BYTES = 6;
const PREFIX_BYTES = 3;

/** What becomes of a port. One of both is called, once. */
export interface PortOpening {
  /** The other end listens, too. */
  onOpen(link: FrameLink): void;
  /** It came to an end before. */
  onFailed(error: Error): void;
}

/**
 * Makes a link of `port`, which belongs to it from now on; the returned function gives up waiting for the other end.
 * Whatever comes of it, the port is closed at the end and serves no other link.
 * @throws TypeError for what is no port.
 */
export function openPortLink(port: PortLike, scheduler: DeliveryScheduler, opening: PortOpening): () => void {
  const link = new PortLink(port, scheduler, opening);
  return () => link.abort();
}

//  opening ──open of the other end──► open ──close()──► closing ──the other end answered, or 1 s──► closed
//     └────────────────────────────────┴──abort(), the other end's close or abort, the port is gone──┘
class PortLink implements FrameLink {
  readonly info: LinkInfo = PORT_INFO;
  readonly #port: PortLike;
  readonly #scheduler: DeliveryScheduler;
  readonly #opening: PortOpening;
  readonly #detach: () => void;
  #handler: LinkHandler | undefined;
  #state: "opening" | "open" | "closing" | "closed" = "opening";
  #error: Error | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  // ── reading
  readonly #inbox: Uint8Array[] = [];
  // Where the next frame of the first of them begins.
  #offset = 0;
  // Bytes that came and weren't acknowledged yet, and those of them that were read.
  #unackedBytes = 0;
  #readBytes = 0;
  #ackRequested = false;
  #deliveryRequested = false;
  #paused = false;
  // What comes is dropped: it can't be read, or nobody wants it any more.
  #isDeaf = false;
  #sawOpen = false;
  #sawAnswer = false;
  #sawHeld = false;
  // Where only locks tell that the other end is gone.
  #presence: PortPresence | undefined;
  // ── writing
  readonly #outbox: ArrayBuffer[] = [];
  #outboxBytes = 0;
  #windowBytes = 0;
  // Bytes that were posted and that the other end hasn't acknowledged.
  #postedBytes = 0;
  #blocked = false;
  #saidClose = false;

  constructor(port: PortLike, scheduler: DeliveryScheduler, opening: PortOpening) {
    this.#port = port;
    this.#scheduler = scheduler;
    this.#opening = opening;
    this.#detach = listenToPort(port, {
      onMessage: (data) => this.#guard(() => this.#receive(data)),
      onUnreadable: () => this.#guard(() => this.#refuse("message that couldn't be cloned")),
      onGone: (reason) => this.#guard(() => this.#lose(reason)),
    });
    if (hasExited(port)) this.#lose("the worker has exited");
    else this.#post({ rsocket: "open", windowBytes: WINDOW_BYTES, isAnswer: false });
  }

  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#state === "closed") this.#scheduler.yield(() => handler.onClose(this.#error));
    else this.#requestDelivery();
  }

  get unsentBytes(): number {
    const byteLength = this.#postedBytes + this.#outboxBytes;
    // So little may have been read long ago.
    return byteLength < this.#windowBytes / ACKS_PER_WINDOW ? 0 : byteLength;
  }

  send(batch: FrameBatch): boolean {
    if (this.#state !== "open") return true;
    // Into bytes of its own, which then move without another copy: slabs are shared with other connections.
    const copy = copyBatch(batch);
    this.#outbox.push(copy.buffer);
    this.#outboxBytes += copy.length;
    this.#postFrames();
    this.#blocked = this.#postedBytes + this.#outboxBytes >= this.#windowBytes;
    return !this.#blocked;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#requestDelivery();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#isDeaf = true;
    this.#sayClose();
    this.#closeTimer = setTimeout(() => {
      if (!this.#saidClose) this.#post({ rsocket: "abort" });
      this.#finish(undefined);
    }, CLOSE_TIMEOUT_MS);
  }

  abort(): void {
    if (this.#state === "closed") return;
    if (!this.#saidClose) this.#post({ rsocket: "abort" });
    // There is nobody yet whom it could interrupt.
    if (this.#state === "opening") return this.#finish(this.#error);
    this.#state = "closing";
    this.#isDeaf = true;
    this.#scheduler.yield(() => this.#finish(undefined));
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #receive(data: unknown): void {
    if (this.#state === "closed") return;
    const message = readPortMessage(data);
    if (message === undefined) return this.#refuse("message that is none of this link: it needs a port of its own");
    if (!("rsocket" in message)) return this.#receiveFrames(message);
    switch (message.rsocket) {
      case "open":
        return this.#receiveOpen(message.windowBytes, message.isAnswer);
      case "ack":
        return this.#receiveAck(message.byteLength);
      case "held":
        return this.#receiveHeld(message.name);
      case "close":
        return this.#receiveClose();
      case "abort":
        return this.#finish(this.#state === "closing" ? undefined : new Error("the other end aborted"));
    }
  }

  #receiveOpen(windowBytes: number, isAnswer: boolean): void {
    if (isAnswer ? this.#sawAnswer : this.#sawOpen) return this.#refuse("second open of a link that is open");
    // Less wouldn't do: its acknowledgements come by its own measure.
    if (windowBytes > MAX_WINDOW_BYTES)
      return this.#refuse(`window of ${windowBytes} bytes, expected 1 … ${MAX_WINDOW_BYTES}`);
    if (isAnswer) this.#sawAnswer = true;
    else {
      this.#sawOpen = true;
      this.#post({ rsocket: "open", windowBytes: WINDOW_BYTES, isAnswer: true });
    }
    if (this.#state !== "opening") return;
    this.#state = "open";
    this.#windowBytes = windowBytes;
    this.#showPresence();
    this.#opening.onOpen(this);
  }

  #showPresence(): void {
    const locks = locksFor(this.#port);
    if (locks === undefined) return;
    this.#presence = new PortPresence(locks, {
      onHeld: (name) => this.#post({ rsocket: "held", name }),
      // A turn later: what the other end has posted with its last breath comes first.
      onGone: () => this.#scheduler.yield(() => this.#guard(() => this.#lose("the other end is gone"))),
    });
    this.#presence.hold();
  }

  #receiveHeld(name: string): void {
    if (this.#state === "opening") return this.#refuse("lock before open");
    if (this.#sawHeld) return this.#refuse("second lock");
    this.#sawHeld = true;
    this.#presence?.watch(name);
  }

  #receiveFrames(buffer: ArrayBuffer): void {
    if (this.#isDeaf) return;
    const { byteLength } = buffer;
    if (this.#state === "opening") return this.#refuse("frames before open");
    // Whoever keeps to the window posts nothing while it is used up.
    if (this.#unackedBytes >= WINDOW_BYTES)
      return this.#refuse(`${byteLength} bytes beyond the ${WINDOW_BYTES} that may be on their way`);
    if (byteLength === 0 || byteLength > MAX_MESSAGE_BYTES)
      return this.#refuse(`message of ${byteLength} bytes, expected 1 … ${MAX_MESSAGE_BYTES}`);
    this.#unackedBytes += byteLength;
    this.#inbox.push(new Uint8Array(buffer));
    if (!this.#deliveryRequested) this.#deliver();
  }

  #requestDelivery(): void {
    if (this.#deliveryRequested || this.#inbox.length === 0) return;
    this.#deliveryRequested = true;
    // Later, because the handler is in the middle of something: no call of it leads to another.
    this.#scheduler.yield(() => {
      this.#deliveryRequested = false;
      this.#guard(() => this.#deliver());
    });
  }

  #deliver(): void {
    const handler = this.#handler;
    if (handler === undefined || this.#paused || this.#isDeaf || this.#inbox.length === 0) return;
    this.#read(handler, false);
    if (this.#readBytes >= WINDOW_BYTES / ACKS_PER_WINDOW) this.#requestAck();
  }

  #read(handler: LinkHandler, toTheLast: boolean): void {
    handler.onReadStart();
    while (this.#inbox.length > 0 && !this.#isDeaf && (toTheLast || !this.#paused)) this.#readFrame(handler);
    handler.onReadEnd(0);
  }

  #readFrame(handler: LinkHandler): void {
    const [batch = new Uint8Array(0)] = this.#inbox;
    const at = this.#offset;
    const start = at + PREFIX_BYTES;
    const byteLength = readUint24(batch, at);
    const end = start + byteLength;
    const { maxFrameBytes } = handler;
    if (end > batch.length) return this.#refuse(`message that ends ${batch.length - at} bytes into a frame`);
    if (byteLength < LEAST_FRAME_BYTES || byteLength > maxFrameBytes) {
      const expected = `expected ${LEAST_FRAME_BYTES} … ${maxFrameBytes}`;
      return this.#refuse(`frame length ${byteLength}, ${expected} (RSocket 1.0 §Framing)`);
    }
    this.#readBytes += end - at;
    this.#offset = end;
    if (end === batch.length) {
      this.#inbox.shift();
      this.#offset = 0;
    }
    if (!handler.onFrame(batch, start, end)) this.#paused = true;
  }

  // After a turn: platforms bring a thousand messages in one, so the window is what bounds the reading of a turn.
  #requestAck(): void {
    if (this.#ackRequested) return;
    this.#ackRequested = true;
    this.#scheduler.yield(() => {
      this.#ackRequested = false;
      if (this.#state !== "open") return;
      this.#post({ rsocket: "ack", byteLength: this.#readBytes });
      this.#unackedBytes -= this.#readBytes;
      this.#readBytes = 0;
    });
  }

  #refuse(reason: string): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    this.#forgetInbox();
    if (this.#handler !== undefined) return this.#handler.onMalformed(reason);
    // There is nobody yet who could answer it.
    this.#post({ rsocket: "abort" });
    this.#finish(new Error(`the other end sent a ${reason}`));
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #postFrames(): void {
    while (this.#postedBytes < this.#windowBytes) {
      const buffer = this.#outbox.shift();
      if (buffer === undefined) return;
      const { byteLength } = buffer; // it is 0 when the buffer has moved
      this.#outboxBytes -= byteLength;
      this.#postedBytes += byteLength;
      this.#post(buffer, [buffer]);
    }
  }

  #receiveAck(byteLength: number): void {
    if (byteLength > this.#postedBytes)
      return this.#refuse(`acknowledgement of ${byteLength} bytes, ${this.#postedBytes} were posted`);
    this.#postedBytes -= byteLength;
    this.#postFrames();
    if (this.#state === "closing") return this.#sayClose();
    if (!this.#blocked || this.#postedBytes + this.#outboxBytes > this.#windowBytes / 2) return;
    this.#blocked = false;
    this.#handler?.onDrain();
  }

  #post(message: ArrayBuffer | PortMessage, transfer: ArrayBuffer[] = []): void {
    try {
      this.#port.postMessage(message, transfer);
    } catch (error) {
      // Of a port that was given away, for example. Later, because the handler is in the middle of something.
      this.#scheduler.yield(() => this.#finish(toError(error)));
    }
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  // Behind what was taken, which waits for the other end to read.
  #sayClose(): void {
    if (this.#outbox.length > 0 || this.#saidClose) return;
    this.#saidClose = true;
    this.#post({ rsocket: "close" });
  }

  #receiveClose(): void {
    if (this.#state === "opening") return this.#finish(new Error("the other end closed the port"));
    // A paused handler gets what is kept all the same: it is the last.
    const handler = this.#handler;
    if (handler !== undefined && this.#inbox.length > 0 && !this.#isDeaf) this.#read(handler, true);
    if (!this.#saidClose) this.#post({ rsocket: "close" });
    this.#finish(undefined);
  }

  // Nothing follows, without a word of the other end.
  #lose(reason: string): void {
    this.#finish(this.#state === "closing" ? undefined : new Error(reason));
  }

  #finish(error: Error | undefined): void {
    if (this.#state === "closed") return;
    const wasOpening = this.#state === "opening";
    this.#state = "closed";
    this.#error ??= error;
    this.#isDeaf = true;
    clearTimeout(this.#closeTimer);
    this.#presence?.end();
    this.#detach();
    this.#forgetInbox();
    this.#outbox.length = 0;
    this.#outboxBytes = 0;
    if (wasOpening) this.#opening.onFailed(this.#error ?? new Error("the port was closed"));
    else this.#handler?.onClose(this.#error);
  }

  #forgetInbox(): void {
    this.#inbox.length = 0;
    this.#offset = 0;
  }

  // A handler that throws loses its link and nothing else: what it threw comes back through its `onClose`.
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#error ??= toError(error);
      this.abort();
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
