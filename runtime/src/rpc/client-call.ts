// SPDX-License-Identifier: Apache-2.0
// One outgoing call: its deadline, its caller's signal, its turn in the write queue, and its one end.

import { expectedMessageBytes } from "../codec/expected-length.js";
import { readEnvelope, startsWithEnvelopeEntry } from "../metadata/entry.js";
import type { Envelope } from "../metadata/envelope.js";
import { fromWireHeaders, Metadata, toWireHeaders } from "../metadata/headers.js";
import { mayReadAsComposite } from "../metadata/rpc-metadata.js";
import { ConnectionError, type StreamError } from "../rsocket/errors.js";
import type { MessageBytes, MessageHandle } from "../rsocket/payload.js";
import { Interaction, type StreamSink, type UnopenedCall, type WaitingCall } from "../rsocket/sink.js";
import { listenForAbort, stopListening } from "./abort-listeners.js";
import type { ComposedInterceptors, FailedAttempt } from "./call.js";
import type { CallContext } from "./call-context.js";
import { abortError, deadlineExceeded, unencodable } from "./call-errors.js";
import { type CallOptions, checkCallOptions, MAX_TIMEOUT_MS } from "./call-options.js";
import { CallRecord } from "./call-record.js";
import { Code } from "./code.js";
import { encodeToSend, giveBack } from "./codec.js";
import type { DeadlineOwner } from "./deadline.js";
import { guard, messageOf, nameOf } from "./describe.js";
import { RpcError } from "./error.js";
import { type AnyMethod, routeOf } from "./method.js";
import { decodeConnectionError, decodeSessionError } from "./status-codec.js";
import { type RpcTransport, requestMetadata, timeoutMetadata } from "./transport.js";

const NO_OPTIONS: CallOptions = {};
/** How a call has ended. */
const FAILED = 1;
const SUCCEEDED = 2;

/** What ends a call early. It makes its error only when somebody is there to get it. */
export type Failure = () => RpcError;

/** Tells `fail` of the end of the connection, unless it is withdrawn before: of calls that have no stream to hear it by. */
export function hearEnd({ rsocket }: RpcTransport, fail: (failure: Failure) => void): UnopenedCall {
  const unopened = { fail: (error: ConnectionError): void => fail(() => decodeConnectionError(error, true)) };
  rsocket.addUnopened(unopened);
  return unopened;
}

/** A call on the client's side. Subclasses say what is sent and what becomes of the answer. */
export abstract class ClientCall extends CallRecord implements StreamSink, DeadlineOwner {
  readonly side = "client";
  readonly transport: RpcTransport;
  readonly options: CallOptions;
  /** Set while the call has a stream. */
  stream: MessageHandle | undefined;
  #headers: Metadata | undefined;
  #ended: typeof FAILED | typeof SUCCEEDED | 0 = 0;
  // By which the connection knows the call, as long as it has no stream.
  #queued: UnopenedCall | undefined;
  #headersSeen = false;
  #onAbort: (() => void) | undefined;
  #launched = false;
  #decide: ((failed: FailedAttempt) => number | undefined) | undefined;
  // What to tell the peer of the deadline, as long as no time has passed since it was set; 0 otherwise.
  #freshTimeoutMs = 0;

  constructor(transport: RpcTransport, method: AnyMethod, options: CallOptions | undefined) {
    super(method, transport.scheduler, transport.observer, options?.values);
    this.transport = transport;
    this.options = options ?? NO_OPTIONS;
  }

  /** Request headers; what interceptors set here is sent. */
  get headers(): Metadata {
    this.#headers ??= Metadata.from(this.options.headers ?? []);
    return this.#headers;
  }

  /** The call is over. */
  get isEnded(): boolean {
    return this.#ended !== 0;
  }

  override retryWhen(decide: (failed: FailedAttempt) => number | undefined): void {
    if (typeof decide !== "function") throw new TypeError(`retryWhen got ${nameOf(decide)}, expected a function`);
    const earlier = this.#decide;
    this.#decide = earlier === undefined ? decide : (failed) => earlier(failed) ?? decide(failed);
  }

  /** Somebody wants to decide whether the call is made again. */
  get mayRetry(): boolean {
    return this.#decide !== undefined;
  }

  /** The interceptors are done with it. */
  get isLaunched(): boolean {
    return this.#launched;
  }

