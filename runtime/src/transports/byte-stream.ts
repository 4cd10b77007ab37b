// SPDX-License-Identifier: Apache-2.0
// Any byte stream of Node as a link: frames with a 24-bit length in front (RSocket 1.0 §Transport Protocol, FRM-01, FRM-03).

import type { Duplex } from "node:stream";
import { joinParts } from "../bytes/parts.js";
import type { FrameBatch, FrameLink, LinkHandler, LinkInfo } from "../engine/link.js";
import { LengthDeframer } from "../frames/deframer.js";
import { FrameFormatError } from "../frames/errors.js";
import type { LentReads, LentReceiver } from "./lent-reads.js";

/** Above this the sender is told to stop: twice what the other end reads at once, so that it never runs dry. */
const HIGH_WATER_BYTES = 131_072;
/** How long the other end may take to follow a close. */
const CLOSE_TIMEOUT_MS = 1_000;

/** What a kind of stream does in its own way. */
export interface ByteStreamOptions {
  /** Tears the stream down so that the other end notices at once; `socket.destroy()` unless given. */
  readonly reset?: () => void;
  /**
   * What to say when the other end ended or broke the stream without a byte in answer to what was sent; `cause` is
   * undefined for an end in order, which is no orderly one of the link then. Unless given, it is what it seems.
   */
  readonly explainSilentEnd?: (cause: Error | undefined) => Error;
  /** The socket's reads. */
  readonly reads?: LentReads | undefined;
}

/**
 * A link over `socket`, which is open and belongs to the link from now on; nothing is read before `setHandler`.
 *
 * A handler that throws loses its link and nothing else: what it threw comes back through its `onClose`.
 */
export function createByteStreamLink(socket: Duplex, info: LinkInfo, options: ByteStreamOptions = {}): FrameLink {
  return new ByteStreamLink(socket, info, options);
}

