// SPDX-License-Identifier: Apache-2.0
// The five ways to call: what generated clients do, one line each. How it is done is the channel's affair, so that a client
// on a small runtime carries nothing of the large one.

import type { CallOptions } from "./call-options.js";
import type { Channel, Source } from "./channel.js";
import type { Method } from "./method.js";

/** One request, one answer. @throws RpcError whatever goes wrong. */
export function callUnary<I, IInit, O, OInit>(
  channel: Channel,
  method: Method<I, IInit, O, OInit>,
  request: IInit,
  options?: CallOptions,
): Promise<O> {
  return channel.channelCore.unary(method, request, options);
}

/** One request that nothing answers. Resolves when it is with the transport. @throws RpcError. */
export function callFireAndForget<I, IInit, O, OInit>(
  channel: Channel,
  method: Method<I, IInit, O, OInit>,
  request: IInit,
  options?: CallOptions,
): Promise<void> {
  return channel.channelCore.fireAndForget(method, request, options);
}

/** A stream of requests, one answer. @throws RpcError. */
export function callClientStream<I, IInit, O, OInit>(
  channel: Channel,
  method: Method<I, IInit, O, OInit>,
  requests: Source<IInit>,
  options?: CallOptions,
): Promise<O> {
  return channel.channelCore.clientStream(method, requests, options);
}

/** One request, a stream of answers: opened by iterating it, cancelled by leaving the loop. */
export function callServerStream<I, IInit, O, OInit>(
  channel: Channel,
  method: Method<I, IInit, O, OInit>,
  request: IInit,
  options?: CallOptions,
): AsyncIterable<O> {
  return channel.channelCore.serverStream(method, request, options);
}

/** A stream of requests, a stream of answers: opened by iterating it, cancelled by leaving the loop. */
export function callBidi<I, IInit, O, OInit>(
  channel: Channel,
  method: Method<I, IInit, O, OInit>,
  requests: Source<IInit>,
  options?: CallOptions,
): AsyncIterable<O> {
  return channel.channelCore.bidi(method, requests, options);
}
