// SPDX-License-Identifier: Apache-2.0
// A connection as the payload level sees it: requests in both directions, and an end that everybody hears of once.

import type { InPlace } from "../bytes/in-place.js";
import type { MessageBytes } from "../bytes/pieces.js";
import type { SlabPool } from "../bytes/slab.js";
import { Driver, type DriverSeat } from "../engine/driver.js";
import type { FrameLink, LinkInfo } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { ExtFrame, ResumeFrame, SetupFrame } from "../frames/frame.js";
import type { UnopenedCall, WaitingCall } from "../session/admission.js";
import type { ResumptionInit, SetupPayload } from "../session/connection.js";
import { ConnectionError, type EndReason, type Initiator } from "../session/errors.js";
import type { Allowance } from "../session/lease.js";
import type { Peer } from "../session/peer.js";
import type { Resumption } from "../session/resumption.js";
import { checkGrace } from "../session/setting-rules.js";
import type { ConnectionSettings } from "../session/settings.js";
import type { Opening } from "../session/setup.js";
import type { Stream, StreamSink } from "../session/stream.js";
import { Interaction } from "../session/stream-state.js";
import type { GrantedLeaseStatus, LeaseStatus } from "./lease.js";
import { LeaseGrants, type LeaseSetup, noLeaseError } from "./lease-grants.js";
import type { ExtensionInit, Payload, StreamHandle } from "./payload.js";
import type { Requester } from "./requester.js";
import { guardSink } from "./responder.js";
import { print } from "./thrown.js";
import { WaitingStream } from "./waiting-stream.js";

/** Why a connection ended. */
export interface CloseReason {
  readonly initiator: Initiator;
  /** The RSocket error code (RSocket 1.0 §Error Codes). */
  readonly code: number;
  /** In words. */
  readonly reason: string;
  /** Undefined when the connection was closed in order. */
  readonly error: ConnectionError | undefined;
}

/** What a connection's owner hears. */
export interface ConnectionOwner {
  /** Server: a sound SETUP; answer with `accept` or `reject`. */
  onSetup(setup: SetupFrame): void;
  /** Client: the peer has accepted. */
  onEstablished(): void;
  /** A whole request. */
  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void;
  /** A METADATA_PUSH. */
  onMetadataPush(metadata: Uint8Array): void;
  /** An EXT; true when its type is understood. */
  onExtension?(frame: ExtFrame): boolean;
  /** The peer takes no new requests any more. */
  onDraining?(): void;
  /** Server: a client wants its session back; gives it the link, or says why not. */
  onResume?(frame: ResumeFrame): string | undefined;
  /** The link is lost, the connection waits for another. */
  onDetached?(reason: ConnectionError): void;
  /** The connection goes on over another link. */
  onResumed?(): void;
  /** The metadata of a METADATA_PUSH that goes right behind RESUME_OK. */
  resumeGreeting?(): Uint8Array | undefined;
  /** The connection is over. */
  onClosed(reason: CloseReason): void;
  /** How an ERROR of the session's own says `message` to the peer, of bytes that were too many or not; as text when it gives nothing. */
  encodeErrorData?(code: number, message: string, isAboveLimit?: boolean): Uint8Array | undefined;
  /** A request or an item of the peer was refused, for a limit or a rule that it broke. */
  onRefused?(code: number, message: string): void;
  /** A request of the peer was refused: it had no lease. */
  onLeaseRefused?(isFireAndForget: boolean): void;
}

/** @internal What answers the peer of a connection that is set up: a responder, or the RPC level in its place. */
export interface ConnectionHooks
  extends Pick<
    ConnectionOwner,
    | "onRequest"
    | "onMetadataPush"
    | "onExtension"
    | "onDraining"
    | "resumeGreeting"
    | "encodeErrorData"
    | "onLeaseRefused"
    | "onRefused"
  > {
  /** The connection is over. */
  onClosed?(reason: CloseReason): void;
}

