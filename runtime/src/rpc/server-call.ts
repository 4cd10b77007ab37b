// SPDX-License-Identifier: Apache-2.0
// One incoming call: decode, run the handler, answer, and end exactly once whatever happens meanwhile.

import type { Envelope } from "../metadata/envelope.js";
import { fromWireHeaders, Metadata, toWireHeaders } from "../metadata/headers.js";
import { ConnectionError, ErrorCode, type StreamError } from "../rsocket/errors.js";
import { IncomingItems, type IncomingOwner, OutgoingItems, type OutgoingOwner } from "../rsocket/iterate.js";
import type { MessageBytes, MessageHandle } from "../rsocket/payload.js";
import { Interaction, type StreamSink } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import type { CallContext } from "./call-context.js";
import { CallRecord } from "./call-record.js";
import type { Source } from "./channel.js";
import { Code } from "./code.js";
import { encodeToSend, giveBack } from "./codec.js";
import type { Connection } from "./connection.js";
import type { ContextValues } from "./context-values.js";
import type { DeadlineOwner } from "./deadline.js";
import { isThenable, messageOf, nameOf } from "./describe.js";
import { RpcError } from "./error.js";
import type { AheadWaiter, HeldAnswers } from "./held-answers.js";
import type { HandlerEntry } from "./service.js";
import { decodeSessionError, encodeErrorData } from "./status-codec.js";
import { answerMetadata, type RpcTransport } from "./transport.js";

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);
/** A caller's first items: few, since they may be large and there may be thousands of calls; it grows as they are consumed. */
const FIRST_WINDOW_ITEMS = 4;

/** What a request said beside its message. */
export interface IncomingRequest {
  /** The first message, until it is decoded: it is a view, and a stream that lives long would keep what was read with it. */
  data: Uint8Array;
  /** A channel on which nothing follows. Its end may come while an interceptor still waits for something. */
  complete: boolean;
  /** Present when the caller speaks our extension. */
  envelope: Envelope | undefined;
  rawMetadata: Uint8Array;
  /** A tracing map or a Zipkin payload, by the connection's mode. */
  tracing: Uint8Array;
  /** When its first frame came. */
  readonly receivedAtMs: number;
}

/** What a server call needs of its surroundings. */
export interface ServerCallHost {
  readonly transport: RpcTransport;
  readonly connection: Connection;
  readonly values: ContextValues;
  /** Handlers of this connection that haven't ended yet. */
  runningHandlers: number;
  /** Answers that wait for room, and items fetched ahead. */
  readonly heldAnswers: HeldAnswers;
  /** The handler does nothing any more. */
  releaseHandler(call: ServerCall): void;
  /** A request was turned down before a handler heard of it. */
  onRefused(wireCode: number, message: string): void;
  /** Headers or trailers can't be sent to this peer. */
  dropAnswerMetadata(call: ServerCall): void;
}

