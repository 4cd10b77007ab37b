// SPDX-License-Identifier: Apache-2.0
// Sessions of a server that may outlive their links, over all its listeners (RSocket 1.0 §Resuming Operation, RESUME-18,
// RESUME-19). A client that lost its TCP connection may come back over WebSocket.

import { toHex } from "../bytes/hex.js";
import { checkOptions } from "../bytes/options.js";
import { hostOf } from "../engine/acceptor.js";
import type { LinkInfo } from "../engine/link.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import type { ResumeFrame, SetupFrame } from "../frames/frame.js";
import { Budget } from "../session/budget.js";
import { ResumeLedger } from "../session/resume-store.js";
import type { Limits } from "../session/settings.js";
import type { RSocketConnection } from "./connection.js";
import { callGuarded } from "./thrown.js";

/** A connection that can be resumed, as its server sees it. */
export interface Session {
  /** The client's token: who has it, and passes `identify`, can take the session over. Treat it as a secret. */
  readonly token: Uint8Array;
  /** What the transport of its latest link tells. */
  readonly info: LinkInfo;
  /** It has a link now. */
  readonly isConnected: boolean;
  /** How often it was resumed. */
  readonly resumedCount: number;
  /** Sent frames that are kept for the client. */
  readonly keptBytes: number;
  /** Live streams, of both sides. */
  readonly streamCount: number;
  /** Ends it; calls that run are cancelled, and its token is of no use any more. */
  close(): Promise<void>;
}

/**
 * Where a server looks sessions up. Keys are tokens in hex. What a store throws goes to where faults of `accept` go: a SETUP
 * is refused then, a RESUME finds nothing.
 */
export interface SessionStore {
  /** How many there are. */
  readonly size: number;
  get(token: string): Session | undefined;
  set(token: string, session: Session): void;
  delete(token: string): void;
  values(): Iterable<Session>;
}

/** How a server offers resumption. */
export interface ServeResumptionOptions {
  /** Where sessions are looked up; a `Map` unless given. */
  readonly store?: SessionStore;
  /**
   * Who is at the other end of a link, as its transport proves it. Asked at SETUP and at RESUME: a session is resumed
   * only by who began it. What it throws refuses the client. Unless given: the certificate of a client that showed one;
   * of others the token is the credential.
   */
  identify?(info: LinkInfo): string;
  /** Told when a session begins, loses its link, goes on, and ends. */
  onSession?(event: SessionEvent, session: Session): void;
}

/** What happens to sessions. */
export type SessionEvent = "begun" | "detached" | "resumed" | "ended";

interface Entry extends Session {
  readonly connection: RSocketConnection;
  readonly identity: string;
  /** While it has no link. */
  timer: Timer | undefined;
  /** Its client is back: what is lost is only its old link. */
  isReturning: boolean;
  resumedCount: number;
}

/** Addresses whose refused RESUMEs are counted at once, at most: an attacker with many addresses fills no memory. */
const MAX_WATCHED_ADDRESSES = 10_000;

/** The sessions of one server. */
export class Sessions {
  /** What all of them keep. */
  readonly ledger: ResumeLedger;
  readonly #options: ServeResumptionOptions;
  readonly #limits: Limits;
  readonly #scheduler: Scheduler;
  readonly #store: SessionStore;
  readonly #onFault: (error: unknown) => void;
  // Those of this process, in the order in which they began or lost their link.
  readonly #entries = new Map<RSocketConnection, Entry>();
  readonly #refusals = new Map<string, Budget>();

  /** `onFault` hears what the application's store throws. */
  constructor(
    options: ServeResumptionOptions,
    limits: Limits,
    scheduler: Scheduler,
    onFault: (error: unknown) => void,
  ) {
    checkOptions(options, { store: "object", identify: "function", onSession: "function" }, "resume.");
    this.#options = options;
    this.#limits = limits;
    this.#scheduler = scheduler;
    this.#store = options.store ?? new Map<string, Session>();
    this.#onFault = onFault;
    this.ledger = new ResumeLedger(limits.maxAllSessionsBytes);
  }

  /** How many of this process can be resumed. */
  get count(): number {
    return this.#entries.size;
  }

  /** All that can be resumed. */
  get all(): readonly Session[] {
    return this.#guard(() => [...this.#store.values()]) ?? [];
  }

