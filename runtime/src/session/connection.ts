// SPDX-License-Identifier: Apache-2.0
// One RSocket 1.0 connection without any I/O: frames, time and commands in; frames, the next timeout and calls of
// sinks out (RSocket 1.0 §Connection Establishment, §Stream Sequences and Lifetimes, §Handling the Unexpected).

import { readUint31, readUint32, readUint63 } from "../bytes/integers.js";
import { lengthOf } from "../bytes/parts.js";
import type { MessageBytes } from "../bytes/pieces.js";
import type { FrameBatch, SlabPool, SlabWriter } from "../bytes/slab.js";
import { decodeUtf8 } from "../bytes/utf8.js";
import {
  encodeError,
  encodeExt,
  encodeKeepalive,
  encodeLease,
  encodeMetadataPush,
  encodeResume,
  encodeResumeOk,
  encodeSetup,
} from "../frames/encode.js";
import { ErrorCode, errorCodeName, FrameFormatError } from "../frames/errors.js";
import type { ExtFrame, ResumeFrame, SetupFrame } from "../frames/frame.js";
import { readFlags, readFrameType, readStreamId } from "../frames/header.js";
import { Flag, FrameType, frameTypeName, HEADER_BYTES, MAX_31_BIT, MAX_SENT_FRAME_BYTES } from "../frames/layout.js";
import { readPayloadStart } from "../frames/payload-start.js";
import { Admission, type UnopenedCall, type WaitingCall } from "./admission.js";
import { ConnectionError, type EndReason, StreamError } from "./errors.js";
import { InboundBudgets } from "./inbound-budgets.js";
import { Keepalive } from "./keepalive.js";
import { checkLease, decodeLease, type Lease, type LeaseInit, Leases } from "./lease.js";
import { OutboundQueue } from "./outbound.js";
import { checkPayload } from "./payload-frame.js";
import { Peer } from "./peer.js";
import type { FramePieces } from "./reassembler.js";
import type { ResumeLedger } from "./resume-store.js";
import { Resumption, refuseResume } from "./resumption.js";
import type { ConnectionSettings } from "./settings.js";
import type { Opening } from "./setup.js";
import type { StreamHost, StreamSink } from "./stream.js";
import { SILENT_SINK, Stream } from "./stream.js";
import { StreamIds } from "./stream-ids.js";
import { type Interaction, type InteractionPreset, isHeadOfFragment, presetOf, presetOfFrame } from "./stream-state.js";
import { StreamTable } from "./stream-table.js";

/** What the owner of a connection is told. All may call back into the connection. */
export interface ConnectionEvents {
  /** Bytes wait, or there is something to look at: call `handleFlush` and `pollTransmit` soon. */
  onTransmit(): void;
  /** Server: a sound SETUP came. Answer with `accept` or `reject`, now or later; frames behind it wait. */
  onSetup(setup: SetupFrame): void;
  /** Client: the peer has accepted. */
  onEstablished(): void;
  /** A whole request. Set `stream.sink`, answer through `stream`. `complete`: a channel on which nothing follows. */
  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void;
  /** A METADATA_PUSH; the bytes may be kept. */
  onMetadataPush(metadata: Uint8Array): void;
  /** An EXT on stream 0 or on a stream that lives; its bytes may be kept. True: its type is understood. */
  onExtension?(frame: ExtFrame): boolean;
  /** The peer takes no new requests any more; those that run go on. Told at most once, and not when all ends at once. */
  onDraining?(): void;
  /** Server: a client wants its session back; take the link with `handOver`, or say why not. */
  onResume?(frame: ResumeFrame): string | undefined;
  /** The link is lost, the connection isn't. Get rid of the link, and bring another. */
  onDetached?(reason: ConnectionError): void;
  /** The connection goes on over its new link. */
  onResumed?(): void;
  /** The metadata of a METADATA_PUSH that goes right behind RESUME_OK. */
  resumeGreeting?(): Uint8Array | undefined;
  /** A request or an item of the peer was refused, for a limit or a rule that it broke; the connection lives on. */
  onRefused?(code: number, message: string): void;
  /** The connection is over. Told once, after all its streams. `closeReason` is the error where one is wanted. */
  onClosed(reason: EndReason): void;
  /**
   * How an ERROR of this session's own says `message` to this peer, of bytes that were too many with `isAboveLimit`; as UTF-8
   * text when it gives nothing.
   */
  encodeErrorData?(code: number, message: string, isAboveLimit?: boolean): Uint8Array | undefined;
}

/** What a client puts into SETUP beside its times. */
export interface SetupPayload {
  /** At most 127 bytes: rsocket-java reads the length as signed (Q-SETUP-MIME). */
  readonly metadataMimeType: string;
  /** At most 127 bytes. */
  readonly dataMimeType: string;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** That a connection may outlive its link. */
export interface ResumptionInit {
  /** The client's token. A server takes it from SETUP. */
  readonly token?: Uint8Array;
  /** Counts what is kept, over all connections that share it. */
  readonly ledger: ResumeLedger;
}

/** How a connection begins. */
export interface ConnectionInit {
  readonly settings: ConnectionSettings;
  readonly events: ConnectionEvents;
  readonly pool: SlabPool;
  /** A monotonic clock's time. */
  readonly nowMs: number;
  /** Present on the client's side. */
  readonly setup?: SetupPayload | undefined;
  /** Present where leases are offered; without it a client obeys a LEASE all the same. */
  readonly lease?: LeaseInit | undefined;
  /** A client asks for resumption with it; a server grants it to those who ask. */
  readonly resumption?: ResumptionInit | undefined;
  /** Present on the server's side. */
  readonly opening?: Opening | undefined;
  /** @internal The first id that is handed out, for tests of the wrap. */
  readonly firstStreamId?: number | undefined;
  /** @internal The id behind which they begin again, for tests that come round more than once. */
  readonly lastStreamId?: number | undefined;
}

/** Behind these many bytes of a type's fixed fields a frame is complete. */
const LEAST_BODY_BYTES: ReadonlyMap<number, number> = new Map<number, number>([
  [FrameType.REQUEST_STREAM, 4],
  [FrameType.REQUEST_CHANNEL, 4],
  [FrameType.REQUEST_N, 4],
  [FrameType.ERROR, 4],
]);

/** Reading pauses for want of room only while bytes move at least this often: both ends may be waiting for each other. */
const READ_PAUSE_MS = 100;
/** So long bytes may stand still before a burst of answers counts as one that nobody reads. */
const MOVING_MS = 1_000;
/** However fast they move, more than so many times the limit is too much. */
const BURST_FACTOR = 8;

/** Room for the fixed fields and two mime types beside it in one frame. */
const MAX_SETUP_PAYLOAD_BYTES = MAX_SENT_FRAME_BYTES - 512;

/** Room for the header, the extended type and a length of metadata beside it in one frame. */
const MAX_EXT_PAYLOAD_BYTES = MAX_SENT_FRAME_BYTES - HEADER_BYTES - 4 - 3;

/** rsocket-java caps what it can read of a mime type's length at a signed byte (Q-SETUP-MIME). */
const MAX_MIME_TYPE_LENGTH = 127;

//   client:  opening ──any frame but ERROR on stream 0──▶ open ──close / CONNECTION_CLOSE──▶ draining ──▶ closed
//   server:  expecting-setup ──SETUP──▶ accepting ──accept──▶ open ──(as above)──▶
//   every state ──broken rule, limit, lost link, CONNECTION_ERROR──▶ closed
type State = "opening" | "expecting-setup" | "accepting" | "open" | "draining" | "closed";

interface HandedOver {
  readonly stream: Stream;
  readonly endsAtByte: number;
}

interface HeldFrame {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/**
 * A connection's whole state: its streams, credits, fragments, timers and outgoing bytes.
 *
 * The owner feeds it with `receiveFrame`, `linkBlocked`/`linkDrained`, `linkLost` and `handleTimeout`, and after each of these, or when
 * `onTransmit` was called, does three things: `handleFlush`, then `pollTransmit` until it returns false (or the link
 * says stop), then `afterTransmit`; then it arms one timer for `nextTimeoutMs` and reads on only while `wantsRead`.
 * Nothing here waits, throws at the peer's behest or touches the world; commands throw for misuse.
 */
export class Connection implements StreamHost {
  readonly side: "client" | "server";
  readonly settings: ConnectionSettings;
  readonly outbound: OutboundQueue;
  /** What may be sent to the peer beyond plain RSocket. */
  readonly peer: Peer = new Peer();
  readonly #events: ConnectionEvents;
  readonly #streams: StreamTable = new StreamTable();
  readonly #ids: StreamIds;
  readonly #budgets: InboundBudgets;
  readonly #admission: Admission;
  // Made when it is needed, like all that an idle connection can do without.
  #pausedProducers: Set<Stream> | undefined;
  #producersFirst = false;
  // Fire-and-forget requests that are encoded but not with the link yet, in order.
  #handingOver: HandedOver[] | undefined;
  // Until it has left.
  #setup: SetupPayload | undefined;
  readonly #leaseInit: LeaseInit | undefined;
  #leases: Leases | undefined;
  // The latest time that a caller named; frames and timeouts name their own.
  #askedAtMs = 0;
  readonly #resumptionInit: ResumptionInit | undefined;
  #resumption: Resumption | undefined;
  readonly #opening: Opening | undefined;
  #state: State;
  #keepalive: Keepalive;
  #nowMs: number;
  #setupStage: "setup" | "keepalive" | "done" = "done";
  // Client, or a server that has said yes to SETUP.
  #isAccepted: boolean;
  // In front of a refusal they would look like the acceptance.
  #earlyFrames: ((writer: SlabWriter) => void)[] | undefined;
  #held: HeldFrame[] | undefined;
  #askedToken: Uint8Array | undefined;
  #heldBytes = 0;
  #partialBytes = 0;
  #highestRemoteId = 0;
  #reassemblyBytes = 0;
  #blockedSinceMs: number | undefined;
  #closeSent = false;
  // A close in order that the peer may take its time for.
  #lingerMs = 0;
  #lingersSinceMs: number | undefined;
  #lingerUntilMs: number | undefined;
  // Server: a client of ours that lives is heard within so long.
  #patienceMs = MAX_31_BIT;
  #peerHasEnded = false;
  #closeReason: EndReason | undefined;
  #mustAbort = false;

