// SPDX-License-Identifier: Apache-2.0
// One payload-level connection with what RPC adds to it: the metadata mode, and what the peer understands.

import type { Scheduler } from "../engine/scheduler.js";
import type { TurnBudget } from "../engine/turn-budget.js";
import { encodeEnvelopeEntry } from "../metadata/entry.js";
import type { Envelope } from "../metadata/envelope.js";
import type { MetadataFormat } from "../metadata/format.js";
import type { RSocketConnection } from "../rsocket/connection.js";
import type { ConsumerLedger } from "../rsocket/iterate.js";
import type { DeadlineClock } from "./deadline.js";
import { type AnyMethod, routeOf } from "./method.js";
import type { Observer } from "./observer.js";

/** @internal What a call needs of its connection. */
export interface RpcTransport {
  readonly rsocket: RSocketConnection;
  readonly format: MetadataFormat;
  readonly scheduler: Scheduler;
  readonly deadlines: DeadlineClock;
  readonly budget: TurnBudget;
  /** Messages that wait for their consumers, over all streams. */
  readonly ledger: ConsumerLedger;
  readonly observer: Observer;
  /** Every request carries our entry. */
  readonly announcePerRequest: boolean;
  /** A channel's metadata goes on each of its payloads, for brokers that unwrap every one. */
  readonly repeatChannelMetadata: boolean;
  /** Messages are read without the fields that aren't known here. */
  readonly discardUnknownFields: boolean;
}

/** @internal What a request says beside its route. */
export interface RequestExtras {
  readonly envelope: Envelope | undefined;
  readonly rawMetadata: Uint8Array | undefined;
  readonly tracing: Readonly<Record<string, string>> | undefined;
}

/** @internal The metadata of a request frame; the same bytes for every bare call of a method. */
export function requestMetadata(
  format: MetadataFormat,
  method: AnyMethod,
  extras: RequestExtras | undefined,
): Uint8Array {
  const route = routeOf(method, format);
  if (extras === undefined) return route;
  const tracing = extras.tracing === undefined ? undefined : format.encodeTracing(Object.entries(extras.tracing));
  return format.encodeRequest(route, extras.envelope, extras.rawMetadata, tracing);
}

interface TimedRequest {
  readonly timeoutMs: number;
  readonly metadata: Uint8Array;
}

// By the route, which is one array for each method and format.
const timedRequests = /*@__PURE__*/ new WeakMap<Uint8Array, TimedRequest>();

/** @internal The metadata of a request that says nothing but its deadline; the same bytes as long as that is the same. */
export function timeoutMetadata(format: MetadataFormat, method: AnyMethod, timeoutMs: number): Uint8Array {
  const route = routeOf(method, format);
  const latest = timedRequests.get(route);
  if (latest?.timeoutMs === timeoutMs) return latest.metadata;
  const metadata = format.encodeRequest(route, { timeoutMs }, undefined, undefined);
  timedRequests.set(route, { timeoutMs, metadata });
  return metadata;
}

/** @internal The entry of an answer's metadata, or undefined when there is nothing to say. */
export function answerMetadata(envelope: Envelope): Uint8Array | undefined {
  const isEmpty = (envelope.headers?.length ?? 0) === 0 && (envelope.trailers?.length ?? 0) === 0;
  return isEmpty ? undefined : encodeEnvelopeEntry(envelope);
}
