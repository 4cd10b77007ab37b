// SPDX-License-Identifier: Apache-2.0
// One stream: two half-streams with credit, for every interaction model and both sides
// (RSocket 1.0 §Stream Sequences and Lifetimes, §Flow Control, §Fragmentation And Reassembly).

import type { MessageBytes } from "../bytes/pieces.js";
import { encodeCancel, encodeError, encodeRequestN } from "../frames/encode.js";
import { ErrorCode, errorCodeName, errorCodeScope } from "../frames/errors.js";
import { Flag, FrameType, MAX_31_BIT, MAX_SENT_FRAME_BYTES, METADATA_LENGTH_BYTES } from "../frames/layout.js";
import { readPayloadStart, viewOf } from "../frames/payload-start.js";
import type { ConnectionError } from "./errors.js";
import { StreamError } from "./errors.js";
import { Fragmenter } from "./fragmenter.js";
import type { RequestEnding } from "./lease.js";
import type { OutboundQueue } from "./outbound.js";
import { StreamBacklog } from "./outbound.js";
import { checkPayload } from "./payload-frame.js";
import { compact, type FramePieces, Reassembler } from "./reassembler.js";
import type { ConnectionSettings } from "./settings.js";
import { Interaction, type InteractionPreset } from "./stream-state.js";

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/**
 * Receives what happens on a stream. A fire-and-forget request's sink hears `onComplete` when its frames are with the
 * link, or `onError`. A stream ends for its sink with exactly one of `onNext(…, complete = true)`,
 * `onComplete` and `onError` where it receives items, with `onCancel` or `onError` where it only sends them.
 * Calls may be made back into the stream from any of these.
 */
export interface StreamSink {
  /** An item. The bytes may be kept, not written, and pin the chunk they were read in. `complete`: it was the last. */
  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void;
  /** No item follows; the metadata of the frame that said so. */
  onComplete(metadata: Uint8Array | undefined): void;
  /** The stream failed: the peer's ERROR, a broken rule, or the end of the connection. Both halves are closed. */
  onError(error: StreamError | ConnectionError): void;
  /** The peer wants no more items. On the responder's side both halves are closed. */
  onCancel(): void;
  /** The peer asked for `n` items more. */
  onRequestN(n: number): void;
  /** The write queue has room again, after `next` returned false for lack of it. */
  onWritable(): void;
  /** @internal An item comes in fragments, and begins so: how long it is likely to be, 0 when that can't be told. */
  expectBytes?(start: Uint8Array): number;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly outbound: OutboundQueue;
  /** When the frame that is being handled came. */
  readonly nowMs: number;
  readonly settings: ConnectionSettings;
  /** Bytes wait to be written. */
  requestFlush(): void;
  /** Below the mark at which producers pause; otherwise the stream is told when it is again. */
  mayProduce(stream: Stream): boolean;
  /** Below the mark at which answers wait; otherwise the stream is told when much has left. */
  mayAnswer(stream: Stream): boolean;
  /** An item left: the peer may answer with a REQUEST_N. */
  countItemSent(): void;
  /** A request was cancelled before it was answered. */
  countCancel(): void;
  /** A frame came for a half that is closed: it may have been under way. */
  countLate(): void;
  /** A half was closed while so many of the peer's frames may have been under way. */
  allowLate(frameCount: number): void;
  /** Bytes of unfinished messages were added or (negative) taken away; false when there are too many. */
  addReassemblyBytes(byteLength: number): boolean;
  /** The stream is over. */
  forget(stream: Stream): void;
  /** A request is whole. */
  dispatch(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void;
  /** The data of an ERROR that this session itself sends; `isAboveLimit`: for bytes that are too many. */
  errorData(code: number, message: string, isAboveLimit?: boolean): Uint8Array;
  /** A request or an item was refused, for a limit or a rule that it broke. */
  refused(code: number, message: string): void;
  /** A frame doesn't hold what it says. */
  receiveMalformed(message: string, mayIgnore: boolean): void;
}

interface SurplusItem {
  readonly data: Uint8Array;
  readonly metadata: Uint8Array | undefined;
  readonly byteLength: number;
}

// Items beyond the credit, and the COMPLETE behind them: rare, so that no stream has room for it from the start.
interface Surplus {
  readonly items: SurplusItem[];
  byteLength: number;
  end: { readonly metadata: Uint8Array | undefined } | undefined;
}

/** What a stream remembers, a bit each: it is one of many thousands. */
const Mark = {
  /** A backlog was written to its end, and the request with it or before it. */
  FRAGMENTED: 1,
  /** The request never left this process. */
  NEVER_SENT: 2,
  /** The connection knows of it no more. */
  FORGOTTEN: 4,
  /** Given up by this side or with the connection: nobody waits for its handing over. */
  GIVEN: 8,
} as const;

type LimitOfBytes = "maxMessageBytes" | "maxMetadataBytes" | "maxFragments" | "maxReassemblyBytes";

/** Takes everything and does nothing: stands where no sink is yet, or none any more. */
export const SILENT_SINK: StreamSink = {
  onNext(): void {},
  onComplete(): void {},
  onError(): void {},
  onCancel(): void {},
  onRequestN(): void {},
  onWritable(): void {},
};

/** One stream of a connection. Its methods change state first, notify the sink last, and never write to the link. */
export class Stream {
  readonly id: number;
  readonly interaction: Interaction;
  /** This side opened it. */
  readonly isRequester: boolean;
  /** Who is told. May be replaced at any time. */
  sink: StreamSink;
  readonly #host: StreamHost;
  #sendOpen: boolean;
  #receiveOpen: boolean;
  #sendCredit: number;
  #receiveCredit: number;
  // The request itself is still coming in fragments.
  #assemblingRequest = false;
  #reassembler: Reassembler | undefined;
  // Set when the request came in fragments.
  #firstFragmentAtMs: number | undefined;
  #backlog: StreamBacklog | undefined;
  #surplus: Surplus | undefined;
  #openedAtByte: number;
  // Something was sent on it: a CANCEL is no abuse then, but what `take(n)` looks like.
  #answered = false;
  #marks = 0;
  #ending: RequestEnding = "completed";

