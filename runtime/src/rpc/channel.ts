// SPDX-License-Identifier: Apache-2.0
// What generated clients call through: a connection, or something that has connections.

import type { ComposedInterceptors } from "./call.js";
import type { RpcTransport } from "./transport.js";

/** @internal What calls need of a channel. */
export interface ChannelCore {
  /** The connection for the next call, or a promise of one. @throws RpcError when there is none and won't be. */
  pick(): RpcTransport | Promise<RpcTransport>;
  /** Around each call. */
  readonly interceptors: ComposedInterceptors | undefined;
}

/** Takes calls to a peer. A `Connection` is one; generated clients take any. */
export interface Channel {
  /** @internal */
  readonly channelCore: ChannelCore;
}
