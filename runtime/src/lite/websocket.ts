// SPDX-License-Identifier: Apache-2.0
// A link over the platform's WebSocket for a session that never pauses (RSocket 1.0 §Transport Protocol, FRM-02).

import { CallError } from "../rpc/call-error.js";
import { FAILED_PRECONDITION, INVALID_ARGUMENT } from "../rpc/code-numbers.js";
import {
  ABORTED,
  DRAIN_POLL_MS,
  GOING_AWAY,
  HEADER_BYTES,
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
  NO_CODE,
  NORMAL_CLOSE,
  SOCKET_OPEN,
} from "./constants.js";
import type { LiteHandler, LiteLink } from "./link.js";

/**
 * Opens a link and begins a session on it; rejects with an Error naming `url`, without what may be secret in it, with the
 * reason of `signal`, or with an RpcError `invalid_argument` for what the platform takes for no URL of a WebSocket.
 */
export function dialWebSocket(
  url: string | URL,
  signal: AbortSignal,
  begin: (link: LiteLink) => LiteHandler,
  WebSocketClass: typeof WebSocket = globalThis.WebSocket,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (WebSocketClass === undefined) throw new CallError(FAILED_PRECONDITION, "this runtime has no WebSocket");
    let socket: WebSocket;
    try {
      socket = new WebSocketClass(url);
    } catch (cause) {
      // What a page may not do, ws:// from https:// say, the platform has its own words for.
      if ((cause as Error).name !== "SyntaxError") throw cause;
      throw new CallError(INVALID_ARGUMENT, `URL is "${String(url)}", expected ws:// or wss:// with host and port`, {
        cause,
      });
    }
    socket.binaryType = "arraybuffer";
    let session: LiteHandler | undefined;
    const awaitDrain = (): void => {
      setTimeout(() => {
        // Once it is closed its buffer stays as it is.
        if (socket.readyState !== SOCKET_OPEN) return;
        if (socket.bufferedAmount > LOW_WATER_BYTES) awaitDrain();
        else session?.onRoom();
      }, DRAIN_POLL_MS);
    };
    signal.addEventListener("abort", () => {
      socket.close(ABORTED);
      reject(signal.reason);
    });
    socket.onopen = () => {
      session = begin({
        send(frames) {
          for (const frame of frames) socket.send(frame as Uint8Array<ArrayBuffer>);
          const isFull = socket.bufferedAmount > HIGH_WATER_BYTES;
          if (isFull) awaitDrain();
          return !isFull;
        },
        close: (isLost) => socket.close(isLost ? ABORTED : NORMAL_CLOSE),
      });
      resolve();
    };
    socket.onmessage = ({ data }) => session && receive(session, data);
    // An 'error' says nothing (scripts shall not scan networks) and 'close' follows it.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => {
      const isOrderly = code === NORMAL_CLOSE || code === GOING_AWAY || code === NO_CODE;
      const error = new Error(
        `the WebSocket closed with code ${code}${reason && `, its reason: ${JSON.stringify(reason)}`}`,
      );
      session?.onLinkEnd(isOrderly ? undefined : error);
      const { origin, pathname } = new URL(socket.url);
      reject(new Error(`can't connect to ${origin}${pathname}: ${error.message}`));
    };
  });
}

function receive(session: LiteHandler, data: unknown): void {
  // Not by its class: test runners give code another `ArrayBuffer` than the platform's. A text has no length in bytes.
  const { byteLength } = data as ArrayBuffer;
  if (byteLength >= HEADER_BYTES && byteLength <= session.mostFrameBytes) {
    session.onWholeFrame(new Uint8Array(data as ArrayBuffer));
  } else {
    const what = typeof data === "string" ? "a text" : `${byteLength} bytes`;
    session.malformed(`a message is ${what}, expected ${HEADER_BYTES} … ${session.mostFrameBytes} bytes`);
  }
}
