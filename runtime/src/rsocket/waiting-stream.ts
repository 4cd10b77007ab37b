// SPDX-License-Identifier: Apache-2.0
// A request that waits for a lease, as its caller holds it: a handle whose stream comes later, or never.

import { MAX_31_BIT } from "../frames/layout.js";
import type { WaitingCall } from "../session/admission.js";
import type { ConnectionError, StreamError } from "../session/errors.js";
import type { StreamSink } from "../session/stream.js";
import type { StreamHandle } from "./payload.js";

/** How a request begins once it may, and leaves the queue when it may not any more. */
export interface WaitingStreamInit {
  readonly sink: StreamSink;
  readonly initialN: number;
  /** Opens the stream. @throws ConnectionError or StreamError when that can't be. */
  open(initialN: number): StreamHandle;
  withdraw(call: WaitingCall): void;
}

/** Behaves as a stream whose peer has asked for nothing yet. */
export class WaitingStream implements StreamHandle, WaitingCall {
  readonly #init: WaitingStreamInit;
  #stream: StreamHandle | undefined;
  #moreN = 0;
  #completes: { readonly metadata: Uint8Array | undefined } | undefined;
  #isOver = false;

  constructor(init: WaitingStreamInit) {
    this.#init = init;
  }

  /** 0 as long as there is no stream. */
  get id(): number {
    return this.#stream?.id ?? 0;
  }

  get credit(): number {
    return this.#stream?.credit ?? 0;
  }

  get mayProduce(): boolean {
    return this.#stream?.mayProduce ?? false;
  }

  get mayAnswer(): boolean {
    return this.#stream?.mayAnswer ?? false;
  }

  get neverSent(): boolean {
    return this.#stream?.neverSent ?? true;
  }

  next(data: Uint8Array, metadata?: Uint8Array, complete?: boolean): boolean {
    if (this.#stream !== undefined) return this.#stream.next(data, metadata, complete);
    if (this.#isOver) return false;
    throw new RangeError("item on a stream that waits for a lease (RSocket 1.0 §Reactive Streams Semantics)");
  }

  complete(metadata?: Uint8Array): void {
    if (this.#stream !== undefined) this.#stream.complete(metadata);
    else this.#completes ??= { metadata };
  }

  error(code: number, data: Uint8Array): void {
    if (this.#stream !== undefined) this.#stream.error(code, data);
    else this.cancel();
  }

  request(n: number): void {
    if (this.#stream !== undefined) return this.#stream.request(n);
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`request(${n}), expected 1 … 2^31-1`);
    this.#moreN = Math.min(this.#moreN + n, MAX_31_BIT);
  }

  cancel(): void {
    if (this.#stream !== undefined) return this.#stream.cancel();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#init.withdraw(this);
  }

  // ── WaitingCall ─────────────────────────────────────────────────────────────────────────────────────────────────

  admit(): void {
    if (this.#isOver) return;
    const { initialN, sink } = this.#init;
    try {
      this.#stream = this.#init.open(Math.min(initialN + this.#moreN, MAX_31_BIT));
    } catch (error) {
      this.#isOver = true;
      return sink.onError(error as StreamError | ConnectionError);
    }
    if (this.#completes !== undefined) this.#stream.complete(this.#completes.metadata);
  }

  fail(error: StreamError | ConnectionError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#init.sink.onError(error);
  }
}
