// SPDX-License-Identifier: Apache-2.0
// What a connection that may outlive its link knows of itself (RSocket 1.0 §Resuming Operation).
//
//   live ──link lost──▶ detached ──client: new link──▶ resume-due ──RESUME sent──▶ awaiting-ok ──RESUME_OK──▶ live
//    ▲                   │   ▲                             │                          │
//    │                   │   └────────── link lost ────────┴──────────────────────────┘
//    └──RESUME_OK sent── ok-due ◀──server: RESUME came─┘

import type { ResumeFrame } from "../frames/frame.js";
import type { ResumeLedger } from "./resume-store.js";
import { BYTES_PER_ASK, ResumeStore } from "./resume-store.js";

/** Where the connection is between two links. */
export type ResumptionStage = "live" | "detached" | "resume-due" | "awaiting-ok" | "ok-due";

/** Frame types that have a position: REQUEST_RESPONSE … ERROR. */
const FIRST_COUNTED_TYPE = 0x04;
const LAST_COUNTED_TYPE = 0x0b;

/** Positions of both directions, and the frames that may have to be sent again. */
export class Resumption {
  /** Opaque; the client's. */
  readonly token: Uint8Array;
  readonly store: ResumeStore;
  stage: ResumptionStage = "live";
  /** Bytes of stream frames received since the session began. */
  receivedPosition = 0;
  /** The peer was asked what it has, and hasn't answered. */
  isAsking = false;
  /** Since when the store has been full, and the peer has confirmed nothing. */
  fullSinceMs: number | undefined;
  // The peer has shown that it counts: its numbers are its own.
  #isProven = false;
  #isKeeping = true;
  #askedWithPosition = 0;

  constructor(token: Uint8Array, maxStoreBytes: number, ledger: ResumeLedger) {
    this.token = token;
    this.store = new ResumeStore(maxStoreBytes, ledger);
  }

  /** Frames go both ways. */
  get isLive(): boolean {
    return this.stage === "live";
  }

  /** False once the end has been announced: what is sent then can't be asked for again. */
  get isKeeping(): boolean {
    return this.#isKeeping;
  }

  /** The end is announced. What is still to be sent again is, the rest is forgotten. */
  stopKeeping(): void {
    this.#isKeeping = false;
    this.store.trim(Number.POSITIVE_INFINITY);
    this.fullSinceMs = undefined;
  }

  /** A frame of a stream was received. True once in a while: the peer may ask about it. */
  countReceived(type: number, frameBytes: number): boolean {
    if (type < FIRST_COUNTED_TYPE || type > LAST_COUNTED_TYPE) return false;
    const before = Math.floor(this.receivedPosition / BYTES_PER_ASK);
    this.receivedPosition += frameBytes;
    return Math.floor(this.receivedPosition / BYTES_PER_ASK) > before;
  }

  /** A KEEPALIVE that asks for an answer goes out. */
  ask(): void {
    this.isAsking = true;
    this.#askedWithPosition = this.receivedPosition;
  }

  /** It has resumed: what it says of positions is true. */
  prove(): void {
    this.#isProven = true;
  }

  /**
   * A KEEPALIVE says that the peer has received `position` bytes. rsocket-go and rsocket-py repeat our own number in their
   * answers (Q-KA-POS): such a one counts only from a peer that has shown that it can resume.
   */
  receiveAcknowledgement(position: number, isAnswer: boolean, isOurs: boolean): void {
    if (isAnswer) this.isAsking = false;
    const { byteLength } = this.store;
    const mayBeEcho = isAnswer && !isOurs && !this.#isProven && position === this.#askedWithPosition;
    if (!mayBeEcho) this.store.trim(position);
    if (!this.store.isFull || this.store.byteLength < byteLength) this.fullSinceMs = undefined;
  }
}

/** Why a client that says `frame` can't go on, or undefined: no gap, no repeat (RESUME-10). */
export function refuseResume(resumption: Resumption, frame: ResumeFrame): string | undefined {
  const { store, receivedPosition } = resumption;
  const { lastReceivedServerPosition, firstAvailableClientPosition } = frame;
  if (firstAvailableClientPosition > receivedPosition) {
    return `client keeps frames from ${firstAvailableClientPosition} on, received are ${receivedPosition} bytes`;
  }
  if (store.holds(lastReceivedServerPosition)) return undefined;
  const range = `${store.firstPosition} … ${store.sentPosition}`;
  return `client has received ${lastReceivedServerPosition} bytes, expected the end of a frame in ${range}`;
}
