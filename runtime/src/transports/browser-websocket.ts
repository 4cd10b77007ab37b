// SPDX-License-Identifier: Apache-2.0
// Links over the platform's own WebSocket: browsers, workers, and Node from 22 on (RSocket 1.0 §Transport Protocol, FRM-02).

import {
  type Dialer,
  type FrameBatch,
  type FrameLink,
  forEachFrame,
  type LinkHandler,
  type LinkInfo,
} from "../engine/link.js";
import { MessageGate } from "./message-gate.js";

/** Above this the sender is told to stop. The platform doesn't tell when it has drained, so it must last a poll or two. */
const HIGH_WATER_BYTES = 524_288;
/** How often to look whether half of that is gone; browsers turn less into 4 ms. */
const DRAIN_POLL_MS = 5;
/** How long the other end may take to follow a close. */
const CLOSE_TIMEOUT_MS = 1_000;
/** The platform reads on while the handler is paused. What that may cost: four messages at the default limit. */
const MAX_HELD_BYTES = 16_777_216;

/** RFC 6455 §7.4.1; scripts may send 1000 and 3000 … 4999 only. */
const CloseCode = { NORMAL: 1000, GOING_AWAY: 1001, NONE: 1005, ABORTED: 4000 } as const;
const ORDERLY_CODES: readonly number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NONE];

/** How to dial. */
export interface BrowserWebSocketOptions {
  /** Subprotocols to offer. None unless given: servers that know of none answer with none, and then no link opens. */
  readonly protocols?: readonly string[];
  /** The class to use; the platform's own unless given. */
  readonly WebSocket?: typeof WebSocket;
}

/** Opens links to `url`, a `ws://` or `wss://` one. `dial` rejects with an Error naming it; platforms don't tell more. */
export function browserWebSocketDialer(url: string, options: BrowserWebSocketOptions = {}): Dialer {
  return { dial: (signal) => dial(url, options, signal) };
}

function dial(url: string, options: BrowserWebSocketOptions, signal: AbortSignal): Promise<FrameLink> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const WebSocketClass = options.WebSocket ?? globalThis.WebSocket;
    if (WebSocketClass === undefined)
      return reject(new DOMException("this runtime has no WebSocket", "NotSupportedError"));
    const webSocket = new WebSocketClass(url, [...(options.protocols ?? [])]);
    webSocket.binaryType = "arraybuffer";
    const settle = (): void => {
      signal.removeEventListener("abort", onAbort);
      webSocket.onopen = webSocket.onclose = null;
    };
    const onAbort = (): void => {
      settle();
      webSocket.close();
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    webSocket.onopen = () => {
      settle();
      resolve(new BrowserLink(webSocket, infoOf(url)));
    };
    // An 'error' says nothing (scripts shall not scan networks) and 'close' follows it.
    webSocket.onerror = () => {};
    webSocket.onclose = ({ code }) => {
      settle();
      reject(
        new Error(`can't connect to ${withoutSecrets(url)}: the WebSocket closed with code ${code} while it opened`),
      );
    };
  });
}

