// SPDX-License-Identifier: Apache-2.0
// What a test does with the raw socket at the other end of a link.

import { connect, type Socket } from "node:net";

/** A raw TCP connection to `port` of this machine; it keeps its half open when the other end is closed. */
export async function rawSocket(port: number): Promise<RawSocket> {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return new RawSocket(socket);
}

/** Writes bytes, looks at what comes, ends in every way. */
export class RawSocket {
  readonly socket: Socket;
  /** The other end has ended its half. */
  hasEnded = false;
  /** The socket is gone. */
  isClosed = false;
  #received: Buffer[] = [];
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#look();
    });
    socket.on("end", () => {
      this.hasEnded = true;
      this.#look();
    });
    socket.on("close", () => {
      this.isClosed = true;
      this.#look();
    });
  }

  /** What came so far. */
  get received(): Buffer {
    return Buffer.concat(this.#received);
  }

  /** Writes, and resolves when the system has taken it. */
  write(bytes: Uint8Array | string): Promise<void> {
    return new Promise((resolve) => {
      this.socket.write(bytes, () => resolve());
    });
  }

  /** Resolves when `condition` holds; it is looked at after each event. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = (): void => {
        if (condition()) resolve();
        else this.#waiting.push(look);
      };
      this.#waiting.push(look);
    });
  }

  /** Resolves when the other end has ended its half or the socket is gone. */
  untilOver(): Promise<void> {
    return this.until(() => this.hasEnded || this.isClosed);
  }

  #look(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}