/** How to make one. */
export interface RSocketConnectionInit {
  readonly link: FrameLink;
  readonly settings: ConnectionSettings;
  readonly scheduler: Scheduler;
  readonly pool: SlabPool;
  readonly owner: ConnectionOwner;
  /** Present on the client's side. */
  readonly setup?: SetupPayload | undefined;
  /** @internal Present where leases are offered. */
  readonly lease?: LeaseSetup | undefined;
  /** The connection may outlive its link. */
  readonly resumption?: ResumptionInit | undefined;
  /** Present on the server's side. */
  readonly opening?: Opening | undefined;
}

/**
 * One RSocket connection: over one link, or with resumption over one after the other. It lives once. Requests go both ways, whoever opened it.
 *
 * `requestResponse` and the others throw a ConnectionError when it is over; all else that happens to a request is told
 * to its sink.
 */
export class RSocketConnection implements Requester {
  readonly settings: ConnectionSettings;
  readonly scheduler: Scheduler;
  #driver: Driver;
  readonly #owner: ConnectionOwner;
  readonly #grants: LeaseGrants | undefined;
  /** @internal What becomes of calls for which there is no lease. */
  readonly waitsForLease: boolean;
  #reason: CloseReason | undefined;
  // Made when somebody asks.
  #closed: Promise<CloseReason> | undefined;
  #resolveClosed: ((reason: CloseReason) => void) | undefined;

  constructor(init: RSocketConnectionInit) {
    const { link, settings, scheduler, pool, owner, setup, lease, resumption, opening } = init;
    this.settings = settings;
    this.scheduler = scheduler;
    this.#owner = owner;
    this.#grants = lease === undefined ? undefined : this.#createGrants(lease, link.info.remoteAddress);
    this.waitsForLease = lease?.waitForLease ?? true;
    const events = new Told(this, owner, this.#grants);
    const granted = this.#grants?.init;
    this.#driver = new Driver(link, scheduler, events, { settings, pool, setup, lease: granted, resumption, opening });
  }

  /** Resolves, never rejects, when the connection is over. */
  get closed(): Promise<CloseReason> {
    this.#closed ??= new Promise((resolve) => {
      if (this.#reason !== undefined) resolve(this.#reason);
      else this.#resolveClosed = resolve;
    });
    return this.#closed;
  }

  /** Begins to read, and for a client to write. */
  start(): void {
    this.#driver.start();
  }

  /** What the transport of the link tells, the latest when there were several. */
  get info(): LinkInfo {
    return this.#driver.link.info;
  }

  /** What may be sent to the peer beyond plain RSocket. */
  get peer(): Peer {
    return this.#driver.connection.peer;
  }

  /** @internal When what is handled now was read. */
  get nowMs(): number {
    return this.#driver.connection.nowMs;
  }

  /** New requests may be made. */
  get isOpen(): boolean {
    return this.#driver.connection.isOpen;
  }

  /** Why it ended, once it has. */
  get closeReason(): CloseReason | undefined {
    return this.#reason;
  }

  /** The error that a request made now would fail with, once requests can't be made any more. */
  get endError(): ConnectionError | undefined {
    return this.#driver.connection.closeReason;
  }

  /** Live streams of both sides. */
  get streamCount(): number {
    return this.#driver.connection.streamCount;
  }

  /** Bytes that wait to be handed to the transport. */
  get queuedBytes(): number {
    return this.#driver.connection.outbound.byteLength;
  }

  /** Bytes that the transport has, and hasn't got rid of; 0 where it doesn't tell. */
  get unsentBytes(): number {
    return this.#driver.link.unsentBytes ?? 0;
  }

  /** Bytes of the peer's messages that aren't whole yet. */
  get unfinishedBytes(): number {
    return this.#driver.connection.reassemblyBytes;
  }

  /** What the peer's leases allow at this moment; undefined when none limits requests. */
  get lease(): LeaseStatus | undefined {
    const gate = this.#driver.connection.leases?.gate;
    return gate === undefined ? undefined : statusOf(gate, this.scheduler.now());
  }

