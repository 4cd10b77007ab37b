// SPDX-License-Identifier: Apache-2.0
// The requests of a client stream or a bidi call: the first opens the channel, the rest follow under credit.

import { ErrorCode } from "../rsocket/errors.js";
import { OutgoingItems, type OutgoingOwner } from "../rsocket/iterate.js";
import type { MessageBytes, MessageHandle, StreamHandle } from "../rsocket/payload.js";
import { Interaction, type UnopenedCall } from "../rsocket/sink.js";
import { unencodable } from "./call-errors.js";
import type { Source } from "./channel.js";
import { type ClientCall, hearEnd } from "./client-call.js";
import { Code } from "./code.js";
import { encodeChecked, encodeToSend, giveBack } from "./codec.js";
import { nameOf } from "./describe.js";
import { RpcError } from "./error.js";
import { encodeErrorData } from "./status-codec.js";

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);

/** What a client sends on a channel. The source is closed exactly once, whatever happens. */
export class ChannelOutput implements OutgoingOwner<unknown>, Pick<StreamHandle, "mayProduce" | "credit"> {
  readonly #call: ClientCall;
  readonly #source: Source<unknown>;
  readonly #initialN: number;
  readonly #onOpen: ((stream: StreamHandle) => void) | undefined;
  #items: OutgoingItems<unknown> | undefined;
  #stream: MessageHandle | undefined;
  #forgetPeer: (() => void) | undefined;
  #unopened: UnopenedCall | undefined;
  #stopped = false;
  // The first message waits for a lease; and what the source has said meanwhile.
  #waits = false;
  #endsBehind = false;
  // Set when the request's metadata goes on every payload.
  #repeated: Uint8Array | undefined;

  constructor(call: ClientCall, source: Source<unknown>, initialN: number, onOpen?: (stream: StreamHandle) => void) {
    this.#call = call;
    this.#source = source;
    this.#initialN = initialN;
    this.#onOpen = onOpen;
  }

  /** Pulls the first message, then opens the channel with it. */
  start(): void {
    try {
      this.#items = new OutgoingItems<unknown>(this, this.#source, this, this.#call.transport.budget);
    } catch (error) {
      const message = `requests are ${nameOf(this.#source)}, expected an iterable or an async iterable`;
      return this.#call.fail(() => new RpcError(Code.InvalidArgument, message, { cause: error }));
    }
    this.#items.run();
    if (this.#stream === undefined && !this.#stopped) this.#awaitFirst();
  }

  // Until there is a stream, the connection knows of the call by this.
  #awaitFirst(): void {
    this.#unopened = hearEnd(this.#call.transport, (failure) => this.#call.fail(failure));
  }

  #forgetUnopened(): void {
    if (this.#unopened === undefined) return;
    this.#call.transport.rsocket.withdrawCall(this.#unopened);
    this.#unopened = undefined;
  }

  /** Goes on when there is credit or room again. */
  run(): void {
    this.#items?.run();
  }

  /** The peer wants no more, or the call failed. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#forgetUnopened();
    this.#forgetPeer?.();
    this.#items?.stop();
  }

  /** The answer is complete: what the source still has is of no use, and the peer needn't wait for it. */
  finish(): void {
    if (this.#stopped) return;
    this.stop();
    this.#stream?.complete();
  }

  // ── what the items' stream is, and their owner ──────────────────────────────────────────────────────────────────

  /** Before the channel is open one message may be sent: the one that opens it. */
  get mayProduce(): boolean {
    return this.#stream === undefined ? !this.#stopped && !this.#waits : this.#stream.mayProduce;
  }

  get credit(): number {
    if (this.#waits) return 0;
    return this.#stream === undefined ? 1 : this.#stream.credit;
  }

  looksAhead(): boolean {
    return !this.#call.transport.rsocket.peer.isOurs;
  }

  onCleanupError(error: unknown): void {
    const { transport, method } = this.#call;
    transport.observer.onCleanupError?.(error, method);
  }

  encode(message: unknown): MessageBytes {
    const { definition } = this.#call;
    try {
      if (this.#stream === undefined) return encodeChecked(definition.input, message);
      return encodeToSend(definition.input, message, this.#call.transport.rsocket, -1, this.#repeated);
    } catch (error) {
      throw unencodable(definition, error);
    }
  }

  send(data: MessageBytes): boolean {
    this.#call.sentCount++;
    if (this.#stream !== undefined) {
      try {
        return this.#stream.next(data, this.#repeated);
      } finally {
        giveBack(data);
      }
    }
    this.#waits = true;
    this.#call.openLeased(() => this.#open(data, false));
    return false;
  }

  #open(data: MessageBytes, noMessage: boolean): void {
    const call = this.#call;
    this.#waits = false;
    this.#forgetUnopened();
    const stream = call.open(Interaction.REQUEST_CHANNEL, data, this.#initialN, noMessage);
    if (stream === undefined) return;
    if (call.transport.repeatChannelMetadata) this.#repeated = call.encodeMetadata(false);
    this.#stream = stream;
    this.#onOpen?.(stream);
    if (this.#endsBehind) this.complete();
  }

  complete(): void {
    if (this.#waits) {
      this.#endsBehind = true;
      return;
    }
    if (this.#stream !== undefined) {
      this.#stopped = true;
      this.#stream.complete();
      return;
    }
    // Whether a stream without messages can be said depends on the peer: wait until it is known.
    this.#forgetPeer = this.#call.transport.rsocket.peer.onceDecided(() => this.#openEmpty());
  }

  #openEmpty(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    const { rsocket } = this.#call.transport;
    // Of a connection that has ended nothing can be said but that.
    if (rsocket.isOpen && !rsocket.peer.isOurs) {
      this.#forgetUnopened();
      const message = "this peer can't receive a stream without messages";
      return this.#call.fail(() => new RpcError(Code.FailedPrecondition, message));
    }
    this.#call.openLeased(() => {
      this.#open(NO_BYTES, true);
      this.#stream?.complete();
    });
  }

  // The source failed: the peer hears a status if one was thrown, else only that the call is off.
  fail(thrown: unknown): void {
    this.#stopped = true;
    this.#forgetUnopened();
    const { transport } = this.#call;
    const error = RpcError.from(thrown);
    const shown = RpcError.is(thrown) ? thrown : new RpcError(Code.Cancelled, "the request stream failed");
    const data = encodeErrorData(shown, transport.rsocket.peer.isOurs, transport.rsocket.settings.limits);
    this.#stream?.error(ErrorCode.APPLICATION_ERROR, data);
    this.#call.stream = undefined;
    this.#call.fail(error);
  }
}
