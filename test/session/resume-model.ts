// SPDX-License-Identifier: Apache-2.0
// Two connections that grant each other leases, over links that are cut anywhere, against a model that only knows what was
// asked for, what was granted, and what was told:
// `npx tsx test/session/resume-model.ts [operations] [seed]`, 1,000,000 unless given. It shares no code with session/.

import { decodeFrame } from "../../runtime/src/frames/decode.js";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import type { ResumeFrame } from "../../runtime/src/frames/frame.js";
import { type ConnectionError, StreamError } from "../../runtime/src/session/errors.js";
import { ResumeLedger } from "../../runtime/src/session/resume-store.js";
import type { StreamSink } from "../../runtime/src/session/stream.js";
import { Interaction } from "../../runtime/src/session/stream-state.js";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { expectNoTraceYet } from "../support/no-trace.js";
import { Probe, RecordingSink } from "../support/probe.js";
import { Random } from "../support/rng.js";

const TOKEN = new TextEncoder().encode("0123456789abcdef");
const STREAMS_AT_ONCE = 12;
const WAITING_AT_ONCE = 6;
const KINDS = [
  Interaction.REQUEST_RESPONSE,
  Interaction.FIRE_AND_FORGET,
  Interaction.REQUEST_STREAM,
  Interaction.REQUEST_CHANNEL,
] as const;

/** Random numbers of which one says nothing of the next (mulberry32): operations follow each other in patterns here. */
class Shuffled extends Random {
  #state: number;

  constructor(seed: number) {
    super(seed);
    this.#state = seed;
  }

  override uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}

/** How often each thing happened. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  count(group: string, name: string): void {
    const counts = this.#counts.get(group) ?? new Map<string, number>();
    this.#counts.set(group, counts);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  /** Each name with its count and its part of the group. */
  get shares(): Record<string, Record<string, { readonly count: number; readonly share: number }>> {
    const shares: Record<string, Record<string, { readonly count: number; readonly share: number }>> = {};
    for (const [group, counts] of this.#counts) {
      const sum = [...counts.values()].reduce((a, b) => a + b, 0);
      shares[group] = Object.fromEntries([...counts].map(([name, count]) => [name, { count, share: count / sum }]));
    }
    return shares;
  }
}

/** One half of a stream: what its sender was asked to send, and what the other end was told. */
interface Half {
  readonly sent: string[];
  readonly told: string[];
  /** It was ended in order by its sender. */
  isComplete: boolean;
}

/** A stream as the model sees it. */
interface Modelled {
  readonly kind: Interaction;
  readonly requester: Side;
  readonly responder: Side;
  readonly request: string;
  /** From the requester, and to it. */
  readonly up: Half;
  readonly down: Half;
  /** Somebody cancelled or failed: what is told is a beginning of what was sent. */
  isBroken: boolean;
  upStream: StreamOf | undefined;
  downStream: StreamOf | undefined;
  requesterEnd: string[];
  responderEnd: string[];
  arrivals: number;
  /** Its request came without a lease. */
  isRefused: boolean;
}

/** A lease as its receiver has it. */
interface Held {
  left: number;
  untilMs: number;
}

/** A lease as who granted it counts it. */
interface Granted extends Held {
  /** Left at cuts: so many requests may have been lost with a link, and come again within the next link's first lease. */
  owed: number;
  owedUntilMs: number;
}

const REQUEST_TYPES = [0x04, 0x05, 0x06, 0x07];
const LEASE_TYPE = 0x02;
const PAYLOAD_TYPE = 0x0a;
const FOLLOWS = 0x80;
const RESUME_OK_TYPE = 0x0e;
const REJECTED = 0x202;

type StreamOf = ReturnType<Probe["connection"]["openStream"]>;