  /** When it began, as far as anybody measures: where neither interceptors nor a deadline do, now. */
  get startedAtMs(): number {
    if (this.isWatched) return this.beganAtMs;
    const { timeoutMs } = this.options;
    const nowMs = this.scheduler.now();
    return this.deadline === undefined || timeoutMs === undefined ? nowMs : this.deadline.dueMs - timeoutMs;
  }

  /** How long until it is made again, undefined for never. @throws whatever the interceptor that decides throws. */
  retryDelayMs(error: unknown): number | undefined {
    const waitMs = this.#decide?.({ error: RpcError.from(error), attempt: this.attempt });
    if (waitMs === undefined || (waitMs >= 0 && waitMs <= MAX_TIMEOUT_MS)) return waitMs;
    throw new RangeError(`retryWhen was told to wait ${waitMs} ms, expected 0 … ${MAX_TIMEOUT_MS}`);
  }

  /**
   * Begins the call: its signal counts, interceptors see it, then it is sent. Its deadline counts from here, or from
   * `waitedMs` ago, when it has waited so long for its connection.
   */
  begin(interceptors: ComposedInterceptors | undefined, waitedMs = 0): void {
    if (this.options !== NO_OPTIONS && !this.#applyOptions(waitedMs)) return;
    if (interceptors === undefined) return this.proceed();
    this.markBegin(this.scheduler.now());
    this.#freshTimeoutMs = 0;
    try {
      const waiting = interceptors(this);
      if (waiting === undefined) return;
      waiting.catch((error: unknown) => this.#stopBy(error));
      // It may wait for ever: the end of the connection is the call's all the same.
      if (!this.#launched && !this.#ended) this.#queued = hearEnd(this.transport, (failure) => this.fail(failure));
    } catch (error) {
      this.#stopBy(error);
    }
  }

  // By an interceptor or a listener of its caller. Who hears that it failed, and fails by it, is no news.
  #stopBy(error: unknown): void {
    if (this.#ended === SUCCEEDED) this.observer.onCleanupError?.(error, this.method);
    else this.fail(() => RpcError.from(error));
  }

  /** Encodes and opens the stream; called when the write queue has room. */
  abstract admit(): void;

  /** The call failed, or its caller gave up: the first failure counts. */
  fail(failure: RpcError | Failure): void {
    if (!this.#end(FAILED)) return;
    this.stream?.cancel();
    this.onFailed(typeof failure === "function" ? failure : () => failure);
  }

  /** A subclass settles its promise or iterable. */
  protected abstract onFailed(failure: Failure): void;

  /** The call succeeded. False when it had ended before. */
  protected succeed(): boolean {
    return this.#end(SUCCEEDED);
  }

  /** Encodes the call's one message and opens its stream with it; undefined when the call has failed by it. */
  send(interaction: Interaction, message: unknown, initialN: number): MessageHandle | undefined {
    const metadata = this.#metadata(false);
    if (metadata === undefined) return undefined;
    let data: MessageBytes;
    try {
      const n = interaction === Interaction.REQUEST_STREAM ? initialN : -1;
      data = encodeToSend(this.definition.input, message, this.transport.rsocket, n, metadata);
    } catch (error) {
      this.fail(() => unencodable(this.definition, error));
      return undefined;
    }
    this.sentCount = 1;
    return this.#open(interaction, metadata, data, initialN);
  }

  /**
   * Opens the call's stream with its first message; undefined when the call has failed by it. `noMessage` marks a channel
   * that opens without one.
   */
  open(interaction: Interaction, data: MessageBytes, initialN: number, noMessage = false): MessageHandle | undefined {
    const metadata = this.#metadata(noMessage);
    return metadata === undefined ? undefined : this.#open(interaction, metadata, data, initialN);
  }

  #open(
    interaction: Interaction,
    metadata: Uint8Array,
    data: MessageBytes,
    initialN: number,
  ): MessageHandle | undefined {
    try {
      const { rsocket } = this.transport;
      // A getter of the message may have ended the call.
      if (this.#ended) return undefined;
      this.stream = rsocket.open(interaction, metadata, data, initialN, this);
      return this.stream;
    } catch (error) {
      if (error instanceof ConnectionError) this.fail(() => decodeConnectionError(error, true));
      else if (this.transport.rsocket.lacksLease) this.fail(noLease);
      else this.#refuse(error);
      return undefined;
    } finally {
      giveBack(data);
    }
  }

  #metadata(noMessage: boolean): Uint8Array | undefined {
    try {
      return this.encodeMetadata(noMessage);
    } catch (error) {
      this.#refuse(error);
      return undefined;
    }
  }

  // What the caller said can't be meant, or sent.
  #refuse(error: unknown): void {
    this.fail(() => new RpcError(Code.InvalidArgument, messageOf(error), { cause: error }));
  }

  get context(): CallContext | undefined {
    return undefined;
  }

  /** The request's metadata; `noMessage` marks a channel that opens without one. */
  encodeMetadata(noMessage: boolean): Uint8Array {
    const { rawMetadata, tracing } = this.options;
    // Most calls with a deadline say no more than that, and all those of a client say the same.
    if (this.#freshTimeoutMs > 0 && this.#headers === undefined && !noMessage && tracing === undefined) {
      return timeoutMetadata(this.transport.format, this.definition, this.#freshTimeoutMs);
    }
    const envelope = this.#envelope(noMessage);
    const isBare = envelope === undefined && rawMetadata === undefined && tracing === undefined;
    const metadata = requestMetadata(
      this.transport.format,
      this.definition,
      isBare ? undefined : { envelope, rawMetadata, tracing },
    );
    if (!isBare) this.#warnOfComposite(metadata.length);
    return metadata;
  }

  /** An answer's metadata: headers and trailers of ours go to the caller's listeners, the rest to `onRawMetadata`. */
  protected takeAnswerMetadata(metadata: Uint8Array | undefined): boolean {
    if (metadata === undefined || metadata.length === 0) return true;
    if (!startsWithEnvelopeEntry(metadata)) return this.#takeRawMetadata(metadata);
    let headers: Metadata;
    let trailers: Metadata;
    try {
      const envelope = readEnvelope(metadata);
      headers = fromWireHeaders(envelope?.headers ?? []);
      trailers = fromWireHeaders(envelope?.trailers ?? []);
    } catch (error) {
      this.fail(
        () => new RpcError(Code.Internal, `the answer's metadata is malformed: ${messageOf(error)}`, { cause: error }),
      );
      return false;
    }
    if (!headers.isEmpty && !this.#headersSeen) {
      this.#headersSeen = true;
      this.#call(this.options.onHeaders, headers);
    }
    if (!trailers.isEmpty) this.#call(this.options.onTrailers, trailers);
    // Either of them may have ended the call, by aborting its signal.
    return this.#ended === 0;
  }

  #takeRawMetadata(metadata: Uint8Array): boolean {
    const foreign = this.transport.format.foreignMimeTypeOf?.(metadata);
    if (foreign === undefined) this.#call(this.options.onRawMetadata, metadata);
    else this.fail(() => new RpcError(Code.Internal, `the answer is ${foreign}, expected protobuf`));
    return this.#ended === 0;
  }

  // ── StreamSink and WaitingCall ──────────────────────────────────────────────────────────────────────────────────

  abstract onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void;
  abstract onComplete(metadata: Uint8Array | undefined): void;

  onError(error: StreamError | ConnectionError): void {
    const neverSent = this.stream?.neverSent ?? true;
    this.stream = undefined;
    this.fail(() => decodeSessionError(error, neverSent));
  }

  onCancel(): void {}
  onRequestN(_n: number): void {}
  onWritable(): void {}

  expectBytes(start: Uint8Array): number {
    return expectedMessageBytes(start);
  }

  // ── the beginning and the end ───────────────────────────────────────────────────────────────────────────────────

  // False when the call has failed by it.
  #applyOptions(waitedMs: number): boolean {
    const { signal, timeoutMs } = this.options;
    try {
      checkCallOptions(this.options);
      if (this.options.headers !== undefined) void this.headers;
    } catch (error) {
      this.#refuse(error);
      return false;
    }
    if (signal !== undefined) this.#listenTo(signal);
    if (timeoutMs !== undefined && !this.#ended) this.#setDeadline(Math.max(0, timeoutMs - waitedMs));
    return this.#ended === 0;
  }

  #setDeadline(leftMs: number): void {
    this.deadline = this.transport.deadlines.create(this.scheduler.now() + leftMs, this);
    if (leftMs === 0) return this.onDeadline();
    this.deadline.start();
    this.#freshTimeoutMs = Math.ceil(leftMs);
  }

  onDeadline(): void {
    this.fail(() => deadlineExceeded(this.options.timeoutMs ?? 0));
  }

  #listenTo(signal: AbortSignal): void {
    const abort = (): void => this.fail(() => abortError(signal.reason));
    if (signal.aborted) return abort();
    this.#onAbort = abort;
    listenForAbort(signal, abort);
  }

