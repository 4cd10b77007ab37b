// SPDX-License-Identifier: Apache-2.0
// The one error that calls fail with, on both sides.

import type { ErrorDetail } from "../metadata/envelope.js";
import { Metadata } from "../metadata/headers.js";
import { Code, codeName } from "./code.js";
import { messageOf } from "./describe.js";

export type { ErrorDetail } from "../metadata/envelope.js";

// Shared by all copies of the package that one program may load.
const BRAND = Symbol.for("rsocket-rpc.RpcError");

/** What may be said of an error beside code and message. */
export interface RpcErrorOptions {
  /** Typed details; make them with `errorDetail(schema, init)`. They reach peers that read our extension. */
  readonly details?: readonly ErrorDetail[];
  /** Key-value pairs that travel with the error. */
  readonly trailers?: Metadata;
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
export class RpcError extends Error {
  override readonly name: string = "RpcError";
  readonly scope = "call";
  readonly code: Code;
  /** The message without the code in front of it. */
  readonly rawMessage: string;
  /** Who says so: this side, or the peer. */
  readonly initiator: "local" | "remote";
  /** The call was certainly not processed: it is safe to repeat it. */
  readonly retryable: boolean;
  /** Key-value pairs that came with the error. */
  readonly trailers: Metadata;
  /** Typed details, as `google.protobuf.Any` holds them. Read them with `findDetails(error, schema)`. */
  readonly details: readonly ErrorDetail[];
  /** The RSocket error code that came over the wire, if one did (RSocket 1.0 §Error Codes). */
  readonly wireCode: number | undefined;

  constructor(code: Code, message: string, options: RpcErrorOptions = {}) {
    super(`[${codeName(code)}] ${message}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.rawMessage = message;
    this.initiator = options.initiator ?? "local";
    this.retryable = options.retryable ?? false;
    this.trailers = options.trailers ?? new Metadata();
    this.details = options.details ?? [];
    this.wireCode = options.wireCode;
    Object.defineProperty(this, BRAND, { value: true });
  }

  /** `error` itself if it is one; an abort as `cancelled`, a timeout as `deadline_exceeded`, all else as `internal`. */
  static from(error: unknown): RpcError {
    if (RpcError.is(error)) return error;
    const message = messageOf(error);
    const name = nameOfThrown(error);
    if (name === "AbortError") return new RpcError(Code.Cancelled, message, { cause: error });
    if (name === "TimeoutError") return new RpcError(Code.DeadlineExceeded, message, { cause: error });
    return new RpcError(Code.Internal, message, { cause: error });
  }

  /** True for an RpcError of any copy of this package, with one of `codes` if any are given. */
  static is<C extends Code>(error: unknown, ...codes: C[]): error is RpcError & { readonly code: C } {
    if (typeof error !== "object" || error === null) return false;
    try {
      if ((error as Record<symbol, unknown>)[BRAND] !== true) return false;
      return codes.length === 0 || (codes as readonly Code[]).includes((error as RpcError).code);
    } catch {
      return false; // user code may throw anything, such as a proxy that tells nothing
    }
  }
}

function nameOfThrown(error: unknown): string {
  try {
    return error instanceof Error || error instanceof DOMException ? error.name : "";
  } catch {
    return "";
  }
}