class Side extends Probe {
  readonly name: "client" | "server";
  readonly inbox: Uint8Array[] = [];
  deframer: LengthDeframer;
  /** The other side's lease for this one, and this one's for the other. */
  held: Held = { left: 0, untilMs: 0 };
  readonly granted: Granted = { left: 0, untilMs: 0, owed: 0, owedUntilMs: Number.POSITIVE_INFINITY };
  /** Requests that wait for a lease, in order. */
  readonly waiting: string[] = [];
  /** It has a link on which frames go both ways. */
  isLive = true;

  constructor(name: "client" | "server", fragmentBytes: number) {
    const ledger = new ResumeLedger(Number.POSITIVE_INFINITY);
    super({
      side: name,
      settings: { fragmentBytes, limits: { maxSessionBytes: 4_096 } },
      resumption: name === "client" ? { token: TOKEN, ledger } : { ledger },
      lease: {},
    });
    this.name = name;
    this.deframer = this.#newDeframer();
  }

  /** Its link is gone, and with it what was granted (LEASE-09). */
  loseLink(): void {
    const { granted } = this;
    if (this.nowMs >= granted.owedUntilMs) granted.owed = 0;
    if (this.nowMs < granted.untilMs) granted.owed += granted.left;
    granted.owedUntilMs = Number.POSITIVE_INFINITY;
    granted.left = granted.untilMs = 0;
    this.held = { left: 0, untilMs: 0 };
    this.isLive = false;
    this.lose();
  }

  newLink(): void {
    this.inbox.length = 0;
    this.deframer = this.#newDeframer();
  }

  onFrame: (frame: Uint8Array) => void = () => {};

  #newDeframer(): LengthDeframer {
    const deframer: LengthDeframer = new LengthDeframer(this.connection.maxFrameBytes, (bytes, start, end) => {
      if (this.deframer !== deframer) return false;
      this.onFrame(bytes.slice(start, end));
      this.connection.receiveFrame(bytes, start, end, this.nowMs);
      return this.deframer === deframer;
    });
    return deframer;
  }
}

/** A run of random operations. */
export class ResumeModel {
  readonly tally = new Tally();
  readonly #rng: Random;
  readonly #client: Side;
  readonly #server: Side;
  readonly #streams: Modelled[] = [];
  #isLinked = true;
  #names = 0;
  operations = 0;
  cuts = 0;