  /** What this side's leases allow the peer at this moment; undefined when none limits it. */
  get grantedLease(): GrantedLeaseStatus | undefined {
    const { leases } = this.#driver.connection;
    if (leases?.ledger === undefined) return undefined;
    return { ...statusOf(leases.ledger, this.scheduler.now()), refusedCount: leases.refusedCount };
  }

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** REQUEST_FNF. The sink hears `onComplete` when the frames are with the transport, or `onError`. */
  fireAndForget(request: Payload, sink: Partial<StreamSink> = {}): StreamHandle {
    return this.#request(Interaction.FIRE_AND_FORGET, request, 1, sink);
  }

  /** REQUEST_RESPONSE. The sink hears `onNext` or `onComplete`, or `onError`. */
  requestResponse(request: Payload, sink: Partial<StreamSink>): StreamHandle {
    return this.#request(Interaction.REQUEST_RESPONSE, request, 1, sink);
  }

  /** REQUEST_STREAM for `initialN` items at first, 1 … 2^31-1; ask for more with `request`. */
  requestStream(request: Payload, initialN: number, sink: Partial<StreamSink>): StreamHandle {
    return this.#request(Interaction.REQUEST_STREAM, request, initialN, sink);
  }

  /** REQUEST_CHANNEL: the request is the first item; send more when `onRequestN` tells of credit. */
  requestChannel(request: Payload, initialN: number, sink: Partial<StreamSink>): StreamHandle {
    return this.#request(Interaction.REQUEST_CHANNEL, request, initialN, sink);
  }

  metadataPush(metadata: Uint8Array): boolean {
    return this.#driver.connection.metadataPush(metadata);
  }

  extension({ extendedType, data, metadata, mayIgnore = true }: ExtensionInit): boolean {
    return this.#driver.connection.extension(extendedType, mayIgnore, metadata, data);
  }

  /**
   * @internal Where the message of a frame with such an `initialN` (-1: none) and `metadata` may be written that is sent at
   * once, or given back.
   */
  placeFor(initialN: number, metadata: Uint8Array | undefined): InPlace | undefined {
    return this.#driver.connection.outbound.placeFor(initialN, metadata);
  }

  /** @internal Opens a stream for a complete sink. @throws ConnectionError when the connection isn't open. */
  open(
    interaction: Interaction,
    metadata: Uint8Array | undefined,
    data: MessageBytes,
    initialN: number,
    sink: StreamSink,
  ): Stream {
    return this.#driver.connection.openStream(interaction, metadata, data, initialN, sink);
  }

  /** @internal A request may be encoded now. */
  get hasRoom(): boolean {
    const { connection } = this.#driver;
    if (connection.leases !== undefined) connection.lookAt(this.scheduler.now());
    return connection.hasRoom;
  }

  /** @internal Leases limit requests, and there is none now. */
  get lacksLease(): boolean {
    const { connection } = this.#driver;
    if (connection.leases === undefined) return false;
    connection.lookAt(this.scheduler.now());
    return !connection.hasLease;
  }

  /** @internal Lets a call wait for room; false when too many do. @throws ConnectionError when it isn't open. */
  queueCall(call: WaitingCall): boolean {
    const queued = this.#driver.connection.queueCall(call);
    if (queued) this.#driver.requestFlush();
    return queued;
  }

  /** @internal A call that has no stream yet hears when the connection ends; at once when it isn't open. */
  addUnopened(call: UnopenedCall): void {
    this.#driver.connection.addUnopened(call);
  }

  /** @internal The call waits no more. */
  withdrawCall(call: WaitingCall | UnopenedCall): void {
    this.#driver.connection.withdrawCall(call);
  }

  // ── resumption ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Positions and kept frames; undefined when the connection can't outlive its link. */
  get resumption(): Pick<Resumption, "token" | "store" | "receivedPosition"> | undefined {
    return this.#driver.connection.resumption;
  }

  /** There is a link, and frames go both ways. */
  get isLive(): boolean {
    return this.#driver.connection.isLive;
  }

