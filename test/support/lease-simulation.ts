// SPDX-License-Identifier: Apache-2.0
// A service with a knee, and clients that honour leases, in virtual time: events one after another, no promises.

import type { FinishedRequest, LeasedConnection, LeaseGrant, LeaseGranter, LeaseStrategy } from "rsocket-rpc";
import { Interaction, type Scheduler, type Timer } from "rsocket-rpc/rsocket";

interface Event {
  readonly atMs: number;
  readonly task: () => void;
  isCancelled: boolean;
}

/** A clock that jumps from one event to the next. */
export class EventClock implements Scheduler {
  #nowMs = 0;
  #events: Event[] = [];

  now(): number {
    return this.#nowMs;
  }

  defer(task: () => void): void {
    this.setTimer(0, task);
  }

  yield(task: () => void): void {
    this.setTimer(0, task);
  }

  setTimer(delayMs: number, task: () => void): Timer {
    const event: Event = { atMs: this.#nowMs + delayMs, task, isCancelled: false };
    // Behind all that are due at the same time.
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#events[middle]?.atMs ?? 0) <= event.atMs) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return {
      cancel: () => {
        event.isCancelled = true;
      },
    };
  }

  /** Events that are still to come. */
  get pendingCount(): number {
    return this.#events.filter(({ isCancelled }) => !isCancelled).length;
  }

  /** Lets time pass. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = this.#events;
      if (next === undefined || next.atMs > endMs) break;
      this.#events.shift();
      this.#nowMs = next.atMs;
      if (!next.isCancelled) next.task();
    }
    this.#nowMs = endMs;
  }
}

/** So many requests are worked on at once, the others queue. */
export class SimulatedService {
  /** What one request takes, and by how much that varies, ± part of it. */
  serviceMs: number;
  readonly #clock: EventClock;
  readonly #workers: number;
  readonly #random: () => number;
  readonly #jitter: number;
  readonly #queue: (() => void)[] = [];
  #busy = 0;
  /** Answers given. */
  doneCount = 0;

  constructor(clock: EventClock, workers: number, serviceMs: number, random: () => number, jitter = 0.2) {
    this.#clock = clock;
    this.#workers = workers;
    this.serviceMs = serviceMs;
    this.#random = random;
    this.#jitter = jitter;
  }

  /** Requests that wait for a worker. */
  get queueLength(): number {
    return this.#queue.length;
  }

  handle(done: () => void): void {
    this.#queue.push(done);
    this.#work();
  }

  #work(): void {
    while (this.#busy < this.#workers) {
      const done = this.#queue.shift();
      if (done === undefined) return;
      this.#busy++;
      const durationMs = this.serviceMs * (1 + this.#jitter * (2 * this.#random() - 1));
      this.#clock.setTimer(durationMs, () => {
        this.#busy--;
        this.doneCount++;
        done();
        this.#work();
      });
    }
  }
}

/** A client that always has as many requests as it may send, or as `demand` says at once. */
export class SimulatedClient implements LeasedConnection {
  readonly remoteAddress = "client";
  readonly scheduler: EventClock;
  readonly grants: LeaseGrant[] = [];
  /** Requests at once that it has use for. */
  demand: number;
  runningCount = 0;
  servedCount = 0;
  refusedCount = 0;
  latencySumMs = 0;
  readonly #service: SimulatedService;
  readonly #delayMs: number;
  readonly #granter: LeaseGranter;
  // Of the responder's side and of the client's.
  #left = 0;
  untilMs = 0;
  #clientLeft = 0;
  #clientUntilMs = 0;
  #underWay = 0;
  #isClosed = false;

  constructor(
    clock: EventClock,
    strategy: LeaseStrategy,
    service: SimulatedService,
    demand = Number.POSITIVE_INFINITY,
    delayMs = 1,
  ) {
    this.scheduler = clock;
    this.#service = service;
    this.demand = demand;
    this.#delayMs = delayMs;
    this.#granter = strategy.attach(this);
    this.#granter.start();
  }

  get allowance(): number {
    return this.scheduler.now() < this.untilMs ? this.#left : 0;
  }

  grant(grant: LeaseGrant): void {
    this.grants.push(grant);
    this.#left = grant.requestCount + Math.min(grant.carriedCount ?? 0, this.allowance);
    this.untilMs = this.scheduler.now() + grant.ttlMs;
    this.scheduler.setTimer(this.#delayMs, () => {
      this.#clientLeft = grant.requestCount;
      this.#clientUntilMs = this.scheduler.now() + grant.ttlMs;
      this.send();
    });
  }

  /** Sends what it may and has use for. */
  send(): void {
    while (this.#clientLeft > 0 && this.scheduler.now() < this.#clientUntilMs && this.#underWay < this.demand) {
      this.#clientLeft--;
      this.#underWay++;
      this.scheduler.setTimer(this.#delayMs, () => this.#arrive());
    }
  }

  /** What the connection's end does. */
  close(): void {
    this.#isClosed = true;
    this.#clientLeft = 0;
    this.#granter.stop();
  }

  #arrive(): void {
    if (this.#isClosed) return;
    if (this.allowance === 0) {
      this.refusedCount++;
      this.#underWay--;
      this.#granter.onRefused?.(false);
      return;
    }
    this.#left--;
    this.runningCount++;
    const beganAtMs = this.scheduler.now();
    this.#granter.onRequest?.();
    this.#service.handle(() => {
      if (this.#isClosed) return;
      this.runningCount--;
      this.servedCount++;
      const durationMs = this.scheduler.now() - beganAtMs;
      this.latencySumMs += durationMs;
      const finished: FinishedRequest = {
        interaction: Interaction.REQUEST_RESPONSE,
        durationMs,
        ending: "completed",
      };
      this.#granter.onRequestEnd?.(finished);
      this.scheduler.setTimer(this.#delayMs, () => {
        this.#underWay--;
        this.send();
      });
    });
  }
}
