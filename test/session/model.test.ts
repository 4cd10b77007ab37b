// SPDX-License-Identifier: Apache-2.0
// Random interleavings of two connections against a model of what each side may see, with every frame on the wire held
// against the rules by a reader of its own.
//
//   ITERATIONS=100000 SEED=7 npx mocha test/session/model.test.ts

import { expect } from "chai";
import { describeFrame } from "../../runtime/src/frames/describe.js";
import type { WaitingCall } from "../../runtime/src/session/admission.js";
import { ConnectionError } from "../../runtime/src/session/errors.js";
import type { Stream, StreamSink } from "../../runtime/src/session/stream.js";
import type { Interaction } from "../../runtime/src/session/stream-state.js";
import { hexOf } from "../support/frames-dsl.js";
import { expectNoTrace, expectNoTraceYet } from "../support/no-trace.js";
import { Pair, type PairSide, type SideName } from "../support/pair.js";
import { Random } from "../support/rng.js";
import { type FrameCounts, WireWatch } from "../support/wire-watch.js";

const RUNS = Number(process.env["ITERATIONS"] ?? 1_200);
const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000_007);
const STEPS = 140;
const INTERACTIONS: readonly Interaction[] = [
  "fire_and_forget",
  "request_response",
  "request_stream",
  "request_channel",
];
const FRAME_TYPES = [
  "SETUP",
  "KEEPALIVE",
  "REQUEST_RESPONSE",
  "REQUEST_FNF",
  "REQUEST_STREAM",
  "REQUEST_CHANNEL",
  "REQUEST_N",
  "CANCEL",
  "PAYLOAD",
  "ERROR",
  "METADATA_PUSH",
];

/** How often something was reached. */
class Tally {
  readonly counts: FrameCounts = new Map();

  add(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  /** Each name with its share, the rarest first. */
  shares(names: readonly string[]): [name: string, share: number][] {
    const sum = [...this.counts.values()].reduce((total, count) => total + count, 0);
    return names
      .map((name): [string, number] => [name, (this.counts.get(name) ?? 0) / sum])
      .sort(([, a], [, b]) => a - b);
  }
}

interface Tallies {
  readonly operations: Tally;
  readonly endings: Tally;
  readonly frames: Tally;
  readonly streamStates: Tally;
  readonly connectionStates: Tally;
}

/** One end of one stream, as its user and its sink know it. Its sink checks every call that it gets. */
class Party implements StreamSink {
  readonly run: Run;
  readonly side: PairSide;
  readonly isRequester: boolean;
  readonly interaction: Interaction;
  stream: Stream | undefined;
  other: Party | undefined;
  /** Items that this side sent, and those it received. */
  readonly sent: string[] = [];
  readonly received: string[] = [];
  asked = 0;
  sendOpen: boolean;
  receiveOpen: boolean;
  /** A fire-and-forget request isn't with the link yet. */
  handingOver: boolean;
  hasCompleted = false;
  sawComplete = false;
  /** Ended otherwise than by COMPLETE, here or there. */
  disturbed = false;
  /** This side wants no more items. */
  refusesItems = false;

  constructor(
    run: Run,
    side: PairSide,
    isRequester: boolean,
    interaction: Interaction,
    asked: number,
    nothingFollows = false,
  ) {
    this.run = run;
    this.side = side;
    this.isRequester = isRequester;
    this.interaction = interaction;
    this.asked = asked;
    const isChannel = interaction === "request_channel";
    const isForget = interaction === "fire_and_forget";
    this.sendOpen = isRequester ? isChannel : !isForget;
    this.receiveOpen = isRequester ? !isForget : isChannel && !nothingFollows;
    this.handingOver = isRequester && isForget;
  }

  get isLive(): boolean {
    return this.sendOpen || this.receiveOpen || this.handingOver;
  }