  constructor(init: ConnectionInit) {
    const { settings, setup, nowMs } = init;
    this.side = setup === undefined ? "server" : "client";
    this.#isAccepted = setup !== undefined;
    this.settings = settings;
    this.#events = init.events;
    this.#setup = setup;
    this.#leaseInit = init.lease;
    if (setup !== undefined && init.lease?.isOffered === true) this.#leases = negotiatedLeases(init.lease);
    this.#resumptionInit = init.resumption;
    if (init.resumption?.token !== undefined) this.#resumption = this.#createResumption(init.resumption.token);
    this.#opening = init.opening;
    if (setup === undefined && init.opening === undefined)
      throw new TypeError("setup and opening are missing, expected one");
    this.#nowMs = nowMs;
    this.outbound = new OutboundQueue(init.pool, settings.limits, settings.fragmentBytes);
    this.#ids = new StreamIds(this.side, init.firstStreamId, init.lastStreamId);
    this.#budgets = new InboundBudgets(settings.limits);
    this.#admission = new Admission(settings.limits.maxQueuedCalls);
    this.#state = setup === undefined ? "expecting-setup" : "opening";
    // The server learns the times from SETUP.
    this.#keepalive =
      setup === undefined
        ? new Keepalive(0, MAX_31_BIT, nowMs)
        : new Keepalive(
            settings.keepaliveIntervalMs,
            settings.peerMayBeSilent ? MAX_31_BIT : settings.maxLifetimeMs,
            nowMs,
          );
    if (setup !== undefined) {
      checkMimeType("metadataMimeType", setup.metadataMimeType);
      checkMimeType("dataMimeType", setup.dataMimeType);
      checkLone("SETUP", MAX_SETUP_PAYLOAD_BYTES, setup.data, setup.metadata);
      this.#setupStage = "setup";
    }
  }

  // ── what it is ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Where in its life the connection is. */
  get state(): State {
    return this.#state;
  }

  /** What outlives a link; undefined when nothing does. */
  get resumption(): Resumption | undefined {
    return this.#resumption;
  }

  /** There is a link, and frames go both ways. */
  get isLive(): boolean {
    return this.#resumption?.isLive !== false;
  }

  /** New streams may be opened. */
  get isOpen(): boolean {
    return this.#state === "open" || this.#state === "opening";
  }

  /** Why it is over, once it is. */
  get closeReason(): ConnectionError | undefined {
    return this.#closeReason === undefined ? undefined : this.#endError();
  }

  /** The link should be torn down rather than closed in order: the peer no longer listens. */
  get mustAbort(): boolean {
    return this.#mustAbort;
  }

  /** Live streams, both sides'. */
  get streamCount(): number {
    return this.#streams.size;
  }

  /** Live streams that the peer opened. */
  get inboundStreamCount(): number {
    return this.#streams.inboundCount;
  }

  /** Calls that wait for room in the write queue. */
  get queuedCallCount(): number {
    return this.#admission.size;
  }

  /** Bytes of unfinished messages. */
  get reassemblyBytes(): number {
    return this.#reassemblyBytes;
  }

  /** A call may be encoded and opened now; otherwise let it wait with `queueCall`. Under leases `lookAt` comes before. */
  get hasRoom(): boolean {
    return this.#admission.size === 0 && this.#belowMark() && (this.#leases === undefined || this.hasLease);
  }

  /** Both directions' leases; undefined while none limits anything. */
  get leases(): Leases | undefined {
    return this.#leases;
  }

