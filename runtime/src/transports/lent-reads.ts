// SPDX-License-Identifier: Apache-2.0
// Reads of a socket into memory that is used again: what lies outside the heap makes V8 collect, and large reads are few.

import { connect, type NetConnectOpts, type Socket } from "node:net";

/** A read takes what there is, up to so many bytes: four times what Node reads at once by itself. */
const BUFFER_BYTES = 262_144;

/** Takes bytes that are lent until it returns. */
export interface LentReceiver {
  onLent(bytes: Uint8Array): void;
}

// One for all sockets of a thread: reads come one after the other, and of one nothing is left when the next comes.
let buffer: Uint8Array | undefined;

/** A socket that is being connected, and what it will read. */
export class LentReads {
  readonly socket: Socket;
  #receiver: LentReceiver | undefined;

  /** Connects with `options`, which are given away. Nothing is read before `begin`. */
  constructor(options: NetConnectOpts) {
    buffer ??= new Uint8Array(BUFFER_BYTES);
    options.onread = { buffer, callback: (byteLength, bytes) => this.#take(byteLength, bytes) };
    this.socket = connect(options);
    this.socket.pause();
  }

  /** What is read goes to `receiver` from now on. Runtimes that don't know of such reads emit 'data'. */
  begin(receiver: LentReceiver): void {
    this.#receiver = receiver;
    this.socket.resume();
  }

  #take(byteLength: number, bytes: Uint8Array): boolean {
    this.#receiver?.onLent(bytes.subarray(0, byteLength));
    return true;
  }
}
