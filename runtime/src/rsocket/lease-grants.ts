// SPDX-License-Identifier: Apache-2.0
// Joins a strategy with one connection: what it grants goes out, what becomes of requests comes back to it
// (RSocket 1.0 §Lease Semantics).

import { checkOption, checkOptions, type Kinds } from "../bytes/options.js";
import type { Scheduler } from "../engine/scheduler.js";
import { ErrorCode } from "../frames/errors.js";
import type { Connection } from "../session/connection.js";
import { StreamError } from "../session/errors.js";
import type { LeaseInit } from "../session/lease.js";
import { Interaction } from "../session/stream-state.js";
import type {
  ClientLeaseOptions,
  LeasedConnection,
  LeaseGrant,
  LeaseGranter,
  LeaseStrategy,
  LeaseWaiting,
  RequestEnding,
  ServerLeaseOptions,
} from "./lease.js";
import { callGuarded } from "./thrown.js";
import { unlimitedLease } from "./unlimited-lease.js";

/** @internal The options of either side in one form. */
export interface LeaseSetup extends LeaseWaiting {
  readonly strategy: LeaseStrategy | undefined;
  readonly required: boolean;
}

const LEASE: Kinds = { waitForLease: "boolean", onLease: "function" };

function checkStrategy(strategy: LeaseStrategy | undefined): void {
  if (typeof strategy?.attach === "function") return;
  throw new RangeError("lease.strategy has no method attach, expected a strategy such as fixedRateLease gives");
}

/** @internal Undefined: SETUP doesn't say L. */
export function clientLeases(options: boolean | ClientLeaseOptions | undefined): LeaseSetup | undefined {
  if (options === undefined || options === false) return undefined;
  const given = options === true ? {} : options;
  checkOptions(given, { ...LEASE, strategy: "object|boolean" }, "lease.");
  const { strategy = unlimitedLease() } = given;
  if (strategy !== false) checkStrategy(strategy);
  return { ...given, strategy: strategy === false ? undefined : strategy, required: false };
}

/** @internal Undefined: SETUP with L is refused. */
export function serverLeases(options: LeaseStrategy | ServerLeaseOptions | undefined): LeaseSetup | undefined {
  if (options === undefined) return undefined;
  checkOption("lease", options, "object");
  const given: ServerLeaseOptions = "attach" in options ? { strategy: options } : options;
  checkOptions(given, { ...LEASE, strategy: "object", required: "boolean" }, "lease.");
  checkStrategy(given.strategy);
  return { ...given, required: given.required ?? false };
}

/** @internal A request was made that no lease allows. */
export function noLeaseError(): StreamError {
  return new StreamError(ErrorCode.REJECTED, NO_BYTES, "local", "there is no lease for a request now");
}

/** @internal What a connection needs of the world for its leases. */
export interface LeaseHost {
  readonly scheduler: Scheduler;
  readonly remoteAddress: string;
  /** Known when the first frame comes. */
  connection(): Connection;
  /** A request was refused. */
  onRefused(isFireAndForget: boolean): void;
}

/** @internal The leases that one connection grants. */
export class LeaseGrants implements LeasedConnection {
  readonly scheduler: Scheduler;
  readonly remoteAddress: string;
  /** For the session. */
  readonly init: LeaseInit;
  readonly #setup: LeaseSetup;
  readonly #host: LeaseHost;
  readonly #running = new Map<number, { readonly interaction: Interaction; readonly beganAtMs: number }>();
  #granter: LeaseGranter | undefined;

  constructor(setup: LeaseSetup, host: LeaseHost) {
    this.#setup = setup;
    this.#host = host;
    this.scheduler = host.scheduler;
    this.remoteAddress = host.remoteAddress;
    this.init = {
      isOffered: true,
      isRequired: setup.required,
      onLease: (lease) => guard(() => setup.onLease?.(lease)),
      onRefused: (isFireAndForget) => this.#refused(isFireAndForget),
      onRequestEnd: (streamId, ending) => this.#ended(streamId, ending),
    };
  }

  get allowance(): number {
    return this.#host.connection().leases?.ledger?.leftAt(this.scheduler.now()) ?? 0;
  }

  get untilMs(): number {
    return this.#host.connection().leases?.ledger?.untilMs ?? 0;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  grant({ carriedCount = 0, ...lease }: LeaseGrant): void {
    this.#host.connection().grantLease(lease, this.scheduler.now(), carriedCount);
  }

  /** The connection is accepted, or goes on over another link. */
  start(): void {
    const { strategy } = this.#setup;
    const { leases, state } = this.#host.connection();
    // It may be over by the time the application accepts it.
    if (strategy === undefined || leases?.ledger === undefined || state === "closed") return;
    guard(() => {
      this.#granter ??= strategy.attach(this);
      this.#granter.start();
    });
  }

  /** The connection is over. */
  stop(): void {
    const granter = this.#granter;
    this.#granter = undefined;
    this.#running.clear();
    guard(() => granter?.stop());
  }

  /** A request came that has a lease. */
  began(streamId: number, interaction: Interaction): void {
    if (this.#granter === undefined) return;
    const isUnanswered = interaction === Interaction.FIRE_AND_FORGET;
    if (!isUnanswered) this.#running.set(streamId, { interaction, beganAtMs: this.scheduler.now() });
    guard(() => {
      this.#granter?.onRequest?.();
      if (isUnanswered) this.#granter?.onRequestEnd?.({ interaction, durationMs: 0, ending: "completed" });
    });
  }

  #ended(streamId: number, ending: RequestEnding): void {
    const request = this.#running.get(streamId);
    if (request === undefined) return;
    this.#running.delete(streamId);
    const durationMs = this.scheduler.now() - request.beganAtMs;
    guard(() => this.#granter?.onRequestEnd?.({ interaction: request.interaction, durationMs, ending }));
  }

  #refused(isFireAndForget: boolean): void {
    guard(() => {
      this.#host.onRefused(isFireAndForget);
      this.#granter?.onRefused?.(isFireAndForget);
    });
  }
}

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

// User code within the session's transitions.
function guard(call: () => void): void {
  callGuarded("a lease strategy or listener", call);
}
