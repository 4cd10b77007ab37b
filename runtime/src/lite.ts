// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/lite`: a client for pages that count kilobytes. It makes calls of every kind over the platform's WebSocket,
// with deadlines, cancellation, back-pressure, headers and errors, by the same generated clients; it serves nothing, asks for
// no leases, and its connections live once.

import { connectOver, type LiteConnection, type LiteConnectOptions } from "./lite/connect.js";
import { dialWebSocket } from "./lite/websocket.js";

export type { Dialer } from "./engine/link.js";
export { connectWith, type LiteConnection, type LiteConnectOptions } from "./lite/connect.js";
export { type DetailsSupport, details } from "./lite/details.js";
export { ConnectError } from "./lite/errors.js";
export { type MetadataSupport, metadata } from "./lite/headers.js";
export { type LimitsSupport, type LiteLimits, limits } from "./lite/limits.js";
export type { ErrorDetail } from "./metadata/envelope.js";
export { Metadata, type MetadataInit } from "./metadata/headers.js";
export { CallError as RpcError } from "./rpc/call-error.js";
export type { CallOptions } from "./rpc/call-options.js";
export type { Channel, Source } from "./rpc/channel.js";
export { Code } from "./rpc/code.js";
export type { CloseReason } from "./rpc/connection.js";

/**
 * Connects to `ws://host:port/path` or `wss://…` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, or time is up; its code is `invalid_argument` for a
 *   wrong URL.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { bearerToken });
 */
export function connect(url: string | URL, options?: LiteConnectOptions): Promise<LiteConnection> {
  return connectOver((signal, begin) => dialWebSocket(url, signal, begin), options);
}
