// SPDX-License-Identifier: Apache-2.0
// One connection without a link: hex frames in, hex frames out, a clock that a test turns, and a record of all calls.

import { joinParts } from "../../runtime/src/bytes/parts.js";
import { createBatch, SlabPool } from "../../runtime/src/bytes/slab.js";
import type { ExtFrame, ResumeFrame } from "../../runtime/src/frames/frame.js";
import {
  Connection,
  type ConnectionEvents,
  type ResumptionInit,
  type SetupPayload,
} from "../../runtime/src/session/connection.js";
import { ConnectionError, type StreamError } from "../../runtime/src/session/errors.js";
import type { LeaseInit } from "../../runtime/src/session/lease.js";
import { type ConnectionSettingsInit, resolveSettings } from "../../runtime/src/session/settings.js";
import { serverOpening } from "../../runtime/src/session/setup.js";
import type { Stream, StreamSink } from "../../runtime/src/session/stream.js";
import type { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, cutFrames, hex, hexOf } from "./frames-dsl.js";
import { leaveTraces } from "./no-trace.js";

/** SETUP as a test's client sends it: 20 s, 90 s, one-letter mime types, no payload. */
export const SETUP: string = hex`
  00000000   // stream 0
  0400       // SETUP, no flags
  0001 0000  // version 1.0
  00004e20   // keepalive every 20,000 ms
  00015f90   // lifetime 90,000 ms
  01 6d      // metadata mime type "m"
  01 64      // data mime type "d"
`;

/** KEEPALIVE that asks for an answer, position 0, no data. */
export const KEEPALIVE_R: string = hex`
  00000000          // stream 0
  0c80              // KEEPALIVE, R
  0000000000000000  // position 0
`;

/** Its answer. */
export const KEEPALIVE: string = hex`
  00000000          // stream 0
  0c00              // KEEPALIVE
  0000000000000000  // position 0
`;

/** Writes down what it is told. */
export class RecordingSink implements StreamSink {
  readonly log: string[] = [];
  /** Called behind each entry, for tests that call back into the stream. */
  onEntry: ((entry: string) => void) | undefined;

  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void {
    this.#add(
      `next ${hexOf(data)}${metadata === undefined ? "" : ` metadata ${hexOf(metadata)}`}${complete ? " complete" : ""}`,
    );
  }

  onComplete(metadata: Uint8Array | undefined): void {
    this.#add(`complete${metadata === undefined ? "" : ` metadata ${hexOf(metadata)}`}`);
  }

  onError(error: StreamError | ConnectionError): void {
    const scope = error instanceof ConnectionError ? "connection " : "";
    this.#add(`error ${scope}0x${error.code.toString(16)} ${error.initiator}`);
  }

  onCancel(): void {
    this.#add("cancel");
  }

  onRequestN(n: number): void {
    this.#add(`request ${n}`);
  }

  onWritable(): void {
    this.#add("writable");
  }

  #add(entry: string): void {
    this.log.push(entry);
    this.onEntry?.(entry);
  }
}

/** A stream with the record of its sink. */
export interface Call {
  readonly stream: Stream;
  readonly sink: RecordingSink;
  readonly log: string[];
}

/** A request that came. */
export interface InboundCall extends Call {
  readonly metadata: string | undefined;
  readonly data: string;
  readonly complete: boolean;
}

/** What a request is opened with. */
export interface OpenOptions {
  /** Hex. */
  readonly metadata?: string;
  /** Hex. */
  readonly data?: string;
  readonly n?: number;
  readonly sink?: RecordingSink;
}

/** How a probe begins. */
export interface ProbeOptions {
  readonly side: "client" | "server";
  readonly settings?: ConnectionSettingsInit;
  readonly setup?: Partial<SetupPayload>;
  /** Leaves an inbound SETUP to the test. */
  readonly manualAccept?: boolean;
  /** The connection may outlive its link; a client's has a token. */
  readonly resumption?: ResumptionInit;
  readonly firstStreamId?: number;
  readonly lastStreamId?: number;
  /** Offers leases. */
  readonly lease?: Partial<LeaseInit>;
  /** Answers requests as they come. */
  readonly onRequest?: (call: InboundCall) => void;
}

