// SPDX-License-Identifier: Apache-2.0
// How many requests may still be made, and until when: the requester's gate and the responder's ledger
// (RSocket 1.0 §Lease Semantics, LEASE-01 … LEASE-09).

import { readUint31 } from "../bytes/integers.js";
import { Flag, HEADER_BYTES, MAX_31_BIT, MAX_SENT_FRAME_BYTES } from "../frames/layout.js";

/** Time to live and number of requests. */
const LEASE_FIXED_BYTES = 8;

/** What a LEASE grants. */
export interface Lease {
  /** Requests of any kind, 0 … 2^31-1; 0 stops all. */
  readonly requestCount: number;
  /** From receipt, 0 … 2^31-1; 0 stops all. */
  readonly ttlMs: number;
  /** Opaque to the protocol; the bytes may be kept. */
  readonly metadata?: Uint8Array | undefined;
}

/** What a LEASE frame says behind its header, or undefined when it is cut short. The top bits are no part of the numbers. */
export function decodeLease(bytes: Uint8Array, body: number, end: number, flags: number): Lease | undefined {
  if (end - body < LEASE_FIXED_BYTES) return undefined;
  const hasMetadata = (flags & Flag.METADATA) !== 0;
  return {
    ttlMs: readUint31(bytes, body),
    requestCount: readUint31(bytes, body + 4),
    metadata: hasMetadata ? bytes.slice(body + LEASE_FIXED_BYTES, end) : undefined,
  };
}

/** @throws RangeError for numbers that aren't whole ones 0 … 2^31-1, or metadata that doesn't fit one frame. */
export function checkLease({ requestCount, ttlMs, metadata }: Lease, carriedCount = 0): void {
  for (const [name, value] of Object.entries({ requestCount, ttlMs, carriedCount })) {
    if (Number.isInteger(value) && value >= 0 && value <= MAX_31_BIT) continue;
    throw new RangeError(`${name} of a lease is ${value}, expected a whole number 0 … 2^31-1`);
  }
  const metadataBytes = metadata?.length ?? 0;
  if (metadataBytes <= MAX_SENT_FRAME_BYTES - HEADER_BYTES - LEASE_FIXED_BYTES) return;
  throw new RangeError(`LEASE with ${metadataBytes} bytes of metadata: it can't be fragmented (RSocket 1.0 §LEASE)`);
}

//   none ──grant(n, ttl)──▶ n left ──take──▶ n-1 left … 0 left
//     ▲                       │  a later grant replaces whatever is left (LEASE-02)
//     └── forget ─────────────┘  after ttl nothing is left (LEASE-04)

/** One lease and what is left of it. The last grant counts, none adds to another. */
export class Allowance {
  #left = 0;
  #untilMs = 0;
  #isGranted = false;
  // Requests that were left when links were lost: as many may have been sent, and will come again. They are no part of
  // `#left`: strategies wait for that to be used up, and the peer knows nothing of more.
  #owed = 0;
  // With the first lease on the next link that is over: what comes again comes at its beginning.
  #owedUntilMs = Number.POSITIVE_INFINITY;

  /** Some grant came and wasn't forgotten since. */
  get isGranted(): boolean {
    return this.#isGranted;
  }

  /** When the lease is over; it may have been used up before. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Replaces what was granted before; `carried` requests are allowed beyond, such as may be under way. */
  grant({ requestCount, ttlMs }: Lease, nowMs: number, carried = 0): void {
    this.#left = requestCount + carried;
    this.#untilMs = nowMs + ttlMs;
    if (!this.#isGranted) this.#owedUntilMs = this.#untilMs;
    this.#isGranted = true;
  }

  /** Requests that are left at this time. */
  leftAt(nowMs: number): number {
    return nowMs < this.#untilMs ? this.#left : 0;
  }

  /** Takes one; false when none is left. */
  take(nowMs: number): boolean {
    if (this.leftAt(nowMs) > 0) this.#left--;
    else if (this.#owedAt(nowMs) > 0) this.#owed--;
    else return false;
    return true;
  }

  /**
   * As if nothing had been granted: leases don't outlive their link (LEASE-09). The responder still takes as many requests
   * as were left at `nowMs`, until the next link's first lease is over: those that were sent before and lost with the link
   * come again on the next one, and nobody is to notice (RSocket 1.0 §Resuming Operation). What was owed before still is:
   * a link may be lost before anything came over it.
   */
  forget(nowMs?: number): void {
    if (nowMs !== undefined) this.#owed = this.#owedAt(nowMs) + this.leftAt(nowMs);
    this.#owedUntilMs = Number.POSITIVE_INFINITY;
    this.#left = 0;
    this.#untilMs = 0;
    this.#isGranted = false;
  }

  #owedAt(nowMs: number): number {
    return nowMs < this.#owedUntilMs ? this.#owed : 0;
  }
}

/** How leases are used on a connection. */
export interface LeaseInit {
  /**
   * Client: SETUP says L, so requests wait for a LEASE, and the server's for one of ours. Server: SETUP with L is accepted,
   * with the same consequences.
   */
  readonly isOffered: boolean;
  /** Server: a SETUP without L is refused. */
  readonly isRequired?: boolean;
  /** A LEASE came and counts from now on. */
  onLease?(lease: Lease): void;
  /** A request of the peer was refused for lack of a lease; nothing answers a fire-and-forget request (A15). */
  onRefused?(isFireAndForget: boolean): void;
  /** A request that the peer had a lease for is over, all its frames written. */
  onRequestEnd?(streamId: number, ending: RequestEnding): void;
}

/** How an inbound request ended: answered, with an error, or given up by the peer or with the connection. */
export type RequestEnding = "completed" | "failed" | "cancelled";

/** Both directions of one connection. */
export class Leases {
  readonly #init: LeaseInit;
  #gate: Allowance | undefined;
  #ledger: Allowance | undefined;
  #refusedCount = 0;

  constructor(init: LeaseInit) {
    this.#init = init;
  }

  /** SETUP said L and will be or was accepted: neither side asks without a lease. */
  negotiate(): void {
    this.#gate = new Allowance();
    this.#ledger = new Allowance();
  }

  /** SETUP said L. */
  get isNegotiated(): boolean {
    return this.#ledger !== undefined;
  }

  /** What the peer granted us; undefined as long as no lease limits us. */
  get gate(): Allowance | undefined {
    return this.#gate;
  }

  /** What we granted the peer; undefined when no lease limits it. */
  get ledger(): Allowance | undefined {
    return this.#ledger;
  }

  /** Requests of the peer that were refused for lack of a lease. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** A LEASE of the peer; unasked, it limits from then on, as servers of rsocket-java mean it (A32). */
  receive(lease: Lease, nowMs: number): void {
    this.#gate ??= new Allowance();
    this.#gate.grant(lease, nowMs);
    this.#init.onLease?.(lease);
  }

  /** A request of the peer: false when it has no lease for it. */
  admit(isFireAndForget: boolean, nowMs: number): boolean {
    if (this.#ledger === undefined || this.#ledger.take(nowMs)) return true;
    this.#refusedCount++;
    this.#init.onRefused?.(isFireAndForget);
    return false;
  }

  /** A request of the peer is over. */
  ended(streamId: number, ending: RequestEnding): void {
    if (this.#ledger !== undefined) this.#init.onRequestEnd?.(streamId, ending);
  }

  /** The link is another one: both sides begin without a lease, or without a limit where none was agreed (LEASE-09). */
  forget(nowMs: number): void {
    this.#ledger?.forget(nowMs);
    if (this.isNegotiated) this.#gate?.forget();
    else this.#gate = undefined;
  }
}