  /** A request may be made as far as leases go. Call `lookAt` before. */
  get hasLease(): boolean {
    const gate = this.#leases?.gate;
    return gate === undefined || gate.leftAt(Math.max(this.#nowMs, this.#askedAtMs)) > 0;
  }

  /** Where leases limit requests: the time at which the next command is given. */
  lookAt(nowMs: number): void {
    this.#askedAtMs = nowMs;
  }

  /** Frames should be read; false while the write queue is full or too much is held behind SETUP. */
  get wantsRead(): boolean {
    if (this.#state === "accepting") return this.#heldBytes + this.#partialBytes < this.settings.limits.maxHeldBytes;
    return !this.#pausesReading && !this.isHolding;
  }

  // Only for what the peer caused: if our own requests stopped us, two busy ends would wait for each other for ever. So
  // would two that have much to answer, unless they read on; `maxPeerCausedBytes` bounds what comes of it.
  get #pausesReading(): boolean {
    const resumption = this.#resumption;
    // RESUME_OK or the peer's word of what it has makes room then, nothing else does.
    if (resumption !== undefined && (!resumption.isLive || resumption.fullSinceMs !== undefined)) return false;
    return this.outbound.peerCausedBytes >= this.settings.limits.readPauseBytes && !this.#isStill(READ_PAUSE_MS);
  }

  /** Frames that came behind SETUP still wait for `releaseHeld`. */
  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  /** The largest frame that is read now. */
  get maxFrameBytes(): number {
    const { maxMessageBytes, maxMetadataBytes, maxSetupBytes } = this.settings.limits;
    if (this.#state === "expecting-setup") return maxSetupBytes;
    return maxMessageBytes + maxMetadataBytes + 64; // header, lengths, initial n
  }

  // ── input ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * One frame, `bytes[start, end)` without prefix. Views of `bytes` may be kept, it is never written. `pieces`:
   * it is a fragment that came in several, of which this is the first.
   */
  receiveFrame(bytes: Uint8Array, start: number, end: number, nowMs: number, pieces?: FramePieces): void {
    this.#nowMs = nowMs;
    this.#keepalive.received(nowMs);
    if (this.#state === "accepting" || this.#held !== undefined) return this.#hold(bytes, start, end);
    this.#takeFrame(bytes, start, end, pieces);
  }

  #takeFrame(bytes: Uint8Array, start: number, end: number, pieces?: FramePieces): void {
    if (this.#state === "closed") return;
    if (end - start < HEADER_BYTES) {
      return this.receiveMalformed(`frame of ${end - start} bytes, expected at least 6 (RSocket 1.0 §Framing)`, false);
    }
    if (this.#state === "expecting-setup") return this.#receiveFirst(bytes, start, end);
    const streamId = readStreamId(bytes, start);
    if (this.#resumption !== undefined) {
      if (!this.#resumption.isLive) return this.#receiveWhileResuming(this.#resumption, bytes, start, end);
      const frameBytes = end - start + (pieces === undefined ? 0 : lengthOf(pieces.more));
      const asksAreFree = streamId !== 0 && this.#resumption.countReceived(readFrameType(bytes, start), frameBytes);
      if (asksAreFree) this.#budgets.earnControl();
    }
    if (streamId === 0) this.#receiveOnConnection(bytes, start, end);
    else this.#receiveOnStream(streamId, bytes, start, end, pieces);
  }

  /** A fragment in the pieces that it came in; unless they are lent they may be kept. False: it is no fragment, or is wanted in one piece. */
  receivePieces([head = EMPTY, ...more]: readonly Uint8Array[], areLent: boolean, nowMs: number): boolean {
    const isSettled = (this.#state === "open" || this.#state === "draining") && this.isLive && !this.isHolding;
    if (!isSettled || !isHeadOfFragment(head)) return false;
    this.receiveFrame(head, 0, head.length, nowMs, { more, areLent });
    return true;
  }

  /** All that was read has been passed in, but for `partialBytes` of an unfinished frame: they are life, too. */
  receivePart(partialBytes: number, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#partialBytes = partialBytes;
    this.#keepalive.received(nowMs);
  }

  /** What has come isn't read yet, for this side's reasons: silence is its own. */
  notReading(nowMs: number): void {
    this.#keepalive.received(nowMs);
  }

  /** The link takes nothing more for now. */
  linkBlocked(nowMs: number): void {
    this.#blockedSinceMs ??= nowMs;
  }

  /** The link takes nothing more yet, but what it has taken became less. */
  linkMoved(nowMs: number): void {
    if (this.#blockedSinceMs !== undefined) this.#blockedSinceMs = nowMs;
  }

  /**
   * What the link took hasn't reached the peer, as far as can be seen: who hasn't got its last answer can't close yet. A client
   * that lives says so in time meanwhile, however slow the way to it is.
   */
  linkHolds(nowMs: number): void {
    if (this.#lingerUntilMs !== undefined && nowMs - this.#keepalive.lastReceivedMs < this.#patienceMs)
      this.#lingerUntilMs = nowMs + this.#lingerMs;
  }

  /** The link takes bytes again. */
  linkDrained(): void {
    this.#blockedSinceMs = undefined;
  }

  /** The peer sends nothing more but may still read: its requests are answered, ours never will be. */
  peerEnded(): void {
    if (this.#state === "closed") return;
    // Who may come back may have been cut off, and will be answered then.
    const ended = connectionError("connection lost: the peer sends nothing more", "remote");
    if (this.#canResume) return this.#detach(ended);
    this.#peerHasEnded = true;
    this.#lingerMs = 0;
    // Requests that wait behind SETUP are still to be answered.
    const requestsWait = this.#held?.some(({ bytes, start }) => readStreamId(bytes, start) !== 0);
    if (requestsWait === true) return;
    this.#closeReason ??= ended;
    if (this.#state !== "open" && this.#state !== "draining") return this.#end(this.#closeReason, false);
    // Who died leaves streams behind that wait for credit or items: whatever lifetime it asked for, they wait no longer than
    // for a peer that reads nothing. gRPC's servers end them at once; here what was asked for is still answered.
    const { maxLifetimeMs, stallTimeoutMs } = this.settings.limits;
    this.#keepalive.judgeWithin(Math.min(maxLifetimeMs, stallTimeoutMs));
    const isNews = this.isOpen;
    this.#state = "draining";
    this.#closeSent = true;
    this.#failWaiting();
    for (const stream of this.#streams.snapshot()) {
      // Neither will our requests be answered, nor will its own become whole.
      if (stream.isRequester || stream.isAssembling) stream.connectionLost(this.#endError());
    }
    this.#endIfDrained();
    if (isNews) this.#tellDraining();
  }

  /** The link is gone. Ends the connection if nothing else did before. */
  linkLost(cause: unknown): void {
    const detail = cause instanceof Error ? `: ${cause.message}` : "";
    const error = connectionError(`connection lost${detail}`, "remote", cause);
    if (this.#canResume) this.#detach(error);
    else this.#end(error, true);
  }

  /** A resumed connection has a new link. */
  linkOpened(nowMs: number): void {
    this.#nowMs = nowMs;
    const resumption = this.#resumption;
    if (resumption === undefined || resumption.isLive || this.#state === "closed") return;
    if (this.side === "client") resumption.stage = "resume-due";
    this.#keepalive.restart(nowMs);
    this.requestFlush();
  }

  /** The time that `nextTimeoutMs` named has come. What has been received by now must have been passed in before. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === "closed" || this.#setupStage === "setup" || !this.isLive) return;
    // While this side doesn't read, silence is its own.
    if (!this.wantsRead) this.#keepalive.received(nowMs);
    const silenceMs = this.#keepalive.overdueMs(nowMs);
    if (silenceMs !== undefined) return this.#give(`nothing received for ${Math.round(silenceMs)} ms`, "remote");
    const { stallTimeoutMs } = this.settings.limits;
    if (this.#isStill(stallTimeoutMs)) {
      return this.#give(`the peer has read nothing for ${stallTimeoutMs} ms`, "remote");
    }
    if (nowMs >= this.#fullUntilMs) {
      return this.#end(connectionError(`the peer has confirmed nothing for ${stallTimeoutMs} ms`, "remote"), true);
    }
    this.handleFlush(nowMs);
    this.#endIfDrained();
    if (this.state === "closed") return;
    // Before the SETUP is accepted nothing of ours may go out: it would look like the acceptance.
    if (this.#keepalive.takeSendDue(nowMs) && this.#state !== "accepting") this.#sendKeepalive();
  }

  // ── commands ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Opens a stream with a request. `metadata` and `data` belong to the runtime from then on; `initialRequestN`
   * (1 … 2^31-1) counts for streams and channels only.
   * @throws ConnectionError when the connection isn't open, StreamError when all stream ids are in use or there is no
   * lease, RangeError for an unknown interaction, an n below 1, or what is no bytes.
   */
  openStream(
    interaction: Interaction,
    metadata: Uint8Array | undefined,
    data: MessageBytes,
    initialRequestN: number,
    sink: StreamSink,
  ): Stream {
    if (!this.isOpen) throw this.#endError();
    checkPayload(data, metadata);
    const preset = presetOf(interaction);
    if (preset.hasInitialN && !(initialRequestN >= 1)) {
      throw new RangeError(`initial request n ${initialRequestN}, expected 1 … 2^31-1 (RSocket 1.0 §REQUEST_STREAM)`);
    }
    if (this.#leases !== undefined) this.#takeLease(this.#leases);
    const id = this.#ids.allocate(this.#streams);
    if (id === undefined) throw new StreamError(ErrorCode.REJECTED, EMPTY, "local", "all stream ids are in use");
    const n = Math.min(initialRequestN, MAX_31_BIT);
    const stream = new Stream(this, id, preset, true, preset.hasInitialN ? n : 1, sink);
    this.#streams.add(stream);
    // A channel's request is its first item: the REQUEST_N that answers it is no demand without delivery.
    if (preset.requesterSends) this.countItemSent();
    stream.open(preset, n, metadata, data);
    return stream;
  }

  /** Lets a call wait for room; false when too many do. @throws ConnectionError when the connection isn't open. */
  queueCall(call: WaitingCall): boolean {
    if (!this.isOpen) throw this.#endError();
    if (!this.hasLease && this.#admission.size >= this.settings.limits.maxCallsWithoutLease) return false;
    return this.#admission.add(call);
  }

  /** A call that has no stream yet hears when the connection ends; at once when it isn't open. */
  addUnopened(call: UnopenedCall): void {
    if (this.isOpen) this.#admission.addUnopened(call);
    else call.fail(this.#endError());
  }

  /** The call waits no more. */
  withdrawCall(call: WaitingCall | UnopenedCall): void {
    this.#admission.withdraw(call);
  }

  /**
   * Sends METADATA_PUSH, ahead of everything on streams, once SETUP is accepted. False: the write queue is full, more should wait.
   * @throws RangeError when it doesn't fit one frame, or is no bytes.
   */
  metadataPush(metadata: Uint8Array): boolean {
    checkLone("METADATA_PUSH", MAX_SENT_FRAME_BYTES - HEADER_BYTES, metadata);
    return this.#sendBeside((writer) => encodeMetadataPush(writer, metadata));
  }

  /**
   * Sends EXT on stream 0, ahead of everything on streams, once SETUP is accepted. False: the write queue is full, more should wait.
   * @throws RangeError when the type isn't 1 … 2^31-1, or the payload doesn't fit one frame.
   */
  extension(extendedType: number, mayIgnore: boolean, metadata: Uint8Array | undefined, data: Uint8Array): boolean {
    if (!(Number.isInteger(extendedType) && extendedType > 0 && extendedType <= MAX_31_BIT)) {
      throw new RangeError(`the extended type is ${extendedType}, expected 1 … 2^31-1 (RSocket 1.0 §EXT)`);
    }
    checkLone("EXT", MAX_EXT_PAYLOAD_BYTES, data, metadata);
    return this.#sendBeside((writer) => encodeExt(writer, 0, mayIgnore, extendedType, metadata, data));
  }

  /**
   * Tells a peer that agreed on leases what it may ask from now on; requests beyond it are refused. `carried` requests more
   * are taken, such as were sent under the lease before and may cross this one. Does nothing for any other peer.
   * @throws RangeError for numbers that aren't whole ones 0 … 2^31-1, or metadata that doesn't fit one frame.
   */
  grantLease(lease: Lease, nowMs: number, carried = 0): void {
    checkLease(lease, carried);
    const ledger = this.#leases?.ledger;
    if (ledger === undefined || this.#state !== "open" || !this.isLive) return;
    ledger.grant(lease, nowMs, Math.min(carried, ledger.leftAt(nowMs)));
    const before = this.outbound.priority.byteLength;
    encodeLease(this.outbound.priority, lease.ttlMs, lease.requestCount, lease.metadata);
    // Strategies grant when requests come: who asks and reads nothing must not fill the queue with grants.
    this.outbound.addPeerCaused(this.outbound.priority.byteLength - before);
    this.requestFlush();
  }

  /** Server: the SETUP is accepted. Frames that waited are handled now, as long as `goesOn`; the rest by `releaseHeld`. */
  accept(goesOn: () => boolean = () => true): void {
    if (this.#state !== "accepting") return;
    this.#state = "open";
    this.#isAccepted = true;
    for (const encode of this.#earlyFrames ?? []) encode(this.outbound.priority);
    this.#earlyFrames = undefined;
    if (this.#askedToken !== undefined) this.#resumption = this.#createResumption(this.#askedToken);
    this.requestFlush();
    this.releaseHeld(goesOn, this.#nowMs);
  }

  /** Handles frames that waited for the acceptance, as long as `goesOn`. */
  releaseHeld(goesOn: () => boolean, nowMs: number): void {
    this.#nowMs = nowMs;
    const held = this.#held;
    if (held !== undefined) {
      let count = 0;
      for (const { bytes, start, end } of held) {
        if (count > 0 && !goesOn()) break;
        count++;
        this.#heldBytes -= end - start;
        this.#takeFrame(bytes, start, end);
      }
      held.splice(0, count);
      if (held.length > 0 && this.#held === held) return;
      this.#held = undefined;
      this.#heldBytes = 0;
    }
    if (this.#peerHasEnded) this.peerEnded();
    this.requestFlush();
  }

  /** Server: the SETUP is refused with a setup code and ERROR data. */
  reject(code: number, data: Uint8Array, message: string): void {
    if (this.#state === "closed") return;
    this.#endWithError(new ConnectionError(code, message, "local"), data);
  }

  /**
   * Ends the connection in order: no new streams from now on, those that live run to their end. A peer that is ours is
   * told at once; others fail all their calls when told (A23), so they hear of it with the last stream's end.
   *
   * With `lingerMs` the peer that was told is the one that closes, so that its requests that cross our word are answered
   * with REJECTED; we close when it hasn't so long after the last stream's end, unless it is seen to be slow. Fire-and-forget
   * requests, which nothing can answer, are still served then.
   */
  close(message = "closed", lingerMs = 0): void {
    if (this.#state === "closed") return;
    this.#closeReason ??= closed(message);
    // Whoever fails by it sees in the stack who closed the connection.
    if (this.#streams.size > 0) this.#endError();
    // CONN-07: a SETUP that isn't accepted is refused.
    if (this.#state === "accepting")
      return this.#endWithError(new ConnectionError(ErrorCode.REJECTED_SETUP, message, "local"), TEXT.encode(message));
    // Nobody to tell, and nobody to come back to: the session is over (RESUME-18).
    if (!this.isLive) return this.#end(this.#closeReason, false);
    this.#resumption?.stopKeeping();
    // Who was told by its peer has nothing to wait for.
    if (this.#state !== "draining") this.#lingerMs = lingerMs;
    this.#state = "draining";
    this.#failWaiting();
    if (this.peer.isOurs) this.#sendCloseBehindRequests(message);
    this.#endIfDrained();
  }

  /** Gives up all streams: the peer's get ERROR[CANCELED], this side's CANCEL. What they sent before still goes out. */
  abandonStreams(message: string): void {
    this.#lingerMs = 0;
    for (const stream of this.#streams.snapshot()) stream.abandon(ErrorCode.CANCELED, message);
  }

  /** Ends the connection now, with ERROR on stream 0; all its streams fail with `error`. */
  abort(error: ConnectionError): void {
    if (this.#state === "closed") return;
    this.#endWithError(error, TEXT.encode(error.message));
  }

  // ── output ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Judges what was queued since. Call it before `pollTransmit`. */
  handleFlush(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#state === "closed" || !this.#isOverPeerCaused(nowMs)) return;
    const message = `more than ${this.settings.limits.maxPeerCausedBytes} bytes of answers wait to be read`;
    this.#end(connectionError(message, "remote"), true);
  }

  // A burst of answers to a peer that reads is no offence, as long as bytes move: but not without end.
  #isOverPeerCaused(nowMs: number): boolean {
    const { peerCausedBytes } = this.outbound;
    const { maxPeerCausedBytes } = this.settings.limits;
    if (peerCausedBytes <= maxPeerCausedBytes) return false;
    return this.#isStill(MOVING_MS, nowMs) || peerCausedBytes > BURST_FACTOR * maxPeerCausedBytes;
  }

  // The link has taken nothing for so long.
  #isStill(durationMs: number, nowMs: number = this.#nowMs): boolean {
    return this.#blockedSinceMs !== undefined && nowMs - this.#blockedSinceMs >= durationMs;
  }

  /** Moves the next frames into `batch`, whole ones; false when there are none. Each call is one write. */
  pollTransmit(batch: FrameBatch): boolean {
    if (this.#setupStage === "setup") return this.#takeSetup(batch);
    if (this.#setupStage === "keepalive") {
      this.#setupStage = "done";
      this.#sendKeepalive();
    }
    return this.#resumption === undefined
      ? this.outbound.takeInto(batch)
      : this.#pollResumable(this.#resumption, batch);
  }

  #pollResumable(resumption: Resumption, batch: FrameBatch): boolean {
    const { store, stage } = resumption;
    if (stage === "detached" || stage === "awaiting-ok") return false;
    if (stage === "resume-due") return this.#takeResume(resumption, batch);
    if (stage === "ok-due") return this.#takeResumeOk(resumption, batch);
    if (store.hasUnsent) return this.outbound.takeAgain(batch, store);
    if (!resumption.isKeeping) return this.outbound.takeInto(batch);
    if (store.isHalfFull && !resumption.isAsking) this.#sendKeepalive();
    // A peer of ours answers: what it has is forgotten then. Others may never say, and must not stop us.
    if (store.isFull && this.peer.isOurs) {
      resumption.fullSinceMs ??= this.#nowMs;
      return this.outbound.takePriority(batch);
    }
    if (store.isFull) store.evict();
    return this.outbound.takeInto(batch, store);
  }

  /** Tells producers and waiting calls when there is room again. Call it when `pollTransmit` is done. */
  afterTransmit(): void {
    if (this.#handingOver !== undefined) this.#tellHandedOver(this.#handingOver);
    if (this.#admission.size > 0 || this.#pausedProducers !== undefined) this.#shareRoom();
    if (this.#state === "draining") this.#drain();
  }

  // Neither those that call keep those that produce waiting, nor the other way round: they take turns at being first.
  #shareRoom(): void {
    if (this.#belowMark()) this.#producersFirst = !this.#producersFirst;
    // Half of the room is left to those that were told: many produce later, when their sources have said something.
    const share = this.#producersFirst && this.#tellProducers() ? 2 : 1;
    const { producerPauseBytes } = this.settings.limits;
    const hasRoom = (): boolean => this.outbound.byteLength < producerPauseBytes / share;
    if (this.#admission.size > 0) this.#admission.admitWhile(() => this.isOpen && hasRoom() && this.hasLease);
    if (!this.#producersFirst) this.#tellProducers();
  }

  // In the order in which they paused, as long as there is room: who fills it up pauses behind those that had none of it.
  #tellProducers(): boolean {
    const paused = this.#pausedProducers;
    if (paused === undefined || !this.#belowMark()) return false;
    let left = paused.size;
    for (const stream of paused) {
      if (left-- === 0 || !this.#belowMark()) break;
      paused.delete(stream);
      if (stream.isSendOpen) stream.sink.onWritable();
    }
    if (paused.size === 0 && this.#pausedProducers === paused) this.#pausedProducers = undefined;
    return true;
  }

  /** When `handleTimeout` should be called next. */
  get nextTimeoutMs(): number | undefined {
    if (this.#state === "closed" || this.#setupStage === "setup" || !this.isLive) return undefined;
    const isOver = this.outbound.peerCausedBytes > this.settings.limits.maxPeerCausedBytes;
    const stillMs = isOver ? MOVING_MS : this.settings.limits.stallTimeoutMs;
    const patienceMs = this.#pausesReading ? Math.min(READ_PAUSE_MS, stillMs) : stillMs;
    const stallMs = (this.#blockedSinceMs ?? Number.POSITIVE_INFINITY) + patienceMs;
    // Once it is over, what is left ends with the last stream or byte, and no timer need look.
    const untilMs = this.#lingerUntilMs ?? Number.POSITIVE_INFINITY;
    const lingerMs = untilMs > this.#nowMs ? untilMs : Number.POSITIVE_INFINITY;
    const next = Math.min(this.#keepalive.nextTimeoutMs, stallMs, lingerMs, this.#fullUntilMs);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  // ── for streams ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** @internal */
  refused(code: number, message: string): void {
    this.#events.onRefused?.(code, message);
  }

  /** @internal */
  requestFlush(): void {
    this.#events.onTransmit();
  }

  /** @internal */
  mayProduce(stream: Stream): boolean {
    if (this.#belowMark()) return true;
    return this.#pause(stream);
  }

  /** @internal */
  mayAnswer(stream: Stream): boolean {
    if (this.outbound.peerCausedBytes < this.settings.limits.readPauseBytes) return true;
    return this.#pause(stream);
  }

  #pause(stream: Stream): false {
    this.#pausedProducers ??= new Set();
    this.#pausedProducers.add(stream);
    return false;
  }

  /** @internal */
  countItemSent(): void {
    this.#budgets.earnRequestN();
  }

  /** @internal */
  countCancel(): void {
    this.#giveIf(this.#budgets.takeCancel(this.#nowMs));
  }

  /** @internal */
  countLate(): void {
    if (!this.#streams.takeLate()) this.#countMeaningless();
  }

  /** @internal */
  allowLate(frameCount: number): void {
    this.#streams.allowLate(frameCount);
  }

  /** @internal */
  addReassemblyBytes(byteLength: number): boolean {
    this.#reassemblyBytes += byteLength;
    return this.#reassemblyBytes <= this.settings.limits.maxReassemblyBytes;
  }

  /** @internal */
  forget(stream: Stream): void {
    this.#streams.remove(stream);
    if (this.#leases !== undefined && !stream.isRequester) this.#leases.ended(stream.id, stream.ending);
    if (stream.isHandingOver) {
      this.#handingOver ??= [];
      this.#handingOver.push({ stream, endsAtByte: this.outbound.encodedBytes });
    }
    this.#pausedProducers?.delete(stream);
    if (this.#state === "draining") this.requestFlush();
  }

  /** @internal */
  dispatch(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    this.#events.onRequest(stream, metadata, data, complete);
  }

  /** @internal */
  errorData(code: number, message: string, isAboveLimit?: boolean): Uint8Array {
    return this.#events.encodeErrorData?.(code, message, isAboveLimit) ?? TEXT.encode(message);
  }

  /** @internal */
  receiveMalformed(message: string, mayIgnore: boolean): void {
    if (mayIgnore) return this.#countMeaningless();
    const code = this.#state === "expecting-setup" ? ErrorCode.INVALID_SETUP : ErrorCode.CONNECTION_ERROR;
    this.#fail(code, message);
  }

  #tellHandedOver(handingOver: readonly HandedOver[]): void {
    const { takenBytes } = this.outbound;
    // In the order of their bytes.
    const firstLeft = handingOver.findIndex(({ endsAtByte }) => endsAtByte > takenBytes);
    if (firstLeft === 0) return;
    this.#handingOver = firstLeft < 0 ? undefined : handingOver.slice(firstLeft);
    for (const { stream } of firstLeft < 0 ? handingOver : handingOver.slice(0, firstLeft))
      stream.sink.onComplete(undefined);
  }

  // ── establishment ───────────────────────────────────────────────────────────────────────────────────────────────

  // SETUP leaves first and alone in one write (Q-SETUP-SPLIT), whatever was queued meanwhile, and a KEEPALIVE right
  // behind it: its answer proves that SETUP was accepted.
  #takeSetup(batch: FrameBatch): boolean {
    const setup = this.#setup;
    if (setup === undefined) return false;
    this.#setupStage = "keepalive";
    this.#setup = undefined;
    this.outbound.takeAlone(batch, (writer) =>
      encodeSetup(writer, {
        majorVersion: 1,
        minorVersion: 0,
        keepaliveIntervalMs: this.settings.keepaliveIntervalMs,
        maxLifetimeMs: this.settings.maxLifetimeMs,
        resumeToken: this.#resumption?.token,
        lease: this.#leases?.isNegotiated === true,
        metadataMimeType: setup.metadataMimeType,
        dataMimeType: setup.dataMimeType,
        metadata: setup.metadata,
        data: setup.data,
      }),
    );
    return true;
  }

  #receiveFirst(bytes: Uint8Array, start: number, end: number): void {
    const opening = this.#opening as Opening; // who expects a SETUP has it
    const type = readFrameType(bytes, start);
    const streamId = readStreamId(bytes, start);
    if (type === FrameType.RESUME && streamId === 0) return this.#receiveResume(bytes, start, end);
    if (type !== FrameType.SETUP) {
      const message = `first frame is ${frameTypeName(type)} on stream ${streamId}, expected SETUP or RESUME on stream 0`;
      return this.#fail(ErrorCode.INVALID_SETUP, message);
    }
    let setup: SetupFrame;
    try {
      setup = opening.decodeSetup(bytes, start, end);
    } catch (error) {
      if (!(error instanceof FrameFormatError)) throw error;
      return this.#fail(ErrorCode.INVALID_SETUP, error.message);
    }
    const { acceptZeroKeepalive } = this.settings;
    const { isOffered: lease = false, isRequired: leaseRequired = false } = this.#leaseInit ?? {};
    const resumption = this.#resumptionInit !== undefined;
    const { limits } = this.settings;
    const refusal = opening.refuseSetup(setup, { resumption, lease, leaseRequired, acceptZeroKeepalive, limits });
    if (refusal !== undefined) return this.#fail(refusal.code, refusal.message);
    if (setup.lease && this.#leaseInit !== undefined) this.#leases = negotiatedLeases(this.#leaseInit);
    const intervalMs = this.settings.serverKeepalive ? setup.keepaliveIntervalMs : 0;
    const lifetimeMs = this.settings.peerMayBeSilent
      ? MAX_31_BIT
      : opening.judgedLifetimeMs(setup, this.settings.limits);
    this.#keepalive = new Keepalive(intervalMs, lifetimeMs, this.#nowMs);
    this.#budgets.allowKeepalives(Math.max(setup.keepaliveIntervalMs, limits.minLifetimeMs / 4));
    // A quarter more: it crosses a slow network, or its process stood still.
    this.#patienceMs = 1.25 * setup.keepaliveIntervalMs;
    // The frame's bytes are part of what was read, the token lives long.
    this.#askedToken = setup.resumeToken?.slice();
    this.#state = "accepting";
    this.requestFlush(); // there are times to watch from here on
    this.#events.onSetup(setup);
  }

  #hold(bytes: Uint8Array, start: number, end: number): void {
    this.#held ??= [];
    this.#held.push({ bytes, start, end });
    this.#heldBytes += end - start;
  }

  #confirm(): void {
    this.#state = "open";
    this.#events.onEstablished();
  }

  // ── resumption ──────────────────────────────────────────────────────────────────────────────────────────────────

  #createResumption(token: Uint8Array): Resumption {
    // Only called where it was asked for.
    const { ledger } = this.#resumptionInit as ResumptionInit;
    return new Resumption(token, this.settings.limits.maxSessionBytes, ledger);
  }

  // A session begins with its acceptance, and isn't kept beyond a farewell.
  get #canResume(): boolean {
    return this.#resumption !== undefined && this.#state === "open";
  }

  get #fullUntilMs(): number {
    return (this.#resumption?.fullSinceMs ?? Number.POSITIVE_INFINITY) + this.settings.limits.stallTimeoutMs;
  }

  #detach(reason: ConnectionError): void {
    const resumption = this.#resumption;
    if (resumption === undefined || resumption.stage === "detached") return;
    resumption.stage = "detached";
    resumption.isAsking = false;
    resumption.fullSinceMs = undefined;
    this.#blockedSinceMs = undefined;
    this.#partialBytes = 0;
    // What isn't handled isn't counted: it comes again.
    this.#held = undefined;
    this.#heldBytes = 0;
    // Frames of stream 0 have no position: what was meant for the old link goes with it.
    this.outbound.priority.clear();
    this.#leases?.forget(this.#nowMs); // RESUME-15
    this.#events.onDetached?.(reason);
  }

  /**
   * Server: the client is back, with RESUME on a new link, which follows. Returns why it can't be, then the connection is
   * over unless it still has a link.
   */
  resume(frame: ResumeFrame): string | undefined {
    const resumption = this.#resumption;
    if (resumption === undefined || this.#state === "closed") return OVER;
    const refusal = refuseResume(resumption, frame);
    if (refusal !== undefined) {
      if (!this.isLive) this.#end(connectionError(refusal, "remote"), true);
      return refusal;
    }
    this.#detach(connectionError("the peer resumes on another link", "remote"));
    // Who is told of it may end the session.
    if (this.state === "closed") return OVER;
    resumption.store.rewind(frame.lastReceivedServerPosition);
    resumption.stage = "ok-due";
    resumption.prove();
    return undefined;
  }

  /** Server: the link goes to the session that RESUME named; this connection never was one. Tells nobody. */
  handOver(): void {
    this.#state = "closed";
  }

  #takeResume(resumption: Resumption, batch: FrameBatch): boolean {
    const { token, receivedPosition, store } = resumption;
    resumption.stage = "awaiting-ok";
    this.outbound.takeAlone(batch, (writer) => encodeResume(writer, token, receivedPosition, store.firstPosition));
    return true;
  }

  #takeResumeOk(resumption: Resumption, batch: FrameBatch): boolean {
    resumption.stage = "live";
    const greeting = this.#events.resumeGreeting?.();
    this.outbound.takeAlone(batch, (writer) => {
      encodeResumeOk(writer, resumption.receivedPosition);
      if (greeting !== undefined) encodeMetadataPush(writer, greeting);
    });
    this.#events.onResumed?.();
    return true;
  }

  #receiveResume(bytes: Uint8Array, start: number, end: number): void {
    if (this.#resumptionInit === undefined || this.#events.onResume === undefined) {
      return this.#fail(ErrorCode.REJECTED_RESUME, "resumption is not supported");
    }
    let frame: ResumeFrame;
    try {
      frame = (this.#opening as Opening).decodeResume(bytes, start, end); // who expects a SETUP has it
    } catch (error) {
      if (!(error instanceof FrameFormatError)) throw error;
      return this.#fail(ErrorCode.REJECTED_RESUME, error.message);
    }
    const refusal = this.#events.onResume(frame);
    if (refusal !== undefined) this.#fail(ErrorCode.REJECTED_RESUME, refusal);
  }

  // Client: only RESUME_OK or a refusal can come. Nothing of streams is taken: it has no position yet.
  #receiveWhileResuming(resumption: Resumption, bytes: Uint8Array, start: number, end: number): void {
    if (resumption.stage !== "awaiting-ok") return;
    const type = readFrameType(bytes, start);
    const body = start + HEADER_BYTES;
    if (readStreamId(bytes, start) !== 0) {
      return this.#fail(ErrorCode.CONNECTION_ERROR, `${frameTypeName(type)} before RESUME_OK`);
    }
    if (type === FrameType.ERROR && end - body >= 4) return this.#receiveRefusedResume(bytes, body, end);
    if (type !== FrameType.RESUME_OK) return this.#countMeaningless();
    if (end - body < 8) return this.#fail(ErrorCode.CONNECTION_ERROR, "RESUME_OK is cut short");
    const position = readUint63(bytes, body);
    const { store } = resumption;
    if (!store.rewind(position)) {
      const range = `${store.firstPosition} … ${store.sentPosition}`;
      return this.#fail(ErrorCode.CONNECTION_ERROR, `state disagreement: RESUME_OK says ${position}, kept is ${range}`);
    }
    resumption.stage = "live";
    resumption.prove();
    this.#events.onResumed?.();
    this.requestFlush();
  }

  #receiveRefusedResume(bytes: Uint8Array, body: number, end: number): void {
    const code = readUint32(bytes, body);
    const text = decodeUtf8(bytes.slice(body + 4, end));
    const message = `the session can't be resumed: ${errorCodeName(code)}: ${text}`;
    // A server of ours that is full hasn't looked at RESUME, and the old link may be what it is full of.
    if (code === ErrorCode.REJECTED_SETUP && this.peer.isOurs) this.#detach(connectionError(message, "remote"));
    else this.#end(connectionError(message, "remote"), false);
  }

  // ── stream 0 ────────────────────────────────────────────────────────────────────────────────────────────────────

  #receiveOnConnection(bytes: Uint8Array, start: number, end: number): void {
    const type = readFrameType(bytes, start);
    if (type === FrameType.ERROR) return this.#receiveConnectionError(bytes, start, end);
    if (type === FrameType.METADATA_PUSH) {
      if (this.#giveIf(this.#budgets.takeControl(this.#nowMs))) return;
      if (this.#isTooMuchMetadata("METADATA_PUSH", end - start - HEADER_BYTES)) return;
      this.#events.onMetadataPush(bytes.slice(start + HEADER_BYTES, end));
    } else if (type === FrameType.EXT) this.#receiveExtension(0, bytes, start, end);
    else if (type === FrameType.KEEPALIVE) this.#receiveKeepalive(bytes, start, end);
    else if (type === FrameType.LEASE) this.#receiveLease(bytes, start, end);
    else if (type === FrameType.RESUME && this.side === "server") {
      this.#fail(ErrorCode.CONNECTION_ERROR, "RESUME on a connection that is set up"); // RESUME-11
    } else this.#receiveUnexpected(type, bytes, start);
    if (this.#state === "opening") this.#confirm();
  }

  // The handler's word decides what the frame was, and so which budget it costs.
  #receiveExtension(streamId: number, bytes: Uint8Array, start: number, end: number): void {
    const flags = readFlags(bytes, start);
    const mayIgnore = (flags & Flag.IGNORE) !== 0;
    const payload = start + HEADER_BYTES + 4;
    const dataStart = payload > end ? -1 : readPayloadStart(bytes, payload, end, flags);
    if (dataStart < 0) return this.receiveMalformed("EXT is cut short", mayIgnore);
    const metadata = (flags & Flag.METADATA) === 0 ? undefined : bytes.slice(payload + 3, dataStart);
    if (this.#isTooMuchMetadata("EXT", metadata?.length ?? 0)) return;
    const extendedType = readUint31(bytes, start + HEADER_BYTES);
    const data = bytes.slice(dataStart, end);
    const frame: ExtFrame = { type: FrameType.EXT, streamId, mayIgnore, extendedType, metadata, data };
    const isUnderstood = extendedType > 0 && this.#events.onExtension?.(frame) === true;
    if (isUnderstood) this.#giveIf(this.#budgets.takeControl(this.#nowMs));
    else this.#receiveUnexpected(FrameType.EXT, bytes, start);
  }

  #isTooMuchMetadata(frame: string, byteLength: number): boolean {
    const { maxMetadataBytes } = this.settings.limits;
    if (byteLength <= maxMetadataBytes) return false;
    this.#fail(
      ErrorCode.CONNECTION_ERROR,
      `${frame} with ${byteLength} bytes of metadata, above the limit of ${maxMetadataBytes}`,
    );
    return true;
  }

  #receiveKeepalive(bytes: Uint8Array, start: number, end: number): void {
    const position = start + HEADER_BYTES;
    const flags = readFlags(bytes, start);
    if (end - position < 8) return this.receiveMalformed("KEEPALIVE is cut short", (flags & Flag.IGNORE) !== 0);
    if (this.#giveIf(this.#budgets.takeControl(this.#nowMs))) return;
    const isAnswer = (flags & Flag.RESPOND) === 0;
    this.#resumption?.receiveAcknowledgement(readUint63(bytes, position), isAnswer, this.peer.isOurs);
    if (isAnswer) {
      if (this.#resumption !== undefined) this.requestFlush();
      if (this.side === "client") this.peer.settleUnknown();
      return;
    }
    const data = bytes.subarray(position + 8, end);
    encodeKeepalive(this.outbound.priority, false, this.#resumption?.receivedPosition ?? 0, data);
    this.outbound.addPeerCaused(data.length + 17);
    this.requestFlush();
  }

  #receiveLease(bytes: Uint8Array, start: number, end: number): void {
    if (this.#giveIf(this.#budgets.takeLease(this.#nowMs))) return;
    const isAgreed = this.#leases?.isNegotiated === true;
    // Servers of rsocket-java grant unasked, and mean it (A32); no client does (UNX-10).
    if (!isAgreed && this.side === "server") return;
    const lease = decodeLease(bytes, start + HEADER_BYTES, end, readFlags(bytes, start));
    if (lease === undefined) {
      return this.receiveMalformed("LEASE is cut short", !isAgreed || (readFlags(bytes, start) & Flag.IGNORE) !== 0);
    }
    this.#leases ??= new Leases(this.#leaseInit ?? { isOffered: false });
    this.#leases.receive(lease, this.#nowMs);
    this.requestFlush(); // calls may wait for it
  }

  #takeLease({ gate }: Leases): void {
    if (gate === undefined) return;
    if (gate.take(Math.max(this.#nowMs, this.#askedAtMs))) return this.#budgets.earnLease();
    throw new StreamError(ErrorCode.REJECTED, EMPTY, "local", "there is no lease for a request now");
  }

  #receiveConnectionError(bytes: Uint8Array, start: number, end: number): void {
    if (end - start < HEADER_BYTES + 4) return this.receiveMalformed("ERROR is cut short", false);
    const code = readUint32(bytes, start + HEADER_BYTES);
    const data = bytes.slice(start + HEADER_BYTES + 4, end);
    const text = decodeUtf8(data);
    const error: EndReason = { code, message: `${errorCodeName(code)}: ${text}`, initiator: "remote", data };
    // Drivers refuse a SETUP with all kinds of codes (Q-NO-SETUP).
    if (this.#state === "opening") return this.#end(error, false);
    if (code === ErrorCode.CONNECTION_ERROR) return this.#end(error, false);
    // What ends a connection in order comes once or twice; a flood of it means as little as one of other codes.
    if (this.#giveIf(this.#budgets.takeMeaningless(this.#nowMs)) || code !== ErrorCode.CONNECTION_CLOSE) return;
    const isNews = this.isOpen;
    this.#closeReason ??= error;
    this.#closeSent = true;
    this.#resumption?.stopKeeping();
    this.#lingerMs = 0;
    this.#state = "draining";
    this.#failWaiting();
    this.#endIfDrained();
    if (isNews) this.#tellDraining();
  }

  // When all has ended at once there is nothing to tell but the end.
  #tellDraining(): void {
    if (this.state === "draining") this.#events.onDraining?.();
  }

  #receiveUnexpected(type: number, bytes: Uint8Array, start: number): void {
    const known = type >= FrameType.SETUP && type <= FrameType.RESUME_OK;
    const mayIgnore = (readFlags(bytes, start) & Flag.IGNORE) !== 0;
    if (known || mayIgnore) return this.#countMeaningless();
    this.#fail(
      ErrorCode.CONNECTION_ERROR,
      `frame type ${frameTypeName(type)} is not understood and has no ignore flag`,
    );
  }

  #sendBeside(encode: (writer: SlabWriter) => void): boolean {
    if (this.#state === "closed") return false;
    if (this.#isAccepted) {
      encode(this.outbound.priority);
      this.requestFlush();
    } else {
      this.#earlyFrames ??= [];
      this.#earlyFrames.push(encode);
    }
    return this.#belowMark();
  }

  #sendKeepalive(): void {
    this.#resumption?.ask();
    this.#budgets.earnControl(); // its answer
    encodeKeepalive(this.outbound.priority, true, this.#resumption?.receivedPosition ?? 0, EMPTY);
    this.requestFlush();
  }

  // ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #receiveOnStream(streamId: number, bytes: Uint8Array, start: number, end: number, pieces?: FramePieces): void {
    if (this.#state === "opening") {
      this.peer.settleUnknown();
      this.#confirm();
      if (this.state === "closed") return;
    } else if (this.peer.kind === "undecided" && this.side === "client") this.peer.settleUnknown();
    const type = readFrameType(bytes, start);
    const flags = readFlags(bytes, start);
    const body = start + HEADER_BYTES;
    const stream = this.#streams.get(streamId);
    if (type === FrameType.PAYLOAD) {
      if (stream === undefined) this.#receiveLate(streamId);
      else stream.receivePayload(bytes, body, end, flags, pieces);
      return;
    }
    if (end - body < (LEAST_BODY_BYTES.get(type) ?? 0)) {
      return this.receiveMalformed(`${frameTypeName(type)} is cut short`, (flags & Flag.IGNORE) !== 0);
    }
    const preset = presetOfFrame(type);
    if (preset !== undefined) return this.#receiveRequest(preset, streamId, stream, bytes, body, end, flags, pieces);
    if (type === FrameType.REQUEST_N) {
      if (this.#giveIf(this.#budgets.takeRequestN(this.#nowMs))) return;
      if (stream === undefined) this.#receiveLate(streamId);
      else stream.receiveRequestN(readUint31(bytes, body));
    } else if (type === FrameType.CANCEL) {
      if (stream === undefined) this.#receiveLate(streamId);
      else stream.receiveCancel();
    } else if (type === FrameType.ERROR) {
      if (stream === undefined) this.#receiveLate(streamId);
      else stream.receiveError(readUint32(bytes, body), bytes.subarray(body + 4, end));
    } else if (type === FrameType.EXT && stream !== undefined) this.#receiveExtension(streamId, bytes, start, end);
    else this.#receiveUnexpected(type, bytes, start);
  }

  #receiveRequest(
    preset: InteractionPreset,
    streamId: number,
    existing: Stream | undefined,
    bytes: Uint8Array,
    body: number,
    end: number,
    flags: number,
    pieces?: FramePieces,
  ): void {
    if (existing !== undefined) return this.#countMeaningless(); // UNX-01
    if (this.#ids.owns(streamId))
      return this.#refuse(preset, streamId, flags, `stream id ${streamId} is not the requester's`);
    if (streamId > this.#highestRemoteId) this.#highestRemoteId = streamId;
    const isUnanswered = preset.frameType === FrameType.REQUEST_FNF;
    if (this.#leases !== undefined && !this.#leases.admit(isUnanswered, this.#nowMs)) {
      return this.#refuse(preset, streamId, flags, "there is no lease for this request");
    }
    if (this.#state !== "open" && !this.#servesLast(preset)) {
      return this.#refuse(preset, streamId, flags, this.#closeReason?.message ?? "connection is closing");
    }
    if (this.#streams.inboundCount >= this.settings.limits.maxInboundStreams) {
      return this.#refuse(preset, streamId, flags, `more than ${this.settings.limits.maxInboundStreams} streams`);
    }
    const n = preset.hasInitialN ? readUint31(bytes, body) : 1;
    const stream = new Stream(this, streamId, preset, false, n, SILENT_SINK);
    this.#streams.add(stream);
    // Only REQUEST_CHANNEL defines C; on the others it must not win over F (HDR-02).
    const definedFlags = preset.requesterSends ? flags : flags & ~Flag.COMPLETE;
    stream.receiveRequest(bytes, preset.hasInitialN ? body + 4 : body, end, definedFlags, pieces);
  }

  // What can't be refused is served as long as there is time.
  #servesLast(preset: InteractionPreset): boolean {
    return this.#state === "draining" && this.#lingerMs > 0 && preset.frameType === FrameType.REQUEST_FNF;
  }

  // Not processed, guaranteed (ERR-07). A fire-and-forget request gets no frame back (FNF-01).
  #refuse(preset: InteractionPreset, streamId: number, flags: number, message: string): void {
    this.allowLate((flags & Flag.FOLLOWS) === 0 ? 0 : this.settings.limits.maxFragments);
    this.refused(ErrorCode.REJECTED, message);
    if (preset.frameType === FrameType.REQUEST_FNF) return;
    const before = this.outbound.data.byteLength;
    encodeError(this.outbound.data, streamId, ErrorCode.REJECTED, this.errorData(ErrorCode.REJECTED, message));
    this.outbound.countEncoded(before);
    this.outbound.addPeerCaused(this.outbound.data.byteLength - before);
    this.requestFlush();
  }

  // A frame of a stream that isn't there: under way when it ended, or for an id that never was one.
  #receiveLate(streamId: number): void {
    const highest = this.#ids.owns(streamId) ? this.#ids.highest : this.#highestRemoteId;
    if (streamId <= highest) this.countLate();
    else this.#countMeaningless();
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #countMeaningless(): void {
    this.#giveIf(this.#budgets.takeMeaningless(this.#nowMs));
  }

  #giveIf(message: string | undefined): boolean {
    if (message === undefined) return false;
    this.#fail(ErrorCode.CONNECTION_ERROR, message);
    return true;
  }

  // The peer broke a rule: it hears why, then the connection ends.
  #fail(code: number, message: string): void {
    if (this.#state === "closed") return;
    this.#endWithError(new ConnectionError(code, message, "local"), TEXT.encode(message));
  }

  // The peer is beyond hearing, on this link at least.
  #give(message: string, initiator: "local" | "remote"): void {
    const error = connectionError(message, initiator);
    if (this.#canResume) this.#detach(error);
    else this.#end(error, true);
  }

  #endWithError(error: ConnectionError, data: Uint8Array): void {
    this.#end(error, false, data);
  }

  // Behind what was sent before it: a request that it overtook would be refused. Large ones wait in a lane of their own.
  #sendCloseBehindRequests(message: string): void {
    if (this.#closeSent || this.#streams.snapshot().some((stream) => stream.isUnheardOf)) return;
    this.#sendClose(message, this.outbound.data);
  }

  #sendClose(message: string, lane: SlabWriter): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    const before = this.outbound.data.byteLength;
    encodeError(lane, 0, ErrorCode.CONNECTION_CLOSE, TEXT.encode(message));
    this.outbound.countEncoded(before);
    this.requestFlush();
  }

  #drain(): void {
    const reason = this.#closeReason;
    if (reason?.initiator === "local" && this.peer.isOurs) this.#sendCloseBehindRequests(reason.message);
    this.#endIfDrained();
  }

  #endIfDrained(): void {
    if (
      this.#state !== "draining" ||
      this.#streams.size > 0 ||
      this.outbound.byteLength > this.outbound.priority.byteLength ||
      this.#resumption?.store.hasUnsent === true ||
      this.#lingers()
    )
      return;
    const reason = this.#closeReason ?? closed("closed");
    this.#sendClose(reason.message, this.outbound.priority);
    this.#end(reason, false);
  }

  // The peer has been told and is to close; it has so long from when there is nothing left.
  #lingers(): boolean {
    if (this.#lingerMs === 0 || !this.peer.isOurs) return false;
    if (this.#closeReason?.initiator === "local") this.#sendCloseBehindRequests(this.#closeReason.message);
    this.#lingersSinceMs ??= this.#nowMs;
    this.#lingerUntilMs ??= this.#nowMs + this.#lingerMs;
    // Whoever still says something and hasn't closed hasn't read so far: it takes the rest of the grace, or dies.
    if (this.#keepalive.lastReceivedMs > this.#lingersSinceMs) return true;
    return this.#nowMs < this.#lingerUntilMs;
  }

  #end(reason: EndReason, abort: boolean, errorData?: Uint8Array): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    // Nothing goes out in front of SETUP (CONN-01) or RESUME: who never said hello says no farewell either.
    const isUnheardOf = this.#setupStage === "setup" || this.#resumption?.stage === "resume-due";
    this.#setupStage = "done";
    this.#closeReason ??= reason;
    this.#resumption?.store.clear();
    this.#resumption = undefined;
    this.#mustAbort = abort;
    this.#held = undefined;
    const handingOver = this.#handingOver ?? [];
    this.#handingOver = undefined;
    for (const { stream } of handingOver) stream.connectionLost(this.#endError());
    for (const stream of this.#streams.snapshot()) stream.connectionLost(this.#endError());
    this.#failWaiting();
    this.#pausedProducers = undefined;
    this.outbound.clearStreams();
    if (isUnheardOf) this.outbound.priority.clear();
    else if (errorData !== undefined) encodeError(this.outbound.priority, 0, reason.code, errorData);
    this.peer.settleUnknown();
    this.requestFlush();
    this.#events.onClosed(this.#closeReason);
  }

  #failWaiting(): void {
    this.#admission.failAll(() => this.#endError());
  }

  // One error for all that hear of the end.
  #endError(): ConnectionError {
    const reason = this.#closeReason ?? connectionError("connection is not open yet", "local");
    if (reason instanceof ConnectionError) return reason;
    const { code, message, initiator, data } = reason;
    const error = new ConnectionError(code, message, initiator, { data });
    this.#closeReason = error;
    return error;
  }

  #belowMark(): boolean {
    return this.outbound.byteLength < this.settings.limits.producerPauseBytes;
  }
}

function connectionError(message: string, initiator: "local" | "remote", cause?: unknown): ConnectionError {
  return new ConnectionError(ErrorCode.CONNECTION_ERROR, message, initiator, cause === undefined ? {} : { cause });
}

// In order, by this side.
function closed(message: string): EndReason {
  return { code: ErrorCode.CONNECTION_CLOSE, message, initiator: "local", data: undefined };
}

const OVER = "the session is over";
const EMPTY = /*@__PURE__*/ new Uint8Array(0);
const TEXT = new TextEncoder();

function negotiatedLeases(init: LeaseInit): Leases {
  const leases = new Leases(init);
  leases.negotiate();
  return leases;
}

function checkLone(frame: string, mostBytes: number, data: Uint8Array, metadata?: Uint8Array): void {
  checkPayload(data, metadata, frame);
  const byteLength = data.length + (metadata?.length ?? 0);
  if (byteLength <= mostBytes) return;
  throw new RangeError(`${frame} of ${byteLength} bytes, expected at most ${mostBytes}: it can't be fragmented`);
}

function checkMimeType(name: string, value: string): void {
  if (value.length <= MAX_MIME_TYPE_LENGTH && !/[^\x20-\x7e]/.test(value)) return;
  throw new RangeError(
    `${name} is "${value.slice(0, 140)}", expected at most ${MAX_MIME_TYPE_LENGTH} ASCII characters`,
  );
}