const EMPTY = new Uint8Array(0);

/** A connection and all that is seen of it. */
export class Probe implements ConnectionEvents {
  readonly connection: Connection;
  /** Inbound requests, in order. */
  readonly calls: InboundCall[] = [];
  /** `setup`, `established`, `push <hex>`, `detached`, `resumed`, `draining`, `closed <code> <initiator>`. */
  readonly log: string[] = [];
  /** What it refused and lived on: `<code> <message>`. */
  readonly refusals: string[] = [];
  nowMs = 1_000;
  /** The link takes nothing: `sent` polls no frame. */
  isBlocked = false;
  transmitRequested = false;
  extensionTypes: readonly number[] = [];
  onRequestHook: ((call: InboundCall) => void) | undefined;
  onEvent: ((entry: string) => void) | undefined;
  /** What a server's owner makes of RESUME. */
  resumeHook: ((frame: ResumeFrame) => string | undefined) | undefined;
  greeting: Uint8Array | undefined;
  readonly #manualAccept: boolean;

  constructor({
    side,
    settings,
    setup,
    manualAccept = false,
    resumption,
    firstStreamId,
    lastStreamId,
    lease,
    onRequest,
  }: ProbeOptions) {
    this.#manualAccept = manualAccept;
    this.onRequestHook = onRequest;
    this.connection = new Connection({
      settings: resolveSettings(settings),
      events: this,
      pool: new SlabPool((byteLength) => new Uint8Array(byteLength)),
      nowMs: this.nowMs,
      ...(side === "server"
        ? { opening: serverOpening }
        : { setup: { metadataMimeType: "m", dataMimeType: "d", metadata: undefined, data: EMPTY, ...setup } }),
      ...(firstStreamId === undefined ? {} : { firstStreamId }),
      ...(lastStreamId === undefined ? {} : { lastStreamId }),
      ...(lease === undefined ? {} : { lease: { isOffered: true, ...lease } }),
      ...(resumption === undefined ? {} : { resumption }),
    });
    leaveTraces(this);
  }

  // ── what the connection tells ───────────────────────────────────────────────────────────────────────────────────

  onTransmit(): void {
    this.transmitRequested = true;
  }