//  open ──close(), end of the stream──► closing ──both ends did, or 1 s──► closed
//    └──abort(), error of the socket, error of the handler────────────────────┘
class ByteStreamLink implements FrameLink, LentReceiver {
  readonly info: LinkInfo;
  readonly #socket: Duplex;
  readonly #reset: () => void;
  #handler: LinkHandler | undefined;
  #deframer: LengthDeframer | undefined;
  #state: "open" | "closing" | "closed" = "open";
  #paused = false;
  #blocked = false;
  // What comes is dropped: it can't be cut into frames, or nobody wants it any more.
  #isDeaf = false;
  #hasEnded = false;
  #hasSent = false;
  readonly #reads: LentReads | undefined;
  // Undefined when a byte has come, or when this end wants no more.
  #explainSilentEnd: ByteStreamOptions["explainSilentEnd"];
  #error: Error | undefined;
  #resumption: NodeJS.Immediate | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(socket: Duplex, info: LinkInfo, { reset, explainSilentEnd, reads }: ByteStreamOptions) {
    this.info = info;
    this.#socket = socket;
    this.#reset = reset ?? (() => socket.destroy());
    this.#explainSilentEnd = explainSilentEnd;
    this.#reads = reads;
    socket.on("error", this.#onError);
    socket.on("close", this.#onClosed);
  }

  setHandler(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#state === "closed") {
      setImmediate(() => handler.onClose(this.#error));
      return;
    }
    // Another handler goes on where the one before it stopped.
    if (this.#deframer !== undefined) return;
    this.#deframer = new LengthDeframer(handler.maxFrameBytes, this.#onFrame, this.#onPieces);
    this.#socket.on("drain", this.#onDrain);
    this.#socket.on("end", this.#onEnd);
    this.#socket.on("data", this.#onData);
    this.#reads?.begin(this);
    if (this.#paused) this.#socket.pause();
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  send({ chunks }: FrameBatch): boolean {
    const [first] = chunks;
    if (this.#state !== "open" || first === undefined) return true;
    this.#hasSent = true;
    const wrote = chunks.length === 1 ? this.#socket.write(first) : this.#writeTogether(chunks);
    // 'drain' comes only after a write that returned false.
    this.#blocked = !wrote && this.#socket.writableLength > HIGH_WATER_BYTES;
    return !this.#blocked;
  }

  pause(): void {
    this.#paused = true;
    if (this.#deframer !== undefined) this.#socket.pause();
  }

  resume(): void {
    this.#paused = false;
    // Later, because the handler is in the middle of something: no call of it leads to another.
    if (this.#deframer !== undefined) this.#resumption ??= setImmediate(this.#goOn);
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#isDeaf = true;
    this.#explainSilentEnd = undefined;
    this.#endSocket();
    // Read to its end, so that the end is noticed.
    this.#socket.resume();
  }

  abort(): void {
    if (this.#state === "closed") return;
    this.#state = "closing";
    this.#isDeaf = true;
    this.#explainSilentEnd = undefined;
    this.#reset();
  }

  // One system call for all of them.
  #writeTogether(chunks: readonly Uint8Array[]): boolean {
    const socket = this.#socket;
    let wrote = true;
    socket.cork();
    for (const chunk of chunks) wrote = socket.write(chunk);
    socket.uncork();
    return wrote;
  }

  #endSocket(): void {
    this.#state = "closing";
    this.#socket.end();
    this.#closeTimer = setTimeout(this.#reset, CLOSE_TIMEOUT_MS);
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onData = (chunk: Uint8Array): void => {
    // Not as the Buffer that it is: its `slice` and `toString` mean other things than those of a Uint8Array.
    this.#take(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength), false);
  };

  /** @internal */
  onLent(bytes: Uint8Array): void {
    this.#take(bytes, true);
  }

  #take(chunk: Uint8Array, isLent: boolean): void {
    this.#explainSilentEnd = undefined;
    if (this.#isDeaf) return;
    this.#read(chunk, isLent);
    if (this.#paused) this.#socket.pause();
  }

  readonly #goOn = (): void => {
    this.#resumption = undefined;
    if (this.#paused || this.#state === "closed") return;
    if (!this.#isDeaf) this.#read();
    if (!this.#paused) this.#socket.resume();
  };

  // Cuts `chunk`, or what was kept of earlier ones.
  #read(chunk?: Uint8Array, isLent = false): void {
    const handler = this.#handler;
    const deframer = this.#deframer;
    if (handler === undefined || deframer === undefined) return;
    try {
      handler.onReadStart();
      deframer.maxFrameBytes = handler.maxFrameBytes;
      this.#cut(chunk, isLent, deframer, handler);
      handler.onReadEnd(this.#isDeaf ? 0 : deframer.heldBytes);
    } catch (error) {
      this.#failWith(error);
    }
  }

  #cut(chunk: Uint8Array | undefined, isLent: boolean, deframer: LengthDeframer, handler: LinkHandler): void {
    try {
      if (chunk === undefined) deframer.resume();
      else if (isLent) deframer.pushLent(chunk);
      else deframer.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameFormatError)) throw error;
      this.#isDeaf = true;
      handler.onMalformed(error.message + guessAt(error.message));
    }
  }

  readonly #onFrame = (bytes: Uint8Array, start: number, end: number): boolean => {
    const handler = this.#handler;
    if (this.#isDeaf || handler === undefined) return true;
    return this.#afterFrame(handler, handler.onFrame(bytes, start, end));
  };

  readonly #onPieces = (pieces: readonly Uint8Array[], areLent: boolean): boolean => {
    const handler = this.#handler;
    if (this.#isDeaf || handler === undefined) return true;
    const goesOn = handler.onPieces?.(pieces, areLent);
    if (goesOn !== undefined) return this.#afterFrame(handler, goesOn);
    const joined = joinParts(pieces);
    const frame = areLent && pieces.length === 1 ? joined.slice() : joined;
    return this.#onFrame(frame, 0, frame.length);
  };

  #afterFrame(handler: LinkHandler, goesOn: boolean): boolean {
    if (!goesOn) this.#paused = true;
    if (this.#deframer !== undefined) this.#deframer.maxFrameBytes = handler.maxFrameBytes;
    return !this.#paused || this.#hasEnded;
  }

  // ── events of the socket ────────────────────────────────────────────────────────────────────────────────────────

  readonly #onDrain = (): void => {
    if (!this.#blocked) return;
    this.#blocked = false;
    try {
      this.#handler?.onDrain();
    } catch (error) {
      this.#failWith(error);
    }
  };

  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    // A paused handler gets what is kept all the same: it is at most one read, and the last.
    if (!this.#isDeaf) this.#read();
    const heldBytes = this.#isDeaf ? 0 : (this.#deframer?.heldBytes ?? 0);
    if (heldBytes > 0) this.#error ??= new Error(`the stream ended ${heldBytes} bytes into a frame`);
    if (this.#state !== "open") return;
    this.#explainEnd();
    // Half of the link is still there: the handler answers what has come, then it closes.
    if (this.#error === undefined && this.#handler?.onPeerEnd !== undefined) this.#tellPeerEnd();
    else this.#endSocket();
  };

  #tellPeerEnd(): void {
    try {
      this.#handler?.onPeerEnd?.();
    } catch (error) {
      this.#failWith(error);
    }
  }

  readonly #onError = (error: Error): void => {
    this.#error ??= error;
  };

  readonly #onClosed = (): void => {
    this.#explainEnd();
    if (this.#state === "open" && !this.#hasEnded) this.#error ??= new Error("the stream was closed before its end");
    this.#state = "closed";
    this.#isDeaf = true;
    clearTimeout(this.#closeTimer);
    clearImmediate(this.#resumption);
    this.#socket.off("data", this.#onData).off("end", this.#onEnd).off("drain", this.#onDrain);
    this.#socket.off("error", this.#onError).off("close", this.#onClosed);
    this.#handler?.onClose(this.#error);
  };

  #explainEnd(): void {
    if (this.#explainSilentEnd === undefined || !this.#hasSent) return;
    this.#error = this.#explainSilentEnd(this.#error);
    this.#explainSilentEnd = undefined;
  }

  #failWith(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error));
    this.abort();
  }
}

// What mostly stands at a port that was confused with another: its first letters, or bytes, were taken for a length.
function guessAt(message: string): string {
  const byteLength = Number(/^frame length (\d+)/.exec(message)?.[1]);
  if ([0x485454, 0x474554, 0x504f53].includes(byteLength)) return ": the other end speaks HTTP"; // HTT, GET, POS
  return byteLength >>> 8 === 0x1603 ? ": the other end speaks TLS" : "";
}
