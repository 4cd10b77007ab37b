// SPDX-License-Identifier: Apache-2.0
// A connection as the payload level sees it: requests in both directions, and an end that everybody hears of once.

import type { SlabPool } from "../bytes/slab.js";
import { Driver, type DriverEvents } from "../engine/driver.js";
import type { FrameLink, LinkInfo } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { SetupFrame } from "../frames/frame.js";
import type { WaitingCall } from "../session/admission.js";
import type { SetupPayload } from "../session/connection.js";
import { ConnectionError, type Initiator } from "../session/errors.js";
import type { Peer } from "../session/peer.js";
import type { ConnectionSettings } from "../session/settings.js";
import type { Opening } from "../session/setup.js";
import type { Stream, StreamSink } from "../session/stream.js";
import { Interaction } from "../session/stream-state.js";
import type { Payload, StreamHandle } from "./payload.js";
import type { Requester } from "./requester.js";
import { guardSink, type RequestHandler } from "./responder.js";

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
  onRequest: RequestHandler;
  /** A METADATA_PUSH. */
  onMetadataPush(metadata: Uint8Array): void;
  /** The peer takes no new requests any more. */
  onDraining?(): void;
  /** The connection is over. */
  onClosed(reason: CloseReason): void;
  /** How an ERROR of the session's own says `message` to the peer; as text when it gives nothing. */
  encodeErrorData?(code: number, message: string): Uint8Array | undefined;
}

/** @internal What answers the peer of a connection that is set up: a responder, or the RPC level in its place. */
export interface ConnectionHooks
  extends Pick<ConnectionOwner, "onRequest" | "onMetadataPush" | "onDraining" | "encodeErrorData"> {
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
  readonly setup?: SetupPayload;
  /** Present on the server's side. */
  readonly opening?: Opening;
}

/**
 * One RSocket connection over one link. It lives once. Requests go both ways, whoever opened it.
 *
 * `requestResponse` and the others throw a ConnectionError when it is over; all else that happens to a request is told
 * to its sink.
 */
export class RSocketConnection implements Requester {
  readonly info: LinkInfo;
  readonly settings: ConnectionSettings;
  readonly scheduler: Scheduler;
  /** Resolves, never rejects, when the connection is over. */
  readonly closed: Promise<CloseReason>;
  readonly #driver: Driver;
  readonly #owner: ConnectionOwner;
  #reason: CloseReason | undefined;
  #resolveClosed: (reason: CloseReason) => void = () => {};

  constructor(init: RSocketConnectionInit) {
    const { link, settings, scheduler, pool, owner, setup, opening } = init;
    this.info = link.info;
    this.settings = settings;
    this.scheduler = scheduler;
    this.#owner = owner;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const events: DriverEvents = {
      onSetup: (frame) => owner.onSetup(frame),
      onEstablished: () => owner.onEstablished(),
      onRequest: owner.onRequest,
      onMetadataPush: (metadata) => owner.onMetadataPush(metadata),
      onDraining: () => owner.onDraining?.(),
      onClosed: (error) => this.#onClosed(error),
      encodeErrorData: (code, message) => owner.encodeErrorData?.(code, message),
    };
    this.#driver = new Driver(link, scheduler, events, {
      settings,
      pool,
      ...(setup === undefined ? {} : { setup }),
      ...(opening === undefined ? {} : { opening }),
    });
  }

  /** Begins to read, and for a client to write. */
  start(): void {
    this.#driver.start();
  }

  /** What may be sent to the peer beyond plain RSocket. */
  get peer(): Peer {
    return this.#driver.connection.peer;
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

  // ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** REQUEST_FNF. The sink hears `onComplete` when the frames are with the transport, or `onError`. */
  fireAndForget(request: Payload, sink: Partial<StreamSink> = {}): StreamHandle {
    return this.#request(Interaction.FIRE_AND_FORGET, request, 0, sink);
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

  /** METADATA_PUSH; rsocket-js 1.0 alpha dies of it. @throws RangeError when it doesn't fit one frame. */
  metadataPush(metadata: Uint8Array): void {
    this.#driver.connection.metadataPush(metadata);
  }

  /** @internal Opens a stream for a complete sink. @throws ConnectionError when the connection isn't open. */
  open(
    interaction: Interaction,
    metadata: Uint8Array | undefined,
    data: Uint8Array,
    initialN: number,
    sink: StreamSink,
  ): Stream {
    return this.#driver.connection.openStream(interaction, metadata, data, initialN, sink);
  }

  /** @internal A request may be encoded now. */
  get hasRoom(): boolean {
    return this.#driver.connection.hasRoom;
  }

  /** @internal Lets a call wait for room; false when too many do. @throws ConnectionError when it isn't open. */
  queueCall(call: WaitingCall): boolean {
    const queued = this.#driver.connection.queueCall(call);
    if (queued) this.#driver.requestFlush();
    return queued;
  }

  /** @internal The call waits no more. */
  withdrawCall(call: WaitingCall): void {
    this.#driver.connection.withdrawCall(call);
  }

  // ── establishment and end ───────────────────────────────────────────────────────────────────────────────────────

  /** @internal Server: accepts the SETUP. */
  accept(): void {
    this.#driver.connection.accept();
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
   * cancelled. Resolves when the connection is over.
   */
  async close({
    graceMs = 0,
    message = "closed",
  }: {
    readonly graceMs?: number;
    readonly message?: string;
  } = {}): Promise<void> {
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
      console.error("rsocket-rpc: a sink threw:", error);
    });
    stream = this.open(interaction, request.metadata, request.data, initialN, guarded);
    return stream;
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

  #onClosed(error: ConnectionError): void {
    const reason = describeEnd(error);
    this.#reason = reason;
    this.#owner.onClosed(reason);
    this.#resolveClosed(reason);
  }
}

/** How long a peer of ours may take to close when it was told to: what it had sent before is answered until then. */
const LINGER_MS = 1_000;
/** How long the last frames of a closing connection may take to leave. */
const FAREWELL_MS = 1_000;

// rsocket-java says CONNECTION_ERROR "Disposed" when it closes in order (Q-DISPOSE-CODE).
function describeEnd(error: ConnectionError): CloseReason {
  const { initiator, code, message } = error;
  const isDisposal = code === ErrorCode.CONNECTION_ERROR && message.endsWith(": Disposed");
  const inOrder = code === ErrorCode.CONNECTION_CLOSE || isDisposal;
  return { initiator, code, reason: message, error: inOrder ? undefined : error };
}