  /** @internal Client: goes on over `link`, with RESUME. The owner hears `onResumed`, `onDetached` or `onClosed`. */
  resumeOver(link: FrameLink): void {
    this.#driver = Driver.succeed(this.#driver, link, this.scheduler);
    this.#driver.start();
  }

  /** @internal The link is of no use: it is torn down, and the owner hears `onDetached`, or `onClosed`. */
  loseLink(message: string): void {
    this.#driver.retire();
    this.#driver.connection.linkLost(new Error(message));
  }

  /**
   * @internal Server: goes on over the link of `newcomer`, which has sent `frame`. Returns why not, then `newcomer` keeps
   * its link.
   */
  takeOver(newcomer: RSocketConnection, frame: ResumeFrame): string | undefined {
    const refusal = this.#driver.connection.resume(frame);
    if (refusal !== undefined) return refusal;
    newcomer.#driver.connection.handOver();
    this.resumeOver(newcomer.#driver.release());
    return undefined;
  }

  // ── establishment and end ───────────────────────────────────────────────────────────────────────────────────────

  /** @internal Server: accepts the SETUP. */
  accept(): void {
    this.#driver.accept();
    this.#grants?.start();
  }

  /** @internal Server: refuses the SETUP. */
  reject(code: number, data: Uint8Array, message: string): void {
    this.#driver.connection.reject(code, data, message);
  }

  /** @internal True while the application hasn't answered the SETUP. */
  get awaitsAcceptance(): boolean {
    return this.#driver.connection.state === "accepting";
  }

  /** @internal True while no sound SETUP has come. */
  get awaitsSetup(): boolean {
    return this.#driver.connection.state === "expecting-setup";
  }

  /**
   * Closes in order: no new requests, those that run go on until they end or `graceMs` is over, then the rest is
   * cancelled. Resolves when the connection is over; rejects with RangeError for a `graceMs` that is no number.
   */
  async close({
    graceMs = 0,
    message = "closed",
  }: {
    readonly graceMs?: number;
    readonly message?: string;
  } = {}): Promise<void> {
    checkGrace(graceMs);
    const { connection } = this.#driver;
    connection.close(message, Math.min(graceMs, LINGER_MS));
    this.#driver.requestFlush();
    if (connection.state !== "closed") this.#endAfter(graceMs, message);
    await this.closed;
  }

  /** Ends it at once, with ERROR[CONNECTION_ERROR] to the peer. */
  abort(message: string, code: number = ErrorCode.CONNECTION_ERROR): void {
    this.#driver.abort(new ConnectionError(code, message, "local"));
  }

  // A sink that throws gives its stream up; the others live on.
  #request(interaction: Interaction, request: Payload, initialN: number, sink: Partial<StreamSink>): StreamHandle {
    let stream: StreamHandle | undefined;
    const guarded = guardSink(sink, (error) => {
      stream?.cancel();
      print("a sink threw", error);
    });
    const open = (n: number): StreamHandle => this.open(interaction, request.metadata, request.data, n, guarded);
    stream = this.#driver.connection.leases === undefined ? open(initialN) : this.#lease(open, initialN, guarded);
    return stream;
  }