  constructor(rng: Random) {
    this.#rng = rng;
    const fragmentBytes = rng.pick([64, 64, 200, 65_536]);
    this.#client = new Side("client", fragmentBytes);
    this.#server = new Side("server", fragmentBytes);
    for (const side of this.#sides) {
      side.onFrame = (frame) => this.#note(side, frame);
      side.onRequestHook = ({ stream, sink, data, complete }) => this.#arrive(side, stream, sink, data, complete);
    }
    this.#server.resumeHook = () => "not in this test";
    this.#settle();
    for (const side of this.#sides) side.connection.peer.receiveHello(1);
  }

  get #sides(): readonly [Side, Side] {
    return [this.#client, this.#server];
  }

  /** One random operation. */
  step(): void {
    this.operations++;
    const rng = this.#rng;
    const [name, run] = rng.pick(this.#operations);
    this.tally.count("operation", name);
    this.tally.count("state", this.#stateName());
    run();
  }

  /** Lets everything come to its end, and looks at it. @throws Error naming what is wrong. */
  finish(): void {
    for (let i = 0; i < 200; i++) {
      this.#link();
      this.#grantWaiting();
      for (const stream of this.#streams) this.#end(stream);
      const isOver = ({ connection, waiting }: Side) => connection.streamCount === 0 && waiting.length === 0;
      if (this.#settle() === 0 && this.#isLinked && this.#sides.every(isOver)) break;
    }
    for (const side of this.#sides) {
      check(side.connection.state === "open", `${side.name} is ${side.connection.state}: ${side.log.at(-1)}`);
      check(side.connection.streamCount === 0, `${side.name} has ${side.connection.streamCount} streams left`);
      check(side.waiting.length === 0, `${side.name} lets ${side.waiting.length} calls wait`);
      check(side.connection.queuedCallCount === 0, `${side.name} has ${side.connection.queuedCallCount} calls left`);
      check(side.connection.reassemblyBytes === 0, `${side.name} keeps fragments`);
    }
    for (const stream of this.#streams) verify(stream);
    this.#streams.length = 0;
    expectNoTraceYet();
  }

  #grantWaiting(): void {
    if (this.#client.waiting.length > 0) this.#grant(this.#server, WAITING_AT_ONCE);
    if (this.#server.waiting.length > 0) this.#grant(this.#client, WAITING_AT_ONCE);
  }

  readonly #operations: readonly (readonly [string, () => void])[] = [
    ["open", () => this.#open()],
    ["open", () => this.#open()],
    ["send", () => this.#send(0)],
    ["send", () => this.#send(0)],
    ["send a large one", () => this.#send(400)],
    ["ask", () => this.#ask()],
    ["ask", () => this.#ask()],
    ["complete", () => this.#with((stream) => this.#end(stream))],
    ["cancel", () => this.#with((stream) => this.#cancel(stream))],
    ["fail", () => this.#with((stream) => this.#fail(stream))],
    ["push", () => this.#rng.pick(this.#sides).connection.metadataPush(bytesOf("70"))],
    ["grant", () => this.#grant()],
    ["grant", () => this.#grant()],
    ["grant", () => this.#grant()],
    ["write", () => this.#flush(this.#rng.pick(this.#sides))],
    ["write", () => this.#flush(this.#rng.pick(this.#sides))],
    ["read a bit", () => this.#read(this.#rng.pick(this.#sides), 1 + this.#rng.below(40))],
    ["read", () => this.#read(this.#rng.pick(this.#sides), 5_000)],
    ["read", () => this.#read(this.#rng.pick(this.#sides), 5_000)],
    ["time", () => this.#advance()],
    ["cut", () => (this.#rng.oneIn(3) ? this.#cut() : this.#link())],
    ["link", () => this.#link()],
  ];

  #open(): void {
    const alive = this.#streams.filter((stream) => stream.requesterEnd.length === 0);
    if (alive.length >= STREAMS_AT_ONCE) return this.#end(this.#rng.pick(alive));
    const requester = this.#rng.pick(this.#sides);
    const kind = this.#rng.pick(KINDS);
    const request = this.#item(this.#rng.oneIn(4) ? 300 : 0);
    if (this.#hasLease(requester)) this.#begin(requester, kind, request);
    else if (this.#rng.oneIn(2)) this.#wait(requester, kind, request);
    else this.#expectRefusal(requester, kind, request);
  }

  #begin(requester: Side, kind: Interaction, request: string): void {
    requester.held.left--;
    const stream: Modelled = {
      kind,
      requester,
      responder: requester === this.#client ? this.#server : this.#client,
      request,
      up: { sent: [], told: [], isComplete: kind !== Interaction.REQUEST_CHANNEL },
      down: { sent: [], told: [], isComplete: kind === Interaction.FIRE_AND_FORGET },
      isBroken: false,
      upStream: undefined,
      downStream: undefined,
      requesterEnd: [],
      responderEnd: [],
      arrivals: 0,
      isRefused: false,
    };
    this.#streams.push(stream);
    const n = 1 + this.#rng.below(5);
    const sink = new HalfSink(stream.down.told, stream.requesterEnd);
    const { connection } = requester;
    stream.upStream = connection.openStream(kind, undefined, bytesOf(request), n, sink);
  }

  #hasLease({ connection, held, nowMs }: Side): boolean {
    connection.lookAt(nowMs);
    const hasLease = held.left > 0 && nowMs < held.untilMs;
    check(connection.hasLease === hasLease, `has a lease: ${connection.hasLease}, expected ${hasLease}`);
    this.tally.count("request", hasLease ? "with a lease" : held.untilMs === 0 ? "without any" : "behind its end");
    return hasLease;
  }

  // Without a lease nothing is sent, and who asks hears so.
  #expectRefusal({ connection }: Side, kind: Interaction, request: string): void {
    const before = connection.outbound.byteLength;
    try {
      connection.openStream(kind, undefined, bytesOf(request), 1, new RecordingSink());
    } catch (error) {
      check(error instanceof StreamError && error.code === REJECTED, `refused with ${error}`);
      check(connection.outbound.byteLength === before, "a request without a lease was written");
      this.tally.count("without a lease", "refused");
      return;
    }
    throw new Error("a request was made without a lease");
  }

  // It goes out with a lease to come, behind those that wait already (LEASE-06).
  #wait(requester: Side, kind: Interaction, request: string): void {
    const { connection, waiting, held, name } = requester;
    if (waiting.length >= WAITING_AT_ONCE) return;
    waiting.push(request);
    this.tally.count("without a lease", "made to wait");
    const admit = (): void => {
      const { left, untilMs } = requester.held;
      check(left > 0 && requester.nowMs < untilMs, `${name} admits a call that waits, with ${left} left`);
      check(waiting.shift() === request, `${name} admits calls out of order`);
      this.tally.count("without a lease", "let go by a later one");
      this.#begin(requester, kind, request);
    };
    const fail = (error: ConnectionError): void => check(false, `${name} fails a call that waits: ${error}`);
    check(connection.queueCall({ admit, fail }), `${name} lets no call wait, ${held.left} left`);
  }

  #grant(side = this.#rng.pick(this.#sides), requestCount = this.#rng.below(9)): void {
    const { granted, nowMs } = side;
    const ttlMs = this.#rng.pick([200, 30_000, 60_000]);
    const carried = this.#rng.oneIn(2) ? 4 : 0;
    side.connection.grantLease({ requestCount, ttlMs }, nowMs, carried);
    if (!side.isLive) return;
    // It replaces what was left, but for what the granter lets pass (LEASE-02).
    const left = nowMs < granted.untilMs ? granted.left : 0;
    granted.left = requestCount + Math.min(carried, left);
    if (granted.untilMs === 0) granted.owedUntilMs = nowMs + ttlMs;
    granted.untilMs = nowMs + ttlMs;
  }

  // A request's first frame: it costs one, however many follow (LEASE-08, FC-07).
  #meterRequest(side: Side, streamId: number): void {
    const { granted, nowMs } = side;
    const stream = this.#streams.findLast(({ responder, upStream }) => responder === side && upStream?.id === streamId);
    check(stream !== undefined, `${side.name} got a request on stream ${streamId}, which nobody opened`);
    if (stream === undefined) return;
    if (granted.left > 0 && nowMs < granted.untilMs) {
      granted.left--;
      this.tally.count("lease", "admitted");
    } else if (granted.owed > 0 && nowMs < granted.owedUntilMs) {
      granted.owed--;
      this.tally.count("lease", "admitted, lost with the link before");
    } else {
      this.tally.count("lease", "refused");
      stream.isRefused = true;
      stream.isBroken = true;
    }
  }

  #arrive(side: Side, inbound: StreamOf, _sink: StreamSink, data: string, complete: boolean): void {
    const stream = this.#streams.find(({ request, responder }) => request === data && responder === side);
    check(stream !== undefined, `${side.name} got a request that nobody made: ${data.slice(0, 20)}`);
    if (stream === undefined) return;
    stream.arrivals++;
    check(!stream.isRefused, `${side.name} serves a request that has no lease`);
    check(stream.arrivals === 1, `${side.name} got a request twice`);
    check(!complete || stream.up.isComplete, "a request is complete that isn't");
    stream.downStream = inbound;
    inbound.sink = new HalfSink(stream.up.told, stream.responderEnd);
  }

  #send(padding: number): void {
    this.#with((stream) => {
      const [half, sender] = this.#rng.oneIn(2)
        ? ([stream.up, stream.kind === Interaction.REQUEST_CHANNEL ? stream.upStream : undefined] as const)
        : ([stream.down, stream.downStream] as const);
      if (sender === undefined || half.isComplete || !sender.isSendOpen || !sender.mayProduce) return;
      const item = this.#item(padding);
      half.sent.push(item);
      if (half === stream.down && stream.kind === Interaction.REQUEST_RESPONSE) half.isComplete = true;
      sender.next(bytesOf(item));
    });
  }

  #ask(): void {
    this.#with((stream) => {
      if (stream.kind === Interaction.REQUEST_RESPONSE || stream.kind === Interaction.FIRE_AND_FORGET) return;
      const n = 1 + this.#rng.below(6);
      if (this.#rng.oneIn(2)) {
        if (stream.requesterEnd.length === 0) stream.upStream?.request(n);
      } else if (stream.kind === Interaction.REQUEST_CHANNEL && stream.responderEnd.length === 0) {
        stream.downStream?.request(n);
      }
    });
  }

  #end(stream: Modelled): void {
    const { upStream, downStream } = stream;
    if (!stream.up.isComplete && upStream?.isSendOpen === true) {
      stream.up.isComplete = true;
      upStream.complete();
    }
    if (!stream.down.isComplete && downStream?.isSendOpen === true) {
      stream.down.isComplete = true;
      downStream.complete();
    }
  }

  #cancel(stream: Modelled): void {
    // Nothing takes back what nobody answers.
    if (stream.kind === Interaction.FIRE_AND_FORGET) return;
    if (stream.requesterEnd.length > 0) return;
    stream.isBroken = true;
    stream.requesterEnd.push("cancelled");
    stream.upStream?.cancel();
  }

  #fail(stream: Modelled): void {
    if (stream.downStream === undefined || stream.kind === Interaction.FIRE_AND_FORGET) return;
    if (!stream.downStream.isSendOpen) return;
    stream.isBroken = true;
    stream.down.isComplete = true;
    stream.up.isComplete = true;
    stream.downStream.error(0x201, bytesOf("21"));
  }

  #advance(): void {
    const durationMs = this.#rng.pick([100, 21_000, 41_000]);
    for (const side of this.#sides) side.advance(durationMs);
    if (!this.#isLinked) return;
    // Nobody is silent for 90 s: what was asked is answered.
    this.#settle();
  }

  #cut(): void {
    if (!this.#isLinked) return;
    this.cuts++;
    // Anywhere in what is under way: between two frames of one write or two fragments, too.
    if (this.#rng.oneIn(3)) for (let n = 0; n < 4; n++) this.#send(400);
    for (const side of this.#sides) this.#flush(side);
    for (const side of this.#sides) this.#readSome(side);
    this.tally.count("cut", this.#cutName());
    for (const { held, nowMs } of this.#sides) {
      const hasLease = held.left > 0 && nowMs < held.untilMs;
      this.tally.count("lease at a cut", hasLease ? "some left" : held.untilMs === 0 ? "none since the last" : "over");
    }
    this.#isLinked = false;
    for (const side of this.#sides) {
      side.newLink();
      side.loseLink();
    }
  }

  #readSome(side: Side): void {
    const { inbox, connection } = side;
    if (this.#rng.oneIn(3)) return void this.#read(side, this.#rng.below(1 + bytesUnderWay(side)));
    if (this.#rng.oneIn(2)) {
      for (let n = this.#rng.below(1 + inbox.length); n > 0; n--) this.#read(side, inbox[0]?.length ?? 0);
      return;
    }
    while (inbox.length > 0 && connection.reassemblyBytes === 0) this.#read(side, inbox[0]?.length ?? 0);
    if (this.#rng.oneIn(2)) this.#read(side, this.#rng.below(inbox[0]?.length ?? 1));
  }

  #cutName(): string {
    const isInFrame = this.#sides.some(({ deframer }) => deframer.heldBytes > 0);
    const isInFragments = this.#sides.some(({ connection }) => connection.reassemblyBytes > 0);
    if (isInFrame) return isInFragments ? "inside a frame, between fragments" : "inside a frame";
    if (isInFragments) return "between fragments";
    const under = bytesUnderWay(this.#client) + bytesUnderWay(this.#server);
    return under > 0 ? "with frames under way" : "with nothing under way";
  }

  // The client dials: RESUME reaches the server, RESUME_OK may not come back.
  #link(): void {
    if (this.#isLinked) return;
    for (const side of this.#sides) side.newLink();
    this.#client.connection.linkOpened(this.#client.nowMs);
    const [resume] = this.#client.sentWrites().flat();
    if (resume === undefined) return check(false, "the client sends no RESUME");
    if (this.#rng.below(1_000) < 150) {
      this.tally.count("cut", "before RESUME came");
      return this.#client.loseLink();
    }
    const refusal = this.#server.connection.resume(decodeFrame(resume, 0, resume.length) as ResumeFrame);
    check(refusal === undefined, `RESUME is refused: ${refusal}`);
    this.#server.connection.linkOpened(this.#server.nowMs);
    this.#isLinked = true;
    this.#server.isLive = true;
    this.#flush(this.#server);
    if (this.#rng.below(1_000) >= 150) return;
    this.#isLinked = false;
    this.tally.count("cut", "before RESUME_OK came");
    for (const side of this.#sides) {
      side.newLink();
      side.loseLink();
    }
  }

  #flush(side: Side): number {
    const frames = side.sentWrites().flat();
    if (!this.#isLinked) {
      check(frames.length === 0, `${side.name} sends without a link`);
      return 0;
    }
    const other = side === this.#client ? this.#server : this.#client;
    for (const frame of frames) other.inbox.push(withPrefix(frame));
    return frames.length;
  }

  #read(side: Side, most: number): number {
    let left = most;
    let moved = 0;
    while (left > 0 && this.#isLinked) {
      const bytes = side.inbox.shift();
      if (bytes === undefined) break;
      const taken = bytes.subarray(0, left);
      if (taken.length < bytes.length) side.inbox.unshift(bytes.subarray(left));
      left -= taken.length;
      moved += taken.length;
      side.deframer.push(taken);
      side.connection.receivePart(side.deframer.heldBytes, side.nowMs);
    }
    return moved;
  }

  #settle(): number {
    let moved = 0;
    for (;;) {
      let now = 0;
      for (const side of this.#sides) now += this.#flush(side);
      for (const side of this.#sides) now += this.#read(side, Number.POSITIVE_INFINITY);
      if (now === 0) return moved;
      moved += now;
    }
  }

  #with(run: (stream: Modelled) => void): void {
    if (this.#streams.length > 0) run(this.#rng.pick(this.#streams.slice(-STREAMS_AT_ONCE)));
  }

  #item(padding: number): string {
    const name = (++this.#names).toString(16).padStart(8, "0");
    return name + "00".repeat(padding === 0 ? 0 : this.#rng.below(padding));
  }

  #stateName(): string {
    if (this.#isLinked) return "linked";
    return this.#client.connection.resumption?.stage ?? "over";
  }

  #note(side: Side, frame: Uint8Array): void {
    const type = ((frame[4] ?? 0) << 8) | (frame[5] ?? 0);
    this.tally.count(`frame to the ${side.name}`, `0x${(type >> 10).toString(16).padStart(2, "0")}`);
    this.#noteFragment(type);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    if (REQUEST_TYPES.includes(type >> 10)) this.#meterRequest(side, view.getUint32(0));
    else if (type >> 10 === LEASE_TYPE)
      side.held = { untilMs: side.nowMs + view.getUint32(6), left: view.getUint32(10) };
    else if (type >> 10 === RESUME_OK_TYPE) side.isLive = true;
  }

  #noteFragment(type: number): void {
    const isRequest = REQUEST_TYPES.includes(type >> 10);
    if (!isRequest && type >> 10 !== PAYLOAD_TYPE) return;
    const what = isRequest ? "request" : "payload";
    this.tally.count("fragments", (type & FOLLOWS) === 0 ? `${what}, whole or its last` : `${what}, more follow`);
  }
}

class HalfSink extends RecordingSink {
  readonly #told: string[];
  readonly #ends: string[];

  constructor(told: string[], ends: string[]) {
    super();
    this.#told = told;
    this.#ends = ends;
  }

  override onNext(data: Uint8Array, _metadata: Uint8Array | undefined, complete: boolean): void {
    this.#told.push(hexOf(data));
    if (complete) this.#ends.push("complete");
  }

  override onComplete(): void {
    this.#ends.push("complete");
  }

  override onError({ code }: StreamError | ConnectionError): void {
    this.#ends.push(code === REJECTED ? "refused" : "error");
  }

  override onCancel(): void {
    this.#ends.push("cancel");
  }
}

function verify(stream: Modelled): void {
  const { kind, up, down, isBroken, isRefused, requesterEnd, responderEnd, arrivals } = stream;
  for (const [name, { sent, told }] of [
    ["up", up],
    ["down", down],
  ] as const) {
    const expected = isBroken ? sent.slice(0, told.length) : sent;
    check(told.join() === expected.join(), `${kind} ${name}: told ${told.length} of ${sent.length}, or out of order`);
  }
  const ends = requesterEnd.filter((end) => end !== "cancelled");
  check(
    requesterEnd.length === 1 || (requesterEnd[0] === "cancelled" && ends.length === 0),
    `${kind}: the requester was told ${requesterEnd.join()}`,
  );
  // Nobody answers a fire-and-forget request: its sender hears that it is handed over, whatever becomes of it.
  const [end] = requesterEnd;
  const isTold = kind === Interaction.FIRE_AND_FORGET ? end === "complete" : end === "refused" || end === "cancelled";
  check(
    isRefused ? isTold : end !== "refused",
    `${kind}: without lease ${isRefused}, and its requester was told ${end}`,
  );
  check(!isRefused || arrivals === 0, `${kind}: a request without a lease was served`);
  check(isBroken || arrivals === 1, `${kind}: the request came ${arrivals} times`);
  // Behind the end of what it receives, a channel's responder may still hear that what it sends isn't wanted.
  const heard = responderEnd.join();
  check(
    responderEnd.length <= 1 || heard === "complete,cancel",
    `${kind}: the responder was told ${responderEnd.join()}`,
  );
}

function bytesUnderWay({ inbox }: Side): number {
  return inbox.reduce((sum, { length }) => sum + length, 0);
}

function withPrefix(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frame.length + 3);
  bytes.set([frame.length >>> 16, frame.length >>> 8, frame.length]);
  bytes.set(frame, 3);
  return bytes;
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

/** `operations` random operations in rounds; returns what happened how often. */
export function runResumeModel(operations: number, seed: number): { readonly tally: Tally; readonly cuts: number } {
  const rng = new Shuffled(seed);
  const tally = new Tally();
  let done = 0;
  let cuts = 0;
  while (done < operations) {
    const roundSeed = rng.uint32();
    const model = new ResumeModel(new Shuffled(roundSeed));
    Object.assign(model, { tally });
    try {
      const count = 200 + rng.below(600);
      for (let i = 0; i < count; i++) model.step();
      model.finish();
    } catch (error) {
      throw new Error(`round of seed ${roundSeed}, at operation ${model.operations}`, { cause: error });
    }
    done += model.operations;
    cuts += model.cuts;
  }
  return { tally, cuts };
}

if (process.argv[1] === import.meta.filename) {
  const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  const { tally, cuts } = runResumeModel(Number(process.argv[2] ?? 1_000_000), seed);
  console.log(`${cuts} cuts`);
  for (const [group, counts] of Object.entries(tally.shares)) {
    console.log(group);
    for (const [name, { count, share }] of Object.entries(counts)) {
      console.log(`  ${name}: ${count} (${(100 * share).toFixed(1)} %)`);
    }
  }
}
