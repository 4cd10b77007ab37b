// SPDX-License-Identifier: Apache-2.0
// Watches links that were accepted until each has shown a SETUP, and how many there are.

import type { Scheduler } from "./scheduler.js";

/** A connection in the making. */
export interface Newcomer {
  /** No sound SETUP has come yet. */
  readonly awaitsSetup: boolean;
  /** It has come, and the application hasn't said yes or no. */
  readonly awaitsAcceptance: boolean;
  /** Ends it. */
  abort(message: string, code?: number): void;
}

/** Limits that concern all connections of a server. */
export interface AcceptLimits {
  readonly setupTimeoutMs: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

/** Counts connections, in all and by remote address, and gives each its time for SETUP. */
export class Acceptor {
  readonly #scheduler: Scheduler;
  readonly #limits: AcceptLimits;
  readonly #byAddress = new Map<string, number>();
  #count = 0;

  constructor(scheduler: Scheduler, limits: AcceptLimits) {
    this.#scheduler = scheduler;
    this.#limits = limits;
  }

  /** Connections that were admitted and haven't left. */
  get count(): number {
    return this.#count;
  }

  /** Admits a connection from `remoteAddress`, or says why not. */
  admit(remoteAddress: string): string | undefined {
    const host = this.#countedHost(remoteAddress);
    const sameHost = host === "" ? 0 : (this.#byAddress.get(host) ?? 0);
    if (this.#count >= this.#limits.maxConnections)
      return `server is full: more than ${this.#limits.maxConnections} connections`;
    if (sameHost >= this.#limits.maxConnectionsPerAddress) {
      return `server is full: more than ${this.#limits.maxConnectionsPerAddress} connections from one address`;
    }
    this.#enter(host);
    return undefined;
  }

  /** Counts a connection without a look at the limits: it has come in before. */
  enter(remoteAddress: string): void {
    this.#enter(this.#countedHost(remoteAddress));
  }

  #enter(host: string): void {
    this.#count++;
    if (host !== "") this.#byAddress.set(host, (this.#byAddress.get(host) ?? 0) + 1);
  }

  /** An admitted connection is over, or has no link for now. */
  leave(remoteAddress: string): void {
    this.#count--;
    const host = this.#countedHost(remoteAddress);
    if (host === "") return;
    const sameHost = (this.#byAddress.get(host) ?? 1) - 1;
    if (sameHost > 0) this.#byAddress.set(host, sameHost);
    else this.#byAddress.delete(host);
  }

  // Who has no address (a Unix socket, the same process) is nobody's neighbour, and without a limit nobody counts.
  #countedHost(remoteAddress: string): string {
    return this.#limits.maxConnectionsPerAddress === Number.POSITIVE_INFINITY ? "" : hostOf(remoteAddress);
  }

  /** Ends `newcomer` unless it is accepted in time; the returned function stops the watch. */
  watch(newcomer: Newcomer, invalidSetupCode: number, rejectedSetupCode: number): () => void {
    const { setupTimeoutMs } = this.#limits;
    const timer = this.#scheduler.setTimer(setupTimeoutMs, () => {
      if (newcomer.awaitsSetup) newcomer.abort(`no SETUP within ${setupTimeoutMs} ms`, invalidSetupCode);
      if (newcomer.awaitsAcceptance) newcomer.abort(`not accepted within ${setupTimeoutMs} ms`, rejectedSetupCode);
    });
    return () => timer.cancel();
  }
}

/** `[address%zone]:port`, or the address alone. */
const IPV6 = /^(?:\[([0-9a-f.:]+)(?:%[^\]]*)?\](?::\d+)?|([0-9a-f]*:[0-9a-f]*:[0-9a-f.:]*))$/i;
/** An IPv4 address on a socket that takes both. */
const MAPPED = /^::ffff:(\d+(?:\.\d+){3})$/i;
const IPV6_GROUPS = 8;
/** Of 16 bits each. */
const NETWORK_GROUPS = 4;

/**
 * The remote address without its port: who is at the other end, as far as addresses tell. Of IPv6 the first 64 bits: each
 * household, and most hosts, have all addresses that begin with them.
 */
export function hostOf(remoteAddress: string): string {
  const found = IPV6.exec(remoteAddress);
  const address = found?.[1] ?? found?.[2];
  if (address === undefined) return remoteAddress.replace(/:\d+$/, "");
  return MAPPED.exec(address)?.[1] ?? networkOf(address.toLowerCase());
}

function networkOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const groups = groupsOf(head);
  if (tail !== undefined) {
    const last = groupsOf(tail);
    // What `::` stands for.
    const zeros = Math.max(0, IPV6_GROUPS - groups.length - last.length);
    groups.push(...Array<string>(zeros).fill("0"), ...last);
  }
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}

function groupsOf(part: string): string[] {
  return part === "" ? [] : part.split(":");
}
