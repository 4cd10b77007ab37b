// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/lite`: a client for pages that count kilobytes. It makes calls of every kind over the platform's WebSocket,
// with deadlines, cancellation, back-pressure, headers and errors, by the same generated clients; it serves nothing, asks for
// no leases, and its connections live once.

import { connectOver, type LiteConnection, type LiteConnectOptions } from "./lite/connect.js";
import { dialWebSocket, webSocketUrl } from "./lite/websocket.js";

export type { Dialer } from "./engine/link.js";
export { connectWith, type LiteConnection, type LiteConnectOptions } from "./lite/connect.js";
export type { LiteLimits } from "./lite/limits.js";
export type { Metadata, MetadataInit } from "./metadata/headers.js";
export type { CallOptions } from "./rpc/call-options.js";
export type { Channel, Source } from "./rpc/channel.js";
export { Code } from "./rpc/code.js";
export { ConnectError } from "./rpc/connect-error.js";
export type { CloseReason } from "./rpc/connection.js";
export { type ErrorDetail, RpcError } from "./rpc/error.js";

/**
 * Connects to `ws://host:port/path` or `wss://…` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, or time is up; RpcError `invalid_argument` for a wrong URL.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { bearerToken });
 */
export async function connect(url: string | URL, options: LiteConnectOptions = {}): Promise<LiteConnection> {
  const address = webSocketUrl(url);
  return await connectOver((signal) => dialWebSocket(address, signal), options);
}
