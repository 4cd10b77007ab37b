// SPDX-License-Identifier: Apache-2.0
// The one error that calls fail with, on both sides.

import type { ErrorDetail } from "../metadata/envelope.js";
import { Metadata, type MetadataInit } from "../metadata/headers.js";
import { CallError, codeOfThrown, isCallError } from "./call-error.js";
import type { Code } from "./code.js";
import { messageOf } from "./describe.js";

export type { ErrorDetail } from "../metadata/envelope.js";

/** What may be said of an error beside code and message. */
export interface RpcErrorOptions {
  /** Typed details; make them with `errorDetail(schema, init)`. They reach peers that read our extension. */
  readonly details?: readonly ErrorDetail[];
  /** Key-value pairs that travel with the error. */
  readonly trailers?: MetadataInit;
  /** Headers of the answer that failed. They don't travel on with an error that is thrown again. */
  readonly headers?: MetadataInit;
  /** What led to it; never leaves this process. */
  readonly cause?: unknown;
  /** Which side says so; `local` unless given. */
  readonly initiator?: "local" | "remote";
  /** The call was certainly not processed: it is safe to repeat it. */
  readonly retryable?: boolean;
  /** The RSocket error code that came over the wire. */
  readonly wireCode?: number;
}

/**
 * A call failed. Throw it in a handler to answer with a status; catch it where a call is made.
 *
 * @example
 * throw new RpcError(Code.NotFound, `no symbol ${name}`);
 * @example
 * if (RpcError.is(error, Code.NotFound, Code.Unavailable)) …
 */
export class RpcError extends CallError {
  /** Key-value pairs that came with the error. */
  declare readonly trailers: Metadata;
  /** The answer's headers, when it failed before its first message: `onHeaders` hears of those that came with one. */
  readonly headers: Metadata;

  /** @throws MetadataError for trailers or headers against the rules. */
  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    super(code, message, { ...options, trailers: Metadata.from(options.trailers ?? []) });
    this.headers = Metadata.from(options.headers ?? []);
  }

  /** `error` itself if it is one; an abort as `cancelled`, a timeout as `deadline_exceeded`, all else as `internal`. */
  static override from(error: unknown): RpcError {
    return RpcError.is(error) ? error : new RpcError(codeOfThrown(error), messageOf(error), { cause: error });
  }

  /** True for an RpcError of any copy of this package, with one of `codes` if any are given. */
  static override is<C extends Code>(error: unknown, ...codes: C[]): error is RpcError & { readonly code: C } {
    return isCallError(error, codes);
  }
}
