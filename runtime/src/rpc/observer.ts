// SPDX-License-Identifier: Apache-2.0
// Where a program hears of what no call can be failed with.

import { checkOptions } from "../rsocket/settings.js";
import { guard, print } from "../rsocket/thrown.js";
import type { CallMethod } from "./call.js";
import type { PeerInfo } from "./connection.js";
import type { Incident } from "./incidents.js";

/** Told of faults that have no caller. All methods may be left out: what handlers throw, for example, is printed then. */
export interface Observer {
  /**
   * A handler threw something that isn't an RpcError (the peer sees `internal`), or any error in fire-and-forget. Or what it
   * threw, or gave to be sent as headers or trailers, can't be sent and is left out.
   */
  onHandlerError?(error: unknown, method: CallMethod): void;
  /**
   * `return()` of a user's iterator threw, or an `onEnd` listener; or, of a call that had succeeded, an interceptor or an async
   * `onHeaders`.
   */
  onCleanupError?(error: unknown, method: CallMethod): void;
  /** A listener for the states of a channel threw. */
  onListenerError?(error: unknown): void;
  /** `accept` threw something that isn't an RpcError: the peer sees `internal error`. Or a store of `resume` threw. */
  onAcceptError?(error: unknown): void;
  /** Headers or trailers were dropped: the peer doesn't read our extension. Told once per connection. */
  onAnswerMetadataDropped?(method: CallMethod): void;
  /**
   * User metadata, headers among it, is so long that rsocket-rpc-java 0.3.0 may take the frame for composite metadata. Every
   * time, unless the peer is known to be of this project.
   */
  onLargeUserMetadata?(byteLength: number, method: CallMethod): void;
  /** A call of the peer was refused, for it had no lease; a fire-and-forget call vanished. Every time. */
  onLeaseRefused?(isFireAndForget: boolean, peer: PeerInfo): void;
  /**
   * A request or a connection was refused, a limit was reached, or a connection ended. At most ten a second of each kind
   * and code; `count` says how many there were.
   */
  onIncident?(incident: Incident): void;
  /** A frame's metadata that can't be read was ignored, where ignoring is all that can be done. */
  onMalformedMetadata?(message: string): void;
}

const warnedOf = new Set<string>();

/** What happens when nobody observes: faults of handlers are printed, since they would be lost else. */
export const printingObserver: Observer = {
  onLargeUserMetadata: (byteLength, { service, name }) => {
    const method = `${service}.${name}`;
    if (warnedOf.has(method)) return;
    warnedOf.add(method);
    console.warn(
      `rsocket-rpc: ${byteLength} bytes of user metadata on ${method}: rsocket-rpc-java 0.3.0 may misread the call`,
    );
  },
  onHandlerError: (error, method) => print(`${method.service}.${method.name} threw`, error),
  onCleanupError: (error, method) => print(`${method.service}.${method.name} threw at its end`, error),
  onListenerError: (error) => print("a listener for a channel's states threw", error),
  onAcceptError: (error) => print("accept threw", error),
};

const METHODS: Readonly<Record<keyof Observer, "function">> = {
  onHandlerError: "function",
  onCleanupError: "function",
  onListenerError: "function",
  onAcceptError: "function",
  onAnswerMetadataDropped: "function",
  onLargeUserMetadata: "function",
  onLeaseRefused: "function",
  onIncident: "function",
  onMalformedMetadata: "function",
};

/**
 * @internal `observer`, with the one that prints in the place of methods that it doesn't have. What its methods throw is
 * printed, and takes nothing else down.
 * @throws RangeError for methods that there aren't.
 */
export function guardedObserver(observer: Observer = printingObserver): Observer {
  if (observer === printingObserver) return observer;
  // Who counts incidents hasn't said that nobody shall hear of what handlers throw.
  const guarded: Observer = { ...printingObserver };
  // An observer may be more than that; but one that listens for what nobody tells hears nothing, and nothing is printed.
  checkOptions(
    Object.fromEntries(Object.entries(observer).filter(([name]) => /^on[A-Z]/.test(name))),
    METHODS,
    "observer.",
  );
  for (const name of Object.keys(METHODS) as (keyof Observer)[]) {
    const method = observer[name] as ((...args: unknown[]) => unknown) | undefined;
    if (method === undefined) continue;
    const report = (error: unknown): void => print(`observer.${name} threw`, error);
    (guarded as Record<string, (...args: unknown[]) => void>)[name] = (...args) =>
      guard(() => method.apply(observer, args), report);
  }
  return guarded;
}
