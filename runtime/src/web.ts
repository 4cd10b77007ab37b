// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/web`: everything of `rsocket-rpc`, with `connect` over the platform's WebSocket, and ports to frames.

import { type ChannelOptions, type ClientChannel, createChannelWith } from "./resilience/create-channel.js";
import { type ConnectOptions, connectWith } from "./rpc/connect.js";
import type { Connection } from "./rpc/connection.js";
import { parseUrl } from "./rpc/url.js";
import { browserWebSocketDialer } from "./transports/browser-websocket.js";

export * from "./index.js";
export {
  type FramePortOptions,
  type ParentPortOptions,
  portFromParent,
  portToFrame,
  type WindowLike,
} from "./transports/frame-port.js";

/**
 * Connects to `ws://host:port/path` or `wss://…` and resolves when the server has accepted.
 * @throws ConnectError when it refused, can't be reached, or time is up; RpcError `invalid_argument` for a wrong URL.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { bearerToken });
 */
export async function connect(url: string | URL, options: ConnectOptions = {}): Promise<Connection> {
  return await connectWith(browserWebSocketDialer(parseUrl(url, ["ws", "wss"]).href), options);
}

/**
 * A channel to `ws://host:port/path` or `wss://…` that outlives its connections: it dials at the first call, and again
 * whenever a connection ends.
 * @throws RpcError `invalid_argument` for a wrong URL, RangeError for a wrong option.
 * @example
 * const ticker = createTickerClient(createChannel("wss://api.example.com/rpc", { bearerToken: fetchToken }));
 */
export function createChannel(url: string | URL, options: ChannelOptions = {}): ClientChannel {
  return createChannelWith(browserWebSocketDialer(parseUrl(url, ["ws", "wss"]).href), options);
}
