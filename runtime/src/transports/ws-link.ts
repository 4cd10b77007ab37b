// SPDX-License-Identifier: Apache-2.0
// An open WebSocket of the `ws` package as a link: a binary message is one frame (RSocket 1.0 §Transport Protocol, FRM-02).

import type { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import { type FrameBatch, type FrameLink, forEachFrame, type LinkHandler, type LinkInfo } from "../engine/link.js";
import { MessageGate } from "./message-gate.js";

/** Above this the sender is told to stop: twice what the other end reads at once, so that it never runs dry. */
const HIGH_WATER_BYTES = 131_072;
/** How long the other end may take to follow a close. */
const CLOSE_TIMEOUT_MS = 1_000;
/** What a socket brings at once. */
const READ_BYTES = 65_536;

/** RFC 6455 §7.4.1. */
const CloseCode = {
  NORMAL: 1000,
  GOING_AWAY: 1001,
  UNSUPPORTED_DATA: 1003,
  NONE: 1005,
  LOST: 1006,
  TOO_BIG: 1009,
} as const;
const ORDERLY_CODES: readonly number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NONE];

/**
 * A link over `webSocket`, which is open, and `socket`, the stream under it. Both belong to the link from now on;
 * nothing is read before `setHandler`. `readsMasked`: the other end is a client, which masks what it sends.
 *
 * A handler that throws loses its link and nothing else: what it threw comes back through its `onClose`.
 */
export function createWsLink(webSocket: WebSocket, socket: Duplex, info: LinkInfo, readsMasked: boolean): FrameLink {
  return new WsLink(webSocket, socket, info, readsMasked);
}

//  open ──close(), text message──► closing ──the other end answered, or 1 s──► closed
//    └──abort(), end of the socket, error of the handler──────────────────────────┘
class WsLink implements FrameLink {
  readonly info: LinkInfo;
  readonly #webSocket: WebSocket;
  // The stream itself tells where a read begins and ends, when it has drained, and why it broke; and it can be corked.
  readonly #socket: Duplex;
  // No limit: a socket that is paused brings nothing more.
  readonly #gate = new MessageGate(Number.POSITIVE_INFINITY);
  readonly #maskBytes: number;
  #state: "open" | "closing" | "closed" = "open";
  #blocked = false;
  #isReading = false;
  #readHadMessage = false;
  #unfinishedBytes = 0;
  #error: Error | undefined;
  #resumption: NodeJS.Immediate | undefined;
  #closeTimer: NodeJS.Timeout | undefined;

