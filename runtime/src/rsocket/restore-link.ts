// SPDX-License-Identifier: Apache-2.0
// A client's connection that lost its link: dials, says RESUME, and goes on or gives up (RSocket 1.0 §Resuming Operation).

import { toHex } from "../bytes/hex.js";
import { checkOptions, type Kinds } from "../bytes/options.js";
import { Backoff, type BackoffOptions, resolveBackoff } from "../engine/backoff.js";
import type { Dialer, FrameLink } from "../engine/link.js";
import { Redial, type RedialHost } from "../engine/redial.js";
import type { Scheduler, Timer } from "../engine/scheduler.js";
import { Attempt } from "./attempt.js";
import type { RSocketConnection } from "./connection.js";
import { messageOf } from "./thrown.js";

/** How a client resumes. */
export interface ResumeOptions {
  /** How long to try before the connection is given up. 120 s, as long as our servers keep sessions. */
  readonly lifetimeMs?: number;
  /** For dialing, each time. 10 s. */
  readonly dialTimeoutMs?: number;
  /** For the answer to RESUME, from when the link is open. 5 s: some servers never answer (Q-REJECT-CODES). */
  readonly timeoutMs?: number;
  /** The waits between attempts, the first of which is at once: 1 s, each 1.6 times the one before, ± 20 %, at most 10 s. */
  readonly backoff?: Partial<BackoffOptions>;
  /**
   * RESUMEs in a row that come to nothing, before we believe that the server can't resume. 6: where a link is cut before
   * the answer; one that stays silent counts for three.
   */
  readonly maxUnanswered?: number;
  /** Opaque to the server, 1 … 65,535 bytes; whoever has it may take the session over. 32 random hex digits. */
  readonly token?: Uint8Array;
  /** Numbers from 0 up to 1 for the jitter of the waits; `Math.random` unless given. */
  readonly random?: () => number;
}

const LIFETIME_MS = 120_000;
const DIAL_TIMEOUT_MS = 10_000;
const TIMEOUT_MS = 5_000;
const MAX_WAIT_MS = 10_000;
/** Its length has 16 bits in SETUP and RESUME. */
const MAX_TOKEN_BYTES = 65_535;

const MAX_UNANSWERED = 6;
/** A link that was cut behind RESUME says little, one on which nothing comes says more. */
const SILENCE_COUNTS = 3;

/** ASCII: some servers read tokens as text (Q-RES-TOKEN). 128 random bits. */
export function randomToken(): Uint8Array {
  return new TextEncoder().encode(toHex(crypto.getRandomValues(new Uint8Array(16))));
}

/** How a client resumes, all of it said. */
type ResolvedResume = Required<Pick<ResumeOptions, "lifetimeMs" | "dialTimeoutMs" | "timeoutMs" | "maxUnanswered">> & {
  readonly backoff: BackoffOptions;
};

const RESUME: Kinds = {
  lifetimeMs: "number",
  dialTimeoutMs: "number",
  timeoutMs: "number",
  maxUnanswered: "number",
  backoff: "object",
  token: "bytes",
  random: "function",
};

/** `options` with what goes without saying. @throws RangeError for a wrong one. */
export function resolveResume(options: ResumeOptions): ResolvedResume {
  checkOptions(options, RESUME, "resume.");
  const { lifetimeMs = LIFETIME_MS, dialTimeoutMs = DIAL_TIMEOUT_MS, timeoutMs = TIMEOUT_MS } = options;
  const { maxUnanswered = MAX_UNANSWERED, token } = options;
  const numbers = { lifetimeMs, dialTimeoutMs, timeoutMs, maxUnanswered };
  for (const [name, value] of Object.entries(numbers)) {
    // Infinity is one: as often, or as long, as it takes.
    if (!(value >= 1)) throw new RangeError(`resume.${name} is ${String(value)}, expected a number of at least 1`);
  }
  if (token !== undefined && !(token.length >= 1 && token.length <= MAX_TOKEN_BYTES)) {
    throw new RangeError(`resume.token has ${token.length} bytes, expected 1 … ${MAX_TOKEN_BYTES}`);
  }
  return { ...numbers, backoff: resolveBackoff({ maxMs: MAX_WAIT_MS, ...options.backoff }) };
}