  // ── what the sink is told ───────────────────────────────────────────────────────────────────────────────────────

  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void {
    this.#must(this.receiveOpen, "an item, though nothing more may come");
    const item = itemOf(data, metadata);
    const expected = this.other?.sent[this.received.length];
    this.#must(item === expected, `item ${item.slice(0, 20)}…, expected ${expected?.slice(0, 20)}…`);
    this.received.push(item);
    this.#must(this.received.length <= this.asked, `item ${this.received.length}, asked for ${this.asked}`);
    if (complete) this.#complete();
    this.run.maybeReact(this);
  }

  onComplete(): void {
    if (this.handingOver) this.handingOver = false;
    else {
      this.#must(this.receiveOpen, "COMPLETE, though nothing more may come");
      this.#must(this.other?.hasCompleted === true, "COMPLETE that nobody sent");
      this.#complete();
    }
    this.run.maybeReact(this);
  }

  onError(error: Error): void {
    this.#must(this.isLive, `${error.message}, though it is over`);
    // A request may cross with the end of a connection that drains: then nobody has seen it.
    const isUnseen = this.run.mayRefuse && this.isRequester && this.other === undefined;
    const isExpected = isUnseen || (error instanceof ConnectionError ? this.run.isEnding : this.disturbed);
    this.#must(isExpected, `${error.message} that nobody sent`);
    this.disturb();
    this.#close();
    this.run.maybeReact(this);
  }

  onCancel(): void {
    // A channel's responder hears of it for what it receives, too.
    this.#must(this.isRequester ? this.sendOpen : this.isLive, "CANCEL, though it is over");
    this.#must(this.other?.refusesItems === true || this.disturbed, "CANCEL that nobody sent");
    this.sendOpen = false;
    if (!this.isRequester) this.#close();
    this.run.maybeReact(this);
  }

  onRequestN(n: number): void {
    this.#must(this.sendOpen, "REQUEST_N, though it sends nothing more");
    this.#must(n >= 1 && n <= 0x7fffffff, `REQUEST_N ${n}`);
    this.run.maybeReact(this);
  }

  onWritable(): void {
    this.#must(this.sendOpen, "onWritable, though it sends nothing more");
    this.run.maybeReact(this);
  }

  // ── what its user does ──────────────────────────────────────────────────────────────────────────────────────────

  send(large: boolean, withComplete: boolean): boolean {
    const { stream } = this;
    if (stream === undefined || !this.sendOpen) return false;
    const { data, metadata } = this.run.payload(large);
    if (stream.credit === 0) return refusesItem(stream, data);
    this.sent.push(itemOf(data, metadata));
    if (this.interaction === "request_response" || withComplete) this.hasCompleted = true;
    if (this.hasCompleted) this.sendOpen = false;
    stream.next(data, metadata, withComplete);
    return true;
  }

  complete(): boolean {
    if (this.stream === undefined || !this.sendOpen) return false;
    this.sendOpen = false;
    this.hasCompleted = true;
    this.stream.complete(this.run.rng.oneIn(4) ? this.run.rng.bytes(3) : undefined);
    return true;
  }

  fail(): boolean {
    const canFail = this.isRequester ? this.interaction === "request_channel" : true;
    if (this.stream === undefined || !canFail || !(this.sendOpen || this.receiveOpen)) return false;
    this.disturb();
    this.#close();
    this.stream.error(0x201, this.run.rng.bytes(5));
    return true;
  }

  ask(): boolean {
    if (this.stream === undefined || !this.receiveOpen || this.interaction === "request_response") return false;
    const n = this.run.rng.oneIn(20) ? 0x7fffffff : this.run.rng.between(1, 4);
    this.asked += n;
    this.stream.request(n);
    return true;
  }

  cancel(): boolean {
    const { stream } = this;
    if (stream === undefined) return false;
    if (this.isRequester) {
      // A fire-and-forget request whose bytes are encoded can't be called back.
      if (!this.isLive || stream.isForgotten) return false;
      this.disturb();
      this.#close();
    } else {
      if (!this.receiveOpen) return false;
      this.receiveOpen = false;
      this.refusesItems = true;
    }
    stream.cancel();
    return true;
  }

