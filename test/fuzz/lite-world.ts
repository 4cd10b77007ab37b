// SPDX-License-Identifier: Apache-2.0
// A client of `rsocket-rpc/lite` opposite a script, in virtual time: what holds whatever the server sends.
//
// Nothing throws; every frame that leaves may leave; every call ends, and the connection once; nothing is left: no stream,
// byte, timer, or source that wasn't closed.

import { type LiteConnection, liteConnectionOf } from "../../runtime/src/lite/connect.js";
import { details } from "../../runtime/src/lite/details.js";
import { metadata } from "../../runtime/src/lite/headers.js";
import { limits, STANDARD } from "../../runtime/src/lite/limits.js";
import { beginOver } from "../../runtime/src/lite/link.js";
import { createSession, type LiteSession, type LiteSessionInit } from "../../runtime/src/lite/session.js";
import type { CallOptions } from "../../runtime/src/rpc/call-options.js";
import { type AnyMethod, method } from "../../runtime/src/rpc/method.js";
import { bytesOf } from "../support/frames-dsl.js";
import { MoreOption, Option } from "./connection-world.js";
import { FuzzLink } from "./fuzz-link.js";
import { FuzzScheduler } from "./fuzz-scheduler.js";
import { OutgoingRules } from "./outgoing-rules.js";
import { readScript, type Script, type Step } from "./script.js";

const SMALL_LIMITS = limits({
  maxMessageBytes: 512,
  maxReassemblyBytes: 1_024,
  maxFragments: 70,
  maxMetadataBytes: 64,
  maxSurplusItems: 2,
  maxSurplusBytes: 64,
  maxUnconsumedBytes: 200,
  producerPauseBytes: 200,
  maxPeerCausedBytes: 1_000,
  maxQueuedCalls: 2,
  controlBurst: 5,
  controlsPerSecond: 1,
  meaninglessBurst: 5,
  meaninglessPerSecond: 1,
  requestNBurst: 5,
  requestNsPerSecond: 1,
});
const MAX_CALLS = 64;
/** METADATA_PUSH with a server's hello. */
const HELLO = "000000003100176d6573736167652f782e72736f636b65742d7270632e76310000040a020801";
const LAST_WAIT_MS = 700_000;
/** The first byte of a message that can't be decoded. */
const UNDECODABLE = 0x65;

interface Message {
  readonly bytes: Uint8Array;
}

const codec = {
  typeName: "fuzz.Message",
  encode: ({ bytes }: Message, sink: { push(value: Uint8Array): void }) => sink.push(bytes),
  decode(bytes: Uint8Array): Message {
    if (bytes[0] === UNDECODABLE) throw new Error("no such message");
    return { bytes };
  },
};

const ANY: AnyMethod = method({
  service: "fuzz.Service",
  name: "Any",
  kind: "unary",
  interaction: "request_response",
  idempotency: "unknown",
  input: codec,
  output: codec,
});

interface Call {
  readonly controller: AbortController;
  readonly iterator: AsyncIterator<unknown> | undefined;
  pending: number;
}

export class LiteWorld {
  readonly #script: Script;
  readonly #scheduler = new FuzzScheduler();
  readonly #link: FuzzLink;
  readonly #session: LiteSession;
  readonly #connection: LiteConnection;
  readonly #calls: Call[] = [];
  #openSources = 0;
  #closedCount = 0;