interface Handshake {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Brings links to one connection. */
export class LinkRestorer implements RedialHost<FrameLink> {
  readonly #connection: RSocketConnection;
  readonly #dialer: Dialer;
  readonly #scheduler: Scheduler;
  readonly #options: ResolvedResume;
  readonly #redial: Redial<FrameLink>;
  #handshake: Handshake | undefined;
  #expiry: Timer | undefined;
  #unanswered = 0;

  /** @throws RangeError for a wrong option. */
  constructor(connection: RSocketConnection, dialer: Dialer, scheduler: Scheduler, options: ResumeOptions) {
    this.#connection = connection;
    this.#dialer = dialer;
    this.#scheduler = scheduler;
    this.#options = resolveResume(options);
    const backoff = new Backoff(this.#options.backoff, options.random ?? Math.random);
    this.#redial = new Redial(this, scheduler, backoff);
  }

  /** The connection has no link any more. */
  detached(reason: unknown): void {
    this.#expiry ??= this.#scheduler.setTimer(this.#options.lifetimeMs, () => {
      this.#giveUp(`not resumed within ${this.#options.lifetimeMs} ms`);
    });
    if (this.#handshake !== undefined) return this.#handshake.reject(reason);
    const { connection } = this.#redial;
    if (connection === undefined) this.#redial.connect();
    else this.#redial.drained(connection, reason);
  }

  /** The server has answered RESUME_OK. */
  resumed(): void {
    this.#unanswered = 0;
    this.#expiry?.cancel();
    this.#expiry = undefined;
    this.#handshake?.resolve();
  }

  /** The connection is over. */
  stop(): void {
    this.#expiry?.cancel();
    this.#redial.close();
    this.#handshake?.reject(new Error("the connection is over"));
  }

  // ── for the redial machine ──────────────────────────────────────────────────────────────────────────────────────

  async dial(signal: AbortSignal): Promise<FrameLink> {
    const attempt = new Attempt(this.#scheduler, this.#options.dialTimeoutMs, signal);
    let link: FrameLink;
    try {
      link = await attempt.race(this.#dial(attempt));
      // The connection may have ended since.
      signal.throwIfAborted();
    } catch (error) {
      attempt.discard();
      throw error;
    }
    await this.#shakeHands(link);
    return link;
  }

  // Goes on behind the attempt's back when that has ended.
  async #dial(attempt: Attempt): Promise<FrameLink> {
    return attempt.dialed(await attempt.dial(this.#dialer, this.#connection.info));
  }

  discard(link: FrameLink): void {
    link.abort();
  }

  // The link may have been lost with RESUME_OK, before it was known here.
  onState(): void {
    const { connection: link } = this.#redial;
    if (link !== undefined && !this.#connection.isLive) this.#redial.drained(link, undefined);
  }

  async #shakeHands(link: FrameLink): Promise<void> {
    let timer: Timer | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#handshake = { resolve, reject };
        timer = this.#scheduler.setTimer(this.#options.timeoutMs, () => {
          this.#unanswered += SILENCE_COUNTS - 1;
          this.#connection.loseLink(`no answer to RESUME within ${this.#options.timeoutMs} ms`);
        });
        this.#connection.resumeOver(link);
      });
    } catch (error) {
      this.#unanswered++;
      if (this.#unanswered >= this.#options.maxUnanswered)
        this.#giveUp(`the server doesn't answer RESUME: ${messageOf(error)}`);
      throw error;
    } finally {
      timer?.cancel();
      this.#handshake = undefined;
    }
  }

  #giveUp(message: string): void {
    this.#connection.abort(`the session can't be resumed: ${message}`);
  }
}