  /** Whatever happens on either end now, its items may be lost. */
  disturb(): void {
    this.disturbed = true;
    if (this.other !== undefined) this.other.disturbed = true;
  }

  /** This side's half-states, as the stream itself sees them. */
  get state(): string {
    const role = this.isRequester ? "requester" : "responder";
    const halves = `${this.stream?.isSendOpen === true ? "S" : "-"}${this.stream?.isReceiveOpen === true ? "R" : "-"}`;
    return `${role} ${this.interaction} ${halves}`;
  }

  /** Between callbacks the stream and its user agree on what is open. */
  checkState(): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.#must(stream.isSendOpen === this.sendOpen, `its sending half is ${stream.isSendOpen ? "open" : "closed"}`);
    this.#must(
      stream.isReceiveOpen === this.receiveOpen,
      `its receiving half is ${stream.isReceiveOpen ? "open" : "closed"}`,
    );
  }

  #complete(): void {
    this.receiveOpen = false;
    this.sawComplete = true;
  }

  #close(): void {
    this.sendOpen = false;
    this.receiveOpen = false;
    this.handingOver = false;
  }

  #must(holds: boolean, what: string): void {
    if (holds) return;
    throw new Error(
      `${this.side.name}'s ${this.isRequester ? "requester" : "responder"} of ${this.interaction} ${this.stream?.id}: ${what}`,
    );
  }
}

// A hundred thousand times: chai would take longer than all the rest.
function refusesItem(stream: Stream, data: Uint8Array): false {
  try {
    stream.next(data);
  } catch (error) {
    if (error instanceof RangeError && error.message.includes("without credit")) return false;
    throw error;
  }
  throw new Error(`stream ${stream.id} took an item without credit`);
}

function itemOf(data: Uint8Array, metadata: Uint8Array | undefined): string {
  return `${hexOf(data)} ${metadata === undefined ? "-" : hexOf(metadata)}`;
}

/** `TRACE=1` prints each frame. */
const TRACE = process.env["TRACE"] !== undefined;

