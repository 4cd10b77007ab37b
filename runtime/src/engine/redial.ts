// SPDX-License-Identifier: Apache-2.0
// The redial machine: from one connection to the next, with a wait in between. It knows nothing of calls.
//
//   idle ──connect──▶ connecting ──confirmed──▶ ready ──drained, the last dial is long ago──▶ connecting
//                      ▲     │                    │
//                      │   failed        lost, or drained again so soon
//                      │     ▼                    ▼
//                      └── waiting ◀──────────────┘            any ──close──▶ closed

import type { Backoff } from "./backoff.js";
import type { Scheduler, Timer } from "./scheduler.js";

/** Where the machine is: nothing asked for yet; dialing; connected; waiting to dial again; over. */
export type ChannelState = "idle" | "connecting" | "ready" | "waiting" | "closed";

/** What the machine drives, and who hears of it. None of it may throw. */
export interface RedialHost<T> {
  /** Opens a connection; aborting `signal` gives up. */
  dial(signal: AbortSignal): Promise<T>;
  /** A connection that came when it was wanted no more. */
  discard(connection: T): void;
  /** The machine is in a new state, which `machine.state` names. */
  onState(): void;
}

type State<T> =
  | { readonly name: "idle" }
  | { readonly name: "connecting"; readonly attempt: AbortController }
  | { readonly name: "ready"; readonly connection: T }
  | { readonly name: "waiting"; readonly timer: Timer; readonly reason: unknown }
  | { readonly name: "closed" };

/** One machine; see the picture above. */
export class Redial<T> {
  readonly #host: RedialHost<T>;
  readonly #scheduler: Scheduler;
  readonly #backoff: Backoff;
  #state: State<T> = { name: "idle" };
  #dialedAtMs = 0;

  constructor(host: RedialHost<T>, scheduler: Scheduler, backoff: Backoff) {
    this.#host = host;
    this.#scheduler = scheduler;
    this.#backoff = backoff;
  }

  get state(): ChannelState {
    return this.#state.name;
  }

  /** The connection, in state ready. */
  get connection(): T | undefined {
    return this.#state.name === "ready" ? this.#state.connection : undefined;
  }

  /** Why it waits, in state waiting. */
  get reason(): unknown {
    return this.#state.name === "waiting" ? this.#state.reason : undefined;
  }

  /** Dials, unless it has been asked for before. */
  connect(): void {
    if (this.#state.name === "idle") this.#dial();
  }

  /** The connection broke: it takes no calls any more. What is said of an earlier connection is no news. */
  lost(connection: T, reason: unknown): void {
    if (this.connection !== connection) return;
    this.#wait(this.#backoff.next(), reason);
  }

  /** The connection was closed by its peer in order: the next is dialed at once, if the last dial was long ago. */
  drained(connection: T, reason: unknown): void {
    if (this.connection !== connection) return;
    // A peer that accepts and closes at once is dialed no oftener than one that refuses.
    const restMs = this.#dialedAtMs + this.#backoff.spread(this.#backoff.options.initialMs) - this.#scheduler.now();
    if (restMs > 0) this.#wait(restMs, reason);
    else this.#dial();
  }

  /** Dials no more. What is being dialed is given up; the connection is the caller's to close. */
  close(): void {
    const state = this.#state;
    if (state.name === "closed") return;
    this.#enter({ name: "closed" });
    if (state.name === "connecting") state.attempt.abort(new Error("the channel is closed"));
    if (state.name === "waiting") state.timer.cancel();
  }

  #dial(): void {
    const attempt = new AbortController();
    const state: State<T> = { name: "connecting", attempt };
    this.#dialedAtMs = this.#scheduler.now();
    // First the state, then the dial: what asks for a token may make a call, and who hears of the state may close.
    this.#enter(state);
    if (this.#state !== state) return;
    this.#host.dial(attempt.signal).then(
      (connection) => {
        if (this.#state === state) this.#ready(connection);
        else this.#host.discard(connection);
      },
      (error: unknown) => {
        if (this.#state === state) this.#wait(this.#backoff.next(), error);
      },
    );
  }

  #ready(connection: T): void {
    this.#backoff.reset();
    this.#enter({ name: "ready", connection });
  }

  #wait(delayMs: number, reason: unknown): void {
    const timer = this.#scheduler.setTimer(delayMs, () => this.#dial());
    this.#enter({ name: "waiting", timer, reason });
  }

  #enter(state: State<T>): void {
    this.#state = state;
    this.#host.onState();
  }
}
