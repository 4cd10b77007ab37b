// SPDX-License-Identifier: Apache-2.0
// A stand-in for the platform's WebSocket that does what browsers do and what no server makes them do.

import { bytesOf, hexOf } from "./frames-dsl.js";

/** A WebSocket whose other end is the test. */
export class FakeWebSocket {
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly url: string;
  readonly protocols: readonly string[];
  readyState = 0;
  binaryType = "blob";
  bufferedAmount = 0;
  readonly sent: string[] = [];
  readonly closes: (number | undefined)[] = [];
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(url: string | URL, protocols: readonly string[] = []) {
    this.url = String(url);
    this.protocols = protocols;
    made.push(this);
  }

  /** The handshake is done. */
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  send(bytes: Uint8Array): void {
    this.sent.push(hexOf(bytes));
  }

  close(code?: number): void {
    this.readyState = 2;
    this.closes.push(code);
  }

  receive(digits: string): void {
    this.onmessage?.({ data: bytesOf(digits).buffer });
  }

  isClosedBy(code: number, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** The class as dialers take it. */
export const FakeWebSocketClass = FakeWebSocket as unknown as typeof WebSocket;

let made: FakeWebSocket[] = [];

/** Those made since this was last called. */
export function takeMade(): FakeWebSocket[] {
  const all = made;
  made = [];
  return all;
}

/** The last one. */
export function lastMade(): FakeWebSocket {
  const last = made.at(-1);
  if (last === undefined) throw new Error("none was made");
  return last;
}
