// SPDX-License-Identifier: Apache-2.0
// A connection as users see it: a channel for calls, a place where calls are served, and an end.

import type { LinkInfo, PeerCertificate, UpgradeRequest } from "../engine/link.js";
import type { Scheduler } from "../engine/scheduler.js";
import { type TurnBudget, turnBudgetOf } from "../engine/turn-budget.js";
import { readEnvelope, startsWithEnvelopeEntry } from "../metadata/entry.js";
import type { MetadataFormat } from "../metadata/format.js";
import type { CloseReason, ConnectionHooks, RSocketConnection } from "../rsocket/connection.js";
import { ConnectionError } from "../rsocket/errors.js";
import { ConsumerLedger } from "../rsocket/iterate.js";
import type { GrantedLeaseStatus, LeaseStatus } from "../rsocket/lease.js";
import { checkClosing } from "../rsocket/settings.js";
import type { Stream } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import type { Channel, LastingCore } from "./channel.js";
import { CallingChannelBase } from "./client-calls.js";
import type { Compatibility } from "./compatibility.js";
import { ContextValues } from "./context-values.js";
import { type DeadlineClock, deadlineClockOf } from "./deadline.js";
import { RpcError } from "./error.js";
import { HeldAnswers } from "./held-answers.js";
import type { Incidents } from "./incidents.js";
import type { Observer } from "./observer.js";
import type { ServerCall, ServerCallHost } from "./server-call.js";
import type { RequestRouter } from "./service.js";
import { codeOfSessionError, decodeConnectionError, encodeErrorData } from "./status-codec.js";
import type { RpcTransport } from "./transport.js";

export type { CloseReason } from "../rsocket/connection.js";

/** The other end of a connection. */
export interface PeerInfo {
  /** `tcp`, `tls`, `unix`, `ws`, `wss`, `in-process`, … */
  readonly transport: string;
  /** Its address, e.g. `127.0.0.1:52114`; empty when the transport has none. */
  readonly address: string;
  /** The address of this end, which says which of a machine's networks the other one came by. */
  readonly localAddress: string;
  /** Whether nobody between the ends can read along: TLS, a Unix socket, the same process. */
  readonly isSecure: boolean;
  /** What it showed of itself over TLS: servers always do, clients when they are asked to. */
  readonly certificate?: PeerCertificate;
  /** The request that opened a WebSocket, on the server: a browser says who its user is by cookies alone. */
  readonly upgrade?: UpgradeRequest;
}

/**
 * One connection, which lives once. Generated clients call through it, on both sides: the server's end is
 * `context.connection`, the client's is what `connect` returns.
 */