  /** The interceptors, if there are any, have passed it on: it is sent, or waits for room. */
  proceed(): void {
    this.#launched = true;
    if (this.#ended) return;
    const { rsocket } = this.transport;
    if (this.#queued !== undefined) {
      rsocket.withdrawCall(this.#queued);
      this.#queued = undefined;
    }
    if (rsocket.hasRoom) return this.admit();
    this.#queue(() => this.admit());
  }

  /** Opens a channel now or, when another call has taken the lease meanwhile, with the next. */
  openLeased(open: () => void): void {
    if (this.transport.rsocket.lacksLease) this.#queue(open);
    else open();
  }

  #queue(proceed: () => void): void {
    const { rsocket } = this.transport;
    this.#freshTimeoutMs = 0;
    const isLeaseLacking = rsocket.lacksLease;
    if (isLeaseLacking && !(this.options.waitForReady ?? rsocket.waitsForLease)) return this.fail(noLease);
    const waiting = this.#waitingCall(proceed);
    this.#queued = waiting;
    try {
      if (rsocket.queueCall(waiting)) return;
    } catch (error) {
      return this.fail(() =>
        error instanceof ConnectionError ? decodeConnectionError(error, true) : RpcError.from(error),
      );
    }
    const { maxQueuedCalls, maxCallsWithoutLease } = rsocket.settings.limits;
    const most = isLeaseLacking ? Math.min(maxQueuedCalls, maxCallsWithoutLease) : maxQueuedCalls;
    this.fail(() => queueFull(most, isLeaseLacking ? "for a lease" : "to be sent"));
  }

  // In the queue the call is known by this, so that `fail` of the queue and of the call stay apart.
  #waitingCall(proceed: () => void): WaitingCall {
    return {
      admit: () => {
        this.#queued = undefined;
        proceed();
      },
      fail: (error) => {
        this.#queued = undefined;
        this.fail(() => decodeConnectionError(error, true));
      },
    };
  }