  onSetup(): void {
    this.#add("setup");
    if (!this.#manualAccept) this.connection.accept();
  }

  onEstablished(): void {
    this.#add("established");
  }

  onRequest(stream: Stream, metadata: Uint8Array | undefined, data: Uint8Array, complete: boolean): void {
    const sink = new RecordingSink();
    stream.sink = sink;
    const call: InboundCall = {
      stream,
      sink,
      log: sink.log,
      metadata: metadata === undefined ? undefined : hexOf(metadata),
      data: hexOf(data),
      complete,
    };
    this.calls.push(call);
    this.onRequestHook?.(call);
  }

  onMetadataPush(metadata: Uint8Array): void {
    this.#add(`push ${hexOf(metadata)}`);
  }

  /** Understands the extended types in `extensionTypes`. */
  onExtension({ streamId, extendedType, metadata, data }: ExtFrame): boolean {
    if (!this.extensionTypes.includes(extendedType)) return false;
    this.#add(`ext ${streamId} ${extendedType} ${metadata === undefined ? "-" : hexOf(metadata)} ${hexOf(data)}`);
    return true;
  }

  onResume(frame: ResumeFrame): string | undefined {
    return this.resumeHook?.(frame) ?? "unknown resume token";
  }

  onDetached(): void {
    this.#add("detached");
  }

  onResumed(): void {
    this.#add("resumed");
  }

  resumeGreeting(): Uint8Array | undefined {
    return this.greeting;
  }

  onDraining(): void {
    this.#add("draining");
  }

  onRefused(code: number, message: string): void {
    this.refusals.push(`0x${code.toString(16)} ${message}`);
  }

  onClosed(reason: ConnectionError): void {
    this.#add(`closed 0x${reason.code.toString(16)} ${reason.initiator}`);
  }

  // ── what a test does ────────────────────────────────────────────────────────────────────────────────────────────

  /** Passes frames in, as one read. */
  receive(...frames: readonly string[]): void {
    for (const frame of frames) this.receiveBytes(bytesOf(frame));
    this.connection.receivePart(0, this.nowMs);
  }

  /** Passes one frame in. */
  receiveBytes(bytes: Uint8Array): void {
    this.connection.receiveFrame(bytes, 0, bytes.length, this.nowMs);
  }

  /** Passes one frame in that came in pieces, as links do. */
  receivePieces(...pieces: readonly Uint8Array[]): void {
    if (!this.connection.receivePieces(pieces, false, this.nowMs)) this.receiveBytes(joinParts(pieces));
  }

  /** Everything that is sent now, a list of frames per write. */
  sentWrites(): Uint8Array[][] {
    const writes: Uint8Array[][] = [];
    do {
      this.transmitRequested = false;
      this.connection.handleFlush(this.nowMs);
      const batch = createBatch();
      while (!this.isBlocked && this.connection.pollTransmit(batch)) {
        writes.push(cutFrames(joined(batch.chunks)));
        batch.chunks.length = 0;
        batch.byteLength = 0;
      }
      this.connection.afterTransmit();
    } while (this.transmitRequested);
    return writes;
  }

  /** Everything that is sent now, as hex without length prefix. */
  sent(): string[] {
    return this.sentWrites().flat().map(hexOf);
  }

  /** Lets time pass; handles each timeout at its time. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs;
    for (
      let dueMs = this.connection.nextTimeoutMs;
      dueMs !== undefined && dueMs <= endMs;
      dueMs = this.connection.nextTimeoutMs
    ) {
      this.nowMs = Math.max(this.nowMs, dueMs);
      this.connection.handleTimeout(this.nowMs);
    }
    this.nowMs = endMs;
  }

  /** Opens a stream. */
  open(interaction: Interaction, { metadata, data = "", n = 1, sink = new RecordingSink() }: OpenOptions = {}): Call {
    const metadataBytes = metadata === undefined ? undefined : bytesOf(metadata);
    const stream = this.connection.openStream(interaction, metadataBytes, bytesOf(data), n, sink);
    return { stream, sink, log: sink.log };
  }

  /** The one inbound call. */
  get call(): InboundCall {
    const [call] = this.calls;
    if (call === undefined || this.calls.length > 1) throw new Error(`${this.calls.length} calls, expected one`);
    return call;
  }

  /** Takes the link away. */
  lose(): void {
    this.connection.linkLost(new Error("cut"));
  }

  #add(entry: string): void {
    this.log.push(entry);
    this.onEvent?.(entry);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** A client before anything was sent. */
export function newClient(options: Omit<ProbeOptions, "side"> = {}): Probe {
  return new Probe({ side: "client", ...options });
}

/** A server that waits for its first frame. */
export function newServer(options: Omit<ProbeOptions, "side"> = {}): Probe {
  return new Probe({ side: "server", ...options });
}

/** A client whose SETUP was accepted. */
export function openClient(options: Omit<ProbeOptions, "side"> = {}): Probe {
  const client = newClient(options);
  client.sent();
  client.receive(KEEPALIVE);
  return client;
}

/** A server that has accepted a SETUP. */
export function openServer(options: Omit<ProbeOptions, "side"> = {}): Probe {
  const server = newServer(options);
  server.receive(SETUP);
  server.sent();
  return server;
}
