// SPDX-License-Identifier: Apache-2.0
// One call of a client: what it sends, what of the answer waits for its consumer, and its one end.

import { readUint24, readUint31, readUint32 } from "../bytes/integers.js";
import { lengthOf, NO_BYTES } from "../bytes/parts.js";
import type { Timer } from "../engine/scheduler.js";
import { MAX_31_BIT } from "../frames/layout.js";
import { CallError, callErrorOf } from "../rpc/call-error.js";
import type { CallOptions } from "../rpc/call-options.js";
import type { Source } from "../rpc/channel.js";
import type { Code } from "../rpc/code.js";
import {
  CANCELLED,
  DEADLINE_EXCEEDED,
  FAILED_PRECONDITION,
  INTERNAL,
  INVALID_ARGUMENT,
  RESOURCE_EXHAUSTED,
} from "../rpc/code-numbers.js";
import { checkMessage } from "../rpc/codec.js";
import { messageOf, nameOf } from "../rpc/describe.js";
import type { AnyMethod } from "../rpc/method.js";
import { type Bytes, concat, uint } from "./bytes.js";
import { check, checkRange, tooMuch } from "./check.js";
import {
  APPLICATION_ERROR,
  EMPTY_FRAGMENT_COUNT,
  FIRST_ITEMS,
  FRAME_HEAD_BYTES,
  LEAST_ITEMS,
  MAX_ERROR_CHARACTERS,
  METADATA_LENGTH_BYTES,
  MOST_ITEMS,
  WINDOW_BYTES,
} from "./constants.js";
import { lostError, peerError } from "./errors.js";
import * as Flag from "./flags.js";
import { append, type Fragments } from "./fragments.js";
import { frameOf } from "./frame.js";
import * as FrameType from "./frame-types.js";
import type { MetadataSupport } from "./headers.js";
import * as Limit from "./limit-places.js";
import type { LimitPlace } from "./limits.js";
import { checkSupport, errorData, requestMetadata } from "./metadata.js";
import type { LiteSession, LiteStream } from "./session.js";
import { createWaiting, dropped } from "./waiting.js";

/** A call. Its answers are read with `next`, one by one. */
export type LiteCall<O> = Required<AsyncIterableIterator<O, undefined>>;

/**
 * Checks what the caller said, and sends the request as soon as there is room. `request` is a source of messages for a
 * channel, else a message. `answers`: so many are asked for, and no more; by default as many as the consumer takes.
 */
