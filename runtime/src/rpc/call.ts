// SPDX-License-Identifier: Apache-2.0
// A call as interceptors see it, on both sides and for every shape.

import type { Metadata } from "../metadata/headers.js";
import { checkOption } from "../rsocket/settings.js";
import type { CallContext } from "./call-context.js";
import type { Code } from "./code.js";
import type { ContextValues } from "./context-values.js";
import { isThenable } from "./describe.js";
import type { RpcError } from "./error.js";
import type { MethodIdempotency } from "./method.js";

/** What an interceptor may know of a method. */
export interface CallMethod {
  /** The service's full protobuf name. */
  readonly service: string;
  /** The method's name as written in the .proto. */
  readonly name: string;
  /** The shape of the call; of an rpc with the option `fire_and_forget` that. */
  readonly kind: "unary" | "server_streaming" | "client_streaming" | "bidi_streaming" | "fire_and_forget";
  /** What its .proto says by `idempotency_level`: whether it may be called twice. */
  readonly idempotency: MethodIdempotency;
}

/** How a call ended; told exactly once. */
export interface CallEnd {
  /** 0 when it succeeded. */
  readonly code: Code | 0;
  /** Why it failed; undefined when it succeeded. */
  readonly error: RpcError | undefined;
  /** Since the call began on this side. */
  readonly durationMs: number;
  /** Messages this side sent. */
  readonly sentCount: number;
  /** Messages this side received. */
  readonly receivedCount: number;
}

/** An attempt at a call that failed. */
export interface FailedAttempt {
  /** Why. With `retryable` the peer certainly didn't process the call. */
  readonly error: RpcError;
  /** 1 for the first. */
  readonly attempt: number;
}

/** A call on its way through the interceptors. */
export interface Call {
  /** Where the call is made or served. */
  readonly side: "client" | "server";
  readonly method: CallMethod;
  /** On the server what the handler will see: the connection with its peer, metadata of other makes. Undefined on the client. */
  readonly context: CallContext | undefined;
  /** Request headers. On the client what is set here is sent. */
  readonly headers: Metadata;
  /** Values for other interceptors and the handler. */
  readonly values: ContextValues;
  /** Aborted when the call ends early: cancelled, out of time, or with its connection. */
  readonly signal: AbortSignal;
  /** What is left of the call's deadline, undefined without one. */
  readonly timeoutMs: number | undefined;
  /** Which attempt at what the caller wants this is: 1, and more when `retryWhen` let it be made again. */
  readonly attempt: number;
  /**
   * Calls `listener` when the call is over, whatever way; at once if it is. Costs nothing per item. Of a call that is made
   * again each attempt is a call of its own, which passes through all interceptors and has one end.
   */
  onEnd(listener: (end: CallEnd) => void): void;
  /**
   * Asks `decide` when this attempt fails: the milliseconds until the next one, or undefined to let the error be the
   * caller's. To be called before `next`; of several the first that names a time counts. Not asked, because nothing can
   * be made again: when the caller gave up, on a connection that has ended (a channel has others), when an answer of a
   * stream has come, when a stream of requests has been read beyond its second item. A wait that the deadline would cut
   * short isn't begun. On the server this does nothing. `retry` is such an interceptor, ready-made.
   *
   * @example
   * const onceMore: Interceptor = (call, next) => {
   *   call.retryWhen(({ error, attempt }) => (error.retryable && attempt === 1 ? 50 : undefined));
   *   return next(call);
   * };
   */
  retryWhen(decide: (failed: FailedAttempt) => number | undefined): void;
}

declare const reply: unique symbol;

/** What `next` returns and an interceptor passes on: the answer in the making. */
export interface Reply<C extends Call> {
  readonly [reply]: C;
}

/**
 * Stands around calls of all shapes, on the client or the server: `(call, next) => next(call)`. It may set headers and
 * values, wait before it goes on, refuse by throwing an RpcError, watch the end with `call.onEnd`, and let a call that
 * failed be made again with `call.retryWhen`.
 *
 * @example
 * const log: Interceptor = (call, next) => {
 *   call.onEnd(({ code, durationMs }) => console.log(call.method.name, code, durationMs));
 *   return next(call);
 * };
 */
export type Interceptor = <C extends Call>(
  call: C,
  next: (call: C) => Reply<C> | Promise<Reply<C>>,
) => Reply<C> | Promise<Reply<C>>;

/** A call that waits for its interceptors. */
export interface InterceptedCall extends Call {
  /** All of them have passed it on: it begins. */
  proceed(): void;
}

/** Interceptors joined into one function, the first outermost. */
export type ComposedInterceptors = (call: InterceptedCall) => void | Promise<void>;

/** Thrown when an interceptor calls `next` again. */
const NEXT_TWICE = "an interceptor called next twice, expected once";
const NOT_PASSED_ON = "an interceptor returned without the reply of next";
const REPLY = {} as Reply<Call>;

/**
 * Joins interceptors, once for all calls; undefined when there are none. The result throws or rejects when an interceptor
 * refuses, and before the call's `proceed` was called then.
 */
export function composeInterceptors(interceptors: readonly Interceptor[]): ComposedInterceptors | undefined {
  // One that is missing would let every call pass by those behind it.
  for (const [index, interceptor] of interceptors.entries()) {
    checkOption(`interceptors[${index}]`, interceptor, "function", true);
  }
  if (interceptors.length === 0) return undefined;
  return (call) => {
    const result = enter(interceptors, 0, call, call);
    if (isThenable(result)) return Promise.resolve(result).then(checkReply);
    checkReply(result);
  };
}

function enter(
  interceptors: readonly Interceptor[],
  index: number,
  call: Call,
  intercepted: InterceptedCall,
): Reply<Call> | Promise<Reply<Call>> {
  const interceptor = interceptors[index];
  if (interceptor === undefined) {
    intercepted.proceed();
    return REPLY;
  }
  let passed = false;
  return interceptor(call, (passedOn) => {
    if (passed) throw new TypeError(NEXT_TWICE);
    passed = true;
    return enter(interceptors, index + 1, passedOn, intercepted);
  });
}

function checkReply(result: unknown): void {
  if (result !== REPLY) throw new TypeError(NOT_PASSED_ON);
}
