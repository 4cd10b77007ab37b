// SPDX-License-Identifier: Apache-2.0
// A link over the platform's WebSocket for a session that never pauses (RSocket 1.0 §Transport Protocol, FRM-02).

import type { FrameLink, LinkHandler } from "../engine/link.js";
import { CallError } from "../rpc/call-error.js";
import { FAILED_PRECONDITION, INVALID_ARGUMENT } from "../rpc/code-numbers.js";
import {
  ABORTED,
  DRAIN_POLL_MS,
  GOING_AWAY,
  HEADER_BYTES,
  HIGH_WATER_BYTES,
  LENGTH_PREFIX_BYTES,
  LOW_WATER_BYTES,
  NO_CODE,
  NORMAL_CLOSE,
  SOCKET_OPEN,
} from "./constants.js";

/** What a session of `lite/` wants of a link. Batches hold one frame in each chunk. */
export type LiteLink = Pick<FrameLink, "setHandler" | "send" | "close" | "abort">;

/**
 * Opens a link; rejects with an Error naming `url`, without what may be secret in it, with the reason of `signal`, or with an
 * RpcError `invalid_argument` for what the platform takes for no URL of a WebSocket.
 */
export function dialWebSocket(
  url: string | URL,
  signal: AbortSignal,
  WebSocketClass: typeof WebSocket = globalThis.WebSocket,
): Promise<LiteLink> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (WebSocketClass === undefined) throw new CallError(FAILED_PRECONDITION, "this runtime has no WebSocket");
    let socket: WebSocket;
    try {
      socket = new WebSocketClass(url);
    } catch (cause) {
      throw new CallError(INVALID_ARGUMENT, `URL is "${String(url)}", expected ws:// or wss:// with host and port`, {
        cause,
      });
    }
    socket.binaryType = "arraybuffer";
    // What comes before it is there waits for it: outside browsers a message may follow 'open' before any microtask.
    const session = new Promise<LinkHandler>((setHandler) => {
      socket.onopen = () =>
        resolve({
          setHandler,
          send({ chunks }) {
            for (const chunk of chunks) socket.send(chunk.subarray(LENGTH_PREFIX_BYTES) as Uint8Array<ArrayBuffer>);
            const isFull = socket.bufferedAmount > HIGH_WATER_BYTES;
            if (isFull) awaitDrain();
            return !isFull;
          },
          close: () => socket.close(NORMAL_CLOSE),
          abort() {
            socket.onmessage = socket.onclose = null;
            socket.close(ABORTED);
          },
        });
    });
    const awaitDrain = (): void => {
      setTimeout(() => {
        // Once it is closed its buffer stays as it is.
        if (socket.readyState !== SOCKET_OPEN) return;
        if (socket.bufferedAmount > LOW_WATER_BYTES) awaitDrain();
        else void session.then((handler) => handler.onDrain());
      }, DRAIN_POLL_MS);
    };
    signal.addEventListener("abort", () => {
      socket.close(ABORTED);
      reject(signal.reason);
    });
    socket.onmessage = ({ data }) => void session.then((handler) => receive(handler, data));
    // An 'error' says nothing (scripts shall not scan networks) and 'close' follows it.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => {
      const isOrderly = code === NORMAL_CLOSE || code === GOING_AWAY || code === NO_CODE;
      const error = new Error(
        `the WebSocket closed with code ${code}${reason && `, its reason: ${JSON.stringify(reason)}`}`,
      );
      void session.then((handler) => handler.onClose(isOrderly ? undefined : error));
      const { origin, pathname } = new URL(socket.url);
      reject(new Error(`can't connect to ${origin}${pathname}: ${error.message}`));
    };
  });
}

function receive(session: LinkHandler, data: unknown): void {
  // Not by its class: test runners give code another `ArrayBuffer` than the platform's. A text has no length in bytes.
  const { byteLength } = data as ArrayBuffer;
  if (byteLength >= HEADER_BYTES && byteLength <= session.maxFrameBytes) {
    session.onFrame(new Uint8Array(data as ArrayBuffer), 0, byteLength);
  } else {
    const what = typeof data === "string" ? "a text" : `${byteLength} bytes`;
    session.onMalformed(`a message is ${what}, expected ${HEADER_BYTES} … ${session.maxFrameBytes} bytes`);
  }
}