  #end(how: typeof FAILED | typeof SUCCEEDED): boolean {
    if (this.#ended !== 0) return false;
    this.#ended = how;
    this.deadline?.clear();
    if (this.#onAbort !== undefined && this.options.signal !== undefined) {
      stopListening(this.options.signal, this.#onAbort);
      this.#onAbort = undefined;
    }
    if (this.#queued !== undefined) this.transport.rsocket.withdrawCall(this.#queued);
    return true;
  }

  #envelope(noMessage: boolean): Envelope | undefined {
    const timeoutMs = this.timeoutMs;
    const headers = this.#headers === undefined || this.#headers.isEmpty ? undefined : toWireHeaders(this.#headers);
    if (timeoutMs === undefined && headers === undefined && !noMessage) {
      return this.transport.announcePerRequest ? {} : undefined;
    }
    return {
      ...(timeoutMs === undefined ? {} : { timeoutMs: Math.min(Math.ceil(timeoutMs), MAX_TIMEOUT_MS) }),
      ...(noMessage ? { noMessage } : {}),
      ...(headers === undefined ? {} : { headers }),
    };
  }

  #warnOfComposite(metadataBytes: number): void {
    const { format, observer, rsocket } = this.transport;
    if (rsocket.peer.isOurs) return;
    // Names in a .proto are ASCII: as many bytes as characters.
    const moreBytes = metadataBytes - routeOf(this.definition, format).length;
    if (format.mode !== "rpc" || !mayReadAsComposite(this.definition.service.length, moreBytes)) return;
    observer.onLargeUserMetadata?.(moreBytes, this.method);
  }

  // A listener that throws fails its own call, as if it had stood in the caller's code.
  #call<T>(listener: ((value: T) => void) | undefined, value: T): void {
    if (listener === undefined) return;
    guard(
      () => listener(value),
      (error) => this.#stopBy(error),
    );
  }
}

function queueFull(maxCalls: number, what: string): RpcError {
  return new RpcError(Code.ResourceExhausted, `more than ${maxCalls} calls wait ${what}`, { retryable: true });
}

function noLease(): RpcError {
  return new RpcError(Code.Unavailable, "there is no lease for a call now", { retryable: true });
}