  constructor(input: Uint8Array) {
    this.#script = readScript(input);
    const rules = new OutgoingRules({ side: "client", lease: false, resumption: false });
    this.#link = new FuzzLink({
      onFrameSent: (frame) => rules.sent(frame),
      onFrameReceived: (frame) => rules.received(frame),
    });
    const init: Omit<LiteSessionInit, "link"> = {
      scheduler: this.#scheduler,
      limits: this.#has(Option.SMALL_LIMITS) ? SMALL_LIMITS : STANDARD,
      // SETUP, 20 s and 90 s, without metadata.
      setup: Uint8Array.from(Buffer.from("000000000400000100000000" + "4e2000015f90016d0164", "hex")),
      keepaliveIntervalMs: 20_000,
      maxLifetimeMs: 90_000,
      fragmentBytes: this.#has(Option.FRAGMENTS) ? 64 : 65_536,
      compatibility: { followsWins: (this.#script.moreOptions & MoreOption.FOLLOWS_WINS) !== 0 },
      metadata,
      details,
    };
    let session: LiteSession | undefined;
    beginOver(this.#link, (link) => (session = createSession({ ...init, link })));
    this.#session = session as unknown as LiteSession;
    this.#connection = liteConnectionOf(this.#session);
    void this.#connection.closed.then(() => this.#closedCount++);
    if (this.#has(Option.OURS)) this.#link.receiveFrame(bytesOf(HELLO));
  }

  /** Runs the script to its end, and looks at what is left. */
  async run(): Promise<void> {
    await this.#settle();
    for (const step of this.#script.steps) {
      this.#take(step);
      if (!this.#has(Option.SLOW_SETTLE)) await this.#settle();
    }
    await this.#end();
  }

  #has(option: number): boolean {
    return (this.#script.options & option) !== 0;
  }

  #take(step: Step): void {
    switch (step.kind) {
      case "frame":
        return this.#link.receiveFrame(step.bytes);
      case "bytes":
        return this.#link.receive(step.bytes);
      case "time":
        return this.#scheduler.advance(step.ms);
      case "act":
        return this.#act(this.#calls[step.stream % Math.max(1, this.#calls.length)], step.action, step.n);
      case "open":
        return this.#open(step.interaction, step.n);
      case "block":
        this.#link.isBlocked = true;
        return;
      case "unblock":
        return this.#link.drain();
      case "link":
        return this.#link.lose(new Error("cut"));
      case "close":
        return this.#session.close(step.lingerMs);
      case "peer ends":
        return this.#link.endPeer();
      case "abandon":
        return this.#session.onLinkEnd(new Error("given up"));
      default:
    }
  }

  #open(selector: number, n: number): void {
    if (this.#calls.length >= MAX_CALLS) return;
    const { channelCore } = this.#connection;
    const controller = new AbortController();
    const options: CallOptions = {
      signal: controller.signal,
      ...(selector % 3 === 0 ? { timeoutMs: n % 30_000 } : {}),
      ...(selector % 5 === 0 ? { headers: { "x-fuzz": "a".repeat(selector) } } : {}),
      ...(selector % 7 === 0 ? { prefetch: n } : {}),
    };
    const message: Message = { bytes: new Uint8Array(selector < 128 ? 4 : 400) };
    const start = (iterable?: AsyncIterable<unknown>, answer?: Promise<unknown>): void => {
      let iterator: AsyncIterator<unknown> | undefined;
      try {
        iterator = iterable?.[Symbol.asyncIterator]();
      } catch {
        return; // the connection is over
      }
      const call: Call = { controller, iterator, pending: 0 };
      this.#calls.push(call);
      if (answer !== undefined) this.#await(call, answer);
    };
    switch (selector % 5) {
      case 0:
        return start(undefined, channelCore.unary(ANY, message, options));
      case 1:
        return start(undefined, channelCore.fireAndForget(ANY, message, options));
      case 2:
        return start(undefined, channelCore.clientStream(ANY, this.#source(message, n), options));
      case 3:
        return start(channelCore.serverStream(ANY, message, options));
      default:
        return start(channelCore.bidi(ANY, this.#source(message, n), options));
    }
  }

  *#source(message: Message, n: number): Generator<Message> {
    this.#openSources++;
    try {
      for (let i = 0; i < n; i++) {
        if (i === 17) throw new Error("the source is broken");
        yield message;
      }
    } finally {
      this.#openSources--;
    }
  }

  #act(call: Call | undefined, action: number, n: number): void {
    if (call === undefined) return;
    if (action % 4 === 3) return call.controller.abort();
    if (call.iterator === undefined) return;
    if (action % 4 === 2) return this.#await(call, call.iterator.return?.() ?? Promise.resolve());
    for (let i = 0; i < Math.min(n, 20); i++) this.#await(call, call.iterator.next());
  }

  #await(call: Call, promise: Promise<unknown>): void {
    call.pending++;
    const settled = (): void => void call.pending--;
    promise.then(settled, settled);
  }

  // Microtasks run between what is due and what they make due.
  async #settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      this.#scheduler.settle();
      while (this.#link.readOn()) this.#scheduler.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { calls, queuedBytes, unconsumedBytes, reassemblyBytes } = this.#session;
    for (const [name, value] of Object.entries({
      callCount: calls.size,
      queuedBytes,
      unconsumedBytes,
      reassemblyBytes,
    })) {
      if (!(value >= 0)) throw new Error(`${name} is ${value}`);
    }
  }

  async #end(): Promise<void> {
    this.#link.drain();
    await this.#settle();
    this.#scheduler.advance(LAST_WAIT_MS);
    await this.#settle();
    this.#link.lose();
    this.#session.close(0);
    for (const call of this.#calls)
      if (call.iterator !== undefined) this.#await(call, call.iterator.return?.() ?? Promise.resolve());
    await this.#settle();
    const { calls, queuedBytes, unconsumedBytes, reassemblyBytes } = this.#session;
    const left = {
      callCount: calls.size,
      queuedBytes,
      reassemblyBytes,
      unconsumedBytes,
      timers: this.#scheduler.timerCount,
      sources: this.#openSources,
      calls: this.#calls.filter(({ pending }) => pending > 0).length,
      ends: this.#closedCount - 1,
    };
    for (const [name, value] of Object.entries(left))
      if (value !== 0) throw new Error(`${value} ${name} left at the end`);
  }
}
