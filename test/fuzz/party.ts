// SPDX-License-Identifier: Apache-2.0
// One end of one stream: it checks what it is told against what may be told (the contract of StreamSink), and does with
// its stream what a script says.

import type { ConnectionError, StreamError } from "../../runtime/src/session/errors.js";
import type { Stream, StreamSink } from "../../runtime/src/session/stream.js";
import { Interaction } from "../../runtime/src/session/stream-state.js";

const SMALL = 5;
const LARGE = 300;

export class Party implements StreamSink {
  readonly isRequester: boolean;
  readonly interaction: Interaction;
  stream: Stream | undefined;
  /** Called from within each callback. */
  onTold: (() => void) | undefined;
  // Whether items may still be sent, and may still come.
  #sends: boolean;
  #receives: boolean;
  /** A fire-and-forget request isn't with the link yet. */
  #isHandingOver: boolean;
  #asked: number;
  #received = 0;

  constructor(isRequester: boolean, interaction: Interaction, asked: number, nothingFollows = false) {
    this.isRequester = isRequester;
    this.interaction = interaction;
    this.#asked = asked;
    const isChannel = interaction === Interaction.REQUEST_CHANNEL;
    const isForget = interaction === Interaction.FIRE_AND_FORGET;
    this.#sends = isRequester ? isChannel : !isForget;
    this.#receives = isRequester ? !isForget : isChannel && !nothingFollows;
    this.#isHandingOver = isRequester && isForget;
  }

  /** Something is still to come. */
  get isLive(): boolean {
    return this.#sends || this.#receives || this.#isHandingOver;
  }

  // ── what it is told ─────────────────────────────────────────────────────────────────────────────────────────────

  onNext(data: Uint8Array, _metadata: Uint8Array | undefined, complete: boolean): void {
    this.#must(this.#receives, `an item of ${data.length} bytes, though nothing more may come`);
    this.#received++;
    this.#must(this.#received <= this.#asked, `item ${this.#received}, asked for ${this.#asked}`);
    if (complete) this.#receives = false;
    this.onTold?.();
  }

  onComplete(): void {
    this.#must(this.#receives || this.#isHandingOver, "COMPLETE, though nothing more may come");
    this.#receives = false;
    this.#isHandingOver = false;
    this.onTold?.();
  }

  onError(error: StreamError | ConnectionError): void {
    this.#must(this.isLive, `"${error.message}", though it is over`);
    this.#end();
    this.onTold?.();
  }

  onCancel(): void {
    this.#must(this.isRequester ? this.#sends : this.isLive, "CANCEL, though it is over");
    if (this.isRequester) this.#sends = false;
    else this.#end();
    this.onTold?.();
  }

  onRequestN(n: number): void {
    this.#must(this.#sends, "REQUEST_N, though it sends nothing more");
    this.#must(n >= 1 && n <= 0x7fffffff, `REQUEST_N ${n}`);
    this.onTold?.();
  }

  onWritable(): void {
    this.#must(this.#sends, "onWritable, though it sends nothing more");
    this.onTold?.();
  }

  // ── what it does ────────────────────────────────────────────────────────────────────────────────────────────────

  act(action: number, n: number): void {
    switch (action % 9) {
      case 0:
        return this.send(SMALL, false);
      case 1:
        return this.send(LARGE, false);
      case 2:
        return this.send(action < 128 ? SMALL : LARGE, true);
      case 3:
        return this.complete(undefined);
      case 4:
        return this.complete(new Uint8Array(SMALL));
      case 5:
        return this.#fail();
      case 6:
        return this.#ask(n);
      case 7:
        return this.#cancel();
      default:
        for (let i = 0; i < 20 && this.#sends && (this.stream?.credit ?? 0) > 0; i++) this.send(LARGE, false);
    }
  }

  send(byteLength: number, complete: boolean): void {
    const { stream } = this;
    if (stream === undefined || !this.#sends || stream.credit === 0) return;
    if (complete || this.interaction === Interaction.REQUEST_RESPONSE) this.#sends = false;
    stream.next(new Uint8Array(byteLength).fill(0x61), byteLength % 2 === 0 ? new Uint8Array(3) : undefined, complete);
  }

  complete(metadata: Uint8Array | undefined): void {
    if (this.stream === undefined || !this.#sends) return;
    this.#sends = false;
    this.stream.complete(metadata);
  }

  #fail(): void {
    const canFail = !this.isRequester || this.interaction === Interaction.REQUEST_CHANNEL;
    if (this.stream === undefined || !canFail || !(this.#sends || this.#receives)) return;
    this.#end();
    this.stream.error(0x301, new Uint8Array(SMALL));
  }

  #ask(n: number): void {
    if (this.stream === undefined || !this.#receives || this.interaction === Interaction.REQUEST_RESPONSE) return;
    this.#asked += n;
    this.stream.request(n);
  }

  #cancel(): void {
    const { stream } = this;
    if (stream === undefined) return;
    if (this.isRequester) {
      // What is encoded can't be called back.
      if (!this.isLive || stream.isForgotten) return;
      this.#end();
    } else this.#receives = false;
    stream.cancel();
  }

  /** Between two calls the stream and its user agree. */
  checkState(): void {
    const { stream } = this;
    if (stream === undefined) return;
    this.#must(stream.isSendOpen === this.#sends, `its sending half is ${stream.isSendOpen ? "open" : "closed"}`);
    this.#must(
      stream.isReceiveOpen === this.#receives,
      `its receiving half is ${stream.isReceiveOpen ? "open" : "closed"}`,
    );
  }

  #end(): void {
    this.#sends = false;
    this.#receives = false;
    this.#isHandingOver = false;
  }

  #must(holds: boolean, what: string): void {
    if (holds) return;
    const role = this.isRequester ? "requester" : "responder";
    throw new Error(`${role} of ${this.interaction} ${this.stream?.id}: ${what}`);
  }
}