/** A call on the server's side; also the context that its handler sees. */
export class ServerCall
  extends CallRecord
  implements CallContext, StreamSink, DeadlineOwner, IncomingOwner<unknown>, OutgoingOwner<unknown>, AheadWaiter
{
  readonly side = "server";
  readonly #host: ServerCallHost;
  readonly #entry: HandlerEntry;
  readonly #stream: MessageHandle;
  readonly #interaction: Interaction;
  readonly #request: IncomingRequest;
  #headers: Metadata | undefined;
  #responseHeaders: Metadata | undefined;
  #responseTrailers: Metadata | undefined;
  #headersSent = false;
  #ended = false;
  // Begun, or refused for good, by its interceptors.
  #isRunning = false;
  #isStopped = false;
  #hasReturned = false;
  #incoming: IncomingItems<unknown> | undefined;
  #outgoing: OutgoingItems<unknown> | undefined;
  // The handler's answer that waits for room, or for credit on a channel.
  #held: { readonly value: unknown } | undefined;
  // It was told once that there is no room to fetch an item ahead.
  #waitsForRoom = false;

  constructor(
    host: ServerCallHost,
    entry: HandlerEntry,
    stream: MessageHandle,
    interaction: Interaction,
    request: IncomingRequest,
  ) {
    const { transport } = host;
    super(entry.method, transport.scheduler, transport.observer, host.values);
    this.#host = host;
    this.#entry = entry;
    this.#stream = stream;
    this.#interaction = interaction;
    this.#request = request;
  }

  // ── CallContext ─────────────────────────────────────────────────────────────────────────────────────────────────

  get context(): CallContext {
    return this;
  }

  get connection(): Connection {
    return this.#host.connection;
  }

  get headers(): Metadata {
    this.#headers ??= new Metadata();
    return this.#headers;
  }

  get responseHeaders(): Metadata {
    this.#responseHeaders ??= new Metadata();
    return this.#responseHeaders;
  }

  get responseTrailers(): Metadata {
    this.#responseTrailers ??= new Metadata();
    return this.#responseTrailers;
  }

  get rawMetadata(): Uint8Array {
    return this.#request.rawMetadata;
  }

  get tracing(): ReadonlyMap<string, string> {
    try {
      return this.#host.transport.format.decodeTracing(this.#request.tracing);
    } catch {
      // A trace is an extra: one that is cut off doesn't stop the call that it came with.
      return new Map();
    }
  }

  // A context is taken apart where it is received.
  get remainingMs(): () => number | undefined {
    return () => this.timeoutMs;
  }

  // ── the way in ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Runs the call. `releaseHandler` is called when nothing of it runs any more. */
  begin(interceptors: ComposedInterceptors | undefined): void {
    const { envelope } = this.#request;
    if (envelope !== undefined && !this.#readEnvelope(envelope)) return this.#release();
    if (interceptors === undefined) this.#run();
    else this.#intercept(interceptors);
    // Many handlers answer at once: then nothing can come of it any more.
    if (this.#ended) return;
    this.deadline?.start();
    this.#letGo();
  }

  // What lives on doesn't hold what was read: these are views, and what the envelope says of headers has been copied.
  #letGo(): void {
    const request = this.#request;
    if (request.envelope !== undefined) request.envelope = { noMessage: request.envelope.noMessage };
    if (request.rawMetadata.length > 0) request.rawMetadata = request.rawMetadata.slice();
    if (request.tracing.length > 0) request.tracing = request.tracing.slice();
  }

  #intercept(interceptors: ComposedInterceptors): void {
    this.markBegin(this.#request.receivedAtMs);
    try {
      interceptors(this)?.catch((error: unknown) => this.#stopBy(error));
    } catch (error) {
      this.#stopBy(error);
    }
  }

  /** The interceptors have passed it on. One may have kept `next` beyond its own refusal. */
  proceed(): void {
    if (this.#isStopped) return;
    this.#isRunning = true;
    this.#run();
  }

  // An interceptor refuses it.
  #stopBy(error: unknown): void {
    this.#isStopped = true;
    if (!this.#isRunning) this.#release();
    // The caller has its answer: nobody else would hear of it.
    if (this.#ended && this.abortReason === undefined) this.observer.onCleanupError?.(error, this.method);
    else this.fail(error);
  }

  // Headers and deadline. False when the call is over by them.
  #readEnvelope({ headers, timeoutMs }: Envelope): boolean {
    if (headers !== undefined && headers.length > 0) {
      try {
        this.#headers = fromWireHeaders(headers);
      } catch (error) {
        this.#refuse(new RpcError(Code.InvalidArgument, messageOf(error)));
        return false;
      }
    }
    if (timeoutMs === undefined) return true;
    const { transport } = this.#host;
    const grantedMs = Math.min(timeoutMs, transport.rsocket.settings.limits.maxTimeoutMs);
    this.deadline = transport.deadlines.create(this.#request.receivedAtMs + grantedMs, this);
    // Its first fragment may have come long ago.
    if (this.deadline.dueMs > transport.rsocket.nowMs) return true;
    this.onDeadline();
    return false;
  }

  onDeadline(): void {
    this.#fail(new RpcError(Code.DeadlineExceeded, "deadline exceeded"), ErrorCode.APPLICATION_ERROR);
  }

  #run(): void {
    // It may have ended while an interceptor waited: cancelled, or out of time.
    if (this.#ended) return this.#release();
    const input = this.#decodeInput();
    if (input === undefined) return this.#release();
    const { kind } = this.definition;
    const isStream = kind === "server_streaming" || kind === "bidi_streaming";
    let result: unknown;
    let isLater = false;
    try {
      result = this.#entry.handle(input.value, this);
      isLater = !isStream && isThenable(result);
    } catch (error) {
      this.#release();
      return this.fail(error);
    }
    if (isStream) return this.#answerMany(result);
    if (!isLater) return this.#onValue(result);
    // A promise of another make may call back twice.
    Promise.resolve(result).then(
      (value) => this.#onValue(value),
      (error: unknown) => this.#onThrown(error),
    );
  }

  // The handler does nothing any more: its slot is free, and what it left unread is let go.
  #release(): void {
    this.#host.releaseHandler(this);
    this.#hasReturned = true;
    if (this.#ended) this.#incoming?.discard();
  }

  #onValue(value: unknown): void {
    if (!this.#ended && this.#interaction !== Interaction.FIRE_AND_FORGET && !this.#stream.mayAnswer) {
      return this.#hold(value);
    }
    this.#release();
    this.#answerOne(value);
  }

  // A thousand large answers at once to somebody who reads none: those that there is no room for aren't kept encoded, since
  // they may all be one, and their handlers count as running meanwhile.
  #hold(value: unknown): void {
    try {
      if (!this.#answersNothing) this.#host.heldAnswers.hold(value, this.definition.output);
    } catch (error) {
      this.#release();
      return this.fail(error);
    }
    this.#held = { value };
    // A getter of the message may have ended the call.
    if (this.#ended) this.#dropHeld();
  }

  #answerHeld(): void {
    if (this.#held === undefined || !this.#stream.mayAnswer) return;
    this.#onValue(this.#takeHeld(this.#held));
  }

  #dropHeld(): void {
    if (this.#held === undefined) return;
    this.#takeHeld(this.#held);
    this.#release();
  }

  #takeHeld({ value }: { readonly value: unknown }): unknown {
    this.#held = undefined;
    if (!this.#answersNothing) this.#host.heldAnswers.release(value);
    return value;
  }

  // A fire-and-forget method called by REQUEST_RESPONSE (rsocket-rpc-go does): it gets an empty message.
  get #answersNothing(): boolean {
    return this.definition.interaction === "fire_and_forget";
  }

  #onThrown(error: unknown): void {
    this.#release();
    this.fail(error);
  }

  // The handler's first argument: a message, or an iterable of messages; undefined when the request was undecodable.
  #decodeInput(): { readonly value: unknown } | undefined {
    const { kind } = this.definition;
    if (kind === "client_streaming" || kind === "bidi_streaming") return { value: this.#openInput() };
    try {
      this.receivedCount = 1;
      return { value: this.decode(this.#takeData()) };
    } catch (error) {
      this.#refuse(this.#noSuchMessage(error));
      return undefined;
    }
  }

  #takeData(): Uint8Array {
    const { data } = this.#request;
    this.#request.data = NO_BYTES;
    return data;
  }

  #openInput(): AsyncIterable<unknown> {
    const { transport } = this.#host;
    const { budget, ledger } = transport;
    const incoming = new IncomingItems<unknown>(this, { firstWindow: FIRST_WINDOW_ITEMS, budget, ledger });
    this.#incoming = incoming;
    incoming.attach(this.#stream, 0);
    // A channel may open without a message; only our extension can say so.
    if (this.#request.envelope?.noMessage !== true) this.onNext(this.#takeData(), undefined, false);
    if (this.#request.complete) incoming.end();
    else incoming.requestWindow();
    return incoming;
  }

  // ── the owner of what comes ─────────────────────────────────────────────────────────────────────────────────────

  decode(data: Uint8Array): unknown {
    return this.definition.input.decode(data, this.#host.transport.discardUnknownFields);
  }

  // A handler that fails leaves its loop first, and then its ERROR says it all: rsocket-rust takes a CANCEL before it for
  // the end of the answers, of a call that succeeded. So CANCEL waits for what the handler does in this turn.
  abandon(): void {
    this.#host.transport.scheduler.defer(() => this.#stream.cancel());
  }

  undecodable(cause: unknown): RpcError {
    const reason = this.#noSuchMessage(cause);
    this.#fail(reason, ErrorCode.INVALID);
    return reason;
  }

  overflow(message: string): RpcError {
    const reason = new RpcError(Code.ResourceExhausted, message);
    this.#fail(reason, ErrorCode.REJECTED);
    return reason;
  }

  // ── the answer ──────────────────────────────────────────────────────────────────────────────────────────────────

  #answerOne(value: unknown): void {
    if (this.#ended) return;
    const data = this.#encode(value);
    if (data === undefined) return;
    if (this.#interaction === Interaction.FIRE_AND_FORGET) return this.#end(undefined);
    const isLast = this.#interaction === Interaction.REQUEST_RESPONSE;
    this.#next(data, isLast);
    this.sentCount = 1;
    if (isLast) this.#end(undefined);
    else this.complete();
  }

  #answerMany(result: unknown): void {
    const { transport } = this.#host;
    let outgoing: OutgoingItems<unknown>;
    try {
      if (!isIterable(result)) {
        // A promise where a stream should be: what it comes to is nobody's business any more.
        if (isThenable(result)) result.then(undefined, () => {});
        throw new TypeError(`the handler returned ${nameOf(result)}, expected an iterable or an async iterable`);
      }
      outgoing = new OutgoingItems<unknown>(this, result, this.#stream, transport.budget);
    } catch (error) {
      this.#release();
      return this.fail(error);
    }
    if (this.#ended) return outgoing.stop();
    this.#outgoing = outgoing;
    outgoing.run();
  }

  // ── the owner of what goes ──────────────────────────────────────────────────────────────────────────────────────

  // Most answers carry no metadata; one that does is copied.
  encode(message: unknown): MessageBytes {
    return encodeToSend(this.definition.output, message, this.#host.transport.rsocket, -1, undefined);
  }

  looksAhead(): boolean {
    if (this.#host.transport.rsocket.peer.isOurs) return false;
    const hasRoom = this.#host.heldAnswers.hasRoomAhead(this);
    this.#waitsForRoom ||= !hasRoom;
    return hasRoom;
  }

  onRoomAhead(): void {
    this.#outgoing?.run();
  }

  onAhead(byteLength: number): void {
    this.#host.heldAnswers.add(byteLength);
  }

  onFinished(): void {
    this.#release();
  }

  send(data: MessageBytes): boolean {
    this.sentCount++;
    return this.#next(data, false);
  }

  // The first says headers, too, and the one that is the last as well, trailers.
  #next(data: MessageBytes, isLast: boolean): boolean {
    try {
      return this.#stream.next(data, this.#headersSent ? undefined : this.#answerMetadata(true, isLast), isLast);
    } finally {
      giveBack(data);
    }
  }

  complete(): void {
    if (this.#ended) return;
    this.#stream.complete(this.#answerMetadata(!this.#headersSent, true));
    this.#end(undefined);
  }

  #encode(value: unknown): MessageBytes | undefined {
    if (this.#interaction === Interaction.FIRE_AND_FORGET) return NO_BYTES;
    try {
      return this.#answersNothing ? NO_BYTES : this.encode(value);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
  }

  // The entry for headers and trailers that aren't sent yet, for a peer that reads it.
  #answerMetadata(withHeaders: boolean, withTrailers: boolean): Uint8Array | undefined {
    this.#headersSent = true;
    const headers = withHeaders && this.#responseHeaders !== undefined ? toWireHeaders(this.#responseHeaders) : [];
    const trailers = withTrailers && this.#responseTrailers !== undefined ? toWireHeaders(this.#responseTrailers) : [];
    if (headers.length === 0 && trailers.length === 0) return undefined;
    if (this.#peerReadsEnvelopes) return this.#encodeAnswerMetadata({ headers, trailers });
    this.#host.dropAnswerMetadata(this);
    return undefined;
  }

  // More than 64 KiB would be refused by the peer: the answer goes without them, and the server hears why.
  #encodeAnswerMetadata(envelope: Envelope): Uint8Array | undefined {
    try {
      return answerMetadata(envelope);
    } catch (error) {
      this.observer.onHandlerError?.(error, this.method);
      return undefined;
    }
  }

  // ── StreamSink ──────────────────────────────────────────────────────────────────────────────────────────────────

  onNext(data: Uint8Array, _metadata: Uint8Array | undefined, complete: boolean): void {
    this.receivedCount++;
    // There is an input by now: until there is, nothing is asked for.
    this.#incoming?.receive(data, undefined);
    if (complete) this.onComplete();
  }

  onComplete(): void {
    if (this.#incoming === undefined) this.#request.complete = true;
    else this.#incoming.end();
  }

  onError(error: StreamError | ConnectionError): void {
    this.giveUp(decodeSessionError(error, false));
  }

  onCancel(): void {
    this.giveUp(new RpcError(Code.Cancelled, "the caller cancelled the call", { initiator: "remote" }));
  }

  onRequestN(): void {
    this.#answerHeld();
    this.#outgoing?.run();
  }

  onWritable(): void {
    this.#answerHeld();
    this.#outgoing?.run();
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  get #peerReadsEnvelopes(): boolean {
    return this.#request.envelope !== undefined || this.#host.transport.rsocket.peer.isOurs;
  }

  /** The handler failed, or what it gave can't be sent. */
  fail(thrown: unknown): void {
    const isStatus = RpcError.is(thrown) && !tellsOfConnection(thrown);
    const silent = this.#interaction === Interaction.FIRE_AND_FORGET;
    // Once the call has ended early, its handler's error is nearly always the echo of that.
    if (this.#ended) return;
    if (!isStatus || silent) this.observer.onHandlerError?.(thrown, this.method);
    const error = isStatus ? thrown : maskedOf(thrown);
    this.#fail(error, ErrorCode.APPLICATION_ERROR);
  }

  // The request is wrong. Of fire-and-forget nobody else would hear it.
  #refuse(error: RpcError): void {
    if (this.#interaction === Interaction.FIRE_AND_FORGET) this.observer.onHandlerError?.(error, this.method);
    this.#fail(error, ErrorCode.INVALID);
  }

  // Answers with an error.
  #fail(error: RpcError, wireCode: number): void {
    if (this.#ended) return;
    const { limits } = this.#host.transport.rsocket.settings;
    const headers = this.#headersSent ? undefined : this.#responseHeaders;
    const data = encodeErrorData(error, this.#peerReadsEnvelopes, limits, this.#responseTrailers, headers, (fault) =>
      this.observer.onHandlerError?.(fault, this.method),
    );
    this.#stream.error(wireCode, data);
    this.giveUp(error);
  }

  /** Its handler may still do something. */
  get isRunning(): boolean {
    return !this.#hasReturned;
  }

  /** Nobody waits for an answer any more: the handler is told to stop. */
  giveUp(error: RpcError): void {
    if (this.#ended) return;
    this.abortSignal(error);
    this.#incoming?.fail(error);
    this.#end(error);
  }

  #end(error: RpcError | undefined): void {
    if (this.#ended) return;
    this.#dropHeld();
    this.#ended = true;
    this.deadline?.clear();
    this.#outgoing?.stop();
    if (this.#waitsForRoom) this.#host.heldAnswers.withdraw(this);
    if (this.#incoming !== undefined) {
      // What the caller still sends is of no use: it is told to stop.
      if (this.#hasReturned) this.#incoming.discard();
      else this.#incoming.end();
      this.#stream.cancel();
    }
    this.tellEnd(error);
  }

  onCleanupError(error: unknown): void {
    // A handler that ends by throwing its signal's reason does what it should.
    if (this.abortReason !== undefined && error === this.abortReason) return;
    this.observer.onCleanupError?.(error, this.method);
  }

  #noSuchMessage(cause: unknown): RpcError {
    const { service, name, input } = this.definition;
    return new RpcError(Code.InvalidArgument, `${service}.${name}: the request is no ${input.typeName}`, { cause });
  }
}

/** A channel's refusal has two. */
const MAX_CAUSES = 10;

function maskedOf(thrown: unknown): RpcError {
  if (!RpcError.is(thrown)) return new RpcError(Code.Internal, "internal error", { cause: thrown });
  return new RpcError(thrown.code, "another server couldn't be called", { cause: thrown });
}

// Of a call to somebody else that a handler makes: where that is, and what its system says, is nothing for this caller.
// Texts of users' own, around such an error, are meant for him.
function tellsOfConnection(error: RpcError): boolean {
  try {
    let { rawMessage, cause } = error;
    // Causes may go round in circles, and be getters that throw: then they are the user's own.
    for (let depth = 0; RpcError.is(cause) && depth < MAX_CAUSES; depth++) {
      if (!rawMessage.endsWith(cause.rawMessage)) return false;
      ({ rawMessage, cause } = cause);
    }
    return cause instanceof ConnectionError;
  } catch {
    return false;
  }
}

function isIterable(value: unknown): value is Source<unknown> {
  return typeof value === "object" && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value);
}
