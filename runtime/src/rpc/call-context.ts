// SPDX-License-Identifier: Apache-2.0
// What a handler is given beside the request.

import type { Metadata } from "../metadata/headers.js";
import type { CallMethod } from "./call.js";
import type { Connection } from "./connection.js";
import type { ContextValues } from "./context-values.js";

/** A call as its handler sees it. Nothing in it is made before it is asked for. */
export interface CallContext {
  readonly method: CallMethod;
  /**
   * Aborted when the call ends early: cancelled, out of time, or with its connection; of a fire-and-forget call, which
   * outlives its connection, when it is out of time, or its server closed. The reason is an RpcError.
   */
  readonly signal: AbortSignal;
  /** The connection that the call came over: a channel for calls to the client. */
  readonly connection: Connection;
  /** The request's headers. */
  readonly headers: Metadata;
  /** Sent with the first message of the answer, to peers that read our extension. */
  readonly responseHeaders: Metadata;
  /** Sent with the end of the answer, to peers that read our extension. */
  readonly responseTrailers: Metadata;
  /** What `accept` and interceptors have set. */
  readonly values: ContextValues;
  /**
   * User metadata of a caller that doesn't speak our extension, as it came; in `composite` mode all metadata of the request,
   * whoever calls. Empty when there is none.
   */
  readonly rawMetadata: Uint8Array;
  /** The trace of a caller of another make, by B3 names and, in `composite` mode, W3C's; empty when there is none. */
  readonly tracing: ReadonlyMap<string, string>;
  /** What is left of the caller's deadline, undefined without one. */
  readonly remainingMs: () => number | undefined;
}