  constructor(
    host: StreamHost,
    id: number,
    preset: InteractionPreset,
    isRequester: boolean,
    n: number,
    sink: StreamSink,
  ) {
    this.#host = host;
    this.id = id;
    this.interaction = preset.interaction;
    this.isRequester = isRequester;
    this.sink = sink;
    this.#sendOpen = isRequester ? preset.requesterSends : preset.responderSends;
    this.#receiveOpen = isRequester ? preset.responderSends : preset.requesterSends;
    this.#sendCredit = isRequester ? 0 : n;
    this.#receiveCredit = isRequester ? n : 0;
    this.#openedAtByte = host.outbound.encodedBytes;
  }

  /** Items that the peer still wants. */
  get credit(): number {
    return this.#sendOpen ? this.#sendCredit : 0;
  }

  /** Items may still be sent, now or when there is credit. */
  get isSendOpen(): boolean {
    return this.#sendOpen;
  }

  /** Items may still come. */
  get isReceiveOpen(): boolean {
    return this.#receiveOpen;
  }

  /** When the first frame of the request that is being handled came. */
  get receivedAtMs(): number {
    return this.#firstFragmentAtMs ?? this.#host.nowMs;
  }

  /** The stream is over and known to the connection no more. */
  get isForgotten(): boolean {
    return this.#has(Mark.FORGOTTEN);
  }

  /** Its request isn't whole yet. */
  get isAssembling(): boolean {
    return this.#assemblingRequest;
  }

  /** How it ended, for a responder that has ended. */
  get ending(): RequestEnding {
    return this.#ending;
  }

  /** A fire-and-forget request that ended by being encoded: its sink hears `onComplete` when the link has it. */
  get isHandingOver(): boolean {
    return this.isRequester && this.interaction === Interaction.FIRE_AND_FORGET && !this.#has(Mark.GIVEN);
  }

  /** The request never left this process: it is safe to repeat it elsewhere. */
  get neverSent(): boolean {
    return this.#has(Mark.NEVER_SENT);
  }

  /** A producer may send the next item now: there is credit, and room in the write queue. */
  get mayProduce(): boolean {
    return this.#sendOpen && this.#sendCredit > 0 && this.#host.mayProduce(this);
  }

  /** The one answer of a call may be encoded now: there is credit, and not so much waits that reading pauses. */
  get mayAnswer(): boolean {
    return this.#sendOpen && this.#sendCredit > 0 && this.#host.mayAnswer(this);
  }

  // ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Writes the request. Only the connection calls it, once. */
  open(preset: InteractionPreset, initialRequestN: number, metadata: Uint8Array | undefined, data: MessageBytes): void {
    const { outbound } = this.#host;
    const n = preset.hasInitialN ? initialRequestN : -1;
    if (outbound.fits(n, metadata, data)) outbound.writePayload(this.id, preset.frameType, 0, n, metadata, data);
    else this.#queueFragments(new Fragmenter(this.id, preset.frameType, n, metadata, data, false));
    this.#host.requestFlush();
    this.#forgetIfOver();
  }

  /**
   * Sends an item; `data` and `metadata` belong to the runtime from then on. Without an open half it is dropped.
   * @returns whether to go on: false when the credit is used up, the queue is full or the half is closed.
   * @throws RangeError when there was no credit, or for what is no bytes.
   */
  next(data: MessageBytes, metadata?: Uint8Array, complete = false): boolean {
    checkPayload(data, metadata);
    if (!this.#sendOpen) return false;
    if (this.#sendCredit <= 0) {
      throw new RangeError(`item on stream ${this.id} without credit (RSocket 1.0 §Reactive Streams Semantics)`);
    }
    if (this.#sendCredit !== MAX_31_BIT) this.#sendCredit--;
    this.#answered = true;
    if (this.interaction === Interaction.REQUEST_RESPONSE) this.#sendAnswer(data, metadata);
    else this.#sendItem(data, metadata, complete);
    this.#host.countItemSent();
    this.#host.requestFlush();
    return this.mayProduce;
  }

  /** Ends the sending half; `metadata` rides on the frame that says so. @throws RangeError when it doesn't fit one. */
  complete(metadata?: Uint8Array): void {
    if (!this.#sendOpen) return;
    if (metadata !== undefined) checkFits("metadata of COMPLETE", metadata);
    this.#sendOpen = false;
    this.#answered = true;
    const before = this.#host.outbound.byteLength;
    if (this.#backlog === undefined) {
      this.#host.outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.COMPLETE, -1, metadata, NO_BYTES);
    } else this.#host.outbound.queueComplete(this.#backlog, metadata);
    this.#countPeerCaused(before);
    this.#host.requestFlush();
    this.#forgetIfOver();
  }

  /**
   * Ends both halves with an ERROR frame, behind what was sent before. Behind COMPLETE it is a `cancel`.
   * @throws RangeError when `code` isn't one for streams, 0x201 … 0x204 or 0x301 … 0xFFFFFFFE, or `data` doesn't fit one frame.
   */
  error(code: number, data: Uint8Array): void {
    if (errorCodeScope(code) !== "stream") {
      throw new RangeError(`${errorCodeName(code)} on stream ${this.id}, expected 0x201 … 0x204 or 0x301 … 0xfffffffe`);
    }
    checkFits("data of ERROR", data);
    if (this.#has(Mark.FORGOTTEN) || this.#isOver()) return;
    // Behind COMPLETE, and for a requester that sends no items, there is no ERROR: a CANCEL ends the half that is open.
    if (!this.#sendOpen && !this.#assemblingRequest) return this.cancel();
    this.#close();
    this.#sendError(code, data);
    this.#forgetIfOver();
  }

  #sendError(code: number, data: Uint8Array): void {
    this.#ending = "failed";
    // Whatever happens to a fire-and-forget request, no frame goes back (FNF-01).
    if (this.interaction === Interaction.FIRE_AND_FORGET) return;
    const { outbound } = this.#host;
    const before = outbound.byteLength;
    if (this.#backlog === undefined) {
      const encodedBefore = outbound.data.byteLength;
      encodeError(outbound.data, this.id, code, data);
      outbound.countEncoded(encodedBefore);
    } else {
      this.#backlog.cancel = false;
      this.#backlog.requestN = 0;
      outbound.queueError(this.#backlog, code, data);
    }
    this.#countPeerCaused(before);
    this.#host.requestFlush();
  }

  /**
   * Asks for `n` more items, 1 … 2^31-1; the largest means without bound.
   * @throws RangeError for any other n.
   */
  request(n: number): void {
    if (!Number.isInteger(n) || n < 1) throw new RangeError(`request(${n}) on stream ${this.id}, expected 1 … 2^31-1`);
    if (!this.#receiveOpen || this.interaction === Interaction.REQUEST_RESPONSE) return;
    const capped = Math.min(n, MAX_31_BIT);
    this.#receiveCredit = Math.min(this.#receiveCredit + capped, MAX_31_BIT);
    // A peer that has said its last word, while it waits behind held items, isn't asked any more (RS-05).
    if (this.#surplus?.end === undefined) this.#sendRequestN(capped);
    if (this.#surplus !== undefined) this.#deliverSurplus();
  }

  /**
   * Requester: gives the stream up, both halves, and tells the peer. Responder of a channel: wants no more items.
   * The sink isn't called for it.
   */
  cancel(): void {
    if (this.#has(Mark.FORGOTTEN)) return;
    if (this.isRequester) this.#cancelRequest();
    else this.#cancelInput();
  }

  // ── frames of the peer ──────────────────────────────────────────────────────────────────────────────────────────

  /** Responder: takes the (first fragment of the) request. `at` is where metadata or data begin; `pieces`: it came in several. */
  receiveRequest(bytes: Uint8Array, at: number, end: number, flags: number, pieces?: FramePieces): void {
    this.#assemblingRequest = true;
    if ((flags & Flag.FOLLOWS) !== 0) this.#firstFragmentAtMs = this.#host.nowMs;
    this.receivePayload(bytes, at, end, flags, pieces);
  }

  /** A PAYLOAD frame, or the payload of a request. `at` is where metadata or data begin; `pieces`: it came in several. */
  receivePayload(bytes: Uint8Array, at: number, end: number, flags: number, pieces?: FramePieces): void {
    if (this.#surplus?.end !== undefined || (!this.#receiveOpen && !this.#assemblingRequest))
      return this.#receiveLate(flags);
    const dataStart = readPayloadStart(bytes, at, end, flags);
    if (dataStart < 0) {
      const message = `metadata of a frame on stream ${this.id} is longer than the frame (RSocket 1.0 §Metadata Optional Header)`;
      const mayIgnore = (flags & Flag.IGNORE) !== 0;
      // A dropped fragment would leave a hole in its message.
      if (mayIgnore && this.#reassembler !== undefined) return this.#fail(ErrorCode.INVALID, message, false);
      this.#host.receiveMalformed(message, mayIgnore);
      if (this.#assemblingRequest) this.#drop();
      return;
    }
    const metadata = (flags & Flag.METADATA) === 0 ? undefined : viewOf(bytes, at + METADATA_LENGTH_BYTES, dataStart);
    const complete = (flags & Flag.COMPLETE) !== 0;
    const follows = (flags & Flag.FOLLOWS) !== 0 && (!complete || this.#host.settings.followsWins);
    if (metadata !== undefined && metadata.length > this.#host.settings.limits.maxMetadataBytes) {
      const isLast = this.#isLastWord(complete, follows);
      return this.#failAbove(`metadata of ${metadata.length} bytes`, "maxMetadataBytes", isLast);
    }
    const data = viewOf(bytes, dataStart, end);
    if (this.#reassembler !== undefined || follows) this.#receiveFragment(metadata, data, flags, follows, pieces);
    else if (this.#assemblingRequest) this.#receiveWholeRequest(metadata, data, complete);
    else if (complete && (flags & Flag.NEXT) === 0) this.#receiveComplete(metadata);
    // A PAYLOAD with none of F, C, N is an item (Q-NOFLAGS).
    else this.#receiveItem(metadata, data, complete);
  }

  /** REQUEST_N. 0 releases nothing. */
  receiveRequestN(n: number): void {
    if (n === 0 || !this.#sendOpen || this.interaction === Interaction.REQUEST_RESPONSE) return;
    this.#sendCredit = Math.min(this.#sendCredit + n, MAX_31_BIT);
    if (!this.#assemblingRequest) this.sink.onRequestN(n);
  }

  /** CANCEL. From a channel's responder it ends only the half that it receives. */
  receiveCancel(): void {
    if (this.isRequester) {
      const hasMore = this.#sendOpen || this.#backlog !== undefined;
      if (this.interaction !== Interaction.REQUEST_CHANNEL || !hasMore) return this.#host.countLate();
      const told = this.#sendOpen;
      this.#stopSending();
      if (told) this.sink.onCancel();
      return;
    }
    if (!this.#answered) this.#host.countCancel();
    const told = this.#isHeard();
    this.#ending = "cancelled";
    this.#drop();
    if (told) this.sink.onCancel();
  }

  /** ERROR. `data` is a view. */
  receiveError(code: number, data: Uint8Array): void {
    // Nothing that comes for a fire-and-forget request means anything (FNF-02).
    if (this.isHandingOver) return this.#host.countLate();
    // A request that is taken back, as by CANCEL.
    if (!this.isRequester && !this.#answered) this.#host.countCancel();
    const told = this.#isHeard();
    this.#drop();
    if (told) this.sink.onError(new StreamError(code, data.slice(), "remote"));
  }

  /** The connection is gone. The sink is told. */
  connectionLost(error: ConnectionError): void {
    // A sink that was told before may have ended this stream.
    if (this.#has(Mark.FORGOTTEN) && !this.isHandingOver) return;
    const told = this.#isHeard();
    this.#marks |= Mark.GIVEN;
    this.#ending = "cancelled";
    if (this.isRequester && !this.#wasHandedOver()) this.#marks |= Mark.NEVER_SENT;
    this.#drop();
    if (told) this.sink.onError(error);
  }

  /** Ends both halves with ERROR, and tells the sink too: given up by this side. */
  abandon(code: number, message: string): void {
    if (this.#has(Mark.FORGOTTEN)) return;
    // An answer that is complete and only waits to be written isn't taken back.
    if (!this.isRequester && this.#isOver()) return;
    this.#giveUp(code, message, this.#isHeard());
  }

  // The sink still waits for something: its end hasn't come by its own doing or the peer's.
  #isHeard(): boolean {
    return !this.#assemblingRequest && (!this.#isOver() || this.isHandingOver);
  }

  #giveUp(code: number, message: string, told: boolean, isAboveLimit?: boolean): void {
    const data = this.#host.errorData(code, message, isAboveLimit);
    if (this.isRequester) this.#cancelRequest();
    else {
      if (this.#reassembler !== undefined) this.#host.allowLate(this.#host.settings.limits.maxFragments);
      const isInputLeft = !this.#sendOpen && !this.#assemblingRequest && this.#backlog === undefined;
      this.#dropBacklog();
      if (isInputLeft) this.#cancelInput();
      else this.#sendError(code, data);
      this.#drop();
    }
    if (told) this.sink.onError(new StreamError(code, data, "local", message, isAboveLimit));
  }

  // ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #sendAnswer(data: MessageBytes, metadata: Uint8Array | undefined): void {
    this.#sendOpen = false;
    const { outbound } = this.#host;
    const before = outbound.byteLength;
    if (outbound.fits(-1, metadata, data)) {
      outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.NEXT | Flag.COMPLETE, -1, metadata, data);
    } else this.#queueFragments(new Fragmenter(this.id, FrameType.PAYLOAD, -1, metadata, data, true));
    this.#countPeerCaused(before);
    this.#forgetIfOver();
  }

  #sendItem(data: MessageBytes, metadata: Uint8Array | undefined, complete: boolean): void {
    const { outbound } = this.#host;
    const before = outbound.byteLength;
    if (this.#backlog === undefined && outbound.fits(-1, metadata, data)) {
      outbound.writePayload(this.id, FrameType.PAYLOAD, Flag.NEXT, -1, metadata, data);
    } else this.#queueFragments(new Fragmenter(this.id, FrameType.PAYLOAD, -1, metadata, data, false));
    this.#countPeerCaused(before);
    if (complete) this.complete();
  }

  #queueFragments(fragments: Fragmenter): void {
    this.#backlog ??= new StreamBacklog(this.id, () => this.#backlogEmpty());
    this.#host.outbound.queuePayload(this.#backlog, fragments);
  }

  #backlogEmpty(): void {
    const cancel = this.#backlog?.cancel === true;
    this.#backlog = undefined;
    this.#marks |= Mark.FRAGMENTED;
    if (cancel) this.#write(() => encodeCancel(this.#host.outbound.data, this.id));
    this.#forgetIfOver();
  }

  #countPeerCaused(byteLengthBefore: number): void {
    if (!this.isRequester) this.#host.outbound.addPeerCaused(this.#host.outbound.byteLength - byteLengthBefore);
  }

  #write(encode: () => void): void {
    const { outbound } = this.#host;
    const before = outbound.data.byteLength;
    encode();
    outbound.countEncoded(before);
    this.#host.requestFlush();
  }

  #sendRequestN(n: number): void {
    if (this.#backlog !== undefined) this.#backlog.requestN = Math.min(this.#backlog.requestN + n, MAX_31_BIT);
    else this.#write(() => encodeRequestN(this.#host.outbound.data, this.id, n));
  }

  #cancelRequest(): void {
    // An unfinished request of which nothing left needs no CANCEL: the peer never hears of the stream.
    const unheard = this.#backlog !== undefined && !this.#backlog.started && this.#isRequestQueued();
    const isPeerDone = this.#surplus?.end !== undefined && !this.#sendOpen;
    const wasOpen = (!this.#isOver() && !isPeerDone) || this.#backlog !== undefined;
    if (this.#reassembler !== undefined) this.#host.allowLate(this.#host.settings.limits.maxFragments);
    this.#marks |= Mark.GIVEN;
    this.#drop();
    if (wasOpen && !unheard) this.#write(() => encodeCancel(this.#host.outbound.data, this.id));
  }

  /** Nothing of its request has left yet, because it waits for its turn in fragments. */
  get isUnheardOf(): boolean {
    return this.isRequester && this.#backlog?.started === false && this.#isRequestQueued();
  }

  #isRequestQueued(): boolean {
    const first = this.#backlog?.queue.first;
    return first?.kind === "payload" && first.fragments.isRequest;
  }

  // The responder wants no more: what is queued behind its CANCEL is dropped, but for credit that it is still owed. A
  // request that isn't whole goes on, for there is no stream without it.
  #stopSending(): void {
    this.#sendOpen = false;
    if (this.#backlog !== undefined && !this.#isRequestQueued()) {
      const { requestN } = this.#backlog;
      this.#dropBacklog();
      if (requestN > 0 && this.#receiveOpen) this.#sendRequestN(requestN);
    }
    this.#forgetIfOver();
  }

  #cancelInput(): void {
    if (!this.#receiveOpen) return;
    this.#receiveOpen = false;
    this.#host.allowLate(
      this.#receiveCredit + (this.#reassembler === undefined ? 0 : this.#host.settings.limits.maxFragments),
    );
    this.#receiveCredit = 0;
    this.#dropReassembly();
    this.#dropSurplus();
    if (this.#backlog !== undefined) this.#backlog.requestN = 0;
    if (this.#host.settings.cancelChannelInput) {
      if (this.#backlog !== undefined) this.#backlog.cancel = true;
      else this.#write(() => encodeCancel(this.#host.outbound.data, this.id));
    }
    this.#forgetIfOver();
  }

  // ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────

  #receiveWholeRequest(metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    this.#assemblingRequest = false;
    if (data.length > this.#host.settings.limits.maxMessageBytes) {
      return this.#failAbove(`message of ${data.length} bytes`, "maxMessageBytes", false);
    }
    const ended = complete && this.#receiveOpen;
    if (ended) this.#receiveOpen = false;
    // A fire-and-forget stream has no half: it ends before its handler hears of it (FNF-01).
    this.#forgetIfOver();
    this.#host.dispatch(this, metadata, data, ended);
  }

  #receiveItem(metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    const isAnswer = this.interaction === Interaction.REQUEST_RESPONSE;
    if (data.length > this.#host.settings.limits.maxMessageBytes) {
      return this.#failAbove(`message of ${data.length} bytes`, "maxMessageBytes", complete || isAnswer);
    }
    if (!isAnswer && (this.#receiveCredit <= 0 || this.#surplus !== undefined)) {
      return this.#holdSurplus(metadata, data, complete);
    }
    this.#deliver(metadata, data, complete || isAnswer);
  }

  #deliver(metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    if (this.#receiveCredit !== MAX_31_BIT) this.#receiveCredit--;
    if (complete) this.#endReceiving();
    this.sink.onNext(data, metadata, complete);
  }

  // A frame for a half that is closed. After a COMPLETE not even a CANCEL is due that was held back so far.
  #receiveLate(flags: number): void {
    if (this.#backlog !== undefined && (flags & Flag.COMPLETE) !== 0) this.#backlog.cancel = false;
    this.#host.countLate();
  }

  #receiveComplete(metadata: Uint8Array | undefined): void {
    if (this.#surplus !== undefined) {
      this.#surplus.end ??= { metadata };
      return;
    }
    this.#endReceiving();
    this.sink.onComplete(metadata);
  }

  #receiveFragment(
    metadata: Uint8Array | undefined,
    data: Uint8Array,
    flags: number,
    follows: boolean,
    pieces?: FramePieces,
  ): void {
    const complete = (flags & Flag.COMPLETE) !== 0;
    if (this.#endsMidway(metadata, data, flags, follows)) {
      this.#dropReassembly();
      return this.#receiveComplete(metadata);
    }
    this.#reassembler ??= new Reassembler();
    const reassembler = this.#reassembler;
    const before = reassembler.byteLength;
    if (pieces?.areLent === true && before === 0) this.#expectMessage(reassembler, data);
    reassembler.push(metadata, data, pieces);
    const { limits } = this.#host.settings;
    const isLast = this.#isLastWord(complete, follows);
    if (!this.#host.addReassemblyBytes(reassembler.byteLength - before)) {
      const code = this.#assemblingRequest ? ErrorCode.REJECTED : ErrorCode.CANCELED;
      return this.#failAbove("unfinished data", "maxReassemblyBytes", isLast, code);
    }
    if (reassembler.dataBytes > limits.maxMessageBytes) {
      return this.#failAbove(`message of ${reassembler.dataBytes} bytes`, "maxMessageBytes", isLast);
    }
    if (reassembler.metadataBytes > limits.maxMetadataBytes) {
      return this.#failAbove(`metadata of ${reassembler.metadataBytes} bytes`, "maxMetadataBytes", isLast);
    }
    if (reassembler.fragmentCount > limits.maxFragments) {
      return this.#failAbove(`message in ${reassembler.fragmentCount} fragments`, "maxFragments", isLast);
    }
    if (follows) return;
    const whole = reassembler.join();
    this.#dropReassembly();
    if (this.#assemblingRequest) this.#receiveWholeRequest(whole.metadata, whole.data, complete);
    else this.#receiveItem(whole.metadata, whole.data, complete);
  }

  // Where fragments are lent they are copied: best to where they will stand.
  #expectMessage(reassembler: Reassembler, start: Uint8Array): void {
    const byteLength = this.sink.expectBytes?.(start) ?? 0;
    if (byteLength <= this.#host.settings.limits.maxMessageBytes) reassembler.expect(byteLength);
  }

  // A bare COMPLETE between fragments ends the direction; the unfinished item is lost (as rsocket-java reads it).
  #endsMidway(metadata: Uint8Array | undefined, data: Uint8Array, flags: number, follows: boolean): boolean {
    const bare = !follows && (flags & (Flag.COMPLETE | Flag.NEXT)) === Flag.COMPLETE;
    return bare && !this.#assemblingRequest && data.length === 0 && metadata === undefined;
  }

  #holdSurplus(metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    const { limits } = this.#host.settings;
    const byteLength = data.length + (metadata?.length ?? 0);
    this.#surplus ??= { items: [], byteLength: 0, end: undefined };
    const surplus = this.#surplus;
    surplus.items.push({
      data: compact(data),
      metadata: metadata === undefined ? undefined : compact(metadata),
      byteLength,
    });
    surplus.byteLength += byteLength;
    if (complete) surplus.end = { metadata: undefined };
    // Held items are unfinished messages, too: all streams' together have a bound.
    const fits = this.#host.addReassemblyBytes(byteLength);
    if (fits && surplus.items.length <= limits.maxSurplusItems && surplus.byteLength <= limits.maxSurplusBytes) return;
    const message = `items exceed the credit by ${surplus.items.length} (RSocket 1.0 §Reactive Streams Semantics)`;
    this.#fail(ErrorCode.INVALID, message, complete);
  }

  #deliverSurplus(): void {
    while (this.#surplus !== undefined && this.#receiveCredit > 0 && this.#receiveOpen) {
      const surplus = this.#surplus;
      const item = surplus.items.shift();
      if (item === undefined) return;
      surplus.byteLength -= item.byteLength;
      this.#host.addReassemblyBytes(-item.byteLength);
      const isLast = surplus.items.length === 0;
      // With a COMPLETE behind it, it stays while its sink is told: a peer that has said its last word isn't asked any more.
      if (isLast && surplus.end === undefined) this.#surplus = undefined;
      this.#deliver(item.metadata, item.data, false);
      if (!isLast || surplus.end === undefined || this.#surplus !== surplus) continue;
      this.#surplus = undefined;
      this.#receiveComplete(surplus.end.metadata);
    }
  }

  // The peer broke a rule or a limit: the stream fails on both sides. `isLastWord`: nothing would have followed on its
  // half, so that a CANCEL is due only where the other half is open (RS-05).
  #fail(code: number, message: string, isLastWord: boolean, isAboveLimit?: boolean): void {
    const told = this.#isHeard();
    if (!this.isRequester && !this.#answered) this.#host.countCancel();
    this.#host.refused(code, message);
    if (isLastWord) this.#receiveOpen = false;
    this.#giveUp(code, message, told, isAboveLimit);
  }

  #failAbove(what: string, limit: LimitOfBytes, isLastWord: boolean, code: number = ErrorCode.INVALID): void {
    this.#fail(code, `${what} is above ${limit}, ${this.#host.settings.limits[limit]}`, isLastWord, true);
  }

  #isLastWord(complete: boolean, follows: boolean): boolean {
    if (follows || this.#assemblingRequest) return false;
    return complete || this.interaction === Interaction.REQUEST_RESPONSE;
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  // The peer has said its last word. On all but a channel that ends the stream, whatever of the request is left (RS-05).
  #endReceiving(): void {
    this.#receiveOpen = false;
    if (this.isRequester && this.interaction !== Interaction.REQUEST_CHANNEL) this.#dropBacklog();
    else if (this.#backlog !== undefined) this.#backlog.requestN = 0;
    this.#forgetIfOver();
  }

  #has(mark: number): boolean {
    return (this.#marks & mark) !== 0;
  }

  #isOver(): boolean {
    return !this.#sendOpen && !this.#receiveOpen && !this.#assemblingRequest;
  }

  #close(): void {
    this.#sendOpen = false;
    this.#receiveOpen = false;
    this.#assemblingRequest = false;
    this.#dropReassembly();
    this.#dropSurplus();
  }

  #drop(): void {
    this.#close();
    this.#dropBacklog();
    this.#forgetIfOver();
  }

  #dropReassembly(): void {
    if (this.#reassembler === undefined) return;
    this.#host.addReassemblyBytes(-this.#reassembler.byteLength);
    this.#reassembler = undefined;
  }

  #dropSurplus(): void {
    if (this.#surplus !== undefined) this.#host.addReassemblyBytes(-this.#surplus.byteLength);
    this.#surplus = undefined;
  }

  #dropBacklog(): void {
    if (this.#backlog === undefined) return;
    this.#host.outbound.drop(this.#backlog);
    this.#backlog = undefined;
  }

  #wasHandedOver(): boolean {
    if (this.#backlog !== undefined && this.#isRequestQueued()) return this.#backlog.started;
    if (this.#has(Mark.FRAGMENTED)) return true;
    return this.#host.outbound.takenBytes > this.#openedAtByte;
  }

  #forgetIfOver(): void {
    if (this.#has(Mark.FORGOTTEN) || !this.#isOver() || this.#backlog !== undefined) return;
    this.#marks |= Mark.FORGOTTEN;
    this.#host.forget(this);
  }

  /** Credit that the peer hasn't used: so many of its items may still be under way. */
  get unusedCredit(): number {
    return this.#receiveCredit;
  }
}

/** Header and what else stands in front of metadata or data in the frames that can't be fragmented. */
const LONE_FRAME_FIXED_BYTES = 10;

function checkFits(what: string, bytes: Uint8Array): void {
  checkPayload(bytes, undefined, what);
  if (bytes.length <= MAX_SENT_FRAME_BYTES - LONE_FRAME_FIXED_BYTES) return;
  throw new RangeError(`${what} has ${bytes.length} bytes: it can't be fragmented (RSocket 1.0 §Framing)`);
}