export function beginCall<O>(
  session: LiteSession,
  method: AnyMethod,
  type: number,
  request: unknown,
  options: CallOptions = {},
  answers?: number,
): LiteCall<O> {
  const { init, turns } = session;
  const { limits, scheduler } = init;
  const { signal, timeoutMs, prefetch } = options;
  const isStream = type >= FrameType.REQUEST_STREAM;
  const items = createWaiting(session);
  let id = 0;
  let isSent = false;
  let isEnded = false;
  // Thrown to the consumer behind the items that came before it.
  let failure: CallError | undefined;
  let timer: Timer | undefined;
  let dueMs = Infinity;
  let say: ReturnType<MetadataSupport["say"]> | undefined;
  let hear: ReturnType<MetadataSupport["hear"]> | undefined;
  // Those who wait for a change: its consumers, and whoever sends.
  let waiting: (() => void)[] = [];
  // What comes.
  let credit = answers ?? prefetch ?? FIRST_ITEMS;
  let surplusBytes = 0;
  let largestBytes = 1;
  let window = FIRST_ITEMS;
  let fragments: Fragments | undefined;
  // What goes out on a channel.
  let iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined;
  let isSending = false;
  let sendCredit = 0;

  // ── for its consumer ────────────────────────────────────────────────────────────────────────────────────────────

  const call: LiteCall<O> = {
    async next() {
      for (;;) {
        // The end counts, too: requests without an answer are over at once, and calls that fail.
        while ((isEnded || items.length > 0) && !turns.takeOne()) await new Promise<void>(turns.enqueue);
        const data = items.shift();
        if (!data && isEnded) {
          const error = failure;
          failure = undefined;
          if (error) throw error;
          return { done: true, value: undefined };
        }
        askForMore();
        if (data) return { done: false, value: decode(data) };
        await changed();
      }
    },
    // The consumer leaves: the call is cancelled, what waits is dropped, and it hears of no error.
    async return() {
      items.clear();
      giveUp(new CallError(CANCELLED, "left"));
      failure = undefined;
      return { done: true, value: undefined };
    },
    // The same, as `yield*` has it.
    async throw(reason) {
      await call.return();
      throw reason;
    },
    [Symbol.asyncIterator]: () => call,
  };

  // Then the call has failed by what is thrown.
  function decode(data: Uint8Array): O {
    try {
      return method.output.decode(data, init.discardUnknownFields) as O;
    } catch (cause) {
      void call.return();
      throw unfit("the answer", method.output.typeName, cause, INTERNAL);
    }
  }

  function unfit(what: string, typeName: string, cause: unknown, code: Code): CallError {
    const message = `${method.service}.${method.name}: ${what} is no ${typeName}: ${messageOf(cause)}`;
    return new CallError(code, message, { cause });
  }

  // Whenever half of the window is used up; a consumer that waits gets one in any case. Who keeps up gets a larger one.
  function askForMore(): void {
    if (isEnded || id === 0 || !isStream || answers) return;
    const fitting = Math.max(LEAST_ITEMS, Math.floor(WINDOW_BYTES / largestBytes));
    const wanted = prefetch ?? Math.min(window, fitting);
    const atHand = items.length + Math.max(0, credit);
    if (wanted - atHand < wanted / 2) return;
    // With too many bytes waiting only a consumer that has nothing left may ask, and only for one.
    const isFull = session.unconsumedBytes > limits[Limit.MAX_UNCONSUMED_BYTES];
    if (isFull && atHand > 0) return;
    const granted = isFull ? 1 : wanted - atHand;
    window = Math.min(MOST_ITEMS, 2 * window);
    // An item that was once large isn't held against a stream for ever.
    largestBytes -= largestBytes >> 2;
    credit += granted;
    sendFrame(FrameType.REQUEST_N, 0, uint(granted, 4));
  }

  function changed(): Promise<void> {
    return new Promise((resolve) => waiting.push(resolve));
  }

  function wake(): void {
    const woken = waiting;
    waiting = [];
    for (const resolve of woken) resolve();
  }

  // ── the request ─────────────────────────────────────────────────────────────────────────────────────────────────

  function begin(): void {
    try {
      const isSignal = signal === undefined || typeof signal?.addEventListener === "function";
      check(isSignal, "signal", signal, "an AbortSignal");
      if (timeoutMs !== undefined) checkRange("timeoutMs", timeoutMs, 0);
      if (prefetch !== undefined) checkRange("prefetch", prefetch, 1);
      checkSupport(init.metadata, options);
      say = init.metadata?.say(options);
      // Headers and trailers of ours, or whatever else came. The call may end by it: a listener may throw, or abort its signal.
      hear = init.metadata?.hear(options, (error) => giveUp(callErrorOf(error)));
    } catch (error) {
      failure = callErrorOf(error, INVALID_ARGUMENT);
      isEnded = true;
      return;
    }
    if (signal?.aborted) return onAbort();
    if (timeoutMs !== undefined) {
      if (timeoutMs === 0) return expire();
      dueMs = scheduler.now() + timeoutMs;
      timer = scheduler.setTimer(timeoutMs, expire);
    }
    session.join(stream);
    admit();
  }

  function expire(): void {
    refuse(`deadline exceeded after ${timeoutMs} ms`, DEADLINE_EXCEEDED);
  }

  function admit(): void {
    if (isEnded) return;
    if (session.endReason) return end(lostError(session.endReason, true));
    if (!session.hasRoom) {
      if (session.enqueue(admit)) return;
      return giveUp(
        new CallError(RESOURCE_EXHAUSTED, tooMuch("calls that wait", limits[Limit.MAX_QUEUED_CALLS]), {
          retryable: true,
        }),
      );
    }
    if (type === FrameType.REQUEST_CHANNEL) return void sendAll(request as Source<unknown>).catch(failSending);
    try {
      open(encode(request), false);
    } catch (error) {
      failSending(error);
    }
  }

  function encode(message: unknown): Uint8Array {
    const { typeName } = method.input;
    const pieces: Uint8Array[] = [];
    try {
      method.input.encode(checkMessage(message, typeName), pieces);
    } catch (cause) {
      throw unfit("the request", typeName, cause, INVALID_ARGUMENT);
    }
    return concat(...pieces);
  }

  function open(data: Uint8Array, noMessage: boolean): void {
    // A getter of the message may have ended the call.
    if (isEnded) return;
    let metadata: Uint8Array;
    try {
      const leftMs = Math.max(0, Math.ceil(dueMs - scheduler.now()));
      metadata = requestMetadata(method, leftMs, noMessage, say);
    } catch (error) {
      throw callErrorOf(error, INVALID_ARGUMENT);
    }
    id = session.open(stream, type !== FrameType.REQUEST_FNF);
    sendPayload(type, isStream ? uint(credit, 4) : [], metadata, data);
  }

  // In frames of at most `fragmentBytes` with their prefix: the first of `firstType`, with `head` in front of the payload,
  // PAYLOADs behind it. All metadata goes before any data, N is on every PAYLOAD (RSocket 1.0 §Fragmentation And Reassembly).
  function sendPayload(firstType: number, head: Bytes, metadata: Uint8Array, data: Uint8Array): void {
    let frameType = firstType;
    let body = [head];
    let metadataLeft = metadata;
    let dataLeft = data;
    let isWhole = false;
    while (!isWhole) {
      let room = init.fragmentBytes - FRAME_HEAD_BYTES - lengthOf(body);
      let flags = frameType === FrameType.PAYLOAD ? Flag.NEXT : 0;
      if (metadataLeft.length > 0) {
        room -= METADATA_LENGTH_BYTES;
        const part = metadataLeft.subarray(0, room);
        metadataLeft = metadataLeft.subarray(room);
        body.push(uint(part.length, METADATA_LENGTH_BYTES), part);
        room -= part.length;
        flags |= Flag.METADATA;
      }
      body.push(dataLeft.subarray(0, room));
      dataLeft = dataLeft.subarray(room);
      isWhole = metadataLeft.length + dataLeft.length === 0;
      sendFrame(frameType, isWhole ? flags : flags | Flag.FOLLOWS, ...body);
      frameType = FrameType.PAYLOAD;
      body = [];
    }
    session.earn();
  }

  function sendFrame(type: number, flags: number, ...body: readonly Bytes[]): void {
    session.send(frameOf(id, type, flags, ...body));
  }

  // ── a stream of requests ────────────────────────────────────────────────────────────────────────────────────────

  async function sendAll(source: Source<unknown>): Promise<void> {
    isSending = true;
    iterator = iteratorOf(source);
    // It waits for credit, room and a turn. A peer of another make may have asked for exactly as many as there are, and waits
    // for their end: for it one is fetched ahead.
    while (isSending) {
      if (id !== 0 && sendCredit <= 0 && session.isOurs) await changed();
      else if (session.hasRoom && turns.takeOne()) await sendNext(iterator);
      else
        await new Promise<void>((resolve) => {
          if (session.hasRoom || !session.enqueue(resolve)) turns.enqueue(resolve);
        });
    }
  }

  // A source that has ended, in whatever way, isn't closed any more.
  async function pull(source: Iterator<unknown> | AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    let isOver = true;
    try {
      const result: unknown = await source.next();
      check(Object(result) === result, "an iterator's result", result, "an object");
      isOver = Boolean((result as IteratorResult<unknown>).done);
      return result as IteratorResult<unknown>;
    } finally {
      if (isOver) iterator = undefined;
    }
  }

  async function sendNext(source: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
    const { done, value } = await pull(source);
    if (!isSending) return;
    if (done) return complete();
    const data = encode(value);
    while (isSending && id !== 0 && sendCredit <= 0) await changed();
    if (!isSending) return;
    if (id === 0) return open(data, false);
    if (sendCredit !== MAX_31_BIT) sendCredit--;
    sendPayload(FrameType.PAYLOAD, [], NO_BYTES, data);
  }

  function complete(): void {
    if (id === 0) {
      if (!session.isOurs) {
        throw new CallError(FAILED_PRECONDITION, "this peer can't receive a stream without messages");
      }
      open(NO_BYTES, true);
    }
    isSending = false;
    sendFrame(FrameType.PAYLOAD, Flag.COMPLETE);
  }

  // The source failed, or one of its messages: the peer hears a status if one was thrown, else only that the call is off.
  function failSending(thrown: unknown): void {
    stopSending();
    if (isEnded) return;
    const error = callErrorOf(thrown);
    if (id !== 0) {
      const isStatus = error === thrown;
      const code = isStatus ? error.code : CANCELLED;
      const message = isStatus ? String(error.rawMessage).slice(0, MAX_ERROR_CHARACTERS) : "the request stream failed";
      const data = errorData(code, message, session.isOurs);
      sendFrame(FrameType.ERROR, 0, uint(APPLICATION_ERROR, 4), data);
    }
    end(error);
  }

  // The source is closed once, whatever happens.
  function stopSending(): void {
    const source = iterator;
    iterator = undefined;
    wake();
    if (!isSending) return;
    isSending = false;
    void closeSource(source);
  }

  // ── what the peer says ──────────────────────────────────────────────────────────────────────────────────────────

  const stream: LiteStream = {
    onSent() {
      isSent = true;
      if (type === FrameType.REQUEST_FNF) end();
    },
    onStreamFrame(frameType, flags, body) {
      if (frameType === FrameType.PAYLOAD) onPayload(flags, body);
      else if (frameType === FrameType.REQUEST_N) {
        sendCredit = Math.min(sendCredit + readUint31(body, 0), MAX_31_BIT);
        wake();
      } else if (frameType === FrameType.CANCEL) stopSending();
      else end(peerError(readUint32(body, 0), body.slice(4), init));
    },
    signal,
    onAbort,
    onGivenUp: () => giveUp(new CallError(CANCELLED, "closed")),
    onLost(error, isDraining) {
      if (!isDraining || id === 0) end(lostError(error, !isSent));
    },
  };

  function onPayload(flags: number, body: Uint8Array): void {
    const dataStart = flags & Flag.METADATA ? METADATA_LENGTH_BYTES + readUint24(body, 0) : 0;
    if (dataStart > body.length) {
      const message = `metadata of stream ${id} is longer than its frame`;
      if (fragments) return refuse(message, INTERNAL);
      return session.malformed(message, (flags & Flag.IGNORE) !== 0);
    }
    let metadata = body.subarray(dataStart && METADATA_LENGTH_BYTES, dataStart);
    let data = body.subarray(dataStart);
    const isComplete = (flags & Flag.COMPLETE) !== 0;
    const isUnary = type === FrameType.REQUEST_RESPONSE;
    const isFragment = (flags & Flag.FOLLOWS) !== 0 && (!isComplete || init.compatibility?.followsWins);
    let isItem = (flags & Flag.NEXT) !== 0 || !isComplete;
    if (isFragment || (fragments && (isItem || body.length > 0))) {
      assemble(metadata, data);
      if (isFragment || !fragments) return; // not all, or too much
      ({ metadata, data } = fragments);
      dropFragments();
      isItem = true;
    }
    if (!isItem) data = NO_BYTES;
    checkLengths(metadata, data);
    if (isEnded) return;
    if (metadata.length > 0) hear?.(metadata);
    // Of a call with one answer COMPLETE alone is an empty message: rsocket-py and rsocket-go send it (Q-EMPTY-UNARY).
    if ((isItem || isUnary) && !isEnded) keep(data);
    if (isComplete || isUnary) end();
    wake();
  }

  function assemble(metadata: Uint8Array, data: Uint8Array): void {
    fragments ??= { count: 0, metadata: NO_BYTES, data: NO_BYTES };
    const all = fragments;
    const byteLength = metadata.length + data.length;
    all.count += byteLength === 0 ? EMPTY_FRAGMENT_COUNT : 1;
    all.metadata = append(all.metadata, metadata);
    all.data = append(all.data, data);
    session.reassemblyBytes += byteLength;
    checkLengths(all.metadata, all.data);
    limit("fragments of a message", all.count, Limit.MAX_FRAGMENTS);
    limit("bytes of unfinished messages", session.reassemblyBytes, Limit.MAX_REASSEMBLY_BYTES);
  }

  function checkLengths(metadata: Uint8Array, data: Uint8Array): void {
    limit("bytes of a message", data.length, Limit.MAX_MESSAGE_BYTES);
    limit("bytes of metadata", metadata.length, Limit.MAX_METADATA_BYTES);
  }

  // Ends the call when `value` is above.
  function limit(what: string, value: number, place: LimitPlace): void {
    if (value > limits[place]) refuse(tooMuch(what, limits[place]));
  }

  // Ends the call when that was too much beyond what was asked for.
  function keep(data: Uint8Array): void {
    if (isStream) {
      if (credit !== MAX_31_BIT) credit--;
      surplusBytes = credit < 0 ? surplusBytes + data.length : 0;
    }
    if (-credit > limits[Limit.MAX_SURPLUS_ITEMS] || surplusBytes > limits[Limit.MAX_SURPLUS_BYTES])
      refuse(`items exceed the credit by ${-credit}`, INTERNAL);
    const waitingBytes = session.unconsumedBytes + data.length;
    if (waitingBytes > limits[Limit.MAX_WAITING_BYTES]) items.clear();
    limit("bytes of messages that wait", waitingBytes, Limit.MAX_WAITING_BYTES);
    if (isEnded) return;
    items.push(data.slice()); // a view would pin what it was read in
    largestBytes = Math.max(largestBytes, data.length);
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  function onAbort(): void {
    giveUp(callErrorOf(signal?.reason, CANCELLED));
  }

  // The peer broke a rule, or a limit.
  function refuse(message: string, code: Code = RESOURCE_EXHAUSTED): void {
    giveUp(new CallError(code, message));
  }

  // From this side: the peer hears of it. What has come is still passed on before.
  function giveUp(error: CallError): void {
    if (isEnded) return;
    if (id !== 0 && type !== FrameType.REQUEST_FNF) sendFrame(FrameType.CANCEL, 0);
    end(error);
  }

  function end(error?: CallError): void {
    if (isEnded) return;
    // The answers are complete: whatever the source still has is of no use, and the peer needn't wait for it.
    if (error === undefined && isSending) sendFrame(FrameType.PAYLOAD, Flag.COMPLETE);
    isEnded = true;
    failure = error;
    timer?.cancel();
    session.waiting.delete(admit);
    dropFragments();
    stopSending();
    if (items.length > 0) dropped.register(call, items);
    session.forget(stream, id, Math.max(0, credit));
  }

  function dropFragments(): void {
    if (fragments) session.reassemblyBytes -= fragments.metadata.length + fragments.data.length;
    fragments = undefined;
  }

  begin();
  return call;
}

function iteratorOf(source: unknown): Iterator<unknown> | AsyncIterator<unknown> {
  const iterable = source as Partial<AsyncIterable<unknown> & Iterable<unknown>> | null | undefined;
  const create: unknown = iterable?.[Symbol.asyncIterator] ?? iterable?.[Symbol.iterator];
  if (typeof create === "function" && typeof source === "object")
    return create.call(source) as Iterator<unknown> | AsyncIterator<unknown>;
  throw new CallError(INVALID_ARGUMENT, `requests are ${nameOf(source)}, expected an iterable`);
}

async function closeSource(iterator: Iterator<unknown> | AsyncIterator<unknown> | undefined): Promise<void> {
  try {
    // A generator that ends its own call can't be told while it runs.
    await Promise.resolve();
    await iterator?.return?.();
  } catch (error) {
    console.error("rsocket-rpc: a source failed to close", error);
  }
}