/** One pair of connections from SETUP to its end. */
class Run {
  readonly rng: Random;
  readonly pair: Pair;
  readonly watch: WireWatch;
  readonly #tallies: Tallies;
  readonly #parties: Party[] = [];
  readonly #waiting: { readonly side: PairSide; readonly call: WaitingCall; isWaiting: boolean }[] = [];
  readonly #pushes: Record<SideName, { sent: string[]; received: string[] }> = {
    client: { sent: [], received: [] },
    server: { sent: [], received: [] },
  };
  /** The connection ends, or may, otherwise than by draining. */
  isEnding = false;
  /** A side drains: requests may be refused. */
  mayRefuse = false;
  #accepted = false;
  #isSetUpSent = false;
  #failure: unknown;
  #reacts = true;
  #depth = 0;
  #serial = 0;

  constructor(rng: Random, tallies: Tallies) {
    this.rng = rng;
    this.#tallies = tallies;
    this.watch = new WireWatch(tallies.frames.counts);
    const fragmentBytes = rng.pick([64, 64, 100, 65_536]);
    const limits = {
      producerPauseBytes: rng.pick([400, 800]),
      readPauseBytes: rng.pick([200, 800]),
      maxFragmentingBytes: 1_000,
    };
    this.pair = new Pair({
      settings: { fragmentBytes, limits },
      server: { settings: { fragmentBytes, limits }, manualAccept: true },
      manual: true,
      onFrame: (from, frame) => {
        if (from === "client") this.#isSetUpSent = true;
        if (TRACE) console.log(`${from} sends ${describeFrame(frame)}`);
        this.watch.sent(from, frame);
      },
      onDelivery: (to, frame) => {
        if (TRACE) console.log(`${to.name} gets ${describeFrame(frame)}`);
        // What waits for the acceptance of SETUP is heard when it comes, and answered frame by frame.
        const { state, outbound } = to.connection;
        this.watch.received(
          to.name,
          frame,
          state === "accepting" ? Number.POSITIVE_INFINITY : outbound.data.byteLength,
        );
      },
    });
    for (const side of this.pair.sides) this.#listen(side);
  }

  #listen(side: PairSide): void {
    const receive = side.onRequest.bind(side);
    side.onRequest = (stream, metadata, data, complete) => {
      receive(stream, metadata, data, complete);
      this.#onRequest(side, stream, itemOf(data, metadata), complete);
    };
    side.onMetadataPush = (metadata) => this.#pushes[side.name].received.push(hexOf(metadata));
  }

  #onRequest(side: PairSide, stream: Stream, request: string, complete: boolean): void {
    const requester = this.#parties.find(
      (party) => party.isRequester && party.stream?.id === stream.id && party.side !== side,
    );
    if (requester === undefined) throw new Error(`a request on stream ${stream.id} that nobody made`);
    if (requester.other !== undefined) throw new Error(`the request on stream ${stream.id} came twice`);
    if (request !== this.#requests.get(requester))
      throw new Error(`another request on stream ${stream.id} than was made`);
    const responder = new Party(this, side, false, requester.interaction, 0, complete);
    responder.stream = stream;
    responder.other = requester;
    responder.disturbed = requester.disturbed;
    requester.other = responder;
    stream.sink = responder;
    this.#parties.push(responder);
    this.maybeReact(responder);
  }

  readonly #requests = new Map<Party, string>();

  /** A payload unlike any other of this run. */
  payload(large: boolean): { data: Uint8Array; metadata: Uint8Array | undefined } {
    const data = new Uint8Array(
      large ? this.rng.between(60, this.rng.pick([130, 400, 1_200])) : this.rng.between(0, 40),
    );
    data.fill(this.rng.below(256));
    const serial = ++this.#serial;
    for (let i = 0; i < Math.min(4, data.length); i++) data[i] = serial >>> (8 * i);
    const metadata = this.rng.oneIn(4) ? this.rng.bytes(this.rng.pick([0, 3, large ? 90 : 9])) : undefined;
    return { data, metadata };
  }

  // ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Does something at random. */
  step(): void {
    const [name, operation] = this.rng.pick(OPERATIONS);
    const side = this.rng.pick(this.pair.sides);
    if (operation(this, side)) this.#tallies.operations.add(name);
    if (this.#failure !== undefined) throw this.#failure;
    this.#observe();
  }

  /** A sink's user acts from within the callback, now and then. */
  maybeReact(party: Party): void {
    if (!this.#reacts || this.#depth > 2 || !this.rng.oneIn(4)) return;
    this.#depth++;
    try {
      const [name, act] = this.rng.pick(REACTIONS);
      if (act(party, this)) this.#tallies.operations.add(name);
    } finally {
      this.#depth--;
    }
  }

  open(side: PairSide, interaction: Interaction, large: boolean): boolean {
    if (!side.connection.isOpen) {
      return refusesStream(side, interaction);
    }
    const n = interaction === "fire_and_forget" ? 0 : this.rng.between(1, 4);
    const party = new Party(this, side, true, interaction, interaction === "request_response" ? 1 : n);
    const { data, metadata } = this.payload(large);
    this.#requests.set(party, itemOf(data, metadata));
    this.#parties.push(party);
    party.stream = side.connection.openStream(interaction, metadata, data, n, party);
    return true;
  }

  pickLive(side: PairSide, wanted: (party: Party) => boolean): Party | undefined {
    const live = this.#parties.filter((party) => party.side === side && party.isLive && wanted(party));
    return live.length === 0 ? undefined : this.rng.pick(live);
  }

  wait(side: PairSide): boolean {
    if (!side.connection.isOpen) return false;
    const entry = {
      side,
      isWaiting: true,
      call: {
        admit: (): void => {
          if (!entry.isWaiting) throw new Error("a call is admitted that doesn't wait");
          entry.isWaiting = false;
          this.open(side, this.rng.pick(INTERACTIONS), this.rng.oneIn(2));
        },
        fail: (): void => {
          if (!entry.isWaiting) throw new Error("a call fails that doesn't wait");
          if (!this.isEnding && !this.mayRefuse) throw new Error("a call fails though the connection lives");
          entry.isWaiting = false;
        },
      },
    };
    this.#waiting.push(entry);
    expect(side.connection.queueCall(entry.call)).to.equal(true);
    side.transmitRequested = true;
    return true;
  }

  withdraw(side: PairSide): boolean {
    const entry = this.#waiting.find((each) => each.side === side && each.isWaiting);
    if (entry === undefined) return false;
    entry.isWaiting = false;
    side.connection.withdrawCall(entry.call);
    return true;
  }

  push(side: PairSide): boolean {
    if (side.connection.state === "closed") return false;
    const metadata = this.rng.bytes(this.rng.between(0, 20));
    this.#pushes[this.pair.other(side).name].sent.push(hexOf(metadata));
    side.connection.metadataPush(metadata);
    return true;
  }

  accept(): boolean {
    if (this.pair.server.connection.state !== "accepting") return false;
    this.#accepted = true;
    this.pair.server.connection.accept();
    return true;
  }

  block(side: PairSide): boolean {
    if (side.isBlocked) return false;
    side.isBlocked = true;
    side.connection.linkBlocked(side.nowMs);
    return true;
  }

  unblock(side: PairSide): boolean {
    if (!side.isBlocked) return false;
    side.isBlocked = false;
    side.connection.linkDrained();
    return true;
  }

  /** Time goes by on both ends, as long as nobody can be taken for dead. */
  wake(): boolean {
    for (const side of this.pair.sides) {
      this.unblock(side);
      side.advance(10_000);
    }
    for (const side of this.pair.sides) {
      this.pair.flush(side);
      if (!side.isLinkClosed) side.connection.receivePart(0, side.nowMs);
    }
    return true;
  }

  deliver(side: PairSide, most: number): boolean {
    const before = side.inbox.byteLength;
    side.read(most);
    return side.inbox.byteLength < before;
  }

  drain(side: PairSide): boolean {
    if (side.connection.state === "closed" || side.connection.state === "draining") return false;
    this.mayRefuse = true;
    // Who closes before SETUP is accepted breaks off what the other end can't know of.
    if (!this.#accepted) this.isEnding = true;
    side.connection.close();
    return true;
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Lets all that lives come to its end, and looks at what is left. */
  finish(): void {
    const ending = this.rng.below(10);
    if (ending < 6) this.#settleAll();
    if (ending < 4) this.#checkComplete();
    if (ending === 4) this.#abandon();
    if (ending === 5) this.#close();
    if (ending === 6) this.#abort();
    if (ending >= 7) this.#cut(ending === 7);
    this.#settleAll();
    for (const side of this.pair.sides) this.#expectEnded(side, ending);
    for (const entry of this.#waiting) expect(entry.isWaiting && this.isEnding, "a call still waits").to.equal(false);
    this.#checkStreams();
    this.pair.expectQuiet();
  }

  // Without any loss each stream ends when both its halves are completed: none may be stuck.
  #checkComplete(): void {
    for (let i = 0; i < 10; i++) {
      for (const party of [...this.#parties]) {
        while (party.isLive && party.sendOpen && (party.stream?.credit ?? 0) > 0 && this.rng.oneIn(2)) {
          this.#count("next", party.send(this.rng.oneIn(2), false));
        }
        if (party.receiveOpen && this.rng.oneIn(3)) this.#count("request", party.ask());
      }
      this.#settleAll();
      this.#checkCredit();
    }
    // Calls that were waiting for room may have been opened by it.
    for (let i = 0; i < 3; i++) {
      this.#reacts = false;
      for (const party of [...this.#parties]) this.#count("complete", party.complete());
      this.#settleAll();
    }
    const stuck = this.#parties.filter(({ stream }) => stream?.isForgotten === false);
    expect(
      stuck.map((party) => `${party.side.name} ${party.state} ${party.stream?.id}`),
      "stuck streams",
    ).to.deep.equal([]);
    for (const side of this.pair.sides) expect(side.connection.streamCount).to.equal(0);
    for (const party of this.#parties)
      if (party.isLive) throw new Error(`stuck: ${party.state} on stream ${party.stream?.id}`);
    this.#drainInOrder();
  }

  // With everything delivered, what one side asked for is what the other may send.
  #checkCredit(): void {
    for (const { other, asked, receiveOpen, interaction } of this.#parties) {
      if (other?.sendOpen !== true || !receiveOpen || interaction === "request_response") continue;
      const credit = other.stream?.credit ?? 0;
      if (credit === 0x7fffffff) continue;
      expect(credit + other.sent.length, "credit").to.equal(asked);
    }
  }

  #drainInOrder(): void {
    const side = this.rng.pick(this.pair.sides);
    this.#tallies.endings.add("close");
    this.drain(side);
    this.#settleAll();
  }

  #abandon(): void {
    const side = this.rng.pick(this.pair.sides);
    this.drain(side);
    for (const party of this.#parties) if (party.isLive) party.disturb();
    this.#tallies.endings.add("close, then abandon");
    side.connection.abandonStreams("grace is over");
    this.#settleAll();
    // What the other end opened meanwhile was refused; what it serves itself it may still end.
    for (const party of [...this.#parties]) party.complete();
  }

  #close(): void {
    this.#tallies.endings.add("close from both sides");
    for (const side of this.pair.sides) this.drain(side);
    this.#settleAll();
    for (const party of [...this.#parties]) party.complete();
  }

  #abort(): void {
    this.isEnding = true;
    for (const party of this.#parties) party.disturbed = true;
    const side = this.rng.pick(this.pair.sides);
    this.#tallies.endings.add("abort");
    side.connection.abort(new ConnectionError(0x101, "off", "local"));
  }

  #cut(silently: boolean): void {
    this.isEnding = true;
    for (const party of this.#parties) party.disturbed = true;
    if (silently) {
      // As a driver does, they write what the link takes; from then on nothing arrives any more.
      for (const side of this.pair.sides) this.pair.flush(side);
      for (const side of this.pair.sides) side.advance(100_000);
      // Before SETUP has gone out, or come, it is left to whoever waits for the connection.
      const { client, server } = this.pair;
      const isClientOver = client.connection.state === "closed" || !this.#isSetUpSent;
      const isServerOver = server.connection.state === "closed" || server.connection.state === "expecting-setup";
      expect(isClientOver && isServerOver, "a silent peer lives on").to.equal(true);
      this.#tallies.endings.add("keepalive timeout");
    } else this.#tallies.endings.add("link lost");
    this.pair.cut();
  }

  #settleAll(): void {
    for (const side of this.pair.sides) this.unblock(side);
    this.pair.settle();
    if (this.accept()) this.pair.settle();
    if (this.#failure !== undefined) throw this.#failure;
    this.#observe();
  }

  #expectEnded(side: PairSide, ending: number): void {
    expect(side.connection.state, `ending ${ending}, ${side.name}`).to.equal("closed");
    expect(side.log.filter((entry) => entry.startsWith("closed"))).to.have.length(1);
    expect(side.connection.nextTimeoutMs).to.equal(undefined);
  }

  #checkStreams(): void {
    for (const party of this.#parties) {
      expect(party.isLive, `${party.state} never ended`).to.equal(false);
      const { other } = party;
      if (other === undefined) continue;
      expect(party.received).to.deep.equal(other.sent.slice(0, party.received.length));
      if (party.disturbed || party.refusesItems || this.isEnding) continue;
      expect(party.received, "items").to.deep.equal(other.sent);
      expect(party.sawComplete, "COMPLETE").to.equal(other.hasCompleted && party.interaction !== "fire_and_forget");
    }
    for (const { sent, received } of Object.values(this.#pushes)) {
      expect(received).to.deep.equal(this.isEnding || this.mayRefuse ? sent.slice(0, received.length) : sent);
    }
  }

  #count(name: string, reached: boolean): void {
    if (reached) this.#tallies.operations.add(name);
  }

  #observe(): void {
    for (const side of this.pair.sides) {
      this.#tallies.connectionStates.add(side.connection.state);
      if (side.connection.reassemblyBytes > 0) this.#tallies.streamStates.add("reassembling");
      if (side.connection.outbound.backlogCount > 0) this.#tallies.streamStates.add("fragmenting");
      if (side.connection.queuedCallCount > 0) this.#tallies.streamStates.add("waiting for room");
      if (!side.connection.wantsRead) this.#tallies.streamStates.add("not reading");
      if (side.isBlocked) this.#tallies.streamStates.add("link blocked");
    }
    for (const party of this.#parties) {
      party.checkState();
      if (party.isLive) this.#tallies.streamStates.add(party.state);
    }
  }
}

function refusesStream(side: PairSide, interaction: Interaction): false {
  try {
    side.connection.openStream(interaction, undefined, new Uint8Array(0), 1, SILENT);
  } catch (error) {
    if (error instanceof ConnectionError) return false;
    throw error;
  }
  throw new Error(`a stream was opened on a connection that is ${side.connection.state}`);
}

const SILENT: StreamSink = {
  onNext() {},
  onComplete() {},
  onError() {},
  onCancel() {},
  onRequestN() {},
  onWritable() {},
};

type Operation = (run: Run, side: PairSide) => boolean;

function on(wanted: (party: Party) => boolean, act: (party: Party, run: Run) => boolean): Operation {
  return (run, side) => {
    const party = run.pickLive(side, wanted);
    return party !== undefined && act(party, run);
  };
}

const canSend = (party: Party): boolean => party.sendOpen && (party.stream?.credit ?? 0) > 0;

function weighted<T>(table: readonly (readonly [name: string, weight: number, value: T])[]): [string, T][] {
  return table.flatMap(([name, weight, value]) => new Array<[string, T]>(weight).fill([name, value]));
}

const OPERATIONS = weighted<Operation>([
  ["open fire_and_forget", 2, (run, side) => run.open(side, "fire_and_forget", run.rng.oneIn(2))],
  ["open request_response", 3, (run, side) => run.open(side, "request_response", run.rng.oneIn(3))],
  ["open request_stream", 3, (run, side) => run.open(side, "request_stream", run.rng.oneIn(3))],
  ["open request_channel", 4, (run, side) => run.open(side, "request_channel", run.rng.oneIn(3))],
  ["next", 8, on(canSend, (party) => party.send(false, false))],
  ["next, large", 10, on(canSend, (party) => party.send(true, false))],
  ["next, the last", 4, on(canSend, (party, run) => party.send(run.rng.oneIn(2), true))],
  [
    "complete",
    3,
    on(
      (party) => party.sendOpen,
      (party) => party.complete(),
    ),
  ],
  [
    "complete an answer",
    16,
    on(
      (party) => party.sendOpen && !party.isRequester && party.receiveOpen,
      (party) => party.complete(),
    ),
  ],
  [
    "error",
    2,
    on(
      (party) => party.sendOpen,
      (party) => party.fail(),
    ),
  ],
  [
    "request",
    8,
    on(
      (party) => party.receiveOpen && party.interaction !== "request_response",
      (party) => party.ask(),
    ),
  ],
  [
    "cancel",
    2,
    on(
      (party) => party.isRequester,
      (party) => party.cancel(),
    ),
  ],
  [
    "cancel input",
    6,
    on(
      (party) => !party.isRequester && party.receiveOpen,
      (party) => party.cancel(),
    ),
  ],
  ["metadataPush", 2, (run, side) => run.push(side)],
  ["wait for room", 5, (run, side) => run.wait(side)],
  ["withdraw", 8, (run, side) => run.withdraw(side)],
  ["accept", 14, (run) => run.accept()],
  ["block", 4, (run, side) => run.block(side)],
  ["unblock", 4, (run, side) => run.unblock(side)],
  ["time goes by", 2, (run) => run.wake()],
  ["flush", 24, (run, side) => run.pair.flush(side)],
  ["deliver a little", 10, (run, side) => run.deliver(side, run.rng.between(1, 30))],
  ["deliver much", 16, (run, side) => run.deliver(side, run.rng.between(100, 2_000))],
]);

/** What a sink's user does from within a callback. */
const REACTIONS = weighted<(party: Party, run: Run) => boolean>([
  ["next, from within", 4, (party, run) => canSend(party) && party.send(run.rng.oneIn(2), false)],
  ["complete, from within", 2, (party) => party.complete()],
  ["error, from within", 2, (party) => party.fail()],
  ["request, from within", 4, (party) => party.ask()],
  ["cancel, from within", 2, (party) => party.cancel()],
  [
    "cancel another, from within",
    2,
    (party, run) => run.pickLive(party.side, (each) => each !== party)?.cancel() === true,
  ],
  ["open, from within", 1, (party, run) => run.open(party.side, run.rng.pick(INTERACTIONS), run.rng.oneIn(2))],
]);

/** How runs end. */
const ENDINGS = ["close", "close, then abandon", "close from both sides", "abort", "keepalive timeout", "link lost"];

const CONNECTION_STATES = ["opening", "expecting-setup", "accepting", "open", "draining", "closed"];
const STREAM_STATES = [
  "requester request_response -R",
  "responder request_response S-",
  "requester request_stream -R",
  "responder request_stream S-",
  "requester request_channel SR",
  "requester request_channel S-",
  "requester request_channel -R",
  "responder request_channel SR",
  "responder request_channel S-",
  "responder request_channel -R",
  "requester fire_and_forget --",
  "reassembling",
  "fragmenting",
  "waiting for room",
  "not reading",
  "link blocked",
];

function expectShares(title: string, tally: Tally, names: readonly string[]): void {
  const shares = tally.shares(names);
  const text = shares.map(([name, share]) => `${name} ${(100 * share).toFixed(2)} %`).join(", ");
  console.log(`      ${title}: ${text}`);
  for (const [name, share] of shares) expect(share, `${title}: ${name}`).to.be.above(0.005);
}

describe("random interleavings of two connections", () => {
  afterEach(expectNoTrace);

  it(`${RUNS} runs: everything is seen once and in order, no credit is overrun, every frame is legal, nothing is stuck`, () => {
    const tallies: Tallies = {
      operations: new Tally(),
      endings: new Tally(),
      frames: new Tally(),
      streamStates: new Tally(),
      connectionStates: new Tally(),
    };
    for (let i = 0; i < RUNS; i++) {
      const seed = (SEED + i) >>> 0;
      try {
        const run = new Run(new Random(Math.imul(seed + 1, 0x9e3779b1)), tallies);
        // Some begin to close in the midst of everything.
        const closesAt = run.rng.oneIn(3) ? run.rng.below(STEPS) : STEPS;
        for (let step = 0; step < STEPS; step++) {
          if (step === closesAt) run.drain(run.rng.pick(run.pair.sides));
          run.step();
        }
        run.finish();
        expectNoTraceYet();
      } catch (error) {
        if (error instanceof Error) error.message = `SEED=${seed} ITERATIONS=1: ${error.message}`;
        throw error;
      }
    }
    if (RUNS < 100) return;
    console.log(`      SEED=${SEED}`);
    const operations = new Set([...OPERATIONS, ...REACTIONS].map(([name]) => name));
    expectShares("operations", tallies.operations, [...operations]);
    expectShares("endings", tallies.endings, ENDINGS);
    expectShares("frames", tallies.frames, FRAME_TYPES);
    expectShares("states of connections", tallies.connectionStates, CONNECTION_STATES);
    expectShares("states of streams", tallies.streamStates, STREAM_STATES);
  }).timeout(0);
});