  constructor(webSocket: WebSocket, socket: Duplex, info: LinkInfo, readsMasked: boolean) {
    this.info = info;
    this.#maskBytes = readsMasked ? 4 : 0;
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.pause();
    webSocket.on("message", this.#onMessage).on("ping", this.#onControl).on("pong", this.#onControl);
    webSocket.on("error", this.#onProtocolError).on("close", this.#onClosed);
    // Before and after the listener of `ws`, which cuts the read into messages.
    socket.prependListener("data", this.#onReadStart).on("data", this.#onReadEnd);
    socket.on("drain", this.#onDrain).on("error", this.#onSocketError);
  }

  setHandler(handler: LinkHandler): void {
    this.#gate.handler = handler;
    if (this.#state === "closed") setImmediate(() => handler.onClose(this.#error));
    else if (!this.#gate.isPaused) this.resume();
  }

  get unsentBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(batch: FrameBatch): boolean {
    if (this.#state !== "open") return true;
    // One system call for all of them.
    this.#socket.cork();
    forEachFrame(batch, this.#sendFrame);
    this.#socket.uncork();
    // 'drain' comes only after a write that returned false.
    this.#blocked = this.#webSocket.bufferedAmount > HIGH_WATER_BYTES && this.#socket.writableNeedDrain;
    return !this.#blocked;
  }

  pause(): void {
    this.#gate.isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#gate.isPaused = false;
    // Later, because the handler is in the middle of something: no call of it leads to another.
    if (this.#gate.handler !== undefined) this.#resumption ??= setImmediate(this.#goOn);
  }

  close(): void {
    this.#closeWith(this.#gate.hasOversize ? CloseCode.TOO_BIG : CloseCode.NORMAL);
  }

  abort(): void {
    if (this.#state === "closed") return;
    this.#state = "closing";
    this.#gate.isDeaf = true;
    this.#webSocket.terminate();
  }

  #closeWith(code: number, reason?: string): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#gate.isDeaf = true;
    this.#webSocket.close(code, reason);
    // Read on, so that the answer is noticed.
    this.#webSocket.resume();
    this.#closeTimer ??= this.#terminateLater();
  }

  #terminateLater(): NodeJS.Timeout {
    return setTimeout(() => this.#webSocket.terminate(), CLOSE_TIMEOUT_MS);
  }

  readonly #sendFrame = (bytes: Uint8Array, start: number, end: number): void => {
    this.#webSocket.send(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start));
  };

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onReadStart = this.#guarded((chunk: Uint8Array): void => {
    // Behind a close frame or a fault nothing is cut any more.
    this.#isReading = this.#webSocket.readyState === this.#webSocket.OPEN && !this.#gate.isDeaf;
    if (!this.#isReading) return;
    this.#unfinishedBytes += chunk.length;
    this.#readHadMessage = false;
    this.#gate.handler?.onReadStart();
  });

  readonly #onMessage = this.#guarded((data: RawData, isBinary: boolean): void => {
    // Neither an ArrayBuffer nor a list: `binaryType` is "nodebuffer".
    const buffer = data as Buffer;
    this.#onControl(buffer);
    this.#readHadMessage = true;
    // Not as the Buffer that it is: its `slice` and `toString` mean other things than those of a Uint8Array.
    if (isBinary) this.#gate.push(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
    else this.#refuseText();
  });

  readonly #onControl = (data: Buffer): void => {
    this.#unfinishedBytes -= data.length + headerBytes(data.length) + this.#maskBytes;
  };

  readonly #onReadEnd = this.#guarded((chunk: Uint8Array): void => {
    // The headers of continuation frames aren't seen. But what is unfinished can't be more than came with the message.
    if (this.#readHadMessage) this.#unfinishedBytes = Math.min(this.#unfinishedBytes, chunk.length);
    if (this.#gate.isPaused && !this.#gate.isDeaf) this.#webSocket.pause();
    if (this.#isReading) this.#endRead();
    // `ws` has answered a close frame; the other end must end the stream, or it would be kept for half a minute.
    if (this.#webSocket.readyState === this.#webSocket.CLOSING) this.#closeTimer ??= this.#terminateLater();
  });

  readonly #goOn = this.#guarded((): void => {
    this.#resumption = undefined;
    if (this.#gate.isPaused || this.#state === "closed") return;
    if (this.#gate.isHolding) this.#release(false);
    if (!this.#gate.isPaused) this.#webSocket.resume();
  });

  #release(toTheLast: boolean): void {
    this.#gate.handler?.onReadStart();
    this.#gate.release(toTheLast);
    this.#endRead();
  }

  #endRead(): void {
    const { handler, heldBytes } = this.#gate;
    if (handler === undefined) return;
    const unfinishedBytes = Math.max(0, this.#unfinishedBytes);
    // `ws` knows the limit of the server, not the lower one before SETUP.
    const { maxFrameBytes } = handler;
    if (unfinishedBytes > maxFrameBytes + READ_BYTES) {
      this.#gate.hasOversize = true;
      this.#gate.refuse(`message of more than ${maxFrameBytes} bytes`);
    }
    handler.onReadEnd(unfinishedBytes + heldBytes);
  }

  #refuseText(): void {
    this.#gate.refuse("text message, expected binary ones only (RSocket 1.0 §Transport Protocol)");
    this.#closeWith(CloseCode.UNSUPPORTED_DATA, "binary messages only");
  }

  // ── events ──────────────────────────────────────────────────────────────────────────────────────────────────────

  readonly #onDrain = this.#guarded((): void => {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#gate.handler?.onDrain();
  });

  readonly #onSocketError = (error: Error): void => {
    this.#error ??= error;
  };

  // `ws` closes by itself then, with the code that fits.
  readonly #onProtocolError = this.#guarded((error: Error): void => {
    this.#error ??= error;
    this.#gate.refuse(error.message);
  });

  readonly #onClosed = this.#guarded((code: number, reason: Buffer): void => {
    if (this.#error === undefined) {
      // A paused handler gets what is kept all the same: it is at most one read, and the last.
      if (this.#gate.isHolding && !this.#gate.isDeaf) this.#release(true);
      if (this.#state === "open" && !ORDERLY_CODES.includes(code)) this.#error = closeError(code, reason);
    }
    this.#state = "closed";
    this.#gate.isDeaf = true;
    this.#gate.clear();
    clearTimeout(this.#closeTimer);
    clearImmediate(this.#resumption);
    this.#socket.off("data", this.#onReadStart).off("data", this.#onReadEnd);
    this.#socket.off("drain", this.#onDrain).off("error", this.#onSocketError);
    this.#gate.handler?.onClose(this.#error);
  });

  #guarded<Arguments extends unknown[]>(action: (...values: Arguments) => void): (...values: Arguments) => void {
    return (...values) => {
      try {
        action(...values);
      } catch (error) {
        this.#error ??= error instanceof Error ? error : new Error(String(error));
        this.abort();
      }
    };
  }
}

// In front of a frame of the WebSocket: flags and length (RFC 6455 §5.2).
function headerBytes(payloadBytes: number): number {
  if (payloadBytes > 65_535) return 10;
  return payloadBytes > 125 ? 4 : 2;
}

function closeError(code: number, reason: Buffer): Error {
  if (code === CloseCode.LOST) return new Error("the WebSocket ended without a close frame");
  const text = reason.length === 0 ? "" : `, its reason: ${JSON.stringify(reason.toString())}`;
  return new Error(`the other end closed the WebSocket with code ${code}${text}`);
}
