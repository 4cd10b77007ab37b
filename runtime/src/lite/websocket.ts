// SPDX-License-Identifier: Apache-2.0
// A link over the platform's WebSocket for a session that never pauses (RSocket 1.0 §Transport Protocol, FRM-02).

import type { FrameLink, LinkHandler } from "../engine/link.js";
import { LENGTH_PREFIX_BYTES } from "../frames/layout.js";
import { CallError } from "../rpc/call-error.js";
import { Code } from "../rpc/code.js";

/** What a session of `lite/` wants of a link. Batches hold one frame in each chunk. */
export type LiteLink = Pick<FrameLink, "setHandler" | "send" | "close" | "abort">;

/** Above this the sender is told to stop. The platform doesn't tell when it has drained, so it must last a poll or two. */
const HIGH_WATER_BYTES = 524_288;
/** How often to look whether half of that is gone; browsers turn less into 4 ms. */
const DRAIN_POLL_MS = 5;
const LEAST_FRAME_BYTES = 6;
/** RFC 6455 §7.4.1; scripts may send 1000 and 3000 … 4999 only. The last tells the other end that this is no orderly end. */
const CloseCode = { NORMAL: 1000, GOING_AWAY: 1001, NONE: 1005, ABORTED: 4000 } as const;
const ORDERLY_CODES: readonly number[] = [CloseCode.NORMAL, CloseCode.GOING_AWAY, CloseCode.NONE];

/** A URL, checked. @throws RpcError `invalid_argument` naming the text. */
export function webSocketUrl(text: string | URL): URL {
  try {
    const url = new URL(text);
    if (/^wss?:$/.test(url.protocol)) return url;
  } catch {
    // Said below.
  }
  throw new CallError(
    Code.InvalidArgument,
    `"${String(text)}" can't be dialed, expected ws:// or wss:// with host and port`,
  );
}

/** Opens a link; rejects with an Error naming `url`, without what may be secret in it, or with the reason of `signal`. */
export function dialWebSocket(
  url: URL,
  signal: AbortSignal,
  WebSocketClass: typeof WebSocket = globalThis.WebSocket,
): Promise<LiteLink> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    if (WebSocketClass === undefined) throw new CallError(Code.FailedPrecondition, "this runtime has no WebSocket");
    const socket = new WebSocketClass(url.href);
    socket.binaryType = "arraybuffer";
    let handler: LinkHandler | undefined;
    // What came before there was a handler.
    const held: ((handler: LinkHandler) => void)[] = [];
    const tell = (event: (handler: LinkHandler) => void): void => {
      if (handler === undefined) held.push(event);
      else event(handler);
    };
    const awaitDrain = (): void => {
      setTimeout(() => {
        // Once it is closed its buffer stays as it is.
        if (socket.readyState !== socket.OPEN) return;
        if (socket.bufferedAmount > HIGH_WATER_BYTES / 2) awaitDrain();
        else tell((session) => session.onDrain());
      }, DRAIN_POLL_MS);
    };
    signal.addEventListener("abort", () => {
      socket.close(CloseCode.ABORTED);
      reject(signal.reason);
    });
    socket.onmessage = ({ data }) => tell((session) => receive(session, data));
    // An 'error' says nothing (scripts shall not scan networks) and 'close' follows it.
    socket.onerror = () => {};
    socket.onclose = ({ code, reason }) => {
      const where = `${url.protocol}//${url.host}${url.pathname}`;
      reject(new Error(`can't connect to ${where}: the WebSocket closed with code ${code} while it opened`));
      tell((session) => session.onClose(ORDERLY_CODES.includes(code) ? undefined : closeError(code, reason)));
    };
    socket.onopen = () =>
      resolve({
        setHandler(given) {
          // Later, because the session is still being made.
          queueMicrotask(() => {
            handler = given;
            for (const event of held) event(given);
          });
        },
        send({ chunks }) {
          for (const chunk of chunks) socket.send(chunk.subarray(LENGTH_PREFIX_BYTES) as Uint8Array<ArrayBuffer>);
          if (socket.bufferedAmount <= HIGH_WATER_BYTES) return true;
          awaitDrain();
          return false;
        },
        close: () => socket.close(CloseCode.NORMAL),
        abort() {
          socket.onmessage = socket.onclose = null;
          socket.close(CloseCode.ABORTED);
        },
      });
  });
}

function receive(session: LinkHandler, data: unknown): void {
  // Not by its class: test runners give code another `ArrayBuffer` than the platform's.
  if (typeof data !== "object") {
    return session.onMalformed("text message, expected binary ones only (RSocket 1.0 §Transport Protocol)");
  }
  const { byteLength } = data as ArrayBuffer;
  if (byteLength >= LEAST_FRAME_BYTES && byteLength <= session.maxFrameBytes) {
    session.onFrame(new Uint8Array(data as ArrayBuffer), 0, byteLength);
    return;
  }
  const expected = `expected ${LEAST_FRAME_BYTES} … ${session.maxFrameBytes} (RSocket 1.0 §Framing)`;
  session.onMalformed(`message of ${byteLength} bytes, ${expected}`);
}

function closeError(code: number, reason: string): Error {
  const text = reason === "" ? "" : `, its reason: ${JSON.stringify(reason)}`;
  return new Error(`the WebSocket closed with code ${code}${text}`);
}
