// SPDX-License-Identifier: Apache-2.0
// Two connections and a link that a test controls: what is taken from one reaches the other when the test says so, in
// slices of its choosing. Time is virtual.

import { joinParts } from "../../runtime/src/bytes/parts.js";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import type { ConnectionSettingsInit } from "../../runtime/src/session/settings.js";
import { expectQuiet } from "./no-trace.js";
import { Probe, type ProbeOptions } from "./probe.js";

/** The two ends. */
export type SideName = "client" | "server";

/** How a pair begins. */
export interface PairOptions {
  readonly settings?: ConnectionSettingsInit;
  /** In place of `settings`, for one end. */
  readonly client?: Omit<ProbeOptions, "side">;
  readonly server?: Omit<ProbeOptions, "side">;
  /** Each knows the other as one of ours. */
  readonly ours?: boolean;
  /** Nothing happens by itself: not even SETUP is delivered. */
  readonly manual?: boolean;
  /** Sees every frame as it is handed to the link. */
  readonly onFrame?: (from: SideName, frame: Uint8Array) => void;
  /** Sees every frame before it is passed in. */
  readonly onDelivery?: (to: PairSide, frame: Uint8Array) => void;
}

/** One direction of the link. */
class Wire {
  #bytes: Uint8Array = new Uint8Array(0);
  /** The sender takes its leave: behind the bytes the link is closed. */
  isEnding = false;

  get byteLength(): number {
    return this.#bytes.length;
  }

  push(frame: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + 3 + frame.length);
    joined.set(this.#bytes);
    joined.set([frame.length >>> 16, frame.length >>> 8, frame.length], this.#bytes.length);
    joined.set(frame, this.#bytes.length + 3);
    this.#bytes = joined;
  }

  take(most: number): Uint8Array {
    const taken = this.#bytes.slice(0, most);
    this.#bytes = this.#bytes.slice(most);
    return taken;
  }

  clear(): void {
    this.#bytes = new Uint8Array(0);
  }
}

/** One end, and what is under way to it. */
export class PairSide extends Probe {
  readonly name: SideName;
  readonly inbox: Wire = new Wire();
  readonly #deframer: LengthDeframer;
  isLinkClosed = false;

  constructor(
    name: SideName,
    options: Omit<ProbeOptions, "side">,
    onDelivery: (to: PairSide, frame: Uint8Array) => void = () => {},
  ) {
    super({ ...options, side: name });
    this.name = name;
    const afterFrame = (): boolean => {
      this.#deframer.maxFrameBytes = this.connection.maxFrameBytes;
      return this.connection.wantsRead;
    };
    this.#deframer = new LengthDeframer(
      this.connection.maxFrameBytes,
      (bytes, start, end) => {
        onDelivery(this, bytes.subarray(start, end));
        this.connection.receiveFrame(bytes, start, end, this.nowMs);
        return afterFrame();
      },
      (pieces) => {
        onDelivery(this, joinParts(pieces));
        this.receivePieces(...pieces);
        return afterFrame();
      },
    );
  }

  /** Reads at most so many bytes of what is under way. */
  read(most: number): number {
    if (this.isLinkClosed) return 0;
    if (!this.connection.wantsRead) return 0;
    this.#deframer.maxFrameBytes = this.connection.maxFrameBytes;
    const before = this.#deframer.heldBytes;
    this.#deframer.resume();
    const bytes = this.connection.wantsRead ? this.inbox.take(most) : new Uint8Array(0);
    if (bytes.length > 0) {
      this.#deframer.push(bytes);
      this.connection.receivePart(this.#deframer.heldBytes, this.nowMs);
    }
    const moved = bytes.length + Math.max(0, before - this.#deframer.heldBytes);
    if (this.inbox.byteLength === 0 && this.inbox.isEnding && this.connection.wantsRead) this.closeLink();
    return moved;
  }

  /** The link is gone for this end. */
  closeLink(error?: Error): void {
    if (this.isLinkClosed) return;
    this.isLinkClosed = true;
    this.inbox.clear();
    this.connection.linkLost(error);
  }
}

/** Two connections, set up and accepted unless told otherwise. */
export class Pair {
  readonly client: PairSide;
  readonly server: PairSide;
  readonly #onFrame: (from: SideName, frame: Uint8Array) => void;

  constructor({
    settings,
    client,
    server,
    ours = false,
    onFrame = () => {},
    onDelivery,
    manual = false,
  }: PairOptions = {}) {
    this.#onFrame = onFrame;
    const both = settings === undefined ? {} : { settings };
    this.client = new PairSide("client", { ...both, ...client }, onDelivery);
    this.server = new PairSide("server", { ...both, ...server }, onDelivery);
    if (!manual) this.settle();
    if (!ours) return;
    this.client.connection.peer.receiveHello(1);
    this.server.connection.peer.receiveHello(1);
  }

  get sides(): readonly [PairSide, PairSide] {
    return [this.client, this.server];
  }

  other(side: PairSide): PairSide {
    return side === this.client ? this.server : this.client;
  }

  /** Takes what `side` sends onto the wire; true when there was something, the end at last. */
  flush(side: PairSide): boolean {
    if (side.isLinkClosed) {
      side.sentWrites();
      return false;
    }
    const other = this.other(side);
    const frames = side.sentWrites().flat();
    for (const frame of frames) {
      this.#onFrame(side.name, frame);
      if (!other.isLinkClosed) other.inbox.push(frame);
    }
    if (side.connection.state !== "closed") return frames.length > 0;
    this.#end(side, other);
    return true;
  }

  // As a driver does: a link is torn down, or closed behind the last frame.
  #end(side: PairSide, other: PairSide): void {
    side.isLinkClosed = true;
    side.inbox.clear();
    if (side.connection.mustAbort) {
      other.inbox.clear();
      other.closeLink(new Error("reset"));
    } else other.inbox.isEnding = true;
  }

  /** Lets everything happen that can, without time passing. */
  settle(): void {
    for (let i = 0; i < 100_000; i++) {
      let moved = false;
      for (const side of this.sides) {
        if (this.flush(side)) moved = true;
        if (side.read(Number.POSITIVE_INFINITY) > 0) moved = true;
        if (side.inbox.isEnding && !side.isLinkClosed && side.inbox.byteLength === 0) side.read(0);
        if (side.transmitRequested) moved = true;
      }
      if (!moved) return;
    }
    throw new Error("it doesn't come to rest");
  }

  /** Lets time pass on both ends, in steps, with everything delivered between them. */
  advance(byMs: number, stepMs: number = byMs): void {
    for (let left = byMs; left > 0; left -= stepMs) {
      for (const side of this.sides) side.advance(Math.min(stepMs, left));
      this.settle();
    }
  }

  /** Cuts the link. What was under way is lost. */
  cut(): void {
    for (const side of this.sides) side.closeLink(new Error("cut"));
    for (const side of this.sides) side.sentWrites();
  }

  /** Nothing lives or waits on either end. */
  expectQuiet(): void {
    for (const side of this.sides) expectQuiet(side.connection);
  }
}