  /** Why a SETUP that asks for resumption is refused, or undefined (RESUME-18). @throws what the store throws. */
  refuse({ resumeToken }: SetupFrame): string | undefined {
    if (resumeToken === undefined) return undefined;
    if (this.#store.get(toHex(resumeToken)) !== undefined) return "the resume token is in use";
    if (this.#isFull && this.#findAbandoned() === undefined)
      return `server is full: more than ${this.#limits.maxSessions} sessions`;
    return undefined;
  }

  /**
   * A SETUP that asks for resumption is about to be accepted, of a client with this `identity`: what waits behind it may end
   * the connection, or its link. @throws what the store throws.
   */
  add(connection: RSocketConnection, { resumeToken }: SetupFrame, identity: string): void {
    const token = resumeToken?.slice(); // it is part of what was read
    if (token === undefined || !connection.awaitsAcceptance) return;
    const entry: Entry = {
      token,
      connection,
      identity,
      timer: undefined,
      isReturning: false,
      resumedCount: 0,
      get info() {
        return connection.info;
      },
      get isConnected() {
        return connection.isLive;
      },
      get keptBytes() {
        return connection.resumption?.store.byteLength ?? 0;
      },
      get streamCount() {
        return connection.streamCount;
      },
      close: () => connection.close({ message: "the session was closed" }),
    };
    const abandoned = this.#isFull ? this.#findAbandoned() : undefined;
    if (abandoned !== undefined) {
      this.#remove(abandoned);
      abandoned.connection.abort("there was nothing to resume, and no room for others");
    }
    this.#store.set(toHex(token), entry);
    this.#entries.set(connection, entry);
    void connection.closed.then(() => this.#remove(entry));
    this.#tell("begun", entry);
  }

  /** The link of a session is lost: its client may come back for so long. */
  detached(connection: RSocketConnection): void {
    const entry = this.#entries.get(connection);
    if (entry === undefined) return;
    this.#entries.delete(connection);
    this.#entries.set(connection, entry);
    const { sessionLifetimeMs } = this.#limits;
    entry.timer?.cancel();
    entry.timer = this.#scheduler.setTimer(sessionLifetimeMs, () => {
      entry.connection.abort(`not resumed within ${sessionLifetimeMs} ms`);
    });
    this.#tell("detached", entry);
    if (!entry.isReturning) this.#makeRoom();
  }

  /** A client that has shown `frame` on the link of `newcomer` gets its session, or hears why not. */
  resume(newcomer: RSocketConnection, frame: ResumeFrame): string | undefined {
    const { info } = newcomer;
    const nowMs = this.#scheduler.now();
    const entry = this.#find(frame.resumeToken);
    const budget = this.#budgetOf(info.remoteAddress);
    const isIn =
      entry !== undefined && this.#isSame(entry, info) && (!budget.isEmpty(nowMs) || isExpected(entry, info));
    // One text for all: nobody learns which tokens are in use.
    if (!isIn) return budget.take(nowMs) ? UNKNOWN : TOO_MANY;
    entry.isReturning = true;
    const refusal = entry.connection.takeOver(newcomer, frame);
    entry.isReturning = false;
    if (refusal !== undefined) return refusal;
    entry.timer?.cancel();
    entry.timer = undefined;
    entry.resumedCount++;
    this.#tell("resumed", entry);
    return undefined;
  }

  #isSame(entry: Entry, info: LinkInfo): boolean {
    try {
      return this.identify(info) === entry.identity;
    } catch {
      return false;
    }
  }

  /** Who is at the other end of a link. @throws what the application's hook throws. */
  identify(info: LinkInfo): string {
    if (this.#options.identify !== undefined) return this.#options.identify(info);
    const { certificate } = info;
    return certificate?.authorized === true ? certificate.fingerprint256 : "";
  }

  // A store outside of the process may give sessions that aren't here.
  #find(token: Uint8Array): Entry | undefined {
    return this.#guard(() => {
      const found = this.#store.get(toHex(token));
      return found !== undefined && "connection" in found ? (found as Entry) : undefined;
    });
  }

  get #isFull(): boolean {
    return this.#store.size >= this.#limits.maxSessions;
  }

  // Whoever leaves many of them behind must not keep others out. Its client, if it comes, begins anew and has lost nothing.
  #findAbandoned(): Entry | undefined {
    for (const entry of this.#entries.values())
      if (entry.timer !== undefined && entry.streamCount === 0 && entry.keptBytes === 0) return entry;
    return undefined;
  }

  // All sessions together keep too much: those that have no link go, the one that lost it first before others; but none that
  // keeps no more than its part. What others keep isn't its fault, and its end would make no room.
  #makeRoom(): void {
    const { maxAllSessionsBytes, maxSessions } = this.#limits;
    for (const entry of this.#entries.values()) {
      if (!this.ledger.isFull) return;
      if (entry.timer === undefined || entry.keptBytes <= maxAllSessionsBytes / maxSessions) continue;
      entry.connection.abort("too much is kept for sessions without a link");
    }
  }

  #remove(entry: Entry): void {
    entry.timer?.cancel();
    if (!this.#entries.delete(entry.connection)) return;
    this.#guard(() => {
      const key = toHex(entry.token);
      if (this.#store.get(key) === entry) this.#store.delete(key);
    });
    this.#tell("ended", entry);
  }

  #guard<T>(useStore: () => T): T | undefined {
    try {
      return useStore();
    } catch (error) {
      this.#onFault(error);
      return undefined;
    }
  }

  #tell(event: SessionEvent, session: Session): void {
    callGuarded("onSession", () => this.#options.onSession?.(event, session));
  }

  #budgetOf(remoteAddress: string): Budget {
    const host = hostOf(remoteAddress);
    const known = this.#refusals.get(host);
    if (known !== undefined) return known;
    if (this.#refusals.size >= MAX_WATCHED_ADDRESSES) this.#refusals.clear();
    const budget = new Budget(this.#limits.refusedResumeBurst, this.#limits.refusedResumesPerSecond);
    this.#refusals.set(host, budget);
    return budget;
  }
}

// However much was guessed at an address, which may be a proxy's: who was there before is let in, and whom more than a token
// proves.
function isExpected({ identity, info }: Entry, { remoteAddress }: LinkInfo): boolean {
  return identity !== "" || hostOf(info.remoteAddress) === hostOf(remoteAddress);
}

const UNKNOWN = "unknown resume token";
const TOO_MANY = "too many resumptions were refused";
