// SPDX-License-Identifier: Apache-2.0
// What generated clients call through: a connection, or something that has connections.

import type { Scheduler } from "../engine/scheduler.js";
import type { ComposedInterceptors } from "./call.js";
import type { CallOptions } from "./call-options.js";
import type { RpcError } from "./error.js";
import type { Method } from "./method.js";
import type { RpcTransport } from "./transport.js";

/** Where a stream of messages comes from. */
export type Source<T> = AsyncIterable<T> | Iterable<T>;

/** @internal The five ways to call, as a channel has them: generated clients carry no runtime of their own. */
export interface ChannelCore {
  unary<I, IInit, O, OInit>(method: Method<I, IInit, O, OInit>, request: IInit, options?: CallOptions): Promise<O>;
  fireAndForget<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    request: IInit,
    options?: CallOptions,
  ): Promise<void>;
  clientStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    requests: Source<IInit>,
    options?: CallOptions,
  ): Promise<O>;
  serverStream<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    request: IInit,
    options?: CallOptions,
  ): AsyncIterable<O>;
  bidi<I, IInit, O, OInit>(
    method: Method<I, IInit, O, OInit>,
    requests: Source<IInit>,
    options?: CallOptions,
  ): AsyncIterable<O>;
}

/** @internal What calls need of the channel that makes them. */
export interface CallingChannel {
  readonly scheduler: Scheduler;
  /** The connection for the next call. @throws RpcError when there is none. */
  pick(): RpcTransport;
  /** Around each call. */
  readonly interceptors: ComposedInterceptors | undefined;
  /** Of a channel that outlives its connections: how calls wait for one. */
  readonly lasting: LastingCore | undefined;
}

/** @internal A channel that outlives its connections, as calls see it. */
export interface LastingCore {
  readonly scheduler: Scheduler;
  /** It makes no calls any more. */
  readonly isClosed: boolean;
  /** Calls `listener` when that comes, unless the returned function is called before. */
  onClosing(listener: () => void): () => void;
  /** The connection for the next call, if one is ready. */
  readonly ready: RpcTransport | undefined;
  /** The waiter hears once, now or later, unless it is withdrawn before. */
  wait(waiter: TransportWaiter): void;
  /** Why no connection is ready. */
  unavailable(): RpcError;
  /** The waiter hears nothing more. */
  withdraw(waiter: TransportWaiter): void;
}

/** @internal A call that waits for a connection. */
export interface TransportWaiter {
  /** What the call's options say; the channel's own default when undefined. */
  readonly waitForReady: boolean | undefined;
  onTransport(transport: RpcTransport): void;
  onFailed(error: RpcError): void;
}

/** Takes calls to a peer. A `Connection` is one, a `ClientChannel` another; generated clients take any. */
export interface Channel {
  /** @internal */
  readonly channelCore: ChannelCore;
}
