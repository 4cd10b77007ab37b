// SPDX-License-Identifier: Apache-2.0
// What a caller may say about one call.

import type { Metadata, MetadataInit } from "../metadata/headers.js";
import { checkOption, checkOptions, type Kinds } from "../rsocket/settings.js";
import type { ContextValues } from "./context-values.js";
import { nameOf } from "./describe.js";

/** Options of one call; all may be left out. */
export interface CallOptions {
  /**
   * Aborting it cancels the call, on the server too. It fails `cancelled`, by `AbortSignal.timeout` `deadline_exceeded`; an
   * RpcError that is the reason of the abort is the error, any other reason its cause.
   */
  readonly signal?: AbortSignal | undefined;
  /** The call fails `deadline_exceeded` after so long, on both sides. 0 … 2^31-1; without it there is no deadline. */
  readonly timeoutMs?: number | undefined;
  /**
   * False: on a channel that waits to dial again the call fails `unavailable` at once, with the reason of the last attempt.
   * True: it waits for the next connection. The channel's own option unless given. Where the server grants leases it says
   * the same of a call for which there is none; `lease.waitForLease` unless given.
   */
  readonly waitForReady?: boolean | undefined;
  /** Request headers: keys `[a-z0-9_.-]{1,64}`; those ending in `-bin` hold bytes, all others text. */
  readonly headers?: MetadataInit | undefined;
  /** Called with the answer's headers, before its first message. */
  readonly onHeaders?: ((headers: Metadata) => void) | undefined;
  /** Called with the answer's trailers, when it is complete. */
  readonly onTrailers?: ((trailers: Metadata) => void) | undefined;
  /** Items asked for ahead of the consumer; by default it adapts, 32 to 256 items within 1 MiB. 1 … 2^31-1. */
  readonly prefetch?: number | undefined;
  /** Values for interceptors. */
  readonly values?: ContextValues | undefined;
  /** User metadata for a peer of the old rsocket-rpc, as it is. Not together with headers or a deadline. */
  readonly rawMetadata?: Uint8Array | undefined;
  /**
   * A trace where peers of other makes look for it: B3 names (`x-b3-traceid` …), and in `composite` mode also `traceparent`,
   * `tracestate` and the like; ours find `traceparent` in headers.
   */
  readonly tracing?: Readonly<Record<string, string>> | undefined;
  /** Called with metadata of an answer that isn't of our extension. */
  readonly onRawMetadata?: ((metadata: Uint8Array) => void) | undefined;
}

/** The largest time that the wire can carry. */
export const MAX_TIMEOUT_MS = 0x7fffffff;

const KNOWN: Kinds = {
  signal: "",
  timeoutMs: "",
  waitForReady: "boolean",
  headers: "object|list",
  onHeaders: "function",
  onTrailers: "function",
  prefetch: "",
  values: "object",
  rawMetadata: "bytes",
  tracing: "object",
  onRawMetadata: "function",
};

/** Refuses what can't be meant. @throws RangeError naming the option and its value. */
export function checkCallOptions(options: CallOptions): void {
  checkOptions(options, KNOWN);
  const { signal, timeoutMs, prefetch, rawMetadata, headers, tracing = {} } = options;
  for (const [key, value] of Object.entries(tracing)) checkOption(`tracing.${key}`, value, "string", true);
  checkSignal(signal);
  if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new RangeError(
      `timeoutMs is ${typeof timeoutMs === "string" ? JSON.stringify(timeoutMs) : timeoutMs}, expected 0 … ${MAX_TIMEOUT_MS}`,
    );
  }
  if (prefetch !== undefined && !(Number.isInteger(prefetch) && prefetch >= 1 && prefetch <= MAX_TIMEOUT_MS)) {
    throw new RangeError(`prefetch is ${prefetch}, expected a whole number 1 … ${MAX_TIMEOUT_MS}`);
  }
  if (rawMetadata !== undefined && (headers !== undefined || timeoutMs !== undefined)) {
    throw new RangeError("rawMetadata can't be sent together with headers or timeoutMs: they share its place");
  }
}

/** @throws RangeError for what is no signal, such as its controller. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined || typeof signal?.addEventListener === "function") return;
  throw new RangeError(`signal is ${nameOf(signal)}, expected an AbortSignal, such as controller.signal`);
}
