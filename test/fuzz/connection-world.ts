// SPDX-License-Identifier: Apache-2.0
// One connection with its driver, opposite a script, in virtual time: what holds whatever the peer sends.
//
// Nothing throws; every stream's sink is told what may be told and its end once; every frame that leaves may leave; and
// at the end nothing is left: no stream, call, byte or timer.

import { createBatch, SlabPool } from "../../runtime/src/bytes/slab.js";
import { Driver } from "../../runtime/src/engine/driver.js";
import type { WaitingCall } from "../../runtime/src/session/admission.js";
import type { Connection } from "../../runtime/src/session/connection.js";
import { ConnectionError, StreamError } from "../../runtime/src/session/errors.js";
import { ResumeLedger } from "../../runtime/src/session/resume-store.js";
import { type ConnectionSettings, type Limits, resolveSettings } from "../../runtime/src/session/settings.js";
import { serverOpening } from "../../runtime/src/session/setup.js";
import type { Stream } from "../../runtime/src/session/stream.js";
import { Interaction } from "../../runtime/src/session/stream-state.js";
import { type DriverEvents, seatOf } from "../support/driver-seat.js";
import { FuzzLink } from "./fuzz-link.js";
import { FuzzScheduler } from "./fuzz-scheduler.js";
import { OutgoingRules } from "./outgoing-rules.js";
import { Party } from "./party.js";
import { readScript, type Script, type Step } from "./script.js";

/** What the first byte of a script says. */
export const Option = {
  /** Limits so small that they are reached. */
  SMALL_LIMITS: 0x01,
  LEASE: 0x02,
  RESUMPTION: 0x04,
  /** Fragments of 64 bytes. */
  FRAGMENTS: 0x08,
  /** Requests are answered as they come. */
  ANSWERS: 0x10,
  /** The peer is taken for one of ours. */
  OURS: 0x20,
  /** Only a step of its own answers SETUP. */
  SLOW_SETUP: 0x40,
  /** Nothing is written or read on but in a step of its own. */
  SLOW_SETTLE: 0x80,
} as const;

/** What the second byte says. */
export const MoreOption = {
  FOLLOWS_WINS: 0x01,
  KEEPS_CHANNEL_INPUT: 0x02,
  ZERO_KEEPALIVE: 0x04,
  SILENT_PEER: 0x08,
  /** Its user acts from within callbacks, too. */
  REACTS: 0x10,
  LEASE_REQUIRED: 0x20,
} as const;

const SMALL_LIMITS: Partial<Limits> = {
  maxSetupBytes: 200,
  maxMessageBytes: 512,
  maxReassemblyBytes: 1_024,
  maxFragments: 70,
  maxFragmentingBytes: 400,
  maxMetadataBytes: 64,
  maxInboundStreams: 4,
  cancelBurst: 3,
  cancelsPerSecond: 1,
  controlBurst: 5,
  controlsPerSecond: 1,
  meaninglessBurst: 5,
  meaninglessPerSecond: 1,
  requestNBurst: 5,
  requestNsPerSecond: 1,
  maxSurplusItems: 2,
  maxSurplusBytes: 64,
  producerPauseBytes: 200,
  readPauseBytes: 300,
  maxPeerCausedBytes: 1_000,
  maxQueuedCalls: 2,
  maxCallsWithoutLease: 1,
  maxHeldBytes: 64,
  maxSessionBytes: 500,
};
const INTERACTIONS = Object.values(Interaction);
const MAX_STREAMS_HELD = 64;
const NO_BYTES = new Uint8Array(0);
/** Reading pauses 100 ms at most, a link that takes nothing is given up after 30 s, a silent peer after 600 s. */
const LAST_WAIT_MS = 700_000;

export class ConnectionWorld {
  readonly #script: Script;
  readonly #scheduler = new FuzzScheduler();
  readonly #rules: OutgoingRules;
  readonly #ledger = new ResumeLedger(2_000);
  readonly #parties: Party[] = [];
  readonly #calls: FuzzCall[] = [];
  readonly #side: "client" | "server";
  #link: FuzzLink;
  #driver: Driver;
  #closedCount = 0;
  #isDetached = false;
  #hasAnsweredSetup = false;
  #reactions = 0;

