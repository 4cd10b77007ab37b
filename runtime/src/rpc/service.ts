// SPDX-License-Identifier: Apache-2.0
// Handlers bound to their methods: what generated `implementX` functions return.

import type { Stream } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import type { CallContext } from "./call-context.js";
import type { Source } from "./channel.js";
import { Code } from "./code.js";
import type { Compatibility } from "./compatibility.js";
import { RpcError } from "./error.js";
import type { AnyMethod, Method } from "./method.js";
import { Router } from "./router.js";
import type { ServerCall, ServerCallHost } from "./server-call.js";

/** A method with the function that serves it. */
export interface HandlerEntry {
  readonly method: AnyMethod;
  readonly handle: (request: unknown, context: CallContext) => unknown;
}

/** @internal Takes the requests of a peer to their handlers. */
export interface RequestRouter {
  dispatch(
    host: ServerCallHost,
    stream: Stream,
    metadata: Uint8Array | undefined,
    data: Uint8Array,
    complete: boolean,
  ): void;
  /** The handler of `call`, on `host`, is done: its slot is free. */
  releaseHandler(host: ServerCallHost, call: ServerCall): void;
}

/** @internal What a client's router is made of. */
export interface RequestRouterOptions {
  readonly services: readonly BoundService[];
  readonly interceptors: ComposedInterceptors | undefined;
  readonly maxRunningHandlers: number;
  readonly compatibility?: Compatibility;
}

/** A service with its handler: pass it to `serve`, or to `connect` for calls from the server. */
export interface BoundService {
  /** The service's full protobuf name. */
  readonly typeName: string;
  readonly entries: readonly HandlerEntry[];
  /** @internal Services bring their router along: a client that serves nothing is to do without one. */
  createRouter(options: RequestRouterOptions): RequestRouter;
}

/** Binds entries to a service; what generated code calls. */
export function serviceHandler(typeName: string, entries: readonly HandlerEntry[]): BoundService {
  return { typeName, entries, createRouter: (options) => new Router(options) };
}

/** Serves a unary method. */
export function handleUnary<I, IInit, O, OInit>(
  method: Method<I, IInit, O, OInit>,
  handle: (request: I, context: CallContext) => OInit | Promise<OInit>,
): HandlerEntry {
  return entry(method, handle);
}

/** Serves a server-streaming method. */
export function handleServerStream<I, IInit, O, OInit>(
  method: Method<I, IInit, O, OInit>,
  handle: (request: I, context: CallContext) => Source<OInit>,
): HandlerEntry {
  return entry(method, handle);
}

/** Serves a client-streaming method. */
export function handleClientStream<I, IInit, O, OInit>(
  method: Method<I, IInit, O, OInit>,
  handle: (requests: AsyncIterable<I>, context: CallContext) => OInit | Promise<OInit>,
): HandlerEntry {
  return entry(method, handle);
}

/** Serves a method that streams both ways. */
export function handleBidi<I, IInit, O, OInit>(
  method: Method<I, IInit, O, OInit>,
  handle: (requests: AsyncIterable<I>, context: CallContext) => Source<OInit>,
): HandlerEntry {
  return entry(method, handle);
}

/** Serves a fire-and-forget method. */
export function handleFireAndForget<I, IInit, O, OInit>(
  method: Method<I, IInit, O, OInit>,
  handle: (request: I, context: CallContext) => void | Promise<void>,
): HandlerEntry {
  return entry(method, handle);
}

/** Stands for a method that a partial service doesn't serve. */
export function unimplemented(_request: unknown, context: CallContext): never {
  throw new RpcError(Code.Unimplemented, `unknown method ${context.method.service}.${context.method.name}`);
}

function entry<T>(method: AnyMethod, handle: (request: T, context: CallContext) => unknown): HandlerEntry {
  // The router passes what the method's codec decoded, or an iterable of it: a T by construction.
  return { method, handle: handle as HandlerEntry["handle"] };
}