  // Opens now, or with the next lease, behind those that wait already.
  #lease(open: (initialN: number) => StreamHandle, initialN: number, sink: StreamSink): StreamHandle {
    const { connection } = this.#driver;
    const isLimited = connection.leases?.gate !== undefined;
    // What is wrong with the request, or with the connection, is told now.
    if (!isLimited || !this.isOpen || !(initialN >= 1)) return open(initialN);
    if (!this.lacksLease && connection.queuedCallCount === 0) return open(initialN);
    const waiting = new WaitingStream({ sink, initialN, open, withdraw: (call) => connection.withdrawCall(call) });
    if (!this.waitsForLease || !this.queueCall(waiting)) this.scheduler.defer(() => waiting.fail(noLeaseError()));
    return waiting;
  }

  #createGrants(lease: LeaseSetup, remoteAddress: string): LeaseGrants {
    return new LeaseGrants(lease, {
      scheduler: this.scheduler,
      remoteAddress,
      connection: () => this.#driver.connection,
      onRefused: (isFireAndForget) => this.#owner.onLeaseRefused?.(isFireAndForget),
    });
  }

  #endAfter(graceMs: number, message: string): void {
    const end = (): void => {
      this.#driver.connection.abandonStreams(message);
      this.#driver.requestFlush();
      // Even a peer that reads nothing can't keep us: what is left then goes down with the link.
      const last = this.scheduler.setTimer(FAREWELL_MS, () => this.abort(message));
      void this.closed.then(() => last.cancel());
    };
    if (graceMs <= 0) return end();
    const timer = this.scheduler.setTimer(graceMs, end);
    void this.closed.then(() => timer.cancel());
  }

  /** @internal The session is over. */
  ended(end: EndReason): void {
    const reason = describeEnd(end, () => this.endError);
    this.#reason = reason;
    this.#grants?.stop();
    this.#owner.onClosed(reason);
    this.#resolveClosed?.(reason);
  }
}

/** What the session tells a connection goes to its owner; leases hear some of it, too. */
class Told implements DriverSeat {
  driver: Driver | undefined;
  readonly #connection: RSocketConnection;
  readonly #owner: ConnectionOwner;
  readonly #grants: LeaseGrants | undefined;

  constructor(connection: RSocketConnection, owner: ConnectionOwner, grants: LeaseGrants | undefined) {
    this.#connection = connection;
    this.#owner = owner;
    this.#grants = grants;
  }

  onTransmit(): void {
    this.driver?.requestFlush();
  }

  onSetup(setup: SetupFrame): void {
    this.#owner.onSetup(setup);
  }

  onEstablished(): void {
    this.#owner.onEstablished();
    this.#grants?.start();
  }

  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    this.#grants?.began(stream.id, stream.interaction);
    this.#owner.onRequest(stream, metadata, data, complete);
  }

  onMetadataPush(metadata: Uint8Array): void {
    this.#owner.onMetadataPush(metadata);
  }

  onExtension(frame: ExtFrame): boolean {
    return this.#owner.onExtension?.(frame) ?? false;
  }

  onRefused(code: number, message: string): void {
    this.#owner.onRefused?.(code, message);
  }

  onDraining(): void {
    this.#owner.onDraining?.();
  }

  onResume(frame: ResumeFrame): string | undefined {
    return this.#owner.onResume?.(frame);
  }

  onDetached(reason: ConnectionError): void {
    this.driver?.retire();
    this.#owner.onDetached?.(reason);
  }

  onResumed(): void {
    this.#owner.onResumed?.();
    this.#grants?.start();
  }

  resumeGreeting(): Uint8Array | undefined {
    return this.#owner.resumeGreeting?.();
  }

  onClosed(reason: EndReason): void {
    this.#connection.ended(reason);
  }

  encodeErrorData(code: number, message: string, isAboveLimit?: boolean): Uint8Array | undefined {
    return this.#owner.encodeErrorData?.(code, message, isAboveLimit);
  }
}

/** How long a peer of ours may take to close when it was told to: what it had sent before is answered until then. */
const LINGER_MS = 1_000;
/** How long the last frames of a closing connection may take to leave. */
const FAREWELL_MS = 1_000;

function statusOf(allowance: Allowance, nowMs: number): LeaseStatus {
  return { allowance: allowance.leftAt(nowMs), expiresInMs: Math.max(0, allowance.untilMs - nowMs) };
}

// rsocket-java says CONNECTION_ERROR "Disposed" when it closes in order (Q-DISPOSE-CODE).
function describeEnd(end: EndReason, errorOf: () => ConnectionError | undefined): CloseReason {
  const { initiator, code, message } = end;
  const isDisposal = code === ErrorCode.CONNECTION_ERROR && message.endsWith(": Disposed");
  const inOrder = code === ErrorCode.CONNECTION_CLOSE || isDisposal;
  return { initiator, code, reason: message, error: inOrder ? undefined : errorOf() };
}