  constructor(side: "client" | "server", input: Uint8Array) {
    this.#script = readScript(input);
    this.#side = side;
    const lease = this.#has(Option.LEASE);
    const resumption = this.#has(Option.RESUMPTION);
    this.#rules = new OutgoingRules({ side, lease, resumption });
    this.#link = this.#createLink();
    this.#driver = new Driver(this.#link, this.#scheduler, seatOf(this.#events()), {
      settings: this.#settings(),
      pool: new SlabPool((byteLength) => new Uint8Array(byteLength)),
      ...(side === "server" ? { opening: serverOpening } : { setup: SETUP }),
      ...(lease ? { lease: { isOffered: true, isRequired: this.#hasMore(MoreOption.LEASE_REQUIRED) } } : {}),
      ...(resumption
        ? { resumption: { ledger: this.#ledger, ...(side === "client" ? { token: new Uint8Array(16).fill(7) } : {}) } }
        : {}),
    });
  }

  /** Runs the script to its end, and looks at what is left. */
  run(): void {
    this.#driver.start();
    this.#scheduler.settle();
    for (const step of this.#script.steps) {
      this.#take(step);
      if (!this.#has(Option.SLOW_SETTLE)) this.#settle();
    }
    this.#settle();
    this.#end();
  }

  get #connection(): Connection {
    return this.#driver.connection;
  }

  #has(option: number): boolean {
    return (this.#script.options & option) !== 0;
  }

  #hasMore(option: number): boolean {
    return (this.#script.moreOptions & option) !== 0;
  }

  #settings(): ConnectionSettings {
    return resolveSettings({
      limits: this.#has(Option.SMALL_LIMITS) ? SMALL_LIMITS : {},
      fragmentBytes: this.#has(Option.FRAGMENTS) ? 64 : 65_536,
      compatibility: {
        followsWins: this.#hasMore(MoreOption.FOLLOWS_WINS),
        cancelChannelInput: !this.#hasMore(MoreOption.KEEPS_CHANNEL_INPUT),
        acceptZeroKeepalive: this.#hasMore(MoreOption.ZERO_KEEPALIVE),
        peerMayBeSilent: this.#hasMore(MoreOption.SILENT_PEER),
      },
    });
  }

  #createLink(): FuzzLink {
    return new FuzzLink({
      onFrameSent: (frame) => this.#rules.sent(frame),
      onFrameReceived: (frame) => this.#rules.received(frame),
    });
  }

  #events(): DriverEvents {
    return {
      onSetup: () => {
        if (!this.#has(Option.SLOW_SETUP)) this.#answerSetup(true);
      },
      onEstablished: () => {
        if (this.#has(Option.OURS)) this.#connection.peer.receiveHello(1);
      },
      onRequest: (stream, _metadata, data, complete) => this.#receiveRequest(stream, data, complete),
      onMetadataPush: () => {},
      onDraining: () => {},
      onResume: () => "unknown resume token",
      onDetached: () => {
        this.#isDetached = true;
      },
      onResumed: () => {},
      onClosed: () => {
        this.#closedCount++;
      },
    };
  }

  // ── steps ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #take(step: Step): void {
    switch (step.kind) {
      case "frame":
        return this.#link.receiveFrame(step.bytes);
      case "bytes":
        return this.#link.receive(step.bytes);
      case "time":
        return this.#scheduler.advance(step.ms);
      case "act":
        this.#parties[step.stream % Math.max(1, this.#parties.length)]?.act(step.action, step.n);
        return;
      case "open":
        return this.#open(INTERACTIONS[step.interaction % 4] ?? Interaction.REQUEST_STREAM, step.interaction, step.n);
      case "block":
        this.#link.isBlocked = true;
        return;
      case "unblock":
        return this.#link.drain();
      case "link":
        return this.#isDetached ? this.#relink() : this.#link.lose(new Error("cut"));
      case "close":
        this.#connection.close("closed", step.lingerMs);
        return this.#driver.requestFlush();
      case "peer ends":
        return this.#link.endPeer();
      case "answer setup":
        return this.#answerSetup(step.accepts);
      case "push":
        this.#connection.metadataPush(new Uint8Array(step.byteLength));
        return;
      case "grant":
        return this.#connection.grantLease({ requestCount: step.requests, ttlMs: 10_000 }, this.#scheduler.now());
      case "abandon":
        this.#connection.abandonStreams("given up");
        return this.#driver.requestFlush();
      case "settle":
        return this.#settle();
    }
  }

  #answerSetup(accepts: boolean): void {
    if (this.#connection.state !== "accepting") return;
    this.#hasAnsweredSetup = true;
    if (accepts) {
      this.#rules.accepted();
      if (this.#has(Option.OURS)) this.#connection.peer.receiveHello(1);
      this.#connection.accept();
    } else this.#connection.reject(0x003, NO_BYTES, "no");
  }

  #relink(): void {
    // Nobody brings a link to what is over.
    if (this.#connection.state === "closed") return;
    this.#isDetached = false;
    this.#rules.newLink();
    this.#link = this.#createLink();
    this.#driver = Driver.succeed(this.#driver, this.#link, this.#scheduler);
    this.#driver.start();
  }

  // As a caller does: it waits when there is no room, and is refused when there is no lease.
  #open(interaction: Interaction, selector: number, n: number): void {
    const connection = this.#connection;
    if (!connection.isOpen || this.#parties.length >= MAX_STREAMS_HELD) return;
    connection.lookAt(this.#scheduler.now());
    const call = new FuzzCall(() => this.#openNow(interaction, selector, n));
    if (connection.hasRoom) call.admit();
    else if (connection.queueCall(call)) this.#driver.requestFlush();
    else return;
    this.#calls.push(call);
  }

  #openNow(interaction: Interaction, selector: number, n: number): void {
    const party = new Party(true, interaction, interaction === Interaction.REQUEST_RESPONSE ? 1 : n);
    const data = new Uint8Array(selector < 128 ? 4 : 400);
    const metadata = selector % 8 < 4 ? undefined : new Uint8Array(selector < 64 ? 3 : 90);
    try {
      party.stream = this.#connection.openStream(interaction, metadata, data, n, party);
    } catch (error) {
      if (error instanceof ConnectionError || error instanceof StreamError) return;
      throw error;
    }
    this.#keep(party);
  }

  #receiveRequest(stream: Stream, data: Uint8Array, complete: boolean): void {
    const party = new Party(false, stream.interaction, 0, complete);
    party.stream = stream;
    stream.sink = party;
    this.#keep(party);
    if (this.#has(Option.ANSWERS)) party.send(data.length, stream.interaction !== Interaction.REQUEST_CHANNEL);
  }

  #keep(party: Party): void {
    if (this.#hasMore(MoreOption.REACTS)) {
      party.onTold = () => {
        if (this.#reactions++ < 100) party.act(this.#reactions * 7, 1);
      };
    }
    this.#parties.push(party);
  }

  #settle(): void {
    do this.#scheduler.settle();
    while (this.#link.readOn());
    this.#check();
  }

  // ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────

  #check(): void {
    const { outbound, reassemblyBytes, streamCount, inboundStreamCount } = this.#connection;
    const counters = { reassemblyBytes, streamCount, inboundStreamCount, heldForResumption: this.#ledger.bytes };
    for (const [name, value] of Object.entries({
      ...counters,
      queued: outbound.byteLength,
      backlogs: outbound.backlogCount,
      peerCaused: outbound.peerCausedBytes,
    })) {
      if (!(value >= 0)) throw new Error(`${name} is ${value}`);
    }
    if (inboundStreamCount > streamCount) throw new Error(`${inboundStreamCount} inbound of ${streamCount} streams`);
    for (const party of this.#parties) party.checkState();
  }

  #end(): void {
    this.#link.drain();
    this.#settle();
    // Whatever the peer has done, time alone is bounded: no timer comes back for ever.
    this.#scheduler.advance(LAST_WAIT_MS);
    this.#settle();
    this.#link.lose();
    this.#connection.close();
    this.#driver.requestFlush();
    this.#scheduler.settle();
    this.#expectNothingLeft();
  }

  #expectNothingLeft(): void {
    const connection = this.#connection;
    const { outbound } = connection;
    // The farewell that no link took.
    while (connection.pollTransmit(createBatch()));
    const left = {
      streams: connection.streamCount,
      waiting: connection.queuedCallCount,
      unfinished: connection.reassemblyBytes,
      queued: outbound.byteLength,
      backlogs: outbound.backlogCount,
      peerCaused: outbound.peerCausedBytes,
      kept: this.#ledger.bytes,
      timers: this.#scheduler.timerCount,
      timeout: connection.nextTimeoutMs ?? 0,
    };
    for (const [name, value] of Object.entries(left)) if (value !== 0) throw new Error(`left: ${name} ${value}`);
    if (connection.state !== "closed") throw new Error(`the connection is ${connection.state}`);
    if (this.#closedCount !== 1) throw new Error(`onClosed was called ${this.#closedCount} times`);
    for (const party of this.#parties) {
      if (party.isLive) throw new Error(`${party.interaction} ${party.stream?.id} never ended`);
      if (party.stream?.isForgotten === false) throw new Error(`stream ${party.stream.id} isn't forgotten`);
    }
    for (const call of this.#calls) call.expectTold();
    if (this.#side === "client" && this.#hasAnsweredSetup) throw new Error("a client got a SETUP");
  }
}

const SETUP = { metadataMimeType: "m", dataMimeType: "d", metadata: undefined, data: NO_BYTES };

/** A call that may have to wait. It is told one thing, once. */
class FuzzCall implements WaitingCall {
  readonly #open: () => void;
  #toldCount = 0;

  constructor(open: () => void) {
    this.#open = open;
  }

  admit(): void {
    this.#toldCount++;
    this.#open();
  }

  fail(): void {
    this.#toldCount++;
  }

  expectTold(): void {
    if (this.#toldCount !== 1) throw new Error(`a call was told ${this.#toldCount} times what became of it`);
  }
}
