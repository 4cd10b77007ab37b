// SPDX-License-Identifier: Apache-2.0
// The one place that knows what may be sent to this peer beyond plain RSocket and rsocket-rpc.

/** Whether the peer reads our extension. It is undecided until its hello has come or is known to be missing. */
export type PeerKind = "undecided" | "ours" | "unknown";

/** What is known of the peer of one session. */
export class Peer {
  #kind: PeerKind = "undecided";
  #version = 0;
  #waiting: (() => void)[] = [];

  /** What the peer is, as far as known. */
  get kind(): PeerKind {
    return this.#kind;
  }

  /** Envelopes may be sent in answers and errors. */
  get isOurs(): boolean {
    return this.#kind === "ours";
  }

  /** The version in its hello, 0 without one. */
  get version(): number {
    return this.#version;
  }

  /** Its hello has come: also late, when it was taken for unknown. */
  receiveHello(version: number): void {
    this.#version = version;
    this.#settle("ours");
  }

  /** Something came that a peer with a hello would have sent later: it has none. */
  settleUnknown(): void {
    if (this.#kind === "undecided") this.#settle("unknown");
  }

  /** Calls `listener` once it is decided, at once if it is; returns how to take it back. */
  onceDecided(listener: () => void): () => void {
    if (this.#kind !== "undecided") {
      listener();
      return () => {};
    }
    this.#waiting.push(listener);
    return () => {
      this.#waiting = this.#waiting.filter((other) => other !== listener);
    };
  }

  #settle(kind: PeerKind): void {
    this.#kind = kind;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const listener of waiting) listener();
  }
}