//  open ──close()──► closing ──the other end answered, or 1 s──► closed
//    └──abort(), end of the WebSocket, error of the handler───────────┘
class BrowserLink implements FrameLink {
  readonly info: LinkInfo;
  readonly #webSocket: WebSocket;
  readonly #gate = new MessageGate(MAX_HELD_BYTES);
  #state: "open" | "closing" | "closed" = "open";
  #error: Error | undefined;
  #drainTimer: ReturnType<typeof setTimeout> | undefined;
  #resumeTimer: ReturnType<typeof setTimeout> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(webSocket: WebSocket, info: LinkInfo) {
    this.info = info;
    this.#webSocket = webSocket;
    webSocket.onmessage = ({ data }) => this.#guard(() => this.#receive(data));
    webSocket.onclose = ({ code, reason }) => this.#guard(() => this.#onClosed(code, reason));
  }

  setHandler(handler: LinkHandler): void {
    this.#gate.handler = handler;
    if (this.#state === "closed") setTimeout(() => this.#guard(() => this.#tellClosed()));
    else if (this.#gate.isHolding && !this.#gate.isPaused) this.resume();
  }

  get unsentBytes(): number {
    return this.#webSocket.bufferedAmount;
  }

  send(batch: FrameBatch): boolean {
    if (this.#state !== "open") return true;
    forEachFrame(batch, (bytes, start, end) => {
      // Never a view of shared memory: frames are written into memory of our own.
      this.#webSocket.send(bytes.subarray(start, end) as Uint8Array<ArrayBuffer>);
    });
    if (this.#webSocket.bufferedAmount <= HIGH_WATER_BYTES) return true;
    this.#drainTimer ??= setTimeout(this.#lookForDrain, DRAIN_POLL_MS);
    return false;
  }

  pause(): void {
    this.#gate.isPaused = true;
  }

  resume(): void {
    this.#gate.isPaused = false;
    // Later, because the handler is in the middle of something: no call of it leads to another.
    if (this.#gate.isHolding) this.#resumeTimer ??= setTimeout(this.#goOn);
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#gate.isDeaf = true;
    this.#webSocket.close(CloseCode.NORMAL);
    this.#closeTimer = setTimeout(() => this.#onClosed(CloseCode.NORMAL, ""), CLOSE_TIMEOUT_MS);
  }

  // A script can't tear a WebSocket down. It can forget it, and the code tells the other end that this is no orderly end.
  abort(): void {
    if (this.#state === "closed") return;
    if (this.#state === "open") this.#webSocket.close(CloseCode.ABORTED);
    this.#state = "closing";
    this.#gate.isDeaf = true;
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#onClosed(CloseCode.ABORTED, ""));
  }

  #receive(data: unknown): void {
    const { handler } = this.#gate;
    const tell = !this.#gate.isPaused && !this.#gate.isDeaf && handler !== undefined;
    if (tell) handler.onReadStart();
    // Not by its class: test runners give code another `ArrayBuffer` than the platform's.
    if (typeof data === "object") this.#gate.push(new Uint8Array(data as ArrayBuffer));
    else this.#gate.refuse("text message, expected binary ones only (RSocket 1.0 §Transport Protocol)");
    if (tell) handler.onReadEnd(this.#gate.heldBytes);
  }

  readonly #goOn = (): void => {
    this.#resumeTimer = undefined;
    if (!this.#gate.isPaused && !this.#gate.isDeaf) this.#guard(() => this.#release(false));
  };

  #release(toTheLast: boolean): void {
    this.#gate.handler?.onReadStart();
    this.#gate.release(toTheLast);
    this.#gate.handler?.onReadEnd(this.#gate.heldBytes);
  }

  readonly #lookForDrain = (): void => {
    this.#drainTimer = undefined;
    if (this.#state !== "open") return;
    if (this.#webSocket.bufferedAmount <= HIGH_WATER_BYTES / 2) this.#guard(() => this.#gate.handler?.onDrain());
    else this.#drainTimer = setTimeout(this.#lookForDrain, DRAIN_POLL_MS);
  };

  #onClosed(code: number, reason: string): void {
    if (this.#state === "closed") return;
    if (this.#state === "open" && !ORDERLY_CODES.includes(code)) this.#error ??= closeError(code, reason);
    this.#state = "closed";
    for (const timer of [this.#drainTimer, this.#resumeTimer, this.#closeTimer]) clearTimeout(timer);
    this.#webSocket.onmessage = this.#webSocket.onclose = null;
    this.#tellClosed();
  }

  #tellClosed(): void {
    const { handler } = this.#gate;
    if (handler === undefined) return;
    // A paused handler gets what is kept all the same: it is the last.
    if (this.#gate.isHolding && !this.#gate.isDeaf) this.#release(true);
    this.#gate.isDeaf = true;
    this.#gate.clear();
    handler.onClose(this.#error);
  }

  // A handler that throws loses its link and nothing else: what it threw comes back through its `onClose`.
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#error ??= error instanceof Error ? error : new Error(String(error));
      this.abort();
    }
  }
}

function infoOf(url: string): LinkInfo {
  const { host, protocol } = new URL(url);
  return { transport: "websocket", remoteAddress: host, localAddress: "", isSecure: protocol === "wss:" };
}

function closeError(code: number, reason: string): Error {
  const text = reason === "" ? "" : `, its reason: ${JSON.stringify(reason)}`;
  return new Error(`the WebSocket closed with code ${code}${text}`);
}

function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