export interface Connection extends Channel {
  /** Resolves when it is over, never rejects. Calls in flight have failed `unavailable` by then. */
  readonly closed: Promise<CloseReason>;
  /** The other end. */
  readonly peer: PeerInfo;
  /** The calls that the other end allows at this moment; undefined when no lease limits them. */
  readonly lease: LeaseStatus | undefined;
  /** The calls that this end allows the other at this moment; undefined when no lease limits them. */
  readonly grantedLease: GrantedLeaseStatus | undefined;
  /** Takes no new calls, lets those that run end within `graceMs` (0 unless given), cancels the rest. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  /** `await using connection = await connect(…)` closes it at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How connections take and make calls: of one server, or of one client. */
export interface RpcConnectionInit {
  /** Serves the peer's calls. */
  readonly router: RequestRouter;
  readonly interceptors: ComposedInterceptors | undefined;
  readonly observer: Observer;
  /** Counts what the peer is refused. */
  readonly incidents: Incidents;
  readonly compatibility: Compatibility;
  /** Messages are read without the fields that aren't known here. */
  readonly discardUnknownFields: boolean;
  /** Its end is an incident, unless it was closed in order. */
  readonly tellsEnd?: boolean;
}

/** The connection behind the interface. */
export class RpcConnection
  extends CallingChannelBase
  implements Connection, RpcTransport, ServerCallHost, ConnectionHooks
{
  readonly rsocket: RSocketConnection;
  readonly format: MetadataFormat;
  readonly scheduler: Scheduler;
  readonly deadlines: DeadlineClock;
  readonly budget: TurnBudget;
  readonly ledger: ConsumerLedger;
  readonly observer: Observer;
  readonly interceptors: ComposedInterceptors | undefined;
  readonly announcePerRequest: boolean;
  readonly repeatChannelMetadata: boolean;
  readonly discardUnknownFields: boolean;
  #peer: PeerInfo | undefined;
  #peerInfo: LinkInfo | undefined;
  /** What every call served on this connection begins with; `accept` fills it. */
  readonly values: ContextValues = new ContextValues();
  /** @internal A connection lives once. */
  readonly lasting: LastingCore | undefined = undefined;
  /** @internal Told when the peer takes no new calls any more. */
  onDraining?: () => void;
  /** @internal What is said anew, of a server's own accord, when the connection is resumed. */
  resumeGreeting?: () => Uint8Array;
  /** @internal */
  runningHandlers = 0;
  #heldAnswers: HeldAnswers | undefined;
  readonly #router: RequestRouter;
  readonly #incidents: Incidents;
  readonly #tellsEnd: boolean;
  #dropped = false;

  constructor(rsocket: RSocketConnection, format: MetadataFormat, init: RpcConnectionInit) {
    super();
    this.rsocket = rsocket;
    this.format = format;
    this.interceptors = init.interceptors;
    this.observer = init.observer;
    this.announcePerRequest = init.compatibility.announcePerRequest === true;
    this.repeatChannelMetadata = init.compatibility.repeatChannelMetadata === true;
    this.discardUnknownFields = init.discardUnknownFields;
    this.#router = init.router;
    this.#incidents = init.incidents;
    this.#tellsEnd = init.tellsEnd === true;
    this.scheduler = rsocket.scheduler;
    this.deadlines = deadlineClockOf(this.scheduler);
    this.budget = turnBudgetOf(this.scheduler);
    const { maxUnconsumedBytes, maxWaitingBytes } = rsocket.settings.limits;
    this.ledger = new ConsumerLedger(maxUnconsumedBytes, maxWaitingBytes);
  }

  // Later than the connection: reading a certificate takes as long as a call.
  get peer(): PeerInfo {
    const { info } = this.rsocket;
    // A resumed connection may have come over another network.
    if (this.#peer === undefined || this.#peerInfo !== info) {
      this.#peerInfo = info;
      this.#peer = peerOf(info);
    }
    return this.#peer;
  }

  get closed(): Promise<CloseReason> {
    return this.rsocket.closed;
  }

  get lease(): LeaseStatus | undefined {
    return this.rsocket.lease;
  }

  get grantedLease(): GrantedLeaseStatus | undefined {
    return this.rsocket.grantedLease;
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    checkClosing(options);
    await this.rsocket.close(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // ── Channel, RpcTransport, ServerCallHost ───────────────────────────────────────────────────────────────────────

  /** @internal */
  get transport(): RpcTransport {
    return this;
  }

  /** @internal */
  get connection(): Connection {
    return this;
  }

  /** @internal */
  pick(): RpcTransport {
    if (this.rsocket.isOpen) return this;
    const error = this.rsocket.endError;
    throw decodeConnectionError(error ?? new ConnectionError(0, "the connection is not open", "local"), true);
  }

  /** @internal Most connections hold none. */
  get heldAnswers(): HeldAnswers {
    this.#heldAnswers ??= new HeldAnswers(this.rsocket.settings.limits.maxHeldAnswerBytes, (task) =>
      this.scheduler.yield(task),
    );
    return this.#heldAnswers;
  }

  /** @internal */
  releaseHandler(call: ServerCall): void {
    this.#router.releaseHandler(this, call);
  }

  /** @internal */
  onRefused(wireCode: number, message: string): void {
    this.#incidents.tell("request_refused", wireCode, message, "local", () => this.peer);
  }

  /** @internal */
  dropAnswerMetadata(call: ServerCall): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.observer.onAnswerMetadataDropped?.(call.method);
  }

  // ── what comes ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** @internal A request of the peer. */
  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    this.#router.dispatch(this, stream, metadata, data, complete);
  }

  /** @internal How the session's own errors are said to this peer. */
  encodeErrorData(wireCode: number, message: string, isAboveLimit?: boolean): Uint8Array | undefined {
    if (!this.rsocket.peer.isOurs) return undefined;
    const error = new RpcError(codeOfSessionError(wireCode, isAboveLimit), message);
    return encodeErrorData(error, true, this.rsocket.settings.limits);
  }

  /** @internal */
  onLeaseRefused(isFireAndForget: boolean): void {
    this.observer.onLeaseRefused?.(isFireAndForget, this.peer);
  }

  /** @internal A server tells of all its connections, those that were never accepted among them. */
  onClosed({ code, reason, initiator }: CloseReason): void {
    if (this.#tellsEnd) this.#incidents.closed(code, reason, initiator, () => this.peer);
  }

  /** @internal A METADATA_PUSH of the peer: its hello, or nothing we know. */
  onMetadataPush(metadata: Uint8Array): void {
    if (!startsWithEnvelopeEntry(metadata)) return;
    try {
      const hello = readEnvelope(metadata)?.hello;
      if (hello !== undefined) this.rsocket.peer.receiveHello(hello.version ?? 0);
    } catch (error) {
      // Nothing could be answered: ignored and counted.
      this.observer.onMalformedMetadata?.(error instanceof Error ? error.message : String(error));
    }
  }
}

/** @internal The other end of a link, as users see it. */
export function peerOf({ transport, remoteAddress, localAddress, isSecure, certificate, upgrade }: LinkInfo): PeerInfo {
  return {
    transport,
    address: remoteAddress,
    localAddress,
    isSecure,
    ...(certificate === undefined ? {} : { certificate }),
    ...(upgrade === undefined ? {} : { upgrade }),
  };
}
